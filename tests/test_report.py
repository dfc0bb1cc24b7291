"""What became of every artifact, in one line, as a table and as HTML."""

import json
from io import StringIO

import pytest
from rich.console import Console

from megacache.model import Verdict
from megacache.report import LoadReport

REASON = "CPU has avx2, the bundle was compiled for avx512"


def verdicts(verdict, count, reason=None, artifact_type="inductor"):
    return [
        Verdict(
            artifact_type=artifact_type,
            cache_key=f"{verdict}{number}",
            content_sha256="ab",
            size_bytes=1000,
            verdict=verdict,
            reason=reason,
        )
        for number in range(count)
    ]


@pytest.fixture
def report():
    unused = verdicts("unused", 2, "never looked up")
    return LoadReport((*verdicts("refused", 1, REASON), *verdicts("hit", 21), *unused))


def test_one_line_has_the_counts_and_the_reason(report):
    assert str(report) == f"21 hit, 2 unused, 1 refused: {REASON}"


def test_counts_are_in_order_and_leave_out_what_is_none(report):
    assert list(report.counts.items()) == [("hit", 21), ("unused", 2), ("refused", 1)]


def test_the_commonest_reason_is_shown_and_the_others_are_counted():
    report = LoadReport((*verdicts("refused", 1, "a"), *verdicts("refused", 2, REASON), *verdicts("missed", 1, "b")))
    assert str(report) == f"3 refused, 1 missed: {REASON} (and 2 more reasons)"
    assert str(LoadReport((*verdicts("refused", 2, "a"), *verdicts("rejected", 1, "b")))).endswith(
        "(and 1 more reason)"
    )


def test_a_long_reason_does_not_make_the_line_long():
    line = str(LoadReport(tuple(verdicts("rejected", 1, "guard " * 100))))
    assert len(line) < 150
    assert line.endswith("…")


def test_only_what_costs_a_compilation_is_a_finding(report):
    assert report.has_findings
    assert not LoadReport((*verdicts("hit", 1), *verdicts("unused", 1), *verdicts("loaded", 1))).has_findings


def test_an_empty_report_says_so():
    assert str(LoadReport()) == "nothing to load"
    assert not LoadReport().has_findings
    assert LoadReport().table.empty
    assert "nothing to load" in LoadReport()._repr_html_()


def test_the_summary_puts_like_verdicts_together(report):
    assert report.summary == [
        ("hit", 21, 21_000, "inductor", ""),
        ("unused", 2, 2_000, "inductor", "never looked up"),
        ("refused", 1, 1_000, "inductor", REASON),
    ]


def test_the_table_has_a_row_per_verdict(report):
    assert len(report.table) == 24
    assert list(report.table.columns) == [
        "artifact_type",
        "cache_key",
        "content_sha256",
        "size_bytes",
        "verdict",
        "reason",
        "nearest_key",
    ]


def test_html_is_escaped_and_has_a_row_per_group():
    page = LoadReport((*verdicts("refused", 3, "<script>"), *verdicts("hit", 1)))._repr_html_()
    assert "<script>" not in page
    assert page.count("<tr>") == 3


def test_a_terminal_shows_reasons_with_brackets():
    console = Console(width=160, file=StringIO())
    console.print(LoadReport(tuple(verdicts("missed", 1, "input 0 has shape [9, 4] now, had [red]"))))
    text = console.file.getvalue()
    assert "shape [9, 4] now, had [red]" in text
    assert "1.0 kB" in text


def test_json_has_counts_and_verdicts(report):
    as_json = json.loads(json.dumps(report.to_dict()))
    assert as_json["counts"] == {"hit": 21, "unused": 2, "refused": 1}
    assert len(as_json["verdicts"]) == 24
