"""Values in one column."""

from __future__ import annotations

import pytest

from node.errors import StorageError
from node.storage.columns import hex_list, json_text, read_hex_list, read_json


def test_lists_of_keys_come_back():
    keys = (b"\0" * 32, b"\xff" * 32, b"")
    assert read_hex_list(hex_list(keys)) == keys
    assert read_hex_list(hex_list([])) == ()


@pytest.mark.parametrize("text", ["", "[", '["0"]', "[1]", "1", '{"a": '])
def test_a_damaged_list_is_said(text: str):
    with pytest.raises(StorageError) as refused:
        read_hex_list(text)
    assert refused.value.code == "E-DB-DAMAGED"


def test_structures_come_back():
    value = {"a": [1, None, "ü"], "b": {"c": True}}
    assert read_json(json_text(value)) == value
    with pytest.raises(StorageError):
        read_json("{")
    with pytest.raises(TypeError):
        json_text({1, 2})
