"""Two parties that nobody can reach come to a deal: by what they dial themselves, and nothing else.

The buyer's machine and the vendor's are network namespaces on two nets of their own, between which
there is no way; neither listens at any address but its own loopback. Relays stand on both nets, at
an address of their own, and hand no packet on from one to the other. Enters: sizes. Leaves: a cast,
an offer, a yes, and the same agreement on both sides, checked by its bytes alone.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from node.testnet import shops
from node.testnet.door import Document
from node.testnet.proof import Proof
from node.vendor.showcase import RENTALS, example_cast
from protocol.objects.agreement import read_bundle
from tests.rig.fleet import Fleet, Resident
from tests.rig.land import Land, laid

_PORT: Final = 7440
_NETS: Final = ("buyer", "vendor")
_READY_S: Final = 60.0
_MET_S: Final = 60.0
_LOOK_S: Final = 0.25
_LOOPBACK: Final = ("127.0.0.1:", "[::1]:")


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How much of it."""

    relays: int
    deals: int


SHORT: Final = Sizes(relays=2, deals=1)
LONG: Final = Sizes(relays=3, deals=5)
"""The shop has few cars for the same days."""


@dataclass(kw_only=True)
class Found:
    """What came of it."""

    sizes: Sizes
    seed: int
    open_doors: list[str] = field(default_factory=list)
    """Where a party could have been reached."""
    ways: list[str] = field(default_factory=list)
    """Who could open a connection to whom, though it should not."""
    inbound: dict[str, int] = field(default_factory=dict)
    """Links that came to a party, of itself."""
    agreed: int = 0
    """Deals of which both sides hold the same agreement."""
    seconds: list[float] = field(default_factory=list)
    """From each request to the agreement on both sides."""

    def faults(self) -> list[str]:
        """Name the bounds that were broken."""
        found = [f"dialonly: {where} is open" for where in self.open_doors]
        found += [f"dialonly: {way}" for way in self.ways]
        if any(self.inbound.values()):
            found.append(f"dialonly: links came to those who only dial: {self.inbound}")
        if self.agreed != self.sizes.deals:
            found.append(f"dialonly: {self.agreed} of {self.sizes.deals} deals agreed")
        return found

    def rows(self) -> list[str]:
        """Tell it, a line each."""
        sizes = self.sizes
        slowest = max(self.seconds, default=0.0)
        return [
            f"buyer and vendor on nets of their own, {sizes.relays} relays on both",
            f"doors open {len(self.open_doors)}, ways {len(self.ways)}, links in {self.inbound}",
            f"{self.agreed} of {sizes.deals} agreed on both sides and verified",
            f"the slowest took {slowest:.1f} s",
        ]

    def document(self) -> dict[str, Any]:
        """Write it for JSON."""
        return {
            "rig": "dialonly",
            "seed": self.seed,
            "relays": self.sizes.relays,
            "deals": self.sizes.deals,
            "open_doors": self.open_doors,
            "ways": self.ways,
            "inbound": self.inbound,
            "agreed": self.agreed,
            "seconds": self.seconds,
            "faults": self.faults(),
        }


