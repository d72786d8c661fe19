"""Verify processes: what they find, and that nothing is lost when one ends."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from node.clock import ManualClock
from node.runtime.tasks import Tasks
from node.runtime.verifiers import RUNS_EACH, Verifiers
from node.storage.database import Storage
from protocol.errors import Reason
from protocol.network.events import Started
from protocol.network.verdicts import Verdict
from protocol.now import HOUR_MS
from protocol.objects.envelope import read_candidate, signature_of
from tests.parties import NET, NOW_MS, make_cast
from tests.unit.node.runtime.test_pump import Station
from tests.unit.protocol.network.driver import badly_signed

GOOD = signature_of(read_candidate(make_cast().raw, peer=None, bytes_max=1 << 16), net=NET)
BAD = (*GOOD[:2], bytes(64), GOOD[3])


@pytest.fixture
async def tasks() -> AsyncIterator[Tasks]:
    made = Tasks()
    yield made
    await made.close()


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not is_so():
            await asyncio.sleep(0.01)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_without_processes_nobody_can_say(tasks: Tasks):
    verifiers = Verifiers(0, tasks=tasks)
    verifiers.start()
    assert verifiers.runs_max == 0
    assert await verifiers.check([GOOD]) is None
    await verifiers.stop()


async def test_two_processes_share_the_runs_and_end_with_the_node(tasks: Tasks):
    verifiers = Verifiers(2, tasks=tasks)
    verifiers.start()
    assert verifiers.runs_max == 2 * RUNS_EACH
    await until(lambda: len(verifiers.pids) == 2)
    pids = verifiers.pids
    runs = [[GOOD] * number + [BAD] for number in range(20)]
    async with asyncio.timeout(20):
        answers = await asyncio.gather(*map(verifiers.check, runs))
    assert answers == [b"\x01" * number + b"\0" for number in range(20)]
    await verifiers.stop()
    assert verifiers.pids == []
    assert not any(map(is_running, pids))


async def test_a_process_that_ends_leaves_its_runs_unanswered_and_is_replaced(tasks: Tasks):
    verifiers = Verifiers(1, tasks=tasks, pause_s=0.01)
    verifiers.start()
    await until(lambda: bool(verifiers.pids))
    (first,) = verifiers.pids
    os.kill(first, signal.SIGSTOP)
    asked = [asyncio.ensure_future(verifiers.check([GOOD] * 64)) for _ in range(3)]
    await asyncio.sleep(0)
    os.kill(first, signal.SIGKILL)
    async with asyncio.timeout(20):
        assert await asyncio.gather(*asked) == [None, None, None]
    await until(lambda: bool(verifiers.pids))
    assert verifiers.pids != [first]
    async with asyncio.timeout(20):
        assert await verifiers.check([BAD, GOOD]) == b"\0\x01"
    await verifiers.stop()


async def test_ctrl_c_in_the_terminal_does_not_end_them_before_their_node(tasks: Tasks):
    verifiers = Verifiers(1, tasks=tasks)
    verifiers.start()
    await until(lambda: bool(verifiers.pids))
    async with asyncio.timeout(20):
        assert await verifiers.check([GOOD]) == b"\x01"
        os.kill(verifiers.pids[0], signal.SIGINT)
        assert await verifiers.check([GOOD]) == b"\x01"
    await verifiers.stop()


async def test_a_node_takes_and_refuses_as_it_would_itself(tmp_path: Path):
    clock = ManualClock(wall_ms=NOW_MS + HOUR_MS)
    storage = await Storage.open(tmp_path / "home.db", clock=clock)
    station = Station(storage, clock, verify_processes=1)
    station.pump.start()
    station.pump.feed(Started(entries=(), records=()))
    station.join("honest")
    liar = station.join("liar")
    casts = [make_cast(nonce=bytes([number]) * 16) for number in range(20)]
    station.receive("liar", badly_signed(casts[0]))
    for cast in casts:
        station.receive("honest", cast.raw)
    await until(lambda: len(station.heard) == len(casts))
    assert {each.id for each in station.heard} == {cast.id for cast in casts}
    rejected = (Verdict.REJECTED, Reason.BAD_SIGNATURE)
    await until(lambda: station.engine.gossip.verdicts.get(rejected) == 1)
    assert liar.closed in ([], [Reason.BAD_SIGNATURE])
    await station.pump.stop()
    await station.tasks.close()
    await storage.close()


async def test_where_none_can_be_started_the_node_goes_on(
    tasks: Tasks, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr("node.runtime.verifiers.sys.executable", "/nowhere/python")
    verifiers = Verifiers(1, tasks=tasks, pause_s=0.01)
    verifiers.start()
    await until(lambda: "cannot be started" in caplog.text)
    assert await verifiers.check([GOOD]) is None
    await verifiers.stop()
