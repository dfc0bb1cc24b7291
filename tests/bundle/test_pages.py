"""Pages: every record that SQLite wrote is read without it, and a hostile file costs no more than it may."""

import random
import sqlite3
import time

import pytest

from megacache.bundle.pages import LONGEST_PAYLOAD_BYTES, PAGE_SIZES, Cell, Pages, values

LONG = "long " * 5000
ROWS = [
    ("a", None, 0, 1, b""),
    ("b", -1, 127, -128, b"\x00\xff"),
    ("c", 32_767, -32_768, 8_388_607, "Gruß".encode()),
    ("d", 2**31 - 1, -(2**31), 2**47 - 1, LONG.encode()),
    ("e", 2**63 - 1, -(2**63), 1.5, bytes(300)),
    ("Grüße", None, None, None, None),
    (LONG, 1, 2, 3, b"after a long key"),
]


def records(data, page_size, reserved_size=0):
    pages = Pages(data, page_size, reserved_size)
    return [(cell.row_id, values(pages.payload(cell), cell.size_bytes)) for cell in pages.cells()]


@pytest.mark.parametrize("page_size", PAGE_SIZES)
@pytest.mark.parametrize("is_numbered", [False, True])
def test_every_record_is_read(tmp_path, page_size, is_numbered):
    """Of a table with enough rows for pages above pages, which hold rows themselves where rows have no number."""
    connection = sqlite3.connect(tmp_path / "any.sqlite", isolation_level=None)
    connection.execute(f"PRAGMA page_size = {page_size}")
    key = "" if is_numbered else ", PRIMARY KEY (a, n)) WITHOUT ROWID"
    connection.execute(f"CREATE TABLE t (a, n, b, c, d, e{key or ')'}")
    many = [(row[0], number, *row[1:]) for number in range(40) for row in ROWS]
    connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)", many)
    connection.execute("BEGIN")
    connection.close()
    found = records((tmp_path / "any.sqlite").read_bytes(), page_size)
    assert {row for _, row in found} == set(many)
    assert len(found) == len(many)
    assert sorted(number for number, _ in found if number is not None) == [*range(1, len(many) + 1)] * is_numbered


def cell_of(size_bytes, overflow_page, local_size_bytes=4):
    return Cell(2, None, 1024, local_size_bytes, size_bytes, overflow_page)


def test_a_chain_that_ends_early_gives_what_there_is():
    data = bytes(1024) + b"head" + bytes(1020) + (99).to_bytes(4, "big") + b"x" * 1020
    assert Pages(data, 1024).payload(cell_of(10_000, 3)) == b"head" + b"x" * 1020


def test_a_chain_in_a_circle_ends():
    data = bytes(1024) + b"head" + bytes(1020) + (3).to_bytes(4, "big") + b"x" * 1020
    assert len(Pages(data, 1024).payload(cell_of(LONGEST_PAYLOAD_BYTES, 3))) == 4 + 1020


def test_many_records_cannot_all_go_on_in_the_same_pages():
    """Else a file of a megabyte could have its pages read a million times."""
    count = 200
    chain = b"".join((number + 1).to_bytes(4, "big") + bytes(1020) for number in range(3, 3 + count))
    pages = Pages(bytes(2048) + chain, 1024)
    read = [len(pages.payload(Cell(2, None, 1024 + at, 4, count * 1020, 3))) for at in range(100)]
    assert read[0] == 4 + count * 1020 - 4
    assert sum(read) < 6 * len(chain)
    # What was read once may be read again.
    assert len(pages.payload(Cell(2, None, 1024, 4, count * 1020, 3))) == read[0]


@pytest.mark.parametrize("header", [b"\x81", b"\xff" * 9, b"\x05\x0a", b"\x02\xff", b"\x00", b"\x01", b""])
def test_a_record_that_is_none(header):
    assert values(header + b"rest", 100) is None


def test_a_cut_record_is_one_only_where_a_blob_ends_it():
    blob, text = b"\x03\x01\x18" + b"\x07" + b"frame!", b"\x03\x01\x19" + b"\x07" + b"name!!"
    assert values(blob, 10) == (7, b"frame!")
    assert values(blob[:7], 10) == (7, b"fra")
    assert values(text, 10) == (7, "name!!")
    assert values(text[:7], 10) is None


@pytest.mark.parametrize("seed", range(5))
def test_noise_is_read_in_little_time_and_without_an_error(seed):
    """Pages of noise that say they are pages of records."""
    rng = random.Random(seed)  # noqa: S311  no secret
    data = bytearray(rng.randbytes(400 * 1024))
    for start in range(0, len(data), 1024):
        data[start] = rng.choice((2, 10, 13))
        data[start + 3 : start + 5] = (60).to_bytes(2, "big")
    started = time.perf_counter()
    for size in (512, 1024, 65_536):
        records(bytes(data), size)
    assert time.perf_counter() - started < 5
