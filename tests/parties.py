"""Two parties and the objects they sign: buyer_ana asks for a camera, vendor_bo offers one.

Everything derives from fixed seeds, so the same call always gives the same bytes. A test changes
what it is about by keyword: `make_offer(cast, profile, total=1)` for the body, `header={...}` for
the signed fields around it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import msgspec
from nacl import bindings

from protocol import limits, sealing, signing, work
from protocol.encoding import encode
from protocol.ids import blake2b_256
from protocol.market.disclosure import commit_fields
from protocol.now import DAY_MS, HOUR_MS, MINUTE_MS
from protocol.objects.acceptance import Acceptance, accepted_lines
from protocol.objects.agreement import Agreement
from protocol.objects.envelope import Verified, open_stored, sign_envelope
from protocol.objects.event import Agreed, Confirmed
from protocol.objects.header import Header, Kind
from protocol.objects.intentcast import (
    AttributeConstraint,
    Budget,
    Intentcast,
    Item,
    VendorRequirement,
    Window,
)
from protocol.objects.offer import Answer, Fulfilment, Line, Offer, Payment, TermsReply
from protocol.objects.profile import Profile
from protocol.objects.reply import Reply
from protocol.values.money import Money
from protocol.values.place import Where
from protocol.values.quantity import Quantity

NET = "test"
NOW_MS = 1_795_305_600_000
"""2026-11-22, midnight UTC."""
WANTED = Where(cell="872696a5affffff", radius_km=80)
"""Park City and around."""
SHOP = Where(cell="872696ab6ffffff")
"""Salt Lake City."""


@dataclass(frozen=True)
class Party:
    """A party's secrets, all from its name."""

    name: str

    def seed(self, purpose: str) -> bytes:
        return blake2b_256(self.name.encode(), b"/", purpose.encode())

    @property
    def key(self) -> bytes:
        return signing.public_key(self.seed("sign"))

    @property
    def box(self) -> bytes:
        return sealing.box_public_key(self.seed("box"))

    def reply(self) -> Reply:
        return Reply(
            box=self.box,
            reader=signing.public_key(self.seed("reader")),
            at=[blake2b_256(b"mailbox one"), blake2b_256(b"mailbox two")],
            until=NOW_MS + 90 * DAY_MS,
        )


buyer_ana = Party("buyer_ana")
vendor_bo = Party("vendor_bo")


def signed(header: Header, body: Any, seed: bytes) -> bytes:
    """Sign and solve; gives envelope bytes."""
    text = sign_envelope(header, body, seed)
    nonce = work.solve(text.id, text.target, tries=1 << 20) if text.target else None
    return text.envelope(nonce)


def twin_of(verified: Verified[Any], party: Party, salt: bytes = b"other") -> Verified[Any]:
    """Sign the same text with another nonce: valid, and another id."""
    order = 2**252 + 27742317777372353535851937790883648493
    digest = hashlib.sha512(party.seed("sign")).digest()
    scalar = int.from_bytes(digest[:32], "little") & ((1 << 254) - 8) | (1 << 254)
    nonce = int.from_bytes(hashlib.sha512(salt + verified.signed).digest(), "little") % order
    point = bindings.crypto_scalarmult_ed25519_base_noclamp(nonce.to_bytes(32, "little"))
    tagged = signing.Tag(verified.header.kind.value).prefix() + verified.signed
    hashed = hashlib.sha512(point + verified.header.key + tagged).digest()
    challenge = int.from_bytes(hashed, "little") % order
    answer = (nonce + challenge * scalar) % order
    signature = point + answer.to_bytes(32, "little")
    name, target = blake2b_256(verified.signed, signature), verified.header.target
    proof = work.solve(name, target, tries=1 << 20) if target else None
    return open_stored(encode([verified.signed, signature, proof]), net=verified.header.net)


def _object(party: Party, kind: Kind, body: Any, fields: dict[str, Any]) -> Verified[Any]:
    base = {"net": NET, "kind": kind, "key": party.key, "at": NOW_MS, "exp": NOW_MS + 14 * DAY_MS}
    header = Header(**{**base, "to": None, "thread": None, "prev": None, "target": 0, **fields})
    return open_stored(signed(header, body, party.seed("sign")), net=header.net)


