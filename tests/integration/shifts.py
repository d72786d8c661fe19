"""Parties that work in shifts: a buyer and a vendor in their own processes, never there together.

Relays keep mailboxes; buyer and vendor only dial. Each works while the other is off, and is ended
at the end of its shift, by SIGTERM and by SIGKILL in turn. Everything they know of each other goes
through mailboxes of others.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from node.errors import TransportError
from node.home import ADDRESS_FILE, DATABASE_FILE
from node.testnet.nodes import ProcessNode, prepare
from node.testnet.plan import NodePlan, Part
from tests.integration.fair import CATEGORY, DRAFT, FEED, RULES, SHOP

NET = "shifts"
_LOOK_S = 0.5
_CASTS_PER_SHIFT = 12
"""Requests a buyer sends in one shift: the deals are spread over the whole run."""


@dataclass
class Worker:
    """One process; it may be ended and come back to the same home."""

    name: str
    part: Part
    home: Path
    node: ProcessNode | None = None
    up_s: float = 0.0
    ends: Counter[str] = field(default_factory=Counter)
    _since: float = 0.0

    async def begin(self) -> ProcessNode:
        # One that was killed leaves its last address behind.
        await asyncio.to_thread((self.home / ADDRESS_FILE).unlink, missing_ok=True)
        plan = NodePlan(name=self.name, part=self.part, wave=0)
        self.node = ProcessNode(plan, self.home)
        await self.node.start()
        self._since = time.monotonic()
        return self.node

    async def end(self, *, politely: bool) -> None:
        node, self.node = self.node, None
        if node is None:
            return
        self.up_s += time.monotonic() - self._since
        self.ends["TERM" if politely else "KILL"] += 1
        await (node.stop() if politely else node.kill())

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask its database, which nobody uses now."""
        assert self.node is None, f"{self.name} is up"
        with closing(sqlite3.connect(self.home / DATABASE_FILE)) as conn:
            return list(conn.execute(sql))


@dataclass
class Town:
    """Three relays, a buyer and a vendor."""

    folder: Path
    seed: str
    relays: list[Worker] = field(default_factory=list)
    asked: int = 0

    async def open(self, relays: int = 3) -> None:
        addresses: list[str] = []
        for number in range(relays):
            relay = await self._worker(
                f"relay_{number}", Part.RELAY, addresses, listen_port=0, mailbox=True
            )
            self.relays.append(relay)
            addresses.append(str((await relay.begin()).facts.listen))
        self.buyer = await self._worker("buyer_ana", Part.BUYER, addresses)
        self.vendor = await self._worker("vendor_bo", Part.VENDOR, addresses)

    async def _worker(self, name: str, part: Part, peers: list[str], **settings: Any) -> Worker:
        home = self.folder / name
        facts = {
            "net": NET,
            "peers": peers,
            "api_port": 0,
            "receipt_jitter_ms": 100,
            "retry_base_ms": 200,
            "retry_max_ms": 2_000,
        }
        seed = f"{self.seed} {name}"
        await asyncio.to_thread(prepare, home, facts | settings, seed=seed)
        return Worker(name, part, home)

    async def close(self) -> None:
        for worker in (self.buyer, self.vendor, *self.relays):
            await worker.end(politely=True)

    # --- the vendor's work -----------------------------------------------------------------------

    async def open_shop(self, stock: int) -> None:
        """Fill the shelves and put the profile out; the first shift of the vendor."""
        home = self.vendor.home
        (home / "vendor.toml").write_text(SHOP.format(name="vendor_bo"), encoding="utf-8")
        (home / "rules.toml").write_text(RULES.format(firm="true"), encoding="utf-8")
        feed = home / "feed.csv"
        feed.write_text(FEED.format(price="279.00 USD", stock=stock), encoding="utf-8")
        node = await self.vendor.begin()
        report = await node.door.vendor_import(feed, {"source": "shifts", "category": CATEGORY})
        assert report["offered"] == 1, report
        async with asyncio.timeout(20):
            while not (await node.door.status())["vendor"]:
                await asyncio.sleep(_LOOK_S)
        await self.vendor.end(politely=True)

    async def sell(self, shift_s: float) -> None:
        """Be there for a while; the node does all by itself."""
        await self.vendor.begin()
        await asyncio.sleep(shift_s)

    # --- the buyer's work ------------------------------------------------------------------------

    async def buy(self, shift_s: float, wanted: int) -> None:
        """Ask for what is still wanted, and say yes to the first offer of each request."""
        node = await self.buyer.begin()
        until = time.monotonic() + shift_s
        for _ in range(min(_CASTS_PER_SHIFT, wanted - self.asked)):
            if time.monotonic() >= until:
                return
            self.asked += 1
            await node.door.create_cast({**DRAFT, "title": f"Camera {self.asked}"})
        while time.monotonic() < until:
            for cast in (await node.door.casts())["casts"]:
                if cast["state"] == "open" and cast["offers"]:
                    await self._accept(node, cast["handle"])
            await asyncio.sleep(_LOOK_S)

    async def _accept(self, node: ProcessNode, handle: str) -> None:
        found = (await node.door.offers(handle))["offers"]
        try:
            await node.door.accept(
                found[0]["handle"], options=[], slot=None, disclose=None, anyway=False
            )
        except TransportError as error:
            raise AssertionError(f"an offer could not be accepted: {error}") from error

    # --- what became of it -----------------------------------------------------------------------

    def states(self, worker: Worker) -> Counter[str]:
        """Count the deals of a party by state."""
        return Counter(dict(worker.rows("SELECT state, count(*) FROM deals GROUP BY state")))

    def letters(self, worker: Worker) -> Counter[str]:
        """Count the letters of a party by what became of them."""
        return Counter(dict(worker.rows("SELECT state, count(*) FROM outbox GROUP BY state")))

    def is_done(self, wanted: int) -> bool:
        """Whether every deal is agreed on both sides, and every letter has its receipt."""
        sides = (self.buyer, self.vendor)
        agreed = all(self.states(side) == {"agreed": wanted} for side in sides)
        return agreed and all(set(self.letters(side)) == {"acked"} for side in sides)

    async def agreements(self) -> dict[str, dict[str, str]]:
        """Give deal -> agreement id of each party."""
        found: dict[str, dict[str, str]] = {}
        for worker in (self.buyer, self.vendor):
            node = await worker.begin()
            deals = (await node.door.deals())["deals"]
            assert all(deal["acknowledged"] for deal in deals)
            found[worker.name] = {deal["id"]: deal["agreement_id"] for deal in deals}
            await worker.end(politely=True)
        return found


