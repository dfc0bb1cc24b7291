import pytest

from megacache.views.units import count, format_bytes, format_duration


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (None, ""),
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (9_949, "9.9 kB"),
        (9_950, "10 kB"),
        (412_300, "412 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (1_240_000, "1.2 MB"),
        (123_400_000, "123 MB"),
        (2_000_000_000, "2.0 GB"),
        (5_000_000_000_000_000, "5000 TB"),
    ],
)
def test_bytes_are_decimal_and_short(size_bytes, text):
    assert format_bytes(size_bytes) == text


@pytest.mark.parametrize(
    ("duration_us", "text"),
    [
        (None, ""),
        (0, "0 ms"),
        (400, "0.4 ms"),
        (9_949, "9.9 ms"),
        (340_000, "340 ms"),
        (999_499, "999 ms"),
        (999_500, "1.0 s"),
        (41_200_000, "41.2 s"),
        (99_960_000, "1 min 40 s"),
        (125_000_000, "2 min 5 s"),
        (3_720_000_000, "1 h 2 min"),
    ],
)
def test_durations_are_read_at_a_glance(duration_us, text):
    assert format_duration(duration_us) == text


def test_a_count_agrees_with_its_noun():
    assert [count(1, "graph"), count(2, "graph"), count(0, "entry", "entries")] == ["1 graph", "2 graphs", "0 entries"]
    assert count(10_000, "artifact") == "10,000 artifacts"
