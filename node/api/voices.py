"""Two ways to tell news to a reader, and the words with which a stream ends.

Enters: an open WebSocket or response, and documents. Leaves: JSON texts, or server-sent events with
the cursor for their ids. Never here: what to tell, or when.
"""

from __future__ import annotations

import json
from enum import Enum
from typing import Any, Protocol

from aiohttp import web

from node.api.citizen import Document


class Ending(Enum):
    """Why a stream ends: a close code of WebSocket, and the sentence beside it (123 bytes at most).

    Source: RFC 6455, 7.4; from 4000 on codes are a program's own.
    """

    GONE = (1006, "nobody is there any more")
    STOPPING = (1001, "the node stops")
    NOT_TEXT = (1003, "the first message is a JSON text")
    NOT_UNDERSTOOD = (1008, 'the first message is not {"after": N}, N being a cursor or null')
    SILENT = (1008, 'nothing was said; begin with {"after": N}')
    UNEXPECTED = (1008, "after the first message nothing is to be said here")
    FAILED = (1011, "the events cannot be read now; the node's log says why")
    FULL = (1013, "too many streams are open; close a page or a program that follows this node")
    UNWELCOME = (4401, "the token or session that opened this stream is no longer valid")
    SLOW = (4408, "what was sent was not read in time")

    @property
    def code(self) -> int:
        """The close code."""
        return self.value[0]

    @property
    def reason(self) -> str:
        """The sentence."""
        return self.value[1]


class Voice(Protocol):
    """One way to say things to a reader; each call ends when the reader has room for more."""

    @property
    def is_gone(self) -> bool:
        """Whether nobody is there any more."""
        ...

    async def event(self, event: Document) -> None:
        """Tell an event."""
        ...

    async def word(self, name: str, word: Document) -> None:
        """Tell something about the stream itself; it names a cursor."""
        ...

    async def sign(self) -> None:
        """Show that the node is still there."""
        ...

    async def end(self, ending: Ending) -> None:
        """Say why nothing more comes."""
        ...


class SocketVoice:
    """Speaks by WebSocket, one JSON text for each; its pings go by themselves."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        """Take an open one."""
        self._socket = socket

    @property
    def is_gone(self) -> bool:
        """Whether either side has closed it."""
        return self._socket.closed

    async def event(self, event: Document) -> None:
        """Tell an event."""
        await self._socket.send_str(_text(event))

    async def word(self, name: str, word: Document) -> None:  # noqa: ARG002 - the word has it
        """Tell something about the stream."""
        await self._socket.send_str(_text(word))

    async def sign(self) -> None:
        """Leave it to the pings."""

    async def end(self, ending: Ending) -> None:
        """Close it, and wait a moment for the other side to do so too."""
        await self._socket.close(code=ending.code, message=ending.reason.encode())


class LinesVoice:
    """Speaks by server-sent events."""

    def __init__(self, response: web.StreamResponse, request: web.Request) -> None:
        """Take a response that has begun."""
        self._response = response
        self._request = request

    @property
    def is_gone(self) -> bool:
        """Whether the connection is."""
        transport = self._request.transport
        return transport is None or transport.is_closing()

    async def event(self, event: Document) -> None:
        """Tell an event; without a name, so that `onmessage` hears it."""
        await self._write(f"id: {event['n']}\ndata: {_text(event)}\n\n")

    async def word(self, name: str, word: Document) -> None:
        """Tell something about the stream, by its name."""
        await self._write(f"id: {word['cursor']}\nevent: {name}\ndata: {_text(word)}\n\n")

    async def sign(self) -> None:
        """Send a comment."""
        await self._write(": still here\n\n")

    async def end(self, ending: Ending) -> None:
        """Say why, and end the response."""
        word = {"code": ending.code, "reason": ending.reason}
        await self._write(f"event: end\ndata: {_text(word)}\n\n")
        await self._response.write_eof()

    async def _write(self, text: str) -> None:
        await self._response.write(text.encode())


def _text(document: dict[str, Any]) -> str:
    """Write a document on one line, as both ways need it."""
    return json.dumps(document, separators=(",", ":"))
