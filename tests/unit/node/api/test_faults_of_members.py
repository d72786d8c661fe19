"""What is wrong with a member is said in words of the house."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec
import pytest

from node.api.bodies import converted
from protocol.errors import LocalProtocolError


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Body(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=5)]
    colours: Annotated[list[Colour], msgspec.Meta(min_length=1, max_length=2)] = []
    days: Annotated[int, msgspec.Meta(ge=1, le=365)] = 1
    code: Annotated[str, msgspec.Meta(pattern="^[a-z]+$")] = "a"
    pin: Annotated[str, msgspec.Meta(min_length=4)] = "1234"
    mood: Literal["bad", "good"] | None = None
    kept: dict[str, Colour] = {}
    weight: str | int = 1


@pytest.mark.parametrize(
    ("change", "sentence", "fix"),
    [
        ({"name": ""}, "name is empty", "Correct name: at least 1 character"),
        ({"name": "sixsix"}, "name is too long", "Correct name: at most 5 characters"),
        ({"name": 5}, "name is a whole number, not a text", "Correct name: give a text"),
        ({"pin": "1"}, "pin is too short", "Correct pin: at least 4 characters"),
        ({"colours": []}, "colours is empty", "Correct colours: at least 1 entry"),
        ({"colours": ["red"] * 3}, "colours is too long", "Correct colours: at most 2 entries"),
        ({"colours": ["x"]}, "colours[0] is 'x'", "Correct colours[0]: red, blue"),
        ({"kept": {"a": "x"}}, "kept[...] is 'x'", "Correct kept[...]: red, blue"),
        ({"mood": "x"}, "mood is 'x'", "Correct mood: bad, good"),
        ({"days": 0}, "days is below its range", "Correct days: at least 1"),
        ({"days": 366}, "days is above its range", "Correct days: at most 365"),
        ({"days": "7"}, "days is a text, not a whole number", "Correct days: give a whole number"),
        ({"code": "1"}, "code is not written as it must be", "Correct code"),
        ({"weight": []}, "weight is a list, not ", "Correct weight: give "),
    ],
)
def test_a_wrong_member(change: dict[str, Any], sentence: str, fix: str):
    with pytest.raises(LocalProtocolError) as caught:
        converted({"name": "a", **change}, Body)
    assert caught.value.sentence.startswith(sentence)
    assert caught.value.fix.startswith(fix)


def test_a_body_that_lacks_something_or_is_none():
    with pytest.raises(LocalProtocolError) as caught:
        converted({}, Body)
    assert caught.value.sentence == "'name' is missing"
    assert caught.value.fix.startswith("Known: name, colours")
    with pytest.raises(LocalProtocolError) as caught:
        converted([], Body)
    assert caught.value.sentence == "the body is a list, not an object"
