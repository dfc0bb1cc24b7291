"""Tests of `megacache.explain.proofs`: how the guards of a live frame differ from the stored ones, in one sentence."""

import pytest

from megacache.explain import sentence_of_change

STORED = (
    "",
    "TREE_GUARD_MANAGER:",
    "+- RootGuardManager",
    '| +- GLOBAL_STATE: ___check_global_state() against {"grad_mode":true,"num_threads":2}',
    "| +- GuardManager: source=L['n'], accessed_by=FrameLocalsGuardAccessor(key='n'), type=<class 'int'>",
    "| | +- TYPE_MATCH: ___check_type_id(L['n'], " + "1" * 32 + "), type=<class 'int'>",
    "| | +- EQUALS_MATCH: L['n'] == 1",
    "| +- GuardManager: source=G['helper'], accessed_by=DictGetItemGuardAccessor('helper')",
    "| | +- ID_MATCH: ___check_obj_id(G['helper'].__code__, " + "2" * 32 + "), type=<class 'code'>",
    "L['kind'] holds " + "3" * 32,
    "L['steps'] reaches " + "5" * 32,
    "L['x'] reaches torch.Tensor",
    "environment variable MODE is " + "7" * 32,
)


def changed(old, new):
    return [line.replace(old, new) for line in STORED]


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("n'] == 1", "n'] == 2", "guard `n == 1` is `n == 2` now"),
        ("2" * 32, "a" * 32, "`helper` changed since it was compiled"),
        ("1" * 32, "a" * 32, "`n` changed since it was compiled"),
        ('"grad_mode":true', '"grad_mode":false', "global state `grad_mode` is False now, was True"),
        ('"num_threads":2', '"num_threads":4', "global state `num_threads` is 4 now, was 2"),
        ("3" * 32, "4" * 32, "`kind` holds other values now"),
        ("5" * 32, "6" * 32, "what `steps` holds is of other kinds or has other keys now"),
        ("torch.Tensor", "builtins.list", "what `x` holds is of other kinds or has other keys now"),
        ("reaches torch.Tensor", "reaches again torch.Tensor 1", "`x` is one object with another now"),
        ("7" * 32, "8" * 32, "environment variable MODE is another one now"),
        ("G['helper'].__code__", "G['other'].__code__", None),
    ],
)
def test_a_change_is_named(old, new, sentence):
    found = sentence_of_change(STORED, changed(old, new))
    assert found == sentence or (sentence is None and "helper" in found and "other" in found)


def test_a_guard_that_is_gone_or_new_is_named():
    without = [line for line in STORED if "EQUALS_MATCH" not in line]
    assert sentence_of_change(STORED, without) == "guard `n == 1` is gone"
    assert sentence_of_change(without, STORED) == "guard `n == 1` is new"


def test_the_first_of_several_changes_is_named():
    live = [line.replace("== 1", "== 2").replace("2" * 32, "a" * 32) for line in STORED]
    assert sentence_of_change(STORED, live) == "guard `n == 1` is `n == 2` now"


def test_guards_in_another_order_are_said_to_be():
    assert sentence_of_change(STORED, STORED[::-1]) == "its guards are in another order now"


def test_managers_are_no_guards():
    assert sentence_of_change(STORED, changed("accessed_by=Frame", "accessed_by=Other")) == (
        "its guards are in another order now"
    )


def test_a_long_guard_is_shortened():
    found = sentence_of_change(STORED, changed("n'] == 1", f"n'] == '{'x' * 500}'"))
    assert len(found) < 200
    assert "…" in found


@pytest.mark.parametrize("stored", [(), STORED])
@pytest.mark.parametrize("live", [(), ("no guard at all",), ("| +- ",), ("+- ID_MATCH: ",), STORED[:5]])
def test_any_lines_make_a_sentence(stored, live):
    found = sentence_of_change(stored, live)
    assert found
    assert not found.endswith(".")


def test_a_state_that_gained_a_field_is_named_as_a_guard():
    live = changed('"num_threads":2', '"num_threads":2,"new":1')
    assert sentence_of_change(STORED, live).startswith("guard `___check_global_state()")


def test_text_of_the_users_that_looks_like_a_guard_is_only_text():
    line = "| | +- EQUALS_MATCH: L['text'] == \"+- ID_MATCH: ___check_obj_id(G['f'], " + "9" * 32 + ')"'
    live = [*STORED, line]
    assert sentence_of_change(STORED, live).startswith("guard `text == ")


def test_what_is_there_now_and_what_is_gone_is_named():
    line = "G['len'] reaches " + "9" * 32
    assert sentence_of_change(STORED, (*STORED, line)) == "`len` is there now, and was not"
    assert sentence_of_change((*STORED, line), STORED) == "`len` is no longer there"


def test_guards_that_read_something_else_are_named():
    hooks = "| +- GuardManager: source=L['net']._forward_hooks[{}], accessed_by=DictGetItemGuardAccessor({})"
    then, now = ((*STORED, hooks.format(number, number)) for number in (0, 7))
    assert (
        sentence_of_change(then, now) == "its guards read `net._forward_hooks[7]` now, and not `net._forward_hooks[0]`"
    )
