"""One link under a fault, and one connection that passes over it.

Enters: bytes of two sockets. Leaves: the same bytes, in the same order, later or never; or a reset
of both ends. A change of the fault holds at once, for what is under way too. Never here: choosing
faults or listening; a byte that was not sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from dataclasses import replace
from typing import Final

from node.entropy import Entropy
from node.testnet.fault import Cut, Fault

_CHUNK_BYTES: Final = 16 * 1024
_CHUNKS_UNDER_WAY: Final = 64
"""Most pieces between two sockets: a megabyte, as a fast and long line would hold."""
_STEPS_PER_S: Final = 20
"""A limited line moves its bytes in so many steps a second."""
_MS: Final = 1_000
_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: closing resets."""

_Line = asyncio.Queue[tuple[float, bytes]]


class Link:
    """The line between two nodes: its fault, and what passes over it."""

    def __init__(self, first: str, second: str, entropy: Entropy) -> None:
        """Begin sound.

        Args:
            first: a node's name.
            second: the other's.
            entropy: draws delays and losses.
        """
        self.first = first
        self.second = second
        self.fault = Fault()
        self.resets = 0
        """Connections that were reset here."""
        self.passages: set[Passage] = set()
        self._entropy = entropy
        self._changed = asyncio.Event()
        self._heir: Link | None = None

    def current(self) -> Link:
        """Give the line that took this one's place, or this one."""
        return self if self._heir is None else self._heir

    def hand_over(self, heir: Link) -> None:
        """Let another line take this one's place: its far end has a name by now.

        What passes here passes there from now on, and meets what is wrong there.
        """
        self._heir = heir
        for passage in list(self.passages):
            passage.go_over(heir)
        self.passages.clear()
        if heir.fault.cut is Cut.RESET:
            heir.reset()

    def set(self, fault: Fault) -> None:
        """Put a fault in place of the one there is."""
        self.fault = fault
        self._changed.set()
        self._changed = asyncio.Event()
        if fault.cut is Cut.RESET:
            self.reset()

    def reset(self) -> None:
        """Reset every connection that is open."""
        for passage in list(self.passages):
            passage.reset()

    def toss(self) -> bool:
        """Draw whether a connection is lost in this second."""
        return self.fault.loss > 0 and self._entropy.jitter(0, 1) < self.fault.loss

    def delay_s(self) -> float:
        """Draw how long a piece takes."""
        fault = self.fault
        more = self._entropy.jitter(0, fault.jitter_ms) if fault.jitter_ms else 0.0
        return (fault.delay_ms + more) / _MS

    def is_held(self, sender: str) -> bool:
        """Tell whether what a node sends stays where it is."""
        fault = self.fault
        return fault.cut is Cut.SILENT and not (fault.one_way and sender != self.first)

    async def until_open(self, sender: str) -> None:
        """Wait while what a node sends stays where it is."""
        while self.is_held(sender):
            await self._changed.wait()

    def spend(self, wanted: int) -> tuple[int, bool]:
        """Take bytes of those that may pass before a reset.

        Returns:
            How many may pass, and whether the connection is to be reset after them.
        """
        left = self.fault.cut_at
        if left is None:
            return wanted, False
        is_over = wanted >= left
        self.fault = replace(self.fault, cut_at=None if is_over else left - wanted)
        return min(wanted, left), is_over


class Passage:
    """One connection over a link."""

    def __init__(
        self, link: Link, dialler: str, near: asyncio.StreamWriter, far: asyncio.StreamWriter
    ) -> None:
        """Join two open sockets.

        Args:
            link: the line between the two nodes.
            dialler: name of the node that dialled.
            near: leads to the one that dialled.
            far: leads to the one that listens.
        """
        self._link = link
        self._dialler = dialler
        self._near = near
        self._far = far

    async def carry(
        self, sent: asyncio.StreamReader, answered: asyncio.StreamReader, head: bytes = b""
    ) -> None:
        """Move bytes both ways until both ends are done or the connection is reset.

        Args:
            sent: what the one that dialled says.
            answered: what the one that listens says.
            head: what it said already.
        """
        self._link.passages.add(self)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._move(sent, self._far, head=head, is_dialler=True))
                both.create_task(self._move(answered, self._near, is_dialler=False))
        except* OSError:
            # One end is gone; the other must learn it as it would without us.
            self.reset()
        finally:
            self._link.passages.discard(self)
            for writer in (self._near, self._far):
                writer.close()

    def go_over(self, link: Link) -> None:
        """Pass over another line from now on."""
        self._link = link
        link.passages.add(self)

    def reset(self) -> None:
        """End it at both ends, as a machine that was switched off and on would."""
        if self not in self._link.passages:
            return
        self._link.passages.discard(self)
        self._link.resets += 1
        for writer in (self._near, self._far):
            reset(writer)

    def _sender(self, *, is_dialler: bool) -> str:
        # Asked anew each time: a line may have been handed over.
        link = self._link
        if is_dialler:
            return self._dialler
        return link.second if self._dialler == link.first else link.first

    async def _move(
        self,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        *,
        is_dialler: bool,
        head: bytes = b"",
    ) -> None:
        line: _Line = asyncio.Queue(_CHUNKS_UNDER_WAY)
        async with asyncio.TaskGroup() as both:
            both.create_task(self._take(source, line, head))
            both.create_task(self._give(line, target, is_dialler=is_dialler))

    async def _take(self, source: asyncio.StreamReader, line: _Line, head: bytes) -> None:
        """Put what comes on the line, each piece with the moment it may leave it; then the end."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self._link.delay_s()
        if head:
            await line.put((due, head))
        chunk: bytes | None = None
        while chunk != b"":
            chunk = await source.read(_CHUNK_BYTES)
            # Never before what came before it.
            due = max(due, loop.time() + self._link.delay_s())
            await line.put((due, chunk))

    async def _give(self, line: _Line, target: asyncio.StreamWriter, *, is_dialler: bool) -> None:
        """Let pieces leave the line when they are due, and as fast as it is."""
        loop = asyncio.get_running_loop()
        while True:
            due, chunk = await line.get()
            await asyncio.sleep(max(0.0, due - loop.time()))
            await self._link.until_open(self._sender(is_dialler=is_dialler))
            if not chunk:
                with contextlib.suppress(OSError, RuntimeError):
                    target.write_eof()
                return
            while chunk:
                chunk = await self._step(chunk, target, is_dialler=is_dialler)

    async def _step(self, chunk: bytes, target: asyncio.StreamWriter, *, is_dialler: bool) -> bytes:
        """Move as much as the line takes at once; gives the rest."""
        rate = self._link.fault.bytes_per_s
        piece = chunk if rate is None else chunk[: max(1, rate // _STEPS_PER_S)]
        if rate is not None:
            await asyncio.sleep(len(piece) / rate)
            await self._link.until_open(self._sender(is_dialler=is_dialler))
        may_pass, is_over = self._link.spend(len(piece))
        target.write(piece[:may_pass])
        await target.drain()
        if is_over:
            self.reset()
            raise ConnectionResetError
        return chunk[len(piece) :]


def reset(writer: asyncio.StreamWriter) -> None:
    """Close a socket so that its other end sees a reset."""
    raw = writer.get_extra_info("socket")
    if raw is not None:
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
