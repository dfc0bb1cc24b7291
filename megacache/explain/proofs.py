"""Proofs: how the guards of a live frame differ from those of a stored guarded code, in one sentence.

Layer: explain.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import TypeVar

Item = TypeVar("Item")

_LEAF = re.compile(r"^[| ]*\+- (?P<check>[A-Z_]+): (?P<text>.*)$")
_IDENTITY = re.compile(r"^_+check_(?:obj|type)_id\((?P<name>.+), (?P<digest>[0-9a-f]{32})\)")
_SOURCE = re.compile(r"GuardManager: source=(.+?), accessed_by=")
_STATE = re.compile(r"^___check_global_state\(\) against (?P<state>\{.*\})$")
_SCOPED = re.compile(r"\b[LG]\['(\w+)'\]")
_TOLD = re.compile(r"^(?P<what>.+?) (?P<verb>reaches|holds|has keys|is a|returns|is) (?P<told>.+)$")
_SAID = {
    "reaches": "what `{}` holds is of other kinds or has other keys now",
    "holds": "`{}` holds other values now",
    "has keys": "`{}` has other keys now",
    "is a": "`{}` is of a class that changed since it was compiled",
    "returns": "`{}` returns something else now",
    "is": "{} is another one now",
}
"""How we say it when a value that torch's own text does not tell is another one; see `compiler.guard_values`."""
_LONGEST = 100


def sentence_of_change(stored: Sequence[str], live: Sequence[str]) -> str:
    """Say what differs first between the guards of a stored guarded code and those that a live frame gives.

    Args:
        stored: The lines of the stored guards.
        live: The lines of the same guards, rebuilt from the live frame.

    Returns:
        One sentence without a full stop, such as "`helper` changed" or "guard `n == 1` is `n == 2` now".
    """
    gone, new = _apart(_leaves(stored), _leaves(live))
    if not gone and not new:
        return _change_of_sources(stored, live)
    old = gone[0] if gone else None
    if (old or new[0])[0] == "":
        return _change_of_told(gone, new)
    return _change(old, new[0] if new else None)


def _apart(then: Sequence[Item], now: Sequence[Item]) -> tuple[list[Item], list[Item]]:
    """Return what is only in the one, and what is only in the other."""
    known_then, known_now = set(then), set(now)
    return [each for each in then if each not in known_now], [each for each in now if each not in known_then]


def _leaves(lines: Iterable[str]) -> list[tuple[str, str]]:
    """Return (check, text) of every line that checks something; a line of another form stands for itself."""
    found = (_LEAF.match(line) for line in lines if "GuardManager: " not in line)
    leaves = [(leaf["check"], leaf["text"].strip()) for leaf in found if leaf is not None]
    return leaves + [("", line) for line in lines if "+- " not in line]


def _change(old: tuple[str, str] | None, new: tuple[str, str] | None) -> str:
    if old is None or new is None:
        leaf = old or new or ("", "")
        return f"guard `{_short(leaf[1])}` is {'new' if old is None else 'gone'}"
    then, now = _IDENTITY.match(old[1]), _IDENTITY.match(new[1])
    if then is not None and now is not None and then["name"] == now["name"]:
        return f"`{_owner(then['name'])}` changed since it was compiled"
    state = _state_change(old[1], new[1])
    return state or f"guard `{_short(old[1])}` is `{_short(new[1])}` now"


def _change_of_told(gone: Sequence[tuple[str, str]], new: Sequence[tuple[str, str]]) -> str:
    """Say what changed where a line of ours is the first to differ."""
    then, now = ({told["what"]: told for _, line in leaves if (told := _TOLD.match(line))} for leaves in (gone, new))
    for what in (*then, *now):
        if what not in then or what not in now:
            return f"`{_owner(what)}` is {'no longer there' if what in then else 'there now, and was not'}"
        if now[what]["told"].startswith("again "):
            return f"`{_owner(what)}` is one object with another now"
        return _SAID[then[what]["verb"]].format(_owner(what))
    return _change(gone[0] if gone else None, new[0] if new else None)


def _change_of_sources(stored: Sequence[str], live: Sequence[str]) -> str:
    """Say what changed where the checks are the same, and what they read is not."""
    then, now = ([source[1] for line in lines if (source := _SOURCE.search(line))] for lines in (stored, live))
    gone, new = _apart(then, now)
    if not gone or not new:
        return "its guards are in another order now"
    return f"its guards read `{_short(new[0])}` now, and not `{_short(gone[0])}`"


def _state_change(old: str, new: str) -> str | None:
    then, now = _STATE.match(old), _STATE.match(new)
    if then is None or now is None:
        return None
    old_state, new_state = json.loads(then["state"]), json.loads(now["state"])
    name = next((name for name in old_state if old_state[name] != new_state.get(name)), None)
    return None if name is None else f"global state `{name}` is {new_state.get(name)} now, was {old_state[name]}"


def _owner(name: str) -> str:
    return _SCOPED.sub(r"\1", name).removesuffix(".__code__")


def _short(text: str) -> str:
    plain = _SCOPED.sub(r"\1", text)
    return plain if len(plain) <= _LONGEST else plain[: _LONGEST - 1] + "…"
