"""The report: a recording as one HTML page that needs no network, no kernel and no script."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.resources import files

from megacache.model import Code, SessionInfo, SystemInfo
from megacache.recording import Recording
from megacache.views.documents import Shelf
from megacache.views.index import Index
from megacache.views.markup import code_html, facts, folded, note, safe, state_html, table
from megacache.views.panels import Panels
from megacache.views.rows import tree_html
from megacache.views.strip import timeline_html
from megacache.views.summary import Summary
from megacache.views.tree import Tree
from megacache.views.units import count, format_bytes, format_duration

PANEL_LIMIT = 200
"""The most functions that have a panel of their own."""

ROW_LIMIT = 2000
"""The most rows of one table."""

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def report(recording: Recording, title: str) -> str:
    """Return one self-contained page about a recording.

    Home directories are shortened to `~`; every text is escaped; long lists and documents are cut, with a note of how
    much was left out.

    Args:
        recording: Rows of any number of sessions; documents are read as far as they are shown.
        title: What the page is called, such as the name of the bundle.

    Returns:
        A whole HTML document. It follows the reader's light or dark theme.

    Raises:
        BundleError: A document of the recording is damaged.
    """
    index = Index(recording)
    tree = Tree.of(recording)
    functions = [code for code in recording.codes if _is_shown(index, code)]
    anchors = {code.code_id: f"function-{at}" for at, code in enumerate(functions[:PANEL_LIMIT], 1)}
    summary = Summary.of(tree.root)
    parts = (
        _header(recording, title),
        _figures(summary),
        tree_html(tree.root, anchors),
        timeline_html(recording),
        *_panels(index, functions, anchors),
        _verdicts(recording),
        _artifacts(index),
        _sessions(index),
        _footer(recording, summary),
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{safe(title)} · megacache</title><style>{_asset('report.css')}</style></head>"
        f"<body><main>{''.join(parts)}</main><script>{_asset('report.js')}</script></body></html>"
    )


def _asset(name: str) -> str:
    return files("megacache.views").joinpath(name).read_text(encoding="utf-8")


def _header(recording: Recording, title: str) -> str:
    names = [session.name for session in recording.sessions]
    named = names[0] if len(names) == 1 else count(len(names), "session")
    systems = " | ".join(_system_facts(system) for system in recording.systems)
    about = " · ".join(filter(None, (systems, safe(named))))
    return f'<header><h1>{safe(title)}</h1><span class="about">{about}</span></header>'


def _system_facts(system: SystemInfo) -> str:
    return facts(
        f"torch {system.torch_version}",
        system.python_version,
        system.gpu_name,
        system.cpu_isa,
        system.machine,
    )


def _figures(summary: Summary) -> str:
    cells = "".join(
        f"<div><b>{safe(number)}</b><p>{safe(noun)}</p>{f'<p>{safe(remark)}</p>' if remark else ''}</div>"
        for number, noun, remark in summary.figures
    )
    return f'<section class="figures">{cells}</section>'


def _is_shown(index: Index, code: Code) -> bool:
    return code.parent_code_id not in index.codes and (
        code.code_id in index.code_compiles or code.code_id in index.resumes
    )


def _panels(index: Index, functions: list[Code], anchors: dict[str, str]) -> Iterable[str]:
    panels = Panels(index, Shelf(index.recording), anchors)
    shown = functions[:PANEL_LIMIT]
    yield from (panels.panel(code, is_open=len(shown) <= 6) for code in shown)
    if left := len(functions) - len(shown):
        remark = note(f"{count(left, 'more function')} are in the bundle.")
        yield f"<section>{remark}</section>"


def _verdicts(recording: Recording) -> str:
    rows = recording.verdicts
    if not rows:
        return ""
    cells = [
        (
            state_html(row.verdict),
            safe(row.artifact_type),
            code_html(row.cache_key),
            format_bytes(row.size_bytes),
            safe(row.reason or "") + (f"<br>nearest: {code_html(row.nearest_key)}" if row.nearest_key else ""),
        )
        for row in rows[:ROW_LIMIT]
    ]
    heads = ("verdict", "type", "cache key", "bytes", "why")
    return _listed("Verdicts on what was loaded", len(rows), table(heads, cells, numeric=("bytes",)), is_open=True)


def _artifacts(index: Index) -> str:
    rows = index.recording.artifacts
    if not rows:
        return ""
    cells = [
        (
            safe(row.artifact_type),
            code_html(row.cache_key),
            state_html(index.artifact_states.get((row.artifact_type, row.cache_key), "")),
            format_bytes(row.size_bytes),
            safe(", ".join(index.artifact_compile_ids.get((row.artifact_type, row.cache_key), ()))),
        )
        for row in rows[:ROW_LIMIT]
    ]
    heads = ("type", "cache key", "last use", "bytes", "compiles")
    return _listed("Artifacts", len(rows), table(heads, cells, numeric=("bytes",)), is_open=len(rows) <= 40)


def _listed(title: str, row_count: int, body: str, *, is_open: bool) -> str:
    left = row_count - ROW_LIMIT
    more = note(f"{count(left, 'more row')} are in the bundle.") if left > 0 else ""
    head = f'{safe(title)} <span class="more">{row_count:,}</span>'
    return f"<section>{folded(head, body + more, is_open=is_open, kind='panel')}</section>"


def _sessions(index: Index) -> str:
    shown = index.recording.sessions[:PANEL_LIMIT]
    if not shown:
        return ""
    cells = [
        (
            f"<b>{safe(row.name)}</b>",
            state_html("failed") if row.status == "failed" else safe(row.status),
            _moment(row.started_us),
            format_duration(None if row.ended_us is None else row.ended_us - row.started_us),
            _session_facts(row),
        )
        for row in shown
    ]
    heads = ("session", "status", "started", "took", "about")
    texts = "".join(
        folded(f'Cell of {safe(row.name)} <span class="more">{safe(row.cell_digest or "")}</span>', _cell_html(row))
        for row in shown
        if row.cell
    )
    return _listed("Sessions", len(index.recording.sessions), table(heads, cells) + texts, is_open=True)


def _session_facts(row: SessionInfo) -> str:
    lines = [facts(row.notebook or row.script, f"rank {row.rank}" if row.rank is not None else None)]
    lines += [code_html(f"{name} = {value}") for name, value in row.config.items()]
    if row.error:
        lines.append(f'<span class="state problem">{safe(row.error)}</span>')
    return "<br>".join(filter(None, lines))


def _cell_html(row: SessionInfo) -> str:
    return f"<pre>{safe(row.cell)}</pre>"


def _moment(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1e6, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _footer(recording: Recording, summary: Summary) -> str:
    versions = ", ".join(dict.fromkeys(session.megacache_version for session in recording.sessions))
    runs = dict.fromkeys(session.run_id for session in recording.sessions)
    left = f"{count(summary.artifact_count, 'artifact')}, {format_bytes(summary.size_bytes)} before compression"
    right = facts(f"run {', '.join(runs)}" if runs else "", f"recorded by megacache {versions}" if versions else "")
    return f"<footer><span>{safe(left)}</span><span>{right}</span></footer>"
