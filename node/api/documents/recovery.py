"""Documents about what follows a restore, and about the shop's identity."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from node.api.documents.parts import Count, Handle, KeyId, Moment, Nonce
from protocol.market.copies import Twinship
from protocol.market.deal import DealState
from protocol.market.lineage import Standing


class HeldView(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A request, or the shop, that promises nothing after a restore."""

    kind: Literal["cast", "vendor"]
    """Which of both."""
    handle: Handle
    """What `reopen` names it by."""
    title: str
    """Of the request; empty for the shop."""
    offers: Count
    """Vendors that answered the request; 0 for the shop."""


class HeldDeal(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A live deal of it."""

    handle: Handle
    """Short id."""
    state: DealState
    """Where it stands."""
    counterparty: str
    """The other side."""


class ReopenedView(HeldView, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What became of it."""

    was_held: bool
    """Whether it was held at all."""
    open: bool
    """Whether it promises again."""
    asked: Count
    """Parties that were asked."""
    answered: list[str]
    """Names of those who answered."""
    silent: list[str]
    """Names of those who did not."""
    deals: list[HeldDeal]
    """Its live deals."""
    unknown: list[str]
    """What stays unknown, a sentence each."""


class ReopenDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What was learnt, and what promises again."""

    schema: Literal["intentcast.reopen/1"]
    """Tag of this document."""
    restored: Moment | None
    """When this home was restored; null when it never was."""
    backup: Moment | None
    """When the backup was made; null when there was none."""
    open: bool
    """Whether all that was asked about promises again."""
    identities: list[ReopenedView]
    """What was asked about."""
    still_held: list[HeldView]
    """What else is held."""


class ThisOneDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """This copy of the home goes on."""

    schema: Literal["intentcast.this-one/1"]
    """Tag of this document."""
    since: Moment
    """When it counts from."""
    standing: Twinship
    """What it knows of another."""


class CopyView(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """This copy of the home."""

    instance: Nonce
    """What tells copies apart."""
    since: Moment
    """When it counts from."""
    standing: Twinship
    """What it knows of another."""
    met: Moment | None
    """Date of the newest sign of another; null when there is none."""
    met_kind: str | None
    """What that sign was."""


class IdentityDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The shop's key and its generations."""

    schema: Literal["intentcast.identity/1"]
    """Tag of this document."""
    key: KeyId
    """The newest."""
    generation: Annotated[int, msgspec.Meta(ge=0)]
    """Its number, from 0."""
    standing: Standing
    """Whether others follow it."""
    followed: KeyId
    """Where others come out who follow the first key."""
    keys: list[KeyId]
    """All it had."""
    copy: CopyView
    """This copy of the home."""


class RevocationDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A certificate that ends the newest key once it is published."""

    schema: Literal["intentcast.revocation/1"]
    """Tag of this document."""
    key: KeyId
    """The key it ends."""
    until: Moment
    """When the certificate ends."""
    certificate: str
    """Text to keep, on paper too."""


class RevokedDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The end of a key, published."""

    schema: Literal["intentcast.revoked/1"]
    """Tag of this document."""
    key: KeyId
    """The key that ended."""
    ours: bool
    """Whether it was one of this home's."""
