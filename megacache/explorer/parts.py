"""Parts: everything that the front end asks for by kind and name, made from one recording."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from megacache.errors import ArtifactNotFoundError
from megacache.explain import parse_components
from megacache.explorer.details import Details, cell_name, guards_name
from megacache.explorer.shapes import (
    ComponentRow,
    ComponentsPart,
    FigurePart,
    GuardRow,
    GuardsPart,
    NodeDetail,
    Part,
    PlotlyPart,
    SourceLine,
    SourcePart,
    TextPart,
    TimelinePart,
)
from megacache.explorer.spans import timeline_part
from megacache.model import GRAPH_NAMES, Guard, RecompileReason, SessionInfo
from megacache.views.figures import Figures
from megacache.views.index import CompileKey, Index, grouped
from megacache.views.names import mismatched_size, plain_source, short_guard
from megacache.views.source import marked_source

if TYPE_CHECKING:
    from megacache.explorer.wire import Line

TEXT_NAMES = (*GRAPH_NAMES, "output_code")
"""The documents that are shown as text."""

TEXT_LIMIT_BYTES = 4_000_000
"""What is shown of one text; a browser highlights less, and scrolls no more."""

_FIGURES: dict[str, Callable[[Figures], Any]] = {
    "timeline": Figures.timeline,
    "sizes": Figures.sizes,
    "icicle_time": lambda figures: figures.icicle("time"),
    "icicle_bytes": lambda figures: figures.icicle("bytes"),
}


def has_plotly() -> bool:
    """Say whether plotly is there to draw with."""
    return find_spec("plotly") is not None


class Parts:
    """The parts of one recording; safe to ask from several threads.

    Args:
        index: The rows, joined by their keys, with their contents at hand.
        function_lines: The lines of the tree of functions.
        stack_lines: Those of the tree by stacks.
        text_limit_bytes: What is shown of one text.
    """

    def __init__(
        self,
        index: Index,
        function_lines: list[Line],
        stack_lines: list[Line],
        text_limit_bytes: int = TEXT_LIMIT_BYTES,
    ) -> None:
        self._index = index
        self._recording = index.recording
        self._lines = function_lines
        self._nodes = {line.id: line.node for line in (*stack_lines, *function_lines)}
        self._details = Details(self._index)
        self._text_limit_bytes = text_limit_bytes
        self._makers: dict[str, Callable[[str], Part]] = {
            "node": self._node,
            "source": self._source,
            "guards": self._guards,
            "text": self._text,
            "components": self._components,
            "timeline": lambda _: self._timeline(),
            "figure": self._figure,
            "plotly": lambda _: _plotly(),
        }

    def part(self, kind: str, name: str) -> Part:
        """Return one part.

        Raises:
            ArtifactNotFoundError: When there is none of this kind and name, or its content is not at hand.
        """
        maker = self._makers.get(kind)
        if maker is None:
            raise _missing(kind, name)
        return maker(name)

    def names(self) -> Iterator[tuple[str, str]]:
        """Yield kind and name of every part that a page holds: all but the figures of plotly's."""
        yield from (("node", str(number)) for number in self._nodes)
        yield from (("source", code.code_id) for code in self._recording.codes if code.source)
        yield from (("source", name) for name in self._cells)
        yield from (("guards", guards_name(key)) for key in self._index.guards)
        yield from (("text", digest) for digest in self._texts)
        yield from (("components", digest) for digest in self._lists)
        yield "timeline", ""

    @cached_property
    def _cells(self) -> dict[str, SessionInfo]:
        """The sessions of which the cell is known, by the name of the part that shows it."""
        return {cell_name(each): each for each in self._recording.sessions if each.cell}

    @cached_property
    def _texts(self) -> dict[str, None]:
        """The contents that are shown as text; no other content is handed out."""
        named = (row.content_sha256 for row in self._recording.documents if row.name in TEXT_NAMES)
        return dict.fromkeys(named)

    @cached_property
    def _lists(self) -> dict[str, None]:
        """The contents that are lists of key components."""
        named = (use.components_sha256 for use in self._recording.artifact_uses)
        return dict.fromkeys(digest for digest in named if digest)

    @cached_property
    def _caused(self) -> dict[tuple[str, str | None], list[RecompileReason]]:
        """The recompiles that each compile caused since a guard of it failed."""
        return grouped(self._recording.recompile_reasons, lambda row: (row.run_id, row.failed_compile_id))

    # -- one method for each kind --------------------------------------------------------------------------------

    def _node(self, name: str) -> NodeDetail:
        node = self._nodes.get(int(name)) if name.isdecimal() else None
        if node is None:
            raise _missing("node", name)
        return self._details.of(int(name), node)

    def _source(self, name: str) -> SourcePart:
        if name in self._cells:
            return _cell(self._cells[name])
        code = self._index.codes.get(name)
        if code is None:
            raise _missing("source", name)
        lines = [
            SourceLine(number=line.number, text=line.text, mark=line.mark, notes=line.notes)
            for line in marked_source(self._index, code)
        ]
        return SourcePart(file=code.filename, qualname=code.title, lines=lines)

    def _guards(self, name: str) -> GuardsPart:
        run_id, _, compile_id = name.rpartition(":")
        key: CompileKey = (run_id, compile_id)
        if key not in self._index.guards:
            raise _missing("guards", name)
        caused = self._caused.get(key, [])
        return GuardsPart(rows=[_guard_row(guard, caused) for guard in self._index.guards[key]])

    def _text(self, name: str) -> TextPart:
        if name not in self._texts:
            raise _missing("text", name)
        content = self._recording.read(name)
        # A browser makes one sign of each line's end: counted as two, what is found would be marked beside its place.
        shown = re.sub(r"\r\n?", "\n", content[: self._text_limit_bytes].decode("utf-8", "replace"))
        left_out = max(0, len(content) - self._text_limit_bytes)
        return TextPart(text=shown, language=_language(shown), leftOutBytes=left_out)

    def _components(self, name: str) -> ComponentsPart:
        if name not in self._lists:
            raise _missing("components", name)
        found = parse_components(self._recording.read(name).decode("utf-8", "replace")).values()
        return ComponentsPart(rows=[ComponentRow(name=each.name, digest=each.digest, text=each.text) for each in found])

    def _timeline(self) -> TimelinePart:
        return timeline_part(self._recording, self._lines)

    def _figure(self, name: str) -> FigurePart:
        if name not in _FIGURES:
            raise _missing("figure", name)
        drawn = json.loads(_FIGURES[name](Figures(self._recording)).to_json())
        return FigurePart(data=drawn["data"], layout=drawn["layout"])


