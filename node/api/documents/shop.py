"""Documents about what this home sells: stock, answers, and the report of an import."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from node.api.documents.parts import CastId, Count, KeyId


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
