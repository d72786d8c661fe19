"""News as they happen: a WebSocket for an open page, and the same as server-sent events for `curl`.

Enters: a cursor. Leaves: every event after it, in order and once, then each new one as it is
committed; or the word that some are no longer known. Nothing waits here for a reader: each is told
from the log at its own pace, and one that does not take what it is sent is let go. A stream ends
when its token does, and when the node stops. Never: an upgrade that a page of another site asked
for; a word to somebody who is no longer welcome.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Final, TypeAlias

import msgspec
from aiohttp import WSMsgType, web

from node.api.bodies import NoQuery, converted, query
from node.api.citizen import Chronicler, Citizen
from node.api.guards import check_upgrade_origin
from node.api.operations import Operation, Scope
from node.api.problems import GateError
from node.api.strict_json import read_json
from node.api.visitors import visitor_of
from node.api.voices import Ending, LinesVoice, SocketVoice, Voice
from node.runtime.tasks import Tasks
from protocol.errors import IntentcastError, LocalProtocolError

_LOG = logging.getLogger(__name__)
STREAMS_MAX: Final = 32
"""Open at a time, of both kinds: half of all connections stay free for questions. Guess."""
STREAMS_EACH_MAX: Final = 8
"""Of one token or browser: a program that opens many, or a forgotten window, leaves room. Guess."""
FRAME_BYTES_MAX: Final = 64 * 1024
"""One message from outside; all that is ever to be said is a cursor."""
BUFFER_BYTES: Final = 64 * 1024
"""What the system may hold for a reader that is behind; it takes twice that. Guess."""
_WRITE_BYTES: Final = 4 * 1024
"""After so many a socket asks whether its reader keeps up."""
_CURSOR_MAX: Final = 2**53
_CLOSE_S: Final = 0.5
Cursor: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=_CURSOR_MAX)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long for what, s."""

    first_s: float = 10.0
    """A socket's first message may take."""
    ping_s: float = 20.0
    """Between two pings; the pong may take half of it."""
    sign_s: float = 15.0
    """Between two signs of life where there are no pings; an upper bound for idle waits."""
    send_s: float = 10.0
    """A reader may take to make room."""


PATIENCE: Final = Patience()
"""Of every stream."""


