"""Panels: the part of the report about one function, with all that resumes within it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from megacache.errors import ArtifactNotFoundError
from megacache.model import GRAPH_NAMES, Code, Compile, Document, GraphBreak, Guard
from megacache.views.branches import guard_text
from megacache.views.documents import Shelf
from megacache.views.index import CompileKey, Index, grouped
from megacache.views.markup import code_html, folded, note, safe, state_html, table
from megacache.views.names import break_title, code_name, code_place, dimension_text, plain_source, short_guard
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

    @cached_property
    def guards(self) -> dict[CompileKey, list[Guard]]:
        """Every guard by its compile; none where the recording has no contents at hand."""
        try:
            return grouped(self.index.recording.guards, lambda row: (row.run_id, row.compile_id))
        except ArtifactNotFoundError:
            return {}

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
                self._errors(compiles),
                self._graph_breaks(keys),
                self._recompiles(compiles),
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

    def _errors(self, compiles: Iterable[Compile]) -> str:
        return "".join(
            f'<div class="callout problem"><b>{safe(row.status.capitalize())}</b> compile {code_html(row.compile_id)} '
            f"{safe(row.error_type or '')}<pre>{safe(row.error or 'torch gave no error text')}</pre></div>"
            for row in compiles
            if not row.is_ok
        )

    def _graph_breaks(self, keys: list[CompileKey]) -> str:
        found: dict[tuple[str | None, int | None, str], list[GraphBreak]] = {}
        for key in keys:
            for row in self.index.graph_breaks.get(key, ()):
                found.setdefault((row.filename, row.line, row.reason), []).append(row)
        return "".join(_break_html(rows) for rows in found.values())

    def _recompiles(self, compiles: Iterable[Compile]) -> str:
        return "".join(self._recompile(row) for row in compiles if row.is_recompile and row.status != "served")

    def _recompile(self, row: Compile) -> str:
        key = (row.run_id, row.compile_id)
        reasons = self.index.recompile_reasons.get(key, [])
        if not reasons:
            why = "; torch gave no reason"
        else:
            first = reasons[0]
            behind = f" of {safe(first.failed_compile_id)}" if first.failed_compile_id else ""
            why = f" because a guard{behind} failed: {code_html(short_guard(first.guard))}"
        more = "".join(
            f"<li>{safe(each.failed_compile_id or '')} {code_html(short_guard(each.guard))}</li>"
            for each in reasons[1:]
        )
        also = f"<p>Earlier guarded codes did not fit either:</p><ul>{more}</ul>" if more else ""
        dynamic = self.index.dimensions.get(key, [])
        sizes = "".join(f"<p>Dynamic: {code_html(dimension_text(each))}</p>" for each in dynamic)
        return f'<div class="callout"><b>Recompiled</b> as {code_html(row.compile_id)}{why}.{also}{sizes}</div>'

    def _compiles(self, compiles: list[Compile]) -> str:
        is_one_session = len(self.index.sessions) < 2
        heads = ("compile", "state", "time", "Dynamo", "AOT", "inductor", "C++", "graphs", "ops", "guards", "dynamic")
        rows = [self._compile_cells(row, is_one_session=is_one_session) for row in compiles]
        return f"<h3>{count(len(rows), 'compile')}</h3>" + table(heads, rows, numeric=heads[2:9])

    def _compile_cells(self, row: Compile, *, is_one_session: bool) -> tuple[str, ...]:
        key = (row.run_id, row.compile_id)
        session = self.index.sessions.get(row.session_id)
        where = "" if is_one_session or session is None else f' <span class="more">{safe(session.name)}</span>'
        phases = (
            row.duration_us,
            _less(row.duration_us, row.backend_us),
            _less(row.aot_us, row.inductor_us),
            _less(row.inductor_us, row.compiler_us),
            row.compiler_us,
        )
        return (
            code_html(row.compile_id) + where,
            row.status if row.is_ok else state_html(row.status),
            *(format_duration(each) for each in phases),
            f"{self.index.graph_counts.get(key, 0):,}",
            "" if row.graph_op_count is None else f"{row.graph_op_count:,}",
            safe(guard_text(self.index, key)),
            "<br>".join(code_html(dimension_text(each)) for each in self.index.dimensions.get(key, ())),
        )

    def _guards(self, keys: Iterable[CompileKey]) -> str:
        found = [guard for key in keys for guard in self.guards.get(key, ())]
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


def _break_html(rows: list[GraphBreak]) -> str:
    row = rows[0]
    where = f"line {row.line}" if row.line is not None else "a line that torch did not name"
    ids = ", ".join(dict.fromkeys(each.compile_id for each in rows))
    hints = "".join(f"<li>{safe(hint)}</li>" for hint in row.hints)
    hint_list = f"<ul>{hints}</ul>" if hints else ""
    explained = f"<p>{safe(row.explanation)}</p>" if row.explanation else ""
    stack = "\n".join(row.user_stack)
    folds = folded("User stack", f"<pre>{safe(stack)}</pre>") if stack else ""
    if row.reason.strip() not in (row.gb_type, break_title(row)):
        folds += folded("Torch's own text", f"<pre>{safe(row.reason.strip())}</pre>")
    return (
        f'<div class="callout problem"><b>Graph break</b> at {where}, in {safe(ids)}: {safe(break_title(row))}'
        f"{explained}{hint_list}{folds}</div>"
    )


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


def _less(whole: int | None, within: int | None) -> int | None:
    return None if whole is None else max(0, whole - (within or 0))
