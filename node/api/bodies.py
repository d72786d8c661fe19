"""What requests may say: one typed record per body, and how bytes become one.

Enters: a request. Leaves: a typed body, or a refusal that names the member at fault. Unknown
members are refused with the nearest known one: a misspelt `disclose` must not be ignored.
"""

from __future__ import annotations

import asyncio
import difflib
import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final, TypeAlias, TypeVar
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from node.api.faults_of_members import fault_of
from node.api.guards import BODY_BYTES_MAX, body_too_large
from node.api.strict_json import read_json
from node.runtime.holds import HOLD_S_MAX
from protocol.errors import LocalProtocolError

FIELD_CHARS_MAX = 2_000
"""Characters of one disclosed value."""
_FORM_FIELDS_MAX: Final = 1_000
BODY_S: Final = 10.0
"""A body may take so long to come, s; of a feed, the next piece of it."""

Document: TypeAlias = dict[str, Any]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
Value = Annotated[str, msgspec.Meta(min_length=1, max_length=FIELD_CHARS_MAX)]
HandleText = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]


class AcceptBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """POST /v1/offers/{handle}/accept."""

    options: Annotated[
        list[Annotated[int, msgspec.Meta(ge=0, le=49)]], msgspec.Meta(max_length=50)
    ] = []
    """Indexes of optional lines taken."""
    slot: Annotated[int, msgspec.Meta(ge=0, le=19)] | None = None
    """Index of the time chosen."""
    disclose: Annotated[dict[Name, Value], msgspec.Meta(max_length=16)] | None = None
    """Field -> value for this vendor alone; null takes what the cast's owner wrote down."""
    anyway: bool = False
    """Accept although a must is unmet or the budget is passed."""