CONSTRAINTS = [
    AttributeConstraint(key="resolution", op="ge", value="12", unit="MPX"),
    AttributeConstraint(key="insurance", op="absent"),
    AttributeConstraint(key="colour", op="eq", value="red", level="prefer", weight=3),
    AttributeConstraint(key="weight", op="le", value="500", unit="GRM", level="prefer"),
]


def cast_body(**changes: Any) -> Intentcast:
    body = Intentcast(
        title="Camera, 12 megapixels or more",
        category="electronics/cameras",
        items=[Item(name="camera", qty=Quantity(n="1", unit="each"), attrs=CONSTRAINTS)],
        where=WANTED,
        when=[Window(start="2026-12-01", end="2026-12-05", tz="America/Denver", flex_days=1)],
        budget=Budget(max=Money(cur="USD", minor=30_000)),
        decide_by=NOW_MS + 7 * DAY_MS,
        nonce=bytes(range(16)),
        vendor_req=VendorRequirement(parties=["vendor"]),
        terms=["PDC-INTENT", "SD-BASE"],
        reply=buyer_ana.reply(),
    )
    return msgspec.structs.replace(body, **changes)


def make_cast(
    *, header: dict[str, Any] | None = None, by: Party = buyer_ana, **changes: Any
) -> Verified[Intentcast]:
    return _object(by, Kind.INTENTCAST, cast_body(**changes), header or {})


def make_profile(
    *, header: dict[str, Any] | None = None, by: Party = vendor_bo, **changes: Any
) -> Verified[Profile]:
    body = Profile(
        name="Bo's cameras",
        party="vendor",
        categories=["electronics"],
        areas=[WANTED],
        terms=["PDC-INTENT"],
        domain="bo.example",
        reply=by.reply(),
    )
    fields = {"exp": NOW_MS + 400 * DAY_MS, **(header or {})}
    return _object(by, Kind.PROFILE, msgspec.structs.replace(body, **changes), fields)


def offer_body(cast_id: bytes, profile_id: bytes, **changes: Any) -> Offer:
    body = Offer(
        cast=cast_id,
        firm=True,
        valid_until=NOW_MS + 8 * DAY_MS,
        confirm_within=limits.confirm_within_firm_ms,
        profile=profile_id,
        cur="USD",
        lines=[
            Line(
                name="Camera X1",
                kind="item",
                qty=Quantity(n="1", unit="each"),
                unit=25_000,
                total=25_000,
                sku="X1",
            ),
            Line(
                name="Sales tax",
                kind="tax",
                qty=Quantity(n="1", unit="each"),
                unit=2_000,
                total=2_000,
                basis="8 %",
            ),
            Line(
                name="Bag",
                kind="optional",
                qty=Quantity(n="1", unit="each"),
                unit=1_500,
                total=1_500,
            ),
        ],
        total=27_000,
        answers=[
            Answer(item=0, attr=0, status="met", value="24.2", unit="MPX"),
            Answer(item=0, attr=1, status="met", value=False),
            Answer(item=0, attr=2, status="met", value="red"),
            Answer(item=0, attr=3, status="met", value="0.4", unit="KGM"),
        ],
        fulfil=Fulfilment(
            mode="pickup",
            window=Window(start="2026-12-02", end="2026-12-20", tz="America/Denver"),
            slots=[Window(start="2026-12-02", end="2026-12-02", tz="America/Denver")],
            place=SHOP,
        ),
        pay=Payment(methods=["card"], when="at"),
        terms_reply=TermsReply(accept="PDC-INTENT"),
        reply=vendor_bo.reply(),
    )
    return msgspec.structs.replace(body, **changes)


