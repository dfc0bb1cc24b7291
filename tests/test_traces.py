"""Tests of `megacache.traces`: what a log shows, beside what a live capture of the same run shows."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from dataclasses import asdict, fields
from hashlib import md5
from pathlib import Path
from random import Random
from typing import Any

import pytest

from megacache.bundle import Bundle
from megacache.compiler.trace import lines as trace_lines
from megacache.errors import NotABundleError, TraceError
from megacache.explain import UNKNOWN_SYSTEM_ID
from megacache.model import OUR_TYPES, ArtifactUse
from megacache.recording import Recording
from megacache.traces import import_trace, is_trace
from megacache.views.tree import Node, Tree

LOGS = Path(__file__).parent / "traces"
RANKS = LOGS / "torch-2.13.0"
WHOLE = RANKS / "dedicated_log_torch_trace_rank_0_2_n5k7fu.log"
SMALL = RANKS / "dedicated_log_torch_trace_rank_1_oaoewrre.log"
OF_2_15 = LOGS / "torch-2.15.0"


def imported(path: Path, into: Path) -> Recording:
    import_trace([path], into)
    with Bundle.open(into) as bundle:
        return bundle.recording()


# -- one run, seen live and in its log ---------------------------------------------------------------------------------

IDS = "an id of one of the two recordings, put in the place of the other's"
BYTES = "the contents of artifacts are not in a log"
CODE = "torch tells of code only its name, file and first line"
STACK = "torch leaves out the frames next to the compile, and tells names only; the others are compared"
PARTING = "torch looks at its clock, in milliseconds for what is no span, a little later or earlier than the taps"
MACHINE = "a log does not tell"
BACKEND = "torch writes the bytecode that names a backend for resume functions only"
DROPPED = "the taps alone hear of guards that torch leaves out"
SKIPPED = "torch does not trace why it skips a frame that has no graph; its other errors are compared"

UNKNOWN: dict[str, dict[str, str]] = {
    "sessions": {
        "name": "a log has no name but its file's",
        "started_us": PARTING,
        "ended_us": PARTING,
        "system_id": MACHINE,
        "megacache_version": "not torch's",
        "config": "a log tells the options whole, but not their defaults",
    },
    "systems": dict.fromkeys(
        (
            "system_id",
            "platform",
            "machine",
            "cpu_model",
            "cpu_isa",
            "thread_count",
            "compiler_version",
            "gpu_capability",
            "triton_version",
        ),
        MACHINE,
    ),
    "codes": dict.fromkeys(("module", "digest", "source"), CODE),
    "compiles": {"started_us": PARTING, "duration_us": PARTING, "stack": STACK},
    "graph_breaks": {},
    "recompile_reasons": {},
    "dimensions": {},
    "backend_entries": {"backend_id": BACKEND},
    "artifact_uses": {
        "content_sha256": BYTES,
        "ordinal": "ours are numbered too, and a log has the lookups in another order",
        "at_us": PARTING,
        "backend_id": BACKEND,
    },
    "documents": {"backend_id": BACKEND},
    "events": {},
}
"""What a log cannot know, by table and column, and why."""

UNKNOWN_OF_NODES = {"size_bytes": BYTES, "content_sha256": BYTES, "duration_us": PARTING, "backend_id": BACKEND}

PARTING_US = 500_000


class Sides:
    """One run as its live capture and its log tell of it."""

    def __init__(self, live: Recording, log: Recording) -> None:
        self.both = (live, log)
        self.names = tuple(map(names_of, self.both))

    def rows(self, table: str) -> Iterator[tuple[Any, Any]]:
        """The rows of a table in pairs; of artifacts only those of torch's own types are told of in a log."""
        sides = [list(getattr(each, table)) for each in self.both]
        if table == "artifact_uses":
            sides = [
                sorted((each for each in rows if each.artifact_type not in OUR_TYPES), key=use_order) for rows in sides
            ]
        elif table == "backend_entries":  # one that was served from a cache has no start to be in order of
            sides = [
                sorted(rows, key=lambda each: (each.run_id.partition(".")[2], each.compile_id, each.kind))
                for rows in sides
            ]
        assert len(sides[0]) == len(sides[1]), table
        return zip(*sides, strict=True)


