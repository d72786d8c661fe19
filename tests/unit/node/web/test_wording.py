"""Moments, states, and strangers' texts."""

from __future__ import annotations

import pytest

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


def test_plain_text_is_left_alone():
    text = "Größe 10 €, «naïve» 日本 🙂\n\tx"
    assert bidi_safe(text) == text
    assert bidi_safe("a\u202eb\x00") == "a[202E]b[0000]"
    assert bidi_safe(7) == "7"
    assert bidi_safe("pay\u200bpal\u3164") == "pay[200B]pal[3164]"


def test_what_is_cut_says_so():
    assert bidi_safe("x" * 40_000) == "x" * 40_000
    assert bidi_safe("x" * 40_001) == "x" * 40_000 + " […: 1 more sign]"
    assert bidi_safe("x" * 40_012).endswith("x […: 12 more signs]")


def test_a_document_is_never_cut():
    assert pretty({"text": "x" * 90_000}).count("x") == 90_001


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
