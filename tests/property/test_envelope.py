"""Any bytes give an object or `RemoteProtocolError`; no bent byte of a good one ever verifies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import limits, sealing
from protocol.encoding import decode, encode
from protocol.errors import RemoteProtocolError
from protocol.objects.agreement import BUNDLE_BYTES_MAX, read_bundle
from protocol.objects.envelope import check_work, open_stored, read_candidate, read_header_of
from protocol.objects.header import Kind
from tests.parties import NET, buyer_ana, forged, make_agreement, tree_of

AGREEMENT = make_agreement()
PARTS = AGREEMENT.parts()
BUNDLE = AGREEMENT.bundle()
NAMES = ("bundle", "cast", "profile", "offer", "acceptance", "confirmed", "agreed")
SEED = b"\x01" * 32
SEALED = sealing.seal(PARTS[2].raw, sealing.box_public_key(SEED), b"\x02" * 32)

keys = st.text(max_size=8)
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.binary(max_size=40)
    | st.text(max_size=40)
)
trees = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=25,
)
parts = st.sampled_from(PARTS)


def read(parser, raw):
    """Run a parser: True when it found a value, False when it refused as it may."""
    try:
        parser(raw)
    except RemoteProtocolError:
        return False
    return True


def as_bytes(raw):
    return decode(raw, bytes_max=1 << 20)


def as_envelope(raw):
    return open_stored(raw, net=NET)


def as_header(raw):
    candidate = read_candidate(raw, peer=None, bytes_max=limits.public_bytes_max)
    check_work(candidate, read_header_of(candidate, net=NET))


def as_letter(raw):
    return sealing.open_sealed(raw, SEED)


PARSERS = {
    "bytes": (as_bytes, BUNDLE),
    "envelope": (as_envelope, PARTS[0].raw),
    "header": (as_header, PARTS[0].raw),
    "bundle": (read_bundle, BUNDLE),
    "letter": (as_letter, SEALED),
}
every_parser = pytest.mark.parametrize(("parser", "good"), PARSERS.values(), ids=PARSERS.keys())


@every_parser
@given(raw=st.binary(max_size=400) | trees.map(encode))
def test_any_bytes_give_a_value_or_a_refusal(parser, good, raw):
    read(parser, raw)


@every_parser
def test_a_whole_text_is_read_and_none_cut_short_is(parser, good):
    assert read(parser, good)
    step = 1 if len(good) < 1_000 else 7
    assert not any(read(parser, good[:cut]) for cut in range(0, len(good), step))


@every_parser
@given(tail=st.binary(min_size=1, max_size=20))
def test_a_tail_is_refused(parser, good, tail):
    assert not read(parser, good + tail)


@given(trees)
def test_what_is_written_is_read(tree):
    raw = encode(tree)
    assert decode(raw, bytes_max=len(raw)) == tree
    assert encode(decode(raw, bytes_max=len(raw))) == raw


@given(st.binary(max_size=200))
def test_what_is_read_has_one_spelling(raw):
    if read(as_bytes, raw):
        assert encode(as_bytes(raw)) == raw


@given(st.sampled_from(list(Kind)), trees, st.booleans())
def test_any_signed_body_gives_an_object_or_a_refusal(kind, tree, sealed):
    body = tree if isinstance(tree, dict) else {"a": tree}
    facts = {"to": b"\x05" * 32} if sealed else {"target": 12}
    raw = forged(
        kind, body, buyer_ana, thread=None if kind is Kind.PROFILE else b"\x06" * 32, **facts
    )
    read(as_envelope, raw)


@given(parts, st.data())
def test_a_body_with_one_thing_changed_gives_an_object_or_a_refusal(part, data):
    tree = tree_of(part.body)
    tree[data.draw(st.sampled_from(sorted(tree)))] = data.draw(trees)
    header = part.header
    facts = {"at": header.at, "exp": header.exp, "to": header.to, "thread": header.thread}
    raw = forged(header.kind, tree, buyer_ana, target=header.target, **facts)
    read(as_envelope, raw)


@given(parts, st.data())
def test_a_bent_envelope_is_never_the_same_object(part, data):
    raw = bytearray(part.raw)
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    try:
        bent = open_stored(bytes(raw), net=NET)
    except RemoteProtocolError:
        return
    # Work stands outside the signature: a bent nonce is another copy of the same object.
    assert part.header.public
    assert (bent.id, bent.signed, bent.signature) == (part.id, part.signed, part.signature)
    assert bent.raw != part.raw


@given(st.data())
def test_a_bent_agreement_fails_and_names_an_object(data):
    raw = bytearray(BUNDLE)
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(RemoteProtocolError) as caught:
        read_bundle(bytes(raw))
    assert caught.value.field.split(".")[0] in NAMES


@given(st.data())
def test_a_bent_letter_does_not_open(data):
    raw = bytearray(SEALED)
    at = data.draw(st.integers(0, len(raw) - 1))
    # Bit 255 of an X25519 key is ignored by its definition, so that one flip is the same key.
    mask = data.draw(st.integers(1, 127 if at == 31 else 255))
    raw[at] ^= mask
    assert not read(as_letter, bytes(raw))


@given(st.permutations(range(6)), st.integers(0, 6))
def test_objects_in_another_order_or_number_are_no_agreement(order, count):
    pairs = [[PARTS[i].signed, PARTS[i].signature] for i in order][:count]
    raw = encode(pairs)
    assert len(raw) <= BUNDLE_BYTES_MAX
    in_order = list(order[:count]) == list(range(count))
    assert read(read_bundle, raw) == (in_order and count >= 5)
