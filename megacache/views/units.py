"""Bytes and durations as people read them."""

from __future__ import annotations

_BYTE_UNITS = ("B", "kB", "MB", "GB", "TB")


def format_bytes(size_bytes: int | None) -> str:
    """Write a size in decimal units: `412 kB`, `1.2 MB`.

    Args:
        size_bytes: Bytes, 0 or more; None where nobody knows.

    Returns:
        Two or three digits and a unit; the empty string for None.
    """
    if size_bytes is None:
        return ""
    if size_bytes < 1000:
        return f"{size_bytes} B"
    value, unit = float(size_bytes), 0
    while value >= 999.5 and unit < len(_BYTE_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    digits = 1 if value < (9.95 if unit == 1 else 99.95) else 0
    return f"{value:.{digits}f} {_BYTE_UNITS[unit]}"


def format_duration(duration_us: int | None) -> str:
    """Write a duration: `0.4 ms`, `340 ms`, `41.2 s`, `2 min 5 s`, `1 h 2 min`.

    Args:
        duration_us: Microseconds, 0 or more; None where nobody knows.

    Returns:
        One or two numbers with their units; the empty string for None.
    """
    if duration_us is None:
        return ""
    milliseconds = duration_us / 1000
    if milliseconds < 9.95:
        return f"{milliseconds:.1f} ms" if duration_us else "0 ms"
    if milliseconds < 999.5:
        return f"{milliseconds:.0f} ms"
    if milliseconds < 99_950:
        return f"{milliseconds / 1000:.1f} s"
    seconds = round(milliseconds / 1000)
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min"


def count(number: int, noun: str, plural: str = "") -> str:
    """Write a number with its noun: `1 graph`, `2 graphs`, `10,000 artifacts`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
