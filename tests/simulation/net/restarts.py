"""One node among hostile ones that tell it of their kind, started again and again.

The victim is the product's engine, its disk the product's table of nodes in memory, and it starts
as the node does from what that table holds. Around it stand relays of two kinds. Those of the town
hold what the network holds, one engine for each link; the others take every link, knock at once
when the victim starts, name only their own kind, and say of every comparison that nothing is
missing. Enters: a run, how often, how much of the disk is poisoned. Leaves: a line for each start.
Never here: whether that is good enough, which the checker says.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

from node.runtime import loading, shelf
from node.storage import nodes
from node.storage.migrations import migrations
from protocol import limits
from protocol.channel.messages import RangesAnswer, RangesQuery, RecordsAnswer, RecordsQuery
from protocol.engine import Engine
from protocol.ids import NodeId, PeerId, blake2b_256
from protocol.network.actions import DialPeer, SaveAnchors, SaveReached, SaveRecord
from protocol.network.events import (
    MessageReceived,
    PeerJoined,
    PeerLost,
    PublishObject,
    RecordSigned,
    Started,
)
from protocol.network.live import LiveEntry, entry_of
from protocol.network.ranges import RangesWriter
from protocol.now import Now
from tests.simulation.net.nodes import Node
from tests.simulation.net.roles import say

if TYPE_CHECKING:
    from tests.simulation.net.scenario import Run

SECOND_US = 1_000_000
SETTLED_S = 20
"""When it is judged whom a start led to, seconds after it."""
AWAY_S = 5
CAUGHT_UP_S = 600
"""What a start may take until the victim holds what the network holds."""
_KNOCK = 96
"""Hostile nodes that dial the victim when it starts, more than it takes."""
_SAVED = (SaveRecord, SaveReached, SaveAnchors)


@dataclass(slots=True, kw_only=True)
class Life:
    """What one start led to."""

    outbound: int = 0
    """Links it had dialled, 20 s after it."""
    hostile: int = 0
    """Those to hostile nodes."""
    warned: bool = False
    """Whether the node said by itself that it has no independent source, 20 s after it or at its
    end."""
    equal_s: float | None = None
    """After how many seconds it held all that the network held at its start."""

    @property
    def is_eclipsed(self) -> bool:
        """Whether all it dialled is hostile."""
        return self.hostile == self.outbound > 0


class Disk:
    """What outlasts a restart: the product's table of nodes, and the names of objects."""

    def __init__(self) -> None:
        """Start empty."""
        self.conn = sqlite3.connect(":memory:")
        self.conn.row_factory = sqlite3.Row
        for step in migrations():
            self.conn.executescript(step.sql)
        self.entries: tuple[LiveEntry, ...] = ()

    def save(self, action: Any, wall_ms: int) -> None:
        """Do what the node's own store does."""
        shelf._remember(self.conn, action, wall_ms)

    def started(self) -> Started:
        """Give what the node begins with."""
        found = self.conn.execute(nodes._SELECT_NEWEST, (limits.known_nodes_max,)).fetchall()
        rows = [nodes._node(row) for row in found]
        return Started(
            entries=self.entries,
            records=tuple(row.record for row in rows),
            memories={row.key: loading._memory(row) for row in rows},
            anchors=tuple(row.key for row in rows if row.is_anchor),
        )

    def keys(self) -> list[bytes]:
        """List the nodes it holds."""
        return [row["key"] for row in self.conn.execute("SELECT key FROM nodes")]


class Victim:
    """An engine whose memory of nodes is on disk."""

    def __init__(self, engine: Engine, disk: Disk) -> None:
        """Put the disk under it."""
        self.engine = engine
        self._disk = disk

    def handle(self, event: Any, now: Now) -> list[Any]:
        """Keep what the engine wants kept."""
        actions = list(self.engine.handle(event, now))
        for action in actions:
            if isinstance(action, _SAVED):
                self._disk.save(action, now.wall_ms)
        return actions


