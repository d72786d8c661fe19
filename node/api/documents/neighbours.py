"""Documents about neighbours and invites."""

from __future__ import annotations

from typing import Literal

import msgspec

from node.api.documents.parts import Count, Moment, NodeKey


class InterfaceLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A network this machine looks around in."""

    name: str
    """As the system calls it."""
    address: str
    """This machine's address in it."""


class NeighbourView(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One node that is near, or that was decided about."""

    node: NodeKey
    """Its key."""
    state: Literal["kept", "refused", "guest", "waiting"]
    """What was decided; `waiting` when nothing was."""
    how: Literal["nearby", "invite"]
    """How it came to be known."""
    linked: bool
    """Whether a link is open."""
    near: bool
    """Whether it announces itself in the local network."""
    addresses: list[str]
    """`host:port` it may be found at."""
    net: str
    """Id of its network."""
    since: Moment | None
    """When it was decided about; null when it was not."""
    trouble: str
    """Why it is not linked; empty when it is, or nobody tries."""


class NearbyDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Nodes in the local network, and what was decided about them."""

    schema: Literal["intentcast.nearby/1"]
    """Tag of this document."""
    net: str
    """Id of the network."""
    lan: Literal["on", "look", "off"]
    """Whether this node announces itself, only looks around, or neither."""
    interfaces: list[InterfaceLine]
    """Where it looks around."""
    nodes: list[NeighbourView]
    """One entry for each node: decided ones first."""
    ignored: dict[str, Count]
    """Reason -> announcements that were left out."""
    notice: str
    """What stands in the way of looking; empty when nothing does."""


class NeighbourDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One node, after something was decided about it."""

    schema: Literal["intentcast.neighbour/1"]
    """Tag of this document."""
    neighbour: NeighbourView
    """The node."""


class InviteDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A link that leads to this node. It may hold a secret: hand it on by a way you trust."""

    schema: Literal["intentcast.invite/1"]
    """Tag of this document."""
    link: str
    """As it is handed on."""
    node: NodeKey
    """The node it leads to."""
    net: str
    """Id of its network."""
    address: str
    """`host:port` that is dialled."""
    single: bool
    """Whether it is good for one node."""
    until: Moment
    """When it ends."""
