"""A guarded code made by hand, without torch: its facts and its body."""

from __future__ import annotations

from types import CodeType

from megacache.compiler.guarded_code import Body, Facts, Name


def code_of(text: str) -> CodeType:
    """Return the code object of a text's `f`."""
    scope: dict[str, object] = {}
    exec(compile(text, "here.py", "exec"), scope)  # noqa: S102  the text is ours
    return scope["f"].__code__  # type: ignore[attr-defined]


CODE = code_of("def f(x):\n    return go(x) + (lambda y: go(y, inner))(x)")

FACTS = Facts(
    module="m",
    qualname="f",
    digest="0123456789abcdef" * 4,
    filename="here.py",
    first_line=1,
    backend="inductor {}",
    config={"inductor.epilogue_fusion": "False"},
    config_digest="c",
    distributed={"rank": "0 of 2"},
    proofs=("+- ID_MATCH: ___check_obj_id(G['go'], 12)", "L['x'] == 'a\\nb'"),
    needs=(("inlined", "m:go", "d"),),
    aot_key="a1",
    aot_sha256="b2",
)

BODY = Body(
    code=CODE,
    names=(Name("go", "backend"), Name("r", "resume", "m", CODE), Name("b", "builtins"), Name("t", "module", "torch")),
    guards=b"guards\n\x00",
    forward=None,
)
