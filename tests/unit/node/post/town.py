"""A town of citizens whose posts talk through memory: every message is encoded and decoded.

The market is played by a list: a citizen records what it reads, once, and gives receipts. Sockets
are played by `Wire`; `tests/integration/test_post.py` brings real ones to the same citizens.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from node.clock import ManualClock, SystemClock
from node.entropy import SystemEntropy
from node.errors import TransportError
from node.keystore import Keyring
from node.post.letters import Discard, Known, Letter, LetterOutcome, OutgoingLetter, Recorded
from node.post.office import Post
from node.post.retry import Backoff
from node.runtime.tasks import Tasks
from node.storage import audit, boxes_own, outbox
from node.storage.boxes_own import OwnBox
from node.storage.database import Storage
from node.storage.outbox import Outgoing, OutgoingState
from protocol import sealing, signing
from protocol.channel.messages import Answer, Ask, Message, decode_message, encode_message
from protocol.channel.noise import transport_key
from protocol.ids import NodeId, ObjectId, blake2b_256
from protocol.objects.reply import Reply

NET = "test"
DAY_MS = 86_400_000
QUICK = Backoff(base_ms=20, cap_ms=200)


async def eventually(holds: Callable[[], Any], within_s: float = 10.0) -> Any:
    """Wait until something holds; the loop turns meanwhile."""
    async with asyncio.timeout(within_s):
        while not (found := holds()):
            await asyncio.sleep(0.005)
    return found


def keyring_of(name: bytes) -> Keyring:
    """Everybody's keys follow from the name, so that a market can know whom a letter is from."""
    return Keyring(blake2b_256(name))


class Wire:
    """One end of a channel in memory."""

    def __init__(self, near: Citizen, far: Citizen, handshake_hash: bytes) -> None:
        self.peer_id = far.node_id
        self.handshake_hash = handshake_hash
        self.is_open = True
        self.refuses = False
        """Whether the queue is full: nothing more can be sent."""
        self.other: Wire | None = None
        self._near = near
        self._numbers = itertools.count(2**31)
        self._asked: dict[int, asyncio.Future[Answer | None]] = {}

    def send(self, message: Message) -> bool:
        if not self.is_open or self.refuses or self.other is None:
            return False
        raw = encode_message(message)
        asyncio.get_running_loop().call_soon(self.other.receive, raw)
        return True

    def receive(self, raw: bytes) -> None:
        self._near.fetched_bytes += len(raw)
        message: Any = decode_message(raw)
        asked = self._asked.get(message.request)
        if self.is_open and isinstance(message, Answer):
            if asked is not None and not asked.done():
                asked.set_result(message)
        elif self.is_open:
            self._near.post.handle_message(self, message)

    async def request(self, ask: Ask, timeout_ms: int) -> Answer:
        number = next(self._numbers)
        asked = self._asked[number] = asyncio.get_running_loop().create_future()
        try:
            if not self.send(msgspec.structs.replace(ask, request=number)):
                raise TransportError("the link is over")
            async with asyncio.timeout(timeout_ms / 1000):
                answer = await asked
        except TimeoutError as error:
            raise TransportError("no answer", code="E-PEER-TIMEOUT") from error
        finally:
            del self._asked[number]
        if answer is None:
            raise TransportError("the link ended")
        return answer

    def cut(self) -> None:
        for end in (self, self.other):
            if end is not None and end.is_open:
                end.is_open = False
                for asked in end._asked.values():
                    if not asked.done():
                        asked.set_result(None)


class MemoryNetwork:
    """Reaches the citizens of one town."""

    def __init__(self, town: Town, node_id: NodeId) -> None:
        self.node_id = node_id
        self._town = town
        self.wires: dict[NodeId, Wire] = {}
        self.dials = 0

    async def connect(self, node_id: NodeId) -> Wire:
        wire = self.wires.get(node_id)
        if wire is not None and wire.is_open:
            return wire
        self.dials += 1
        await asyncio.sleep(0)
        far = self._town.citizens.get(node_id)
        near = self._town.citizens.get(self.node_id)
        if far is None or near is None or not far.is_up:
            raise TransportError("nobody there", code="E-PEER-UNKNOWN")
        return self._town.join(near, far)


@dataclass
class Town:
    """Who lives here."""

    folder: Path
    citizens: dict[NodeId, Citizen] = field(default_factory=dict)
    _channels: Any = field(default_factory=itertools.count)

    def join(self, near: Citizen, far: Citizen) -> Wire:
        channel = blake2b_256(next(self._channels).to_bytes(4, "big")) * 2
        here, there = Wire(near, far, channel), Wire(far, near, channel)
        here.other, there.other = there, here
        near.network.wires[far.node_id] = here
        far.network.wires[near.node_id] = there
        near.post.link_up(far.node_id)
        far.post.link_up(near.node_id)
        return here

    async def citizen(self, name: str, **options: Any) -> Citizen:
        """Move somebody in, started."""
        found = Citizen(self, name, **options)
        self.citizens[found.node_id] = found
        await found.start()
        return found

    async def close(self) -> None:
        for citizen in self.citizens.values():
            if citizen.is_up:
                await citizen.stop()


