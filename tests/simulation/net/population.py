"""Who lives in a simulated network, and how they came to be linked.

Relays can be dialled and take 64 links; leaves only dial. Links are *drawn* (the world links
everybody at random within the doors' room, as after many rounds of dialling), *grown* (every node
knows a few relays and dials by itself) or *given* (a list, as it was found among real processes).
Enters: numbers from a scenario. Leaves: a world with its nodes started.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

import msgspec

from protocol.channel.messages import RecordsQuery
from protocol.engine import Engine
from protocol.ids import NodeId, PeerId, blake2b_256
from protocol.network.addresses import Role, sign_record
from protocol.network.events import RecordSigned, Started
from protocol.network.live import LiveEntry
from protocol.network.stem import Private
from tests.simulation.net import interests
from tests.simulation.net.nodes import Node
from tests.simulation.net.wires import Uplink
from tests.simulation.net.world import WALL_MS, World

SECOND_US = 1_000_000
JOINING_US = 2 * SECOND_US
"""When drawn links come about."""


class Population(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The people of a scenario."""

    nodes: int = 200
    """How many."""
    relays: float = 0.25
    """Part of them that can be dialled."""
    relay_links: int = 10
    """Links a relay dials."""
    leaf_links: int = 8
    """Links a leaf dials."""
    inbound_max: int = 64
    """Links a relay takes."""
    links: str = "drawn"
    """`drawn`, `grown` or `given`."""
    pairs: list[tuple[int, int]] = []
    """The given links: number of the node that dialled, and of the one it dialled, which is a
    relay."""
    records: bool = True
    """Whether nodes ask each other for node records; where links stay, they need not."""
    joining_s: float = 0.0
    """Over how long honest nodes of a grown network come; the others are there from the start."""
    known: int = 24
    """Relays whose records a node of a grown network begins with."""
    relay_uplink: float = 0.0
    """Mbit/s; 0 for no limit."""
    leaf_uplink: float = 0.0
    """Mbit/s; 0 for no limit."""
    interests: int = 0
    """Categories each leaf wants, of 256; 0 for everything."""
    engine: dict[str, Any] = {}
    """Further settings of each engine."""


