"""Print the digest of a function whose constants hold a set, whose order differs from process to process."""

from megacache.compiler import codes

SCOPE = {}
exec(compile("def f(x, *, k=3):\n    return [y + k for y in x if y in {1, 2}]\n", "here.py", "exec"), SCOPE)
print(codes.digest_of(SCOPE["f"].__code__))
