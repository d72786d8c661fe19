"""The offer: total, itemised and comparable, or no offer.

Leaves: the typed body and the arithmetic that makes it valid by itself. Whether it answers its cast
is asked by `protocol/market/offer_check`. Source: docs/protocol/12-offer.md.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Literal

import msgspec

from protocol import limits
from protocol.errors import ObjectError, Reason
from protocol.objects.intentcast import Code, Text40, Text80, Window
from protocol.objects.reply import Key32, Reply, UnixMs
from protocol.values.money import MINOR_DIGITS
from protocol.values.place import Where, resolution_of
from protocol.values.quantity import Quantity, decimal_of

Minor = Annotated[int, msgspec.Meta(ge=0, le=limits.money_minor_max)]
"""Minor units of the offer's one currency."""
SignedMinor = Annotated[int, msgspec.Meta(ge=-limits.money_minor_max, le=limits.money_minor_max)]
"""Minor units; below zero in discounts only."""
LineKind = Literal["item", "tax", "fee", "delivery", "discount", "optional"]


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of the sum."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=160)]
    """What it is."""
    kind: LineKind
    """How it counts; optional lines stand outside the total."""
    qty: Quantity
    """How many."""
    unit: SignedMinor
    """Price of one, minor units."""
    total: SignedMinor
    """Authoritative line total, minor units."""
    sku: Text80 | None = None
    """The vendor's own number."""
    gtin: Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{8}([0-9]{4}([0-9][0-9]?)?)?\Z")] | None = (
        None
    )
    """GS1 number, 8, 12, 13 or 14 digits."""
    mpn: Text80 | None = None
    """The maker's number."""
    basis: Annotated[str, msgspec.Meta(max_length=160)] | None = None
    """Why: the rule, tax rate or membership behind it."""

    def check(self) -> None:
        """Sign and product of the line.

        Raises:
            ObjectError: OUT_OF_RANGE.
        """
        if (self.total <= 0) if self.kind == "discount" else (self.total >= 0 and self.unit >= 0):
            quantity = Fraction(decimal_of(self.qty.n))  # exact, whatever the number of digits
            if quantity > 0 and abs(quantity * self.unit - self.total) <= 1:
                return
            raise ObjectError(Reason.OUT_OF_RANGE, "is not qty x unit price", field="lines.total")
        raise ObjectError(Reason.OUT_OF_RANGE, "wrong sign for its kind", field="lines.total")


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the vendor says to one constraint."""

    item: Annotated[int, msgspec.Meta(ge=0, le=19)]
    """Index of the item in the cast."""
    attr: Annotated[int, msgspec.Meta(ge=0, le=39)]
    """Index of the constraint in the item."""
    status: Literal["met", "unmet", "unknown"]
    """The vendor's own claim; the buyer's node computes its own where a value stands."""
    value: (
        Annotated[str, msgspec.Meta(max_length=120)]
        | bool
        | Annotated[list[Text80], msgspec.Meta(max_length=20)]
        | None
    ) = None
    """The fact itself."""
    unit: Annotated[str, msgspec.Meta(max_length=12)] | None = None
    """Unit of a number."""


class Fulfilment(msgspec.Struct, frozen=True, omit_defaults=True):
    """How and when the buyer gets it."""

    mode: Literal["pickup", "delivery", "onsite", "remote"]
    """The way."""
    window: Window | None = None
    """Days it covers."""
    slots: Annotated[list[Window], msgspec.Meta(max_length=20)] = []
    """Choices of time; an acceptance names one by index."""
    place: Where | None = None
    """Where, when the buyer comes."""

    def check(self) -> None:
        """Refuse days that are none and a place that is none.

        Raises:
            ObjectError: OUT_OF_RANGE, naming the field.
        """
        for window in [*([] if self.window is None else [self.window]), *self.slots]:
            window.check("fulfil")
        if self.place is not None:
            if (self.place.cell is None) != self.place.remote:
                raise ObjectError(Reason.OUT_OF_RANGE, "either a cell or remote", field="fulfil")
            if self.place.cell is not None:
                resolution_of(self.place.cell)


class CancelTerm(msgspec.Struct, frozen=True):
    """What leaving costs up to a moment."""

    until: UnixMs
    """Up to then."""
    fee: Minor
    """Minor units of the offer's currency."""


