"""Forty real processes on loopback, held against the simulator, then under load, then halved.

Relays are started first, each told of one other; who dials whom beyond that is their own doing, and
settled before anything counts. The links as they are then go to the simulator. Enters: sizes.
Leaves: copies for each delivery, real and simulated; what of many casts reached whom; and what the
living got after half of all processes had been killed in one moment.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

from scripts.bench_casts import show_progress
from scripts.bench_node import cpu_s, pid_of, rss_bytes
from tests.rig.fleet import HOST, Count, Fleet, Link
from tests.rig.mirror import Mirrored, mirrored

APART_MAX: Final = 0.2
"""How far the copies may be from the simulator's, as a part of them."""
_SETTLE_S: Final = 2.0
"""For copies that follow the last delivery."""
_STEADY_S: Final = 3.0
"""How long links stay as they are before they count as settled."""
_SETTLED_S: Final = 60.0
_TOGETHER: Final = 4
"""Casts being signed at a time."""
_MIB: Final = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How much of it."""

    relays: int
    leaves: int
    warm_up: int
    measured: int
    """Casts whose copies are counted."""
    per_second: float
    """How fast those come, here and in the simulator."""
    casts: int
    """How many come as a load."""
    load_per_second: float
    """How fast those are to come; the machine has its say."""
    killed: int
    after: int
    """Casts after the blow."""
    patience_s: float
    """How long the last of anything is waited for."""
    apart_max: float = APART_MAX


SHORT: Final = Sizes(
    relays=6, leaves=6, warm_up=12, measured=24, per_second=3, casts=100, load_per_second=10,
    killed=6, after=12, patience_s=30, apart_max=2 * APART_MAX,
)  # fmt: skip
LONG: Final = Sizes(
    relays=16, leaves=24, warm_up=60, measured=100, per_second=2, casts=2_000, load_per_second=5,
    killed=20, after=40, patience_s=120,
)  # fmt: skip


@dataclass(kw_only=True)
class Found:
    """What came of it."""

    sizes: Sizes
    seed: int
    links: list[Link] = field(default_factory=list)
    moved: int = 0
    """Links that came or went while copies were counted."""
    counted: Count = field(default_factory=Count)
    simulated: list[Mirrored] = field(default_factory=list)
    load_s: float = 0.0
    """How long the load took to be said."""
    last_s: float = 0.0
    """How long after the last of it everybody had all."""
    lacking: dict[str, int] = field(default_factory=dict)
    killed: list[str] = field(default_factory=list)
    links_left: int = 0
    """Links of the living right after the blow."""
    links_again: int = 0
    """And once they had settled."""
    after_slowest_s: float = 0.0
    """The longest that one of the casts after the blow took to be out: mailboxes are dead, too."""
    after_s: float = 0.0
    after_lacking: dict[str, int] = field(default_factory=dict)
    memory_mib: float = 0.0
    cpu_per_cast_s: float = 0.0

    @property
    def copies(self) -> float:
        """Copies for each delivery, real."""
        return self.counted.copies / max(1, self.counted.accepted)

    @property
    def copies_simulated(self) -> float:
        """The same, simulated: the mean of all seeds."""
        return sum(each.copies for each in self.simulated) / max(1, len(self.simulated))

    @property
    def apart(self) -> float:
        """How far the two are from each other."""
        return self.copies / self.copies_simulated - 1 if self.simulated else math.inf

    def faults(self) -> list[str]:
        """Name the bounds that were broken."""
        sizes = self.sizes
        deliveries = sizes.measured * (sizes.relays + sizes.leaves - 1)
        found = []
        if self.counted.accepted != deliveries:
            found.append(f"forty: {self.counted.accepted} deliveries counted, {deliveries} made")
        if abs(self.apart) > sizes.apart_max:
            found.append(f"forty: copies {self.apart:+.1%} from the simulator's")
        if self.lacking:
            found.append(f"forty: lacking of {sizes.casts} casts: {self.lacking}")
        if self.after_lacking:
            found.append(f"forty: the living lack, of {sizes.after} casts: {self.after_lacking}")
        return found

    def rows(self) -> list[str]:
        """Tell it, a line each."""
        sizes = self.sizes
        seeds = ", ".join(f"{each.copies:.3f}" for each in self.simulated)
        share = "100 %" if not self.lacking else f"lacking {self.lacking},"
        of_living = "100 %" if not self.after_lacking else f"lacking {self.after_lacking},"
        rate = sizes.casts / max(self.load_s, 0.001)
        links = f"{len(self.links)} -> {self.links_left} -> {self.links_again}"
        cpu_ms = self.cpu_per_cast_s * 1_000
        return [
            f"{sizes.relays} relays and {sizes.leaves} leaves, a process each",
            f"{len(self.links)} links, {self.moved} moved while copies were counted",
            f"{sizes.measured} casts after {sizes.warm_up}, {sizes.per_second:g} a second",
            f"{self.counted.accepted:,} deliveries, {self.copies:.3f} copies each",
            f"simulated {self.copies_simulated:.3f} ({seeds}): {self.apart:+.1%}",
            f"{sizes.casts:,} casts in {self.load_s:.0f} s, {rate:.1f} a second",
            f"{share} delivered, the last {self.last_s:.1f} s after",
            f"{cpu_ms:.0f} ms of processor for each cast; {self.memory_mib:,.0f} MiB at the end",
            f"{len(self.killed)} killed at once, links {links}; then {sizes.after} casts",
            f"signed and out after {self.after_slowest_s:.1f} s at most",
            f"{of_living} of the living, the last {self.after_s:.1f} s after",
        ]

    def document(self) -> dict[str, Any]:
        """Write it for JSON."""
        return {
            "rig": "forty",
            "seed": self.seed,
            "relays": self.sizes.relays,
            "leaves": self.sizes.leaves,
            "links": self.links,
            "links_moved": self.moved,
            "copies": self.copies,
            "copies_simulated": [each.copies for each in self.simulated],
            "apart": self.apart,
            "deliveries": self.counted.accepted,
            "stem_copies": self.counted.stem,
            "casts": self.sizes.casts,
            "load_s": self.load_s,
            "last_s": self.last_s,
            "lacking": self.lacking,
            "killed": self.killed,
            "links_left": self.links_left,
            "links_again": self.links_again,
            "after_slowest_s": self.after_slowest_s,
            "after_s": self.after_s,
            "after_lacking": self.after_lacking,
            "memory_mib": self.memory_mib,
            "cpu_per_cast_s": self.cpu_per_cast_s,
            "faults": self.faults(),
        }


class Forty:
    """One run; use `run`."""

    def __init__(self, fleet: Fleet, sizes: Sizes, seed: int) -> None:
        """Begin with nobody there."""
        self._fleet = fleet
        self._sizes = sizes
        self._chance = Random(seed)
        self._slowest_s = 0.0
        self.found = Found(sizes=sizes, seed=seed)

    async def live(self) -> Found:
        """Do all of it."""
        await self._start()
        await self._compare()
        await self._load()
        await self._halve()
        return self.found

    async def _start(self) -> None:
        """Bring all up: the first relay, the other relays, the leaves."""
        fleet, sizes = self._fleet, self._sizes
        doors: list[str] = []

        async def relay(number: int) -> None:
            peers = [self._chance.choice(doors)] if doors else []
            node = await fleet.start(
                f"relay-{number}", listen_host=HOST, listen_port=0, mailbox=True, peers=peers
            )
            doors.append(node.facts.listen or "")
            show_progress("processes up", len(fleet.nodes), sizes.relays + sizes.leaves)

        async def leaf(number: int) -> None:
            await fleet.start(f"leaf-{number}", peers=[self._chance.choice(doors)])
            show_progress("processes up", len(fleet.nodes), sizes.relays + sizes.leaves)

        await relay(1)
        await asyncio.gather(*map(relay, range(2, sizes.relays + 1)))
        await asyncio.gather(*map(leaf, range(1, sizes.leaves + 1)))
        self.found.links = await self._steady()

    async def _steady(self) -> list[Link]:
        """Wait until links stay as they are; gives them."""
        links: list[Link] = []
        until = time.monotonic() + _SETTLED_S
        while time.monotonic() < until:
            before, links = links, await self._fleet.links()
            if links == before:
                return links
            await asyncio.sleep(_STEADY_S)
        return links

    # --- against the simulator ----------------------------------------------------------------

    async def _compare(self) -> None:
        fleet, sizes, found = self._fleet, self._sizes, self.found
        await self._whole(await self._say(sizes.warm_up, sizes.per_second, "warm-up"))
        found.links = await fleet.links()
        before = await fleet.count()
        ids = await self._say(sizes.measured, sizes.per_second, "counted casts")
        await self._whole(ids)
        found.counted = (await fleet.count()).since(before)
        found.moved = len(set(found.links) ^ set(await fleet.links()))
        raw = await asyncio.to_thread(fleet.size, fleet.names()[0], ids[0])
        for seed in range(self.found.seed, self.found.seed + 3):
            found.simulated.append(
                await asyncio.to_thread(
                    mirrored,
                    found.links,
                    warm_up=sizes.warm_up,
                    casts=sizes.measured,
                    per_second=sizes.per_second,
                    size=raw,
                    seed=seed,
                )
            )

    async def _whole(self, ids: Sequence[bytes]) -> dict[str, int]:
        """Wait until everybody has everything, and for what comes after it."""
        lacking = await self._fleet.delivered(ids, self._sizes.patience_s)
        await asyncio.sleep(_SETTLE_S)
        return lacking

    async def _say(self, count: int, per_second: float, what: str) -> list[bytes]:
        """Let casts set out at their moments, each at the next node; gives their ids."""
        names = self._fleet.names()
        self._chance.shuffle(names)
        began = time.monotonic()
        self._slowest_s = 0.0
        room = asyncio.Semaphore(_TOGETHER)

        async def one(number: int) -> bytes:
            asked = time.monotonic()
            try:
                return await self._fleet.cast(names[number % len(names)])
            finally:
                room.release()
                self._slowest_s = max(self._slowest_s, time.monotonic() - asked)

        tasks: list[asyncio.Task[bytes]] = []
        async with asyncio.TaskGroup() as group:
            for number in range(count):
                await asyncio.sleep(max(0.0, began + number / per_second - time.monotonic()))
                await room.acquire()
                tasks.append(group.create_task(one(number)))
                show_progress(what, number + 1, count)
        return [task.result() for task in tasks]

    # --- a load, and a blow -------------------------------------------------------------------

    async def _load(self) -> None:
        fleet, sizes, found = self._fleet, self._sizes, self.found
        cpu = self._cpu_s()
        began = time.monotonic()
        ids = await self._say(sizes.casts, sizes.load_per_second, "casts of the load")
        said = time.monotonic()
        found.load_s = said - began
        found.lacking = await fleet.delivered(ids, sizes.patience_s)
        found.last_s = time.monotonic() - said
        found.cpu_per_cast_s = (self._cpu_s() - cpu) / sizes.casts
        nodes = fleet.nodes.values()
        found.memory_mib = sum(rss_bytes(pid_of(node)) for node in nodes) / _MIB

    def _cpu_s(self) -> float:
        return sum(cpu_s(pid_of(node)) for node in self._fleet.nodes.values())

    async def _halve(self) -> None:
        """Kill some of either kind, in one moment, and go on."""
        fleet, sizes, found = self._fleet, self._sizes, self.found
        relays = round(sizes.killed * sizes.relays / (sizes.relays + sizes.leaves))
        found.killed = [
            *self._chance.sample(fleet.names("relay"), relays),
            *self._chance.sample(fleet.names("leaf"), sizes.killed - relays),
        ]
        living = set(fleet.names()) - set(found.killed)
        left = [link for link in await fleet.links() if living.issuperset(link)]
        found.links_left = len(left)
        await fleet.kill(found.killed)
        ids = await self._say(sizes.after, sizes.per_second, "casts after the blow")
        said = time.monotonic()
        found.after_slowest_s = self._slowest_s
        found.after_lacking = await fleet.delivered(ids, sizes.patience_s)
        found.after_s = time.monotonic() - said
        found.links_again = len(await self._steady())


async def run(sizes: Sizes, folder: Path, seed: int) -> Found:
    """Bring everything up, do all of it, and end every process."""
    fleet = Fleet(folder)
    try:
        return await Forty(fleet, sizes, seed).live()
    finally:
        await fleet.stop()