def use_order(use: ArtifactUse) -> tuple[str, ...]:
    """What is recorded as soon as it is found is looked up, in a log, when all is done."""
    return (use.run_id.partition(".")[2], use.compile_id or "", use.artifact_type, use.cache_key or "")


def names_of(recording: Recording) -> dict[str, str]:
    """Names that both recordings give to what they have ids of their own for."""
    (session,) = recording.sessions
    process = session.run_id.partition(".")[0]
    epochs = {each.run_id for each in recording.compiles}
    return {
        session.session_id: "the session",
        **{run_id: f"run {run_id.removeprefix(process)}" for run_id in epochs},
        **{each.code_id: f"{each.qualname} at {each.first_line}" for each in recording.codes},
        **{each.backend_id: f"the backend of {each.compile_id}" for each in recording.backend_entries},
    }


def named(value: Any, names: dict[str, str]) -> Any:
    return names.get(value, value) if isinstance(value, str) else value


@pytest.fixture(scope="module", params=["every_kind", "every_kind warm", "every_end"])
def sides(request, programs):
    """A cold run; the same one once more, with torch's caches filled; and one of all the ways to end."""
    program, _, warmth = request.param.partition(" ")
    live_path, log_path = (programs.folder / f"{request.param}.{side}" for side in ("megacache", "log.megacache"))
    arguments = ["facts.json"] if program == "every_kind" else []
    if warmth and not (programs.folder / program).exists():
        programs.run(program, "cold.megacache", *arguments, cache=f"{program}-cache")
    traces = programs.folder / request.param
    programs.run(program, live_path, *arguments, cache=f"{program}-cache", TORCH_TRACE=str(traces))
    with Bundle.open(live_path) as live:
        yield Sides(live.recording(), imported(traces, log_path))


@pytest.mark.torch
@pytest.mark.parametrize("table", UNKNOWN)
def test_log_tells_the_same_rows(sides, table):
    for expected, found in sides.rows(table):
        for field in fields(expected):
            name = field.name
            if name in UNKNOWN[table] or (table == "documents" and expected.name in ("guards", "events")):
                continue
            one, other = (
                named(getattr(row, name), names) for row, names in zip((expected, found), sides.names, strict=True)
            )
            if table == "compiles" and name == "error" and expected.status == "skipped" and other is None:
                assert "skip the frame" in one, SKIPPED
                continue
            assert one == other, f"{table}.{name}"


@pytest.mark.torch
def test_log_tells_the_same_guards(sides):
    live, log = (
        [asdict(each) | {"run_id": names[each.run_id]} for each in side.guards]
        for side, names in zip(sides.both, sides.names, strict=True)
    )
    assert [each for each in live if not each["is_dropped"]] == log
    assert log


@pytest.mark.torch
def test_log_tells_nearly_the_same_times_and_stacks(sides):
    for expected, found in sides.rows("compiles"):
        assert abs(expected.started_us - found.started_us) < PARTING_US
        assert abs(expected.duration_us - found.duration_us) < PARTING_US
        places = [each.rpartition(" ")[0] for each in expected.stack]
        assert [each.rpartition(" ")[0] for each in found.stack] == places[: len(found.stack)]
    for expected, found in sides.rows("artifact_uses"):
        # What is found is recorded at once, and the lookup is traced when it has been loaded.
        assert expected.state == "hit" or abs(expected.at_us - found.at_us) < PARTING_US


@pytest.mark.torch
def test_log_knows_the_torch_that_wrote_it(sides):
    ((live, log),) = zip(sides.both[0].systems, sides.both[1].systems, strict=True)
    assert log.torch_version == live.torch_version
    assert log.torch_git_hash == live.torch_git_hash
    assert log.python_version == live.python_version


@pytest.mark.torch
def test_log_grows_the_same_tree(sides):
    live, log = (Tree.of(each).root for each in sides.both)
    compare_nodes(live, log, sides)


