"""Operators that do not come with torch: told by their schemas, their Python parts, or the library that has them."""

import shutil
import subprocess

import pytest

pytestmark = pytest.mark.torch


def test_torchs_own_operators_are_known():
    import torch

    from megacache.compiler.operators import is_foreign, operator_name

    assert not is_foreign(torch.ops.aten.mm.default)
    assert not is_foreign(torch.ops.aten.mm)
    assert not is_foreign(torch.mm)
    assert operator_name(torch.ops.aten.mm.default) == operator_name(torch.ops.aten.mm) == "aten::mm"


def custom(name, *, mutates=(), alpha=2):
    import torch

    @torch.library.custom_op(f"operators::{name}", mutates_args=mutates)
    def it(x: torch.Tensor) -> torch.Tensor:
        return torch.addmm(x, x, x, alpha=alpha)

    return it


def test_what_a_custom_op_does_and_what_its_schema_says_is_told():
    from megacache.compiler.operators import operator_digest

    def digest_with(**what):
        custom("it", **what)
        return operator_digest("operators::it")

    assert digest_with() == digest_with()
    assert len({digest_with(), digest_with(alpha=3), digest_with(mutates=("x",))}) == 3


def test_an_operator_of_a_library_made_in_python_is_unprovable():
    import torch

    from megacache.compiler.content import UnprovableError
    from megacache.compiler.operators import operator_digest

    made = torch.library.Library("operators_python", "DEF")
    made.define("it(Tensor x) -> Tensor")
    made.impl("it", lambda x: x, "CPU")
    with pytest.raises(UnprovableError, match=r"was not made by torch\.library\.custom_op"):
        operator_digest("operators_python::it")


@pytest.fixture
def in_a_library(tmp_path, monkeypatch):
    """Define an operator as if libraries in C++ had done so; return a way to tell it with other libraries loaded."""
    import torch

    from megacache.compiler.operators import operator_digest

    libraries = set()
    monkeypatch.setattr(torch.ops, "loaded_libraries", libraries)
    made = torch.library.Library("operators_cpp", "DEF")
    made.define("it(Tensor x) -> Tensor")

    def tell(**contents):
        libraries.clear()
        for name, content in contents.items():
            path = tmp_path / f"{name}-{len(list(tmp_path.iterdir()))}.so"
            path.write_bytes(content)
            libraries.add(str(path))
        return operator_digest("operators_cpp::it")

    yield tell
    made._destroy()


def test_an_operator_in_cpp_is_told_by_its_library(in_a_library):
    from megacache.compiler.content import UnprovableError

    first = in_a_library(one=b"\0operators_cpp\0it(Tensor x)\0 1")
    assert first == in_a_library(moved=b"\0operators_cpp\0it(Tensor x)\0 1", other=b"something else")
    assert first != in_a_library(one=b"\0operators_cpp\0it(Tensor x)\0 2")
    for contents in ({}, {"other": b"it"}, {"other": b"operators_cpp"}):
        with pytest.raises(UnprovableError, match="is of a library that cannot be found"):
            in_a_library(**contents)


def test_an_operator_in_cpp_whose_library_is_gone_is_unprovable(in_a_library, monkeypatch):
    import torch

    from megacache.compiler.content import UnprovableError
    from megacache.compiler.operators import operator_digest

    monkeypatch.setattr(torch.ops, "loaded_libraries", {"/nowhere/lib.so"})
    with pytest.raises(UnprovableError, match="cannot be read"):
        operator_digest("operators_cpp::it")
    assert in_a_library


def test_what_comes_with_torch_needs_no_library():
    from megacache.compiler.operators import operator_digest

    assert operator_digest("sparse::qlinear_prepack")


SOURCE = """
#include <ATen/ATen.h>
#include <torch/library.h>
TORCH_LIBRARY(operators_built, library) {
  library.def("scaled(Tensor x) -> Tensor", [](const at::Tensor& x) { return at::addmm(x, x, x, 1, 2); });
}
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs a compiler")
def test_an_operator_in_cpp_is_kept_and_served_with_its_library(machine, define, tmp_path):
    import torch
    from torch.utils.cpp_extension import include_paths, library_paths

    from megacache.compiler.guarded_code import facts_of
    from megacache.compiler.operators import operator_digest

    path, source = tmp_path / "operators.so", tmp_path / "operators.cpp"
    source.write_text(SOURCE)
    folders = [*(f"-I{folder}" for folder in include_paths()), *(f"-L{folder}" for folder in library_paths())]
    command = [shutil.which("g++"), "-std=c++20", "-O0", "-shared", "-fPIC", *folders, source, "-o", path]
    subprocess.run([*command, "-ltorch", "-ltorch_cpu", "-lc10"], check=True)
    torch.ops.load_library(path)

    def run():
        text = "import torch\n\ndef f(x):\n    return torch.ops.operators_built.scaled(x)\n"
        return machine.run(lambda: torch.compile(define(text).f)(torch.eye(4)))

    (event,) = run().kept
    (need,) = facts_of(event.content).needs
    assert need == ("op", "operators_built::scaled", operator_digest("operators_built::scaled"))
    again = run()
    assert again.is_served
    assert again.result.equal(torch.eye(4) * 3)
