from __future__ import annotations

import datetime as dt

import pytest
from cogmill.domain.errors import ConfigurationError, InvalidFrameError, Reason
from cogmill.domain.layout.dates import Ambiguous, DateRules, Unreadable, date_format, vague_days
from hypothesis import given
from hypothesis import strategies as st


def span(days):
    return days and "/".join(day.isoformat() for day in days)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1951", "1951-01-01/1951-12-31"),
        ("1951-03", "1951-03-01/1951-03-31"),
        ("1952-02-29", "1952-02-29/1952-02-29"),
        ("1951-02-29", None),
        ("1951-13", None),
        ("1951-00", None),
        ("1951-XX", "1951-01-01/1951-12-31"),
        ("1951-03-XX", "1951-03-01/1951-03-31"),
        ("1951-XX-03", None),
        ("195X", "1950-01-01/1959-12-31"),
        ("19XX", "1900-01-01/1999-12-31"),
        ("195X-03", None),
        ("1951~", "1950-01-01/1952-12-31"),
        ("1951-03?", "1951-02-01/1951-04-30"),
        ("1951-03-01%", "1951-02-28/1951-03-02"),
        ("1951-22", "1951-06-01/1951-08-31"),
        ("1951-24", "1951-12-01/1952-02-29"),
        ("1951/1952", "1951-01-01/1952-12-31"),
        ("1951-06..1952-02", "1951-06-01/1952-02-29"),
        ("1952/1951", None),
        ("1951/", None),
        ("1951/1952/1953", None),
        ("3951", None),
        ("", None),
    ],
)
def test_reads_vague_dates(text, expected):
    assert span(vague_days(text)) == expected


@given(
    st.dates(dt.date(1850, 1, 1), dt.date(2020, 12, 31)),
    st.sampled_from(("YYYY-MM-DD", "DD.MM.YYYY", "YYYYMMDD", "D.M.YYYY")),
)
def test_reads_every_day_that_it_has_a_format_for(day, pattern):
    written = pattern.replace("YYYY", str(day.year)).replace("MM", f"{day.month:02d}").replace("DD", f"{day.day:02d}")
    written = written.replace("M", str(day.month)).replace("D", str(day.day))

    assert DateRules((pattern,)).days(written, "V1") == (day, day)


def test_takes_both_meanings_of_an_ambiguous_date_or_none():
    both = ("DD-MM-YY", "MM-DD-YY")

    assert span(DateRules(both).days("03-04-51", "1951")) == "1951-03-04/1951-04-03"
    assert span(DateRules(both).days("22-03-51", "1951")) == "1951-03-22/1951-03-22"
    assert span(DateRules(both, ambiguous=Ambiguous.REJECT).days("03-03-51", "1951")) == "1951-03-03/1951-03-03"
    with pytest.raises(InvalidFrameError) as caught:
        DateRules(both, ambiguous=Ambiguous.REJECT).days("03-04-51", "1951")
    assert caught.value.reason == Reason.BAD_NAME
    assert "1951-03-04 (MM-DD-YY) or 1951-04-03 (DD-MM-YY)" in caught.value.detail


def test_rejects_what_nothing_reads_where_the_archive_wants_that():
    strict = DateRules(("YYYY-MM-DD",), vague=True, unreadable=Unreadable.REJECT)

    assert span(strict.days("1951~", "1950")) == "1950-01-01/1952-12-31"
    assert span(strict.days("1951", "V1")) == "1951-01-01/1951-12-31"
    with pytest.raises(InvalidFrameError, match="YYYY-MM-DD, YYYY, EDTF"):
        strict.days("22.03.1951", "1951")
    assert span(DateRules(("YYYY-MM-DD",), vague=True).days("unknown", "1951..1953")) == "1951-01-01/1953-12-31"


@pytest.mark.parametrize("pattern", ["DD-MM", "YYYY-YY", "YYYY-DD", "YYYY-MMM", "M-MM-YYYY", "Month YYYY", ""])
def test_says_what_is_wrong_with_a_format(pattern):
    with pytest.raises(ConfigurationError, match="no format of dates"):
        date_format(pattern)
