"""Days that a date stands for, as names of files write it: a range, because most old dates are not known to the day.

The order of day and month is said by the archive and never guessed. Dates that are vague on purpose follow the Extended Date/Time Format
(EDTF, ISO 8601-2), as far as photographs need it.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache

from cogmill.domain.errors import ConfigurationError, InvalidFrameError, Reason

Days = tuple[dt.date, dt.date]
"""First and last possible day, both included."""

TOKENS = {
    "YYYY": r"(?P<year>\d{4})",
    "YY": r"(?P<short>\d{2})",
    "MM": r"(?P<month>\d{2})",
    "M": r"(?P<month>\d{1,2})",
    "DD": r"(?P<day>\d{2})",
    "D": r"(?P<day>\d{1,2})",
}
"""What formats of dates are made of; `M` and `D` take one digit or two."""

_FORMAT = re.compile(r"YYYY|YY|MM|M|DD|D|[^A-Za-z]")
_YEAR = re.compile(r"(18|19|20)\d{2}")
_VAGUE = re.compile(
    r"(?P<year>(?:18|19|20)(?:\d\d|\dX|XX))(?:-(?P<month>\d\d|XX)(?:-(?P<day>\d\d|XX))?)?(?P<mark>[~?%]?)"
)
_BETWEEN = re.compile(r"/|\.\.")
"""Joins the two ends of an interval; in a file's name there can be no slash."""

SEASONS = {21: (3, 5), 22: (6, 8), 23: (9, 11), 24: (12, 2)}
"""Numbers of EDTF: spring to winter of the north, first and last month."""

DEFAULT_CENTURY = "19"
"""Of a year with two digits, where the collection has no year."""


class Ambiguous(StrEnum):
    """What becomes of a date that two of the archive's formats read as different days."""

    RANGE = "range"
    """All days from the first to the last of them are possible."""
    REJECT = "reject"
    """The file is rejected, with both readings."""


class Unreadable(StrEnum):
    """What becomes of a date that nothing reads."""

    YEAR = "year"
    """The year of the collection counts: typing errors are tolerated."""
    REJECT = "reject"
    """The file is rejected, with the formats that are understood."""


@dataclass(frozen=True, slots=True)
class DateRules:
    """How an archive writes days."""

    formats: tuple[str, ...] = ("M-D-YY", "M-D-YYYY")
    """Every way in which a day is written, of `TOKENS` and what stands between them."""
    vague: bool = False
    """Whether EDTF is understood too: `1951`, `1951-03`, `195X`, `1951~`, `1951/1952`."""
    ambiguous: Ambiguous = Ambiguous.RANGE
    unreadable: Unreadable = Unreadable.YEAR

    def days(self, written: str, collection_year: str) -> Days | None:
        """Return the days that a date stands for, else those of the collection's year; None when that is none either.

        Raises:
            InvalidFrameError: `bad_name`, where the archive rejects such a date.
        """
        return _days(self, written, collection_year)

    def year_days(self, collection_year: str) -> Days | None:
        """Return the days of a collection's year; None for a mission code."""
        return _whole_year(collection_year) or (vague_days(collection_year) if self.vague else None)


@lru_cache(maxsize=65536)  # the dates of one flight are few, its frames are many
def _days(rules: DateRules, written: str, collection_year: str) -> Days | None:
    readings = {}
    for pattern in rules.formats:
        found = _read(pattern, written, collection_year)
        if found and found not in readings:
            readings[found] = pattern
    if len(readings) == 1:
        return next(iter(readings))
    if readings:
        return _of_several(rules, written, readings)
    known = _whole_year(written) or (vague_days(written) if rules.vague else None)
    if known is None and rules.unreadable == Unreadable.REJECT:
        understood = ", ".join([*rules.formats, "YYYY", *(["EDTF"] if rules.vague else [])])
        raise InvalidFrameError(Reason.BAD_NAME, f"{written!r} is not a date as it is written here: {understood}")
    return known or rules.year_days(collection_year)


def _of_several(rules: DateRules, written: str, readings: dict[Days, str]) -> Days:
    if rules.ambiguous == Ambiguous.REJECT:
        both = " or ".join(f"{first} ({pattern})" for (first, _), pattern in sorted(readings.items()))
        raise InvalidFrameError(
            Reason.BAD_NAME, f"{written!r} has two meanings: {both}; write the date so that it has one"
        )
    return min(first for first, _ in readings), max(last for _, last in readings)


