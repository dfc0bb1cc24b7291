"""Tests of `megacache.compiler.origins`: whether a release tells what code is."""

import functools
import json
import os
import sysconfig
from pathlib import Path

import pytest

pytestmark = pytest.mark.torch

LIBRARIES = Path(sysconfig.get_path("purelib"))


def code_of(filename):
    return compile("1", str(filename), "exec")


def test_python_and_torch_come_with_their_release():
    import torch

    from megacache.compiler.origins import is_by_release

    assert is_by_release(json.dumps.__code__)
    assert is_by_release(os.path.join.__code__)
    assert is_by_release(torch.nn.Linear.forward.__code__)
    assert is_by_release(functools.wraps.__code__)
    assert is_by_release(code_of("<frozen importlib._bootstrap>"))


def test_other_packages_do_not_whatever_their_name_begins_with():
    import torch

    from megacache.compiler.origins import is_by_release, is_module_by_release

    site = Path(torch.__file__).parents[1]
    assert not is_by_release(pytest.raises.__code__)
    assert not is_by_release(code_of(site / "torchvision" / "ops.py"))
    assert not is_by_release(code_of(LIBRARIES / "other" / "torch" / "ops.py"))
    assert not is_by_release(code_of("<ipython-input-1>"))
    assert not is_module_by_release("torchvision.ops")
    assert is_module_by_release("torch.nn")
    assert is_module_by_release("collections.abc")
    assert not is_module_by_release(None)


def test_a_file_is_known_by_the_modules_that_were_imported_from_it():
    from megacache.compiler.origins import modules_of_file

    assert "json" in modules_of_file(json.__file__)
    assert list(modules_of_file("/nowhere.py")) == []


def test_a_module_that_is_imported_later_is_known(define):
    from megacache.compiler.origins import modules_of_file

    assert list(modules_of_file("/nowhere/imported_later.py")) == []
    define("", "imported_later")
    assert list(modules_of_file("/nowhere/imported_later.py")) == ["imported_later"]