class Townsman:
    """A relay of the honest network, there as long as somebody is linked to it."""

    def __init__(self, around: Restarts, node: Node) -> None:
        """Wait for a link."""
        self._around = around
        self._node = node
        self._engine: Engine | None = None

    def handle(self, event: Any, now: Now) -> Sequence[Any]:
        """Be a whole node on every link, but name whom the town knows."""
        match event:
            case PublishObject():
                self._around.publish(event)
                return []
            case PeerJoined() if self._engine is None:
                self._engine = self._around.relay(self._node)
                begun = Started(entries=tuple(self._around.entries), records=())
                signed = RecordSigned(record=self._node.record)
                actions = [*self._engine.handle(begun, now), *self._engine.handle(signed, now)]
                return [*actions, *self._engine.handle(event, now)]
            case MessageReceived(peer=peer, message=RecordsQuery(request=request)):
                told = self._around.told_by_town(self._node)
                return [say(peer, RecordsAnswer(request=request, records=told))]
            case PeerLost():
                self._engine = None
                self._node.timers.clear()
                return []
            case _:
                return [] if self._engine is None else self._engine.handle(event, now)


class Bot:
    """Takes every link, names its own kind, and agrees with all that is compared."""

    def __init__(self, around: Restarts, node: Node) -> None:
        """Begin."""
        self._around = around
        self._node = node
        node.claims_outbound = 0

    def handle(self, event: Any, now: Now) -> Sequence[Any]:
        """Answer what is asked."""
        match event:
            case MessageReceived(peer=peer, message=RecordsQuery(request=request)):
                told = self._around.told_by_bots(self._node)
                return [say(peer, RecordsAnswer(request=request, records=told))]
            case MessageReceived(peer=peer, message=RangesQuery(request=request)):
                return [say(peer, RangesAnswer(request=request, ranges=RangesWriter().raw))]
            case _:
                return []


