"""Rows: whatever a field may hold comes back, and nothing is ever replaced by less."""

import sqlite3
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_rows import artifact_of

from megacache.bundle import row_digests, rows, schema
from megacache.model import Code, SessionInfo
from megacache.recording import Recording, no_content
from samples import sessions

VALUES = {
    "TEXT": st.text(max_size=20),
    "INTEGER": st.integers(-(2**63), 2**63 - 1),
    "LIST": st.lists(st.text(max_size=10), max_size=3).map(tuple),
    "MAPPING": st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
}


def row_strategy(table):
    fields = {
        column.name: st.none() | VALUES[column.kind] if column.is_optional else VALUES[column.kind]
        for column in table.columns
    }
    return st.builds(table.row_class, **fields)


def rows_strategy(table):
    def key(row):
        return tuple(getattr(row, name) for name in table.key)

    return st.lists(row_strategy(table), max_size=4, unique_by=key)


def written_and_read(*recordings, is_newer=True):
    connection = sqlite3.connect(":memory:", isolation_level=None)
    row_digests.register(connection)
    schema.create(connection)
    for recording in recordings:
        rows.write(connection, recording, "memory", is_newer=is_newer)
    found = rows.read(connection, no_content, "memory")
    connection.close()
    return found


@pytest.mark.parametrize("table", rows.TABLES, ids=lambda table: table.name)
def test_any_rows_come_back(table):
    @settings(max_examples=25, deadline=None)
    @given(rows_strategy(table))
    def check(expected):
        found = getattr(written_and_read(Recording(**{table.rows_name: tuple(expected)})), table.rows_name)
        assert len(found) == len(expected)
        assert all(each in found for each in expected)

    check()


@pytest.mark.parametrize("table", rows.TABLES, ids=lambda table: table.name)
def test_a_second_save_never_takes_a_value_away(table):
    @settings(max_examples=25, deadline=None)
    @given(row_strategy(table), row_strategy(table))
    def check(first, second):
        second = replace(second, **{name: getattr(first, name) for name in table.key})
        saves = [Recording(**{table.rows_name: (each,)}) for each in (first, second)]
        (found,) = getattr(written_and_read(*saves), table.rows_name)
        for column in table.columns:
            old, new, value = (getattr(each, column.name) for each in (first, second, found))
            is_nothing = new is None or new in ((), {})
            assert value == (
                old if is_nothing or table.is_kept_as_it_is or (column.name, new) == ("status", "open") else new
            )

    check()


@pytest.mark.parametrize("table", rows.TABLES, ids=lambda table: table.name)
def test_an_older_save_only_fills_gaps(table):
    @settings(max_examples=25, deadline=None)
    @given(row_strategy(table), row_strategy(table))
    def check(first, second):
        second = replace(second, **{name: getattr(first, name) for name in table.key})
        saves = [Recording(**{table.rows_name: (each,)}) for each in (first, second)]
        (found,) = getattr(written_and_read(*saves, is_newer=False), table.rows_name)
        for column in table.columns:
            old, new, value = (getattr(each, column.name) for each in (first, second, found))
            is_gap = (old is None or old in ((), {})) and not table.is_kept_as_it_is and new is not None
            assert value == (new if is_gap else old)

    check()


def test_an_open_session_is_closed_and_stays_closed():
    closed, _ = sessions()
    still_open = replace(closed, status="open", ended_us=None, error=None)
    for order in ((still_open, closed), (closed, still_open)):
        (found,) = written_and_read(*(Recording(sessions=(each,)) for each in order)).sessions
        assert found == closed


def test_a_lone_surrogate_becomes_a_question_mark():
    code = Code(code_id="c", module=None, qualname="f", filename="caf\udce9.py", first_line=1, digest=None)
    session = replace(sessions()[0], config={"inductor.x": "\ud800"})
    found = written_and_read(Recording(codes=(code,), sessions=(session,)))
    assert found.codes[0].filename == "caf?.py"
    assert found.sessions[0].config == {"inductor.x": "?"}


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("LIST", '["\\ud800"]'),
        ("LIST", '["a", "\\uDC00\\uD800"]'),
        ("MAPPING", '{"a": "\\udfff"}'),
        ("MAPPING", '{"\\ud83d": "a"}'),
    ],
)
def test_a_lone_surrogate_that_json_escapes_is_refused(kind, text):
    column = rows.Column("hints", kind, is_optional=True)
    with pytest.raises(ValueError, match="a lone surrogate"):
        column.decode([text])


def test_a_pair_of_surrogates_and_what_only_looks_like_one_are_text():
    column = rows.Column("hints", "LIST", is_optional=True)
    text = '["\\ud83d\\ude00", "\\uD83D\\uDE00", "\\\\ud800"]'
    assert column.decode([text])[0] == ("\N{GRINNING FACE}", "\N{GRINNING FACE}", "\\ud800")


def test_an_equal_row_is_not_written_again():
    connection = sqlite3.connect(":memory:", isolation_level=None)
    row_digests.register(connection)
    schema.create(connection)
    recording = Recording(sessions=sessions())
    rows.write(connection, recording, "memory")
    changes = connection.total_changes
    rows.write(connection, recording, "memory")
    assert connection.total_changes == changes
    connection.close()


def test_artifacts_come_in_the_order_of_their_moments():
    artifacts = tuple(artifact_of(b"", f"key-{added_us}", added_us=added_us) for added_us in (30, 10, 20))
    found = written_and_read(Recording(artifacts=artifacts))
    assert [each.added_us for each in found.artifacts] == [10, 20, 30]


def test_rows_are_as_frozen_as_those_that_a_constructor_makes():
    (found,) = written_and_read(Recording(sessions=sessions()[:1])).sessions
    assert isinstance(found, SessionInfo)
    with pytest.raises(AttributeError):
        found.name = "other"
