"""Tests of `megacache.compiler.codes`."""

import linecache

import pytest

from megacache.compiler import codes

ORIGINAL = "def f(x, *, k=3):\n    return [y + k for y in x if y in {1, 2}]\n"


def code_of(text, filename="somewhere.py"):
    scope = {}
    exec(compile(text, filename, "exec"), scope)  # noqa: S102  the text is ours
    return scope["f"].__code__


def test_digest_is_of_the_content_not_of_the_place():
    moved = code_of("\n" * 10 + ORIGINAL, "elsewhere.py")
    commented = code_of(ORIGINAL.replace("return", "# why\n    return"))
    assert codes.digest_of(code_of(ORIGINAL)) == codes.digest_of(moved) == codes.digest_of(commented)


def test_digest_changes_with_any_edit():
    edits = [
        ("y + k", "y - k"),
        ("k=3", "j=3, k=3"),
        ("{1, 2}", "{1, 3}"),
        ("if y in", "if y not in"),
        ("y + k", "y + 1"),
    ]
    digests = {codes.digest_of(code_of(ORIGINAL.replace(*edit))) for edit in edits}
    assert len(digests | {codes.digest_of(code_of(ORIGINAL))}) == len(edits) + 1


def test_digest_tells_constants_of_equal_value_and_other_type_apart():
    assert codes.digest_of(code_of("def f(x): return x + 1")) != codes.digest_of(code_of("def f(x): return x + 1.0"))
    assert codes.digest_of(code_of("def f(x): return x * 0.0")) != codes.digest_of(code_of("def f(x): return x * -0.0"))


def test_digest_is_the_same_in_another_process(programs):
    printed = programs.run("print_digest").split()
    assert printed == [codes.digest_of(code_of(ORIGINAL))]


def test_cell_is_named_after_its_text():
    text = "import torch\n\n" + ORIGINAL
    linecache.cache["/nowhere/123.py"] = (len(text), None, text.splitlines(keepends=True), "/nowhere/123.py")
    linecache.cache["/nowhere/456.py"] = (len(text), None, text.splitlines(keepends=True), "/nowhere/456.py")
    first, second = (codes.describe(code_of(text, f"/nowhere/{name}.py"), "__main__") for name in ("123", "456"))
    assert first == second
    assert first.filename.startswith("<cell ")
    assert first.source == ORIGINAL
    assert first.first_line == 3


def test_file_keeps_its_name():
    row = codes.describe(test_file_keeps_its_name.__code__, __name__)
    assert row.filename == __file__
    assert row.source.startswith("def test_file_keeps_its_name")


def test_code_without_source_is_described_all_the_same():
    row = codes.describe(code_of(ORIGINAL, "<string>"), None)
    assert row.source is None
    assert row.qualname == "f"


def test_resume_function_names_its_parent_and_line():
    parent = codes.describe(code_of(ORIGINAL), "m")
    resume = code_of("def f(): pass").replace(co_name="torch_dynamo_resume_in_f_at_24", co_qualname="resume")
    row = codes.describe(resume, "m", parent)
    assert (row.parent_code_id, row.resume_line) == (parent.code_id, 24)


def test_inner_function_of_a_decorator_is_known_by_what_it_wraps():
    def decorator(function):
        def inner():
            return function()

        return inner

    first = decorator(test_file_keeps_its_name)
    second = decorator(code_of)
    assert first.__code__ is second.__code__
    names = [codes.wrapped_name(each.__code__, each.__closure__) for each in (first, second)]
    assert names == ["test_file_keeps_its_name", "code_of"]
    rows = [codes.describe(first.__code__, "m", wraps=name) for name in names]
    assert rows[0].title == "test_file_keeps_its_name"
    assert rows[0].code_id != rows[1].code_id
    assert codes.wrapped_name(code_of.__code__, ()) is None


@pytest.mark.parametrize("shown", ["{name}", "{short}"])
def test_a_cells_temporary_file_is_named_after_the_cell_wherever_torch_tells_it(monkeypatch, shown):
    text = "y = x.sin()\n"
    name = "/tmp/ipykernel_350/412261799.py"  # noqa: S108  what ipykernel calls it
    monkeypatch.setitem(linecache.cache, name, (len(text), None, [text], name))
    told = shown.format(name=name, short=name.removeprefix("/t")) + ":6 in forward"
    assert codes.stable_filenames(told) == f"<cell {codes.cell_digest(text)[:8]}>:6 in forward"


def test_a_cells_temporary_file_of_another_process_stays():
    place = "/tmp/ipykernel_1/99.py:6 in forward"  # noqa: S108
    assert codes.stable_filenames(place) == place
    assert codes.stable_filenames("train.py:6 in forward") == "train.py:6 in forward"


def test_a_served_resume_function_is_the_same_code_in_the_next_kernel():
    parent = codes.describe(code_of(ORIGINAL, "<cell 12345678>"), "__main__")
    resume = code_of(ORIGINAL, "/tmp/ipykernel_1/99.py").replace(co_name="torch_dynamo_resume_in_f_at_2")  # noqa: S108
    other = resume.replace(co_filename="/tmp/ipykernel_2/77.py")  # noqa: S108
    described = [codes.describe(each, "__main__", parent) for each in (resume, other)]
    assert described[0] == described[1]
    assert described[0].filename == parent.filename
    assert described[0].resume_line == 2
