"""Verify processes, as an option: signatures are checked beside the loop, on other cores.

Threads do not help, since every check hands the interpreter's lock back and forth (measured: 0.84
of checking in the loop; a process 1.37). Enters: runs of signatures. Leaves: which hold, or None
where a process ended before it said so: whoever asked checks them itself. A process that ends is
replaced, not at once when that happens again and again. All end with the node.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from node.runtime.tasks import Tasks
from node.runtime.verifier import HEAD_BYTES
from protocol.signing import Tag

RUNS_EACH: Final = 2
"""Runs a process may have: it begins the next while the verdicts of one are looked at."""
_PAUSE_S: Final = 1.0
"""Rest before a process that ended is replaced."""
_GRACE_S: Final = 2.0
_ROOT: Final = Path(__file__).resolve().parents[2]
_WRITER: Final = msgspec.msgpack.Encoder()
_LOG = logging.getLogger(__name__)

Signature = tuple[Tag, bytes, bytes, bytes]
"""Domain, signed text, signature, key."""


class Verifiers:
    """Some processes that check signatures."""

    def __init__(self, count: int, *, tasks: Tasks, pause_s: float = _PAUSE_S) -> None:
        """Prepare; `start` begins.

        Args:
            count: processes, 0 for none.
            tasks: owner of the background work.
            pause_s: rest before one that ended is replaced.
        """
        self._count = count
        self._tasks = tasks
        self._pause_s = pause_s
        self._workers: list[_Worker] = []
        self._keepers: list[asyncio.Task[Any]] = []

    @property
    def runs_max(self) -> int:
        """Runs that may be under way at a time; 0 when there are no processes to be."""
        return self._count * RUNS_EACH

    @property
    def pids(self) -> list[int]:
        """Processes that run now."""
        return [worker.pid for worker in self._workers]

    def start(self) -> None:
        """Begin; until a process runs, runs are answered None."""
        for number in range(self._count):
            keeper = self._tasks.spawn(self._keep(), f"verify process {number + 1}")
            self._keepers.append(keeper)

    async def stop(self) -> None:
        """End every process."""
        for keeper in self._keepers:
            keeper.cancel()
        if self._keepers:
            await asyncio.wait(self._keepers)

    async def check(self, run: Sequence[Signature]) -> bytes | None:
        """Have a run checked; a 1 for each signature that holds, or None when nobody could say."""
        if not self._workers:
            return None
        worker = min(self._workers, key=len)
        return await worker.check(_WRITER.encode(run))

    async def _keep(self) -> None:
        """Keep one process running."""
        while True:
            try:
                await self._run_one()
            except OSError as error:
                _LOG.warning("a verify process cannot be started: %s", error)
            await asyncio.sleep(self._pause_s)

    async def _run_one(self) -> None:
        process = await _spawned()
        worker = _Worker(process)
        self._workers.append(worker)
        try:
            await worker.listen()
            _LOG.warning("a verify process ended; another takes its place")
        finally:
            self._workers.remove(worker)
            worker.give_up()
            await _ended(process)


class _Worker:
    """One process and what it was asked."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        if process.stdin is None or process.stdout is None:
            raise OSError("a verify process has no pipes")
        self._sink, self._source = process.stdin, process.stdout
        self._asked: deque[asyncio.Future[bytes | None]] = deque()
        self.pid = process.pid

    def __len__(self) -> int:
        """Count the runs it has."""
        return len(self._asked)

    async def check(self, run: bytes) -> bytes | None:
        answered: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        self._asked.append(answered)
        self._sink.write(len(run).to_bytes(HEAD_BYTES, "big") + run)
        return await answered

    async def listen(self) -> None:
        """Take answers, in the order of the questions, until the process ends."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await self._source.readexactly(HEAD_BYTES)
                answer = await self._source.readexactly(int.from_bytes(head, "big"))
                answered = self._asked.popleft()
                if not answered.done():
                    answered.set_result(answer)

    def give_up(self) -> None:
        """Let nobody wait for a process that is gone."""
        while self._asked:
            answered = self._asked.popleft()
            if not answered.done():
                answered.set_result(None)


async def _spawned() -> asyncio.subprocess.Process:
    paths = [str(_ROOT), os.environ.get("PYTHONPATH", "")]
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        *("-m", "node.runtime.verifier"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
    )


async def _ended(process: asyncio.subprocess.Process) -> None:
    """Close the pipe, which ends it; insist after a grace."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(_GRACE_S):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