def compare_nodes(live: Node, log: Node, sides: Sides) -> None:
    for field in fields(Node):
        if field.name in UNKNOWN_OF_NODES or field.name == "children":
            continue
        one, other = (normalised(field.name, node, names) for node, names in zip((live, log), sides.names, strict=True))
        if field.name == "detail" and "skip the frame" in one:
            continue  # SKIPPED
        if field.name == "detail":
            one = re.sub(r", \d+ dropped", "", one)  # DROPPED
        assert one == other, f"{field.name} of {live.key}"
    if None not in (live.duration_us, log.duration_us):
        assert abs(live.duration_us - log.duration_us) < PARTING_US * 10
    else:
        assert live.duration_us == log.duration_us
    children = [
        sorted(
            (each for each in side.children if each.artifact_type not in OUR_TYPES),
            key=lambda each: (each.artifact_type or "", each.cache_key or ""),  # all others stay in their order
        )
        for side in (live, log)
    ]
    assert [each.kind for each in children[0]] == [each.kind for each in children[1]], live.key
    for one, other in zip(*children, strict=True):
        compare_nodes(one, other, sides)


def normalised(name: str, node: Node, names: dict[str, str]) -> Any:
    """Return a field of a node with the ids, which are in its key too, replaced by names."""
    value = getattr(node, name)
    if name == "name" and node.kind in ("session", "backend"):
        return node.kind
    if name != "key":
        return named(value, names)
    for found, instead in names.items():
        value = value.replace(found, instead)
    return re.sub(r"(artifact:\w+:\w+:)[0-9a-f]{16}", r"\1", value)


# -- logs by themselves, without torch ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    return imported(WHOLE, tmp_path_factory.mktemp("whole") / "x.megacache")


def test_session_is_named_after_its_rank_and_file(recording):
    (session,) = recording.sessions
    assert (session.name, session.rank, session.script) == ("rank 0 2_n5k7fu", 0, "/home/user/train.py")
    assert session.session_id.startswith("trace-")


def test_functions_breaks_and_recompiles_are_there(recording):
    codes = {each.code_id: each for each in recording.codes}
    ends = [(each.compile_id, codes[each.code_id].qualname, each.status) for each in recording.compiles]
    resume = "torch_dynamo_resume_in_broken_at_10"
    assert ends == [
        ("0/0", "broken", "ok"),
        ("1/0", resume, "ok"),
        ("0/1", "broken", "ok"),
        ("1/1", resume, "ok"),
        ("2/0", "whole", "failed"),
        ("3/0", "lowered", "ok"),
    ]
    (resumed,) = [each for each in recording.codes if each.parent_code_id]
    assert codes[resumed.parent_code_id].qualname == "broken"
    assert [each.compile_id for each in recording.recompile_reasons] == ["0/1", "1/1"]


def test_lookups_are_there_without_contents(recording):
    uses = [(each.artifact_type, each.state, each.content_sha256) for each in recording.artifact_uses]
    assert uses == [("aot_autograd", "miss", None), ("inductor", "miss", None)]
    assert all(each.cache_key for each in recording.artifact_uses)
    assert recording.artifact_uses[1].components_sha256  # of the other torch makes none by itself
    assert recording.artifacts == ()


def test_error_is_whole(recording):
    (failed,) = [each for each in recording.compiles if each.status == "failed"]
    assert failed.error_type == "Unsupported"
    assert "from user code:" in failed.error


@pytest.mark.parametrize(("path", "torch"), [(RANKS, "2.13.0+cpu"), (OF_2_15, "2.15.0+cu132")])
def test_system_is_what_the_log_says(path, torch, tmp_path):
    found = imported(path, tmp_path / "x.megacache")
    (system,) = found.systems
    assert (system.torch_version, system.python_version, system.platform) == (torch, "CPython 3.11.7", "unknown")
    assert {each.system_id for each in found.sessions} == {system.system_id}


def test_directory_gives_a_session_per_rank_in_order(tmp_path):
    (tmp_path / "notes.txt").write_text("not a log")
    for path in RANKS.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    report = import_trace([tmp_path], tmp_path / "x.megacache")
    with Bundle.open(tmp_path / "x.megacache") as bundle:
        assert [each.rank for each in bundle.recording().sessions] == [0, 1]
    assert (report.log_count, report.new_session_count, report.compile_count) == (2, 2, 8)
    assert "passed over" not in str(report)


def test_second_import_adds_nothing_compressed_or_not(tmp_path):
    compressed = tmp_path / f"{SMALL.name}.gz"
    compressed.write_bytes(gzip.compress(SMALL.read_bytes()))
    into = tmp_path / "x.megacache"
    first = import_trace([compressed], into)
    before = into.read_bytes()
    second = import_trace([SMALL, compressed], into)
    assert (first.new_session_count, second.new_session_count, second.log_count) == (1, 0, 2)
    assert into.read_bytes() == before


