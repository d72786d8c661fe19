"""One encrypted link to one proved peer.

Enters: messages to send, frames from the socket. Leaves: messages from the peer, answers to our
questions, and one word when it ends. Never here: who else is linked, what a message is worth.

The life of a link: `open` (handshake and `Hello`), then `run` until it ends. `run` reads in one
task and writes in another; everything ready in one turn of the loop goes in one frame.
"""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass
from typing import Final

import msgspec

from node.errors import TransportError
from node.network.endpoint import Endpoint
from node.network.errands import Errand
from node.network.handshake import Channel, Handshake, said
from node.network.pipe import CLOSE_S, Wire
from node.network.queue import SendQueue
from protocol import limits
from protocol.channel.frames import PLAINTEXT_BYTES_MAX, unpack_frame
from protocol.channel.messages import (
    ANSWER_TO,
    Answer,
    Ask,
    Bye,
    Hello,
    Message,
    Ping,
    Pong,
    Refused,
    decode_message,
    encode_message,
)
from protocol.channel.priority import Priority, priority_of
from protocol.errors import MessageError, Reason, RemoteProtocolError
from protocol.ids import NodeId
from protocol.network.budgets import Pace

REQUEST_FIRST: Final = 2**31
"""`Connection.request` numbers its questions from here; smaller numbers are the machines' own."""
FRAMES_PER_TURN: Final = 16
"""Frames of one peer handled before the loop turns to the others; guess."""
TURN_S: Final = 0.002
"""Time spent on messages of one peer before the loop turns: a frame full of names takes 20 ms."""
_MS: Final = 1_000
COMPANY_S: Final = 0.01
"""Least time between two frames of nothing but payload. The first goes at once: only a link that
has much to carry waits, and then a frame carries several times as much; guess."""
_FULL_BYTES: Final = PLAINTEXT_BYTES_MAX // 2
"""Payload that waits for no company."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Why a link is over."""

    reason: Reason
    """CLOSED when the peer just went away."""
    detail: str = ""
    """A sentence for the log."""
    by_peer: bool = False
    """Whether the peer ended it."""
    fault: RemoteProtocolError | None = None
    """The rule the peer broke, if it did; its severity goes to the peer's standing."""
    broke: bool = False
    """Whether the link broke without a goodbye from either end."""


def _broken(error: TransportError) -> Ending:
    return Ending(reason=Reason.CLOSED, detail=error.sentence, by_peer=True, broke=True)


