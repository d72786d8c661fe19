"""Moments, states, and strangers' texts."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.web.wording import (
    amount,
    bidi_safe,
    date_words,
    day,
    line_words,
    minute,
    pretty,
    state_words,
)


def test_moments():
    assert minute("2027-03-01T08:05:59Z") == "1 Mar 2027, 08:05 UTC"
    assert day("2027-03-01T08:05:59Z") == "1 Mar 2027"
    for nothing in (None, "", "soon", "2027-03-01", "2027-03-01T08:05:59+01:00"):
        assert minute(nothing) == day(nothing) == ""


@pytest.mark.parametrize(
    ("state", "words"),
    [("open", "open for offers"), ("accept_sent", "waits for the vendor"), ("a_new", "a new")],
)
def test_states(state: str, words: str):
    assert state_words(state) == words


@given(st.text())
def test_nothing_turns_or_hides(text: str):
    shown = bidi_safe(text)
    for char in shown:
        assert char in "\n\t" or unicodedata.category(char) not in {"Cc", "Cs", "Co", "Cn"}
        assert char not in "\u202e\u2066\u200f"


def test_plain_text_is_left_alone():
    text = "Größe 10 €, «naïve» 日本 🙂\n\tx"
    assert bidi_safe(text) == text
    assert bidi_safe("a\u202eb\x00") == "a[202E]b[0000]"
    assert bidi_safe(7) == "7"


def test_a_document_is_written_word_for_word():
    assert pretty({"title": "Größe\u202e"}) == '{\n  "title": "Größe[202E]"\n}'


@pytest.mark.parametrize(
    ("quantity", "words"),
    [
        ("1 each", "1"),
        ("5 DAY", "5 days"),
        ("1 DAY", "1 day"),
        ("2.5 DAY", "2.5 d"),
        ("12 MON", "12 months"),
        ("2.5 KGM", "2.5 kg"),
        ("3 XYZW", "3 XYZW"),
        ("1234567890123 DAY", "1234567890123 d"),
    ],
)
def test_how_much(quantity: str, words: str):
    assert amount(quantity) == words


def test_a_line_says_how_much_where_it_is_not_one():
    line = {"name": "SUV", "qty": "5 DAY", "total_text": "390.00 USD"}
    assert line_words(line) == "SUV, 5 days: 390.00 USD"
    assert line_words(line | {"qty": "1 each"}) == "SUV: 390.00 USD"


@pytest.mark.parametrize(
    ("date", "words"),
    [("2027-03-20", "20 Mar 2027"), ("2027-02-30", "2027-02-30"), ("soon", "soon"), ("", "")],
)
def test_a_calendar_day(date: str, words: str):
    assert date_words(date) == words