def _read(pattern: str, written: str, collection_year: str) -> Days | None:
    match = date_format(pattern).fullmatch(written)
    if match is None:
        return None
    found = match.groupdict()
    century = collection_year[:2] if _YEAR.fullmatch(collection_year) else DEFAULT_CENTURY
    year = int(found.get("year") or century + found["short"])
    month, day = found.get("month"), found.get("day")
    return _calendar_days(year, int(month) if month else None, int(day) if day else None)


@cache
def date_format(pattern: str) -> re.Pattern[str]:
    """Return a format of dates as a regular expression.

    Raises:
        ConfigurationError: It has no year, a part twice, a day without a month, or letters that are no part.
    """
    pieces = _FORMAT.findall(pattern)
    parts = [piece[0] for piece in pieces if piece in TOKENS]
    wrong = "".join(pieces) != pattern or len(set(parts)) != len(parts) or "Y" not in parts
    if wrong or ("D" in parts and "M" not in parts):
        raise ConfigurationError(
            f"{pattern!r} is no format of dates: it holds YYYY or YY once, at most one of MM, M and of DD, D, and no other letter"
        )
    return re.compile("".join(TOKENS.get(piece) or re.escape(piece) for piece in pieces))


def vague_days(text: str) -> Days | None:
    """Return the days of a date in EDTF; None when it is none that is understood.

    `~`, `?` and `%` (about, perhaps, both) widen the range by one of the smallest unit that is written: a year, a month or a day.

    >>> [str(day) for day in vague_days("1951-03")], [str(day) for day in vague_days("1951~")]
    (['1951-03-01', '1951-03-31'], ['1950-01-01', '1952-12-31'])
    >>> [str(day) for day in vague_days("1951/1952-06")], vague_days("spring 1951")
    (['1951-01-01', '1952-06-30'], None)
    """
    ends = _BETWEEN.split(text)
    if len(ends) > 2:  # noqa: PLR2004 - one joint
        return None
    days = [_one_date(end) for end in ends]
    first, last = days[0], days[-1]
    return (first[0], last[1]) if first and last and first[0] <= last[1] else None


def _one_date(text: str) -> Days | None:
    match = _VAGUE.fullmatch(text)
    if match is None:
        return None
    year, month, day = match["year"], match["month"], match["day"]
    if "X" in year:
        years = (int(year.replace("X", "0")), int(year.replace("X", "9")))
        ends = None if month not in (None, "XX") else (_calendar_days(years[0]), _calendar_days(years[1]))
        found = (ends[0][0], ends[1][1]) if ends and ends[0] and ends[1] else None
    else:
        found = _precise(int(year), month, day)
    return _widened(found, month, day) if found and match["mark"] else found


def _precise(year: int, month: str | None, day: str | None) -> Days | None:
    if month in (None, "XX"):
        return _calendar_days(year) if day in (None, "XX") else None
    number = int(str(month))
    if number in SEASONS and day is None:
        begin, end = SEASONS[number]
        first, last = _calendar_days(year, begin), _calendar_days(year + (end < begin), end)
        return (first[0], last[1]) if first and last else None
    return _calendar_days(year, number, int(day) if day not in (None, "XX") else None)


def _widened(days: Days, month: str | None, day: str | None) -> Days:
    first, last = days
    if day not in (None, "XX"):
        return first - dt.timedelta(1), last + dt.timedelta(1)
    if month not in (None, "XX"):
        return (first - dt.timedelta(1)).replace(day=1), _month_end(last + dt.timedelta(1))
    return first.replace(year=first.year - 1), last.replace(year=last.year + 1)


def _calendar_days(year: int, month: int | None = None, day: int | None = None) -> Days | None:
    """Return the days of a year, a month or one day; None when the calendar has no such."""
    if year < 1 or not 1 <= (month or 1) <= 12 or month == 0:  # noqa: PLR2004 - months
        return None
    if day is not None:
        exists = month is not None and 1 <= day <= calendar.monthrange(year, month)[1]
        return (dt.date(year, month or 1, day),) * 2 if exists else None
    first = dt.date(year, month or 1, 1)
    return first, _month_end(first) if month else dt.date(year, 12, 31)


def _month_end(day: dt.date) -> dt.date:
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def _whole_year(text: str) -> Days | None:
    return _calendar_days(int(text)) if _YEAR.fullmatch(text) else None
