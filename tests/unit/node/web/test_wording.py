"""Moments, states, and strangers' texts."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.web.wording import bidi_safe, day, minute, pretty, state_words


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
