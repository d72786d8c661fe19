"""What was committed opens, whole and unaltered, or is refused by name."""

from __future__ import annotations

import pytest

from protocol.encoding import encode
from protocol.errors import LocalProtocolError, ObjectError, Reason
from protocol.ids import blake2b_256
from protocol.market.disclosure import (
    VALUE_CHARS_MAX,
    check_opened,
    commit_fields,
    commitment,
    open_fields,
)

CAST = b"\x05" * 32
VALUES = {"name": "Ana", "address": "12 Main Street"}
SALTS = {"name": b"\x01" * 16, "address": b"\x02" * 16}
FIELDS = commit_fields(CAST, VALUES, SALTS)
OPENED = open_fields(VALUES, SALTS)


def test_a_commitment_is_the_hash_of_its_four_parts():
    expected = blake2b_256(encode([CAST, "name", b"\x01" * 16, "Ana"]))
    assert commitment(CAST, "name", b"\x01" * 16, "Ana") == expected
    assert commitment(CAST, "detail", b"\x01" * 16, {"street": "Main"}) != expected


def test_fields_stand_in_order_and_show_no_value():
    assert [field.name for field in FIELDS] == ["address", "name"]
    assert b"Ana" not in b"".join(field.hash for field in FIELDS)


def test_what_was_committed_opens():
    assert check_opened(FIELDS, OPENED, CAST) == VALUES
    assert (
        check_opened(FIELDS, {name: tuple(pair) for name, pair in OPENED.items()}, CAST) == VALUES
    )
    assert check_opened([], None, CAST) == {}
    assert check_opened([], {}, CAST) == {}


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"name": None}, Reason.MISMATCH, "opened.name"),
        ({"name": [b"\x03" * 16, "Ana"]}, Reason.MISMATCH, "opened.name"),
        ({"name": [b"\x01" * 16, "Eve"]}, Reason.MISMATCH, "opened.name"),
        ({"phone": [b"\x01" * 16, "1"]}, Reason.MISMATCH, "opened.phone"),
        ({"name": "Ana"}, Reason.BAD_SHAPE, "opened.name"),
        ({"name": [b"\x01" * 16]}, Reason.BAD_SHAPE, "opened.name"),
        ({"name": [b"\x01" * 15, "Ana"]}, Reason.BAD_SHAPE, "opened.name"),
        ({"name": ["x" * 16, "Ana"]}, Reason.BAD_SHAPE, "opened.name"),
        ({"name": [b"\x01" * 16, 5]}, Reason.BAD_SHAPE, "opened.name"),
        ({"name": [b"\x01" * 16, "x" * (VALUE_CHARS_MAX + 1)]}, Reason.OUT_OF_RANGE, "opened.name"),
    ],
)
def test_anything_else_is_refused_by_name(changes, reason, field):
    with pytest.raises(ObjectError) as caught:
        check_opened(FIELDS, {**OPENED, **changes}, CAST)
    assert (caught.value.reason, caught.value.field) == (reason, field)


@pytest.mark.parametrize("opened", [[], "x", 5, [["name", "Ana"]]])
def test_what_is_no_map_is_refused(opened):
    with pytest.raises(ObjectError) as caught:
        check_opened(FIELDS, opened, CAST)
    assert caught.value.reason is Reason.BAD_SHAPE


def test_nothing_opened_is_not_enough():
    with pytest.raises(ObjectError, match="is not opened"):
        check_opened(FIELDS, None, CAST)


def test_a_commitment_is_of_one_cast():
    with pytest.raises(ObjectError, match="differs"):
        check_opened(FIELDS, OPENED, b"\x06" * 32)


@pytest.mark.parametrize("value", ["", "x" * (VALUE_CHARS_MAX + 1)])
def test_a_person_is_told_of_a_value_that_does_not_fit(value):
    with pytest.raises(LocalProtocolError) as caught:
        commit_fields(CAST, {"name": value}, SALTS)
    assert (caught.value.code, caught.value.field) == ("E-DISCLOSE", "name")


def test_a_salt_has_sixteen_bytes():
    with pytest.raises(LocalProtocolError, match="16 bytes"):
        commitment(CAST, "name", b"\x01" * 15, "Ana")
