"""The nodes of a simulated network: an engine, or somebody else, with a place and a line.

Enters: what the population draws. Leaves: the facts the world needs about each node. Never here: a
decision; those are its mind's, and the mind of every honest node is the product's engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from protocol.channel.messages import Interest
from protocol.ids import NodeId, PeerId
from protocol.network.actions import Timer
from protocol.network.addresses import NodeRecord
from protocol.now import Now
from tests.simulation.net.terrain import Place
from tests.simulation.net.wires import Uplink, Wire


class Mind(Protocol):
    """What decides for a node."""

    def handle(self, event: Any, now: Now) -> Sequence[Any]:
        """Take one event; every returned action is performed, in order."""
        ...


class Node:
    """One node."""

    __slots__ = (
        "address", "claims_outbound", "dialling", "group", "inbound", "inbound_max", "interest",
        "is_honest", "is_relay", "is_slow", "is_up", "key", "links", "mind", "number", "outbound",
        "place", "record", "role", "settled_us", "skew_ms", "timers", "uplink", "wires",
    )  # fmt: skip

    def __init__(self, *, number: int, key: NodeId, place: Place, is_relay: bool, address: str):
        """Put up a node that is not yet running.

        Args:
            number: its place in the world's list.
            key: transport key.
            place: where it stands.
            is_relay: whether it can be dialled.
            address: `ip:port`; of a leaf, what others see when it dials.
        """
        self.number = number
        self.key = PeerId(key)
        self.place = place
        self.is_relay = is_relay
        self.at(address)
        self.mind: Mind
        self.role = "honest"
        self.is_honest = True
        self.is_up = False
        self.record: NodeRecord
        self.interest: Interest | None = None
        self.uplink: Uplink | None = None
        self.skew_ms = 0
        self.is_slow = False
        """Whether what is sent to it comes slowly, or not at all."""
        self.settled_us = 0
        """Since when it has been there."""
        self.links = 0
        """How many it dials."""
        self.claims_outbound: int | None = None
        """What it says of that, where it lies."""
        self.inbound_max = 64
        self.inbound = 0
        self.outbound = 0
        self.wires: dict[PeerId, Wire] = {}
        self.timers: dict[Timer, int] = {}
        self.dialling: dict[PeerId, None] = {}

    @property
    def engine(self) -> Any:
        """The product's engine in it, whatever it wears."""
        return getattr(self.mind, "engine", self.mind)

    def at(self, address: str) -> None:
        """Put it at an address."""
        self.address = address
        self.group = ".".join(address.split(".")[:2])