class Payment(msgspec.Struct, frozen=True, omit_defaults=True):
    """How to pay, outside this network."""

    methods: Annotated[list[Text40], msgspec.Meta(min_length=1, max_length=8)]
    """Cash, card, transfer, ..."""
    when: Literal["before", "at", "after"]
    """Relative to fulfilment."""
    link: Annotated[str, msgspec.Meta(pattern=r"\Ahttps://[!-~]{1,192}\Z")] | None = None
    """Hand-off address; never fetched by a node."""


class TermsReply(msgspec.Struct, frozen=True, omit_defaults=True):
    """Answer to the buyer's proffered terms: accept one, or name one alternative."""

    accept: Code | None = None
    """A code the cast proffers."""
    alternative: Code | None = None
    """A roster code the cast does not proffer."""


class Offer(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Body of kind `offer`."""

    cast: Key32
    """Id of the cast it answers."""
    supersedes: Key32 | None = None
    """The offer it revises."""
    round: Annotated[int, msgspec.Meta(ge=0, le=10)] = 0
    """Revision count."""
    firm: bool
    """The vendor will confirm by itself while it is valid and in stock."""
    valid_until: UnixMs
    """Acceptances recorded later fail."""
    confirm_within: Annotated[
        int, msgspec.Meta(ge=limits.confirm_within_ms_min, le=limits.confirm_within_ms_max)
    ]
    """The vendor confirms or refuses within this, ms."""
    profile: Key32
    """Id of the vendor's profile; the offer's key is the profile's."""
    cur: Annotated[str, msgspec.Meta(pattern=r"\A[A-Z]{3}\Z")]
    """The one currency, ISO 4217."""
    lines: Annotated[list[Line], msgspec.Meta(min_length=1, max_length=50)]
    """What the total is made of."""
    total: Minor
    """Sum of all non-optional line totals."""
    due_now: Minor = 0
    """Deposit asked at once, outside the total."""
    answers: Annotated[list[Answer], msgspec.Meta(max_length=800)] = []
    """One per must and prefer."""
    fulfil: Fulfilment
    """How and when."""
    cancel_terms: Annotated[list[CancelTerm], msgspec.Meta(max_length=10)] = []
    """Cost of leaving, by date."""
    pay: Payment
    """How to pay."""
    terms_reply: TermsReply | None = None
    """Answer to the buyer's terms."""
    stock_hold: UnixMs | None = None
    """Held for the buyer until then."""
    substitute: Literal["exact", "similar"] = "exact"
    """Whether the very thing offered will come."""
    warranty_months: Annotated[int, msgspec.Meta(ge=0, le=600)] | None = None
    """Promised months."""
    arbiters: Annotated[list[Key32], msgspec.Meta(max_length=4)] = []
    """Arbiters the vendor would take."""
    note: Annotated[str, msgspec.Meta(max_length=1000)] = ""
    """Free words; never parsed for state."""
    reply: Reply
    """Where the acceptance goes."""

    def check(self) -> None:
        """Apply the arithmetic.

        Raises:
            ObjectError: OUT_OF_RANGE, naming the field.
        """
        if self.cur not in MINOR_DIGITS:
            raise ObjectError(Reason.OUT_OF_RANGE, "not an ISO 4217 code", field="cur")
        for line in self.lines:
            line.check()
        if self.total != sum(line.total for line in self.lines if line.kind != "optional"):
            raise ObjectError(Reason.OUT_OF_RANGE, "is not the sum of its lines", field="total")
        if all(line.kind != "item" for line in self.lines):
            raise ObjectError(Reason.BAD_SHAPE, "no line is an item", field="lines")
        if (self.round == 0) != (self.supersedes is None):
            raise ObjectError(Reason.BAD_SHAPE, "a later round supersedes one", field="round")
        places = [(answer.item, answer.attr) for answer in self.answers]
        if len(set(places)) != len(places):
            raise ObjectError(Reason.BAD_SHAPE, "a constraint is answered twice", field="answers")
        self.fulfil.check()
        self.reply.check()

    def option_indexes(self) -> list[int]:
        """List the lines a buyer may add."""
        return [i for i, line in enumerate(self.lines) if line.kind == "optional"]

    def total_with(self, options: list[int]) -> int:
        """Recompute the total with chosen optional lines; indexes must be of optional lines."""
        return self.total + sum(self.lines[i].total for i in options)
