"""An agreement is checked whole, offline, for ever; a fault is named by its object."""

from __future__ import annotations

import dataclasses

import pytest

from protocol import signing
from protocol.encoding import decode, encode
from protocol.errors import ObjectError, Reason, SignatureError
from protocol.ids import blake2b_256
from protocol.objects.agreement import (
    BUNDLE_BYTES_MAX,
    Agreement,
    check_agreement,
    read_bundle,
)
from protocol.objects.header import Kind
from tests.parties import (
    NOW_MS,
    Party,
    buyer_ana,
    forged,
    make_acceptance,
    make_agreed,
    make_agreement,
    make_cast,
    make_confirmed,
    make_offer,
    make_profile,
    tree_of,
    vendor_bo,
)

WHOLE = make_agreement()
OPEN = dataclasses.replace(WHOLE, agreed=None)
NAMES = ("cast", "profile", "offer", "acceptance", "confirmed", "agreed")


def refused(raw):
    with pytest.raises(ObjectError) as caught:
        read_bundle(raw)
    return caught.value.reason, caught.value.field


def rebuilt(**parts):
    return dataclasses.replace(WHOLE, **parts)


def test_a_bundle_reads_as_it_was_written():
    read = read_bundle(WHOLE.bundle())
    assert read.bundle() == WHOLE.bundle()
    assert read.id == WHOLE.id == blake2b_256(*(part.id for part in WHOLE.parts()))
    assert bytes(read.deal_id) == bytes(WHOLE.acceptance.id)
    assert read.net == "test"


def test_options_are_part_of_it():
    assert read_bundle(make_agreement(options=[2]).bundle()).acceptance.body.total == 28_500


def test_an_amended_cast_keeps_the_thread_of_its_root():
    root, profile = make_cast(), make_profile()
    cast = make_cast(header={"thread": root.id}, supersedes=root.id, title="Camera, red")
    offer = make_offer(cast, profile)
    acceptance = make_acceptance(offer)
    confirmed = make_confirmed(acceptance)
    agreement = rebuilt(
        cast=cast,
        profile=profile,
        offer=offer,
        acceptance=acceptance,
        confirmed=confirmed,
        agreed=make_agreed(confirmed, acceptance),
    )
    assert read_bundle(agreement.bundle()).cast.id == cast.id


def test_without_the_acknowledgement_it_has_no_id():
    read = read_bundle(OPEN.bundle())
    assert read.id is None
    assert read.agreed is None
    assert len(read.parts()) == 5


def test_work_is_no_part_of_it():
    pairs = decode(WHOLE.bundle(), bytes_max=BUNDLE_BYTES_MAX)
    assert [len(pair) for pair in pairs] == [2] * 6


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", Reason.BAD_ENCODING),
        (b"\xc0", Reason.BAD_SHAPE),
        (encode([]), Reason.BAD_SHAPE),
        (encode([[b"", b""]] * 4), Reason.BAD_SHAPE),
        (encode([[b"", b""]] * 7), Reason.BAD_SHAPE),
        (WHOLE.bundle() + b"\0", Reason.BAD_ENCODING),
        (b"\xdc\x00\x06" + WHOLE.bundle()[1:], Reason.NOT_CANONICAL),
        (b"\xc0" * (BUNDLE_BYTES_MAX + 1), Reason.TOO_LARGE),
    ],
)
def test_what_is_no_bundle_says_so(raw, reason):
    assert refused(raw) == (reason, "bundle")


@pytest.mark.parametrize("pair", [None, [], [b"x"], [b"x", b"y", b"z"], ["x", b"y"], b"x"])
def test_a_bundle_holds_pairs(pair):
    pairs = [[part.signed, part.signature] for part in WHOLE.parts()]
    assert refused(encode([pairs[0], pair, *pairs[2:]])) == (Reason.BAD_SHAPE, "bundle.profile")


@pytest.mark.parametrize("at", range(6))
def test_a_broken_signature_names_its_object(at):
    pairs = [[part.signed, part.signature] for part in WHOLE.parts()]
    pairs[at][1] = bytes(64)
    assert refused(encode(pairs)) == (Reason.BAD_SIGNATURE, NAMES[at])


