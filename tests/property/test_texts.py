"""The quick readers of canonical bytes and the slow ones tell the same about any bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgpack
from hypothesis import given
from hypothesis import strategies as st

from protocol import limits
from protocol.encoding import decode, encode
from protocol.errors import ObjectError, Reason, RemoteProtocolError
from protocol.objects import text
from protocol.objects.header import read_header
from protocol.objects.text import read_text, typed_body
from tests.fuzz import seeds
from tests.parties import NET

TEXTS = seeds.texts()
junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.binary(max_size=40)
    | st.text(max_size=40),
    lambda inner: (
        st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=8), inner, max_size=5)
    ),
    max_leaves=25,
)


@st.composite
def bent(draw: st.DrawFn) -> bytes:
    """A good text with some bytes changed, left out or put in."""
    raw = bytearray(draw(st.sampled_from(TEXTS)))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(raw) - 1))
        raw[at : at + draw(st.integers(0, 2))] = draw(st.binary(max_size=3))
        if not raw:
            break
    return bytes(raw)


@st.composite
def edited(draw: st.DrawFn) -> bytes:
    """A good text with one value changed, canonical all the same."""
    fields = decode(draw(st.sampled_from(TEXTS)), bytes_max=limits.sealed_bytes_max)
    at = draw(st.integers(0, len(fields) - 1))
    node, key = fields, at
    while draw(st.booleans()) and isinstance(node[key], dict | list) and node[key]:
        node = node[key]
        key = draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
    node[key] = draw(junk)
    return encode(fields)


def told(act: Any, *facts: Any, **named: Any) -> Any:
    try:
        return act(*facts, **named)
    except RemoteProtocolError as error:
        return (error.reason, error.field)


def sorted_map(pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    if any(type(key) is not str for key in keys) or keys != sorted(set(keys)):
        raise ObjectError(Reason.NOT_CANONICAL)
    return dict(pairs)


def values_of(value: Any, depth: int = 1) -> Iterator[Any]:
    yield value
    if isinstance(value, list | dict):
        if depth > limits.depth_max:
            raise ObjectError(Reason.TOO_DEEP)
        for child in value if isinstance(value, list) else value.values():
            yield from values_of(child, depth + 1)


def read_slowly(raw: bytes) -> Any:
    """Read as docs/protocol/02-canonical-bytes.md says, by another library than the product."""
    value = msgpack.unpackb(raw, object_pairs_hook=sorted_map, max_bin_len=1 << 20)
    values = list(values_of(value))
    known = {str, bytes, int, bool, type(None), list, dict}
    if len(values) > limits.items_max or not known.issuperset(map(type, values)):
        raise ObjectError(Reason.NOT_CANONICAL)
    if msgpack.packb(value) != raw:
        raise ObjectError(Reason.NOT_CANONICAL)
    return value


def slowly(signed: bytes, net: str) -> Any:
    header, body = read_header(decode(signed, bytes_max=limits.sealed_bytes_max), net=net)
    return header, told(typed_body, header, body)


def at_once(signed: bytes, net: str) -> Any:
    found = read_text(signed, net=net)
    body = found.body
    return found.header, told(typed_body, found.header, found.tree) if body is None else body


@given(st.binary(max_size=300) | bent() | edited())
def test_bytes_are_read_as_another_library_reads_them(raw: bytes):
    try:
        read = repr(decode(raw, bytes_max=limits.sealed_bytes_max))
    except ObjectError:
        read = "refused"
    try:
        again = repr(read_slowly(raw))
    except Exception:  # noqa: BLE001 - that library raises errors of many kinds
        again = "refused"
    # Equal values may differ in type: True is 1.
    assert read == again


@given(bent() | edited())
def test_signed_texts_are_read_alike(signed: bytes):
    assert repr(told(at_once, signed, NET)) == repr(told(slowly, signed, NET))


@given(edited())
def test_what_is_read_at_once_is_canonical(signed: bytes):
    if text._read_at_once(signed, NET) is not None:
        assert encode(decode(signed, bytes_max=len(signed))) == signed
