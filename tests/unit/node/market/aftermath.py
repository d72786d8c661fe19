"""A booth after a loss: the rooms that look for what is ours, ask others, and know other copies.

Two booths of one name share one root, each on a disk of its own: two copies of one home.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.clock import ManualClock
from node.entropy import SeededEntropy
from node.market.copies import Copies
from node.market.letters import Letters
from node.market.recall import Recall
from node.market.reclaim import Reclaim
from node.market.reopening import Reopening
from node.market.succession import Succession
from node.post.letters import Letter, LetterOutcome
from node.storage import objects, restorations
from protocol.ids import LetterHash, blake2b_256
from protocol.objects.envelope import Verified
from tests.unit.node.market.booth import MAILBOXES, Booth


@dataclass
class Aftermath:
    """The rooms of one booth."""

    booth: Booth

    def __post_init__(self) -> None:
        booth = self.booth
        self.opened: list[bytes] = []
        self.live: list[Verified[Any]] = []
        self.rotations = 0
        booth.post.reread = lambda: None  # type: ignore[attr-defined]
        self.copies = Copies(booth.desk)
        self.succession = Succession(booth.desk, self._rotated)
        self.recall = Recall(booth.desk, self.copies)
        self.reclaim = Reclaim(
            booth.desk,
            self.copies,
            self.succession,
            live_casts=self._live_casts,
            move_cast=booth.clockwork.move_cast,
        )
        self.reopening = Reopening(booth.desk, self.recall, self.opened.append)
        booth.letters = Letters(
            booth.desk, booth.buyer, booth.seller, copies=self.copies, recall=self.recall
        )

    def _rotated(self) -> None:
        self.rotations += 1

    async def _live_casts(self) -> list[Verified[Any]]:
        return self.live

    @classmethod
    async def of(cls, booth: Booth) -> Aftermath:
        """Give a booth these rooms, begun."""
        found = cls(booth)
        await found.copies.begin()
        await found.succession.begin()
        await found.succession.unlocked()
        await found.reclaim.begin()
        return found

    @classmethod
    async def restored(
        cls, folder: Path, name: str, clock: ManualClock, how: Any = "words"
    ) -> Aftermath:
        """Make a copy of a booth from its words, on an empty disk."""
        folder.mkdir(exist_ok=True)
        booth = await Booth.open(folder, name, clock)
        # The same root, and dice of its own.
        booth.desk.entropy = SeededEntropy(f"{name} in {folder.name}", net=booth.desk.net)
        now_ms = clock.now().wall_ms
        await booth.write(
            lambda conn: restorations.record(conn, how=how, backup_ms=None, now_ms=now_ms)
        )
        return await cls.of(booth)

    async def hear(self, *verified: Verified[Any]) -> None:
        """Have public objects of others, stored as gossip stores them, and look at them."""
        for each in verified:
            await self.booth.learn(each)
            self.reclaim.hear(each)
        await self.reclaim._empty()

    async def read(self, ctx: bytes, envelope: bytes, opened: Any = None) -> LetterOutcome:
        """Read a letter out of one of our boxes."""
        letter = Letter(
            hash=LetterHash(blake2b_256(envelope)),
            envelope=envelope,
            opened=opened,
            mailbox=MAILBOXES[0],
            reader=self.booth.reply(ctx).reader,
        )
        return await self.booth.letters.on_letter(self.booth.box(ctx), letter)

    async def held(self) -> set[bytes]:
        found = await self.booth.storage.read(restorations.load_held)
        return {each.ctx for each in found}

    async def hold(self, ctx: bytes) -> None:
        await self.booth.write(lambda conn: restorations.hold(conn, ctx, 0))

    async def is_own(self, object_id: bytes) -> bool:
        row = await self.booth.storage.read(lambda db: objects.load_row(db, object_id))
        return row is not None and row.own
