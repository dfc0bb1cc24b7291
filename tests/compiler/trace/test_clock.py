"""Tests of `megacache.compiler.trace.clock`: moments out of prefixes that name neither year nor time zone."""

from datetime import UTC, datetime

import pytest

from megacache.compiler.trace.clock import TraceClock


def us(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 1_000_000


def test_a_span_tells_the_year_and_the_time_zone():
    clock = TraceClock(modified_us=0)
    clock.learn("1128 20:45:33.979000", us(2026, 11, 28, 15, 15, 33) + 979_541)  # UTC+5:30
    assert clock.moment("1128 20:45:34.080000") == us(2026, 11, 28, 15, 15, 34) + 80_000


def test_no_moment_is_before_the_last_span_since_prefixes_are_cut_to_milliseconds():
    clock = TraceClock(modified_us=0)
    clock.learn("1128 19:00:33.979000", us(2026, 11, 28, 19, 0, 33) + 979_541)
    assert clock.moment("1128 19:00:33.979000") == us(2026, 11, 28, 19, 0, 33) + 979_541


def test_new_year_and_summer_time_are_learned_from_the_next_span():
    clock = TraceClock(modified_us=0)
    clock.learn("1231 23:59:59.000000", us(2026, 12, 31, 23, 59, 59))
    clock.learn("0101 00:00:01.000000", us(2027, 1, 1, 0, 0, 1))
    assert clock.moment("0101 00:00:02.000000") == us(2027, 1, 1, 0, 0, 2)
    clock.learn("0328 03:00:00.000000", us(2027, 3, 28, 1))
    assert clock.moment("0328 03:00:01.000000") == us(2027, 3, 28, 1, 0, 1)


@pytest.mark.parametrize(
    ("modified", "stamp", "moment"),
    [
        ((2026, 6, 1), "0531 12:00:00.000000", (2026, 5, 31, 12)),
        ((2026, 1, 1), "1231 12:00:00.000000", (2025, 12, 31, 12)),
        ((2028, 3, 1), "0229 12:00:00.000000", (2028, 2, 29, 12)),
    ],
)
def test_without_a_span_the_file_tells_the_year(modified, stamp, moment):
    assert TraceClock(us(*modified)).moment(stamp) == us(*moment)


def test_day_that_is_none_is_an_error():
    with pytest.raises(ValueError, match=r"."):
        TraceClock(0).moment("1399 00:00:00.000000")
