"""Cases of signed objects: envelopes as they travel, and agreements as they are kept.

Enters: the two parties of the tests. Leaves: cases for `generate_vectors.py`. An envelope is judged
in the order of docs/protocol/03-envelope.md: split, header, work, signature, body; no clock.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import msgspec

from protocol import limits
from protocol.encoding import decode, encode
from protocol.errors import Reason
from protocol.ids import blake2b_256
from protocol.now import MINUTE_MS
from protocol.objects.agreement import Agreement
from protocol.objects.envelope import Verified, open_stored
from protocol.objects.event import Moved
from protocol.objects.header import Kind
from protocol.objects.revoke import Revoke
from scripts.vector_cases import Case, invalid, valid
from tests.parties import (
    NET,
    NOW_MS,
    Party,
    buyer_ana,
    forged,
    make_acceptance,
    make_agreed,
    make_agreement,
    make_cast,
    make_confirmed,
    make_event,
    make_offer,
    make_profile,
    signed,
    tree_of,
    vendor_bo,
)

ENVELOPE_NOTES = {
    "Split": "The three parts of an envelope are not told apart strictly.",
    "Header": "A signed field is not held to its form or to its kind.",
    "Work": "A public object is carried that does not pay, or a sealed one that does.",
    "Signature": "A signature is taken for another text, key or kind.",
    "Body": "A body is not held to its kind's form, limits or arithmetic.",
    "Extension": "Unknown fields are refused, or one that must be understood is ignored.",
}
AGREEMENT_NOTES = {
    "Shape": "Something that is no bundle is taken for one.",
    "Signature": "An object whose signature does not hold is taken.",
    "Chain": "Objects of different deals are taken for one agreement.",
    "Order": "Objects out of order, or of another kind, are taken.",
}


def _given(raw: bytes, net: str = NET) -> Case:
    return {"net": net, "envelope": raw.hex()}


def _facts(verified: Verified[Any]) -> Case:
    return {
        "id": verified.id.hex(),
        "kind": verified.header.kind.value,
        "key": verified.header.key.hex(),
        "signed": verified.signed.hex(),
        "signature": verified.signature.hex(),
        "target": verified.header.target,
    }


def envelopes() -> Iterator[Case]:
    """Cases of one envelope read at the gate."""
    whole = make_agreement()
    for part in whole.parts():
        yield valid(f"an {part.header.kind.value}", _given(part.raw), _facts(part))
    revoke = _revoke(whole.cast)
    yield valid("a revoke", _given(revoke.raw), _facts(revoke))
    moved = make_event(buyer_ana, Moved(of=whole.offer.id, reply=buyer_ana.reply()), whole.offer)
    yield valid("an event: moved", _given(moved.raw), _facts(moved))
    yield from _splits(whole.cast)
    yield from _headers(whole)
    yield from _works(whole)
    yield from _signatures(whole)
    yield from _bodies(whole)


def _revoke(cast: Verified[Any]) -> Verified[Any]:
    header = msgspec.structs.replace(cast.header, kind=Kind.REVOKE, thread=cast.id)
    return open_stored(signed(header, Revoke(target=cast.id), buyer_ana.seed("sign")), net=NET)


def _splits(cast: Verified[Any]) -> Iterator[Case]:
    for comment, raw, reason in (
        ("two parts", encode([cast.signed, cast.signature]), Reason.BAD_SHAPE),
        ("a map", encode({"a": 1}), Reason.BAD_SHAPE),
        ("signed text that is text", encode(["x", cast.signature, None]), Reason.BAD_SHAPE),
        ("63 bytes of signature", encode([b"x", bytes(63), None]), Reason.BAD_SHAPE),
        ("7 bytes of work", encode([b"x", bytes(64), bytes(7)]), Reason.BAD_SHAPE),
        ("a tail", cast.raw + b"\0", Reason.BAD_ENCODING),
        ("cut short", cast.raw[:-1], Reason.BAD_ENCODING),
        ("a long form around it", b"\xdc\x00\x03" + cast.raw[1:], Reason.NOT_CANONICAL),
    ):
        yield invalid(comment, _given(raw), reason, "Split")


def _headers(whole: Agreement) -> Iterator[Case]:
    offer = whole.offer
    yield invalid("another network", _given(offer.raw, "main"), Reason.WRONG_NETWORK, "Header")
    fields = decode(offer.signed, bytes_max=limits.sealed_bytes_max)
    for comment, at, value, reason in (
        ("version 2", 0, 2, Reason.WRONG_VERSION),
        ("an unknown kind", 2, "pledge", Reason.UNKNOWN_KIND),
        ("a short key", 3, b"short", Reason.BAD_SHAPE),
        ("a time before 1970", 4, -1, Reason.BAD_SHAPE),
        ("expiry before signing", 5, offer.header.at, Reason.OUT_OF_RANGE),
        ("an offer to nobody", 6, None, Reason.BAD_SHAPE),
        ("an offer in no thread", 7, None, Reason.BAD_SHAPE),
        ("a delegation", 9, bytes(32), Reason.MUST_UNDERSTAND),
        ("work in a sealed object", 10, 8, Reason.OUT_OF_RANGE),
        ("a body that is a list", 11, [], Reason.BAD_SHAPE),
    ):
        changed = [*fields[:at], value, *fields[at + 1 :]]
        raw = encode([encode(changed), offer.signature, None])
        yield invalid(comment, _given(raw), reason, "Header")
    cast = tree_of(whole.cast.body)
    for comment, header in (
        ("a public object with seconds", {"at": NOW_MS + 1}),
        ("a cast of 61 days", {"exp": NOW_MS + 61 * 1440 * MINUTE_MS}),
    ):
        raw = forged(Kind.INTENTCAST, cast, buyer_ana, target=12, **header)
        yield invalid(comment, _given(raw), Reason.OUT_OF_RANGE, "Header")


def _works(whole: Agreement) -> Iterator[Case]:
    cast, offer = whole.cast, whole.offer
    nonce = decode(cast.raw, bytes_max=limits.public_bytes_max)[2]
    other = (int.from_bytes(nonce, "big") ^ 1).to_bytes(8, "big")
    for comment, raw in (
        ("no work", encode([cast.signed, cast.signature, None])),
        ("work that does not reach its target", encode([cast.signed, cast.signature, other])),
        ("too little promised", forged(Kind.INTENTCAST, tree_of(cast.body), buyer_ana, target=1)),
        ("work beside a sealed object", encode([offer.signed, offer.signature, bytes(8)])),
    ):
        yield invalid(comment, _given(raw), Reason.BAD_WORK, "Work")


def _signatures(whole: Agreement) -> Iterator[Case]:
    offer = whole.offer
    bent = offer.signature[:-1] + bytes([offer.signature[-1] ^ 1])
    fields = decode(offer.signed, bytes_max=limits.sealed_bytes_max)
    relabelled = encode([*fields[:2], "acceptance", *fields[3:]])
    other_key = encode([*fields[:3], buyer_ana.key, *fields[4:]])
    later = encode([*fields[:4], fields[4] + 1, *fields[5:]])
    for comment, raw in (
        ("no signature", encode([offer.signed, bytes(64), None])),
        ("a bent signature", encode([offer.signed, bent, None])),
        ("signed as another kind", encode([relabelled, offer.signature, None])),
        ("another signer", encode([other_key, offer.signature, None])),
        ("one millisecond later", encode([later, offer.signature, None])),
    ):
        yield invalid(comment, _given(raw), Reason.BAD_SIGNATURE, "Signature")


def _bodies(whole: Agreement) -> Iterator[Case]:
    offer, header = whole.offer, whole.offer.header
    facts = {"at": header.at, "exp": header.exp, "to": header.to, "thread": header.thread}

    def bent(**changes: Any) -> bytes:
        return forged(Kind.OFFER, {**tree_of(offer.body), **changes}, vendor_bo, **facts)

    answers = tree_of(offer.body)["answers"]
    for comment, changes, reason in (
        ("a total that is not the sum", {"total": 1}, Reason.OUT_OF_RANGE),
        ("a total below zero", {"total": -1}, Reason.BAD_SHAPE),
        ("no ISO 4217 currency", {"cur": "AAA"}, Reason.OUT_OF_RANGE),
        ("an answer twice", {"answers": [answers[0], *answers]}, Reason.BAD_SHAPE),
        ("valid beyond its expiry", {"valid_until": header.exp + 1}, Reason.OUT_OF_RANGE),
        ("an id written as text", {"cast": "A" * 43 + "="}, Reason.BAD_SHAPE),
        ("a line break after a code", {"cur": "USD\n"}, Reason.BAD_SHAPE),
        ("a required field missing", {"reply": None}, Reason.BAD_SHAPE),
        ("round 1 of nothing", {"round": 1}, Reason.BAD_SHAPE),
    ):
        yield invalid(comment, _given(bent(**changes)), reason, "Body")
    extended = bent(zz_later="kept")
    yield valid(
        "a field of a later version",
        _given(extended),
        {"id": _id_of(extended).hex(), "kind": "offer"},
        "Extension",
    )
    raw = bent(**{"!later": True})
    yield invalid(
        "a field that must be understood", _given(raw), Reason.MUST_UNDERSTAND, "Extension"
    )


def _id_of(raw: bytes) -> bytes:
    text, signature, _ = decode(raw, bytes_max=limits.sealed_bytes_max)
    return blake2b_256(text, signature)


# --- agreements --------------------------------------------------------------------------------


def agreements() -> Iterator[Case]:
    """Cases of one bundle checked whole."""
    whole = make_agreement()
    unacknowledged = dataclasses.replace(whole, agreed=None)
    for comment, agreement in (
        ("a whole deal", whole),
        ("with an option taken", make_agreement(options=[2])),
        ("not acknowledged", unacknowledged),
        ("of an amended request", _amended()),
    ):
        yield valid(
            comment,
            {"bundle": agreement.bundle().hex()},
            {
                "agreement_id": agreement.id.hex() if agreement.id else None,
                "deal_id": agreement.deal_id.hex(),
                "ids": [part.id.hex() for part in agreement.parts()],
            },
        )
    yield from _no_bundles(whole)
    yield from _broken_chains(whole)


def _amended() -> Agreement:
    root, profile = make_cast(), make_profile()
    cast = make_cast(header={"thread": root.id}, supersedes=root.id, title="Camera, red")
    return _deal(cast, profile, make_offer(cast, profile))


def _deal(cast: Verified[Any], profile: Verified[Any], offer: Verified[Any]) -> Agreement:
    acceptance = make_acceptance(offer)
    confirmed = make_confirmed(acceptance)
    return Agreement(
        net=NET,
        cast=cast,
        profile=profile,
        offer=offer,
        acceptance=acceptance,
        confirmed=confirmed,
        agreed=make_agreed(confirmed, acceptance),
    )


def _no_bundles(whole: Agreement) -> Iterator[Case]:
    pairs = [[part.signed, part.signature] for part in whole.parts()]
    raw = whole.bundle()
    bent = [pairs[0], pairs[1], [pairs[2][0], bytes(64)], *pairs[3:]]
    for comment, bad, reason, flag in (
        ("nothing", b"", Reason.BAD_ENCODING, "Shape"),
        ("cut short", raw[:-1], Reason.BAD_ENCODING, "Shape"),
        ("a tail", raw + b"\0", Reason.BAD_ENCODING, "Shape"),
        ("a long form around it", b"\xdc\x00\x06" + raw[1:], Reason.NOT_CANONICAL, "Shape"),
        ("four objects", encode(pairs[:4]), Reason.BAD_SHAPE, "Shape"),
        ("seven objects", encode([*pairs, pairs[5]]), Reason.BAD_SHAPE, "Shape"),
        ("with work", encode([[*pair, None] for pair in pairs]), Reason.BAD_SHAPE, "Shape"),
        ("an offer nobody signed", encode(bent), Reason.BAD_SIGNATURE, "Signature"),
        ("profile before cast", encode([pairs[1], pairs[0], *pairs[2:]]), Reason.MISMATCH, "Order"),
        ("confirmed twice", encode([*pairs[:5], pairs[4]]), Reason.MISMATCH, "Order"),
    ):
        yield invalid(comment, {"bundle": bad.hex()}, reason, flag)


def _broken_chains(whole: Agreement) -> Iterator[Case]:
    other = Party("vendor_cy")
    cast, profile, offer, acceptance = whole.cast, whole.profile, whole.offer, whole.acceptance
    changes: list[tuple[str, dict[str, Any], Reason]] = [
        ("another request", {"cast": make_cast(title="Something else")}, Reason.MISMATCH),
        ("another vendor's profile", {"profile": make_profile(by=other)}, Reason.MISMATCH),
        ("another vendor's offer", {"offer": make_offer(cast, profile, by=other)}, Reason.MISMATCH),
        (
            "an offer that was not accepted",
            {"offer": make_offer(cast, profile, note="x")},
            Reason.MISMATCH,
        ),
        (
            "another total than offered",
            {"acceptance": make_acceptance(offer, total=1)},
            Reason.MISMATCH,
        ),
        (
            "another review key",
            {"confirmed": make_confirmed(acceptance, review_key=bytes(32))},
            Reason.MISMATCH,
        ),
        (
            "acknowledging another confirmation",
            {"agreed": make_agreed(whole.confirmed, acceptance, of=bytes(32))},
            Reason.MISMATCH,
        ),
        (
            "acknowledging to somebody else",
            {"agreed": make_agreed(whole.confirmed, acceptance, header={"to": other.key})},
            Reason.NOT_PARTY,
        ),
    ]
    for comment, parts, reason in changes:
        bundle = dataclasses.replace(whole, **parts).bundle()
        yield invalid(comment, {"bundle": bundle.hex()}, reason, "Chain")
    elsewhere = make_cast(header={"net": "other"})
    mixed = dataclasses.replace(whole, cast=elsewhere).bundle()
    yield invalid("two networks", {"bundle": mixed.hex()}, Reason.WRONG_NETWORK, "Chain")
