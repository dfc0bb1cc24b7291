"""Parts: what the rows say that lead to contents, and what no such row may say."""

import sqlite3
from contextlib import closing

import pytest

from forgery import forge_behind_index, forge_value
from megacache.bundle import parts
from megacache.bundle.parts import Part, is_covered, pack_row, part_counts, parts_in_pack, places_of

INDEX = "blob_part_of_pack"


@pytest.fixture
def connection(path):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def first_part(connection):
    return connection.execute("SELECT * FROM blob_part ORDER BY sha256, part LIMIT 1").fetchone()


def test_the_rows_of_a_bundle(connection, small):
    contents = small[1]
    found = parts_in_pack(connection, 1)
    row = pack_row(connection, 1)
    assert {each.sha256 for each in found} == set(contents)
    assert all(len(contents[each.sha256]) == each.size_bytes for each in found)
    assert is_covered(found, row.raw_size_bytes)
    assert part_counts(connection) == {1: len(contents)}
    (place,) = places_of(connection, found[0].sha256)
    assert place == (found[0].offset, found[0].size_bytes, 1, *row)
    assert places_of(connection, "0" * 64) == []


def plan(connection, statement):
    return " ".join(row[-1] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", (1,) * ("?" in statement)))


def test_the_index_and_the_table_are_both_read(connection):
    """What SQLite chooses is what tells a damaged index from a sound one."""
    of_pack = plan(connection, parts._PARTS_IN_PACK)
    assert "named USING COVERING INDEX blob_part_of_pack" in of_pack
    assert "found USING PRIMARY KEY (sha256=? AND part=?)" in of_pack
    assert "SCAN blob_part" in plan(connection, parts._PART_COUNTS)
    assert INDEX not in plan(connection, parts._PART_COUNTS)


@pytest.mark.parametrize(
    "change",
    [
        "sha256 = substr(sha256, 1, 63) || char(unicode(substr(sha256, 64)) + 1)",
        "part = 1",
        "pack_id = 2",
    ],
)
def test_a_part_that_the_index_tells_of_and_the_table_does_not(path, connection, change):
    sha256, *_ = first_part(connection)
    forge_behind_index(path, INDEX, f"UPDATE blob_part SET {change} WHERE sha256 = '{sha256}'")
    with pytest.raises(ValueError, match="blob_part has other parts of it than its index"):
        parts_in_pack(connection, 1)


def test_a_part_that_the_index_leaves_out_is_counted(path, connection, small):
    row = first_part(connection)
    connection.execute("DELETE FROM blob_part WHERE sha256 = ?", row[:1])
    forge_behind_index(path, INDEX, f"INSERT INTO blob_part VALUES {row}")
    assert part_counts(connection) == {1: len(small[1])}
    assert len(parts_in_pack(connection, 1)) == len(small[1]) - 1


def test_a_pack_without_parts_is_counted_and_parts_without_a_pack_are_damage(connection):
    connection.execute("INSERT INTO pack VALUES (7, 0, '', x'')")
    assert part_counts(connection)[7] == 0
    connection.execute("UPDATE pack SET pack_id = 65 WHERE pack_id = 1")
    with pytest.raises(ValueError, match="there are parts of a pack 1, which is missing"):
        part_counts(connection)
    with pytest.raises(ValueError, match="it is missing"):
        pack_row(connection, 1)


@pytest.mark.parametrize("value", ["NULL", "'x'", "x'00'", "1.5"])
@pytest.mark.parametrize("column", ["offset", "size_bytes"])
def test_a_part_with_a_value_of_another_type(path, connection, column, value):
    sha256, *_ = first_part(connection)
    forge_value(path, "blob_part", f"UPDATE blob_part SET {column} = {value} WHERE sha256 = '{sha256}'")
    with pytest.raises(ValueError, match="a row of blob_part holds a value of another type"):
        parts_in_pack(connection, 1)
    with pytest.raises(ValueError, match="a row of blob_part holds a value of another type"):
        places_of(connection, sha256)


@pytest.mark.parametrize("assignment", ["raw_size_bytes = NULL", "raw_size_bytes = 'x'", "sha256 = NULL"])
def test_a_pack_with_a_value_of_another_type(path, connection, assignment):
    sha256, *_ = first_part(connection)
    forge_value(path, "pack", f"UPDATE pack SET {assignment}")
    with pytest.raises(ValueError, match="a row of pack holds a value of another type"):
        pack_row(connection, 1)
    with pytest.raises(ValueError, match="a row of pack holds a value of another type"):
        places_of(connection, sha256)


def listed(*places):
    return [Part(offset, size_bytes, "0" * 64, 0) for offset, size_bytes in places]


def test_what_parts_cover():
    assert is_covered(listed((0, 3), (3, 0), (3, 4)), 7)
    assert not is_covered(listed((0, 3), (4, 3)), 7)
    assert not is_covered(listed((0, 3)), 7)
    assert not is_covered(listed((1, 6)), 7)
    assert not is_covered([], 7)
    assert not is_covered([], 0), "a pack without parts may be one whose parts name another number"


@pytest.mark.parametrize("places", [[(0, 8)], [(-1, 3)], [(0, 3), (2, 5)], [(0, 3), (3, -1)], [(3, 1 << 40)]])
def test_parts_that_lie_where_no_part_may(places):
    with pytest.raises(ValueError, match="is outside of it, or shares bytes with another one"):
        is_covered(listed(*places), 7)
