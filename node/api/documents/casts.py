"""Documents about own requests: how each stands, what of it is public, who sees what."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from node.api.documents.parts import Base64Url, CastId, Count, Handle, Moment, Nonce, RevokedId
from protocol.market.cast import CastState
from protocol.objects.intentcast import (
    Budget,
    ForeignCode,
    Function,
    Item,
    Membership,
    VendorRequirement,
    Window,
)
from protocol.values.place import Where


class PublicReply(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where offers go."""

    box: Base64Url
    """X25519 key letters are sealed to."""
    reader: Base64Url
    """Ed25519 key that may read the box."""
    at: Annotated[list[Base64Url], msgspec.Meta(min_length=1, max_length=3)]
    """Keys of the mailboxes."""
    until: Annotated[int, msgspec.Meta(ge=0, le=2**52)]
    """The boxes are open to then, Unix ms."""


class Reach(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How far an object is known to have come; nobody can know it of the whole network."""

    seen_at: Count
    """Linked peers that named it, or brought it back, since this node started."""
    peers: Count
    """Linked peers."""


class _PublicFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The members of a request that everybody on the network sees."""

    title: str
    """One line, 1-120 characters."""
    text: str = ""
    """Free words, at most 2,000 characters."""
    lang: str = "en"
    """BCP 47 language of title and text."""
    category: str
    """Path of 1-4 slugs."""
    codes: list[ForeignCode] = []
    """The same category in other trees."""
    function: Function = "buy"
    """What is to be done with the items."""
    items: Annotated[list[Item], msgspec.Meta(min_length=1, max_length=20)]
    """What is wanted."""
    when: Annotated[list[Window], msgspec.Meta(max_length=5)] = []
    """Any of these windows."""
    where: Where
    """A cell and a radius in km, or remote."""
    budget: Budget | None = None
    """Only what the buyer made public."""
    readiness: Literal["browsing", "comparing", "ready", "urgent"] = "ready"
    """How near to buying."""
    decide_by: Moment
    """When the buyer means to choose."""
    supersedes: Base64Url | None = None
    """The form this one amends."""
    audience: Literal["open"] = "open"
    """Open gossip."""
    vendor_req: VendorRequirement | None = None
    """Who may answer."""
    memberships: list[Membership] = []
    """Programmes that may lower the price."""
    terms: Annotated[list[str], msgspec.Meta(min_length=1, max_length=8)]
    """The buyer's proffered terms, best first."""
    max_offers: Annotated[int, msgspec.Meta(ge=1, le=256)] = 64
    """Offers taken at most."""


class PublicDraft(_PublicFields, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The exact public text a draft would have; members at their default are left out."""


class PublicCast(_PublicFields, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The exact public text of a request; members at their default are left out."""

    nonce: Base64Url
    """16 bytes its keys derive from."""
    reply: PublicReply
    """Where offers go."""


class LocalPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What of a request never leaves this node by itself."""

    budget: str | None
    """Most to be paid, with its currency; null when none was said."""
    disclose: list[str]
    """Names of the fields the vendor of an agreement will learn."""


class CastView(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One own request."""

    id: CastId | None
    """Full id of its first form, for ever; null before it is signed."""
    handle: Handle | None
    """Short id; null before it is signed."""
    form: CastId | None
    """Full id of its newest form; null before it is signed."""
    draft: Nonce
    """What it goes by before it is signed."""
    title: str
    """Its title."""
    category: str
    """Its category."""
    state: CastState
    """Where it stands."""
    held: bool
    """After a restore: promises nothing until it is reopened."""
    public: PublicCast
    """What everybody sees."""
    local: LocalPart
    """What nobody sees."""
    created: Moment
    """When it was made."""
    decide_by: Moment | None
    """When the owner means to choose."""
    expires: Moment | None
    """When it ends."""
    offers: Count
    """Vendors that answered."""
    reach: Reach
    """How far it is known to have come."""
    note: str
    """Where it stands, in a sentence."""


class CastDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One own request."""

    schema: Literal["intentcast.cast/1"]
    """Tag of this document."""
    cast: CastView
    """The request."""


class CastsDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Own requests."""

    schema: Literal["intentcast.casts/1"]
    """Tag of this document."""
    casts: list[CastView]
    """Newest first."""


class Audience(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Somebody, and what they will learn."""

    who: str
    """For people."""
    what: list[str]
    """For people."""


class PreviewDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What would be public of a draft, and who would see what."""

    schema: Literal["intentcast.preview/1"]
    """Tag of this document."""
    public: PublicDraft
    """What everybody would see; key and way back are made when it is signed."""
    sees: list[Audience]
    """Who would see what, from everybody to nobody."""


class RevokeDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What was taken back."""

    schema: Literal["intentcast.revoke/1"]
    """Tag of this document."""
    id: RevokedId
    """Its full id; a draft's nonce."""
    kind: Literal["cast", "offer", "draft"]
    """What it was."""
    state: Literal["revoked", "withdrawn"]
    """What it is now."""
