"""The agreement: what both sides keep, and how anybody checks it offline for ever.

Enters: the envelopes of one deal, or the bytes of a bundle. Leaves: the bundle (canonical msgpack
of `[signed, signature]` pairs, without work, in a fixed order), its id, or the name of the object
that fails. No clock is asked: an agreement does not expire.
Source: docs/protocol/15-agreement.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from protocol import limits, signing
from protocol.encoding import decode, encode
from protocol.errors import ObjectError, Reason, RemoteProtocolError
from protocol.ids import AgreementId, DealId, blake2b_256
from protocol.objects.acceptance import Acceptance
from protocol.objects.envelope import Verified, open_envelope, read_candidate
from protocol.objects.event import Agreed, Confirmed, check_answers
from protocol.objects.intentcast import Intentcast
from protocol.objects.offer import Offer
from protocol.objects.profile import Profile

BUNDLE_BYTES_MAX = 6 * limits.sealed_bytes_max
"""Six objects at most."""
_NAMES = ("cast", "profile", "offer", "acceptance", "confirmed", "agreed")
_TYPES: tuple[type, ...] = (Intentcast, Profile, Offer, Acceptance, Confirmed, Agreed)
_UNACKNOWLEDGED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """A checked bundle."""

    net: str
    """Network its objects belong to."""
    cast: Verified[Intentcast]
    """What was asked."""
    profile: Verified[Profile]
    """Who offered."""
    offer: Verified[Offer]
    """What was offered."""
    acceptance: Verified[Acceptance]
    """The buyer's yes."""
    confirmed: Verified[Confirmed]
    """The vendor's yes."""
    agreed: Verified[Agreed] | None
    """The buyer's acknowledgement; None in an unacknowledged bundle."""

    @property
    def deal_id(self) -> DealId:
        """Id of the acceptance."""
        return DealId(self.acceptance.id)

    @property
    def id(self) -> AgreementId | None:
        """BLAKE2b-256 of all ids in order, or None without `agreed`."""
        if self.agreed is None:
            return None
        return AgreementId(blake2b_256(*(part.id for part in self.parts())))

    def parts(self) -> list[Verified[Any]]:
        """The objects, in the bundle's order."""
        found: list[Verified[Any]] = [
            self.cast,
            self.profile,
            self.offer,
            self.acceptance,
            self.confirmed,
        ]
        return found if self.agreed is None else [*found, self.agreed]

    def bundle(self) -> bytes:
        """Write the bytes both sides keep."""
        return encode([[part.signed, part.signature] for part in self.parts()])


def _fail(name: str, error: RemoteProtocolError) -> ObjectError:
    field = f"{name}.{error.field}" if error.field else name
    detail = error.sentence.removeprefix(f"{error.field}: ") if error.field else error.sentence
    return ObjectError(error.reason, detail, field=field)


def _pairs(raw: bytes) -> list[tuple[bytes, bytes]]:
    try:
        pairs = decode(raw, bytes_max=BUNDLE_BYTES_MAX)
        if type(pairs) is not list or len(pairs) not in (_UNACKNOWLEDGED, len(_NAMES)):
            raise ObjectError(Reason.BAD_SHAPE, "five or six objects")
        for name, pair in zip(_NAMES, pairs, strict=False):
            parts = pair if type(pair) is list else []
            if [type(part) for part in parts] != [bytes, bytes]:
                raise ObjectError(Reason.BAD_SHAPE, "a signed text and a signature", field=name)
    except RemoteProtocolError as error:
        raise _fail("bundle", error) from error
    return [(signed, signature) for signed, signature in pairs]


def _net_of(signed: bytes) -> str:
    """Read which network the first object claims; all others must say the same."""
    tree = decode(signed, bytes_max=limits.sealed_bytes_max)
    net = tree[1] if type(tree) is list and len(tree) > 1 else None
    if type(net) is not str or not 0 < len(net) <= limits.net_chars_max:
        raise ObjectError(Reason.BAD_SHAPE, "a network id", field="net")
    return net


def read_bundle(raw: bytes) -> Agreement:
    """Check a bundle whole: every signature, every cross-reference, then the bytes themselves.

    Raises:
        ObjectError: its `field` names the object, and where known the field, that fails.
    """
    opened: list[Verified[Any]] = []
    pairs = _pairs(raw)
    net = ""
    for name, kind, (signed, signature) in zip(_NAMES, _TYPES, pairs, strict=False):
        try:
            net = net or _net_of(signed)
            envelope = encode([signed, signature, None])
            candidate = read_candidate(envelope, peer=None, bytes_max=limits.sealed_bytes_max)
            verified = open_envelope(candidate, net=net)
            if not isinstance(verified.body, kind):
                raise ObjectError(Reason.MISMATCH, "another kind stands here")
            signing.check_key(verified.header.key)
        except RemoteProtocolError as error:
            raise _fail(name, error) from error
        opened.append(verified)
    agreed = opened[_UNACKNOWLEDGED] if len(opened) > _UNACKNOWLEDGED else None
    agreement = Agreement(
        net=net,
        cast=opened[0],
        profile=opened[1],
        offer=opened[2],
        acceptance=opened[3],
        confirmed=opened[4],
        agreed=agreed,
    )
    check_agreement(agreement)
    if agreement.bundle() != raw:
        raise ObjectError(Reason.NOT_CANONICAL, "rebuilt bytes differ", field="bundle")
    return agreement


def check_agreement(agreement: Agreement) -> None:
    """Hold every object of a deal against the ones before it.

    Raises:
        ObjectError: MISMATCH or NOT_PARTY; its `field` names the object.
    """
    steps = (
        ("offer", _check_offer),
        ("acceptance", _check_acceptance),
        ("confirmed", _check_confirmed),
        ("agreed", _check_agreed),
    )
    for name, check in steps:
        try:
            check(agreement)
        except RemoteProtocolError as error:
            raise _fail(name, error) from error


def _require(holds: bool, field: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not holds:
        raise ObjectError(Reason.MISMATCH, "does not fit the objects before it", field=field)


def _check_offer(agreement: Agreement) -> None:
    cast, profile, offer = agreement.cast, agreement.profile, agreement.offer
    root = cast.header.thread or cast.id
    _require(offer.body.cast == cast.id, "cast")
    _require(offer.header.thread == root, "thread")
    _require(offer.header.to == cast.header.key, "to")
    _require(offer.body.profile == profile.id, "profile")
    _require(offer.header.key == profile.header.key, "key")


def _check_acceptance(agreement: Agreement) -> None:
    offer = agreement.offer
    acceptance = agreement.acceptance
    acceptance.body.check_offer(acceptance.header, offer.id, offer.header, offer.body)


def _check_confirmed(agreement: Agreement) -> None:
    acceptance, confirmed = agreement.acceptance, agreement.confirmed
    confirmed.body.check_acceptance(
        confirmed.header, acceptance.id, acceptance.header, acceptance.body
    )


def _check_agreed(agreement: Agreement) -> None:
    agreed, confirmed = agreement.agreed, agreement.confirmed
    if agreed is None:
        return
    _require(agreed.body.of == confirmed.id, "of")
    _require(agreed.body.fields == agreement.acceptance.body.fields, "fields")
    check_answers(agreed.header, confirmed.header)
