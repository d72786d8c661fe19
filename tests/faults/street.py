"""A street: two mailboxes, a shop and a buyer, each in a process of its own, on disks that last.

Its processes live over many runs, so that a run costs no more than the restart of the one that
dies. What one run leaves behind is judged together with everything before it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.checker import Disk, Evidence, ask_disk, read_disk
from tests.faults.house import DiedError, Document, House

NET = "street"
CATEGORY = "electronics/cameras/digital-cameras"
SETTLE_S = 45.0
"""The bound after which whatever still waits counts as stuck; every retry comes within 2 s."""
DRAFT: Document = {
    "category": CATEGORY,
    "items": [
        {
            "name": "digital camera",
            "attrs": [
                {"key": "resolution", "op": "ge", "value": "12", "unit": "megapixels"},
                {"key": "raw", "op": "present"},
            ],
        }
    ],
    "where": {"remote": True},
    "budget": "300 USD",
    "decide_by": "+14d",
    "disclose": {"name": "Ana of the street", "address": "7 Lantern Row, Park City"},
}
SHOP = """
name = "{name}"
party = "vendor"
categories = ["electronics/cameras"]
terms = ["PDC-INTENT", "SD-BASE"]
"""
RULES = """
currency = "USD"
[quote]
validity = "7d"
firm = {firm}
quotes_per_hour_max = 100000
[fulfil]
mode = "delivery"
[delivery]
radius_km = 20000
price = "0 USD"
[pay]
methods = ["card"]
when = "at"
"""
FEED_HEAD = "id,title,price,availability,quantity,megapixels,raw_support"
FEED = f"{FEED_HEAD}\nC-1,Compact camera with RAW,279.00 USD,in_stock,900000,12.1 MP,yes\n"
BASE = {
    "net": NET,
    "api_port": 0,
    "receipt_jitter_ms": 0,
    "retry_base_ms": 50,
    "retry_max_ms": 1_000,
}


@dataclass
class Street:
    """Who lives there, those who moved away included."""

    folder: Path
    mailboxes: int = 2
    relays: list[House] = field(default_factory=list)
    vendors: list[House] = field(default_factory=list)
    buyers: list[House] = field(default_factory=list)
    elsewhere: list[House] = field(default_factory=list)
    """Earlier lives and other copies: they took letters, and are not judged any more."""
    agreements: dict[str, tuple[tuple[House, House], bytes]] = field(default_factory=dict)
    """Path of its export -> the two sides, and the bytes both gave."""

    @property
    def relay(self) -> House:
        return self.relays[0]

    @property
    def vendor(self) -> House:
        return self.vendors[0]

    @property
    def buyer(self) -> House:
        return self.buyers[0]

    def houses(self) -> list[House]:
        return [*self.relays, *self.vendors, *self.buyers]

    def lost(self, house: House) -> None:
        """Let a buyer be one of those that are not judged."""
        self.buyers.remove(house)
        self.elsewhere.append(house)

    # --- moving in and out -------------------------------------------------------------------

    async def open(self) -> None:
        """Bring everybody up; returns when the shop's profile is out."""
        self.folder.mkdir(parents=True)
        for number in range(1, self.mailboxes + 1):
            relay = House(
                f"relay-{number}", self.folder / f"relay-{number}", self._relay_settings()
            )
            self.relays.append(relay)
            await relay.start()
        self.vendors.append(self.house("vendor_bo"))
        self.buyers.append(self.house("buyer_ana"))
        write_shop(self.vendor.home, "vendor_bo")
        await asyncio.gather(self.vendor.start(), self.buyer.start())
        report = await self.vendor.send_feed(FEED, source="street", category=CATEGORY)
        assert report["offered"] == 1, report
        await self.until_profile(self.vendor)

    def _relay_settings(self) -> Document:
        return BASE | {
            "listen_host": "127.0.0.1",
            "listen_port": 0,
            "mailbox": True,
            "peers": self.addresses(),
        }

    def addresses(self) -> list[str]:
        return [relay.ready["listen"] for relay in self.relays]

    def house(self, name: str) -> House:
        """Give a house that dials the relays; it is not started."""
        return House(name, self.folder / name, BASE | {"peers": self.addresses()})

    async def until_profile(self, vendor: House) -> None:
        sql = "SELECT 1 FROM objects WHERE kind = 'profile' AND own = 1"
        await self.until(lambda: bool(ask_disk(vendor.home, sql)), f"{vendor.name} has a profile")

    async def close(self) -> None:
        for house in (*self.houses(), *self.elsewhere):
            with contextlib.suppress(ProcessLookupError):
                await house.kill()

    async def revive(self) -> None:
        """Start whoever is down, before the next run."""
        for house in self.houses():
            if house.process is None:
                await house.start()

    # --- waiting and judging -------------------------------------------------------------------

    async def until(self, holds: Callable[[], bool], what: str, within_s: float = SETTLE_S) -> None:
        """Wait until something holds on disk; say what never did."""
        loop = asyncio.get_running_loop()
        end = loop.time() + within_s
        while not holds():
            assert loop.time() < end, f"within {within_s:.0f} s it never came true that {what}"
            await asyncio.sleep(0.05)

    def disks(self, houses: list[House]) -> list[Disk]:
        return [read_disk(house.name, house.home, NET) for house in houses]

    def verdict(self) -> list[str]:
        """Judge all disks by everything that was ever answered here."""
        acks = [ack for house in self.houses() for ack in house.acks]
        evidence = Evidence(
            buyers=self.disks(self.buyers),
            vendors=self.disks(self.vendors),
            relays=self.disks(self.relays),
            acks=acks,
            elsewhere=self.disks(self.elsewhere),
            shown={house.name: house.shown for house in self.buyers},
        )
        return evidence.verdict()

    async def settled_verdict(self, within_s: float = SETTLE_S) -> list[str]:
        """Wait until nothing is on its way, at most the bound; then judge.

        What is found must last: between two looks a box may move, and tell so by letter.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + within_s
        while True:
            with contextlib.suppress(AssertionError):
                left_s = max(end - loop.time(), 0)
                await self.until(self.is_settled, "everything has arrived", left_s)
            found = await asyncio.to_thread(self.verdict)
            if not found or loop.time() >= end:
                return found
            await asyncio.sleep(0.5)

    async def changed_agreements(self) -> list[str]:
        """Let everybody who is up export every agreement again: the bytes are what they were."""
        return [
            f"{house.name}: the agreement at {path} has other bytes now"
            for path, (sides, data) in self.agreements.items()
            for house in sides
            if house.process is not None and await house.fetch(path) != data
        ]

    def is_settled(self) -> bool:
        """Whether nothing is on its way but offers to ended requests."""
        ended: set[bytes] = set()
        for buyer in self.buyers:
            sql = "SELECT root_id FROM casts WHERE state IN ('revoked', 'expired')"
            ended |= {row["root_id"] for row in ask_disk(buyer.home, sql)}
        for house in (*self.buyers, *self.vendors):
            # A note waits for another copy of this home, which may not be.
            sql = "SELECT kind, thread FROM outbox WHERE state = 'pending' AND kind <> 'note'"
            if any(
                row["kind"] != "offer" or row["thread"] not in ended
                for row in ask_disk(house.home, sql)
            ):
                return False
            sql = "SELECT 1 FROM deals WHERE state IN ('offered', 'accept_sent', 'confirmed')"
            if ask_disk(house.home, sql):
                return False
        return True


def write_shop(home: Path, name: str) -> None:
    """Put the files of a shop into a home."""
    home.mkdir(parents=True, mode=0o700)
    (home / "vendor.toml").write_text(SHOP.format(name=name), encoding="utf-8")
    write_rules(home, firm=True)


def write_rules(home: Path, *, firm: bool) -> None:
    """Let the shop confirm by itself, or wait for its keeper's word."""
    draft = home / "rules.toml.new"
    draft.write_text(RULES.format(firm=json.dumps(firm)), encoding="utf-8")
    draft.replace(home / "rules.toml")


