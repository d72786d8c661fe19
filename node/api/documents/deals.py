"""Documents about deals: where each stands, what was disclosed, what happened."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from node.api.documents.offers import CancelView, FulfilView, LineView
from node.api.documents.parts import AgreementId, DealId, Handle, Minor, Moment, OfferId
from protocol.market.deal import DealState, Role
from protocol.objects.offer import Payment


class HistoryLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One thing that happened to a deal."""

    at: Moment
    """When it was recorded."""
    what: str
    """A word or two with a point."""


class DealView(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One deal, seen from this side."""

    id: DealId
    """Full id."""
    handle: Handle
    """Short id."""
    role: Role
    """Whether this home buys or sells."""
    state: DealState
    """Where it stands."""
    cast_title: str | None
    """Title of the request; null when it is gone."""
    counterparty: str
    """A vendor's name for the buyer, a buyer's key for the vendor."""
    offer: OfferId
    """The offer that was accepted."""
    total: Minor | None
    """To be paid, chosen options included; null when the offer is gone."""
    total_text: str | None
    """The same, with its currency."""
    lines: Annotated[list[LineView], msgspec.Meta(max_length=50)]
    """What was accepted of the offer."""
    due_now_text: str | None
    """Deposit asked at once, with its currency; null when none is, or the offer is gone."""
    fulfil: FulfilView | None
    """How and when; null when the offer is gone."""
    pay: Payment | None
    """How to pay, outside this network; null when the offer is gone."""
    cancel: Annotated[list[CancelView], msgspec.Meta(max_length=10)]
    """Cost of leaving, by date."""
    confirm_by: Moment | None
    """The vendor confirms or refuses before then."""
    acknowledged: bool
    """Whether the buyer acknowledged the confirmation."""
    agreement_id: AgreementId | None
    """Id of the agreement; null while there is none."""
    disclosed: list[str]
    """Names of the fields this buyer disclosed."""
    received: dict[str, str]
    """Field -> value this vendor was told; text of a stranger."""
    history: list[HistoryLine]
    """What happened, in order."""
    next: str
    """What comes next, for people."""


class DealDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One deal."""

    schema: Literal["intentcast.deal/1"]
    """Tag of this document."""
    deal: DealView
    """The deal."""


class DealsDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Deals of this home."""

    schema: Literal["intentcast.deals/1"]
    """Tag of this document."""
    deals: Annotated[list[DealView], msgspec.Meta(max_length=1_000)]
    """Newest first, at most 1,000."""
