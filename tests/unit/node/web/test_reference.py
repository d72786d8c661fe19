"""The reference of the API says what the description says."""

from __future__ import annotations

import pytest

from node.api.contents import OPERATIONS
from node.web.reference import _kind, reference


def test_every_operation_and_every_record_is_there():
    found = reference()
    calls = {(call.method, call.path) for chapter in found.chapters for call in chapter.calls}
    assert calls == {(each.method, each.path) for each in OPERATIONS}
    names = {record.name for record in found.records}
    for chapter in found.chapters:
        for call in chapter.calls:
            assert {name for _, _, name in call.answers if name} <= names
            assert not call.body or call.body in names
            assert call.answers, call.name
    linked = {each.record for record in found.records for each in record.members if each.record}
    assert linked <= names


def test_a_call_is_told_whole():
    calls = {call.name: call for chapter in reference().chapters for call in chapter.calls}
    hold = calls["hold_offer"]
    assert (hold.scope, hold.body) == ("accept", "HoldBody")
    assert [each.name for each in hold.parameters] == ["handle"]
    assert hold.answers == (("200", "application/json", "HoldDocument"),)
    assert any(status == "409" and "rule" in words for status, words in hold.refusals)


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({}, "anything"),
        ({"type": "string", "maxLength": 5}, "text, at most 5 characters"),
        ({"type": "integer", "minimum": 0, "maximum": 9}, "whole number, from 0, to 9"),
        ({"type": "array", "items": {"type": "boolean"}}, "list of true or false"),
        ({"type": "object", "additionalProperties": {"type": "string"}}, "map of text"),
        ({"type": "object", "additionalProperties": False}, "object"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "text or null"),
        ({"enum": ["a", "b"]}, "`a`, `b`"),
        ({"const": "x"}, "`x`"),
        ({"$ref": "#/components/schemas/Offer"}, "Offer"),
        ({"type": "number", "default": 1.5}, "number, default 1.5"),
        ({"description": "free"}, "anything"),
    ],
)
def test_kinds_in_words(schema: dict, words: str):
    assert _kind(schema) == words
