"""A booth: one citizen's market on a real disk, its post a list, its network a list.

Two booths make a market: `carry` takes what one has queued to the other's letter slot, and brings
nothing else. A letter that was queued inside a change that was undone is not carried.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec

from node.clock import ManualClock
from node.entropy import SeededEntropy
from node.errors import TransportError
from node.keystore import PROFILE_CONTEXT, Keyring
from node.market.buyer import Buyer, Choice
from node.market.clockwork import Clockwork
from node.market.desk import Desk
from node.market.drafts import read_request
from node.market.letters import Letters
from node.market.pen import Pen
from node.market.requests import Requests
from node.market.seller import Seller
from node.market.shop import Promise, Skipped
from node.market.storefront import Storefront
from node.market.withdrawal import Withdrawal
from node.post.letters import Letter, LetterOutcome, OutgoingLetter
from node.runtime.tasks import Tasks
from node.storage import audit, casts, deals, objects, threads
from node.storage.boxes_own import OwnBox
from node.storage.casts import OwnCast
from node.storage.database import Storage
from node.storage.deals import Deal
from node.storage.threads import Thread
from protocol import sealing, signing
from protocol.errors import Reason
from protocol.ids import BoxKey, LetterHash, NodeId, ObjectId, SigningKey, blake2b_256
from protocol.market.deal import Role
from protocol.now import DAY_MS, HOUR_MS
from protocol.objects.envelope import Verified, open_stored
from protocol.objects.header import Kind
from protocol.objects.intentcast import Intentcast
from protocol.objects.offer import Answer, Fulfilment, Line, Offer, Payment
from protocol.objects.profile import Profile
from protocol.objects.reply import Reply
from protocol.values.quantity import Quantity
from tests.parties import NET, NOW_MS

START_MS = NOW_MS + HOUR_MS
MAILBOXES = [NodeId(blake2b_256(b"mailbox", bytes([number]))) for number in range(3)]
ONE = Quantity(n="1", unit="each")
DRAFT: dict[str, Any] = {
    "title": "Camera with RAW",
    "category": "electronics/cameras/digital-cameras",
    "items": [{"name": "camera", "attrs": [{"key": "raw", "op": "present"}]}],
    "where": {"remote": True},
    "budget": {"max": "300 USD", "target": "250 USD"},
    "disclose": {"name": "Ana"},
}


class ListPost:
    """Keeps what is queued; opens boxes wherever it is told that somebody answers."""

    def __init__(self) -> None:
        self.queued: list[OutgoingLetter] = []
        self.answering: Sequence[NodeId] | None = None
        """Mailboxes that answer; None means all."""
        self.opened: list[tuple[bytes, list[NodeId], int]] = []
        self.watched: list[OwnBox] = []
        self.resealed: list[tuple[bytes, bytes, bytes, Reply]] = []
        self.opened_of: Callable[[ObjectId], Any] = lambda _id: None
        self.read_since: dict[tuple[bytes, bytes], int] = {}
        self.failing_since: dict[tuple[bytes, bytes], int] = {}
        self.lost_at: set[NodeId] = set()
        """Mailboxes that are gone for good."""
        self.nudges = 0
        self.parked = 0

    @property
    def boxes(self) -> list[OwnBox]:
        newest = {box.reader: box for box in self.watched}
        return list(newest.values())

    def lost(self, reader: bytes) -> frozenset[NodeId]:
        return frozenset(self.lost_at)

    def failing(self) -> frozenset[NodeId]:
        return frozenset(self.lost_at)

    def queue(self, _conn: Any, outgoing: OutgoingLetter) -> None:
        self.queued.append(outgoing)

    def nudge(self) -> None:
        self.nudges += 1

    async def open_box(
        self, ctx: bytes, mailboxes: Sequence[NodeId], until: int, need: int = 1
    ) -> list[NodeId]:
        self.opened.append((ctx, list(mailboxes), until))
        agreed = [each for each in mailboxes if self.answering is None or each in self.answering]
        if len(agreed) < need:
            raise TransportError("nobody opened a box", code="E-MAILBOX-NONE")
        return agreed

    async def watch(self, box: OwnBox) -> None:
        self.watched.append(box)

    def reseal(
        self,
        _conn: Any,
        ctx: bytes,
        to_key: bytes,
        thread: bytes,
        new_reply: Reply,
        *,
        opened_of: Callable[[ObjectId], Any],
    ) -> int:
        self.resealed.append((ctx, to_key, thread, new_reply))
        self.opened_of = opened_of
        return 0


class ListNetwork:
    """Knows three mailboxes; remembers what it was asked for."""

    def __init__(self) -> None:
        self.node_id = NodeId(blake2b_256(b"this node"))
        self.known = list(MAILBOXES)
        self.addresses: dict[NodeId, tuple[str, ...]] = {}
        self.published: list[Verified[Any]] = []
        self.wanted: list[bytes] = []

    def publish(self, verified: Verified[Any], raw: bytes) -> None:
        assert raw == verified.raw
        self.published.append(verified)

    def want(self, object_id: bytes) -> None:
        self.wanted.append(object_id)

    def mailboxes(self) -> list[Any]:
        return [
            SimpleNamespace(key=key, addresses=self.addresses.get(key, ())) for key in self.known
        ]


@dataclass
class OneShop:
    """Sells one camera for 250 dollars; the test turns its knobs."""

    by_itself: bool = True
    no: Reason | None = None
    skip: Skipped | None = None
    fails: Exception | None = None
    changes: dict[str, Any] = field(default_factory=dict)
    promised: list[Sequence[Promise]] = field(default_factory=list)
    asked: list[bytes] = field(default_factory=list)

    async def offer_for(
        self, cast: Verified[Intentcast], *, profile_id: bytes, reply: Reply, now_ms: int
    ) -> Offer | Skipped:
        self.asked.append(cast.id)
        if self.fails is not None:
            raise self.fails
        if self.skip is not None:
            return self.skip
        answers = [
            Answer(item=item, attr=attr, status="met", value=True)
            for item, attr, _ in cast.body.constraints()
        ]
        body = Offer(
            cast=cast.id,
            firm=True,
            valid_until=now_ms + 2 * DAY_MS,
            confirm_within=15 * 60_000,
            profile=profile_id,
            cur="USD",
            lines=[
                Line(name="Camera", kind="item", qty=ONE, unit=25_000, total=25_000, sku="X1"),
                Line(name="Bag", kind="optional", qty=ONE, unit=1_500, total=1_500),
            ],
            total=25_000,
            answers=answers,
            fulfil=Fulfilment(mode="pickup"),
            pay=Payment(methods=["card"], when="at"),
            reply=reply,
        )
        return msgspec.structs.replace(body, **self.changes)

    async def refusal(self, offer: Offer, promised: Sequence[Promise]) -> Reason | None:
        self.promised.append(promised)
        return self.no

    def confirms_by_itself(self, offer: Offer) -> bool:
        return self.by_itself and offer.firm


class Booth:
    """One citizen."""

    def __init__(self, name: str, storage: Storage, clock: ManualClock) -> None:
        self.name = name
        self.storage = storage
        self.clock = clock
        self.tasks = Tasks()
        self.keyring = Keyring(blake2b_256(name.encode()))
        self.post = ListPost()
        self.network = ListNetwork()
        self.rings = 0
        post: Any = self.post
        self.desk = Desk(
            pen=Pen(net=NET, keyring=self.keyring, clock=clock),
            keyring=self.keyring,
            clock=clock,
            entropy=SeededEntropy(name, net=NET),
            storage=storage,
            network=self.network,
            post=post,
            tasks=self.tasks,
            changed=self._ring,
        )
        self.requests = Requests(self.desk)
        self.buyer = Buyer(self.desk)
        self.seller = Seller(self.desk)
        self.letters = Letters(self.desk, self.buyer, self.seller)
        self.clockwork = Clockwork(self.desk, self.requests, self.buyer, self.seller)
        self.withdrawal = Withdrawal(self.desk, self.clockwork)
        self.storefront = Storefront(self.desk, dialled=False)
        self.shop = OneShop()
        self._carried = 0

    def _ring(self) -> None:
        self.rings += 1

    @classmethod
    async def open(cls, folder: Path, name: str, clock: ManualClock) -> Booth:
        return cls(name, await Storage.open(folder / f"{name}.db", clock=clock), clock)

    async def close(self) -> None:
        await self.tasks.close()
        await self.storage.close()
        assert self.tasks.failures == 0

    # --- acts ----------------------------------------------------------------------------------

    async def cast(self, **changes: Any) -> OwnCast:
        """Send a request; gives its row."""
        draft = {**DRAFT, **changes}
        nonce = await self.requests.draft(read_request(draft, self.desk.wall_ms()), draft)
        assert await self.requests.publish(nonce)
        return await self.own(nonce)

    async def sell(self) -> Verified[Profile]:
        """Open the shop; its loops do not run: `answer` and `decide` are their steps."""
        described = Profile(
            name=f"{self.name}'s",
            party="vendor",
            categories=["electronics"],
            reply=self.reply(PROFILE_CONTEXT),
        )
        profile = await self.storefront.publish(described)
        self.seller._shop, self.seller._profile = self.shop, profile
        return profile

    async def answer(self, cast: Verified[Intentcast]) -> None:
        await self.seller._answer(cast)

    async def decide(self) -> None:
        for row in await self.seller._waiting_deals():
            await self.seller._decide_one(row)

    async def learn(self, verified: Verified[Any]) -> None:
        """Have a public object of somebody else."""
        now_ms = self.desk.wall_ms()
        await self.write(lambda conn: objects.insert(conn, verified, own=False, now_ms=now_ms))

    async def accept(self, offer_id: bytes, **facts: Any) -> Deal:
        return await self.buyer.accept(Choice(offer_id=offer_id, **facts))

    async def take(
        self, ctx: bytes, verified: Verified[Any] | bytes, opened: Any = None
    ) -> LetterOutcome:
        """Read a letter out of one of our boxes."""
        envelope = verified if isinstance(verified, bytes) else verified.raw
        letter = Letter(
            hash=LetterHash(blake2b_256(envelope)),
            envelope=envelope,
            opened=opened,
            mailbox=MAILBOXES[0],
            reader=self.reply(ctx).reader,
        )
        return await self.letters.on_letter(self.box(ctx), letter)

    def reply(self, ctx: bytes) -> Reply:
        return Reply(
            box=sealing.box_public_key(self.keyring.box_seed(ctx)),
            reader=signing.public_key(self.keyring.reader_seed(ctx)),
            at=list(MAILBOXES),
            until=START_MS + 90 * DAY_MS,
        )

    def box(self, ctx: bytes) -> OwnBox:
        reply = self.reply(ctx)
        return OwnBox(
            reader=SigningKey(reply.reader),
            ctx=ctx,
            box=BoxKey(reply.box),
            mailboxes=tuple(MAILBOXES),
            until=reply.until,
        )

    def sealed(self, ctx: bytes, kind: Kind, body: Any, **facts: Any) -> Verified[Any]:
        """Sign anything for anybody under a key of ours."""
        return self.desk.pen.sealed(ctx, kind, body, **{"prev": None, **facts})

    def fresh(self) -> list[OutgoingLetter]:
        """Give what was queued since the last look."""
        found, self._carried = self.post.queued[self._carried :], len(self.post.queued)
        return found

    async def carry(self, other: Booth) -> list[LetterOutcome]:
        """Bring everything new to the other's letter slot."""
        outcomes = []
        for outgoing in self.fresh():
            ctx = await other.context_of(outgoing.to_key)
            outcomes.append(await other.take(ctx, outgoing.envelope, outgoing.opened))
        return outcomes

    async def context_of(self, key: bytes) -> bytes:
        rows = await self.storage.read(casts.load_all)
        for ctx in [PROFILE_CONTEXT, *(row.nonce for row in rows)]:
            if self.desk.pen.key(ctx) == key:
                return ctx
        raise AssertionError(f"{self.name} has no such key")

    # --- what is kept ----------------------------------------------------------------------------

    async def write(self, txn: Callable[[Any], Any]) -> Any:
        return await self.storage.write(txn)

    async def own(self, nonce: bytes) -> OwnCast:
        found: OwnCast = await self.write(lambda conn: casts.cast_of(conn, nonce))
        return found

    async def change(self, nonce: bytes, **changes: Any) -> None:
        row = await self.own(nonce)
        await self.write(lambda conn: casts.save(conn, replace(row, **changes)))

    async def object(self, object_id: bytes | None) -> Verified[Any]:
        raw = await self.write(lambda conn: objects.raw_of(conn, object_id or b""))
        return open_stored(raw, net=NET)

    async def deals(self) -> list[Deal]:
        return await self.storage.read(lambda db: deals.load_newest(db, limit=100))

    async def deal(self) -> Deal:
        return (await self.deals())[0]

    async def thread(self, role: Role) -> Thread:
        found = await self.storage.read(lambda db: threads.load_newest(db, role, limit=10))
        return found[0]

    async def threads(self, role: Role) -> list[Thread]:
        return await self.storage.read(lambda db: threads.load_newest(db, role, limit=100))

    async def history(self) -> list[str]:
        lines = await self.storage.read(lambda db: audit.load_after(db, 0, limit=1_000))
        return [line.what for line in lines]


