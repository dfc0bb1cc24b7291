"""Source lines, each marked by what became of it: in a graph, a graph break, a guard that failed, or plain Python."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, field

from megacache.errors import ArtifactNotFoundError
from megacache.model import Code
from megacache.views.index import CompileKey, Index
from megacache.views.names import break_title, short_guard

MARKS = {
    "graph": "in a graph",
    "break": "graph break",
    "guard": "a guard here failed",
    "eager": "runs in Python",
    "": "",
}
"""Every mark with its words; the empty mark is for lines that run nothing of their own."""

_NODE_ORIGIN = re.compile(r"# File: (?P<file>.+?):(?P<line>\d+) in (?P<name>\S+), code: (?P<text>.*)")
_GUARDED_TENSOR = re.compile(r"tensor '(?:L\[')?(?P<name>\w+)")
_LOCATION = re.compile(r":(\d+)(?:\s|$)")


@dataclass(slots=True)
class MarkedLine:
    """One line of source: its number in the file, its text, one of `MARKS`, and what to say beside it."""

    number: int
    text: str
    mark: str
    notes: list[str] = field(default_factory=list)


def marked_source(index: Index, code: Code) -> list[MarkedLine]:
    """Return the source of a code, marked from its own compiles and those of its resume functions.

    Args:
        index: The rows of the recording; the Dynamo graphs are read to learn which lines are in a graph.
        code: A code with source.

    Returns:
        One entry per line, numbered as in the file; empty where the source was not recorded.
    """
    if not code.source:
        return []
    lines = [MarkedLine(code.first_line + at, text, "") for at, text in enumerate(code.source.splitlines())]
    statements = _statements(code.source)
    compile_keys = [key for each in family(index, code) for key in index.code_compiles.get(each.code_id, ())]
    in_graph = {line.number for line in lines} & _graph_lines(index, compile_keys, lines)
    for first, last in statements:
        span = lines[first:last]
        mark = "graph" if any(line.number in in_graph for line in span) else "eager"
        for line in span:
            line.mark = mark
    _mark_breaks(index, compile_keys, lines)
    _mark_guards(index, compile_keys, lines)
    return lines


def family(index: Index, code: Code) -> list[Code]:
    """Return a code and all that resumes within it."""
    found = {code.code_id: code}
    waiting = [code]
    while waiting:
        for each in index.resumes.get(waiting.pop().code_id, ()):
            if each.code_id not in found:
                found[each.code_id] = each
                waiting.append(each)
    return list(found.values())


def _statements(source: str) -> list[tuple[int, int]]:
    """Return the lines of each simple statement in the body, from 0, end excluded; nothing for unreadable source."""
    try:
        module = ast.parse(textwrap.dedent(source))
    except (SyntaxError, ValueError):
        return []
    found = []
    for node in ast.walk(module):
        if not isinstance(node, ast.stmt) or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not is_text:
            body = getattr(node, "body", None)
            last = body[0].lineno - 1 if body else node.end_lineno or node.lineno
            found.append((node.lineno - 1, max(last, node.lineno)))
    return found


def _graph_lines(index: Index, compile_keys: Iterable[CompileKey], lines: list[MarkedLine]) -> set[int]:
    """Return the numbers of the lines that a node of a Dynamo graph came from; line and text must both agree."""
    texts = {line.number: line.text.strip() for line in lines}
    found: set[int] = set()
    for key in compile_keys:
        for document in index.documents.get(key, ()):
            if document.name != "dynamo_graph":
                continue
            try:
                graph = index.recording.text(document)
            except ArtifactNotFoundError:
                continue
            for origin in _NODE_ORIGIN.finditer(graph):
                number, text = int(origin["line"]), origin["text"].strip()
                if text and texts.get(number, "").startswith(text):
                    found.add(number)
    return found


def _mark_breaks(index: Index, compile_keys: Iterable[CompileKey], lines: list[MarkedLine]) -> None:
    for key in compile_keys:
        for row in index.graph_breaks.get(key, ()):
            if line := _line_at(lines, row.line, row.source_line):
                line.mark = "break"
                _note(line, f"graph break: {break_title(row)}")


def _mark_guards(index: Index, compile_keys: Iterable[CompileKey], lines: list[MarkedLine]) -> None:
    """Mark the line that torch names for a guard; it names none for sizes, so there the first that reads the tensor."""
    for key in compile_keys:
        code = index.codes.get(index.compiles[key].code_id or "")
        for row in index.recompile_reasons.get(key, ()):
            found = _LOCATION.search(row.location or "")
            line = _line_at(lines, int(found[1]) if found else None, row.source_line)
            if line is None and row.source_line is None and code is not None:
                line = _first_reader(lines, row.guard, code.first_line)
            if line is not None:
                line.mark = line.mark if line.mark == "break" else "guard"
                _note(line, f"guard failed: {short_guard(row.guard)}")


def _line_at(lines: list[MarkedLine], number: int | None, text: str | None) -> MarkedLine | None:
    """Return the line with this number whose text agrees, if torch gave the text; else the only line with the text."""
    wanted = (text or "").strip()
    for line in lines:
        if line.number == number and (not wanted or wanted in line.text or line.text.strip() in wanted):
            return line
    same = [line for line in lines if wanted and line.text.strip() == wanted]
    return same[0] if len(same) == 1 else None


def _first_reader(lines: list[MarkedLine], guard: str, after: int) -> MarkedLine | None:
    """Return the first marked line after another that reads the tensor of a guard."""
    found = _GUARDED_TENSOR.match(guard)
    if found is None:
        return None
    name = re.compile(rf"\b{found['name']}\b")
    return next((line for line in lines if line.number > after and line.mark and name.search(line.text)), None)


def _note(line: MarkedLine, note: str) -> None:
    if note not in line.notes:
        line.notes.append(note)
