"""A network that falls into two for a while, and finds itself again.

Every node is a machine of its own, a network namespace; two switches stand for two sides, and one
wire between them for what joins them. It is cut as a wire is cut: nothing gets through and nobody
is told. Both sides go on asking meanwhile. Enters: sizes. Leaves: that neither side had a word of
the other's while it was cut, and how long after mending all stores were equal.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

from tests.rig.fleet import Fleet
from tests.rig.land import Land, laid

EQUAL_S: Final = 60.0
"""How long after mending all stores are equal at the latest."""
_SIDES: Final = ("a", "b")
_LOOK_S: Final = 0.25
_PATIENCE_S: Final = 240.0
"""How long equal stores are waited for, to say by how much they are late."""
_WHOLE_S: Final = 60.0
_PORT: Final = 7440
_LAST_S: Final = 3.0
"""For what was asked last to be heard on its own side."""
_JOIN: Final = "a"
"""The switch at whose end the wire is cut."""


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How much of it."""

    relays: int
    """On each side."""
    leaves: int
    """On each side."""
    before: int
    """Casts while all is well."""
    cut_s: float
    """How long the two sides are apart."""
    every_s: float
    """Between two casts of one side meanwhile."""


SHORT: Final = Sizes(relays=2, leaves=1, before=4, cut_s=15, every_s=1)
LONG: Final = Sizes(relays=3, leaves=3, before=20, cut_s=120, every_s=1)


@dataclass(kw_only=True)
class Found:
    """What came of it."""

    sizes: Sizes
    seed: int
    links: int = 0
    """Before the cut."""
    across: int = 0
    """Of them, from one side to the other."""
    across_left: int = 0
    """Links across that somebody still believed in at the end of the cut."""
    made: dict[str, int] = field(default_factory=dict)
    """Casts of each side while they were apart."""
    unsaid: int = 0
    """Further casts that still looked for a mailbox when the wire was mended."""
    leaked: int = 0
    """Casts of one side that the other had before the wire was mended."""
    lacking: dict[str, int] = field(default_factory=dict)
    """Casts that nodes of their own side lacked then: a stem may have gone to the other one, and
    who asked waits out its embargo."""
    linked_s: float | None = None
    """After mending: when a link across was there again."""
    equal_s: float | None = None
    """After mending: when all stores were equal."""
    objects: int = 0
    """In each store, at the end."""

    def faults(self) -> list[str]:
        """Name the bounds that were broken."""
        found = []
        if not self.across:
            found.append("parted: there was nothing to cut")
        if self.leaked:
            found.append(f"parted: {self.leaked} casts went over a wire that was cut")
        if self.equal_s is None or self.equal_s > EQUAL_S:
            found.append(f"parted: stores equal after {self.equal_s} s, at most {EQUAL_S:.0f}")
        return found

    def rows(self) -> list[str]:
        """Tell it, a line each."""
        sizes = self.sizes
        linked = "never" if self.linked_s is None else f"after {self.linked_s:.1f} s"
        equal = "never" if self.equal_s is None else f"after {self.equal_s:.1f} s"
        made = " and ".join(str(count) for count in self.made.values())
        across = f"{self.links} links, {self.across} of them across"
        return [
            f"2 x {sizes.relays} relays and {sizes.leaves} leaves, a network namespace each",
            f"{across}, cut for {sizes.cut_s:.0f} s; {self.across_left} still up at the end of it",
            f"{made} casts meanwhile, {self.leaked} got across, {self.unsaid} more not out yet",
            f"of their own side's, nodes lacked then: {self.lacking or 'none'}",
            f"mended: a link across {linked}, all stores equal {equal}, {self.objects} objects",
        ]

    def document(self) -> dict[str, Any]:
        """Write it for JSON."""
        return {
            "rig": "parted",
            "seed": self.seed,
            "relays": self.sizes.relays,
            "leaves": self.sizes.leaves,
            "cut_s": self.sizes.cut_s,
            "links": self.links,
            "across": self.across,
            "across_left": self.across_left,
            "made": self.made,
            "unsaid": self.unsaid,
            "leaked": self.leaked,
            "lacking": self.lacking,
            "linked_s": self.linked_s,
            "equal_s": self.equal_s,
            "objects": self.objects,
            "faults": self.faults(),
        }


