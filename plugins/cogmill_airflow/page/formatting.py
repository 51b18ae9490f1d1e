"""Numbers, sizes and times as text."""

from __future__ import annotations

import datetime as dt

STEPS = ((60, "s"), (60, "min"), (24, "h"), (365, "d"))
"""How many of each unit make the next larger one."""


def ago(moment: dt.datetime | None, now: dt.datetime) -> str:
    """Return how long ago a moment was, in its largest unit.

    >>> now = dt.datetime(2026, 3, 1, 12)
    >>> [ago(now - dt.timedelta(seconds=s), now) for s in (5, 150, 7200, 86400 * 3, 86400 * 800)]
    ['5 s ago', '2 min ago', '2 h ago', '3 d ago', '2 y ago']
    >>> ago(None, now)
    'never'
    """
    if moment is None:
        return "never"
    left = max(0, int((now - moment).total_seconds()))
    for step, unit in STEPS:
        if left < step:
            return f"{left} {unit} ago"
        left //= step
    return f"{left} y ago"


def count(number: int) -> str:
    """Return a number with narrow spaces between thousands.

    >>> count(1234567).split("\N{NARROW NO-BREAK SPACE}")
    ['1', '234', '567']
    """
    return f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def megabytes(size: int) -> str:
    """Return a number of bytes in megabytes.

    >>> megabytes(52_300_000)
    '52.3 MB'
    """
    return f"{size / 1e6:.1f} MB"
