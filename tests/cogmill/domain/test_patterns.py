from __future__ import annotations

import pytest
from cogmill.domain.errors import ConfigurationError
from cogmill.domain.layout.patterns import Pattern
from hypothesis import given
from hypothesis import strategies as st

WORD = st.text(st.characters(exclude_characters="_-@/[]{}", exclude_categories=("Cs",)), min_size=1, max_size=8)


@given(date=WORD, roll=st.text(min_size=1, max_size=8), frame=WORD, epsg=st.none() | WORD)
def test_reads_what_it_has_written(date, roll, frame, epsg):
    pattern = Pattern("{date}@{roll}-{frame}[_{epsg}]", {"roll": "(?s:.+)", "epsg": "[^-_@]+"})
    values = {"date": date, "roll": roll, "frame": frame} | ({"epsg": epsg} if epsg else {})

    assert pattern.read(pattern.write(values)) == values


def test_joins_a_part_that_stands_there_twice():
    pattern = Pattern("{frame}mosaic{frame}", {"frame": ".*?"}, any_case=True)

    assert pattern.read("Lake MOSAIC 2") == {"frame": "Lake  2"}


def test_leaves_out_what_stands_in_brackets_unless_all_of_it_is_known():
    pattern = Pattern("{frame}[_{dpi}dpi][_{tile}]")

    assert pattern.write({"frame": "01", "tile": "2"}) == "01_2"
    assert pattern.write({"frame": "01", "dpi": "800"}) == "01_800dpi"
    with pytest.raises(KeyError, match="frame"):
        pattern.write({"dpi": "800"})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{date", "from '{date' on"),
        ("{Date}", "small letters"),
        ("{date}[_{roll}", "not closed"),
        ("{date}[[_{roll}]]", "one pair of brackets"),
        ("{date}{roll}", "{date} needs a rule of its own"),
    ],
)
def test_says_what_is_wrong_with_a_pattern(text, says):
    with pytest.raises(ConfigurationError) as caught:
        Pattern(text).expression.pattern  # noqa: B018

    assert says in str(caught.value)