@dataclass
class Figures:
    """What a run took."""

    deals: int
    seconds: float = 0.0
    shifts: int = 0
    ends: dict[str, int] = field(default_factory=dict)
    off: dict[str, str] = field(default_factory=dict)
    letters: dict[str, int] = field(default_factory=dict)
    tries_max: int = 0
    killed_after: int = 0

    def line(self) -> str:
        return json.dumps(vars(self), sort_keys=True)


async def work_in_turns(
    town: Town, deals: int, *, shift_s: float, kill_at: int, shifts_max: int
) -> Figures:
    """Let buyer and vendor work in turns until all is settled; one relay is killed on the way.

    Args:
        town: open.
        deals: how many are wanted.
        shift_s: length of a shift.
        kill_at: deals the buyer has begun when a relay is ended for good.
        shifts_max: most shifts.
    """
    found = Figures(deals=deals)
    begun = time.monotonic()
    await town.open_shop(stock=deals)
    is_killed = False
    for found.shifts in range(1, shifts_max + 1):
        is_buyer = found.shifts % 2 == 1
        worker = town.buyer if is_buyer else town.vendor
        await (town.buy(shift_s, deals) if is_buyer else town.sell(shift_s))
        await worker.end(politely=found.shifts % 4 < 2)
        if not is_killed and sum(town.states(town.buyer).values()) >= kill_at:
            is_killed, found.killed_after = True, found.shifts
            await town.relays[1].end(politely=False)
        if is_killed and town.is_done(deals):
            break
    found.seconds = round(time.monotonic() - begun, 1)
    for worker in (town.buyer, town.vendor):
        found.ends |= {f"{worker.name} {how}": n for how, n in worker.ends.items()}
        found.off[worker.name] = f"{1 - worker.up_s / found.seconds:.0%}"
        found.letters |= {f"{worker.name} {k}": n for k, n in town.letters(worker).items()}
        found.tries_max = max(found.tries_max, worker.rows("SELECT max(tries) FROM outbox")[0][0])
    return found
