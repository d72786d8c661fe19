"""A fair: whole daemons over real sockets on 127.0.0.1, in one process, with clocks one can push.

Relays keep mailboxes for everybody, stalls sell, visitors buy. Any of them may go down and come up
again on the same disk; nothing of memory survives.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from node.clock import ManualClock, SystemClock
from node.config import Settings
from node.daemon import Daemon
from node.home import DATABASE_FILE
from node.storage import deals, ledger, objects, outbox, threads
from node.storage.deals import Deal
from node.storage.ledger import Disclosed
from node.storage.outbox import Outgoing, OutgoingState
from node.storage.threads import Thread
from protocol.market.deal import DealState, Role
from protocol.market.thread import ThreadState
from protocol.objects.envelope import Verified, open_stored

NET = "fair"
HOST = "127.0.0.1"

CATEGORY = "electronics/cameras/digital-cameras"
DRAFT: dict[str, Any] = {
    "title": "Camera with 12 megapixels that saves RAW",
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
    "disclose": {"name": "Ana of the fair", "address": "7 Lantern Row, Park City"},
}
FEED = (
    "id,title,price,availability,quantity,megapixels,raw_support\n"
    "C-1,Compact camera with RAW,{price},in_stock,{stock},12.1 MP,yes\n"
)
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
[fulfil]
mode = "delivery"
[delivery]
radius_km = 20000
price = "0 USD"
[pay]
methods = ["card"]
when = "at"
"""


async def eventually(holds: Callable[[], Any], what: str, within_s: float = 8.0) -> Any:
    """Wait until something holds and give it; say what was waited for when it never does."""
    try:
        async with asyncio.timeout(within_s):
            while True:
                found = holds()
                value = await found if isinstance(found, Awaitable) else found
                if value:
                    return value
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"within {within_s} s it never came true that {what}") from None


@dataclass
class House:
    """One daemon, its disk, and what its links carried."""

    name: str
    home: Path
    relays: list[House]
    listens: bool = False
    mailbox: bool = False
    clock: ManualClock = field(default_factory=lambda: ManualClock(SystemClock()))
    frames: list[bytes] = field(default_factory=list)
    daemon: Daemon | None = None
    options: dict[str, Any] = field(default_factory=dict)
    """Settings beyond the usual ones."""

    def __post_init__(self) -> None:
        self.port: int | None = 0 if self.listens else None

    @property
    def up(self) -> Daemon:
        assert self.daemon is not None, f"{self.name} is down"
        return self.daemon

    @property
    def handle(self) -> Any:
        return self.up.handle

    async def open(self) -> None:
        """Come up, and stay until linked to every relay that is up."""
        facts: dict[str, Any] = {
            "net": NET,
            "listen_port": self.port,
            "mailbox": self.mailbox,
            "peers": [f"{HOST}:{relay.port}" for relay in self.relays],
            "api_port": 0,
            "receipt_jitter_ms": 0,
            "retry_base_ms": 50,
            "retry_max_ms": 500,
        }
        settings = Settings(**(facts | self.options))
        daemon = Daemon(self.home, settings, clock=self.clock, tap=self._record)
        await daemon.start()
        self.daemon = daemon
        self.port = daemon.network.port
        standing = {relay.up.network.node_id for relay in self.relays if relay.daemon}
        await eventually(
            lambda: standing <= {peer.key for peer in daemon.network.peers()},
            f"{self.name} is linked to its relays",
        )

    def _record(self, _peer: bytes, _inbound: bool, frame: bytes) -> None:
        self.frames.append(frame)

    async def close(self) -> None:
        daemon, self.daemon = self.daemon, None
        if daemon is not None:
            failures = daemon.desk.tasks.failures
            await daemon.stop()
            assert failures == 0, f"{self.name}: a background task failed"

    # --- what is on its disk -----------------------------------------------------------------

    async def read(self, query: Callable[[Any], Any]) -> Any:
        return await self.up.desk.storage.read(query)

    async def deals(self) -> list[Deal]:
        found: list[Deal] = await self.read(lambda db: deals.load_newest(db, limit=100))
        return found

    async def deal_state(self) -> DealState | None:
        found = await self.deals()
        return found[0].state if found else None

    async def threads(self, role: Role) -> list[Thread]:
        found: list[Thread] = await self.read(lambda db: threads.load_newest(db, role, limit=100))
        return found

    async def letters(self, state: OutgoingState = OutgoingState.PENDING) -> list[Outgoing]:
        found: list[Outgoing] = await self.read(
            lambda db: outbox.load_by_state(db, state=state, limit=500)
        )
        return found

    async def object(self, object_id: bytes) -> Verified[Any]:
        raw = await self.read(lambda db: objects.load_raw(db, object_id))
        return open_stored(raw, net=NET)

    async def disclosed(self) -> list[Disclosed]:
        found: list[Disclosed] = await self.read(lambda db: ledger.load_all(db, limit=100))
        return found

    async def live_casts(self) -> list[str]:
        """Titles of the requests it carries."""
        return [each.body.title for each in await self.up.network.live_casts()]

    async def knows(self, kind: type[Any]) -> bool:
        """Whether a public object of this kind is on its disk."""
        index = await self.read(lambda db: objects.load_live_index(db, self.clock.now().wall_ms))
        return any([isinstance((await self.object(each.id)).body, kind) for each in index])

    def shop_key(self) -> bytes:
        profile = self.up.seller.profile
        assert profile is not None
        return profile.header.key

    def disk(self) -> bytes:
        """Every byte of its database, the write-ahead log included, and of its log."""
        names = [DATABASE_FILE, f"{DATABASE_FILE}-wal", "node.log"]
        return b"".join(
            (self.home / name).read_bytes() for name in names if (self.home / name).exists()
        )

    # --- waiting -------------------------------------------------------------------------------

    async def until_deal(self, state: DealState) -> Deal:
        async def there() -> bool:
            return await self.deal_state() is state

        await eventually(there, f"the deal of {self.name} is {state}")
        return (await self.deals())[0]

    async def until_put(self, kind: str) -> None:
        """Wait until the newest letter of a kind lies in every mailbox it can lie in."""

        async def there() -> bool:
            sent = [row for row in await self.letters() if row.kind == kind]
            done = [row for row in await self.letters(OutgoingState.ACKED) if row.kind == kind]
            return bool(done) or any(row.put_at for row in sent)

        await eventually(there, f"a letter of {self.name} ({kind}) is in a mailbox")

    async def until_acked(self) -> None:
        """Wait until every letter of ours has its receipt."""

        async def there() -> bool:
            return not await self.letters()

        await eventually(there, f"all letters of {self.name} have their receipts", within_s=20.0)

    async def until_casts(self, titles: list[str]) -> None:
        async def there() -> bool:
            return await self.live_casts() == titles

        await eventually(there, f"{self.name} carries {titles}")

    async def until_casts_count(self, count: int) -> None:
        async def there() -> bool:
            return len(await self.live_casts()) == count

        await eventually(there, f"{self.name} carries {count} requests")

    async def until_thread(self, role: Role, state: ThreadState) -> None:
        async def there() -> bool:
            return any(thread.state is state for thread in await self.threads(role))

        await eventually(there, f"a thread of {self.name} is {state}")


