"""The desk: opens what came, hands it to the market one letter at a time, and answers its author.

Enters: sealed letters with the box they came to. Leaves: `Letter`s for `on_letter`, receipts for
what it recorded. Never: two letters handed over at once, a receipt before the record, a letter
handed over again that is on record, a letter lost because what it follows came later.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from node.clock import Clock
from node.crashpoint import crashpoint
from node.entropy import Entropy
from node.post.carrier import Keys
from node.post.letters import Discard, Letter, LetterOutcome, Parked, Recorded
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
_REREAD_S: Final = 10.0
"""How often parked letters are looked at when nothing has come that they may follow; guess."""
_REST_S: Final = 0.5
"""Shortest time between two looks: opening many letters again costs; guess."""
_SEED_BYTES: Final = 32

OnLetter: TypeAlias = Callable[[OwnBox, Letter], Awaitable[LetterOutcome]]
"""Records a letter, or says why not."""


class Taken(StrEnum):
    """What became of a letter that was read."""

    NEW = "new"
    """Recorded."""
    PARKED = "parked"
    """Kept until what it follows comes, if it does."""
    DROPPED = "dropped"
    """Not a letter for us, gone; also when it is shown again."""
    SEEN = "seen"
    """A copy of one that was recorded or is parked."""
    NO_ROOM = "no_room"
    """It should be parked and cannot: read it again later."""


@dataclass(slots=True, kw_only=True)
class _Waiting:
    """A parked letter."""

    box: OwnBox
    letter: Letter
    since_ms: int
    """Monotonic time of its first parking."""
    is_ours: bool = False
    """Whether it lies in our box for another copy of this home."""


_Name: TypeAlias = tuple[bytes, LetterHash]
"""(reader, letter hash): a copy put into another box of ours is another letter."""


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
        self._parked: OrderedDict[_Name, _Waiting] = OrderedDict()
        self._answered: OrderedDict[_Name, bytes] = OrderedDict()

    @property
    def parked(self) -> int:
        """Letters of others waiting for what they follow."""
        return sum(1 for each in self._parked.values() if not each.is_ours)

    def reread(self) -> None:
        """Look at parked letters again, soon."""
        self._again.set()

    async def run(self) -> None:
        """Look at parked letters when something has come, and now and then; never ends."""
        while True:
            try:
                async with asyncio.timeout(_REREAD_S):
                    await self._again.wait()
            except TimeoutError:
                pass
            self._again.clear()
            await self._keys.until_unlocked()
            await self._look_again()
            await asyncio.sleep(_REST_S)

    async def take(self, box: OwnBox, mailbox: NodeId, sealed: bytes) -> Taken:
        """Deal with one letter read at a mailbox."""
        letter_hash = letters.letter_hash(sealed)
        name = (box.reader, letter_hash)
        async with self._lock:
            if name in self._parked:
                return Taken.SEEN
            if name in self._answered:
                # A copy: the answer may not have reached this mailbox.
                receipt = self._answered[name]
                self._receipts.leave(box, letter_hash, receipt, [mailbox])
                return Taken.SEEN if receipt else Taken.DROPPED
            try:
                contents = letters.open_letter(sealed, self._keys.box_seed(box.ctx))
            except RemoteProtocolError as error:
                _LOG.info("a letter does not open: %s", error)
                self._answer(box, letter_hash, b"", [mailbox])
                return Taken.DROPPED
            letter = Letter(
                hash=letter_hash,
                envelope=contents.envelope,
                opened=contents.opened,
                mailbox=mailbox,
                reader=box.reader,
            )
            waiting = _Waiting(box=box, letter=letter, since_ms=self._clock.now().mono_ms)
            if await self._hand_over(waiting):
                return Taken.NEW if self._answered[name] else Taken.DROPPED
            if not self._has_room(box.reader):
                return Taken.NO_ROOM
            self._parked[name] = waiting
            return Taken.PARKED

    def _has_room(self, reader: bytes) -> bool:
        """Tell whether a letter of a box can be parked; no box takes every place."""
        of_box = sum(1 for its_reader, _ in self._parked if its_reader == reader)
        is_room = len(self._parked) < limits.parked_letters_max
        return is_room and of_box < limits.parked_per_thread_max

    async def _hand_over(self, waiting: _Waiting) -> bool:
        """Hand one letter to the market; False when it is parked."""
        box, letter = waiting.box, waiting.letter
        match await self._outcome(box, letter):
            case Recorded() as recorded:
                crashpoint("post.after_record")
                # What waits may follow this one.
                self._again.set()
                receipt = self._receipt(letter, recorded)
                # Where it moved from too: its author may not know of the move yet.
                self._answer(box, letter.hash, receipt, box.places)
                return True
            case Discard(reason=reason):
                _LOG.info("letter %s dropped: %s", letter.hash.hex()[:8], reason)
                # Only where it was read: what one mailbox invents costs the others nothing.
                self._answer(box, letter.hash, b"", [letter.mailbox])
                return True
            case Parked(is_ours=is_ours):
                waiting.is_ours = is_ours
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
        except Exception:  # noqa: BLE001 - whatever the market stumbles over, see below
            # One letter must not stop the reading of its box, whatever it finds in the market.
            _LOG.exception("letter %s could not be dealt with", letter.hash.hex()[:8])
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

    def _answer(
        self, box: OwnBox, letter_hash: LetterHash, receipt: bytes, mailboxes: Sequence[NodeId]
    ) -> None:
        self._answered[box.reader, letter_hash] = receipt
        if len(self._answered) > _ANSWERED_MAX:
            self._answered.popitem(last=False)
        self._receipts.leave(box, letter_hash, receipt, mailboxes)

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
                    _, letter_hash = name
                    self._receipts.leave(waiting.box, letter_hash, b"", waiting.box.places)

    def forget(self, reader: bytes) -> None:
        """Drop what is parked for a box that is read no more."""
        for name, waiting in list(self._parked.items()):
            if waiting.box.reader == reader:
                del self._parked[name]