def _cell(session: SessionInfo) -> SourcePart:
    lines = enumerate((session.cell or "").splitlines(), 1)
    return SourcePart(
        file=f"<cell {(session.cell_digest or '')[:8]}>",
        qualname=session.name,
        lines=[SourceLine(number=number, text=text, mark="", notes=[]) for number, text in lines],
    )


def _plotly() -> PlotlyPart:
    from plotly.offline import get_plotlyjs

    return PlotlyPart(script=get_plotlyjs())


def _missing(kind: str, name: str) -> ArtifactNotFoundError:
    what = f"{kind} {name[:60]}".strip()
    return ArtifactNotFoundError(
        f"there is no {what} in this recording; the tree may have changed since", cache_key=name
    )


def _guard_row(guard: Guard, caused: list[RecompileReason]) -> GuardRow:
    failed = next((reason.compile_id for reason in caused if _is_about(reason, guard)), "")
    return GuardRow(
        type=guard.guard_type,
        expression=guard.expression,
        source=plain_source(guard.source or ""),
        line=guard.source_line or "",
        location=guard.location or "",
        isDropped=guard.is_dropped,
        dropReason=guard.drop_reason or "",
        failedIn=failed,
    )


def _is_about(reason: RecompileReason, guard: Guard) -> bool:
    """Say whether a reason names this guard: by its expression, or by the tensor whose size was another one."""
    size = mismatched_size(reason.guard)
    if size is not None:
        return guard.guard_type == "TENSOR_MATCH" and plain_source(guard.source or "") == size[0]
    return short_guard(reason.guard) == plain_source(guard.expression)


def _language(text: str) -> str:
    start = text.lstrip()[:400]
    return "cpp" if start.startswith(("#include", "//", "/*", "#pragma")) else "python"
