"""Tables within documents: a bundle comes from anywhere, so what is none is said so."""

import pytest

from megacache.errors import CorruptBundleError
from megacache.model import Guard
from megacache.recording import decode_columns, decode_rows


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"columns": 1}',
        b'{"columns": {"guard_type": 1}}',
        b'{"columns": {}}tail',
        b"[" * 99_999,
    ],
)
def test_a_table_that_is_none_is_a_damage_of_the_bundle(content):
    with pytest.raises(CorruptBundleError, match="a table of Guard rows cannot be read"):
        decode_rows(Guard, content)


def test_columns_of_different_lengths_are_a_damage_too():
    with pytest.raises(CorruptBundleError):
        decode_rows(Guard, b'{"columns": {"guard_type": ["A", "B"], "expression": ["a"]}}')


@pytest.mark.parametrize(
    "columns",
    [
        '"run_id": [1]',
        '"run_id": [null]',
        '"run_id": "a"',
        '"ordinal": ["0"]',
        '"ordinal": [true]',
        '"ordinal": [1.5]',
        f'"ordinal": [{2**63}]',
        '"is_dropped": [0]',
        '"source": [[]]',
    ],
)
def test_a_value_of_another_type_than_its_field_is_a_damage_too(columns):
    with pytest.raises(CorruptBundleError, match=columns.split('"')[1]):
        decode_columns(Guard, f'{{"columns": {{{columns}}}}}'.encode())


def test_a_table_in_another_encoding_than_utf8_is_a_damage_too():
    with pytest.raises(CorruptBundleError):
        decode_columns(Guard, '{"columns": {}}'.encode("utf-16"))


def test_a_text_can_be_printed_whatever_it_holds():
    (found,) = decode_columns(Guard, b'{"columns": {"source": ["\\udc80", null, "\xc3\xa9"]}}').values()
    assert found == ["?", None, "é"]


def test_wanted_columns_are_told_apart_from_the_others():
    content = b'{"columns": {"source": ["x"], "ordinal": [3], "unknown": [1]}}'
    assert decode_columns(Guard, content, ("ordinal",)) == {"ordinal": [3]}