@dataclass
class Market:
    """A buyer's booth and a vendor's, one present."""

    buyer: Booth
    vendor: Booth
    clock: ManualClock

    async def offered(self, **draft: Any) -> tuple[OwnCast, ObjectId]:
        """A request of the buyer, answered by the vendor; gives the row and the offer's id."""
        profile = self.vendor.seller.profile or await self.vendor.sell()
        await self.buyer.learn(profile)
        row = await self.buyer.cast(**draft)
        await self.vendor.answer(await self.buyer.object(row.cast_id))
        await self.vendor.carry(self.buyer)
        thread = await self.buyer.thread(Role.BUYER)
        assert thread.offer_id is not None
        return row, ObjectId(thread.offer_id)

    async def accepted(self, **choice: Any) -> tuple[OwnCast, Deal]:
        """The buyer's yes to it, recorded by the vendor and undecided."""
        row, offer_id = await self.offered()
        deal = await self.buyer.accept(offer_id, **choice)
        await self.buyer.carry(self.vendor)
        return row, deal

    async def agreed(self, **choice: Any) -> tuple[OwnCast, Deal]:
        """The whole way."""
        row, deal = await self.accepted(**choice)
        await self.vendor.decide()
        await self.vendor.carry(self.buyer)
        await self.buyer.carry(self.vendor)
        return row, deal

    async def states(self) -> tuple[str, str]:
        """Both ends of the newest deal."""
        return (await self.buyer.deal()).state.value, (await self.vendor.deal()).state.value