def test_year_and_time_zone_are_those_of_the_spans(recording):
    # 2026-11-28 19:18:07 UTC; the prefixes of the lines say neither the year nor UTC.
    assert recording.sessions[0].started_us // 1_000_000 == 1795893487


# -- logs that are damaged ---------------------------------------------------------------------------------------------


def read(content: bytes, folder: Path) -> tuple[Any, Recording]:
    """Import a log with some content, into a bundle of its own."""
    path, into = folder / "dedicated_log_torch_trace_x.log", folder / "x.megacache"
    path.write_bytes(content)
    into.unlink(missing_ok=True)
    report = import_trace([path], into)
    with Bundle.open(into) as bundle:
        return report, bundle.recording()


def test_cut_off_at_every_line_costs_only_what_is_gone(tmp_path):
    lines = SMALL.read_bytes().splitlines(keepends=True)
    whole = len(imported(SMALL, tmp_path / "whole.megacache").compiles)
    counts = []
    for number in range(1, len(lines)):
        report, found = read(b"".join(lines[:number]), tmp_path)
        assert report.unreadable_line_count == report.wrong_payload_count == report.failed_event_count == 0
        counts.append(len(found.compiles))
    assert counts == sorted(counts)
    assert set(counts) == set(range(whole + 1))


def test_cut_off_at_any_byte_is_said_and_never_fatal(tmp_path):
    content = SMALL.read_bytes()
    sizes = Random(7).sample(range(40, len(content)), 200)  # noqa: S311  the same ones each time
    for size in (*range(1, 40), *sizes):
        report, _ = read(content[:size], tmp_path)
        is_at_the_end_of_a_line = content[size - 1 : size] == b"\n"
        assert report.cut_log_count == 1 or is_at_the_end_of_a_line, size
        assert report.unreadable_line_count == report.failed_event_count == 0
        assert report.new_session_count == 1


