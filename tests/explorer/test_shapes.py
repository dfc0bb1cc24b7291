"""The shapes of Python and of TypeScript are the same, name by name."""

import typing

import pytest

from explorer_samples import host_fields
from megacache.explorer import shapes

INLINE = {"Figure", "PhaseTime", "StateCount", "KeyChange", "SourceLine", "ComponentRow", "Phase", "TimelineLane"}
INLINE |= {"SpanColumns", "PlotlyPart", "Download"}
"""Shapes that `host.ts` writes within another one, or keeps to itself."""

NAMED = sorted(name for name, value in vars(shapes).items() if typing.is_typeddict(value) and name not in INLINE)


@pytest.mark.parametrize("name", NAMED)
def test_a_shape_has_the_fields_of_host_ts(name):
    ours = set(typing.get_type_hints(getattr(shapes, name)))
    # A download is told beside the outcome, and fetched before the outcome is handed on.
    assert ours - ({"download"} if name == "Outcome" else set()) == host_fields(name)
