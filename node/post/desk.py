"""The desk: opens what came, hands it to the market one letter at a time, and answers its author.

Enters: sealed letters with the box they came to. Leaves: `Letter`s for `on_letter`, receipts for
what it recorded. Never: two letters handed over at once, a receipt before the record, a letter
handed over again that is on record, a letter lost because what it follows came later.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from node.clock import Clock
from node.crashpoint import crashpoint
from node.entropy import Entropy
from node.post.carrier import Keys
from node.post.letters import Discard, Known, Letter, LetterOutcome, Parked, Recorded
from node.post.receipts import Receipts
from node.storage.boxes_own import OwnBox
from protocol import limits
from protocol.errors import IntentcastError, LocalProtocolError, RemoteProtocolError
from protocol.ids import LetterHash, NodeId
from protocol.post import letters
from protocol.post.receipt import Receipt, seal_receipt

_LOG = logging.getLogger(__name__)
_ANSWERED_MAX: Final = 4_096
"""Letters whose answer is remembered for their copies at other mailboxes; guess."""
_REREAD_S: Final = 1.0
"""How often parked letters are looked at."""
_SEED_BYTES: Final = 32

OnLetter: TypeAlias = Callable[[OwnBox, Letter], Awaitable[LetterOutcome]]
"""Records a letter, or says why not."""


class Taken(StrEnum):
    """What became of a letter that was read."""

    NEW = "new"
    """Answered or parked."""
    SEEN = "seen"
    """A copy of one that was."""
    NO_ROOM = "no_room"
    """It should be parked and cannot: read it again later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    """A parked letter."""

    box: OwnBox
    letter: Letter
    since_ms: int
    """Monotonic time of its first parking."""


class Desk:
    """Where letters are opened."""

    def __init__(
        self,
        *,
        net: str,
        clock: Clock,
        entropy: Entropy,
        keys: Keys,
        receipts: Receipts,
        on_letter: OnLetter,
    ) -> None:
        """Start with nothing parked."""
        self._net = net
        self._clock = clock
        self._entropy = entropy
        self._keys = keys
        self._receipts = receipts
        self._on_letter = on_letter
        self._lock = asyncio.Lock()
        self._again = asyncio.Event()
        self._parked: OrderedDict[LetterHash, _Waiting] = OrderedDict()
        self._answered: OrderedDict[LetterHash, bytes] = OrderedDict()

    @property
    def parked(self) -> int:
        """Letters waiting for what they follow."""
        return len(self._parked)

    def reread(self) -> None:
        """Look at parked letters again, soon."""
        self._again.set()

    async def run(self) -> None:
        """Look at parked letters whenever asked and every second; never ends by itself."""
        while True:
            try:
                async with asyncio.timeout(_REREAD_S):
                    await self._again.wait()
            except TimeoutError:
                pass
            self._again.clear()
            await self._look_again()

    async def take(self, box: OwnBox, mailbox: NodeId, sealed: bytes) -> Taken:
        """Deal with one letter read at a mailbox."""
        name = letters.letter_hash(sealed)
        async with self._lock:
            if name in self._parked:
                return Taken.SEEN
            if name in self._answered:
                # A copy: the answer may not have reached this mailbox.
                self._receipts.leave(box.reader, name, self._answered[name], [mailbox])
                return Taken.SEEN
            try:
                contents = letters.open_letter(sealed, self._keys.box_seed(box.ctx))
            except RemoteProtocolError as error:
                self._answer(box, name, b"")
                _LOG.info("a letter does not open: %s", error)
                return Taken.NEW
            letter = Letter(
                hash=name,
                envelope=contents.envelope,
                opened=contents.opened,
                mailbox=mailbox,
                reader=box.reader,
            )
            waiting = _Waiting(box=box, letter=letter, since_ms=self._clock.now().mono_ms)
            if await self._hand_over(waiting):
                return Taken.NEW
            if len(self._parked) >= limits.parked_letters_max:
                return Taken.NO_ROOM
            self._parked[name] = waiting
            return Taken.NEW

    async def _hand_over(self, waiting: _Waiting) -> bool:
        """Hand one letter to the market; False when it is parked."""
        box, letter = waiting.box, waiting.letter
        match await self._outcome(box, letter):
            case Recorded() | Known() as recorded:
                crashpoint("post.after_record")
                self._answer(box, letter.hash, self._receipt(letter, recorded))
                return True
            case Discard(reason=reason):
                _LOG.info("letter %s dropped: %s", letter.hash.hex()[:8], reason)
                self._answer(box, letter.hash, b"")
                return True
            case Parked():
                return False

    async def _outcome(self, box: OwnBox, letter: Letter) -> LetterOutcome:
        try:
            return await self._on_letter(box, letter)
        except RemoteProtocolError as error:
            return Discard(reason=str(error))
        except IntentcastError as error:
            # Such as a full disk: nothing is on record, so the letter is kept and tried again.
            _LOG.warning("a letter could not be recorded: %s", error)
            return Parked()

    def _receipt(self, letter: Letter, recorded: Recorded) -> bytes:
        receipt = Receipt(
            net=self._net,
            envelope_id=recorded.envelope_id,
            letter_hash=letter.hash,
            at=self._clock.now().wall_ms,
        )
        seed = self._entropy.bytes(_SEED_BYTES)
        try:
            return seal_receipt(receipt, recorded.signer_seed, recorded.author_box, seed)
        except LocalProtocolError as error:
            # The author named a box nobody can seal to: there is nobody to tell.
            _LOG.info("letter %s gets no receipt: %s", letter.hash.hex()[:8], error)
            return b""

    def _answer(self, box: OwnBox, name: LetterHash, receipt: bytes) -> None:
        self._answered[name] = receipt
        if len(self._answered) > _ANSWERED_MAX:
            self._answered.popitem(last=False)
        self._receipts.leave(box.reader, name, receipt, box.mailboxes)

    async def _look_again(self) -> None:
        """Hand over what was parked, oldest first; let go what waited too long."""
        for name in list(self._parked):
            async with self._lock:
                waiting = self._parked.get(name)
                if waiting is None:
                    continue
                if await self._hand_over(waiting):
                    self._parked.pop(name, None)
                elif self._clock.now().mono_ms - waiting.since_ms >= limits.parked_ms_max:
                    self._parked.pop(name, None)
                    # Gone from the mailbox too, but without a receipt: its sender puts it again.
                    self._receipts.leave(waiting.box.reader, name, b"", waiting.box.mailboxes)

    def forget(self, reader: bytes) -> None:
        """Drop what is parked for a box that is read no more."""
        for name, waiting in list(self._parked.items()):
            if waiting.box.reader == reader:
                del self._parked[name]
