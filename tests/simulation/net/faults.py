"""What may befall a network, by name.

Each takes the run and its settings, at the moment the scenario names. Nothing here decides whether
the network bears it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

from protocol.channel.messages import Interest
from protocol.network.events import ChangeInterest
from tests.simulation.net import intruders
from tests.simulation.net.nodes import Node
from tests.simulation.net.restarts import Restarts
from tests.simulation.net.roles import drawn
from tests.simulation.net.wires import Wire
from tests.simulation.net.world import Observer

if TYPE_CHECKING:
    from tests.simulation.net.scenario import Run


def _some(run: Run, what: str, among: str, part: float) -> list[Node]:
    chance = Random(f"{run.scenario.seed}/{what}/{run.world.at_us}")
    return drawn([node for node in run.world.nodes if node.is_up], among, part, chance)


def death(run: Run, *, part: float, among: str = "all", noticed_s: float = 0.0) -> None:
    """Nodes vanish without a word, at one moment.

    Args:
        run: the run.
        part: of those it is drawn from.
        among: `all`, `relays` or `leaves`.
        noticed_s: how long their peers go on believing in them.
    """
    for node in _some(run, "death", among, part):
        run.world.doors.vanish(node, noticed_us=int(noticed_s * 1e6))


def churn(run: Run, *, per_minute: float, away_s: float = 10.0) -> None:
    """Nodes leave and come back, each with what it had on disk.

    Args:
        run: the run.
        per_minute: part of all nodes that leave in one minute.
        away_s: how long each is away.
    """
    world = run.world
    chance = Random(f"{run.scenario.seed}/churn/{world.at_us}")
    pause_us = int(60e6 / max(1e-9, per_minute * len(world.nodes)))

    def leave() -> None:
        node = world.nodes[chance.randrange(len(world.nodes))]
        if node.is_up and node.is_honest:
            world.doors.vanish(node)
            world.later(world.at_us + int(away_s * 1e6), partial(run.settlement.restart, node))
        world.later(world.at_us + pause_us, leave)

    leave()


def partition(run: Run, *, until_s: float, part: float = 0.5, noticed_s: float = 5.0) -> None:
    """Two parts of the network cannot reach each other for a while.

    Args:
        run: the run.
        until_s: moment at which they can again.
        part: of all nodes that is on the one side.
        noticed_s: until links across are given up.
    """
    world = run.world
    side = {node.number for node in _some(run, "partition", "all", part)}
    run.sides = side

    def is_cut(one: Node, other: Node) -> bool:
        return (one.number in side) != (other.number in side)

    world.is_cut = is_cut
    for node in world.nodes:
        for wire in list(node.wires.values()):
            if is_cut(wire.src, wire.dst):
                world.doors.cut(wire, after_us=int(noticed_s * 1e6))

    def heal() -> None:
        world.is_cut = None

    world.later(int(until_s * 1e6), heal)


class _Slow(Observer):
    """Gives a rate to every wire towards some nodes, also to those that come later."""

    def __init__(self, numbers: set[int], rate: int) -> None:
        self._numbers = numbers
        self._rate = rate

    def on_wire(self, wire: Wire) -> None:
        if wire.dst.number in self._numbers:
            wire.rate = self._rate


def slow(run: Run, *, part: float, kbits: float, among: str = "all") -> None:
    """Everything sent to some nodes comes slowly; 0 kbit/s is a node that does not read.

    Args:
        run: the run.
        part: of those it is drawn from.
        kbits: of each link.
        among: `all`, `relays` or `leaves`.
    """
    nodes = _some(run, f"slow {kbits}", among, part)
    for node in nodes:
        node.is_slow = True
    observer = _Slow({node.number for node in nodes}, int(kbits * 1_000 / 8))
    run.world.watch.append(observer)
    for node in run.world.nodes:
        for wire in node.wires.values():
            observer.on_wire(wire)


def skew(run: Run, *, part: float, by_s: float) -> None:
    """Some clocks are wrong.

    Args:
        run: the run.
        part: of all nodes.
        by_s: seconds ahead; every second one is as much behind.
    """
    chance = Random(f"{run.scenario.seed}/skew {by_s}")
    right = [node for node in run.world.nodes if not node.skew_ms]
    # Also those that are not up yet: their clocks are wrong from the start.
    for number, node in enumerate(drawn(right, "all", part, chance)):
        node.skew_ms = int(by_s * 1_000) * (-1 if number % 2 else 1)


def hostage(run: Run, *, victim: int, category: str, honest_links: int = 1) -> None:
    """Nearly all links of a node lead to those who keep from it the one thing it wants.

    Args:
        run: the run.
        victim: number of the node.
        category: what is kept back.
        honest_links: links that are left as they were.
    """
    node = run.world.nodes[victim]
    node.interest = Interest(categories=[category], cells=None)
    run.world.turn(node, [ChangeInterest(interest=node.interest)])
    others = [wire.dst for wire in node.wires.values()][honest_links:]
    for other in others:
        other.role, other.is_honest = "jailer", False
        other.mind = intruders.Jailer(run, other, category=category)
    run.notes["jailers"] = len(others)


def restarts(
    run: Run,
    *,
    lives: int,
    victim: int = 0,
    poisoned: float = 0.5,
    gone: float = 0.2,
    anchored: bool = True,
    told: str = "many",
    from_s: float = 20.0,
    to_s: float = 120.0,
) -> None:
    """One node is started again and again among hostile ones; all others are there for it only.

    Args:
        run: the run.
        lives: how often it starts.
        victim: its number; it is a relay from then on.
        poisoned: part of the nodes on its disk that is hostile, heard of and reached alike.
        gone: part of the honest relays that nobody reaches, drawn anew for each start.
        anchored: whether it has links from before the attack to begin with.
        told: `many` groups told it of what it knows, or `one`, which is hostile.
        from_s: least length of a life.
        to_s: greatest, unless it has not caught up by then.
    """
    run.observers["restarts"] = siege = Restarts(
        run, victim=victim, lives=lives, poisoned=poisoned, gone=gone, anchored=anchored,
        told=told, life_s=(from_s, to_s),
    )  # fmt: skip
    run.world.later(run.world.at_us + 2_000_000, siege.begin)


FAULTS: dict[str, Callable[..., Any]] = {
    "death": death,
    "churn": churn,
    "partition": partition,
    "slow": slow,
    "skew": skew,
    "hostage": hostage,
    "restarts": restarts,
}
"""By the name a scenario gives."""
