"""The reader: looks after every box of ours at each of its mailboxes until it closes.

Enters: boxes to watch, links that come up. Leaves: sealed letters for the desk, and when each box
was last read to its end at each mailbox. Never: a mailbox's word believed for more than its own
box; a busy loop, or bytes without end, whatever a mailbox answers.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from weakref import WeakValueDictionary

from node.clock import Clock
from node.entropy import Entropy
from node.errors import KeystoreError, TransportError
from node.post.allowance import Allowance
from node.post.attendance import Attendance
from node.post.carrier import ASK_MS, Carrier, Keys, Link, Running, Spawner
from node.post.desk import Desk, Taken
from node.post.opener import Opened, Opener
from node.post.retry import Backoff
from node.storage.boxes_own import OwnBox
from protocol import limits
from protocol.channel.messages import Answer, Refused
from protocol.channel.post import BoxChallenge, BoxNonce, BoxRead, Letters
from protocol.errors import IntentcastError, Reason
from protocol.ids import NodeId
from protocol.post.letters import letter_hash
from protocol.post.mailbox import ReadProof

_LOG = logging.getLogger(__name__)
_AFRESH_MS: Final = 30 * 60_000
"""A box is read from its oldest letter this often, whatever was given before."""
_PAUSE_MS: Final = 1_000
"""Between two readings that brought nothing new though the mailbox did not wait."""
_READINGS_MAX: Final = 128
"""Readings that wait at one mailbox at a time: a link has room for so many questions, and letters
and receipts need some of it. More boxes take turns; guess."""
_TURN_MS: Final = 2_000
"""Longest wait of a reading while others wait for their turn."""
_REST_MS: Final = 60_000
"""A mailbox that brought too much junk is let be this long, then its allowance is looked at."""
_JUNK: Final = frozenset({Taken.DROPPED, Taken.PARKED, Taken.NO_ROOM})
"""What cost bytes and put nothing on record."""
_NEWS: Final = frozenset({Taken.NEW, Taken.PARKED})
"""What a mailbox may bring page after page."""
_REFUSED: Final = "E-MAILBOX-REFUSED"
"""Code of an answer that says no, rather than no answer."""
_NO_WAY: Final = "E-TUNNEL-NONE"
"""Code of a mailbox that was not even asked: no peer carries there."""
_MS: Final = 1_000


@dataclass(slots=True, kw_only=True)
class _Walk:
    """One look through a box, page by page."""

    begun_ms: int
    """Unix ms; what lay there then has been given when the walk is over."""
    count: int = 0
    """Letters given."""
    size: int = 0
    """Their bytes."""
    is_cramped: bool = False
    """Whether some found no place here."""

    def is_over(self, page: Letters) -> bool:
        """Tell whether a page is the last; a mailbox that says "more" for ever is not believed."""
        is_all = not page.more or not page.letters
        is_full = self.count >= limits.box_letters_max or self.size >= limits.box_bytes_max
        return is_all or is_full

    def note(self, page: Letters) -> None:
        """Count a page."""
        self.count += len(page.letters)
        self.size += sum(map(len, page.letters))


class BoxReader:
    """One per node."""

    def __init__(
        self,
        *,
        net: str,
        clock: Clock,
        entropy: Entropy,
        tasks: Spawner,
        carrier: Carrier,
        keys: Keys,
        opener: Opener,
        desk: Desk,
        backoff: Backoff,
        read_wait_ms: int,
        attendance: Attendance,
        clock_holds: Callable[[], bool],
    ) -> None:
        """Start with nothing to read.

        Args:
            net: network id.
            clock: both clocks.
            entropy: draws the waits.
            tasks: owns the tasks that read.
            carrier: the way to the mailboxes.
            keys: the readers' seeds.
            opener: opens boxes a mailbox has forgotten.
            desk: takes what was read.
            backoff: waits after failures.
            read_wait_ms: how long a mailbox is asked to wait for a letter,
                1..`limits.read_wait_ms_max`.
            attendance: hears of each reading that worked or failed.
            clock_holds: whether our clock may end a box.
        """
        self._attendance = attendance
        self._clock_holds = clock_holds
        self._net = net
        self._clock = clock
        self._entropy = entropy
        self._tasks = tasks
        self._carrier = carrier
        self._keys = keys
        self._opener = opener
        self._desk = desk
        self._backoff = backoff
        self._read_wait_ms = read_wait_ms
        self._boxes: dict[bytes, OwnBox] = {}
        self._watching: dict[tuple[bytes, NodeId], Running] = {}
        self._reachable: dict[NodeId, asyncio.Event] = {}
        self._turns: WeakValueDictionary[NodeId, asyncio.Semaphore] = WeakValueDictionary()
        self._allowances: dict[tuple[bytes, NodeId], Allowance] = {}
        self.read_since: dict[tuple[bytes, bytes], int] = {}
        """(reader, mailbox) -> Unix ms before which every letter there was dealt with."""
        self.failing_since: dict[tuple[bytes, bytes], int] = {}
        """(reader, mailbox) -> Unix ms since which it cannot be read."""
        self.other_read_ms = 0
        """When a mailbox last said that another node read a box of ours, Unix ms; a hint."""

    @property
    def boxes(self) -> list[OwnBox]:
        """The boxes that are watched."""
        return list(self._boxes.values())

    def box_of(self, reader: bytes) -> OwnBox | None:
        """Give a box that is watched."""
        return self._boxes.get(reader)

    def watch(self, box: OwnBox) -> None:
        """Read a box at all its mailboxes until it closes; a changed box replaces itself."""
        if box.closed or self._is_over(box):
            self.unwatch(box.reader)
            return
        self._boxes[box.reader] = box
        for mailbox in box.places:
            way = (box.reader, mailbox)
            task = self._watching.get(way)
            if task is None or task.done():
                name = f"box {box.reader.hex()[:8]} at {mailbox.hex()[:8]}"
                self._watching[way] = self._tasks.spawn(self._watch(box.reader, mailbox), name)
        for reader, mailbox in list(self._watching):
            if reader == box.reader and mailbox not in box.places:
                self._leave((reader, mailbox))

    def unwatch(self, reader: bytes) -> None:
        """Read a box no more."""
        self._boxes.pop(reader, None)
        self._desk.forget(reader)
        self._attendance.forget(reader)
        for way in [way for way in self._watching if way[0] == reader]:
            self._leave(way)

    def _leave(self, way: tuple[bytes, NodeId]) -> None:
        task = self._watching.pop(way, None)
        if task is not None and task is not asyncio.current_task():
            task.cancel()
        self._allowances.pop(way, None)
        self.read_since.pop(way, None)
        self.failing_since.pop(way, None)

    def stop(self) -> None:
        """Read nothing any more."""
        for reader in list(self._boxes):
            self.unwatch(reader)

    def begin_again(self) -> None:
        """Read every box anew, from its oldest letter: the machine slept, or its clock jumped.

        Readings of before prove nothing any more, and the links they wait on may be dead.
        """
        for way in list(self._watching):
            self._leave(way)
        for box in self.boxes:
            self.watch(box)

    def online(self) -> None:
        """Somebody can be reached again after nobody could: look for every mailbox now."""
        for mailbox in list(self._reachable):
            self.link_up(mailbox)

    def link_up(self, node_id: NodeId) -> None:
        """Read again at once what this mailbox holds, if it was out of reach."""
        reachable = self._reachable.pop(node_id, None)
        if reachable is not None:
            reachable.set()

    # --- one box at one mailbox -------------------------------------------------------------------

    def _box(self, reader: bytes) -> OwnBox | None:
        """Give the box as it is now, or None when its time is over."""
        box = self._boxes.get(reader)
        return None if box is None or self._is_over(box) else box

    def _is_over(self, box: OwnBox) -> bool:
        return box.until <= self._clock.now().wall_ms and self._clock_holds()

    async def _watch(self, reader: bytes, mailbox: NodeId) -> None:
        way = (reader, mailbox)
        tries = 0
        while (box := self._box(reader)) is not None:
            # Had before the dial: the mailbox may come to us while our own way to it fails.
            reachable = self._reachable.setdefault(mailbox, asyncio.Event())
            try:
                # Letters lie where they are meanwhile; the mailbox is no worse for it.
                await self._keys.until_unlocked()
                link = await self._carrier.link(mailbox, box.ctx)
                reachable = self._reachable.setdefault(mailbox, asyncio.Event())
                while (box := self._box(reader)) is not None:
                    await self._read_for_a_while(link, box, mailbox)
                    tries = 0
            except KeystoreError as error:
                _LOG.info("box %s at %s: %s", reader.hex()[:8], mailbox.hex()[:8], error)
            except IntentcastError as error:
                _LOG.info("box %s at %s: %s", reader.hex()[:8], mailbox.hex()[:8], error)
                tries = 1 if way not in self.failing_since else tries + 1
                self.failing_since.setdefault(way, self._clock.now().wall_ms)
                if error.code != _NO_WAY:
                    self._attendance.failed(way, is_refused=error.code == _REFUSED)
                await self._pause(reachable, tries)
        if reader in self._boxes:
            self.unwatch(reader)

    async def _pause(self, reachable: asyncio.Event, tries: int) -> None:
        """Wait for the next try, or for a link to the mailbox."""
        if reachable.is_set():
            # One that comes and goes is not followed at its own pace.
            await asyncio.sleep(_PAUSE_MS / _MS)
            return
        try:
            async with asyncio.timeout(self._backoff.wait_ms(tries, self._entropy) / _MS):
                await reachable.wait()
        except TimeoutError:
            pass

    async def _read_for_a_while(self, link: Link, box: OwnBox, mailbox: NodeId) -> None:
        """Read from the oldest letter, then wait for new ones until it is time to begin again."""
        begun_ms = self._clock.now().mono_ms
        wait_ms = 0
        walk: _Walk | None = None
        turns = self._turns.setdefault(mailbox, asyncio.Semaphore(_READINGS_MAX))
        allowance = self._allowances.setdefault((box.reader, mailbox), Allowance())
        while self._box(box.reader) == box:
            if walk is None and self._clock.now().mono_ms - begun_ms >= _AFRESH_MS:
                return
            if rest_ms := allowance.rest_ms(self._clock.now().mono_ms):
                _LOG.info("box %s: junk at %s", box.reader.hex()[:8], mailbox.hex()[:8])
                await asyncio.sleep(min(rest_ms, _REST_MS) / _MS)
                continue
            async with turns:
                asked = self._clock.now()
                walk = walk or _Walk(begun_ms=asked.wall_ms)
                wait_ms = min(wait_ms, self._patience_ms(mailbox))
                letters = await self._ask(link, box, mailbox, wait_ms)
            taken = await self._take(box, mailbox, letters, allowance)
            self.other_read_ms = max(self.other_read_ms, letters.other_read_ms)
            self.failing_since.pop((box.reader, mailbox), None)
            self._attendance.read((box.reader, mailbox))
            walk.note(letters)
            walk.is_cramped |= Taken.NO_ROOM in taken
            if walk.is_over(letters):
                if walk.is_cramped:
                    # What found no place lies there still: all is read again, in a while.
                    await asyncio.sleep(_PAUSE_MS / _MS)
                    return
                self.read_since[box.reader, mailbox] = walk.begun_ms
                walk = None
            did_wait = self._clock.now().mono_ms - asked.mono_ms >= wait_ms
            if wait_ms and taken.isdisjoint(_NEWS) and not did_wait:
                await asyncio.sleep(_PAUSE_MS / _MS)
            wait_ms = self._read_wait_ms

    async def _take(
        self, box: OwnBox, mailbox: NodeId, page: Letters, allowance: Allowance
    ) -> set[Taken]:
        """Hand a page to the desk; what is of no use is held against the mailbox."""
        found = set()
        for sealed in page.letters:
            taken = await self._desk.take(box, mailbox, sealed)
            found.add(taken)
            allowance.note(
                letter_hash(sealed),
                len(sealed),
                is_junk=taken in _JUNK,
                now_ms=self._clock.now().mono_ms,
            )
        return found

    def _patience_ms(self, mailbox: NodeId) -> int:
        """Say how long one reading may wait, so that every box has its turn."""
        readings = sum(1 for _, where in self._watching if where == mailbox)
        # From half on: those that began to wait before are few enough to leave room.
        return self._read_wait_ms if readings <= _READINGS_MAX // 2 else _TURN_MS

    async def _ask(self, link: Link, box: OwnBox, mailbox: NodeId, wait_ms: int) -> Letters:
        """Read, opening the box where the mailbox does not know it (any more).

        Raises:
            TransportError: the link is lost, or the mailbox refuses.
        """
        answer = await self._read(link, box, mailbox, wait_ms)
        if isinstance(answer, Refused) and answer.reason is Reason.NOT_OPEN:
            result = await self._opener.open(box.ctx, mailbox, box.until)
            if not isinstance(result, Opened):
                raise _refusal(f"does not open the box: {result.reason}")
            answer = await self._read(link, box, mailbox, wait_ms)
        if isinstance(answer, Refused) and answer.reason is Reason.OVER_BUDGET:
            # Of too many questions at once it is we who are to blame; the box is kept all the same.
            raise TransportError("the mailbox has too many questions of ours", code="E-PEER-BUSY")
        if not isinstance(answer, Letters):
            raise _refusal(f"does not let us read: {answer}")
        return answer

    async def _read(self, link: Link, box: OwnBox, mailbox: NodeId, wait_ms: int) -> Answer:
        """Prove to be the reader, and ask."""
        answer = await link.request(BoxChallenge(reader=box.reader), ASK_MS)
        if not isinstance(answer, BoxNonce):
            return answer
        proof = ReadProof(
            net=self._net,
            mailbox=mailbox,
            reader=box.reader,
            handshake_hash=link.handshake_hash,
            challenge=answer.challenge,
        )
        signature = proof.sign(self._keys.reader_seed(box.ctx))
        question = BoxRead(reader=box.reader, signature=signature, wait_ms=wait_ms)
        return await link.request(question, ASK_MS + wait_ms)


def _refusal(what: str) -> TransportError:
    return TransportError(f"the mailbox {what}", code=_REFUSED)
