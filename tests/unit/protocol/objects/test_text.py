"""A signed text is read at once or value by value, and both readings are one."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec import inspect

from protocol import limits
from protocol.encoding import decode, encode
from protocol.errors import ObjectError, Reason
from protocol.objects.event import OtherEvent
from protocol.objects.header import Kind, read_header
from protocol.objects.text import BODY_TYPE, Text, body_of, read_text, typed_body
from tests.fuzz import seeds
from tests.parties import NET, make_cast, make_offer, make_profile

CAST = make_cast()
ALLOWED = (
    inspect.StrType, inspect.BytesType, inspect.IntType, inspect.BoolType, inspect.NoneType,
    inspect.LiteralType, inspect.EnumType,
)  # fmt: skip


def depth_of(kind: inspect.Type) -> int:
    """Give the containers within each other; fails on a type whose values have two spellings."""
    match kind:
        case inspect.Metadata(type=inner):
            return depth_of(inner)
        case inspect.UnionType(types=types):
            return max(map(depth_of, types))
        case inspect.ListType(item_type=inner):
            return 1 + depth_of(inner)
        case inspect.TupleType(item_types=types):
            return 1 + max(map(depth_of, types))
        case inspect.StructType(fields=fields):
            return 1 + max(depth_of(field.type) for field in fields)
        case _:
            assert isinstance(kind, ALLOWED), kind
            return 0


@pytest.mark.parametrize("kind", BODY_TYPE)
def test_what_a_type_can_hold_is_canonical_when_it_is_written(kind: Kind):
    """No float, no free key, no depth beyond the bound: else reading at once would let it in."""
    assert 1 + depth_of(inspect.type_info(BODY_TYPE[kind])) <= limits.depth_max


@pytest.mark.parametrize("name", seeds.texts_by_name())
def test_what_this_version_writes_is_read_at_once(name: str):
    signed = seeds.texts_by_name()[name]
    text = read_text(signed, net=NET)
    header, tree = read_header(decode(signed, bytes_max=len(signed)), net=NET)
    assert text.header == header
    body = typed_body(header, text.tree) if text.body is None else text.body
    assert body == typed_body(header, tree)
    is_of_this_version = not isinstance(typed_body(header, tree), OtherEvent)
    assert (text.body is not None) == (is_of_this_version and len(signed) <= limits.items_max)


def changed(**fields: Any) -> bytes:
    tree = msgspec.to_builtins(CAST.body, builtin_types=(bytes,))
    return encode(CAST.header.fields({**tree, **fields}))


@pytest.mark.parametrize("fields", [{"later": {"n": [1]}}, {"max_offers": 64}, {"award": "single"}])
def test_a_newer_key_or_a_default_spelt_out_is_read_all_the_same(fields: dict[str, Any]):
    text = read_text(changed(**fields), net=NET)
    assert text.body is None
    assert text.header == CAST.header
    assert body_of(text) == CAST.body


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"!later": 1}, Reason.MUST_UNDERSTAND, "!later"),
        ({"later": [{"!then": 1}]}, Reason.MUST_UNDERSTAND, "!then"),
        ({"title": 5}, Reason.BAD_SHAPE, "body"),
        ({"decide_by": CAST.header.exp + 1}, Reason.OUT_OF_RANGE, "decide_by"),
    ],
)
def test_a_body_is_refused_when_it_is_asked_for(fields: dict[str, Any], reason, field):
    text = read_text(changed(**fields), net=NET)
    with pytest.raises(ObjectError) as caught:
        body_of(text)
    assert (caught.value.reason, caught.value.field) == (reason, field)


def test_a_long_text_is_counted():
    offer = make_offer(CAST, make_profile())
    items = [[0] * 2_048, [0] * 2_048]
    tree = msgspec.to_builtins(offer.body, builtin_types=(bytes,)) | {"later": items}
    with pytest.raises(ObjectError) as caught:
        read_text(encode(offer.header.fields(tree)), net=NET)
    assert caught.value.reason is Reason.TOO_LARGE


def other_spellings() -> list[bytes]:
    signed = CAST.signed
    at = CAST.header.at.to_bytes(8, "big")
    assert signed.count(b"\xcf" + at) == 1
    return [
        signed.replace(b"\xcf" + at, b"\xd3" + at),  # a time as a signed integer
        b"\xdc\x00\x0c" + signed[1:],  # the long form of an array
        signed.replace(b"\xa4test", b"\xd9\x04test"),  # the long form of a text
        signed.replace(b"\xa5title", b"\xd9\x05title"),
        signed + b"\xc0",
    ]


@pytest.mark.parametrize("number", range(5))
def test_another_spelling_is_refused(number: int):
    assert NET == "test"
    bent = other_spellings()[number]
    assert bent != CAST.signed
    with pytest.raises(ObjectError) as caught:
        read_text(bent, net=NET)
    assert caught.value.reason in {Reason.NOT_CANONICAL, Reason.BAD_ENCODING}


def test_another_net_is_told():
    with pytest.raises(ObjectError) as caught:
        read_text(CAST.signed, net="other")
    assert caught.value.reason is Reason.WRONG_NETWORK


def test_the_rules_of_the_header_are_asked():
    header = msgspec.to_builtins(CAST.header.fields(None)[:-1], builtin_types=(bytes,))
    header[5] = header[4]  # expires when it is signed
    tree = msgspec.to_builtins(CAST.body, builtin_types=(bytes,))
    with pytest.raises(ObjectError) as caught:
        read_text(encode([*header, tree]), net=NET)
    assert caught.value.field == "exp"


def test_a_text_keeps_either_reading():
    assert Text(header=CAST.header, body=CAST.body).tree is None