class Restarts:
    """Starts and stops the victim, and looks what came of it."""

    def __init__(
        self,
        run: Run,
        *,
        victim: int,
        lives: int,
        poisoned: float,
        gone: float,
        anchored: bool,
        told: str,
        life_s: tuple[float, float],
    ) -> None:
        """Give everybody the mind that belongs to its part; `begin` acts."""
        self.run = run
        self.world = run.world
        self.victim = self.world.nodes[victim]
        self.entries: list[LiveEntry] = []
        self.lives: list[Life] = []
        self.poison: list[float] = []
        """Part of the disk that is hostile, at each start."""
        self._todo = lives
        self._gone = gone
        self._life_s = life_s
        self.chance = Random(f"{run.scenario.seed}/restarts")
        others = [node for node in self.world.nodes if node is not self.victim and node.is_relay]
        self.town = [node for node in others if node.is_honest]
        self.bots = [node for node in others if not node.is_honest]
        self._all = [*self.town, *self.bots]
        self._bot_keys = {bytes(node.key) for node in self.bots}
        for node in self.world.nodes:
            node.mind = Townsman(self, node)
        for node in self.bots:
            node.mind = Bot(self, node)
        self.disk = Disk()
        self._poison(poisoned, anchored=anchored, told=told)

    def _poison(self, part: float, *, anchored: bool, told: str) -> None:
        """Fill the disk as a life before the attack, and the attack, would have left it."""
        town = [*self.town] if part < 1 else []
        count = len(self.bots) if part >= 1 else round(len(town) * part / (1 - part))
        known = [*town, *self.chance.sample(self.bots, min(count, len(self.bots)))]
        self.chance.shuffle(known)
        for number, node in enumerate(known):
            wall_ms = self.world.now_of(self.victim).wall_ms
            tellers = self.bots[:1] if told == "one" else known
            teller = tellers[self.chance.randrange(len(tellers))]
            source = f"{teller.group}.0.0/16"
            saved = SaveRecord(record=node.record, is_proven=False, source=source)
            self.disk.save(saved, wall_ms)
            if number % 2 and told != "one":
                group = f"{node.group}.0.0/16"
                there = SaveReached(
                    key=node.record.key, address=node.address, group=group, wall_ms=wall_ms
                )
                self.disk.save(there, wall_ms)
        if anchored and town:
            keys = tuple(node.record.key for node in self.chance.sample(town, limits.anchors))
            self.disk.save(SaveAnchors(keys=keys), 0)

    # --- what is asked of it ------------------------------------------------------------------

    def relay(self, node: Node) -> Engine:
        """Make the mind of a relay of the town; it dials nobody."""
        return Engine(
            net=self.world.net, own=NodeId(node.key), seed=self.chance.randbytes(32), outbound_max=0
        )

    def publish(self, event: PublishObject) -> None:
        """Let the town hold an object."""
        self.entries.append(entry_of(event.verified))

    def told_by_town(self, node: Node) -> list[bytes]:
        """Name the node itself, half of the others from the town, half whoever there is."""
        count = limits.records_per_answer_max - 1
        town = self.chance.sample(self.town, min(count // 2, len(self.town)))
        rest = self.chance.sample(self._all, min(count - len(town), len(self._all)))
        return [each.record.raw for each in dict.fromkeys([node, *town, *rest])]

    def told_by_bots(self, node: Node) -> list[bytes]:
        """Name the node itself and others of its kind."""
        count = min(limits.records_per_answer_max - 1, len(self.bots))
        others = self.chance.sample(self.bots, count)
        return [each.record.raw for each in dict.fromkeys([node, *others])]

    # --- one life after another ---------------------------------------------------------------

    def begin(self) -> None:
        """Start the victim with what is on its disk; everybody hostile knocks."""
        life = Life()
        self.lives.append(life)
        held = self.disk.keys()
        self.poison.append(len(self._bot_keys.intersection(held)) / max(1, len(held)))
        for node in self.town:
            node.is_up = self.chance.random() >= self._gone
        for node in self.bots:
            node.is_up = True
        seed = blake2b_256(b"life", len(self.lives).to_bytes(4, "big"), self.chance.randbytes(32))
        engine = Engine(net=self.world.net, own=NodeId(self.victim.key), seed=seed)
        self.victim.mind = Victim(engine, self.disk)
        self.victim.is_up = True
        self.victim.settled_us = self.world.at_us
        self.world.turn(self.victim, [self.disk.started(), RecordSigned(record=self.victim.record)])
        wanted: set[bytes] = {entry.id for entry in self.entries}
        number = len(self.lives)
        self._knock(number)
        begun_us = self.world.at_us
        self._in(1, partial(self._look, number, wanted, begun_us))
        self._in(SETTLED_S, partial(self._judge, number))
        self._in(self.chance.uniform(*self._life_s), partial(self._maybe_end, number, begun_us))

    def _in(self, seconds: float, job: Any) -> None:
        self.world.later(self.world.at_us + int(seconds * SECOND_US), job)

    def _is_now(self, number: int) -> bool:
        return number == len(self.lives) and self.victim.is_up

    def _knock(self, number: int) -> None:
        """Let bots dial the victim until it takes no more, and again when places are free."""
        if not self._is_now(number):
            return
        free = [bot for bot in self.bots if bot.key not in self.victim.wires]
        count = max(4, _KNOCK - self.victim.inbound)
        for bot in self.chance.sample(free, min(count, len(free))):
            dial = DialPeer(
                address=self.victim.address, key=NodeId(PeerId(self.victim.key)), within_ms=5_000
            )
            self.world.later(
                self.world.at_us + self.chance.randrange(SECOND_US // 4),
                partial(self.world.doors.dial, bot, dial),
            )
        self._in(5, partial(self._knock, number))

    def _look(self, number: int, wanted: set[bytes], begun_us: int) -> None:
        """See every second whether the victim holds what the network held when it started."""
        if not self._is_now(number):
            return
        held = {entry.id for entry in self.victim.engine.gossip.live._entries.values()}
        if wanted <= held:
            self.lives[-1].equal_s = (self.world.at_us - begun_us) / SECOND_US
            return
        self._in(1, partial(self._look, number, wanted, begun_us))

    def _judge(self, number: int) -> None:
        life = self.lives[number - 1]
        out = [wire.dst for wire in self.victim.wires.values() if wire.outbound]
        life.outbound = len(out)
        life.hostile = len([node for node in out if not node.is_honest])
        self._listen(life)

    def _listen(self, life: Life) -> None:
        life.warned |= self.victim.engine.links.dependence() is not None

    def _maybe_end(self, number: int, begun_us: int) -> None:
        life = self.lives[-1]
        is_late = self.world.at_us - begun_us > CAUGHT_UP_S * SECOND_US
        if life.equal_s is None and not life.is_eclipsed and not is_late:
            self._in(5, partial(self._maybe_end, number, begun_us))
            return
        self._listen(life)
        self.disk.entries = tuple(self.victim.engine.gossip.live._entries.values())
        self.world.doors.vanish(self.victim)
        for bot in self.bots:
            bot.dialling.clear()
        if len(self.lives) >= self._todo:
            self.world.is_over = True
            return
        if self.town:
            self.run.publish(is_measured=True, node=self.town[0])
        self._in(AWAY_S, self.begin)