@pytest.mark.parametrize("at", range(6))
def test_an_object_of_another_kind_names_its_place(at):
    pairs = [[part.signed, part.signature] for part in WHOLE.parts()]
    pairs[at] = pairs[(at + 1) % 6]
    reason, field = refused(encode(pairs))
    assert field.split(".")[0] == NAMES[at]
    assert reason is Reason.MISMATCH


def test_signed_bytes_that_are_no_object_name_their_place():
    pairs = [[part.signed, part.signature] for part in WHOLE.parts()]
    for bad in (
        b"\xc1",
        encode([]),
        encode([1]),
        encode([1, ""]),
        encode([1, "x" * 33]),
        encode([1, 5]),
    ):
        pairs[0][0] = bad
        assert refused(encode(pairs))[1].split(".")[0] == "cast"


def test_one_network_for_all():
    cast, profile = make_cast(header={"net": "other"}), make_profile()
    mixed = rebuilt(cast=cast, profile=profile)
    assert refused(mixed.bundle()) == (Reason.WRONG_NETWORK, "profile.net")


def test_an_empty_network_is_none():
    raw = forged(Kind.INTENTCAST, tree_of(WHOLE.cast.body), buyer_ana, net="", target=10)
    signed, signature, _ = decode(raw, bytes_max=8192)
    pairs = [[part.signed, part.signature] for part in WHOLE.parts()]
    assert refused(encode([[signed, signature], *pairs[1:]])) == (Reason.BAD_SHAPE, "cast.net")


def test_a_weak_key_signs_no_agreement(monkeypatch):
    def weak(key):
        if key == vendor_bo.key:
            raise SignatureError(Reason.BAD_KEY, "weak")

    monkeypatch.setattr(signing, "check_key", weak)
    assert refused(WHOLE.bundle()) == (Reason.BAD_KEY, "profile")


CY = Party("vendor_cy")
OTHER_CAST = make_cast(title="Something else")
OTHER_PROFILE = make_profile(by=CY)


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        ({"cast": OTHER_CAST}, "offer.cast"),
        ({"profile": OTHER_PROFILE}, "offer.profile"),
        ({"profile": make_profile(name="Bo, renamed")}, "offer.profile"),
        ({"offer": make_offer(WHOLE.cast, WHOLE.profile, note="another")}, "acceptance.offer"),
        ({"offer": make_offer(WHOLE.cast, WHOLE.profile, by=CY)}, "offer.key"),
        ({"offer": make_offer(WHOLE.cast, WHOLE.profile, header={"to": CY.key})}, "offer.to"),
        (
            {"offer": make_offer(WHOLE.cast, WHOLE.profile, header={"thread": bytes(32)})},
            "offer.thread",
        ),
        ({"acceptance": make_acceptance(WHOLE.offer, slot=None)}, "confirmed.of"),
        ({"acceptance": make_acceptance(WHOLE.offer, cur="EUR")}, "acceptance.cur"),
        ({"confirmed": make_confirmed(WHOLE.acceptance, header={"at": NOW_MS})}, "agreed.of"),
        ({"confirmed": make_confirmed(WHOLE.acceptance, review_key=bytes(32))}, "confirmed.of"),
        ({"agreed": make_agreed(WHOLE.confirmed, WHOLE.acceptance, fields=[])}, "agreed.fields"),
        ({"agreed": make_agreed(WHOLE.confirmed, WHOLE.acceptance, of=bytes(32))}, "agreed.of"),
        (
            {"agreed": make_agreed(WHOLE.confirmed, WHOLE.acceptance, header={"to": CY.key})},
            "agreed",
        ),
    ],
)
def test_every_object_fits_the_ones_before_it(parts, field):
    changed = rebuilt(**parts)
    with pytest.raises(ObjectError) as caught:
        check_agreement(changed)
    assert caught.value.field == field
    assert refused(changed.bundle())[1] == field


def test_the_sentence_does_not_repeat_the_field():
    with pytest.raises(ObjectError) as caught:
        check_agreement(rebuilt(cast=OTHER_CAST))
    assert str(caught.value) == "mismatch: offer.cast: does not fit the objects before it"


def test_the_rebuilt_bytes_are_compared(monkeypatch):
    raw = WHOLE.bundle()
    monkeypatch.setattr(Agreement, "bundle", lambda _self: raw[:-1])
    assert refused(raw) == (Reason.NOT_CANONICAL, "bundle")
