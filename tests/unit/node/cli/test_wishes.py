"""Wishes as people type them."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.cli.wishes import read_wish
from protocol.errors import LocalProtocolError


@pytest.mark.parametrize(
    ("text", "key", "op", "value"),
    [
        ("resolution >= 12 MP", "resolution", "ge", "12 MP"),
        ("resolution>=12MP", "resolution", "ge", "12MP"),
        ("weight <= 400 g", "weight", "le", "400 g"),
        ("weight at most 400 g", "weight", "le", "400 g"),
        ("colour = red", "colour", "eq", "red"),
        ("colour == red", "colour", "eq", "red"),
        ("colour is red", "colour", "eq", "red"),
        ("colour != red", "colour", "ne", "red"),
        ("colour is not red", "colour", "ne", "red"),
        ("colour in red, dark blue", "colour", "in", ["red", "dark blue"]),
        ("colour not in red or blue", "colour", "nin", ["red", "blue"]),
        ("name ~ leica", "name", "match", "leica"),
        ("drive eq 4wd", "drive", "eq", "4wd"),
        ("seats between 4 and 7", "seats", "between", ["4", "7"]),
        ("weight between 4 and 7 kg", "weight", "between", ["4 kg", "7 kg"]),
        ("weight between 400 g to 1 kg", "weight", "between", ["400 g", "1 kg"]),
        ("weight between 4..7", "weight", "between", ["4", "7"]),
        ("optical zoom >= 3", "optical zoom", "ge", "3"),
    ],
)
def test_read(text: str, key: str, op: str, value):
    assert read_wish(text, "--must") == {"key": key, "op": op, "value": value, "level": "must"}


@pytest.mark.parametrize(
    ("text", "op"),
    [
        ("insurance-required absent", "absent"),
        ("raw present", "present"),
        ("raw", "present"),
        ("ski rack", "present"),
        ("RAW  PRESENT", "present"),
    ],
)
def test_wishes_without_a_value(text: str, op: str):
    wish = read_wish(text, "--prefer")
    assert (wish["op"], wish["level"]) == (op, "prefer")
    assert "value" not in wish


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("   ", "is empty"),
        ("x" * 500, "characters"),
        ("weight < 400 g", "uses < or >"),
        ("weight > 4", "uses < or >"),
        ("raw present please", "says more"),
        ("weight at least", "has no value"),
        ("seats between 4", "is not a range"),
    ],
)
def test_refused(text: str, words: str):
    with pytest.raises(LocalProtocolError) as caught:
        read_wish(text, "--must")
    assert caught.value.code == "E-WISH"
    assert caught.value.sentence.startswith("--must ")
    assert words in caught.value.sentence


@given(st.text(max_size=60))
def test_any_text_gives_a_wish_or_one_sentence(text: str):
    with contextlib.suppress(LocalProtocolError):
        wish = read_wish(text, "--must")
        assert wish["key"]
