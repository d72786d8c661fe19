"""A mailbox is lost after failing long enough while others were in reach, and not before."""

from __future__ import annotations

from pathlib import Path

from node.clock import ManualClock
from node.post.attendance import Attendance
from node.storage.database import Storage
from protocol import limits
from protocol.ids import NodeId
from protocol.now import HOUR_MS, MINUTE_MS

READER = b"r" * 32
BAD, GOOD = NodeId(b"b" * 32), NodeId(b"g" * 32)
WAY = (READER, BAD)


class Room:
    def __init__(self) -> None:
        self.clock = ManualClock(wall_ms=HOUR_MS)
        self.peers: list[NodeId] = [GOOD]
        self.book = Attendance(clock=self.clock, linked=lambda: self.peers)

    def passes(self, ms: int) -> None:
        for _ in range(ms // MINUTE_MS):
            self.clock.advance(MINUTE_MS)
            self.book.count()


def test_an_hour_of_silence_is_a_loss():
    room = Room()
    room.book.failed(WAY, is_refused=False)
    room.passes(limits.mailbox_lost_ms - MINUTE_MS)
    assert room.book.lost(READER) == frozenset()
    assert room.book.failing() == {BAD}
    room.passes(MINUTE_MS)
    assert room.book.lost(READER) == {BAD}
    assert room.book.lost(b"?" * 32) == frozenset()


def test_one_that_says_no_is_left_sooner():
    room = Room()
    room.book.failed(WAY, is_refused=True)
    room.passes(limits.mailbox_refused_ms)
    assert room.book.lost(READER) == {BAD}
    # Silent now, it has the longer time.
    room.book.failed(WAY, is_refused=False)
    assert room.book.lost(READER) == frozenset()


def test_one_reading_forgives_all():
    room = Room()
    room.book.failed(WAY, is_refused=False)
    room.passes(limits.mailbox_lost_ms)
    room.book.read(WAY)
    assert room.book.lost(READER) == room.book.failing() == frozenset()
    assert not room.book.count()


def test_whoever_is_offline_blames_nobody():
    room = Room()
    room.book.failed(WAY, is_refused=False)
    for peers in ([], [BAD]):
        room.peers = peers
        room.passes(2 * limits.mailbox_lost_ms)
    assert room.book.lost(READER) == frozenset()


def test_a_sleep_and_a_clock_that_jumps_count_for_little():
    room = Room()
    room.book.failed(WAY, is_refused=False)
    room.clock.jump_wall(100 * HOUR_MS)
    room.book.count()
    room.clock.jump_wall(-200 * HOUR_MS)
    room.book.count()
    room.clock.advance(100 * HOUR_MS)
    room.book.count()
    assert room.book.lost(READER) == frozenset()


def test_a_box_that_is_read_no_more_is_forgotten():
    room = Room()
    room.book.failed(WAY, is_refused=False)
    room.book.failed((b"o" * 32, BAD), is_refused=False)
    room.book.forget(READER)
    room.passes(limits.mailbox_lost_ms)
    assert room.book.lost(READER) == frozenset()
    assert room.book.lost(b"o" * 32) == {BAD}


async def test_a_restart_takes_nothing_away_and_asks_again(tmp_path: Path):
    room = Room()
    storage = await Storage.open(tmp_path / "home.db", clock=room.clock)
    room.book.failed(WAY, is_refused=False)
    room.passes(limits.mailbox_lost_ms)
    await storage.write(room.book.save)
    again = Room()
    await storage.read(again.book.load)
    await storage.close()
    # Remembered, not seen: it may be well again.
    assert again.book.lost(READER) == again.book.failing() == frozenset()
    again.passes(MINUTE_MS)
    assert again.book.lost(READER) == frozenset()
    again.book.failed(WAY, is_refused=False)
    assert again.book.lost(READER) == {BAD}