class Connection:
    """A link; `open` it, hand it to `Links.admit`, then `run` it."""

    def __init__(self, endpoint: Endpoint, pipe: Wire, *, expected: NodeId | None = None) -> None:
        """Prepare a link over an open WebSocket, or a tunnel.

        Args:
            endpoint: this node's end.
            pipe: what carries its frames.
            expected: the key that must be there, when we dialled somebody in particular.
        """
        self._endpoint = endpoint
        self._pipe = pipe
        self._expected = expected
        self._channel: Channel | None = None
        self._queue = SendQueue(endpoint.bounds.queue_bytes)
        self._pace = Pace(self._now_ms(), is_open=not endpoint.bounds.is_paced)
        self._ready = asyncio.Event()
        self._ended = asyncio.Event()
        self._finished = asyncio.Event()
        self._is_announced = False
        self._numbers = itertools.count(REQUEST_FIRST)
        self._open_requests: dict[int, tuple[type[Answer], asyncio.Future[Answer | None]]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None
        self._wake_timer: asyncio.TimerHandle | None = None
        self._sending_since: float | None = None
        self._sent_at = 0.0
        self._ping_nonce = 0
        self._ping_sent_ms = 0
        self._heard_ms = 0
        self.remote_host = pipe.remote_host
        self.outbound = pipe.outbound
        self.errand = Errand.OWNER
        self.ending: Ending | None = None
        self.opened_ms = 0
        self.rtt_ms: int | None = None

    def __repr__(self) -> str:
        """Name direction and host; the key is left to callers who want it."""
        return f"<Connection {'to' if self.outbound else 'from'} {self.remote_host}>"

    # --- what is known after `open` -------------------------------------------------------------

    def _open_channel(self) -> Channel:
        if self._channel is None:
            raise TransportError("the link is not open yet")
        return self._channel

    @property
    def peer_id(self) -> NodeId:
        """The peer's proved transport key."""
        return self._open_channel().peer_id

    @property
    def handshake_hash(self) -> bytes:
        """64 bytes that name this link and no other."""
        return self._open_channel().handshake_hash

    @property
    def remote_hello(self) -> Hello:
        """What the peer said of itself."""
        return self._open_channel().hello

    @property
    def version(self) -> int:
        """Protocol version in use."""
        return self._open_channel().version

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent."""
        return self._channel is not None and self.ending is None

    @property
    def bytes_waiting(self) -> int:
        """Bytes the peer has not taken yet."""
        return self._queue.bytes_waiting

    # --- opening --------------------------------------------------------------------------------

    async def open(self) -> None:
        """Shake hands and exchange `Hello`; on any failure the socket is closed and given back.

        Raises:
            TransportError: E-PEER-TIMEOUT, E-PEER-LOST, E-PEER-KEY, E-PEER-SELF, E-PEER-REFUSED,
                or E-PEER-HANDSHAKE when the peer does not speak this protocol or net.
        """
        try:
            async with asyncio.timeout(self._endpoint.bounds.handshake_ms / _MS):
                self._channel = await Handshake(self._endpoint, self._pipe, self._expected).run()
        except TimeoutError as error:
            raise TransportError("the handshake took too long", code="E-PEER-TIMEOUT") from error
        except RemoteProtocolError as error:
            raise TransportError(
                f"the peer does not speak this protocol: {error}",
                code="E-PEER-HANDSHAKE",
                fix=f"Both nodes must be on the same net, and this one is on "
                f"'{self._endpoint.net}'; or their versions do not agree",
            ) from error
        finally:
            if self._channel is None:
                await self._pipe.finish()
        self.opened_ms = self._heard_ms = self._now_ms()

    def _now_ms(self) -> int:
        return self._endpoint.clock.now().mono_ms

    # --- sending --------------------------------------------------------------------------------

    def send(self, message: Message, priority: Priority | None = None) -> bool:
        """Queue a message; it leaves in this turn's frame if the peer keeps up.

        Args:
            message: anything but a `Hello`.
            priority: where it stands in the queue; its kind's usual place when None.

        Returns:
            False when the link is over or the queue has no room for that priority: announce an id,
            or try again later. A link whose queue cannot even take CONTROL is closed.

        Raises:
            LocalProtocolError: the message breaks its own rules.
        """
        if not self.is_open:
            return False
        place = priority_of(message) if priority is None else priority
        if not self._queue.put(self._endpoint.pen.write(message), place):
            if place is Priority.CONTROL:
                self._end(
                    Ending(reason=Reason.STALLED, detail="the peer takes nothing", broke=True)
                )
            return False
        if not self._ready.is_set():
            self._wake()
        return True

    def _wake(self) -> None:
        """Have the writer write: at once, or, for payload alone, a while after the last frame."""
        loop = asyncio.get_running_loop()
        wait_s = self._sent_at + COMPANY_S - loop.time()
        if wait_s <= 0 or self._queue.is_urgent(_FULL_BYTES):
            self._ready.set()
        elif self._wake_timer is None:
            self._wake_timer = loop.call_later(wait_s, self._waited)

    def _waited(self) -> None:
        self._wake_timer = None
        self._ready.set()

    async def request(self, ask: Ask, timeout_ms: int) -> Answer:
        """Send a question and wait for its answer; its `request` number is chosen here.

        Returns:
            The answer of the question's kind, or `Refused`.

        Raises:
            TransportError: E-PEER-TIMEOUT no answer in time; E-PEER-LOST the link ended;
                E-PEER-BUSY too much is waiting on this link.
        """
        number = next(self._numbers)
        answered: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
        if len(self._open_requests) >= limits.requests_open_max or number >= 2 * REQUEST_FIRST:
            raise TransportError("too many questions wait on this link", code="E-PEER-BUSY")
        self._open_requests[number] = (ANSWER_TO[type(ask)], answered)
        try:
            if self.is_open and not self.send(msgspec.structs.replace(ask, request=number)):
                raise TransportError("the queue to this peer is full", code="E-PEER-BUSY")
            async with asyncio.timeout(timeout_ms / _MS):
                answer = await answered if self.is_open else None
        except TimeoutError as error:
            kind = type(ask).__name__
            raise TransportError(
                f"the peer did not answer {kind} within {timeout_ms} ms", code="E-PEER-TIMEOUT"
            ) from error
        finally:
            del self._open_requests[number]
        if answer is None:
            raise TransportError("the link ended before the answer came")
        return answer

    def close(self, reason: Reason = Reason.SHUTDOWN, detail: str = "") -> None:
        """End the link, telling the peer why; does nothing when it has ended already."""
        self._end(Ending(reason=reason, detail=said(detail)), farewell=True)

    def cut(self) -> None:
        """End the link without a word, as when the power goes."""
        self._end(Ending(reason=Reason.CLOSED))

    async def wait_closed(self) -> None:
        """Wait until the link has ended and its socket is given back."""
        await self._finished.wait()

    # --- running --------------------------------------------------------------------------------

    async def run(self) -> None:
        """Carry the link until it ends, then give everything back; never raises but when cancelled.

        A link closed before it ran is only said goodbye: nobody is told of it.
        """
        spawn = self._endpoint.spawn
        name = self.peer_id.hex()[:8]
        tasks: list[asyncio.Task[None]] = []
        try:
            # Lets `on_closed` of a link that this one replaces, already queued, come first.
            await asyncio.sleep(0)
            tasks.append(spawn(self._write(), f"link {name} writes"))
            if self.ending is None:
                self._is_announced = True
                self._endpoint.handlers.on_open(self)
                self._ping()
                self._arm()
                tasks.append(spawn(self._read(), f"link {name} reads"))
                await self._ended.wait()
                tasks[1].cancel()
            await asyncio.wait(tasks, timeout=CLOSE_S)
        finally:
            self._end(Ending(reason=Reason.SHUTDOWN))
            for task in tasks:
                task.cancel()
            await self._pipe.finish()
            self._finished.set()

    def _end(self, ending: Ending, *, farewell: bool = False) -> None:
        """Note the end, once; `run` then puts the socket away."""
        if self.ending is not None:
            return
        self.ending = ending
        for timer in (self._timer, self._stall_timer, self._wake_timer):
            if timer is not None:
                timer.cancel()
        for _, answered in self._open_requests.values():
            if not answered.done():
                answered.set_result(None)
        self._queue.drop(keep_control=farewell)
        if farewell:
            bye = Bye(reason=ending.reason, detail=ending.detail)
            self._queue.put(encode_message(bye), Priority.CONTROL)
        else:
            self._pipe.abort()
        self._ready.set()
        self._ended.set()
        if self._is_announced:
            # Not called from here: whoever closed the link may be in the middle of something.
            loop = asyncio.get_running_loop()
            loop.call_soon(self._endpoint.handlers.on_closed, self, ending.reason)

    async def _write(self) -> None:
        """Send what waits, frame by frame, until the link ends and its goodbye is out."""
        channel = self._open_channel()
        frame_bytes = min(
            PLAINTEXT_BYTES_MAX, channel.hello.limits.frame_bytes - limits.frame_tag_bytes
        )
        try:
            while self.ending is None or self._queue.bytes_waiting:
                await self._ready.wait()
                self._ready.clear()
                while frame := self._queue.take(frame_bytes):
                    self._endpoint.show(channel.peer_id, frame, inbound=False)
                    self._begin_sending()
                    await self._pipe.send(channel.sending.encrypt(frame))
                    self._sending_since = None
        except TransportError as error:
            self._end(_broken(error))
        finally:
            self._end(Ending(reason=Reason.CLOSED, detail="the writer stopped"))

    def _begin_sending(self) -> None:
        """Note the moment; one timer watches over all frames, since most are gone at once."""
        loop = asyncio.get_running_loop()
        self._sending_since = self._sent_at = loop.time()
        if self._stall_timer is None:
            stall_s = self._endpoint.bounds.stall_ms / _MS
            self._stall_timer = loop.call_later(stall_s, self._check_stall)

    def _check_stall(self) -> None:
        self._stall_timer = None
        if self._sending_since is None:
            return
        loop = asyncio.get_running_loop()
        left_s = self._sending_since + self._endpoint.bounds.stall_ms / _MS - loop.time()
        if left_s > 0:
            self._stall_timer = loop.call_later(left_s, self._check_stall)
        else:
            self._end(Ending(reason=Reason.STALLED, detail="the peer takes nothing", broke=True))

    async def _read(self) -> None:
        """Hand on what comes, until the link ends."""
        channel = self._open_channel()
        gate = self._endpoint.gate
        try:
            for count in itertools.count(1):
                if gate.is_shut_to(channel.peer_id):
                    await gate.wait(channel.peer_id)
                if self.ending is not None:
                    break
                frame = channel.receiving.decrypt(await self._pipe.receive())
                self._heard_ms = self._now_ms()
                self._endpoint.show(channel.peer_id, frame, inbound=True)
                if wait_ms := self._pace.took(await self._take(frame), len(frame), self._heard_ms):
                    # Beyond its budget. What it sends meanwhile fills its own queue, not ours.
                    await asyncio.sleep(wait_ms / _MS)
                if count % FRAMES_PER_TURN == 0:
                    # What lies in the buffer already is read without a wait; others wait too.
                    await asyncio.sleep(0)
        except RemoteProtocolError as error:
            ending = Ending(reason=error.reason, detail=said(error.sentence), fault=error)
            self._end(ending, farewell=True)
        except TransportError as error:
            self._end(_broken(error))
        finally:
            self._end(Ending(reason=Reason.CLOSED, detail="the reader stopped"))

    async def _take(self, frame: bytes) -> int:
        """Handle the messages of a frame, dear ones with turns between; gives their number."""
        raws = unpack_frame(frame)
        loop = asyncio.get_running_loop()
        began = loop.time()
        for raw in raws:
            if self.ending is not None:
                break
            self._handle(decode_message(raw))
            if loop.time() - began > TURN_S:
                await asyncio.sleep(0)
                began = loop.time()
        return len(raws)

    def _handle(self, message: Message) -> None:
        """Serve what concerns the link itself; hand on the rest."""
        match message:
            case Ping(nonce=nonce):
                self.send(Pong(nonce=nonce))
            case Pong(nonce=nonce):
                if nonce == self._ping_nonce:
                    self.rtt_ms = self._now_ms() - self._ping_sent_ms
                    self._endpoint.handlers.on_rtt(self)
            case Bye(reason=reason, detail=detail):
                self._end(Ending(reason=reason, detail=detail, by_peer=True))
            case Hello():
                raise MessageError(Reason.UNEXPECTED, "a second Hello")
            case _ if getattr(message, "request", 0) >= REQUEST_FIRST and self._answers(message):
                pass
            case _:
                self._endpoint.handlers.on_message(self, message)

    def _answers(self, message: Message) -> bool:
        """Give an answer to whoever asked; one that comes too late is let go.

        Raises:
            MessageError: UNEXPECTED, the answer is not of the question's kind.
        """
        if not isinstance(message, Answer):
            return False
        waiting = self._open_requests.get(message.request)
        if waiting is not None:
            kind, answered = waiting
            if not isinstance(message, kind | Refused):
                name = type(message).__name__
                raise MessageError(Reason.UNEXPECTED, f"{name} does not answer the question")
            if not answered.done():
                answered.set_result(message)
        return True

    # --- staying alive --------------------------------------------------------------------------

    def _arm(self) -> None:
        # Looked at three times per idle period, so that neither bound is missed by much.
        delay_s = self._endpoint.bounds.ping_idle_ms / _MS / 3
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._check_alive)

    def _check_alive(self) -> None:
        silent_ms = self._now_ms() - self._heard_ms
        if silent_ms >= self._endpoint.bounds.silence_ms:
            detail = "nothing heard for too long"
            self._end(Ending(reason=Reason.STALLED, detail=detail, broke=True), farewell=True)
            return
        if silent_ms >= self._endpoint.bounds.ping_idle_ms:
            self._ping()
        self._arm()

    def _ping(self) -> None:
        self._ping_sent_ms = self._now_ms()
        self._ping_nonce += 1
        self.send(Ping(nonce=self._ping_nonce))