class HoldBody(AcceptBody, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """POST /v1/offers/{handle}/hold: as an acceptance, and how long it can be undone."""

    hold_s: Annotated[int, msgspec.Meta(ge=0, le=HOLD_S_MAX)] = 10
    """Seconds before it is signed."""


class DecideBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """POST /v1/deals/{handle}/decide."""

    confirm: bool
    """Yes or no."""
    reason: Annotated[str, msgspec.Meta(max_length=40)] = ""
    """Reason code of a no."""


class RevokeBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """POST /v1/revoke."""

    handle: HandleText
    """Cast or offer."""


class PeerBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """POST /v1/peers."""

    address: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
    """`host:port` or `intentcast://KEY@host:port`."""


class EventsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """GET /v1/events."""

    after: Annotated[int, msgspec.Meta(ge=0, le=2**53)] = 0
    """Cursor of the last event already seen."""
    wait: Annotated[float, msgspec.Meta(ge=0, le=60)] = 0
    """Seconds to wait for one."""


_Weight = Annotated[int, msgspec.Meta(ge=0, le=100)]


class WeightsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """GET /v1/casts/{handle}/offers: how much each term of the order counts, 0-100."""

    preferences: _Weight = 1
    """Weighted preferences met."""
    total: _Weight = 1
    """What is to be paid, all in."""
    date: _Weight = 1
    """Days off the days asked for."""
    distance: _Weight = 1
    """How far the buyer has to go."""
    trust: _Weight = 1
    """What this node knows of the vendor."""


class NoQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Most paths take no parameters."""


class NoBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A POST that says all by its path; `{}`."""


T = TypeVar("T")
_UNKNOWN = re.compile(r"unknown field `(?P<name>.*?)`")
_AT = re.compile(r" - at `\$\.?(?P<path>.*?)`$")


def converted(value: Any, kind: type[T], *, strict: bool = True) -> T:
    """Type a plain value.

    Raises:
        LocalProtocolError: E-FIELD, naming the member.
    """
    try:
        return msgspec.convert(value, kind, strict=strict)
    except msgspec.ValidationError as error:
        raise _refusal(str(error), kind) from error


def _refusal(sentence: str, kind: Any) -> LocalProtocolError:
    names = [field.encode_name for field in msgspec.structs.fields(kind)]
    if found := _UNKNOWN.search(sentence):
        name = found["name"]
        near = difflib.get_close_matches(name, names, 1)
        known = ", ".join(names) or "none"
        return LocalProtocolError(
            f"'{name[:40]}' is not known here",
            code="E-FIELD",
            fix=f"Did you mean {near[0]}?" if near else f"Known: {known}",
            field=name[:40],
        )
    where = _AT.search(sentence)
    field = where["path"] if where else ""
    detail = _AT.sub("", sentence)
    fault = fault_of(detail, field, kind)
    return LocalProtocolError(fault.sentence, code="E-FIELD", fix=fault.fix, field=field)


async def json_body(request: web.Request) -> tuple[bytes, Any]:
    """Read a JSON body: its bytes and its value.

    Raises:
        GateError: 413 when it is larger than it said or may be.
        LocalProtocolError: E-JSON, E-TIMEOUT.
    """
    raw = await raw_body(request)
    return raw, read_json(raw)


async def form_body(request: web.Request) -> dict[str, str]:
    """Read a browser's form in which no field stands twice.

    Raises:
        GateError: 413 when it is larger than it said or may be.
        LocalProtocolError: E-FIELD, E-TIMEOUT.
    """
    raw = await raw_body(request)
    found: dict[str, str] = {}
    try:
        pairs = parse_qsl(
            raw.decode("utf-8"),
            keep_blank_values=True,
            strict_parsing=bool(raw),
            errors="strict",
            max_num_fields=_FORM_FIELDS_MAX,
        )
    except ValueError as error:
        raise LocalProtocolError(
            "the form cannot be read", code="E-FIELD", fix="Send name=value pairs joined by &"
        ) from error
    for name, value in pairs:
        if name in found:
            raise LocalProtocolError(
                f"'{name[:40]}' stands twice", code="E-FIELD", fix="Send it once", field=name[:40]
            )
        found[name] = value
    return found


async def raw_body(request: web.Request) -> bytes:
    """Read a body of any form.

    Raises:
        GateError: 413 when it is larger than it said or may be.
        LocalProtocolError: E-TIMEOUT, it did not come in time.
    """
    return await in_time(_whole_body(request))


async def _whole_body(request: web.Request) -> bytes:
    raw = bytearray()
    async for chunk in request.content.iter_any():
        raw += chunk
        if len(raw) > BODY_BYTES_MAX:
            raise body_too_large()
    return bytes(raw)


async def in_time(reading: Awaitable[T]) -> T:
    """Wait for bytes that a request has announced, not for ever.

    Raises:
        LocalProtocolError: E-TIMEOUT, they do not come.
    """
    try:
        async with asyncio.timeout(BODY_S):
            return await reading
    except TimeoutError as error:
        raise LocalProtocolError(
            f"the body did not come within {BODY_S:.0f} s",
            code="E-TIMEOUT",
            fix="Send it right behind the headers, as long as Content-Length says",
        ) from error


def query(request: web.Request, kind: type[T]) -> T:
    """Type the parameters of a path.

    Raises:
        LocalProtocolError: E-FIELD, also when one stands twice.
    """
    for name in request.query:
        if len(request.query.getall(name)) > 1:
            raise LocalProtocolError(
                f"'{name[:40]}' stands twice", code="E-FIELD", fix="Send it once", field=name[:40]
            )
    return converted(dict(request.query), kind, strict=False)


def typed(kind: type[T]) -> Callable[[Any], T]:
    """Give the function that types a plain value."""
    return lambda value: converted(value, kind)


def plain_object(value: Any) -> Document:
    """Take a JSON object as it is; what may stand in it is checked further in.

    Raises:
        LocalProtocolError: E-FIELD.
    """
    if not isinstance(value, dict):
        raise LocalProtocolError(
            "the body is not a JSON object", code="E-FIELD", fix='Start it with { "title": ...'
        )
    return value
