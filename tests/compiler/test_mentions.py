"""Tests of `megacache.compiler.mentions`: the names by which code reads what is around it."""

from megacache.compiler.mentions import mentions_of


def mentions(text):
    scope = {}
    exec(text, scope)  # noqa: S102  the text is ours
    return mentions_of(scope["it"].__code__)


def test_globals_attributes_and_texts_are_told_apart():
    found = mentions("def it(x, local=1):\n    return helper(x.size, other.deep.name, getattr(x, 'scale'), local)")
    assert found.global_names == {"helper", "other", "getattr"}
    assert found.attributes == {"size", "deep", "name"}
    assert found.texts == {"scale"}


def test_code_inside_code_counts():
    found = mentions("def it(x):\n    def inner():\n        return [(lambda: N.n)() for _ in x]\n    return inner")
    assert "N" in found.global_names
    assert "n" in found.attributes


def test_methods_and_imports_and_attributes_that_are_set_count():
    found = mentions("def it(x):\n    from os import path\n    x.go()\n    x.n = 1\n    del x.m")
    assert found.attributes == {"path", "go", "n", "m"}


def test_a_text_counts_where_it_may_be_a_name():
    found = mentions("def it(x):\n    'what it does'\n    return x in ('a', 'b c') or x in {'d', 'e'}")
    assert {"a", "d", "e"} <= found.texts
    assert "b c" not in found.texts
    assert "what it does" not in found.texts
