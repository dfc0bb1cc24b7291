"""Markup: how a text gets into HTML, and how a state is coloured; for the notebook view and the explorer."""

from __future__ import annotations

from html import escape

from megacache.views.names import without_home
from megacache.views.tree import PROBLEMS

_TONES = {"hit": "hit", "miss": "caution", "missed": "caution", "bypass": "caution", "skipped": "caution"}


def safe(text: object) -> str:
    """Escape any text for HTML, inside attributes too, and shorten home directories; the one way text gets in."""
    return escape(without_home(str(text)), quote=True)


def tone(state: str) -> str:
    """Return how a state is coloured: `problem`, `caution`, `hit` or `quiet`."""
    return "problem" if state in PROBLEMS else _TONES.get(state, "quiet")