@dataclass
class Fair:
    """Everybody who is there."""

    folder: Path
    houses: list[House] = field(default_factory=list)

    def relays(self) -> list[House]:
        return [house for house in self.houses if house.listens and house.mailbox]

    async def relay(self, name: str, *, mailbox: bool = True) -> House:
        return await self._move_in(name, listens=True, mailbox=mailbox)

    async def visitor(self, name: str, **options: Any) -> House:
        return await self._move_in(name, options=options)

    async def stall(
        self,
        name: str,
        *,
        price: str = "279.00 USD",
        firm: bool = True,
        listens: bool = False,
        stock: int = 3,
        **options: Any,
    ) -> House:
        """Open a shop with one camera in it; its profile is out when this returns."""
        home = self.folder / name
        home.mkdir(mode=0o700)
        (home / "vendor.toml").write_text(SHOP.format(name=name), encoding="utf-8")
        (home / "rules.toml").write_text(RULES.format(firm=str(firm).lower()), encoding="utf-8")
        feed = home / "feed.csv"
        feed.write_text(FEED.format(price=price, stock=stock), encoding="utf-8")
        house = await self._move_in(name, listens=listens, options=options)
        report = await house.handle.vendor_import(feed, {"source": "fair", "category": CATEGORY})
        assert report["offered"] == 1, report
        await eventually(lambda: house.up.seller.profile, f"the profile of {name} is out")
        return house

    async def _move_in(
        self,
        name: str,
        *,
        listens: bool = False,
        mailbox: bool = False,
        options: dict[str, Any] | None = None,
    ) -> House:
        house = House(
            name,
            self.folder / name,
            self.relays(),
            listens=listens,
            mailbox=mailbox,
            options=options or {},
        )
        if self.houses:
            # Somebody who comes later lives in the same present as all others.
            ahead = self.houses[0].clock.now().wall_ms - house.clock.now().wall_ms
            house.clock.advance(round(ahead, -1))
        self.houses.append(house)
        await house.open()
        return house

    def advance(self, ms: int) -> None:
        """Time passes for everybody alike."""
        for house in self.houses:
            house.clock.advance(ms)

    async def close(self) -> None:
        failed: list[AssertionError] = []
        for house in reversed(self.houses):
            try:
                await house.close()
            except AssertionError as error:
                failed.append(error)
        shutil.rmtree(self.folder)
        assert not failed, failed


async def cast(buyer: House, **changes: Any) -> str:
    """Send a request; gives its handle once it is out."""
    document = await buyer.handle.create_cast({**DRAFT, **changes})
    assert document["cast"]["state"] == "open", document["cast"]["note"]
    return str(document["cast"]["handle"])


async def offers(buyer: House, handle: str, count: int = 1) -> list[dict[str, Any]]:
    """Wait for so many offers, best first."""

    async def there() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await buyer.handle.offers(handle))["offers"]
        return found if len(found) >= count else []

    found: list[dict[str, Any]] = await eventually(there, f"{buyer.name} has {count} offers")
    return found


async def accept(buyer: House, offer: dict[str, Any], **changes: Any) -> str:
    """Say yes to an offer; gives the deal's handle."""
    facts: dict[str, Any] = {"options": [], "slot": None, "disclose": None, "anyway": False}
    document = await buyer.handle.accept(offer["handle"], **{**facts, **changes})
    return str(document["deal"]["handle"])
