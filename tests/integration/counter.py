"""One honest home across the counter from a party that signs what it likes.

The home is real (database, keys, rooms of the market, an outbox that nobody carries away); the
other side is a party of `tests.parties`, whose letters are handed over without mailboxes between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from node.clock import ManualClock
from node.entropy import Entropy, SystemEntropy
from node.errors import TransportError
from node.keystore import PROFILE_CONTEXT, Keyring
from node.market.buyer import Buyer
from node.market.clockwork import Clockwork
from node.market.desk import Desk
from node.market.letters import Letters
from node.market.pen import Pen
from node.market.requests import Requests
from node.market.seller import Seller
from node.market.shop import Promise, Skipped
from node.post.letters import Letter, LetterOutcome
from node.post.office import Post
from node.runtime.tasks import Tasks
from node.storage import boxes_own, casts, deals, objects, outbox
from node.storage.boxes_own import OwnBox
from node.storage.casts import OwnCast
from node.storage.database import Storage
from node.storage.deals import Deal
from node.storage.outbox import Outgoing
from protocol import sealing, signing
from protocol.errors import Reason
from protocol.ids import BoxKey, CastId, NodeId, SigningKey, blake2b_256
from protocol.market.cast import CastState
from protocol.now import DAY_MS
from protocol.objects.envelope import Verified, open_stored
from protocol.objects.header import Kind
from protocol.objects.intentcast import Intentcast
from protocol.objects.offer import Offer
from protocol.objects.reply import Reply
from protocol.post.letters import Opened, letter_hash, open_letter
from tests.parties import NET, NOW_MS, Party, cast_body, make_profile, offer_body

MAILBOX = NodeId(blake2b_256(b"mailbox one"))


class NoNetwork:
    """Nobody is there; what is asked for is remembered."""

    node_id = NodeId(blake2b_256(b"this node"))

    def __init__(self) -> None:
        self.wanted: list[bytes] = []
        self.published: list[bytes] = []

    def publish(self, verified: Verified[Any], raw: bytes) -> None:
        assert raw == verified.raw
        self.published.append(verified.id)

    def want(self, object_id: bytes) -> None:
        self.wanted.append(object_id)

    def mailboxes(self) -> Sequence[Any]:
        return []

    async def connect(self, node_id: NodeId) -> Any:
        raise TransportError(f"nobody is at {node_id.hex()[:8]}")


class TestShop:
    """Quotes one price; says what it is told to say at an acceptance."""

    __test__ = False

    def __init__(self) -> None:
        self.by_itself = True
        self.answer: Reason | Exception | None = None

    async def offer_for(
        self, cast: Verified[Intentcast], *, profile_id: bytes, reply: Reply, now_ms: int
    ) -> Offer | Skipped:
        return offer_body(cast.id, profile_id, reply=reply, valid_until=now_ms + DAY_MS)

    async def refusal(self, offer: Offer, promised: Sequence[Promise]) -> Reason | None:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def confirms_by_itself(self, offer: Offer) -> bool:
        return self.by_itself


@dataclass
class Home:
    """One citizen's market, without sockets."""

    storage: Storage
    clock: ManualClock
    tasks: Tasks = field(default_factory=Tasks)
    name: str = "home"
    """Its keys derive from it."""
    entropy: Entropy = field(default_factory=SystemEntropy)

    def __post_init__(self) -> None:
        self.keyring = Keyring(blake2b_256(self.name.encode()))
        self.network = NoNetwork()
        self.post = Post(
            net=NET,
            clock=self.clock,
            entropy=self.entropy,
            tasks=self.tasks,
            storage=self.storage,
            network=self.network,
            keyring=self.keyring,
            serve=False,
            own_only=False,
            receipt_jitter_ms=0,
            on_letter=self._on_letter,
        )
        self.desk = Desk(
            pen=Pen(net=NET, keyring=self.keyring, clock=self.clock),
            keyring=self.keyring,
            clock=self.clock,
            entropy=self.entropy,
            storage=self.storage,
            network=self.network,
            post=self.post,
            tasks=self.tasks,
        )
        self.requests = Requests(self.desk)
        self.buyer = Buyer(self.desk)
        self.seller = Seller(self.desk)
        self.letters = Letters(self.desk, self.buyer, self.seller)
        self.clockwork = Clockwork(self.desk, self.requests, self.buyer, self.seller)
        self.shop = TestShop()

    @classmethod
    async def open(cls, folder: Path) -> Home:
        clock = ManualClock(wall_ms=NOW_MS)
        return cls(storage=await Storage.open(folder / "home.db", clock=clock), clock=clock)

    async def close(self) -> None:
        await self.tasks.close()
        await self.storage.close()

    async def _on_letter(self, box: OwnBox, letter: Letter) -> LetterOutcome:
        return await self.letters.on_letter(box, letter)

    # --- what it begins with -------------------------------------------------------------------

    def _reply(self, ctx: bytes) -> Reply:
        return Reply(
            box=sealing.box_public_key(self.keyring.box_seed(ctx)),
            reader=signing.public_key(self.keyring.reader_seed(ctx)),
            at=[MAILBOX],
            until=NOW_MS + 90 * DAY_MS,
        )

    def box(self, ctx: bytes) -> OwnBox:
        reply = self._reply(ctx)
        return OwnBox(
            reader=SigningKey(reply.reader),
            ctx=ctx,
            box=BoxKey(reply.box),
            mailboxes=(MAILBOX,),
            until=reply.until,
            opened_at=(MAILBOX,),
            closed=False,
        )

    async def cast(self, nonce: bytes = bytes(16), **changes: Any) -> Verified[Intentcast]:
        """Have an open request of our own."""
        body = cast_body(nonce=nonce, reply=self._reply(nonce), **changes)
        exp = NOW_MS + 14 * DAY_MS
        verified = await self.desk.pen.public(nonce, Kind.INTENTCAST, body, exp=exp)
        row = OwnCast(
            nonce=nonce,
            cast_id=CastId(verified.id),
            root_id=CastId(verified.id),
            state=CastState.OPEN,
            draft="{}",
            local={"body": "", "budget_max": None, "budget_target": None, "disclose": {}},
            created_ms=NOW_MS,
            decide_by=body.decide_by,
            exp=exp,
            note="",
        )

        def keep(conn: Any) -> None:
            self.desk.record(conn, verified)
            casts.save(conn, row)
            boxes_own.save(conn, self.box(nonce))

        await self.storage.write(keep)
        return verified

    async def learn(self, verified: Verified[Any]) -> None:
        """Have a public object of somebody else."""
        await self.storage.write(
            lambda conn: objects.insert(conn, verified, own=False, now_ms=NOW_MS)
        )

    async def sell(self) -> None:
        """Be a shop with a published profile."""
        body = make_profile().body
        body = msgspec.structs.replace(body, reply=self._reply(PROFILE_CONTEXT))
        exp = NOW_MS + 300 * DAY_MS
        profile = await self.desk.pen.public(PROFILE_CONTEXT, Kind.PROFILE, body, exp=exp)

        def keep(conn: Any) -> None:
            self.desk.record(conn, profile)
            boxes_own.save(conn, self.box(PROFILE_CONTEXT))

        await self.storage.write(keep)
        self.seller._shop, self.seller._profile = self.shop, profile

    async def quote(self, cast: Verified[Intentcast]) -> Verified[Offer]:
        """Answer a request as the seller's loop would; gives the offer."""
        await self.seller._answer(cast)
        return await self.sent(Kind.OFFER)

    # --- what comes and what goes ----------------------------------------------------------------

    async def take(
        self, verified: Verified[Any], *, ctx: bytes = bytes(16), opened: Opened | None = None
    ) -> LetterOutcome:
        """Read a letter out of one of our boxes."""
        box = self.box(ctx)
        letter = Letter(
            hash=letter_hash(verified.raw),
            envelope=verified.raw,
            opened=opened,
            mailbox=MAILBOX,
            reader=box.reader,
        )
        return await self.letters.on_letter(box, letter)

    async def outbox(self) -> list[Outgoing]:
        return await self.storage.read(lambda db: outbox.load_pending(db, limit=100))

    async def sent(self, kind: Kind) -> Verified[Any]:
        """Give the newest object of a kind in the outbox."""
        row = [row for row in await self.outbox() if row.kind == kind.value][-1]
        raw = await self.storage.read(lambda db: objects.load_raw(db, row.envelope_id))
        return open_stored(raw or b"", net=NET)

    async def opened_by(self, party: Party) -> list[Verified[Any]]:
        """Open every letter in the outbox that a party could read."""
        found = []
        for row in await self.outbox():
            envelope = open_letter(row.letter, party.seed("box")).envelope
            found.append(open_stored(envelope, net=NET))
        return found

    async def deals(self) -> list[Deal]:
        return await self.storage.read(lambda db: deals.load_newest(db, limit=100))

    async def deal(self) -> Deal:
        return (await self.deals())[0]

    async def cast_state(self, nonce: bytes = bytes(16)) -> CastState:
        row = await self.storage.write(lambda conn: casts.cast_of(conn, nonce))
        assert row is not None
        return row.state