class DialOnly:
    """One run; use `run`."""

    def __init__(self, land: Land, fleet: Fleet, sizes: Sizes, seed: int) -> None:
        """Begin with nobody there."""
        self._land = land
        self._fleet = fleet
        self._sizes = sizes
        self._relays = [f"relay-{number}" for number in range(1, sizes.relays + 1)]
        self.found = Found(sizes=sizes, seed=seed)

    async def live(self) -> Found:
        """Do all of it."""
        await self._lay()
        await self._start()
        await self._look()
        for _ in range(self._sizes.deals):
            await self._deal()
        for name in _NETS:
            peers = (await self._fleet.nodes[name].door.peers())["peers"]
            self.found.inbound[name] = sum(peer["direction"] == "in" for peer in peers)
        return self.found

    async def _lay(self) -> None:
        """Make two nets, relays on both, a party on each; nobody hands packets on."""
        land = self._land
        for party in _NETS:
            await land.switch(f"net-{party}")
        for number, relay in enumerate(self._relays, 1):
            await land.space(relay, _home(number))
            for net, party in enumerate(_NETS, 1):
                await land.plug(relay, f"net-{party}", f"10.79.{net}.{number}/24")
        for number, relay in enumerate(self._relays, 1):
            for other, _ in enumerate(self._relays, 1):
                if other != number:
                    await land.route(relay, _home(other), f"10.79.1.{other}")
        for net, party in enumerate(_NETS, 1):
            await land.space(party)
            await land.plug(party, f"net-{party}", f"10.79.{net}.100/24")
            for number, _ in enumerate(self._relays, 1):
                await land.route(party, _home(number), f"10.79.{net}.{number}")

    async def _start(self) -> None:
        """Bring all up; the vendor opens its shop."""
        fleet, land = self._fleet, self._land
        first = f"{_home(1)}:{_PORT}"
        for number, relay in enumerate(self._relays, 1):
            await fleet.start(
                relay, land.name(relay), listen_host=_home(number), listen_port=_PORT,
                mailbox=True, peers=[] if number == 1 else [first],
            )  # fmt: skip
        vendor = fleet.resident("vendor", land.name("vendor"))
        await asyncio.to_thread(fleet.furnish, vendor, peers=[first])
        await asyncio.to_thread(shops.furnish, vendor.home, RENTALS[0])
        await asyncio.gather(
            fleet.open(vendor), fleet.start("buyer", land.name("buyer"), peers=[first])
        )
        await shops.stock(vendor.home, vendor.door)
        async with asyncio.timeout(_READY_S):
            while not await self._is_ready():
                await asyncio.sleep(_LOOK_S)

    async def _is_ready(self) -> bool:
        """Tell whether the shop is open and both know every mailbox."""
        nodes = self._fleet.nodes
        known = [(await nodes[party].door.peers())["known"] for party in _NETS]
        shop = (await nodes["vendor"].door.status())["vendor"]
        return shop is not None and min(known) >= len(self._relays)

    async def _look(self) -> None:
        """Look whether anybody could be reached who should not."""
        land, found = self._land, self.found
        for net, party in enumerate(_NETS, 1):
            for where in await land.listens(party):
                if not where.startswith(_LOOPBACK):
                    found.open_doors.append(f"{party} {where}")
            api = self._fleet.nodes[party].facts.api.rpartition(":")[2].strip("/")
            other = _NETS[2 - net]
            for space in (other, *self._relays):
                for port in (api, str(_PORT)):
                    address = f"10.79.{net}.100:{port}"
                    if await asyncio.to_thread(land.reaches, space, address):
                        found.ways.append(f"{space} reaches {party} at {address}")
            relay = f"{_home(1)}:{_PORT}"
            if not await asyncio.to_thread(land.reaches, party, relay):
                found.ways.append(f"{party} does not reach a relay at {relay}")

    # --- a deal -------------------------------------------------------------------------------

    async def _deal(self) -> None:
        """Ask, wait for an offer, say yes, and hold both sides' agreements against each other."""
        buyer, vendor = (self._fleet.nodes[party] for party in _NETS)
        began = time.monotonic()
        try:
            async with asyncio.timeout(_MET_S):
                made = await buyer.door.create_cast(example_cast("park-city"))
                handle = made["cast"]["handle"]
                while not (offers := (await buyer.door.offers(handle))["offers"]):
                    await asyncio.sleep(_LOOK_S)
                said = await buyer.door.accept(
                    offers[0]["handle"], options=[], slot=None, disclose=None, anyway=True
                )
                deal = said["deal"]["id"]
                mine, theirs = [await _agreed(node, deal) for node in (buyer, vendor)]
        except TimeoutError:
            return
        raws = [(await node.door.agreement(deal))[1] for node in (buyer, vendor)]
        told = Proof.of(read_bundle(raws[0]))
        is_whole = told.agreement == mine["agreement_id"] == theirs["agreement_id"]
        if raws[0] == raws[1] and is_whole and told.cast == made["cast"]["id"]:
            self.found.agreed += 1
            self.found.seconds.append(time.monotonic() - began)


async def _agreed(node: Resident, deal: str) -> Document:
    """Wait until one side has the agreement."""
    while True:
        deals = (await node.door.deals())["deals"]
        for each in deals:
            if each["id"] == deal and each["state"] == "agreed":
                found: Document = each
                return found
        await asyncio.sleep(_LOOK_S)


def _home(number: int) -> str:
    return f"10.79.0.{number}"


async def run(sizes: Sizes, folder: Path, seed: int) -> Found:
    """Make the machines, do all of it, end every process and take the machines away."""
    async with laid() as land:
        fleet = Fleet(folder)
        try:
            return await DialOnly(land, fleet, sizes, seed).live()
        finally:
            await fleet.stop()
