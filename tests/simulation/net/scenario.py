"""Scenarios: a population, its troublemakers, what happens, and what must hold; read from TOML.

Enters: a file of `scenarios/`, perhaps with other numbers from the command line. Leaves: a run with
its tally, and the sentences of the checkers that were not satisfied. A failure names the seed, the
commit and the one command that repeats it.
"""

from __future__ import annotations

import subprocess
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from protocol import limits
from protocol.network.events import PublishObject
from tests.simulation.net import checkers, faults, interests, intruders, judgements, roles
from tests.simulation.net.boxes import Boxes
from tests.simulation.net.casts import Author
from tests.simulation.net.nodes import Node
from tests.simulation.net.population import SECOND_US, Population, Settlement
from tests.simulation.net.seals import seals
from tests.simulation.net.tally import Story, Tally
from tests.simulation.net.terrain import terrain
from tests.simulation.net.world import World

_PLACES = {
    "nodes": "population",
    "relays": "population",
    "engine": "population",
    "warm_up": "drive",
    "objects": "drive",
}
_WHOLE = {"accepted once", "equal sets", "unknown origin"}
"""Checks that need the whole length of a run."""
ROLES = {**roles.ROLES, **intruders.ROLES}
CHECKERS = {**checkers.CHECKERS, **judgements.CHECKERS}
SCENARIOS = Path(__file__).resolve().parent / "scenarios"