class StreamBegin(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The first message of a socket."""

    after: Cursor | None = None
    """Cursor of the last event already seen; null: only what happens from now on."""


class StreamQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """GET /v1/events/stream."""

    after: Cursor | None = None
    """Cursor of the last event already seen; without it, only what happens from now on."""


class _EndedError(Exception):
    """A stream has come to its end."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.reason)
        self.ending = ending


class Streams:
    """The open streams of one server."""

    def __init__(
        self,
        still_welcome: Callable[[web.Request], bool],
        patience: Patience | None = None,
    ) -> None:
        """Begin with none.

        Args:
            still_welcome: tells from the request that opened a stream whether its token or session
                still holds; asked before every page of events and at least every 15 s, so it
                answers from memory.
            patience: how long to wait for what.
        """
        self._still_welcome = still_welcome
        self._patience = patience or PATIENCE
        self._open: dict[asyncio.Future[Ending], web.Request] = {}
        self._tasks = Tasks()
        self._emptied = asyncio.Event()
        self._is_closed = False

    @property
    def count(self) -> int:
        """How many are open."""
        return len(self._open)

    async def close(self) -> None:
        """End every stream, telling why; none is opened any more."""
        self._is_closed = True
        for verdict in self._open:
            _end(verdict, Ending.STOPPING)
        if self._open:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2 * _CLOSE_S):
                    await self._emptied.wait()
        await self._tasks.close()

    # --- the two ways in -----------------------------------------------------------------------

    async def open_socket(self, citizen: Citizen, request: web.Request) -> web.StreamResponse:
        """Serve one WebSocket to its end.

        Raises:
            GateError: 403 E-ORIGIN; 426 E-REQUEST, it is no WebSocket; 503 E-STREAMS, too many are
                open.
            LocalProtocolError: E-FIELD.
        """
        query(request, NoQuery)
        check_upgrade_origin(request)
        opened = web.WebSocketResponse(
            timeout=_CLOSE_S,
            heartbeat=self._patience.ping_s,
            max_msg_size=FRAME_BYTES_MAX,
            compress=False,
            writer_limit=_WRITE_BYTES,
        )
        if not opened.can_prepare(request):
            raise GateError(
                426,
                "this path speaks WebSocket",
                code="E-REQUEST",
                fix="Connect with a WebSocket client; for curl there is /v1/events/stream",
                headers={"Upgrade": "websocket", "Connection": "Upgrade"},
            )
        self._check_room(request)
        await opened.prepare(request)
        voice = SocketVoice(opened)

        async def talk(verdict: asyncio.Future[Ending]) -> Ending:
            after = await self._first(opened)
            listening = self._tasks.spawn(_listen(opened, verdict), "stream hears")
            try:
                return await self._tell(citizen.chronicle, voice, after, request)
            finally:
                listening.cancel()
                await asyncio.wait([listening])

        await self._serve(request, voice, talk)
        return opened

    async def open_lines(self, citizen: Citizen, request: web.Request) -> web.StreamResponse:
        """Serve one response of server-sent events to its end.

        Raises:
            GateError: 503 E-STREAMS, too many are open.
            LocalProtocolError: E-FIELD.
        """
        after = _asked_after(request)
        self._check_room(request)
        opened = web.StreamResponse()
        opened.content_type = "text/event-stream"
        opened.charset = "utf-8"
        opened.force_close()
        await opened.prepare(request)
        voice = LinesVoice(opened, request)
        await self._serve(
            request, voice, lambda _: self._tell(citizen.chronicle, voice, after, request)
        )
        return opened

    # --- one stream ----------------------------------------------------------------------------

    def _has_room(self, request: web.Request) -> bool:
        """Tell whether one more may be opened, and by whoever asks."""
        alive = [
            each
            for each in self._open.values()
            if each.transport is not None and not each.transport.is_closing()
        ]
        visitor = visitor_of(request)
        own = [each for each in alive if visitor_of(each) == visitor]
        return len(alive) < STREAMS_MAX and len(own) < STREAMS_EACH_MAX

    def _check_room(self, request: web.Request) -> None:
        """Refuse while an answer can say why: an upgrade that is taken back looks like a break.

        Raises:
            GateError: 503 E-STREAMS, too many are open.
        """
        if not self._has_room(request):
            raise GateError(
                503,
                f"{STREAMS_MAX} streams are open already, or {STREAMS_EACH_MAX} of this token",
                code="E-STREAMS",
                fix="Close a page or a program that follows this node",
            )

    async def _serve(
        self,
        request: web.Request,
        voice: Voice,
        talk: Callable[[asyncio.Future[Ending]], Awaitable[Ending]],
    ) -> None:
        """Hold a place and talk until somebody has had enough; then let the connection go."""
        verdict: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        # Asked once more: others may have come while this one was let in.
        if self._is_closed or not self._has_room(request):
            await _part(request, voice, Ending.STOPPING if self._is_closed else Ending.FULL)
            return
        self._open[verdict] = request
        self._emptied.clear()
        _bound_buffer(request)
        talking = self._tasks.spawn(_outcome(talk(verdict), verdict), "stream")
        try:
            ending = await verdict
            talking.cancel()
            await asyncio.wait([talking])
            await _part(request, voice, ending)
        finally:
            talking.cancel()
            del self._open[verdict]
            if not self._open:
                self._emptied.set()

    async def _first(self, opened: web.WebSocketResponse) -> int | None:
        """Read where a socket wants to begin.

        Raises:
            _EndedError: it said nothing, or something else.
        """
        try:
            message = await opened.receive(timeout=self._patience.first_s)
        except TimeoutError as error:
            raise _EndedError(Ending.SILENT) from error
        if message.type is WSMsgType.BINARY:
            raise _EndedError(Ending.NOT_TEXT)
        if message.type is not WSMsgType.TEXT:
            raise _EndedError(Ending.GONE)
        try:
            return converted(read_json(message.data.encode()), StreamBegin).after
        except LocalProtocolError as error:
            raise _EndedError(Ending.NOT_UNDERSTOOD) from error

    async def _tell(
        self, chronicle: Chronicler, voice: Voice, after: int | None, request: web.Request
    ) -> Ending:
        """Tell what happened after a cursor, then what happens, until somebody has had enough."""
        loop = asyncio.get_running_loop()
        cursor = chronicle.newest if after is None else after
        is_live = False
        signed_s = loop.time()
        while not voice.is_gone:
            if not self._still_welcome(request):
                return Ending.UNWELCOME
            if not is_live or chronicle.newest != cursor:
                cursor, is_live = await self._tell_page(chronicle, voice, cursor, is_live=is_live)
                continue
            await chronicle.wait(cursor, self._patience.sign_s)
            if loop.time() - signed_s >= self._patience.sign_s:
                signed_s = loop.time()
                await self._said(voice.sign())
        return Ending.GONE

    async def _tell_page(
        self, chronicle: Chronicler, voice: Voice, cursor: int, *, is_live: bool
    ) -> tuple[int, bool]:
        """Tell some events; give the cursor after them, and whether the end of the log is told."""
        page = await chronicle.page(cursor)
        if page.has_gap:
            await self._said(voice.word("gap", {"gap": True, "cursor": page.start}))
        for event in page.events:
            await self._said(voice.event(event))
        if page.is_last and (page.has_gap or not is_live):
            await self._said(voice.word("live", {"cursor": page.cursor, "live": True}))
            return page.cursor, True
        return page.cursor, is_live and not page.has_gap

    async def _said(self, saying: Awaitable[None]) -> None:
        """Wait for a reader to make room.

        Raises:
            _EndedError: it does not.
        """
        try:
            async with asyncio.timeout(self._patience.send_s):
                await saying
        except TimeoutError as error:
            raise _EndedError(Ending.SLOW) from error


