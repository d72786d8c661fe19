"""Documents for machines: is the node ready, and what is it."""

from __future__ import annotations

from typing import Literal

import msgspec

from node.api.documents.parts import Count, NodeKey


class ReadinessChecks(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What has to be well, by name."""

    database: bool
    """It answers."""
    network: bool
    """Links are made and taken."""
    running: bool
    """The node is not stopping."""


class ReadinessDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whether the node can do its work now."""

    schema: Literal["intentcast.readiness/1"]
    """Tag of this document."""
    ready: bool
    """Whether every check says yes."""
    checks: ReadinessChecks
    """All answers."""


class InfoVersions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Versions of the protocol it speaks."""

    channel: list[Count]
    """Of connections."""
    objects: list[Count]
    """Of signed objects."""


class InfoLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What it takes; a program looks before it sends."""

    public_object_bytes: Count
    """A public object's envelope."""
    letter_bytes: Count
    """A sealed letter."""
    first_letter_bytes: Count
    """A letter of a stranger."""
    frame_bytes: Count
    """A frame of a connection."""
    box_letters: Count
    """Letters in one box of its mailbox."""
    box_bytes: Count
    """Bytes in one box."""
    offers_per_cast: Count
    """Offers kept for one request."""
    cast_life_ms: Count
    """Longest life of a request."""
    clock_skew_ms: Count
    """How far ahead an object may be dated."""
    work_bits: Count
    """Work on a public object."""
    box_work_bits: Count
    """Work on the opening of a box."""


class InfoArea(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where a shop serves."""

    cell: str | None = None
    """H3 index; left out where the place does not matter."""
    radius_km: Count = 0
    """Around the cell's centre."""
    remote: bool = False
    """Whether the place does not matter."""


class InfoShop(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a shop makes public of itself anyway."""

    name: str
    """What people call it."""
    categories: list[str]
    """Category prefixes it serves; empty means any."""
    areas: list[InfoArea]
    """Where it serves; empty means anywhere."""
    terms: list[str]
    """Buyer's terms it accepts."""


class InfoDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What this node is, which versions it speaks, and what it takes."""

    schema: Literal["intentcast.info/1"]
    """Tag of this document."""
    name: str | None
    """Of its shop; null where it sells nothing."""
    software: Literal["intentcast"]
    """Of this program."""
    version: str
    """Of this program."""
    node: NodeKey
    """This node's key."""
    net: str
    """Id of the network, at most 32 characters."""
    roles: list[Literal["relay", "mailbox", "bootstrap"]]
    """What it offers to others."""
    protocol: InfoVersions
    """Versions it speaks."""
    limits: InfoLimits
    """What it takes."""
    shop: InfoShop | None
    """Its shop; null where it sells nothing."""
