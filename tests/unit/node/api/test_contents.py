"""The list of operations: each described, named once, and asked for a scope."""

from __future__ import annotations

import re
from typing import get_args, get_type_hints

import msgspec

from node.api.contents import OPERATIONS
from node.api.field_words import field_words
from node.api.openapi import records, structs
from node.api.operations import JSON, Scope

ANSWERS_A_BODY = {"verify_agreement"}
"""A question too long for an address: it changes nothing."""
OF_THE_DOOR = {"log_in", "log_out", "list_tokens"}
"""A login needs no scope, a logout none but to be in; who else may ask is the owner's business."""


def test_every_operation_is_described_and_named_once():
    assert len({each.name for each in OPERATIONS}) == len(OPERATIONS)
    assert len({(each.method, each.path) for each in OPERATIONS}) == len(OPERATIONS)
    for each in OPERATIONS:
        assert each.summary.endswith(".")
        assert each.name.isidentifier()


def test_every_operation_says_what_it_takes_and_gives():
    """Each answer has a record, or is no JSON; each body has one, or is bytes."""
    for each in OPERATIONS:
        is_json = each.answer_media == JSON
        assert (each.answer is not None) == is_json, each.name
        kinds = [kind for kind in (each.query, each.body, each.answer) if kind not in {None, bytes}]
        assert all(issubclass(kind, msgspec.Struct) for kind in kinds), each.name


def test_no_two_records_share_a_tag():
    found: dict[str, set[type]] = {}
    for each in OPERATIONS:
        hints = get_type_hints(each.answer) if each.answer else {}
        for tag in get_args(hints.get("schema")):
            assert re.fullmatch(r"intentcast\.[a-z-]+/[0-9]+", tag)
            found.setdefault(tag, set()).add(each.answer)
    assert all(len(kinds) == 1 for kinds in found.values())


def test_every_member_of_every_record_is_described():
    kinds = [each.query for each in OPERATIONS]
    kinds += [kind for each in OPERATIONS for kind in records(each)]
    for cls in structs(kinds):
        names = {field.encode_name for field in msgspec.structs.fields(cls)}
        assert set(field_words(cls)) == names, cls


def test_what_changes_something_needs_more_than_reading():
    assert [each.name for each in OPERATIONS if each.scope is None] == ["live", "ready", "log_in"]
    for each in OPERATIONS:
        is_reading = each.method == "GET"
        if each.name not in OF_THE_DOOR | ANSWERS_A_BODY:
            assert (each.scope in {Scope.READ, None}) == is_reading
        assert (each.body is None) == is_reading
