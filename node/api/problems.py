"""Failures as HTTP says them: RFC 9457 documents and the one table of statuses.

Enters: errors of this product, refusals of the guards, and what nobody foresaw. Leaves: a response
`application/problem+json` with `code`, `fix`, `field` and `kind`. Never a traceback: what was not
foreseen goes to the log under a short id, and only the id goes out.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from itertools import count
from typing import Any, Final

import msgspec
from aiohttp import web

from node.api.kinds import ErrorKind, kind_of
from protocol.errors import IntentcastError

_LOG = logging.getLogger(__name__)
_BUGS = count(1)

STATUS: dict[ErrorKind, int] = {
    ErrorKind.INPUT: 422,
    ErrorKind.REFUSED: 409,
    ErrorKind.NOT_FOUND: 404,
    ErrorKind.LOCKED: 423,
    ErrorKind.DAMAGED: 503,
    ErrorKind.TIMEOUT: 408,
    ErrorKind.NODE_DOWN: 503,
    ErrorKind.PEER: 424,
    ErrorKind.FAILED: 503,
    ErrorKind.INTERNAL: 500,
}
"""The only place where a failure becomes a status."""

_STATUS_OF_CODE = {"E-JSON": 400, "E-REQUEST": 400, "E-DISK-FULL": 507, "E-LOGIN-PAUSE": 429}
"""Finer than the kind: what is not even a request, what may come again later."""
RETRY_S: Final = 60
"""After so long a pause is over, whoever caused it."""


class GateError(IntentcastError):
    """A guard of the API says no before any handler has seen the request."""

    default_code = "E-REQUEST"

    def __init__(
        self,
        status: int,
        sentence: str,
        *,
        code: str,
        fix: str,
        field: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Keep the status, and headers that have to go with it, beside the facts."""
        super().__init__(sentence, code=code, fix=fix, field=field)
        self.status = status
        self.headers: Mapping[str, str] = headers or {}


def _kind(error: IntentcastError) -> ErrorKind:
    if isinstance(error, GateError):
        return ErrorKind.NOT_FOUND if error.code == "E-NOT-FOUND" else ErrorKind.REFUSED
    return kind_of(error)


def status_of(error: IntentcastError) -> int:
    """Give the status of an error."""
    if isinstance(error, GateError):
        return error.status
    return _STATUS_OF_CODE.get(error.code, STATUS[kind_of(error)])


def document(error: IntentcastError, status: int) -> dict[str, Any]:
    """Write an error as an RFC 9457 document."""
    found: dict[str, Any] = {
        "type": f"urn:intentcast:problem:{error.code}",
        "title": error.sentence,
        "status": status,
        "code": error.code,
        "kind": _kind(error).value,
        "fix": error.fix,
    }
    return found | {"field": error.field} if error.field else found


def problem(error: IntentcastError) -> web.Response:
    """Answer with an error."""
    status = status_of(error)
    response = web.Response(
        body=msgspec.json.encode(document(error, status)),
        status=status,
        content_type="application/problem+json",
        charset="utf-8",
    )
    response.headers.update(headers_of(error))
    return response


def headers_of(error: IntentcastError) -> dict[str, str]:
    """Give the headers that go with an error, whatever form its answer has."""
    found = dict(error.headers) if isinstance(error, GateError) else {}
    if isinstance(error, GateError) and error.code == "E-TOKEN":
        found["WWW-Authenticate"] = "Bearer"
    if status_of(error) == web.HTTPTooManyRequests.status_code:
        found["Retry-After"] = str(RETRY_S)
    return found


def bug(error: Exception, path: str) -> IntentcastError:
    """Give what is told of what nobody foresaw: the log keeps the story, the answer only its id."""
    log_id = f"bug-{next(_BUGS)}"
    _LOG.error("%s: unexpected error at %r", log_id, path[:80], exc_info=error)
    return IntentcastError(
        f"something unexpected happened; it is a bug (log line {log_id})",
        code="E-INTERNAL",
        fix="Look for that line in the node's output and report it",
    )
