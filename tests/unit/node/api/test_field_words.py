"""Fields are described where they stand."""

from __future__ import annotations

import sys
import types

import msgspec

from node.api.documents.recovery import HeldView, ReopenedView
from node.api.field_words import field_words


class Plain(msgspec.Struct, rename={"size": "bytes"}):
    """A record."""

    size: int = 0
    """How large,
    in bytes.
    """
    bare: int = 0
    last: int = 0


def test_the_words_beneath_a_field_go_by_its_name_in_json():
    assert field_words(Plain) == {"bytes": "How large,\nin bytes."}


def test_what_is_inherited_is_described_too():
    assert field_words(ReopenedView).items() > field_words(HeldView).items()


def test_a_record_without_source_is_not_described(monkeypatch):
    monkeypatch.setitem(sys.modules, "sourceless", types.ModuleType("sourceless"))
    made = msgspec.defstruct("Made", [("x", int)], module="sourceless")
    assert field_words(made) == {}
