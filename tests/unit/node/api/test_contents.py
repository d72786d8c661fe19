"""The list of operations: each described, named once, and asked for a scope."""

from __future__ import annotations

from node.api.contents import OPERATIONS
from node.api.operations import Scope

OF_THE_DOOR = {"log_in", "log_out", "list_tokens"}
"""A login needs no scope, a logout none but to be in; who else may ask is the owner's business."""


def test_every_operation_is_described_and_named_once():
    assert len({each.name for each in OPERATIONS}) == len(OPERATIONS)
    assert len({(each.method, each.path) for each in OPERATIONS}) == len(OPERATIONS)
    for each in OPERATIONS:
        assert each.summary.endswith(".")
        assert each.name.isidentifier()


def test_what_changes_something_needs_more_than_reading():
    assert [each.name for each in OPERATIONS if each.scope is None] == ["live", "log_in"]
    for each in OPERATIONS:
        is_reading = each.method == "GET"
        if each.name not in OF_THE_DOOR:
            assert (each.scope in {Scope.READ, None}) == is_reading
        assert (each.body is None) == is_reading
