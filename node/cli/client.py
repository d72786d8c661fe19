"""The way to the running node: its address and token from the home, its answers as documents.

Enters: a home, paths and bodies. Leaves: documents, bytes, or the node's own words as an error.
Only loopback is ever asked, and only while the process that wrote the address lives: the token
must not reach a stranger's program that took over the port.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Protocol
from urllib.parse import quote, urlencode

from node.api.kinds import ErrorKind
from node.cli.failures import AnsweredError
from node.entropy import SystemEntropy
from node.errors import TransportError
from node.home import ADDRESS_FILE, TOKEN_FILE, check_folder

_ANSWER_S: Final = 30.0
"""Longest wait for an ordinary answer: signing a cast works for seconds."""
_FEED_S: Final = 900.0
_SLACK_S: Final = 5.0
LONG_S: Final = 900.0
"""Longest wait for what moves a whole home: a backup."""
WAIT_S: Final = 5.0
"""Longest single wait for news."""
_ANSWER_BYTES_MAX: Final = 64 * 1024 * 1024
_CHUNK_BYTES: Final = 256 * 1024
_URL: Final = re.compile(r"http://(?P<host>127\.0\.0\.1|localhost|\[::1\]):(?P<port>\d{1,5})/?")
_FILE_BYTES_MAX: Final = 4_096
_LAST_CURSOR: Final = 2**53
"""After every event there will ever be; the answer names the newest there is."""

Document = dict[str, Any]
Body = bytes | Iterator[bytes] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    """HTTP status."""
    media: str
    """Media type without parameters."""
    body: bytes
    """As received."""


class Transport(Protocol):
    """Sends one request and gives its answer."""

    def __call__(
        self, method: str, path: str, headers: Mapping[str, str], body: Body, timeout_s: float
    ) -> Answer:
        """Send.

        Raises:
            OSError: nothing answers, or not in time.
            HTTPException: what answers does not speak HTTP.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpTransport:
    """Plain HTTP to loopback."""

    host: str
    """Loopback name."""
    port: int
    """TCP port."""

    def __call__(
        self, method: str, path: str, headers: Mapping[str, str], body: Body, timeout_s: float
    ) -> Answer:
        """Send one request on a connection of its own."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout_s)
        try:
            connection.request(method, path, body=body, headers=dict(headers))
            response = connection.getresponse()
            return Answer(
                status=response.status,
                media=response.headers.get_content_type(),
                body=response.read(_ANSWER_BYTES_MAX),
            )
        finally:
            connection.close()


def node_down(home: Path, detail: str = "") -> TransportError:
    """Say that no node answers for a home."""
    sentence = f"The node is not running: {detail}" if detail else "The node is not running"
    return TransportError(
        sentence,
        code="E-NODE-DOWN",
        fix=f"Start it:  intentcast up        (home: {home})",
    )


def _small_file(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return file.read(_FILE_BYTES_MAX).decode("utf-8", "replace")
    except FileNotFoundError:
        return None


def _lives(pid: int) -> bool:
    if sys.platform == "win32":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        # Somebody else's process has that number now: ours is gone.
        return False
    return True


def _address(home: Path) -> tuple[str, int]:
    """Read where the node of a home listens.

    Raises:
        TransportError: E-NODE-DOWN.
        ConfigError: E-HOME when the home is no folder.
    """
    check_folder(home)
    text = _small_file(home / ADDRESS_FILE)
    if text is None:
        raise node_down(home, "" if home.exists() else "this home does not exist yet")
    try:
        found = json.loads(text)
        url, pid = _URL.fullmatch(found["url"]), int(found["pid"])
    except (ValueError, TypeError, KeyError):
        url, pid = None, 0
    if url is None or pid <= 0:
        raise node_down(home, f"its {ADDRESS_FILE} is damaged")
    if not _lives(pid):
        raise node_down(home)
    return url["host"].strip("[]"), int(url["port"])


class NodeClient:
    """Asks one node."""

    def __init__(self, home: Path, transport: Transport, token: str) -> None:
        """Keep the way and the token."""
        self._home = home
        self._transport = transport
        self._token = token

    @classmethod
    def of_home(cls, home: Path) -> NodeClient:
        """Find the node that runs for a home.

        Raises:
            TransportError: E-NODE-DOWN when none does.
            ConfigError: E-HOME when the home is no folder.
        """
        host, port = _address(home)
        token = (_small_file(home / TOKEN_FILE) or "").strip()
        if not token.isascii() or not token.isprintable():
            token = ""
        return cls(home, HttpTransport(host=host, port=port), token)

    # --- asking ----------------------------------------------------------------------------

    def get(self, path: str, **query: Any) -> Document:
        """Read a document."""
        return _document(self._send("GET", _with_query(path, query)))

    def get_long(self, path: str, **query: Any) -> Document:
        """Read a document that takes the node a while to make; one that is stuck is not waited for.

        Raises:
            TransportError: E-NODE-DOWN; E-TIMEOUT when it does not even say that it lives.
        """
        self._send("GET", "/livez", wait_s=_SLACK_S)
        return _document(self._send("GET", _with_query(path, query), wait_s=_FEED_S))

    def get_bytes(self, path: str) -> bytes:
        """Read a file."""
        return self._send("GET", path).body

    def post(self, path: str, body: Document, *, wait_s: float = _ANSWER_S) -> Document:
        """Ask for something to be done, once, however often the line breaks."""
        raw = json.dumps(body).encode()
        key = SystemEntropy().bytes(16).hex()
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        try:
            return _document(self._send("POST", path, headers=headers, body=raw, wait_s=wait_s))
        except _BrokenLineError:
            return _document(self._send("POST", path, headers=headers, body=raw, wait_s=wait_s))

    def post_file(self, path: str, file: IO[bytes], **query: Any) -> Document:
        """Send a file, chunk by chunk."""
        chunks = iter(lambda: file.read(_CHUNK_BYTES), b"")
        headers = {"Content-Type": "application/octet-stream", "Transfer-Encoding": "chunked"}
        target = _with_query(path, query)
        return _document(self._send("POST", target, headers=headers, body=chunks, wait_s=_FEED_S))

    def news(self, after: int, wait_s: float) -> tuple[list[Document], int]:
        """Wait for events after a cursor; give them and the cursor to go on from."""
        wait = max(0.0, min(wait_s, WAIT_S))
        target = _with_query("/v1/events", {"after": after, "wait": round(wait, 3)})
        found = _document(self._send("GET", target, wait_s=wait + _SLACK_S + _ANSWER_S))
        return list(found["events"]), int(found["cursor"])

    def is_ready(self) -> bool:
        """Ask whether the node can do its work now.

        Raises:
            TransportError: E-NODE-DOWN, E-TIMEOUT.
        """
        try:
            return bool(self.get("/readyz")["ready"])
        except AnsweredError:
            return False

    def get_soon(self, path: str, wait_s: float) -> Document:
        """Read a document, or give up early: for what is of no use later.

        Raises:
            TransportError: E-TIMEOUT among others.
        """
        return _document(self._send("GET", path, wait_s=wait_s))

    def cursor(self) -> int:
        """Give the cursor of the newest event."""
        return self.news(_LAST_CURSOR, 0)[1]

    def _send(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: Body = None,
        wait_s: float = _ANSWER_S,
    ) -> Answer:
        found = {"Authorization": f"Bearer {self._token}", **(headers or {})}
        try:
            answer = self._transport(method, path, found, body, wait_s)
        except TimeoutError as error:
            raise TransportError(
                f"the node did not answer within {wait_s:.0f} s",
                code="E-TIMEOUT",
                fix="Look whether it did what you asked: intentcast status, intentcast casts",
            ) from error
        except ConnectionRefusedError as error:
            raise node_down(self._home) from error
        except (OSError, http.client.HTTPException) as error:
            raise self._broken(error) from error
        if answer.media == "application/problem+json":
            raise _answered(answer.body)
        return answer

    def _broken(self, error: Exception) -> _BrokenLineError:
        """Say which it was: the node ended, or it runs and does not answer."""
        what = type(error).__name__
        try:
            _ = _address(self._home)
        except TransportError:
            return _BrokenLineError(
                f"The node is not running: the connection broke ({what})",
                code="E-NODE-DOWN",
                fix="Look whether it did what you asked: intentcast up, then intentcast casts",
            )
        return _BrokenLineError(
            f"The node runs and does not answer: it ended the connection ({what})",
            code="E-NO-ANSWER",
            fix="See what is wrong:  intentcast doctor        If nothing is, try again",
        )


class _BrokenLineError(TransportError):
    """The connection ended before the answer; the key makes a second try harmless."""


def handle_path(handle: str) -> str:
    """Put what a person typed into a path, whatever it holds."""
    # A dot alone would be taken for a folder.
    return quote(handle, safe="").replace(".", "%2E")


def _with_query(path: str, query: Mapping[str, Any]) -> str:
    given = {name: _text(value) for name, value in query.items() if value is not None}
    return f"{path}?{urlencode(given)}" if given else path


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _document(answer: Answer) -> Document:
    try:
        found = json.loads(answer.body)
    except ValueError:
        found = None
    if not isinstance(found, dict) or "schema" not in found:
        raise TransportError(
            "Another program answers where the node should",
            code="E-NODE-DOWN",
            fix="Start the node on a free port:  intentcast up --api-port 0",
        )
    return found


def _answered(body: bytes) -> AnsweredError:
    try:
        found = json.loads(body)
        kind = ErrorKind(found["kind"])
        code, sentence = str(found["code"]), str(found["title"])
    except (ValueError, TypeError, KeyError):
        return AnsweredError(
            "the node refused in words not understood here",
            kind=ErrorKind.FAILED,
            code="E-FAILED",
            fix="Use the command and the node of one version: intentcast --version",
            field="",
        )
    return AnsweredError(
        sentence,
        kind=kind,
        code=code,
        fix=str(found.get("fix", "")),
        field=str(found.get("field", "")),
    )