class Hostile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Some nodes that are not what they seem."""

    role: str
    """A name of `ROLES`."""
    part: float
    """Part of those it is drawn from."""
    among: str = "all"
    """`all` nodes, `relays`, `leaves`; or `only relays`: a part of all nodes, all relays."""
    links: int | None = None
    """How many each dials, where it is not the usual number."""
    groups: int | None = None
    """How many address groups they share, where they have not one each."""
    settings: dict[str, Any] = {}
    """What the role wants to know."""


class Drive(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is published when."""

    begin_s: float = 6.0
    """When the first object sets out."""
    warm_up: int = 60
    """Objects that do not count."""
    objects: int = 30
    """Objects that do."""
    per_second: float = 2.0
    """How fast."""
    bytes: int = 800
    """Size of each."""
    ttl_s: float = 7 * 86_400
    """Life of each, seconds."""
    source: str = "honest"
    """Who publishes: `honest` nodes, honest `relays` or `leaves`, those whose clock is `skewed`,
    `number N`, or `N leaves`."""
    warm_source: str = ""
    """Who publishes what does not count; the same when empty."""
    category: str = ""
    """Subject of all that counts; drawn for each when empty."""

    boxes: bool = False
    """Whether each author opens boxes through tunnels before."""

    def at_us(self, number: int) -> int:
        """Give the moment of one of them."""
        return int((self.begin_s + number / self.per_second) * SECOND_US)


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that befalls the network."""

    fault: str
    """A name of `faults.FAULTS`."""
    at_s: float
    """When."""
    settings: dict[str, Any] = {}
    """What it wants to know."""


class Check(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that must hold."""

    check: str
    """A name of `CHECKERS`."""
    settings: dict[str, Any] = {}
    """Its bounds."""


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file."""

    title: str
    """What is tried, in a sentence."""
    nodes_min: int = 2
    """Among fewer it cannot be tried."""
    terrain: str = "wan"
    """`wan`, `rig` or `loopback`."""
    seed: int = 1
    """Everything follows from it."""
    net: str = "test"
    """Network id; links under an hour old may bring less on `main`."""
    loss: float = 0.0
    """Part of the frames that get lost."""
    real: bool = False
    """Real signatures."""
    population: Population = Population()
    """Who lives there."""
    hostile: list[Hostile] = []
    """Who is not what it seems."""
    drive: Drive = Drive()
    """What is published."""
    settle_s: float = 10.0
    """How long the run goes on after the last object, if it lacks anybody so long."""
    faults: list[Fault] = []
    """What befalls it."""
    limits: dict[str, int] = {}
    """Constants of `protocol.limits` that are smaller here, so that a short run reaches them."""
    checks: list[Check] = []
    """What must hold."""


def names() -> list[str]:
    """List the scenarios."""
    return sorted(path.stem for path in SCENARIOS.glob("*.toml"))


def load(name: str, **changes: Any) -> Scenario:
    """Read a scenario.

    Args:
        name: of its file.
        changes: fields in place of its own; `nodes`, `relays`, `warm_up`, `objects` and `part` (of
            the first role) go where they belong.
    """
    tree = tomllib.loads((SCENARIOS / f"{name}.toml").read_text("utf-8"))
    for key, value in changes.items():
        if value is None:
            continue
        if key == "part":
            tree["hostile"][0]["part"] = value
            continue
        place = _PLACES.get(key)
        (tree.setdefault(place, {}) if place else tree)[key] = value
    return msgspec.convert(tree, Scenario, strict=False)


class Run:
    """One scenario, lived through once.

    Attributes:
        world: the network.
        tally: what was seen.
        failures: what was found wrong while it ran, and by the checkers afterwards.
    """

    def __init__(self, scenario: Scenario) -> None:
        """Prepare; `live` does it."""
        self.scenario = scenario
        self.world = World(
            seed=scenario.seed, terrain=lambda chance: terrain(scenario.terrain, chance),
            loss=scenario.loss, net=scenario.net,
        )  # fmt: skip
        self.tally = Tally(self.world)
        self.world.watch.append(self.tally)
        self.settlement = Settlement(self.world, scenario.population)
        self.failures: list[str] = []
        self.notes: dict[str, float] = {}
        """Figures of checkers and faults, beside those of the tally."""
        self.observers: dict[str, Any] = {}
        """Who watches for a checker."""
        self.overfull: list[str] = []
        """Tables that held more than their cap."""
        self.linked_before: set[int] | None = None
        """Who was joined to the others by honest links when counting began."""
        self.equal_at_us: int | None = None
        self.healed_s = 0.0
        self.sides: set[int] = set()
        self._chance = Random(f"{scenario.seed}/drive")
        self.author = Author(scenario.net, self._chance)
        self.boxes = Boxes(self) if scenario.drive.boxes else None

    @property
    def end_us(self) -> int:
        """When it is over."""
        drive = self.scenario.drive
        last_us = drive.at_us(drive.warm_up + drive.objects)
        return last_us + int(self.scenario.settle_s * SECOND_US)

    def live(self, *, each: Callable[[int, int], None] | None = None) -> Run:
        """Let it happen.

        Args:
            each: called now and then with the moment and the end, microseconds.
        """
        with seals(real=self.scenario.real), smaller(self.scenario.limits):
            self.settlement.settle(self._enlist)
            for fault in self.scenario.faults:
                act = faults.FAULTS[fault.fault]
                self._at(fault.at_s, partial(act, self, **fault.settings))
            self._plan()
            checks = [(CHECKERS[each_.check], each_.settings) for each_ in self.scenario.checks]
            for check, settings in checks:
                watch = getattr(check, "watch", None)
                if watch is not None:
                    watch(self, **settings)
            end_us = self.end_us
            progress = (lambda at_us: each(at_us, end_us)) if each is not None else None
            self.world.run(end_us, each=progress)
            for check, settings in checks:
                self.failures += check(self, **settings)
        return self

    def _at(self, at_s: float, job: Callable[[], None]) -> None:
        self.world.later(int(at_s * SECOND_US), job)

    def _enlist(self, nodes: list[Node]) -> None:
        """Give some nodes another mind."""
        chance = Random(f"{self.scenario.seed}/roles")
        for hostile in self.scenario.hostile:
            victim = hostile.settings.get("victim")
            others = [node for node in nodes if node.number != victim]
            for node in roles.drawn(others, hostile.among, hostile.part, chance):
                node.role, node.is_honest = hostile.role, False
                if hostile.links is not None:
                    node.links = hostile.links
                    node.mind = self.settlement.engine(node)
                if hostile.groups is not None:
                    self.settlement.move(node, chance.randrange(hostile.groups))
                node.mind = ROLES[hostile.role](self, node, **hostile.settings)

    def has_check(self, name: str) -> bool:
        """Tell whether something has to hold."""
        return any(check.check == name for check in self.scenario.checks)

    # --- what is published --------------------------------------------------------------------

    def _plan(self) -> None:
        drive = self.scenario.drive
        for number in range(drive.warm_up + drive.objects):
            is_measured = number >= drive.warm_up
            self.world.later(drive.at_us(number), partial(self.publish, is_measured=is_measured))
        self.world.later(drive.at_us(drive.warm_up) - 1, self._begin)
        names = {check.check for check in self.scenario.checks}
        if "delivered" in names and not names & _WHOLE:
            last_us = drive.at_us(drive.warm_up + drive.objects)
            blows = [fault.at_s for fault in self.scenario.faults]
            self.world.later(max([last_us, *(int(s * SECOND_US) for s in blows)]), self._look)

    def _look(self) -> None:
        """End the run a second after everybody has everything; until then look every second."""
        is_healed = "whole_after" in self.notes or not self.has_check("one component")
        if is_healed and checkers.is_delivered(self):
            self.world.is_over = True
            return
        self.world.later(self.world.at_us + SECOND_US, self._look)

    def _begin(self) -> None:
        self.tally.begin()
        self.linked_before = checkers.reachable(self)

    def held(self, node: Node) -> set[bytes]:
        """Name what a node holds."""
        return set(node.engine.gossip.live._entries)

    def wants(self, node: Node, story: Story) -> bool:
        """Tell whether a node is interested in an object."""
        return interests.wants(node.interest, story.verified.body)

    def sources(self, *, is_measured: bool = True) -> list[Node]:
        """List who may publish."""
        drive = self.scenario.drive
        source = drive.source if is_measured else drive.warm_source or drive.source
        if source.startswith("number "):
            return [self.world.nodes[int(source.removeprefix("number "))]]
        kinds: dict[str, Callable[[Node], bool]] = {
            "honest": lambda _: True,
            "relays": lambda node: node.is_relay,
            "leaves": lambda node: not node.is_relay,
            "skewed": lambda node: node.skew_ms != 0,
        }
        most, _, those = source.rpartition(" ")
        is_one = kinds[those]
        found = [n for n in self.world.nodes if n.is_honest and n.is_up and is_one(n)]
        return found[: int(most)] if most else found

    def publish(self, *, is_measured: bool, node: Node | None = None, **facts: Any) -> None:
        """Let somebody publish a cast."""
        world = self.world
        if node is None:
            sources = self.sources(is_measured=is_measured)
            if not sources:
                return
            node = sources[self._chance.randrange(len(sources))]
        if self.scenario.drive.category and is_measured:
            facts.setdefault("category", self.scenario.drive.category)
        wall_ms = world.now_of(node).wall_ms
        drive = self.scenario.drive
        ttl_ms = int(drive.ttl_s * 1_000)
        if self.boxes is not None:
            facts["reply"] = self.boxes.open(node, wall_ms)
        verified = self.author.cast(wall_ms, size=drive.bytes, ttl_ms=ttl_ms, **facts)
        world.shelf[verified.id] = verified.raw
        self.tally.publish(verified, node, world.at_us, is_measured=is_measured)
        world.turn(node, [PublishObject(verified=verified)])

    # --- how it is told -----------------------------------------------------------------------

    def story(self, name: str) -> str:
        """Say how to see the same again."""
        scenario, own = self.scenario, load(name).drive
        seed, nodes, drive = scenario.seed, scenario.population.nodes, scenario.drive
        again = f"scripts/simulate run {name} --seed {seed} --nodes {nodes}"
        if (drive.warm_up, drive.objects) != (own.warm_up, own.objects):
            again += f" --warm-up {drive.warm_up} --objects {drive.objects}"
        again += " --real" if scenario.real else ""
        return f"seed {seed}, commit {commit()}, repeat with: {again}"


@contextmanager
def smaller(changes: dict[str, int]) -> Iterator[None]:
    """Lower some limits for the time of a run."""
    before = {name: getattr(limits, name) for name in changes}
    try:
        for name, value in changes.items():
            setattr(limits, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(limits, name, value)


def commit() -> str:
    """Name the commit this was run from."""
    told = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False,
        cwd=SCENARIOS,
    )  # fmt: skip
    return told.stdout.strip() or "unknown"
