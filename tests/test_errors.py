"""The error tree: as it is drawn, safe to pickle, and caught by people who never heard of it."""

import inspect
import pickle
import re

import pytest

from megacache import errors
from megacache.errors import BundleError, MegacacheError

BUILTIN_BASES = {
    "TraceError": ValueError,
    "KeyFileError": ValueError,
    "ArtifactNotFoundError": LookupError,
    "EntryNotFoundError": RuntimeError,
    "EntryRefusedError": RuntimeError,
    "BundleNotFoundError": FileNotFoundError,
    "NotABundleError": ValueError,
    "UnsupportedVersionError": ValueError,
    "CorruptBundleError": ValueError,
    "BundleNotWritableError": PermissionError,
    "BundleBusyError": TimeoutError,
    "BundleNotLockableError": OSError,
    "StorageFullError": OSError,
    "StorageFailedError": OSError,
}


def all_errors() -> dict[str, type[MegacacheError]]:
    return {
        name: value
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, MegacacheError)
    }


def drawn_tree() -> list[tuple[int, str, str]]:
    """Read the docstring: (depth, name, the rest of the line) from top to bottom."""
    drawing = []
    for line in (errors.__doc__ or "").splitlines():
        name = line.lstrip(" ├└│─").split(" ")[0]
        if line.startswith("    ") and name.endswith("Error"):
            drawing.append(((line.index(name) - 4) // 3, name, line[line.index(name) + len(name) :]))
    return drawing


def test_every_class_is_drawn_once():
    assert sorted(name for _, name, _ in drawn_tree()) == sorted(all_errors())


def test_the_drawing_has_the_right_parents():
    parents: list[str] = []
    for depth, name, _ in drawn_tree():
        parents = [*parents[:depth], name]
        if depth:
            assert all_errors()[name].__bases__[0].__name__ == parents[depth - 1]


def test_the_drawing_names_builtin_bases_and_facts():
    for _, name, rest in drawn_tree():
        error_class = all_errors()[name]
        expected = [BUILTIN_BASES[name].__name__] if name in BUILTIN_BASES else []
        assert re.findall(r"\((\w+Error)\)", rest) == expected
        for fact in vars(error_class).get("__annotations__", {}):
            assert f".{fact}" in rest


def test_builtin_bases_are_complete():
    has_builtin = {
        name for name, each in all_errors().items() if len(each.__bases__) > 1 and each.__bases__[1] is not BundleError
    }
    assert has_builtin == set(BUILTIN_BASES)


@pytest.mark.parametrize(("name", "builtin"), BUILTIN_BASES.items())
def test_an_error_is_caught_as_its_builtin(name, builtin):
    with pytest.raises(builtin, match="what, where"):
        raise all_errors()[name]("what, where, what next")


@pytest.mark.parametrize("name", sorted(all_errors()))
def test_an_error_survives_pickling(name):
    error_class = all_errors()[name]
    facts = {
        fact: value for base in error_class.__mro__ for fact, value in vars(base).items() if fact in facts_of(base)
    }
    error = error_class("what, where, what next", **{fact: sample(value) for fact, value in facts.items()})
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own pickle, made on this line
    assert type(again) is error_class
    assert str(again) == str(error) == "what, where, what next"
    for fact, value in facts.items():
        assert getattr(again, fact) == sample(value) != value


@pytest.mark.parametrize("name", sorted(all_errors()))
def test_facts_have_defaults(name):
    error = all_errors()[name]("message")
    for base in type(error).__mro__:
        for fact in facts_of(base):
            assert not getattr(error, fact)


def facts_of(error_class: type) -> set[str]:
    is_ours = isinstance(error_class, type) and issubclass(error_class, MegacacheError)
    return set(vars(error_class).get("__annotations__", {})) if is_ours else set()


def sample(default: object) -> object:
    return {str: "fact", int: 7, tuple: ("one", "two")}[type(default)]