class Settlement:
    """Puts a population into a world."""

    def __init__(self, world: World, population: Population) -> None:
        """Prepare; `settle` acts."""
        self._world = world
        self._population = population
        self._chance = Random(f"{world.seed}/people")
        self._groups: set[int] = set()

    def settle(self, enlist: Callable[[list[Node]], None] | None = None) -> None:
        """Make the nodes, let roles be given, start everybody, and draw links if they are drawn.

        Args:
            enlist: gives some of them a mind that is not the product's.
        """
        self.people()
        if enlist is not None:
            enlist(self._world.nodes)
        known = self._known() if self._population.links == "grown" else {}
        for node in self._world.nodes:
            records = known.get(node.number, ())
            begins_us = self._chance.randrange(SECOND_US)
            if node.is_honest:
                begins_us += int(self._chance.random() * self._population.joining_s * SECOND_US)
            node.settled_us = begins_us
            self._world.later(begins_us, partial(self.start, node, records))
        if self._population.links == "drawn":
            self._draw()
        elif self._population.links == "given":
            nodes = self._world.nodes
            pairs = [(nodes[one], nodes[other]) for one, other in self._population.pairs]
            self._world.later(JOINING_US, lambda: self._join(pairs))

    def people(self, *, minds: int | None = None) -> None:
        """Make the nodes, and nothing else.

        Args:
            minds: how many of them have an engine; all when None.
        """
        if not self._population.records:
            self._world.unheard = (RecordsQuery,)
        count = self._population.nodes
        relays = max(1, round(count * self._population.relays))
        chosen = set(self._chance.sample(range(count), relays))
        if self._population.links == "given":
            chosen = {dialled for _, dialled in self._population.pairs}
        for number in range(count):
            node = self._make(number, is_relay=number in chosen)
            if minds is None or number < minds:
                node.mind = self.engine(node)

    # --- nodes --------------------------------------------------------------------------------

    def _address(self) -> str:
        """Draw an address of a /16 of its own, while there are some."""
        group = self._chance.randrange(20 << 8, 100 << 8)
        while group in self._groups and len(self._groups) < 80 << 8:
            group = self._chance.randrange(20 << 8, 100 << 8)
        self._groups.add(group)
        low = self._chance.randrange(256), self._chance.randrange(1, 255)
        return f"{group >> 8}.{group & 255}.{low[0]}.{low[1]}:7440"

    def _make(self, number: int, *, is_relay: bool) -> Node:
        world, population = self._world, self._population
        key = NodeId(blake2b_256(b"node", world.seed.to_bytes(8, "big"), number.to_bytes(8, "big")))
        node = Node(
            number=number, key=key, place=world.terrain.settle(self._chance), is_relay=is_relay,
            address=self._address(),
        )  # fmt: skip
        node.inbound_max = population.inbound_max
        rate = population.relay_uplink if is_relay else population.leaf_uplink
        if rate:
            node.uplink = Uplink(int(rate * 1_000_000 / 8))
        self._place(node, node.address)
        node.links = population.relay_links if is_relay else population.leaf_links
        if population.links == "given":
            # It has what it dials: it looks for no more.
            node.links = sum(1 for one, _ in population.pairs if one == number)
        if population.interests and not is_relay:
            node.interest = interests.drawn(self._chance, population.interests)
        world.nodes.append(node)
        world.by_key[PeerId(key)] = node
        return node

    def _place(self, node: Node, address: str) -> None:
        """Put a node at an address, and let it sign that."""
        node.at(address)
        self.sign(node)
        if node.is_relay:
            self._world.doors.at_address[address] = node

    def sign(self, node: Node, *, age_ms: int = 60_000) -> None:
        """Let a node sign its record, as old as it says."""
        node.record = sign_record(
            net=self._world.net,
            key=NodeId(node.key),
            addresses=[node.address] if node.is_relay else [],
            roles=[Role.RELAY] if node.is_relay else [],
            seq=WALL_MS - age_ms,
            at=WALL_MS - age_ms,
            seed=blake2b_256(b"record", node.key),
        )

    def engine(self, node: Node) -> Engine:
        """Make the mind of an honest node."""
        population = self._population
        settings = dict(population.engine)
        if "private" in settings:
            settings["private"] = Private(settings["private"])
        rate = population.relay_uplink if node.is_relay else population.leaf_uplink
        return Engine(
            net=self._world.net,
            own=NodeId(node.key),
            seed=blake2b_256(b"chance", self._world.seed.to_bytes(8, "big"), node.key),
            outbound_max=node.links,
            uplink_bps=int(rate * 1_000_000) or None,
            **settings,
        )

    def start(
        self,
        node: Node,
        records: tuple[bytes, ...] = (),
        entries: tuple[LiveEntry, ...] = (),
    ) -> None:
        """Let a node begin."""
        node.is_up = True
        started = Started(entries=entries, records=records)
        self._world.turn(node, [started, RecordSigned(record=node.record)])

    def move(self, node: Node, group: int) -> None:
        """Give a node an address in one of a few groups; it signs a new record."""
        at = self._world.doors.at_address
        at.pop(node.address, None)
        low = self._chance.randrange(256), self._chance.randrange(1, 255)
        self._place(node, f"101.{group}.{low[0]}.{low[1]}:{7440 + node.number % 1000}")

    def restart(self, node: Node) -> None:
        """Let a node come back with what it had on disk: its objects and the records it knew."""
        mind = node.mind
        if isinstance(mind, Engine):
            live = mind.gossip.live
            entries = tuple(live._entries.values())
            records = tuple(each.record.raw for each in mind.links.peers.values())
            node.mind = self.engine(node)
            node.settled_us = self._world.at_us
            self.start(node, records, entries)

    def _known(self) -> dict[int, tuple[bytes, ...]]:
        relays = [node for node in self._world.nodes if node.is_relay]
        known = min(self._population.known, len(relays))
        return {
            node.number: tuple(each.record.raw for each in self._chance.sample(relays, known))
            for node in self._world.nodes
        }

    # --- links --------------------------------------------------------------------------------

    def _draw(self) -> None:
        """Link everybody at random, as far as there is room, one after another."""
        world = self._world
        relays = [node for node in world.nodes if node.is_relay]
        taken = dict.fromkeys((node.number for node in relays), 0)
        linked: dict[int, set[int]] = {node.number: set() for node in world.nodes}
        turns = [node for node in world.nodes for _ in range(node.links)]
        self._chance.shuffle(turns)
        pairs: list[tuple[Node, Node]] = []
        for node in turns:
            target = self._partner(node, relays, taken, linked)
            if target is None:
                continue
            taken[target.number] += 1
            linked[node.number].add(target.number)
            linked[target.number].add(node.number)
            pairs.append((node, target))
        # At one moment: a node with few links so far would dial others meanwhile.
        world.later(JOINING_US, lambda: self._join(pairs))

    def _partner(
        self, node: Node, relays: list[Node], taken: dict[int, int], linked: dict[int, set[int]]
    ) -> Node | None:
        """Draw a relay with room that is not linked yet; after many vain draws there is none."""
        for _ in range(40):
            target = relays[self._chance.randrange(len(relays))]
            if target is node or target.number in linked[node.number]:
                continue
            if taken[target.number] < target.inbound_max:
                return target
        return None

    def _join(self, pairs: list[tuple[Node, Node]]) -> None:
        for node, target in pairs:
            self._world.doors.join(node, target, at_once=True)
