"""How links come about and end: dials, doors that are full, nodes that vanish.

Enters: the dials of minds, and what a scenario does to nodes. Leaves: `PeerJoined`, `PeerLost` and
`DialFailed`, when they would come. Never here: whom to dial, or whom to let go.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from protocol.channel.messages import Hello
from protocol.ids import NodeId, PeerId
from protocol.network.actions import DialPeer
from protocol.network.events import DialFailed, DialOutcome, PeerJoined, PeerLost, RttMeasured
from tests.simulation.net.nodes import Node
from tests.simulation.net.wires import PROCESSING_US, Wire

if TYPE_CHECKING:
    from tests.simulation.net.world import World

DIAL_US: Final = 2_000_000
"""How long a dial to nobody takes."""
REFUSED_PART: Final = 0.3
"""Dead addresses whose machine refuses at once. Source: evidence of the network, 6.4."""
_SHAKES: Final = 5
"""One-way times until the dialled node has a link: TCP, three words of Noise, the first word."""
GROUP_MAX: Final = 16
"""Inbound links from one address group. Source: node/network/server.py."""
RESERVE: Final = 16 + 8
"""Links beyond the usual number: visitors, and those an engine is deciding about. Source:
node/network/server.py."""


class Doors:
    """Opens and closes the links of one world."""

    def __init__(self, world: World) -> None:
        """Start with every address unknown."""
        self._world = world
        self.at_address: dict[str, Node] = {}
        self.refused_part = REFUSED_PART

    # --- opening ------------------------------------------------------------------------------

    def hello_of(self, node: Node) -> Hello:
        """Say what a node says first on every link."""
        now = self._world.now_of(node)
        outbound = node.outbound if node.claims_outbound is None else node.claims_outbound
        facts: dict[str, Any] = {"outbound": outbound, "interest": node.interest}
        return Hello(versions=[1], record=node.record.raw, clock_ms=now.wall_ms, **facts)

    def dial(self, node: Node, action: DialPeer) -> None:
        """Begin what an engine asked for."""
        world = self._world
        target = self.at_address.get(action.address)
        peer = PeerId(action.key)
        node.dialling[peer] = None
        if target is None or not target.is_up or not target.is_relay or self._is_cut(node, target):
            quick = target is not None and world.chance.random() < self.refused_part
            wait_us = 100_000 if quick else DIAL_US
            world.later(world.at_us + wait_us, lambda: self._failed(node, peer, "nobody"))
            return
        one_way_us = world.terrain.between(node.place, target.place)
        if target.key != peer:
            there_us = world.at_us + 4 * one_way_us
            world.later(there_us, lambda: self._failed(node, peer, "another"))
            return
        there_us = world.at_us + _SHAKES * one_way_us
        world.later(there_us, lambda: self._knock(node, target, one_way_us))

    def _is_cut(self, one: Node, other: Node) -> bool:
        is_cut = self._world.is_cut
        return is_cut is not None and is_cut(one, other)

    def _failed(self, node: Node, peer: PeerId, how: str) -> None:
        node.dialling.pop(peer, None)
        if not node.is_up:
            return
        for observer in self._world.watch:
            observer.on_dial(node, how)
        outcome = DialOutcome.OTHER_NODE if how == "another" else DialOutcome.UNREACHABLE
        self._world.turn(node, [DialFailed(key=NodeId(peer), outcome=outcome)])

    def _knock(self, node: Node, target: Node, one_way_us: int) -> None:
        world = self._world
        is_known = node.key in target.wires or target.key in node.wires
        there = node.is_up and target.is_up and not self._is_cut(node, target)
        if not there or is_known or not self.has_room(target, node):
            how = "full" if there and not is_known else "known" if is_known else "nobody"
            back_us = world.at_us + one_way_us
            world.later(back_us, lambda: self._failed(node, target.key, how))
            return
        self.join(node, target, one_way_us)

    def has_room(self, target: Node, newcomer: Node) -> bool:
        """Tell whether a door opens at all; whether somebody has to go for it, an engine says."""
        if target.inbound >= target.inbound_max + RESERVE:
            return False
        near = [
            w for w in target.wires.values() if not w.outbound and w.dst.group == newcomer.group
        ]
        return len(near) < GROUP_MAX

    def join(
        self, node: Node, target: Node, one_way_us: int | None = None, *, at_once: bool = False
    ) -> None:
        """Open a link that `node` dialled: `target` has it now, `node` soon or at once."""
        world = self._world
        if one_way_us is None:
            one_way_us = world.terrain.between(node.place, target.place)
        out = Wire(node, target, one_way_us, outbound=True)
        back = Wire(target, node, one_way_us, outbound=False)
        out.twin, back.twin = back, out
        out.since_us = back.since_us = world.at_us
        there_us = world.at_us + one_way_us
        back.arrived_us = [there_us + 1, there_us + 1]
        for observer in world.watch:
            observer.on_wire(out)
            observer.on_wire(back)
        target.wires[node.key] = back
        target.inbound += 1
        for observer in world.watch:
            observer.on_link(node, target, is_open=True)
        if not at_once:
            world.later(there_us, lambda: self._arrive(out))
        address = node.address.rpartition(":")[0]
        world.turn(target, [self._joined(node, address, outbound=False)])
        self._time(back)
        if at_once:
            self._arrive(out)

    def _joined(self, peer: Node, address: str, *, outbound: bool) -> PeerJoined:
        return PeerJoined(
            peer=peer.key, hello=self.hello_of(peer), outbound=outbound, address=address
        )

    def _arrive(self, out: Wire) -> None:
        """Let the dialler have its link, if the other end still has it."""
        node, target = out.src, out.dst
        node.dialling.pop(target.key, None)
        if not node.is_up:
            return
        if target.wires.get(node.key) is not out.twin or target.key in node.wires:
            self._failed(node, target.key, "nobody")
            return
        node.wires[target.key] = out
        node.outbound += 1
        self._world.turn(node, [self._joined(target, target.address, outbound=True)])
        self._time(out)

    def _time(self, wire: Wire) -> None:
        """Let a node measure the way there and back, as its first ping would."""
        rtt_us = 2 * (wire.one_way_us + PROCESSING_US)
        measured = RttMeasured(peer=wire.dst.key, rtt_ms=rtt_us // 1_000)
        self._world.later(self._world.at_us + rtt_us, partial(self._measured, wire, measured))

    def _measured(self, wire: Wire, measured: RttMeasured) -> None:
        if wire.src.is_up and wire.src.wires.get(wire.dst.key) is wire:
            self._world.turn(wire.src, [measured])

    # --- ending -------------------------------------------------------------------------------

    def part(self, wire: Wire, *, after_us: int | None = None) -> None:
        """Take a link from the node that ends it; the other end loses it a word later.

        Args:
            wire: the ending node's direction.
            after_us: when the other end notices, instead.
        """
        world = self._world
        if not self._forget(wire):
            return
        for observer in world.watch:
            observer.on_link(wire.src, wire.dst, is_open=False)
        twin = wire.twin
        if twin is None:
            return
        when_us = world.at_us + (wire.one_way_us if after_us is None else after_us)
        # What was said before the goodbye is still heard.
        broke = after_us is not None
        world.later(max(when_us, *wire.arrived_us), lambda: self._lose(twin, broke=broke))

    def cut(self, wire: Wire, *, after_us: int) -> None:
        """Let nothing through from now on; this end gives the link up after a while."""
        wire.rate = 0
        self._world.later(self._world.at_us + after_us, partial(self._lose, wire, broke=True))

    def _forget(self, wire: Wire) -> bool:
        node = wire.src
        if node.wires.get(wire.dst.key) is not wire:
            return False
        del node.wires[wire.dst.key]
        if wire.outbound:
            node.outbound -= 1
        else:
            node.inbound -= 1
        return True

    def _lose(self, wire: Wire, *, broke: bool) -> None:
        if self._forget(wire) and wire.src.is_up:
            self._world.turn(wire.src, [PeerLost(peer=wire.dst.key, broke=broke)])

    def vanish(self, node: Node, *, noticed_us: int = 0) -> None:
        """Let a node die without a word; its peers notice after a while."""
        node.is_up = False
        node.timers.clear()
        for wire in list(node.wires.values()):
            self.part(wire, after_us=noticed_us)
