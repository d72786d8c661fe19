"""What one entry of the API is: where it stands, who may ask, what goes in, what comes out.

Enters: functions of the handle and the records of what is sent to them. Leaves: operations, each a
route for the server and an entry of the API's description. Never: a path that is not described, or
one without a word on who may ask.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar

import msgspec
from aiohttp import web

from node.api.bodies import NoQuery, json_body, query
from node.api.citizen import Citizen, Document
from node.api.kinds import ErrorKind
from node.api.problems import GateError
from node.crashpoint import crashpoint
from node.runtime.visitors import Scope as Scope  # noqa: PLC0414 - every operation names one
from protocol.errors import LocalProtocolError

Respond: TypeAlias = Callable[[Citizen, web.Request], Awaitable[web.StreamResponse]]
"""Answers a request for the node it is given."""
T = TypeVar("T")

JSON: Final = "application/json"
_KEY_SHAPE = re.compile(r"[!-~]{1,128}")
_HANDLE_CHARS_MAX: Final = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method on one path."""

    name: str
    """Unique, as programs call it: `accept_offer`."""
    method: str
    path: str
    """With `{handle}` where a name stands."""
    summary: str
    """One line, for people."""
    respond: Respond
    scope: Scope | None
    """What the caller's token must have; None where nobody has to show one."""
    query: type = NoQuery
    """Record of its parameters."""
    body: Any = None
    """Type of what is sent; None for nothing."""
    body_media: str = JSON
    answer: Any = None
    """Type of the document it answers with; None where that is no JSON."""
    answer_media: str | None = JSON
    """None where it speaks on in another protocol."""
    answer_statuses: tuple[int, ...] = (200,)
    """Statuses its document comes with."""
    takes_forms: bool = False
    """Whether a browser's form may come in place of JSON."""
    is_once: bool = False
    """Whether it heeds an Idempotency-Key."""
    refusals: tuple[ErrorKind, ...] = ()
    """Kinds of failure it may end in, beside those any request may meet."""
    also: tuple[int, ...] = ()
    """Statuses of its own, which no kind stands for."""

    def route(self, citizen: Citizen) -> web.RouteDef:
        """Give the route the server takes."""
        return web.route(self.method, self.path, partial(self.respond, citizen))


def answer(document: Document) -> web.Response:
    """Answer with a document."""
    return web.Response(body=msgspec.json.encode(document), content_type=JSON, charset="utf-8")


def handle_of(request: web.Request) -> str:
    """Give the name in a path.

    Raises:
        GateError: 404 E-NOT-FOUND when nothing could go by it.
    """
    handle = request.match_info["handle"]
    if len(handle) > _HANDLE_CHARS_MAX or not handle.isprintable():
        raise GateError(
            404, "nothing goes by that name", code="E-NOT-FOUND", fix="Copy it from the list"
        )
    return handle


# --- what handlers are made of -------------------------------------------------------------------


def reads(ask: Callable[[Citizen], Awaitable[Document]]) -> Respond:
    """Make the handler of a question without parameters."""

    async def respond(citizen: Citizen, request: web.Request) -> web.Response:
        query(request, NoQuery)
        return answer(await ask(citizen))

    return respond


def reads_one(ask: Callable[[Citizen, str], Awaitable[Document]]) -> Respond:
    """Make the handler of a question about one thing."""

    async def respond(citizen: Citizen, request: web.Request) -> web.Response:
        query(request, NoQuery)
        return answer(await ask(citizen, handle_of(request)))

    return respond


def reads_with(kind: type[T], ask: Callable[[Citizen, T], Awaitable[Document]]) -> Respond:
    """Make the handler of a question with parameters.

    Args:
        kind: of the parameters.
        ask: answers.
    """

    async def respond(citizen: Citizen, request: web.Request) -> web.Response:
        return answer(await ask(citizen, query(request, kind)))

    return respond


def acts(read: Callable[[Any], T], act: Callable[[Citizen, T], Awaitable[Document]]) -> Respond:
    """Make the handler of a POST that may be repeated without harm: read, typed, done, answered.

    Args:
        read: types the body.
        act: does it; its errors become problems further out.
    """

    async def respond(citizen: Citizen, request: web.Request) -> web.Response:
        query(request, NoQuery)
        _, value = await json_body(request)
        return answer(await act(citizen, read(value)))

    return respond


def acts_on(
    read: Callable[[Any], T], act: Callable[[Citizen, str, T], Awaitable[Document]]
) -> Respond:
    """Make the handler of a POST about one thing that may be repeated without harm.

    Args:
        read: types the body.
        act: does it, given the name in the path.
    """

    async def respond(citizen: Citizen, request: web.Request) -> web.Response:
        query(request, NoQuery)
        _, value = await json_body(request)
        return answer(await act(citizen, handle_of(request), read(value)))

    return respond


def acts_once(
    read: Callable[[Any], T],
    act: Callable[[Citizen, web.Request, T], Awaitable[Document]],
) -> Respond:
    """Make the handler of a POST that is done once for each Idempotency-Key.

    Args:
        read: types the body.
        act: does it.
    """

    async def respond(citizen: Citizen, request: web.Request) -> web.Response:
        query(request, NoQuery)
        raw, value = await json_body(request)
        body = read(value)
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return answer(await act(citizen, request, body))
        _check_key(key)
        asked = b"\0".join((request.method.encode(), request.path.encode(), raw))
        body_hash = hashlib.blake2b(asked, digest_size=32).digest()
        done = await citizen.idempotent(key, body_hash, lambda: act(citizen, request, body))
        crashpoint("api.before_answer")
        return answer(done)

    return respond


def _check_key(key: str) -> None:
    if not _KEY_SHAPE.fullmatch(key):
        raise LocalProtocolError(
            "the Idempotency-Key is not 1-128 visible ASCII characters",
            code="E-FIELD",
            fix="Send a random text of letters and digits",
            field="Idempotency-Key",
        )
