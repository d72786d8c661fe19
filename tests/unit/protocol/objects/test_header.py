"""The fields around every body: shapes, lives, and who is named."""

from __future__ import annotations

import msgspec
import pytest

from protocol import limits
from protocol.errors import ObjectError, Reason
from protocol.now import DAY_MS, MINUTE_MS
from protocol.objects.header import Header, Kind, check_header, life_ms_max, read_header

AT = 30_000_000 * MINUTE_MS
KEY, OTHER, ROOT = b"\x01" * 32, b"\x02" * 32, b"\x03" * 32
CAST = Header(
    net="test",
    kind=Kind.INTENTCAST,
    key=KEY,
    at=AT,
    exp=AT + DAY_MS,
    to=None,
    thread=None,
    prev=None,
    target=10,
)
OFFER = msgspec.structs.replace(CAST, kind=Kind.OFFER, to=OTHER, thread=ROOT, target=0)
BODY = {"a": 1}
V, NET, KIND, KEY_AT, AT_AT, EXP, TO, THREAD, PREV, BY, TARGET, BODY_AT = range(12)


def refused(fields, net="test"):
    with pytest.raises(ObjectError) as caught:
        read_header(fields, net=net)
    return caught.value.reason, caught.value.field


def test_what_is_written_is_read():
    for header in (CAST, OFFER, msgspec.structs.replace(OFFER, prev=ROOT)):
        assert read_header(header.fields(BODY), net="test") == (header, BODY)


def test_public_is_without_recipient():
    assert CAST.public
    assert not OFFER.public


@pytest.mark.parametrize("fields", [None, {}, [], CAST.fields(BODY)[:11], [*CAST.fields(BODY), 1]])
def test_a_text_has_twelve_fields(fields):
    assert refused(fields)[0] is Reason.BAD_SHAPE


@pytest.mark.parametrize(
    ("at", "value", "reason", "field"),
    [
        (V, 2, Reason.WRONG_VERSION, "v"),
        (V, "1", Reason.WRONG_VERSION, "v"),
        (V, True, Reason.WRONG_VERSION, "v"),
        (NET, "main", Reason.WRONG_NETWORK, "net"),
        (NET, "", Reason.BAD_SHAPE, "net"),
        (NET, "x" * 33, Reason.BAD_SHAPE, "net"),
        (NET, b"test", Reason.BAD_SHAPE, "net"),
        (KIND, "pool", Reason.UNKNOWN_KIND, "kind"),
        (KIND, 5, Reason.UNKNOWN_KIND, "kind"),
        (KIND, [], Reason.UNKNOWN_KIND, "kind"),
        (KEY_AT, b"short", Reason.BAD_SHAPE, "key"),
        (KEY_AT, "x" * 32, Reason.BAD_SHAPE, "key"),
        (KEY_AT, None, Reason.BAD_SHAPE, "key"),
        (AT_AT, -1, Reason.BAD_SHAPE, "at"),
        (AT_AT, 2**52 + 1, Reason.BAD_SHAPE, "at"),
        (AT_AT, True, Reason.BAD_SHAPE, "at"),
        (AT_AT, AT + 1, Reason.OUT_OF_RANGE, "at"),
        (EXP, None, Reason.BAD_SHAPE, "exp"),
        (EXP, AT, Reason.OUT_OF_RANGE, "exp"),
        (EXP, AT + limits.cast_ttl_ms_max + 1, Reason.OUT_OF_RANGE, "exp"),
        (TO, b"short", Reason.BAD_SHAPE, "to"),
        (TO, OTHER, Reason.BAD_SHAPE, "to"),
        (THREAD, 5, Reason.BAD_SHAPE, "thread"),
        (PREV, b"", Reason.BAD_SHAPE, "prev"),
        (BY, OTHER, Reason.MUST_UNDERSTAND, "by"),
        (TARGET, -1, Reason.BAD_SHAPE, "target"),
        (TARGET, 65, Reason.OUT_OF_RANGE, "target"),
        (BODY_AT, [], Reason.BAD_SHAPE, "body"),
    ],
)
def test_each_field_has_its_form(at, value, reason, field):
    fields = CAST.fields(BODY)
    fields[at] = value
    assert refused(fields) == (reason, field)


@pytest.mark.parametrize(
    ("header", "changes", "field"),
    [
        (OFFER, {"to": None}, "to"),
        (OFFER, {"thread": None}, "thread"),
        (OFFER, {"target": 1}, "target"),
        (OFFER, {"exp": AT + limits.long_ttl_ms_max + 1}, "exp"),
        (CAST, {"kind": Kind.PROFILE, "thread": ROOT}, "thread"),
        (CAST, {"kind": Kind.PROFILE, "to": OTHER, "target": 0}, "to"),
        (CAST, {"kind": Kind.REVOKE}, "thread"),
        (CAST, {"kind": Kind.EVENT, "thread": ROOT}, "to"),
    ],
)
def test_each_kind_stands_in_its_place(header, changes, field):
    with pytest.raises(ObjectError) as caught:
        check_header(msgspec.structs.replace(header, **changes))
    assert caught.value.field == field


def test_a_revoke_may_be_public_or_sealed():
    check_header(msgspec.structs.replace(CAST, kind=Kind.REVOKE, thread=ROOT))
    check_header(msgspec.structs.replace(OFFER, kind=Kind.REVOKE))


def test_a_sealed_object_may_say_the_very_millisecond():
    check_header(msgspec.structs.replace(OFFER, at=AT + 1))


@pytest.mark.parametrize(
    ("kind", "public", "life"),
    [
        (Kind.INTENTCAST, True, limits.cast_ttl_ms_max),
        (Kind.REVOKE, True, limits.cast_ttl_ms_max),
        (Kind.REVOKE, False, limits.long_ttl_ms_max),
        (Kind.PROFILE, True, limits.long_ttl_ms_max),
        (Kind.OFFER, False, limits.long_ttl_ms_max),
    ],
)
def test_lives(kind, public, life):
    assert life_ms_max(kind, public=public) == life
