"""Documents about what this home sells: stock, answers, offers, and the report of an import."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

from node.api.documents.deals import DealView
from node.api.documents.parts import CastId, Count, Handle, KeyId, Minor, Moment, OfferId


class SkippedLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A request that was let pass."""

    cast: CastId
    """Which."""
    reason: str
    """Stable code."""
    words: str
    """Why, for people."""


class VendorDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What this home sells and what it answered."""

    schema: Literal["intentcast.vendor/1"]
    """Tag of this document."""
    name: str
    """Of the shop."""
    key: KeyId | None
    """Of the profile shown to the network; null while none is."""
    mailboxes: Count
    """Mailboxes of that profile."""
    items: Count
    """Articles on offer."""
    categories: dict[str, Count]
    """Category -> articles on offer."""
    quoted: Count
    """Offers made since the start."""
    skipped: list[SkippedLine]
    """Requests let pass since the start."""
    rules_problem: str | None
    """What is wrong with the rules; null when nothing is."""
    locked: bool
    """Whether the keys are locked: nothing is quoted then."""


class FeedProblemLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One thing wrong with a feed."""

    line: Count
    """Line in the file, from 1; 0 when it is about the whole file."""
    column: str
    """Column as the feed names it; may be empty."""
    value: str
    """The cell, at most 80 characters."""
    code: str
    """Stable code, `E-FEED-...`."""
    sentence: str
    """What is wrong."""
    fix: str
    """What to do."""
    refused: bool
    """Whether the row was left out; else it was kept without this value."""


class ImportDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an import found, and did unless it was a dry run."""

    schema: Literal["intentcast.import/1"]
    """Tag of this document."""
    source: str
    """Name of the feed."""
    form: str
    """Its format, for people."""
    applied: bool
    """False for a dry run."""
    complete: bool
    """False when the feed was cut short; then nothing left the shelf."""
    rows: Count
    """Rows seen."""
    offered: Count
    """Articles of this feed on offer after it."""
    added: Count
    """New articles."""
    changed: Count
    """Articles whose content changed."""
    unchanged: Count
    """Articles that are as before."""
    removed: Count
    """Articles no longer in the feed, taken off the shelf."""
    removals_held: Count
    """Articles that would have left, had not too many at once."""
    refused: Count
    """Rows that could not be used."""
    warnings: Count
    """Cells left out of rows that were kept."""
    problems: Annotated[list[FeedProblemLine], msgspec.Meta(max_length=1_000)]
    """The first thousand, in the order of the file."""
    mapped: dict[str, str]
    """Column -> what it was taken for."""
    unmapped: list[str]
    """Columns that were not used."""


class HindranceLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What keeps an article from being quoted, whatever is asked for."""

    reason: str
    """Stable code, as of requests that are let pass."""
    words: str
    """Why, for people."""


class ArticleLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One article on offer."""

    sku: str
    """The shop's own number."""
    title: str
    """As the feed has it."""
    category: str
    """Path in the shipped tree."""
    price: Minor
    """Of one `price_unit`."""
    price_text: str
    """The same, with its currency."""
    price_unit: str
    """Unit code: `each`, `DAY`."""
    stock: int | None
    """Pieces at hand; null when the feed does not say."""
    source: str
    """Feed it comes from."""
    hindrance: HindranceLine | None
    """Why it is never quoted; null when nothing of its own stands in the way."""


Place: TypeAlias = Annotated[int, msgspec.Meta(ge=1)]
"""Where the next page begins."""


class CatalogueDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Articles on offer, a page of them."""

    schema: Literal["intentcast.vendor-catalogue/1"]
    """Tag of this document."""
    articles: Annotated[list[ArticleLine], msgspec.Meta(max_length=50)]
    """In the order they were first imported."""
    next: Place | None
    """Goes into `after`; null when all was looked at."""


class SentOfferLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One offer this home sent."""

    id: OfferId
    """Full id."""
    handle: Handle
    """Short id."""
    cast: CastId
    """The form of the request it answers."""
    title: str | None
    """Of the request; null when it is no longer kept."""
    sent: Moment
    """When it was signed."""
    total: Minor | None
    """Null when the offer is no longer kept."""
    total_text: str | None
    """The same, with its currency."""
    valid_until: Moment | None
    """Until when it can be accepted."""
    firm: bool | None
    """Whether the node confirms by itself."""
    state: Literal[
        "offered",
        "expired",
        "replaced",
        "withdrawn",
        "closed",
        "accepted",
        "waiting",
        "confirmed",
        "agreed",
        "declined",
        "voided",
        "cancelled",
    ]
    """Where it stands; once accepted, where its deal does: `waiting` for the shop's word."""
    deal: Handle | None
    """Short id of its newest deal."""


class SentOffersDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Offers this home sent, a page of them."""

    schema: Literal["intentcast.vendor-offers/1"]
    """Tag of this document."""
    offers: Annotated[list[SentOfferLine], msgspec.Meta(max_length=50)]
    """Newest first."""
    next: Place | None
    """Goes into `after`; null after the last one."""


class HeardLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One request this shop heard."""

    cast: CastId
    """The form of it that was heard."""
    handle: Handle
    """Short id."""
    title: str | None
    """Text of a stranger; null when it is no longer kept."""
    category: str | None
    """Null when it is no longer kept."""
    at: Moment
    """When it was answered or let pass."""
    state: Literal["offered", "skipped", "failed"]
    """What became of it; `failed` when a rule of the shop's own broke."""
    reason: str | None
    """Stable code; null for an offer."""
    words: str | None
    """Why, for people."""
    offer: Handle | None
    """Short id of the offer that was sent."""


class InboxDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What waits for the shopkeeper, and what became of requests."""

    schema: Literal["intentcast.vendor-inbox/1"]
    """Tag of this document."""
    waiting: Annotated[list[DealView], msgspec.Meta(max_length=50)]
    """Acceptances that wait for a yes or no, the most urgent first."""
    requests: Annotated[list[HeardLine], msgspec.Meta(max_length=100)]
    """The latest first."""
