"""The acceptance: the buyer's yes to the exact bytes of one offer.

Leaves: the typed body, and the cross-checks against the offer it names. No committed field value
stands here, only names and hashes. Source: docs/protocol/13-deal.md.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from protocol import limits
from protocol.errors import ObjectError, Reason
from protocol.objects.header import Header
from protocol.objects.offer import Minor, Offer
from protocol.objects.reply import Key32, Reply, UnixMs
from protocol.values.quantity import Quantity


class AcceptedLine(msgspec.Struct, frozen=True):
    """One line taken."""

    index: Annotated[int, msgspec.Meta(ge=0, le=49)]
    """Index in the offer."""
    qty: Quantity
    """The offer's own quantity."""


class CommittedField(msgspec.Struct, frozen=True):
    """A field to be disclosed after confirmation, by name and salted hash."""

    name: Annotated[str, msgspec.Meta(pattern=r"\A[a-z][a-z0-9_]{0,39}\Z")]
    """Such as name, phone, address."""
    hash: Key32
    """BLAKE2b-256(canonical [cast id, name, salt, value])."""


Fields = Annotated[list[CommittedField], msgspec.Meta(max_length=16)]


class Acceptance(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Body of kind `acceptance`; its id names the deal."""

    offer: Key32
    """Id of the exact offer."""
    lines: Annotated[list[AcceptedLine], msgspec.Meta(min_length=1, max_length=50)]
    """Every non-optional line, then the options taken, in order."""
    options: Annotated[
        list[Annotated[int, msgspec.Meta(ge=0, le=49)]], msgspec.Meta(max_length=50)
    ] = []
    """Indexes of the optional lines taken."""
    slot: Annotated[int, msgspec.Meta(ge=0, le=19)] | None = None
    """Index of the slot taken."""
    cur: Annotated[str, msgspec.Meta(pattern=r"\A[A-Z]{3}\Z")]
    """The offer's currency."""
    total: Minor
    """Recomputed from the lines."""
    confirm_by: UnixMs
    """`at` + the offer's `confirm_within`: binds the buyer to then."""
    review_key: Key32
    """One-time Ed25519 key of a later review."""
    fields: Fields = []
    """What will be disclosed on agreement."""
    reply: Reply
    """Where the confirmation goes."""

    def check(self) -> None:
        """Apply the rules between fields.

        Raises:
            ObjectError: BAD_SHAPE, naming the field.
        """
        indexes = [line.index for line in self.lines]
        if len(set(indexes)) != len(indexes) or not set(self.options) <= set(indexes):
            raise ObjectError(Reason.BAD_SHAPE, "a line stands twice or is missing", field="lines")
        if len({field.name for field in self.fields}) != len(self.fields):
            raise ObjectError(Reason.BAD_SHAPE, "a field stands twice", field="fields")
        self.reply.check()

    def check_offer(
        self, header: Header, offer_id: bytes, offer_header: Header, offer: Offer
    ) -> None:
        """Hold every value against the offer it answers.

        Raises:
            ObjectError: MISMATCH or NOT_PARTY, naming the field.
        """
        facts = [
            (self.offer == offer_id, "offer"),
            (self.cur == offer.cur, "cur"),
            (self._options_hold(offer), "options"),
            (self._lines_hold(offer), "lines"),
            (self._total_holds(offer), "total"),
            (self.slot is None or self.slot < len(offer.fulfil.slots), "slot"),
            (self.confirm_by == header.at + offer.confirm_within, "confirm_by"),
            (header.thread == offer_header.thread, "thread"),
            (header.at <= offer.valid_until + limits.expiry_tolerance_ms, "at"),
        ]
        for holds, field in facts:
            if not holds:
                raise ObjectError(Reason.MISMATCH, "does not fit the offer", field=field)
        if header.key != offer_header.to or header.to != offer_header.key:
            raise ObjectError(Reason.NOT_PARTY, "signer or recipient is not the offer's")

    def _options_hold(self, offer: Offer) -> bool:
        return len(set(self.options)) == len(self.options) and set(self.options) <= set(
            offer.option_indexes()
        )

    def _total_holds(self, offer: Offer) -> bool:
        return self._options_hold(offer) and self.total == offer.total_with(self.options)

    def _lines_hold(self, offer: Offer) -> bool:
        due = {i: line.qty for i, line in enumerate(offer.lines) if line.kind != "optional"}
        due |= {i: offer.lines[i].qty for i in self.options if i < len(offer.lines)}
        return {line.index: line.qty for line in self.lines} == due


def accepted_lines(offer: Offer, options: list[int]) -> list[AcceptedLine]:
    """Write the lines of an acceptance: all that are not optional, and the chosen options."""
    chosen = set(options)
    return [
        AcceptedLine(i, line.qty)
        for i, line in enumerate(offer.lines)
        if line.kind != "optional" or i in chosen
    ]