class Watch:
    """Sees to it that a house that dies comes up again, until it is let go.

    A restart may be killed too, at another point: a start-up that repairs what the first death left
    behind must bear a second one.
    """

    def __init__(
        self,
        house: House,
        *,
        again: tuple[str, ...] = (),
        on_death: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Begin to watch.

        Args:
            house: up, or on its way down.
            again: crash points of the restarts to come, in order.
            on_death: looks at what is left, before the restart.
        """
        self._house = house
        self._on_death = on_death
        self._again = list(again)
        self.restarts = 0
        self.recovery_deaths = 0
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        while True:
            if self._house.process is not None:
                await self._house.until_ended()
            if self._on_death is not None:
                await self._on_death()
            crash = self._again.pop(0) if self._again else ""
            self.restarts += 1
            try:
                await self._house.start(crash=crash)
            except DiedError:
                self.recovery_deaths += 1

    async def let_go(self) -> None:
        """Watch no more; a restart that has begun is waited for."""
        up = asyncio.create_task(self._house.is_up.wait())
        await asyncio.wait([up, self._task], return_when=asyncio.FIRST_COMPLETED)
        up.cancel()
        if self._task.done():
            # What went wrong with it is the run's to report.
            self._task.result()
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task


def random_of(*parts: Any) -> random.Random:
    """Give randomness that is the same for the same parts."""
    return random.Random(repr(parts))
