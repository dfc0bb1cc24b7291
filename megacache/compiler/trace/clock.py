"""Clock: the moments of a log's lines, which name neither a year nor a time zone.

Layer: compiler, but needs no torch.

The chromium events within the log carry their own moments, in microseconds since the Unix epoch. What lies between
those and the prefixes of their lines, to the quarter of an hour, is the year and the time zone.
"""

from __future__ import annotations

from datetime import UTC, datetime

_QUARTER_US = 15 * 60 * 1_000_000
"""Time zones differ by multiples of it; a line is written less than half of it after what it tells of."""

_LEAP_YEAR = 2000


class TraceClock:
    """Turns the prefixes of a log into moments, which never go back behind the last span that was told of.

    Args:
        modified_us: When the log was last written to, in microseconds since the Unix epoch: the year of a log without
            any chromium event.
    """

    def __init__(self, modified_us: int) -> None:
        self._modified_us = modified_us
        self._offset_us: int | None = None
        self._last_us = 0
        self._minutes: dict[str, int] = {}

    def learn(self, stamp: str, at_us: int) -> None:
        """Learn from a span that just began or ended.

        Args:
            stamp: The prefix of its line, `1128 19:00:33.979541`.
            at_us: Its own moment.
        """
        self._offset_us = round((at_us - self._naive_us(stamp)) / _QUARTER_US) * _QUARTER_US
        self._last_us = max(self._last_us, at_us)

    def moment(self, stamp: str) -> int:
        """Return the moment of a line in microseconds since the Unix epoch; torch writes no more than milliseconds.

        Args:
            stamp: Its prefix.

        Raises:
            ValueError: When there is no such day.
        """
        naive_us = self._naive_us(stamp)
        offset_us = self._guessed_offset_us(naive_us) if self._offset_us is None else self._offset_us
        return max(naive_us + offset_us, self._last_us)

    def _naive_us(self, stamp: str) -> int:
        minute = stamp[:10]
        if minute not in self._minutes:
            parsed = datetime.strptime(f"{_LEAP_YEAR}{minute}", "%Y%m%d %H:%M").replace(tzinfo=UTC)
            self._minutes = {minute: int(parsed.timestamp()) * 1_000_000}
        return self._minutes[minute] + int(stamp[11:13]) * 1_000_000 + int(stamp[14:20])

    def _guessed_offset_us(self, naive_us: int) -> int:
        """Return what lies between the leap year and the last year in which the log may have been written."""
        naive = datetime.fromtimestamp(naive_us / 1e6, UTC)
        day_us = 86_400 * 1_000_000
        year = datetime.fromtimestamp(self._modified_us / 1e6, UTC).year
        for candidate in (year, year - 1):
            try:
                moved_us = int(naive.replace(year=candidate).timestamp() * 1e6)
            except ValueError:  # the 29th of February
                continue
            if moved_us <= self._modified_us + day_us:
                return moved_us - naive_us
        return 0