def test_cut_off_gzip_is_read_as_far_as_it_goes(tmp_path):
    path = tmp_path / "dedicated_log_torch_trace_x.log.gz"
    compressed = gzip.compress(WHOLE.read_bytes())
    path.write_bytes(compressed[: len(compressed) * 2 // 3])
    report = import_trace([path], tmp_path / "x.megacache")
    assert (report.cut_log_count, report.new_session_count) == (1, 1)
    assert report.compile_count > 0
    assert "passed over: the end of 1 log" in str(report)


def test_garbage_is_counted_and_the_rest_is_read(tmp_path):
    lines = SMALL.read_bytes().splitlines(keepends=True)
    starts = [number for number, line in enumerate(lines) if not line.startswith(b"\t")]
    garbage = [b"Killed\n", b"\xff\xfe\x00\n", b'V1128 19:18:07.247000 1 a.py:1] {"half": \n', b"\n"]
    for number, line in zip(starts[-2:-6:-1], garbage, strict=True):
        lines.insert(number, line)
    report, found = read(b"no line of torch's\n" + b"".join(lines), tmp_path)
    assert report.unreadable_line_count == 5
    assert report.cut_log_count == report.failed_event_count == 0
    assert len(found.compiles) == 2
    assert "passed over: 5 unreadable lines" in str(report)


def test_payload_that_torch_did_not_write_is_left_out(tmp_path):
    content = SMALL.read_bytes()
    report, found = read(
        content.replace(b"\t        y: ", b"\t        z: ").replace(b"torch.sin(", b"torch.cos("), tmp_path
    )
    assert report.wrong_payload_count > 0
    assert "wrong payload" in str(report)
    graphs = [each for each in found.documents if each.name == "dynamo_graph"]
    assert not any("torch.cos(" in found.text(each) for each in graphs)


def test_unknown_and_misshapen_events_are_counted(tmp_path):
    prefix = b"V1128 19:18:20.000000 1 torch/x.py:1] "
    payload = b'{"name": 3}'
    more = [
        b'{"of_a_later_torch": {}}\n',
        b'{"str": 7}\n',
        b'{"dynamo_start": {"stack": []}, "frame_id": 9, "frame_compile_id": 0}\n',
        b'{"create_symbol": [], "frame_id": 0, "frame_compile_id": 0}\n',
        b'{"chromium_event": {}, "has_payload": "%s"}\n\t%s\n'
        % (md5(payload, usedforsecurity=False).hexdigest().encode(), payload),
        b'{"artifact": 3}\n',
        b'{"frame_id": {}, "str": ["a", {}], "rank": "x"}\n',
        b"[" * 100_000 + b"\n",
    ]
    report, found = read(SMALL.read_bytes() + b"".join(prefix + each for each in more), tmp_path)
    assert report.unknown_event_count == 1
    assert report.failed_event_count == 6
    assert report.unreadable_line_count == 1
    assert len(found.compiles) == 2


def test_surrogates_and_numbers_without_end_do_not_break_the_bundle(tmp_path):
    stack = b'{"stack": [{"line": 1, "name": "\\ud800", "filename": 1}]}'
    start = b'{"dynamo_start": %s, "frame_id": 9, "frame_compile_id": 0}\n' % stack
    _, found = read(SMALL.read_bytes() + b"V1128 19:18:20.000000 1 torch/x.py:1] " + start, tmp_path)
    assert found.codes[-1].qualname == "?"
    with pytest.raises(TraceError, match="what no torch writes"):
        read(
            SMALL.read_bytes() + b"V1128 19:18:20.000000 1 torch/x.py:1] " + start.replace(b"1,", b"9" * 40 + b",", 1),
            tmp_path,
        )


def test_empty_logs_are_counted_and_make_no_session(tmp_path):
    (tmp_path / "dedicated_log_torch_trace_a.log").touch()
    report = import_trace([tmp_path], tmp_path / "x.megacache")
    assert (report.empty_log_count, report.new_session_count) == (1, 0)
    assert str(report).endswith("passed over: 1 empty log")


def test_log_that_says_nothing_of_its_system_has_none(tmp_path):
    _, found = read(b'V0229 23:59:59.000000 1 torch/x.py:1] {"str": ["a.py", 0]}\n', tmp_path)
    assert found.systems == ()
    assert found.sessions[0].system_id == UNKNOWN_SYSTEM_ID


def test_endless_line_and_bomb_are_limited(tmp_path, monkeypatch):
    monkeypatch.setattr(trace_lines, "LINE_LIMIT_BYTES", 200_000)
    path = tmp_path / "dedicated_log_torch_trace_x.log.gz"
    path.write_bytes(gzip.compress(SMALL.read_bytes() + b"\t" * 9_000_000 + b"\n" + SMALL.read_bytes()))
    report = import_trace([path], tmp_path / "x.megacache")
    assert (report.unreadable_line_count, report.compile_count) == (1, 4)
    monkeypatch.setattr("megacache.traces.LOG_LIMIT_BYTES", SMALL.stat().st_size)
    report = import_trace([path], tmp_path / "y.megacache")
    assert (report.cut_log_count, report.compile_count, report.log_size_bytes) == (1, 2, SMALL.stat().st_size)


# -- what is no log ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.log", None, "cannot read"),
        ("notes.log", b"dear diary\n", "no log of TORCH_TRACE"),
        ("binary.log", bytes(range(256)) * 400, "no log of TORCH_TRACE"),
        ("other.log.gz", gzip.compress(b"dear diary\n", mtime=0), "no log of TORCH_TRACE"),
    ],
)
def test_file_that_is_no_log_is_one_clear_error(name, content, message, tmp_path):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(TraceError, match=message) as failure:
        import_trace([SMALL, tmp_path / name], tmp_path / "x.megacache")
    assert failure.value.path == str(tmp_path / name)
    assert not (tmp_path / "x.megacache").exists()


def test_directory_without_logs_is_one_clear_error(tmp_path):
    with pytest.raises(TraceError, match="no log in"):
        import_trace([tmp_path], tmp_path / "x.megacache")


def test_a_log_is_never_taken_for_the_bundle(tmp_path):
    copy = tmp_path / SMALL.name
    copy.write_bytes(SMALL.read_bytes())
    with pytest.raises(NotABundleError):
        import_trace([SMALL], copy)
    assert copy.read_bytes() == SMALL.read_bytes()


def test_trace_is_told_by_content(tmp_path):
    renamed = tmp_path / "whatever.bin"
    renamed.write_bytes(gzip.compress(SMALL.read_bytes()))
    assert is_trace(renamed)
    assert is_trace(RANKS)
    assert not is_trace(Path(__file__))
