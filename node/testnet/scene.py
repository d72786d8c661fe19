"""How a small network stands right now: its nodes, the links between them, what came about.

Enters: a town, its lines, its tally. Leaves: one document, looked up anew only when the last one
is stale, however many ask: watching must not wear out what is watched. Nothing is changed here.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from node.clock import Clock
from node.errors import TransportError
from node.testnet.crossing import Crossing, LinkView
from node.testnet.door import Door
from node.testnet.fault import Fault
from node.testnet.history import History
from node.testnet.nodes import Node
from node.testnet.tally import Tally
from node.testnet.town import Town

SCHEMA: Final = "intentcast.testnet-state/1"
_STALE_MS: Final = 1_000
"""Age at which a look is repeated ..."""
_REST: Final = 4
"""... but never before so many times as long as it took."""
Document = dict[str, Any]


class Scene:
    """One testnet, watched."""

    def __init__(self, town: Town, crossing: Crossing | None, tally: Tally, clock: Clock) -> None:
        """Keep what is looked at.

        Args:
            town: the nodes.
            crossing: the lines they dial through; None where nothing can be made faulty.
            tally: what came about.
            clock: for the age of a look.
        """
        self._town = town
        self.crossing = crossing
        self._tally = tally
        self._clock = clock
        self.history = History()
        self._turn = asyncio.Lock()
        self._last: Document | None = None
        self._until_ms = 0

    @property
    def net(self) -> str:
        """Name of the network."""
        return self._town.plan.net

    @property
    def names(self) -> list[str]:
        """List all nodes, in the order of the plan."""
        return [plan.name for plan in self._town.plan.nodes]

    def node(self, name: str) -> Node | None:
        """Give a node that is up."""
        return self._town.nodes.get(name)

    def spoil(self) -> None:
        """Let the next look be a fresh one: something was changed."""
        self._until_ms = 0

    async def look(self) -> Document:
        """Tell how it stands; who asks at the same time is told the same."""
        async with self._turn:
            began_ms = self._clock.now().mono_ms
            if self._last is None or began_ms >= self._until_ms:
                self._last = await self._now()
                ended_ms = self._clock.now().mono_ms
                self._until_ms = ended_ms + max(_STALE_MS, _REST * (ended_ms - began_ms))
            return self._last

    async def _now(self) -> Document:
        nodes = dict(self._town.nodes)
        doors = {name: node.door for name, node in nodes.items()}
        peers = await asyncio.gather(*(_peers(door) for door in doors.values()))
        linked = dict(zip(doors, peers, strict=True))
        await self.history.look(doors)
        return {
            "schema": SCHEMA,
            "net": self.net,
            "elapsed_ms": self._tally.elapsed_ms(),
            "first_offer_ms": self._tally.first_offer_ms,
            "counts": self._tally.counts.document(),
            "happened": self.history.count,
            "faulty": self.crossing is not None,
            "nodes": [
                {
                    "name": plan.name,
                    "part": plan.part.value,
                    "shop": plan.shop,
                    "up": linked.get(plan.name) is not None,
                    "links": len(linked.get(plan.name) or ()),
                    "listen": nodes[plan.name].facts.listen if plan.name in nodes else None,
                    "api": nodes[plan.name].facts.api if plan.name in nodes else None,
                }
                for plan in self._town.plan.nodes
            ],
            "links": self._links(nodes, linked),
        }

    def _links(self, nodes: dict[str, Node], linked: dict[str, list[str] | None]) -> list[Document]:
        """List the pairs that are linked, and those something is wrong with."""
        name_of = {node.facts.node: name for name, node in nodes.items()}
        pairs = {
            (min(name, name_of[other]), max(name, name_of[other]))
            for name, others in linked.items()
            for other in others or ()
            if other in name_of
        }
        views = {(view.first, view.second): view for view in self._views()}
        pairs |= {pair for pair, view in views.items() if view.fault != Fault()}
        return [_link(pair, views.get(pair)) for pair in sorted(pairs)]

    def _views(self) -> list[LinkView]:
        return self.crossing.views() if self.crossing is not None else []


async def _peers(door: Door) -> list[str] | None:
    """List the ids a node is linked to; None when it does not answer."""
    try:
        return [str(peer["node"]) for peer in (await door.peers())["peers"]]
    except TransportError:
        return None


def _link(pair: tuple[str, str], view: LinkView | None) -> Document:
    is_faulty = view is not None and view.fault != Fault()
    return {
        "link": f"{pair[0]}~{pair[1]}",
        "first": pair[0],
        "second": pair[1],
        "resets": view.resets if view is not None else 0,
        "faulty": is_faulty,
        "words": view.fault.words(view.held) if view is not None and is_faulty else "",
    }