def make_offer(
    cast: Verified[Intentcast],
    profile: Verified[Profile],
    *,
    header: dict[str, Any] | None = None,
    by: Party = vendor_bo,
    **changes: Any,
) -> Verified[Offer]:
    body = offer_body(cast.id, profile.id, **{"reply": by.reply(), **changes})
    fields = {
        "at": NOW_MS + MINUTE_MS,
        "exp": NOW_MS + 60 * DAY_MS,
        "to": cast.header.key,
        "thread": cast.header.thread or cast.id,
        **(header or {}),
    }
    return _object(by, Kind.OFFER, body, fields)


FIELDS = {"address": "12 Main Street, Park City", "name": "Ana"}
SALTS = {"address": bytes(range(16)), "name": bytes(range(16, 32))}


def make_acceptance(
    offer: Verified[Offer], *, header: dict[str, Any] | None = None, **changes: Any
) -> Verified[Acceptance]:
    fields = {
        "at": NOW_MS + HOUR_MS,
        "exp": NOW_MS + 60 * DAY_MS,
        "to": offer.header.key,
        "thread": offer.header.thread,
        **(header or {}),
    }
    options = changes.get("options", [])
    body = Acceptance(
        offer=offer.id,
        lines=accepted_lines(offer.body, options),
        options=options,
        slot=0,
        cur=offer.body.cur,
        total=offer.body.total_with(options),
        confirm_by=fields["at"] + offer.body.confirm_within,
        review_key=signing.public_key(buyer_ana.seed("review")),
        fields=commit_fields(offer.body.cast, FIELDS, SALTS),
        reply=buyer_ana.reply(),
    )
    changed = msgspec.structs.replace(body, **changes)
    return _object(buyer_ana, Kind.ACCEPTANCE, changed, fields)


def make_event(
    party: Party, body: Any, after: Verified[Any], *, header: dict[str, Any] | None = None
) -> Verified[Any]:
    """Answer an object: to its signer, in its thread, one minute later."""
    fields = {
        "at": after.header.at + MINUTE_MS,
        "exp": NOW_MS + 60 * DAY_MS,
        "to": after.header.key,
        "thread": after.header.thread or after.id,
        **(header or {}),
    }
    return _object(party, Kind.EVENT, body, fields)


def make_confirmed(acceptance: Verified[Acceptance], **changes: Any) -> Verified[Confirmed]:
    header = changes.pop("header", None)
    facts = {"of": acceptance.id, "review_key": acceptance.body.review_key, **changes}
    return make_event(vendor_bo, Confirmed(**facts), acceptance, header=header)


def make_agreed(
    confirmed: Verified[Confirmed], acceptance: Verified[Acceptance], **changes: Any
) -> Verified[Agreed]:
    header = changes.pop("header", None)
    facts = {"of": confirmed.id, "fields": acceptance.body.fields, **changes}
    return make_event(buyer_ana, Agreed(**facts), confirmed, header=header)


def make_agreement(*, options: list[int] | None = None) -> Agreement:
    cast, profile = make_cast(), make_profile()
    offer = make_offer(cast, profile)
    acceptance = make_acceptance(offer, options=options or [])
    confirmed = make_confirmed(acceptance)
    agreed = make_agreed(confirmed, acceptance)
    return Agreement(
        net=NET,
        cast=cast,
        profile=profile,
        offer=offer,
        acceptance=acceptance,
        confirmed=confirmed,
        agreed=agreed,
    )


def forged(kind: Kind, tree: Any, by: Party, **header: Any) -> bytes:
    """Sign any tree as a body, without a single rule being asked; gives envelope bytes."""
    base = {"at": NOW_MS, "exp": NOW_MS + 14 * DAY_MS, "to": None, "thread": None, "prev": None}
    facts = {"net": NET, "kind": kind, "key": by.key, **base, "target": 0, **header}
    text = encode(Header(**facts).fields(tree))
    return encode([text, signing.sign(signing.Tag(kind.value), text, by.seed("sign")), None])


def tree_of(body: Any) -> dict[str, Any]:
    """Give the plain tree of a typed body."""
    tree: dict[str, Any] = msgspec.to_builtins(body, builtin_types=(bytes,))
    return tree
