"""Ids read aloud come back whole, and a slip of the tongue is caught."""

from __future__ import annotations

import hashlib

import pytest

from protocol.errors import LocalProtocolError
from protocol.ids import blake2b_256, from_text, matches_handle, normalise, short_text, to_text

VALUE = bytes(range(32))
TEXT = to_text("cast", VALUE)


def test_the_hash_is_of_the_concatenation():
    assert blake2b_256(b"ab", b"", b"c") == hashlib.blake2b(b"abc", digest_size=32).digest()


def test_the_text_has_thirteen_groups_and_one_of_check():
    groups = TEXT.split("-")
    assert groups[0] == "cast"
    assert [len(group) for group in groups[1:]] == [4] * 14


@pytest.mark.parametrize("value", [bytes(32), b"\xff" * 32, VALUE, blake2b_256(b"x")])
def test_reading_gives_back_what_was_written(value):
    assert from_text("cast", to_text("cast", value)) == value


def test_reading_forgives_case_spaces_and_look_alikes():
    assert from_text("cast", f"  {TEXT.lower()} ") == VALUE
    assert from_text("cast", TEXT.removeprefix("cast-").replace("-", " ")) == VALUE
    assert from_text("cast", TEXT.replace("0", "O").replace("1", "l")) == VALUE


def test_one_wrong_character_is_refused():
    body = TEXT.removeprefix("cast-").replace("-", "")
    for at in range(len(body)):
        wrong = body[:at] + ("2" if body[at] != "2" else "3") + body[at + 1 :]
        with pytest.raises(LocalProtocolError, match="check group"):
            from_text("cast", wrong)


def test_the_prefix_is_part_of_the_check():
    with pytest.raises(LocalProtocolError) as caught:
        from_text("offer", TEXT.removeprefix("cast-"))
    assert caught.value.code == "E-ID"


def test_padding_bits_are_zero():
    value = to_text("cast", VALUE)
    groups = value.split("-")
    groups[13] = groups[13][:3] + "J"  # sets a bit below the last byte
    with pytest.raises(LocalProtocolError, match="check group"):
        from_text("cast", "-".join(groups))


@pytest.mark.parametrize("text", ["", "cast-", "cast-U000", "cast-7Q4M!", "0" * 57, "x" * 400])
def test_what_is_no_id_is_refused_and_quoted_short(text):
    with pytest.raises(LocalProtocolError) as caught:
        normalise("cast", text)
    assert caught.value.code == "E-ID"
    assert len(caught.value.sentence) < 120


def test_a_short_text_is_a_handle():
    assert short_text("cast", VALUE) == "-".join(TEXT.split("-")[:3])
    assert matches_handle("cast", VALUE, short_text("cast", VALUE))
    assert matches_handle("cast", VALUE, short_text("cast", VALUE, 1).lower())
    assert not matches_handle("cast", VALUE, "cast-ZZZZ")


def test_too_short_to_be_whole():
    with pytest.raises(LocalProtocolError, match="length"):
        from_text("cast", short_text("cast", VALUE))
