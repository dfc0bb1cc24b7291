"""Tables within documents: a bundle comes from anywhere, so what is none is said so."""

import pytest

from megacache.errors import CorruptBundleError
from megacache.model import Guard
from megacache.recording import decode_rows


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
