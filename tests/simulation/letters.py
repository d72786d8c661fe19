"""Letters between people who are away for a day, while one of three mailboxes is dead or lies.

Whole posts of the product (outbox, sender, mailbox, reader, desk, receipts, databases) live in one
process; channels are played in memory, every message encoded and decoded; clocks are pushed ahead a
day at a time. Enters: a seed, how many letters. Leaves: how many came to a receipt, how many were
shown twice. Run alone: `python -m tests.simulation.letters --letters 10000`.
Source: docs/protocol/08-post.md.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final, cast

from node.clock import ManualClock, SystemClock
from node.market.lots import draw
from node.storage import outbox
from node.storage.outbox import OutgoingState
from protocol.channel.messages import Answer, Ask
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
from protocol.ids import ObjectId
from protocol.objects.reply import Reply
from protocol.post.letters import letter_hash
from tests.unit.node.post.town import DAY_MS, Citizen, Town

BUYERS: Final = 4
EACH: Final = 8
"""Letters of one to one other in a round: no depositor may have more in a box without receipts."""
ROUND: Final = 2 * BUYERS * EACH
_MAILBOXES: Final = 5
_PATIENCE_S: Final = 120.0


class Liar:
    """A mailbox that says it keeps what it drops, shows old letters, and makes up receipts."""

    def __init__(self, mailbox: Citizen) -> None:
        """Begin to lie."""
        self._post = cast("Any", mailbox.post.mailbox)
        self._original = self._post.answer
        self._shown: dict[bytes, list[bytes]] = {}
        self.lies = 0
        self._post.answer = self._lie

    def stop(self) -> None:
        """Be honest from now on."""
        self._post.answer = self._original

    async def _lie(self, session: Any, ask: Ask) -> Answer:
        match ask:
            case Put(reader=reader, letter=letter):
                self.lies += 1
                self._shown.setdefault(reader, []).append(letter)
                return PutDone(request=ask.request, letter_hash=letter_hash(letter))
            case ReceiptQuery(letter_hashes=hashes):
                self.lies += 1
                made_up = [(each, b"of my own making" * 12) for each in hashes]
                return ReceiptAnswer(request=ask.request, receipts=made_up)
            case Receipt():
                return ReceiptStored(request=ask.request)
            case BoxRead(reader=reader):
                found = await self._original(session, ask)
                if isinstance(found, Letters) and self._shown.get(reader):
                    # What was read elsewhere and receipted is shown once more, again and again.
                    return Letters(request=ask.request, letters=self._shown[reader][:1])
                return found
            case _:
                return await self._original(session, ask)


@dataclass(kw_only=True)
class Outcome:
    """What came of all letters."""

    sent: int = 0
    states: Counter[str] = field(default_factory=Counter)
    shown: Counter[bytes] = field(default_factory=Counter)
    lies: int = 0

    def figures(self) -> dict[str, float]:
        """Sum up."""
        return {
            "letters": self.sent,
            "receipted": self.states[OutgoingState.ACKED] / max(1, self.sent),
            "shown": len(self.shown) / max(1, self.sent),
            "shown_twice": sum(count > 1 for count in self.shown.values()),
            "lies": self.lies,
        }


class Shift:
    """One town, and its rounds."""

    def __init__(self, seed: int, folder: Path) -> None:
        """Prepare; `live` acts."""
        self.chance = Random(f"{seed}/letters")
        self.town = Town(folder)
        self.outcome = Outcome()
        self._sent: list[tuple[Citizen, ObjectId]] = []
        self._number = 0

    async def live(self, letters: int) -> Outcome:
        """Send so many letters, or a few more."""
        self.mailboxes = [
            await self._citizen(f"mailbox_{n}", serve=True) for n in range(_MAILBOXES)
        ]
        self.vendor = await self._citizen("vendor_bo")
        self.buyers = [await self._citizen(f"buyer_{n}") for n in range(BUYERS)]
        try:
            while self.outcome.sent < letters:
                await self._round(self._number)
                self._number += 1
            await self._settled(self._sent)
            for citizen, envelope_id in self._sent:
                self.outcome.states[(await citizen.row(envelope_id)).state] += 1
            for each in (self.vendor, *self.buyers):
                self.outcome.shown.update(each.recorded)
        finally:
            await self.town.close()
        return self.outcome

    async def _citizen(self, name: str, **options: Any) -> Citizen:
        clock = ManualClock(SystemClock())
        return await self.town.citizen(name, clock=clock, **options)

    async def _round(self, number: int) -> None:
        """One side is away for a day while the other writes; its own letters wait with it."""
        is_dead, is_vendor_away, is_never_together = number & 1, number & 2, number & 4
        away, here = [self.vendor], self.buyers
        if not is_vendor_away:
            away, here = here, away
        replies = {each.name: await self._reply(each) for each in (*away, *here)}
        bad = self.chance.choice(self.mailboxes)
        liar = None if is_dead else Liar(bad)
        if is_dead:
            await bad.stop()
        sent = await self._write(away, here, replies)
        await self._leave(away)
        sent += await self._write(here, away, replies)
        await self._until_put([each for each in sent if each[0] in here], bad)
        self._advance(DAY_MS)
        if is_never_together:
            await self._leave(here)
            await self._come(away)
            await self._until_put([each for each in sent if each[0] in away], bad)
            await self._until_read(away)
            await self._leave(away)
            self._advance(DAY_MS)
            await self._come(here)
            await self._until_read(here)
        await self._come(away)
        await self._come(here)
        if liar is not None:
            self.outcome.lies += liar.lies
            liar.stop()
        else:
            await bad.start()
        self._sent += sent
        await self._settled(sent)

    async def _reply(self, citizen: Citizen) -> Reply:
        drawn = [each.node_id for each in self.mailboxes]
        self.chance.shuffle(drawn)
        chosen = draw(drawn, {key: key.hex() for key in drawn}, ())
        return await citizen.open_box(*(self.town.citizens[key] for key in chosen))

    async def _write(
        self, writers: list[Citizen], readers: list[Citizen], replies: dict[str, Reply]
    ) -> list[tuple[Citizen, ObjectId]]:
        sent = []
        for writer in writers:
            for reader in readers:
                for _ in range(EACH):
                    self.outcome.sent += 1
                    sent.append((writer, await self._send(writer, reader, replies[reader.name])))
        return sent

    async def _send(self, writer: Citizen, reader: Citizen, reply: Reply) -> ObjectId:
        text = f"letter {self.outcome.sent}"
        return await writer.send(text, reader, reply, expires_at=writer.now_ms() + 7 * DAY_MS)

    async def _until_put(self, sent: list[tuple[Citizen, ObjectId]], bad: Citizen) -> None:
        """Wait until an honest mailbox keeps each letter.

        Not for two: one that was dead may hold letters of the round before, and takes no more from
        the same depositor until its reader is back.
        """
        for writer, envelope_id in sent:
            async with asyncio.timeout(_PATIENCE_S):
                while not self._is_put(await writer.row(envelope_id), bad):
                    await asyncio.sleep(0.02)

    @staticmethod
    def _is_put(row: outbox.Outgoing, bad: Citizen) -> bool:
        is_over = row.state is not OutgoingState.PENDING
        return is_over or bool(set(row.put_at) - {bad.node_id})

    async def _until_read(self, readers: list[Citizen]) -> None:
        """Wait until nothing new has come for a moment, and receipts are left."""
        before = -1
        while (count := sum(len(each.recorded) for each in readers)) != before:
            before = count
            await asyncio.sleep(1.0)

    async def _leave(self, citizens: list[Citizen]) -> None:
        for each in citizens:
            if each.is_up:
                await each.stop()

    async def _come(self, citizens: list[Citizen]) -> None:
        for each in citizens:
            if not each.is_up:
                await each.start()

    def _advance(self, ms: int) -> None:
        for each in self.town.citizens.values():
            each.clock.advance(ms)
            if each.is_up:
                each.post.online()

    async def _settled(self, sent: list[tuple[Citizen, ObjectId]]) -> None:
        """Wait until every letter has ended, or patience has."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                for citizen, envelope_id in sent:
                    while (await citizen.row(envelope_id)).state is OutgoingState.PENDING:
                        await asyncio.sleep(0.02)
        except TimeoutError:
            pass


def measure(seed: int, letters: int = 10 * ROUND) -> dict[str, float]:
    """Live through as many rounds as so many letters take; gives the figures."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="letters-", dir=memory if memory.is_dir() else None))
    try:
        return asyncio.run(Shift(seed, folder).live(letters)).figures()
    finally:
        shutil.rmtree(folder)


def main() -> int:
    """Run alone."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.letters")
    parser.add_argument("--letters", type=int, default=10 * ROUND)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    begun = time.monotonic()
    for name, value in measure(chosen.seed, chosen.letters).items():
        print(f"  {name:16} {value:12,.6f}")
    print(f"seed {chosen.seed}, {time.monotonic() - begun:.0f} s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
