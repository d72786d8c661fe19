"""Documents about the offers for a request: ranked, itemised, every wish answered."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from node.api.documents.casts import CastView
from node.api.documents.parts import (
    Count,
    Currency,
    Handle,
    KeyId,
    Minor,
    Moment,
    OfferId,
    Points,
    SignedMinor,
)
from protocol.errors import Reason
from protocol.market.constraints import Outcome
from protocol.market.marks import MarkCode
from protocol.objects.intentcast import Window
from protocol.objects.offer import Payment
from protocol.values.place import Where

LineIndex = Annotated[int, msgspec.Meta(ge=0, le=49)]


class LineView(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One line of the sum."""

    name: str
    """What it is."""
    kind: Literal["item", "tax", "fee", "delivery", "discount", "optional"]
    """How it counts."""
    qty: str
    """Number and unit: `1 each`."""
    unit_text: str
    """Price of one, with its currency."""
    total: SignedMinor
    """Of the line."""
    total_text: str
    """The same, with its currency."""
    basis: str | None
    """The rule, rate or membership behind it."""
    sku: str | None
    """The vendor's own number."""


class OptionView(LineView, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A line the buyer may add."""

    index: LineIndex
    """How an acceptance names it."""


class SlotView(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A choice of time."""

    index: Annotated[int, msgspec.Meta(ge=0, le=19)]
    """How an acceptance names it."""
    start: str
    """First day."""
    end: str
    """Last day."""
    tz: str
    """IANA zone of both."""


class FulfilView(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How and when the buyer gets it."""

    mode: Literal["pickup", "delivery", "onsite", "remote"]
    """The way."""
    window: Window | None = None
    """Days it covers."""
    slots: Annotated[list[Window], msgspec.Meta(max_length=20)] = []
    """Choices of time."""
    place: Where | None = None
    """Where, when the buyer comes."""


class CancelView(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What leaving costs up to a moment."""

    until: Moment
    """Up to then."""
    fee_text: str
    """With its currency."""


class WishView(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How an offer answers one wish."""

    item: str
    """Name of the item in the request."""
    key: str
    """The attribute."""
    label: str
    """The attribute, for people."""
    wanted: str
    """The wish, for people."""
    status: Outcome
    """What counts: worked out here from the stated fact."""
    claimed: Literal["met", "unmet", "unknown"] | None
    """What the vendor says; null when it says nothing."""
    fact: str | None
    """The stated fact, for people; null when none is stated."""
    why: str
    """The comparison in words."""


class VendorView(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who a vendor says it is."""

    name: str
    """Its own word."""
    key: KeyId
    """What its name stands on."""
    handle: Handle
    """Beginning of its key, as people compare it."""
    domain: str | None
    """The domain it names; null when it names none."""
    domain_checked: bool
    """Whether the domain was seen to hold its key."""
    trust: str
    """What is known of it here, for people."""


class OfferProblem(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Something wrong with an offer."""

    reason: Reason
    """Stable code."""
    sentence: str
    """For people."""


class MarkView(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Something to see before accepting."""

    code: MarkCode
    """Stable code."""
    sentence: str
    """For people."""


class TermView(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One line of the score."""

    name: Literal["preferences", "total", "date", "distance", "trust"]
    """What is weighed."""
    value: str
    """The measured thing, for people."""
    weight: Annotated[int, msgspec.Meta(ge=0, le=100)]
    """The buyer's weight, 0-100."""
    points: Points
    """How well it does, 0-1000."""
    words: str
    """How the points came about."""
    best: bool
    """Whether no other valid offer does better here, and another does worse."""


class OfferView(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One offer in its place: total first, itemised, every wish answered."""

    id: OfferId
    """Full id."""
    handle: Handle
    """Short id."""
    position: Annotated[int, msgspec.Meta(ge=1)]
    """Rank, from 1."""
    vendor: VendorView
    """Who offers."""
    cur: Currency
    """The one currency of the offer."""
    total: Minor
    """All in, options apart."""
    total_text: str
    """The same, with its currency."""
    due_now_text: str | None
    """Deposit asked at once, with its currency; null when none is."""
    lines: list[LineView]
    """What the total is made of."""
    options: list[OptionView]
    """What may be added."""
    slots: Annotated[list[SlotView], msgspec.Meta(max_length=20)]
    """Times to choose among."""
    valid_until: Moment
    """To be accepted before then."""
    firm: bool
    """Whether the vendor confirms by itself."""
    state: Literal["offered", "accepted", "withdrawn", "closed", "expired"]
    """Where it stands."""
    valid: bool
    """Whether it may be accepted."""
    problems: list[OfferProblem]
    """What is wrong with it."""
    musts: list[WishView]
    """One for each must, in the order of the request."""
    prefers: list[WishView]
    """One for each preference, in the order of the request."""
    musts_met: Count
    """Musts met; an unknown one is not."""
    musts_total: Count
    """Musts asked."""
    over_budget: bool
    """Whether the total, or what is due now, is over the public or the own budget."""
    marks: list[MarkView]
    """What to see before accepting."""
    score: Points
    """Points times weights, divided by the sum of weights, 0-1000."""
    explain: list[TermView]
    """Every line of that sum."""
    fulfil: FulfilView
    """How and when."""
    pay: Payment
    """How to pay, outside this network; its link is never fetched by a node."""
    cancel: Annotated[list[CancelView], msgspec.Meta(max_length=10)]
    """Cost of leaving, by date."""
    terms: str | None
    """Code of the terms it accepts, or names instead."""
    terms_accepted: bool
    """Whether they are the buyer's own."""
    warranty_months: Annotated[int, msgspec.Meta(ge=0, le=600)] | None
    """Promised months; null when not said."""
    note: str
    """Free words of a stranger."""


class OffersDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A request and its offers."""

    schema: Literal["intentcast.offers/1"]
    """Tag of this document."""
    cast: CastView
    """The request."""
    offers: list[OfferView]
    """Best first."""
