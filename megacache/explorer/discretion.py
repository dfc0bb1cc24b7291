"""Discretion: what is left out of a page that is handed to others: who the user is, and what the environment says."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TypeVar, cast

from megacache.views.names import without_home

Value = TypeVar("Value")

_ENVIRONMENT = re.compile(r"\b(environb?|getenv|putenv|setenv)\b(?!\s*is left out)[^\n]*")
# Not `session` alone: it names the notebook in Jupyter, and on a desktop a word such as `ubuntu`.
_SECRET = re.compile(r"key|token|secret|passw|credential|auth|cookie|session_?id", re.IGNORECASE)
_SHORTEST_SECRET = 6
_LONGEST_REPEATED = 200


@dataclass(frozen=True)
class Discretion:
    """How texts are changed before they leave the machine.

    A home directory becomes `~`. What a line says of the environment ends where it begins to, for a guard on a variable
    holds the variable's value. The values of this process's own variables that sound secret become their names.

    Attributes:
        keeps_home: Leave home directories as they are.
        keeps_environment: Leave what texts say of environment variables as it is.
    """

    keeps_home: bool = False
    keeps_environment: bool = False

    def applied(self, value: Value) -> Value:
        """Return a text, or all texts within lists and dictionaries, with what is not to be told left out."""
        return cast("Value", _applied(value, self.text))

    def text(self, text: str) -> str:
        """Return one text with what is not to be told left out."""
        return self._told(text) if len(text) <= _LONGEST_REPEATED else self._changed(text)

    @cached_property
    def _told(self) -> Callable[[str], str]:
        """What was made of the short texts: most are there many times."""
        return lru_cache(maxsize=100_000)(self._changed)

    def _changed(self, text: str) -> str:
        if not self.keeps_environment:
            if self._secrets is not None:
                text = self._secrets.sub(lambda found: f"${self._names[found[0]]}", text)
            text = _ENVIRONMENT.sub(r"\1 is left out", text)
        return text if self.keeps_home else without_home(text)

    @cached_property
    def _names(self) -> dict[str, str]:
        """The variables that sound secret, by value."""
        return {
            value: name
            for name, value in os.environ.items()
            if _SECRET.search(name) and len(value) >= _SHORTEST_SECRET and not value.isdigit()
        }

    @cached_property
    def _secrets(self) -> re.Pattern[str] | None:
        values = sorted(self._names, key=len, reverse=True)
        return re.compile("|".join(map(re.escape, values))) if values else None


def _applied(value: object, change: Callable[[str], str]) -> object:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _applied(each, change) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_applied(each, change) for each in value]
    return value