class Citizen:
    """A node whose market is a list; `stop` and `start` it, its database stays."""

    def __init__(
        self, town: Town, name: str, *, clock: ManualClock | None = None, **options: Any
    ) -> None:
        self.town = town
        self.name = name
        self.keyring = keyring_of(name.encode())
        self.ctx = b"profile"
        self.node_id = transport_key(self.keyring.transport_seed())
        self.clock = clock or ManualClock(SystemClock())
        self.options = {"serve": False, "own_only": False, "receipt_jitter_ms": 0} | options
        self.is_up = False
        self.fetched_bytes = 0
        """Of all messages that came."""
        self.recorded: list[bytes] = []
        """Envelopes, in the order recorded; kept in the database."""
        self.handed_over: list[Letter] = []
        """Every call of `on_letter`."""
        self.ended: list[tuple[ObjectId, str]] = []
        self.judge: Callable[[Letter], LetterOutcome | None] = lambda _letter: None
        """Overrules the outcome of a letter."""

    @property
    def reader(self) -> bytes:
        return signing.public_key(self.keyring.reader_seed(self.ctx))

    @property
    def sign_key(self) -> bytes:
        return signing.public_key(self.keyring.sign_seed(self.ctx))

    @property
    def box_key(self) -> bytes:
        return sealing.box_public_key(self.keyring.box_seed(self.ctx))

    def now_ms(self) -> int:
        return self.clock.now().wall_ms

    def make_network(self) -> Any:
        return MemoryNetwork(self.town, self.node_id)

    async def start(self) -> None:
        self.tasks = Tasks()
        self.storage = await Storage.open(self.town.folder / f"{self.name}.db", clock=self.clock)
        lines = await self.storage.read(lambda db: audit.load_after(db, 0, limit=100_000))
        self.recorded = [
            bytes.fromhex(line.detail["envelope"]) for line in lines if line.what == "recorded"
        ]
        self.network: Any = self.make_network()
        self.post = Post(
            **{
                "net": NET,
                "clock": self.clock,
                "entropy": SystemEntropy(),
                "tasks": self.tasks,
                "storage": self.storage,
                "network": self.network,
                "keyring": self.keyring,
                "on_letter": self.on_letter,
                "on_ended": lambda envelope_id, state: self.ended.append((envelope_id, state)),
                "backoff": QUICK,
            }
            | self.options
        )
        self.is_up = True
        await self.post.start()

    async def stop(self) -> None:
        """Stop as a shutdown does; nothing of memory survives."""
        self.is_up = False
        for wire in getattr(self.network, "wires", {}).values():
            wire.cut()
        await self.post.stop()
        await self.tasks.close()
        await self.storage.close()
        assert self.tasks.failures == 0

    async def on_letter(self, box: OwnBox, letter: Letter) -> LetterOutcome:
        self.handed_over.append(letter)
        overruled = self.judge(letter)
        if overruled is not None:
            return overruled
        author, colon, _ = letter.envelope.partition(b": ")
        if not colon:
            return Discard(reason="nobody of this town wrote it")
        facts: dict[str, Any] = {
            "signer_seed": self.keyring.sign_seed(box.ctx),
            "author_box": sealing.box_public_key(keyring_of(author).box_seed(self.ctx)),
            "envelope_id": ObjectId(blake2b_256(letter.envelope)),
        }
        if letter.envelope in self.recorded:
            return Known(**facts)
        await self.storage.write(
            lambda conn: audit.append(
                conn, at=self.now_ms(), what="recorded", detail={"envelope": letter.envelope.hex()}
            )
        )
        self.recorded.append(letter.envelope)
        return Recorded(**facts)

    # --- what a market would do -----------------------------------------------------------------

    def own_box(self, *mailboxes: Citizen, days: float = 30) -> OwnBox:
        return OwnBox(
            reader=self.reader,
            ctx=self.ctx,
            box=self.box_key,
            mailboxes=tuple(mailbox.node_id for mailbox in mailboxes),
            until=self.now_ms() + int(days * DAY_MS),
        )

    async def open_box(self, *mailboxes: Citizen, days: float = 30) -> Reply:
        """Open, save and watch a box at these mailboxes; give the reply for others."""
        box = self.own_box(*mailboxes, days=days)
        await self.post.open_box(self.ctx, box.mailboxes, box.until, need=1)
        await self.storage.write(lambda conn: boxes_own.save(conn, box))
        await self.post.watch(box)
        return self.reply(box)

    def reply(self, box: OwnBox) -> Reply:
        return Reply(box=box.box, reader=box.reader, at=list(box.mailboxes), until=box.until)

    def letter(self, text: str, to: Citizen, reply: Reply, **changes: Any) -> OutgoingLetter:
        envelope = f"{self.name}: {text}".encode()
        facts: dict[str, Any] = {
            "ctx": self.ctx,
            "envelope_id": ObjectId(blake2b_256(envelope)),
            "envelope": envelope,
            "to_key": to.sign_key,
            "reply": reply,
            "priority": outbox.Priority.OFFER,
            "expires_at": self.now_ms() + DAY_MS,
            "thread": b"t" * 32,
            "kind": "offer",
        }
        return OutgoingLetter(**(facts | changes))

    async def send(self, text: str, to: Citizen, reply: Reply, **changes: Any) -> ObjectId:
        outgoing = self.letter(text, to, reply, **changes)
        await self.storage.write(lambda conn: self.post.queue(conn, outgoing))
        self.post.nudge()
        return outgoing.envelope_id

    async def row(self, envelope_id: ObjectId) -> Outgoing:
        found = await self.storage.read(lambda db: outbox.load_by_envelope(db, envelope_id))
        assert found is not None
        return found

    async def until_row(self, envelope_id: ObjectId, holds: Callable[[Outgoing], Any]) -> Outgoing:
        async with asyncio.timeout(10):
            while not holds(row := await self.row(envelope_id)):
                await asyncio.sleep(0.005)
        return row

    async def until_acked(self, envelope_id: ObjectId) -> Outgoing:
        return await self.until_row(envelope_id, lambda row: row.state is OutgoingState.ACKED)