class Parted:
    """One run; use `run`."""

    def __init__(self, land: Land, fleet: Fleet, sizes: Sizes, seed: int) -> None:
        """Begin with nobody there."""
        self._land = land
        self._fleet = fleet
        self._sizes = sizes
        self._chance = Random(seed)
        self._wire = ""
        self._asking: dict[str, list[asyncio.Task[bytes]]] = {side: [] for side in _SIDES}
        self.found = Found(sizes=sizes, seed=seed)

    async def live(self) -> Found:
        """Do all of it."""
        await self._lay()
        await self._start()
        before = [await self._cast(self._fleet.names()) for _ in range(self._sizes.before)]
        assert await self._fleet.delivered(before, _WHOLE_S) == {}
        links = await self._fleet.links()
        self.found.links = len(links)
        self.found.across = sum(_side(one) != _side(other) for one, other in links)
        await self._part()
        await self._mend()
        return self.found

    async def _lay(self) -> None:
        land = self._land
        for side in _SIDES:
            await land.switch(side)
        self._wire = await land.plug(*_SIDES)
        for net, side in enumerate(_SIDES, 1):
            for number, name in enumerate(self._names(side), 1):
                await land.space(name)
                # One net for both: that they are two sides is not to be seen from an address.
                await land.plug(name, side, f"10.78.{net}.{number}/16")

    def _names(self, side: str) -> list[str]:
        relays = [f"relay-{side}{number}" for number in range(1, self._sizes.relays + 1)]
        return relays + [f"leaf-{side}{number}" for number in range(1, self._sizes.leaves + 1)]

    async def _start(self) -> None:
        """Bring all up: relays of both sides told of the first one, leaves of any."""
        first = f"10.78.1.1:{_PORT}"
        relays = [
            f"10.78.{net}.{number}:{_PORT}"
            for net in range(1, len(_SIDES) + 1)
            for number in range(1, self._sizes.relays + 1)
        ]

        async def start(name: str, net: int, number: int) -> None:
            settings: dict[str, Any] = {"peers": [self._chance.choice(relays)]}
            if name.startswith("relay"):
                host = f"10.78.{net}.{number}"
                settings = {"listen_host": host, "listen_port": _PORT, "mailbox": True}
                settings["peers"] = [] if f"{host}:{_PORT}" == first else [first]
            await self._fleet.start(name, self._land.name(name), **settings)

        places = [
            (name, net, number)
            for net, side in enumerate(_SIDES, 1)
            for number, name in enumerate(self._names(side), 1)
        ]
        for kind in ("relay", "leaf"):
            await asyncio.gather(*(start(*place) for place in places if place[0].startswith(kind)))

    async def _cast(self, names: list[str]) -> bytes:
        return await self._fleet.cast(self._chance.choice(names))

    async def _part(self) -> None:
        """Cut the wire, let both sides ask, and look what got where."""
        fleet, found = self._fleet, self.found
        await self._land.cut(_JOIN, self._wire)
        began = time.monotonic()
        await self._ask(began + self._sizes.cut_s - _LAST_S)
        await asyncio.sleep(max(0.0, began + self._sizes.cut_s - time.monotonic()))
        links = await fleet.links()
        found.across_left = sum(_side(one) != _side(other) for one, other in links)
        made = {side: {task.result() for task in self._said(side)} for side in _SIDES}
        held = await fleet.all_held()
        found.made = {side: len(ids) for side, ids in made.items()}
        for side, other in (_SIDES, _SIDES[::-1]):
            for name in fleet.names():
                if _side(name) == other:
                    found.leaked += len(made[side] & held[name])
                elif made[side] - held[name]:
                    found.lacking[name] = len(made[side] - held[name])

    async def _ask(self, until: float) -> None:
        """Let both sides ask for things, without waiting for one another's boxes."""
        while time.monotonic() < until:
            for side, tasks in self._asking.items():
                names = [name for name in self._fleet.names() if _side(name) == side]
                tasks.append(asyncio.ensure_future(self._cast(names)))
            await asyncio.sleep(self._sizes.every_s)

    def _said(self, side: str) -> list[asyncio.Task[bytes]]:
        """List the casts of a side that are signed; others still look for a mailbox."""
        return [task for task in self._asking[side] if task.done()]

    async def _mend(self) -> None:
        """Mend the wire, and look until all stores are equal."""
        fleet, found = self._fleet, self.found
        said = {task.result() for side in _SIDES for task in self._said(side)}
        found.unsaid = sum(map(len, self._asking.values())) - len(said)
        await self._land.mend(_JOIN, self._wire)
        began = time.monotonic()
        while time.monotonic() - began < _PATIENCE_S:
            held = list((await fleet.all_held()).values())
            took = time.monotonic() - began
            if found.linked_s is None and any(
                _side(one) != _side(other) for one, other in await fleet.links()
            ):
                found.linked_s = time.monotonic() - began
            if all(each == held[0] for each in held) and said <= held[0]:
                found.equal_s = took
                found.objects = len(held[0])
                return
            await asyncio.sleep(_LOOK_S)

    async def end(self) -> None:
        """Let go of what is still being asked."""
        tasks = [task for each in self._asking.values() for task in each]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _side(name: str) -> str:
    return name.partition("-")[2][0]


async def run(sizes: Sizes, folder: Path, seed: int) -> Found:
    """Make the machines, do all of it, end every process and take the machines away."""
    async with laid() as land:
        fleet = Fleet(folder)
        parted = Parted(land, fleet, sizes, seed)
        try:
            return await parted.live()
        finally:
            await parted.end()
            await fleet.stop()