def _asked_after(request: web.Request) -> int | None:
    """Give the cursor to begin after: a browser that comes back names the last event it saw."""
    asked = query(request, StreamQuery).after
    last = request.headers.get("Last-Event-ID", "")
    if not last:
        return asked
    if not (last.isascii() and last.isdigit() and len(last) < 17 and int(last) <= _CURSOR_MAX):  # noqa: PLR2004
        raise LocalProtocolError(
            "the Last-Event-ID is not the number of an event",
            code="E-FIELD",
            fix="Leave it out, or send the id of the last event that came",
            field="Last-Event-ID",
        )
    return int(last)


def _end(verdict: asyncio.Future[Ending], ending: Ending) -> None:
    if not verdict.done():
        verdict.set_result(ending)


async def _outcome(talk: Awaitable[Ending], verdict: asyncio.Future[Ending]) -> None:
    """Talk to the end, whatever it is."""
    try:
        ending = await talk
    except _EndedError as ended:
        ending = ended.ending
    except OSError:
        ending = Ending.GONE
    except IntentcastError as error:
        _LOG.warning("a stream of events ends: %s", error)
        ending = Ending.FAILED
    except Exception:  # noqa: BLE001 - a response that has begun can carry no other answer
        _LOG.exception("a stream of events ends by a bug")
        ending = Ending.FAILED
    _end(verdict, ending)


async def _listen(opened: web.WebSocketResponse, verdict: asyncio.Future[Ending]) -> None:
    """Notice when the other side closes, or speaks out of turn."""
    try:
        message = await opened.receive()
    except (OSError, RuntimeError):
        # Lost while a ping was answered.
        _end(verdict, Ending.GONE)
        return
    is_speech = message.type in {WSMsgType.TEXT, WSMsgType.BINARY}
    _end(verdict, Ending.UNEXPECTED if is_speech else Ending.GONE)


async def _part(request: web.Request, voice: Voice, ending: Ending) -> None:
    """Say why, if anybody hears it, and leave nothing waiting for a reader."""
    if ending is not Ending.SLOW and not voice.is_gone:
        with contextlib.suppress(OSError, RuntimeError, TimeoutError):
            async with asyncio.timeout(2 * _CLOSE_S):
                await voice.end(ending)
    transport = request.transport
    if transport is not None and transport.get_write_buffer_size():
        transport.abort()


def _bound_buffer(request: web.Request) -> None:
    """Let the system hold little of what is sent: a reader that is behind shall be seen to be."""
    found = request.get_extra_info("socket")
    if found is not None:
        with contextlib.suppress(OSError):
            found.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)


STREAMS: Final = web.AppKey("STREAMS", Streams)
"""Where a server keeps its streams."""


async def _socket(citizen: Citizen, request: web.Request) -> web.StreamResponse:
    return await request.app[STREAMS].open_socket(citizen, request)


async def _lines(citizen: Citizen, request: web.Request) -> web.StreamResponse:
    return await request.app[STREAMS].open_lines(citizen, request)


STREAM: Final = (
    Operation(
        name="open_event_socket",
        method="GET",
        path="/v1/events/socket",
        summary="Follow the events by WebSocket.",
        scope=Scope.READ,
        answer_media=None,
        also=(426,),
        respond=_socket,
    ),
    Operation(
        name="follow_events",
        method="GET",
        path="/v1/events/stream",
        summary="Follow the events as server-sent events.",
        scope=Scope.READ,
        query=StreamQuery,
        answer_media="text/event-stream",
        respond=_lines,
    ),
)
