"""Runs of a few nodes that are no scenarios: two that compare what they hold, one that is besieged.

Enters: a seed. Leaves: figures. The engines are the product's, the world is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from protocol import limits
from protocol.channel.messages import Message, RangesAnswer, RangesQuery
from protocol.ids import ObjectId
from protocol.network import live
from protocol.network.live import LiveEntry
from protocol.now import MINUTE_MS, Now
from protocol.objects.header import Kind
from tests.simulation.net.casts import Author
from tests.simulation.net.nodes import Node
from tests.simulation.net.population import SECOND_US, Population, Settlement
from tests.simulation.net.seals import seals
from tests.simulation.net.terrain import Rig
from tests.simulation.net.wires import Wire
from tests.simulation.net.world import WALL_MS, Observer, World

HELD = 100_000
MISSING = 1_000
_SPREAD_MS = 6 * 86_400_000
_LIFE_MS = 20 * 86_400_000
_SILENCE_S = 20


class Overheard(Observer):
    """Counts what one node asks to compare what it holds, and what it is answered."""

    def __init__(self) -> None:
        """Start with nothing heard."""
        self.asker: Node | None = None
        self.rounds = 0
        self.bytes = 0

    def on_sent(self, wire: Wire, message: Message, size: int) -> None:
        """Count a question or an answer."""
        if isinstance(message, RangesQuery) and wire.src is self.asker:
            self.rounds += 1
            self.bytes += size
        if isinstance(message, RangesAnswer) and wire.dst is self.asker:
            self.bytes += size


def _entries(chance: Random, count: int) -> list[LiveEntry]:
    """Make entries of objects nobody will ask for, older than any that are asked for."""
    entries = []
    for _ in range(count):
        name = chance.randbytes(32)
        at = WALL_MS - 2 * 86_400_000 - chance.randrange(_SPREAD_MS)
        entries.append(
            LiveEntry(
                id=ObjectId(name), kind=Kind.INTENTCAST, key=chance.randbytes(32), at=at,
                exp=at + _LIFE_MS, text=name[16:],
            )
        )  # fmt: skip
    return entries


def _compare(seed: int, missing: int, *, seconds: int) -> dict[str, float]:
    """Link a node that lacks the newest objects with one that has them all."""
    with seals(real=False):
        world = World(seed=seed, terrain=lambda _: Rig())
        chance = Random(f"{seed}/pairs")
        settlement = Settlement(world, Population(nodes=2, relays=1.0, links="drawn"))
        heard = Overheard()
        world.watch.append(heard)
        settlement.people()
        one, other = world.nodes
        heard.asker = other
        shared = _entries(chance, HELD - missing)
        author = Author(world.net, chance)
        news = []
        for _ in range(missing):
            wall_ms = WALL_MS - chance.randrange(1_000) * MINUTE_MS
            verified = author.cast(wall_ms)
            world.shelf[verified.id] = verified.raw
            news.append(live.entry_of(verified))
        settlement.start(one, (), (*shared, *news))
        settlement.start(other, (), tuple(shared))
        world.doors.join(other, one, at_once=True)
        world.run(seconds * SECOND_US)
        held = [set(node.engine.gossip.live._entries) for node in world.nodes]
        return {
            "rounds": heard.rounds,
            "bytes": heard.bytes,
            "equal": float(held[0] == held[1]),
            "objects": len(held[1]),
        }


def newest(seed: int) -> dict[str, float]:
    """A node comes back and lacks the newest thousand."""
    return _compare(seed, MISSING, seconds=120)


def nothing(seed: int) -> dict[str, float]:
    """Two nodes hold the same; looked at until the silence makes them compare anew."""
    return _compare(seed, 0, seconds=_SILENCE_S)


# --- one that is besieged -----------------------------------------------------------------------


class Host:
    """A node that takes links and says nothing."""

    def handle(self, event: Any, now: Now) -> Sequence[Any]:
        """Do nothing."""
        return []


def eclipse(
    seed: int, *, keys: int = 10_000, honest: int = 6, seconds: int = 600
) -> dict[str, float]:
    """Let one node know of 10,000 keys in one /16 beside a few others, fewer than
    it wants; see whom it dials.

    All are told at its start, far more than any peer may tell.
    """
    with seals(real=False):
        world = World(seed=seed, terrain=lambda _: Rig())
        settlement = Settlement(world, Population(nodes=1 + honest + keys, relays=1.0))
        settlement.people(minds=1)
        victim, *others = world.nodes
        for node in others[honest:]:
            settlement.move(node, 7)
            node.is_honest = False
        for node in others:
            node.mind = Host()
            node.is_up = True
        told = [node.record.raw for node in others]
        Random(f"{seed}/eclipse").shuffle(told)
        settlement.start(victim, tuple(told))
        world.run(seconds * SECOND_US)
        return _besieged(victim)


def _besieged(victim: Node) -> dict[str, float]:
    book = victim.engine.links.book
    theirs = [
        node for node in book._nodes.values() if node.record.addresses[0].startswith("101.7.")
    ]
    tried = len([node for node in theirs if node.is_tried])
    places = limits.bucket_places
    out = [wire.dst for wire in victim.wires.values() if wire.outbound]
    return {
        "slots": len([node for node in out if not node.is_honest]),
        "outbound": len(out),
        "known": len(book),
        "new_part": (len(theirs) - tried) / (limits.buckets_new * places),
        "tried_part": tried / (limits.buckets_tried * places),
    }
