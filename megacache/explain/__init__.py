"""Explain: why a lookup missed, and how two recordings differ.

Layer: explain. May import errors, model, recording and views. Needs no torch and no pandas.

`components` reads what torch hashed into a key, `differences` compares two such lists, `sentences` puts differences
into words, `systems` says what makes an artifact of one machine wrong on another, `proofs` how live guards differ from
the stored ones, `recordings` compares recordings, `changes` what was compiled in them.
"""

from __future__ import annotations

from megacache.explain.changes import Change, Total
from megacache.explain.components import Component, group_of, parse_components
from megacache.explain.differences import Difference, differences, nearest
from megacache.explain.proofs import sentence_of_change
from megacache.explain.recordings import Diff, KeyDifference, diff, stored_components
from megacache.explain.sentences import sentence, shorten
from megacache.explain.systems import UNKNOWN_SYSTEM_ID, config_differences, mismatches, system_differences

__all__ = [
    "UNKNOWN_SYSTEM_ID",
    "Change",
    "Component",
    "Diff",
    "Difference",
    "KeyDifference",
    "Total",
    "config_differences",
    "diff",
    "differences",
    "group_of",
    "mismatches",
    "nearest",
    "parse_components",
    "sentence",
    "sentence_of_change",
    "shorten",
    "stored_components",
    "system_differences",
]
