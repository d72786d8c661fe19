"""Documents about shops: those that were heard, and those that are blocked."""

from __future__ import annotations

from typing import Literal

import msgspec

from node.api.documents.parts import Count, Handle, KeyId, Moment


class ShopView(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One shop that sent an offer to a request of ours."""

    name: str
    """Its own word."""
    key: KeyId
    """What its name stands on."""
    domain: str | None
    """The domain it names; null when it names none."""
    domain_checked: bool
    """Whether the domain was seen to hold its key."""
    trust: str
    """What is known of it here, for people."""
    handle: Handle
    """Beginning of its key, as people compare it."""
    deals: Count
    """Deals agreed with it, and with the keys it had before."""
    requests: Count
    """Requests it answered."""
    first_contact: Moment | None
    """When its first object that is still kept came; null when none is."""
    last_heard: Moment | None
    """When its last one came; null when none is kept."""
    blocked: bool
    """Whether the owner wants to hear no more of it."""


class BlockedView(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One shop that is blocked."""

    name: str
    """What it called itself then."""
    key: KeyId
    """Its key."""
    handle: Handle
    """Beginning of its key."""
    since: Moment
    """When it was blocked."""


class PeopleDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The people of one home."""

    schema: Literal["intentcast.people/1"]
    """Tag of this document."""
    shops: list[ShopView]
    """The last heard first; blocked ones too."""
    blocked: list[BlockedView]
    """In the order they were blocked."""
