"""The shapes of Python and of TypeScript are the same, name by name."""

import re
import typing

import pytest

from explorer_samples import HOST, host_fields
from megacache.explorer import shapes
from megacache.views.source import MARKS

INLINE = {"Figure", "PhaseTime", "StateCount", "KeyChange", "SourceLine", "ComponentRow", "Phase", "TimelineLane"}
INLINE |= {"SpanColumns", "PlotlyPart", "Download"}
"""Shapes that `host.ts` writes within another one, or keeps to itself."""

NAMED = sorted(name for name, value in vars(shapes).items() if typing.is_typeddict(value) and name not in INLINE)


@pytest.mark.parametrize("name", NAMED)
def test_a_shape_has_the_fields_of_host_ts(name):
    ours = set(typing.get_type_hints(getattr(shapes, name)))
    # A download is told beside the outcome, and fetched before the outcome is handed on.
    assert ours - ({"download"} if name == "Outcome" else set()) == host_fields(name)


def test_the_marks_of_a_line_have_the_same_words():
    table = re.search(r"const MARKS = \{(.*?)\}", (HOST.parent / "detail" / "Source.tsx").read_text(), re.DOTALL)
    assert dict(re.findall(r'(\w+): "(.*)"', table[1])) == {mark: words for mark, words in MARKS.items() if mark}
