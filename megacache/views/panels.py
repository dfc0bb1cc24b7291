"""Panels: the part of the report about one function, with all that resumes within it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from megacache.model import GRAPH_NAMES, Code, Compile, Document, Guard
from megacache.views.branches import guard_text
from megacache.views.documents import Shelf
from megacache.views.findings import Finding, findings
from megacache.views.index import CompileKey, Index
from megacache.views.markup import code_html, folded, note, prose, safe, state_html, table
from megacache.views.names import code_name, code_place, dimension_text, plain_source
from megacache.views.phases import own_phases
from megacache.views.source import MARKS, MarkedLine, family, marked_source
from megacache.views.units import count, format_duration

GUARD_LIMIT = 400
"""The most guards that one function shows."""


@dataclass
class Panels:
    """What the panels of one page are made from."""

    index: Index
    shelf: Shelf
    anchors: dict[str, str] = field(default_factory=dict)

    def panel(self, code: Code, *, is_open: bool) -> str:
        """Return the panel of one function.

        Args:
            code: A function; its resume functions are shown with it.
            is_open: Whether the panel is unfolded at first.
        """
        codes = family(self.index, code)
        compiles = [
            self.index.compiles[key] for each in codes for key in self.index.code_compiles.get(each.code_id, ())
        ]
        keys = [(row.run_id, row.compile_id) for row in compiles]
        body = "".join(
            (
                "".join(_finding_html(each) for each in findings(self.index, keys)),
                _source_html(marked_source(self.index, code)),
                self._compiles(compiles),
                self._guards(keys),
                self._documents("Graphs", keys, GRAPH_NAMES),
                self._documents("Generated code", keys, ("output_code",)),
            )
        )
        place = f'<span class="more">{safe(code_place(code))}</span>'
        title = f'<span id="{self.anchors.get(code.code_id, "")}"><code>{safe(code_name(code))}</code> {place}</span>'
        return f"<section>{folded(title, body, is_open=is_open, kind='panel')}</section>"

    def _compiles(self, compiles: list[Compile]) -> str:
        is_one_session = len(self.index.sessions) < 2
        phases = ("dynamo", "AOT", "inductor", "codegen", "C++")
        heads = ("compile", "state", "time", *phases, "graphs", "ops", "guards", "dynamic")
        rows = [self._compile_cells(row, is_one_session=is_one_session) for row in compiles]
        return f"<h3>{count(len(rows), 'compile')}</h3>" + table(heads, rows, numeric=heads[2:10])

    def _compile_cells(self, row: Compile, *, is_one_session: bool) -> tuple[str, ...]:
        key = (row.run_id, row.compile_id)
        session = self.index.sessions.get(row.session_id)
        where = "" if is_one_session or session is None else f' <span class="more">{safe(session.name)}</span>'
        return (
            code_html(row.compile_id) + where,
            row.status if row.is_ok else state_html(row.status),
            format_duration(row.duration_us),
            *(format_duration(each) for each in own_phases(row).values()),
            f"{self.index.graph_counts.get(key, 0):,}",
            "" if row.graph_op_count is None else f"{row.graph_op_count:,}",
            safe(guard_text(self.index, key)),
            "<br>".join(code_html(dimension_text(each)) for each in self.index.dimensions.get(key, ())),
        )

    def _guards(self, keys: Iterable[CompileKey]) -> str:
        found = [guard for key in keys for guard in self.index.guards.get(key, ())]
        if not found:
            return ""
        found.sort(key=lambda guard: not guard.is_dropped)
        dropped = sum(guard.is_dropped for guard in found)
        title = "Guards" + f' <span class="more">{len(found) - dropped:,} kept, {dropped:,} dropped</span>'
        rows = [_guard_cells(guard) for guard in found[:GUARD_LIMIT]]
        left = len(found) - len(rows)
        body = table(("compile", "type", "guard", "from", ""), rows)
        return folded(title, body + (note(f"{count(left, 'guard')} more are in the bundle.") if left else ""))

    def _documents(self, title: str, keys: Iterable[CompileKey], names: tuple[str, ...]) -> str:
        found: list[Document] = [
            document for key in keys for document in self.index.documents.get(key, ()) if document.name in names
        ]
        if not found:
            return ""
        body = "".join(self.shelf.show(document) for document in found)
        return folded(f'{safe(title)} <span class="more">{len(found):,}</span>', body)


def _finding_html(finding: Finding) -> str:
    advice = f"<p>{prose(finding.advice)}</p>" if finding.advice else ""
    more = folded("Torch's own text", f"<pre>{safe(finding.more)}</pre>") if finding.more else ""
    return f'<div class="callout {finding.tone}"><b>{safe(finding.title)}</b> {prose(finding.text)}{advice}{more}</div>'


def _guard_cells(guard: Guard) -> tuple[str, ...]:
    origin = f"{safe(plain_source(guard.source or ''))}"
    line = code_html(guard.source_line)
    reason = safe(guard.drop_reason or "")
    dropped = f'<span class="state caution">dropped</span> {reason}' if guard.is_dropped else ""
    where = "<br>".join(filter(None, (origin, line, safe(guard.location or ""))))
    return code_html(guard.compile_id), safe(guard.guard_type), code_html(guard.expression), where, dropped


def _source_html(lines: list[MarkedLine]) -> str:
    if not lines:
        return note("The source was not recorded.")
    body = "".join(_line_html(line) for line in lines)
    used = [mark for mark in MARKS if mark and any(line.mark == mark for line in lines)]
    legend = "".join(f'<span><i class="key {mark}"></i>{MARKS[mark]}</span>' for mark in used)
    return f'<div class="source">{body}</div><div class="legend">{legend}</div>'


def _line_html(line: MarkedLine) -> str:
    notes = f"<aside>{'<br>'.join(safe(note) for note in line.notes)}</aside>" if line.notes else ""
    text = f"<code>{safe(line.text) or '&nbsp;'}</code>"
    return f'<div class="line {line.mark}"><span class="mono">{line.number}</span><i></i>{text}{notes}</div>'
