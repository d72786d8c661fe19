"""Junk by the thousand to one mailbox of a buyer, while another one misbehaves in every way.

Of three mailboxes one is honest and quiet; one is honest, and strangers put junk there as fast as
it takes it; one drops letters, holds others back for an hour, shows others again and again, says
that more wait at every reading, and makes up receipts. Everything else is the product's own: posts,
mailboxes, databases, as in `letters`. Enters: a seed, how much junk. Leaves: figures, and sentences
about what does not hold. Run alone: `python -m tests.simulation.junk --junk 10000`.
Source: docs/protocol/08-post.md.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any, Final, cast

from node.clock import ManualClock, SystemClock
from node.post.letters import Letter, LetterOutcome, Parked
from node.post.mailbox import Session
from node.storage import mailbox as served
from node.storage.outbox import OutgoingState
from protocol import limits, work
from protocol.channel.messages import Answer, Ask, Refused
from protocol.channel.post import (
    BoxRead,
    Letters,
    Put,
    PutDone,
    Receipt,
    ReceiptAnswer,
    ReceiptQuery,
    ReceiptStored,
)
from protocol.errors import Reason
from protocol.ids import NodeId, ObjectId
from protocol.objects.reply import Reply
from protocol.post.letters import Contents, letter_hash, seal_letter
from protocol.post.mailbox import put_digest
from tests.unit.node.post.town import Citizen, Town

FETCHED_MAX: Final = 2 * 1024 * 1024
"""Bytes a buyer may have to fetch, whatever others do."""
JUNK: Final = 10_000
_VENDORS: Final = 3
_EACH: Final = limits.depositor_letters_max
"""Letters of one vendor in each of three phases."""
_GENUINE_BYTES: Final = 2_000
_HOUR_MS: Final = 3_600_000
_PATIENCE_S: Final = 120.0
_PAGE_BYTES: Final = 60_000
_LATER: Final = b"later"
"""Begins junk that says it follows something, which will never come."""
_LOOK_EVERY: Final = 50


class Crook:
    """A mailbox that does whatever a mailbox must not; what it does to a letter its hash says."""

    def __init__(self, mailbox: Citizen, chance: Random) -> None:
        """Begin."""
        self._citizen = mailbox
        self._post = cast("Any", mailbox.post.mailbox)
        self._original = self._post.answer
        self._chance = chance
        self._late: list[tuple[int, bytes]] = []
        self._shown: list[bytes] = []
        self.did: Counter[str] = Counter()
        self._post.answer = self._answer

    async def _answer(self, session: Any, ask: Ask) -> Answer:
        match ask:
            case Put(letter=letter):
                self._take(letter)
                return PutDone(request=ask.request, letter_hash=letter_hash(letter))
            case BoxRead():
                return self._page(ask)
            case ReceiptQuery(letter_hashes=hashes):
                self.did["receipts made up"] += 1
                made_up = [(each, b"of my own making" * 12) for each in hashes]
                return ReceiptAnswer(request=ask.request, receipts=made_up)
            case Receipt():
                return ReceiptStored(request=ask.request)
            case _:
                return await self._original(session, ask)

    def _take(self, letter: bytes) -> None:
        match letter_hash(letter)[0] % 3:
            case 0:
                self.did["dropped"] += 1
            case 1:
                self.did["held back"] += 1
                self._late.append((self._citizen.now_ms() + _HOUR_MS, letter))
            case _:
                self._shown.append(letter)

    def _page(self, ask: BoxRead) -> Letters:
        """Show what is due, what was shown before, and say that there is more."""
        now_ms = self._citizen.now_ms()
        due = [letter for at_ms, letter in self._late if at_ms <= now_ms]
        self._late = [each for each in self._late if each[0] > now_ms]
        self._shown += due
        room = _PAGE_BYTES
        page: list[bytes] = []
        for letter in [*due, *self._chance.sample(self._shown, len(self._shown))]:
            room -= len(letter)
            if room < 0 or len(page) == limits.letters_per_message_max:
                break
            page.append(letter)
        self.did["shown again"] += len(page)
        self.did["said there is more"] += 1
        return Letters(request=ask.request, letters=page, more=True)


class Siege:
    """One town, one buyer, one flood."""

    def __init__(self, seed: int, folder: Path) -> None:
        """Prepare; `live` acts."""
        self.chance = Random(f"{seed}/junk")
        self.town = Town(folder)
        self.figures: Counter[str] = Counter()
        self._sent: list[tuple[Citizen, ObjectId]] = []
        self._held: Counter[str] = Counter()

    async def live(self, junk: int) -> dict[str, float]:
        """Let a third of the letters come before the flood, one while away, one in the flood."""
        mailboxes = [await self._citizen(f"mailbox_{n}", serve=True) for n in range(3)]
        self.fine, self.flooded, bad = mailboxes
        self.vendors = [await self._citizen(f"vendor_{n}") for n in range(_VENDORS)]
        self.buyer = await self._citizen("buyer_ana")
        self.buyer.judge = _judge
        crook = Crook(bad, self.chance)
        try:
            reply = await self.buyer.open_box(*mailboxes)
            await self._write(reply)
            await self._until_settled()
            await self.buyer.stop()
            await self._flood(reply, junk // 2)
            await self._write(reply)
            await self._until_kept()
            await self.buyer.start()
            await asyncio.gather(self._flood(reply, junk - junk // 2), self._write(reply))
            await self._until_settled()
            self._advance(_HOUR_MS + 60_000)
            await self._until_quiet()
            states = Counter([(await who.row(name)).state for who, name in self._sent])
        finally:
            await self.town.close()
        return self._found(states, crook)

    async def _citizen(self, name: str, **options: Any) -> Citizen:
        return await self.town.citizen(name, clock=ManualClock(SystemClock()), **options)

    def _found(self, states: Counter[OutgoingState], crook: Crook) -> dict[str, float]:
        shown = Counter(self.buyer.recorded)
        sent = len(self._sent)
        return {
            "letters": sent,
            "receipted": states[OutgoingState.ACKED] / sent,
            "shown": len(shown) / sent,
            "shown_twice": sum(count > 1 for count in shown.values()),
            "junk": self.figures["junk"],
            "junk_taken": self.figures["taken"],
            "junk_opened": len({letter.hash for letter in self.buyer.handed_over}) - len(shown),
            "held_letters": self._held["letters"],
            "held_bytes": self._held["bytes"],
            "fetched_bytes": self.buyer.fetched_bytes,
            **{name.replace(" ", "_"): count for name, count in sorted(crook.did.items())},
        }

    # --- what is genuine ----------------------------------------------------------------------

    async def _write(self, reply: Reply) -> None:
        for vendor in self.vendors:
            for _ in range(_EACH):
                text = f"offer {len(self._sent)} ".ljust(_GENUINE_BYTES, ".")
                expires_at = vendor.now_ms() + 48 * _HOUR_MS
                name = await vendor.send(text, self.buyer, reply, expires_at=expires_at)
                self._sent.append((vendor, name))

    async def _until_kept(self) -> None:
        """Wait until the one good mailbox keeps each letter that has no receipt yet."""
        await self._until(lambda row: self.fine.node_id in row.put_at)

    async def _until_settled(self) -> None:
        """Wait until every letter has its receipt, or patience has ended."""
        with contextlib.suppress(TimeoutError):
            await self._until(lambda row: row.state is OutgoingState.ACKED)

    async def _until(self, holds: Any) -> None:
        async with asyncio.timeout(_PATIENCE_S):
            for vendor, name in self._sent:
                while not holds(await vendor.row(name)):
                    await asyncio.sleep(0.02)

    async def _until_quiet(self) -> None:
        """Let what was held back for an hour come, too."""
        await asyncio.sleep(3.0)

    def _advance(self, ms: int) -> None:
        for each in self.town.citizens.values():
            each.clock.advance(ms)
            each.post.online()

    # --- what is not --------------------------------------------------------------------------

    async def _flood(self, reply: Reply, count: int) -> None:
        """Put junk, a few letters under each name of a stranger."""
        session = self._stranger()
        for number in range(count):
            if number % _EACH == 0:
                session = self._stranger()
            letter = self._junk(number, reply)
            bits = limits.put_bits_min + (2 if number % 8 == 0 else 0)
            digest = put_digest(self.flooded.node_id, reply.reader, letter_hash(letter))
            nonce = work.solve(digest, bits, tries=1 << 20)
            assert nonce is not None
            put = Put(request=number, reader=reply.reader, letter=letter, work=nonce)
            answer = await self.flooded.post.mailbox.answer(session, put)
            self.figures["junk"] += 1
            self.figures["taken"] += isinstance(answer, PutDone)
            if not isinstance(answer, PutDone):
                assert isinstance(answer, Refused)
                assert answer.reason is Reason.QUOTA
            if number % _LOOK_EVERY == 0 or number == count - 1:
                await self._look(reply.reader)

    def _stranger(self) -> Session:
        key = NodeId(self.chance.randbytes(32))
        return Session(peer_id=key, handshake_hash=self.chance.randbytes(64))

    def _junk(self, number: int, reply: Reply) -> bytes:
        """Make what does not open, what nobody wrote, or what follows something unknown."""
        kind = number % 3
        length = self.chance.randrange(200, 7_000)
        if kind == 0:
            return self.chance.randbytes(48 + 512 * (1 + length // 512))
        begins = _LATER if kind == 1 else b"junk"
        envelope = begins + self.chance.randbytes(length).replace(b":", b";")
        contents = Contents(envelope=envelope, opened=None)
        return seal_letter(contents, reply.box, self.chance.randbytes(32))

    async def _look(self, reader: bytes) -> None:
        """Note the most that the box ever held there."""
        state = await self.flooded.storage.read(lambda db: served.load_state(db, reader))
        self._held["letters"] = max(self._held["letters"], state.letters)
        self._held["bytes"] = max(self._held["bytes"], state.size)


def _judge(letter: Letter) -> LetterOutcome | None:
    return Parked() if letter.envelope.startswith(_LATER) else None


def failures(found: dict[str, float]) -> list[str]:
    """Say what does not hold of what a siege gave."""
    told = []
    if found["receipted"] < 1 or found["shown"] < 1:
        told.append(
            f"{found['shown']:.4f} of the letters shown, {found['receipted']:.4f} receipted"
        )
    if found["shown_twice"]:
        told.append(f"{found['shown_twice']:g} letters shown twice")
    if found["held_letters"] > limits.box_letters_max or found["held_bytes"] > limits.box_bytes_max:
        told.append(f"a box held {found['held_letters']:g} letters, {found['held_bytes']:,g} bytes")
    if found["fetched_bytes"] > FETCHED_MAX:
        told.append(f"the buyer fetched {found['fetched_bytes']:,.0f} of {FETCHED_MAX:,} bytes")
    ways = ("dropped", "held_back", "shown_again", "said_there_is_more", "receipts_made_up")
    told += [f"nothing was {way.replace('_', ' ')}" for way in ways if not found.get(way)]
    return told


def measure(seed: int, junk: int = JUNK) -> dict[str, float]:
    """Live through one flood; gives the figures."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="junk-", dir=memory if memory.is_dir() else None))
    try:
        return asyncio.run(Siege(seed, folder).live(junk))
    finally:
        shutil.rmtree(folder)


def main() -> int:
    """Run alone."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.junk")
    parser.add_argument("--junk", type=int, default=JUNK)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    begun = time.monotonic()
    found = measure(chosen.seed, chosen.junk)
    for name, value in found.items():
        print(f"  {name:20} {value:14,.4f}")
    print(f"seed {chosen.seed}, {time.monotonic() - begun:.0f} s")
    told = failures(found)
    for line in told:
        print(f"FAILED: {line}")
    return 1 if told else 0


if __name__ == "__main__":
    raise SystemExit(main())
