"""Documents about the node itself: how it is, its links, its letters, its news."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

from node.api.documents.parts import Count, Handle, KeyId, Moment, NodeKey
from protocol.market.cast import CastState
from protocol.market.deal import DealState

Cursor: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
"""Number of an event; they only grow."""


class LiveDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The process lives."""

    schema: Literal["intentcast.live/1"]
    """Tag of this document."""
    live: Literal[True]
    """Always true."""


class OutboxCounts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Letters, by where they stand."""

    pending: Count
    """Not receipted yet."""
    expired: Count
    """Given up at their date."""
    refused: Count
    """Given up because no mailbox takes them."""
    parked: Count
    """Received, and waiting for what they answer."""
    notes: Count
    """To other copies of this home."""
    next_at: Moment | None
    """When one is tried next; null when none waits."""


class Privacy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How hard it is to tell who asked."""

    mode: Literal["off", "normal", "careful"]
    """What the settings say."""
    successors: Count
    """Relays by which requests leave; at 0 they go to every peer at once."""
    waiting: Count
    """Own requests on their way by stem, not seen in public yet."""
    carriers: Count
    """Peers that may carry tunnels to mailboxes."""
    tunnels: Count
    """Tunnels open now."""
    direct: Count
    """Mailboxes last asked without a tunnel, for want of one."""


class NewestReach(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How far the newest open request is known to have come."""

    cast: Handle
    """Which."""
    seen_at: Count
    """Linked peers that named it, or brought it back, since this node started."""
    peers: Count
    """Linked peers."""


class StatusDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the node is."""

    schema: Literal["intentcast.status/1"]
    """Tag of this document."""
    version: str
    """Of the program."""
    net: str
    """Id of the network, at most 32 characters."""
    node: NodeKey
    """This node's key."""
    home: str
    """Folder of its files."""
    pid: Annotated[int, msgspec.Meta(ge=1)]
    """Number of its process."""
    uptime_s: Count
    """Seconds since its start."""
    peers: Count
    """Open links."""
    relay: bool
    """Whether it listens for others."""
    listen: str | None
    """`host:port` it listens on; null when it does not."""
    mailbox: bool
    """Whether it keeps letters for others."""
    vendor: str | None
    """Name of the shop shown to the network; null when none is."""
    casts: dict[CastState, Count]
    """Own requests, by state; states without any are left out."""
    reach: NewestReach | None
    """Of the newest open request; null when none is open."""
    deals: dict[DealState, Count]
    """Deals, by state; states without any are left out."""
    locked: bool
    """Whether the keys are locked."""
    outbox: OutboxCounts
    """Letters on their way."""
    private: Privacy
    """How hard it is to tell who asked."""
    clock_offset_ms: int | None
    """Median of the peers' clocks against ours, ms; null with fewer than three."""
    notices: list[str]
    """What the owner should know or do, a sentence each."""


class PeerEsteem(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is thought of one link, and why."""

    asked: Literal["push", "ids", "quiet"] | None
    """How new objects are to come over it; null before it was weighed."""
    given: Literal["push", "ids", "quiet"]
    """How new objects go to it."""
    lag_ms: Count | None
    """How far behind the first it brought them lately, ms; null before any showed it."""
    penalty_ms: Count
    """Added to that for broken promises."""
    merit: Count
    """How often it was the first, halved every half hour, at most 1,000."""
    standing: Literal["good", "no_push", "unwelcome", "banned"]
    """What its faults come to."""
    news_left: Count | None
    """New objects it may bring now; null where there is no bound."""
    news_per_s: Count | None
    """And for ever, a second."""
    pull_kib_left: Count | None
    """KiB that may be asked of it now, of what a comparison found."""
    over_budget: Count
    """Objects it pushed beyond that; they are asked for later."""
    narrows: bool
    """Whether it wants only some requests."""
    why: str
    """Why it has the place it has, in words."""


class PeerLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One link."""

    node: NodeKey
    """Its key."""
    address: str
    """Where it is, `host:port`; of an inbound link, where it comes from."""
    direction: Literal["in", "out"]
    """Who dialled: they, or we."""
    roles: list[str]
    """What it offers: `relay`, `mailbox`, `bootstrap`."""
    agent: str
    """What its software calls itself; text of a stranger."""
    rtt_ms: Count | None
    """Round trip, ms; null when not measured yet."""
    connected_s: Count
    """Seconds since the link was made."""
    bytes_in: Count
    """Received, bytes."""
    bytes_out: Count
    """Sent, bytes."""
    objects: Count
    """Objects it was the first to bring."""
    fault_points: Count
    """Faults, halved every half hour; at 20 it may not push, at 50 its link ends."""
    explain: PeerEsteem
    """What is thought of it."""


class UnlinkedLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One address that is dialled and not linked."""

    address: str
    """`host:port`."""
    tries: Count
    """Dials in a row that came to nothing."""
    code: str | None
    """Why the last one failed; null before one has."""
    error: str | None
    """The same in a sentence."""
    next_s: Count | None
    """Seconds until the next; null while one is under way."""


class PeersDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whom this node is linked to."""

    schema: Literal["intentcast.peers/1"]
    """Tag of this document."""
    peers: list[PeerLine]
    """Open links."""
    unlinked: list[UnlinkedLine]
    """Addresses this node was told to stay linked to, and is not."""
    known: Count
    """Mailboxes known in all."""
    dependent_on: Literal["group", "source", "strangers"] | None
    """What all nodes this one dialled have in common: one address `group`, or one group that is
    the only `source` of all, or that all are `strangers`: those it had before are gone, and none
    has brought anything yet; null when they are independent, or nothing can be said."""


class LetterLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One letter that is not receipted."""

    kind: str
    """What it carries: `offer`, `acceptance`, `event`, `revoke`, `note`."""
    to: KeyId
    """Key of whoever it is for."""
    state: Literal["pending", "expired", "refused"]
    """Whether it is on its way, or how it ended."""
    tries: Count
    """Tries made."""
    mailboxes: Count
    """Mailboxes its reader has."""
    put: Count
    """Mailboxes that hold it."""
    next_at: Moment
    """Next try."""
    expires_at: Moment
    """When nobody tries any more."""
    reason: str
    """Why it was refused, a code; empty when it was not."""


class OutboxDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Letters on their way, and those that ended without a receipt."""

    schema: Literal["intentcast.outbox/1"]
    """Tag of this document."""
    letters: list[LetterLine]
    """Newest first within each state; at most 500 of each."""


class EventLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One thing that happened."""

    n: Cursor
    """Its number."""
    at: Moment
    """When it was recorded."""
    what: str
    """A word or two with a point: `offer`, `deal.accept_sent`."""
    ids: list[Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]*\Z")]]
    """What it is about, in hex."""


class EventsDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What happened after a cursor."""

    schema: Literal["intentcast.events/1"]
    """Tag of this document."""
    events: Annotated[list[EventLine], msgspec.Meta(max_length=256)]
    """In order."""
    cursor: Cursor
    """Where to ask from next."""
