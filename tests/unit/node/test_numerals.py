"""One thing, two things."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.numerals import plural, span, whole_number


@pytest.mark.parametrize(
    ("count", "one", "many", "said"),
    [
        (0, "deal", "", "0 deals"),
        (1, "deal", "", "1 deal"),
        (2, "deal", "", "2 deals"),
        (1, "mailbox", "mailboxes", "1 mailbox"),
        (3, "mailbox", "mailboxes", "3 mailboxes"),
        (4_711, "object", "", "4,711 objects"),
    ],
)
def test_a_number_and_its_noun(count: int, one: str, many: str, said: str):
    assert plural(count, one, many) == said


@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        (0, "0 minutes"),
        (1, "1 minute"),
        (119, "119 minutes"),
        (120, "2 hours"),
        (47 * 60 + 59, "47 hours"),
        (48 * 60, "2 days"),
        (8 * 1_440 + 5, "8 days"),
    ],
)
def test_a_length_of_time(minutes: int, said: str):
    assert span(minutes * 60_000 + 59_999) == said


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("0", 0),
        ("7", 7),
        ("10", 10),
        ("05", 5),
        ("11", None),
        ("010", None),
        ("", None),
        ("-1", None),
        ("+1", None),
        (" 1", None),
        ("1_0", None),
        ("\u00b2", None),
        ("\u0663", None),
        ("0" * 5_000, None),
    ],
)
def test_a_whole_number_is_read_or_it_is_none(text: str, found: int | None):
    assert whole_number(text, 10) == found


@given(st.text() | st.from_regex(r"\d{0,20}"), st.integers(0, 10**12))
def test_what_is_read_is_within_its_range(text: str, most: int):
    found = whole_number(text, most)
    assert found is None or (0 <= found <= most and int(text) == found)
