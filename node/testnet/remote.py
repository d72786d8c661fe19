"""From another terminal to the testnet that runs there.

Enters: a folder, or none: then the one testnet of this user that runs. Leaves: its documents, or
its words as an error. A testnet leaves word in its folder, which stands in the system's folder for
temporary files, can be read by its owner alone and goes when the testnet ends; so nothing else has
to be kept, and nothing stale is believed: whoever is named there must live and answer.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from node.errors import TransportError
from node.testnet.fault import CONTROL_FILE, DASHBOARD_FILE, FAULTS_PATH, FOLDER_PREFIX, Change
from protocol.errors import IntentcastError, LocalProtocolError

Document = dict[str, Any]
LOGIN_PATH: Final = "/v1/login"
_NONE: Final = {
    CONTROL_FILE: "no testnet with faulty links runs here",
    DASHBOARD_FILE: "no testnet with a page runs here",
}
_ANSWER_S: Final = 10.0
_FILE_BYTES_MAX: Final = 4_096
_ANSWER_BYTES_MAX: Final = 4 * 1024 * 1024
_URL: Final = re.compile(r"http://127\.0\.0\.1:(\d{1,5})")
_SHARED: Final = 0o077
_AS_IT_LIES: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What a testnet leaves in its folder."""

    folder: Path
    """Where its homes are."""
    net: str
    """Its network."""
    port: int
    """Where it listens on 127.0.0.1."""
    token: str
    """What that asks for."""


def ask(at: str | None, change: Change | None) -> Document:
    """List the links of a running testnet, or change some.

    Args:
        at: its folder, as it says when it starts; None finds the only one.
        change: None lists.

    Raises:
        TransportError: E-NO-TESTNET, none runs there.
        LocalProtocolError: E-TESTNETS, several run; E-LINK, E-FAULT.
    """
    body = None if change is None else msgspec.json.encode(change)
    return _asked(_found(at, CONTROL_FILE), FAULTS_PATH, body)


def login(at: str | None) -> tuple[Path, Document]:
    """Make a way in to the page of a running testnet: its folder, `link` and `code`, good once.

    Args:
        at: its folder, as it says when it starts; None finds the only one.

    Raises:
        TransportError: E-NO-TESTNET, none with a page runs there.
        LocalProtocolError: E-TESTNETS, several run.
    """
    word = _found(at, DASHBOARD_FILE)
    return word.folder, _asked(word, LOGIN_PATH, b"{}")


def running() -> list[Word]:
    """List the testnets of this user that run here and have a page."""
    return _words(DASHBOARD_FILE)


def _asked(word: Word, path: str, body: bytes | None) -> Document:
    """Ask, and give the answer or the testnet's own words of refusal."""
    connection = http.client.HTTPConnection("127.0.0.1", word.port, timeout=_ANSWER_S)
    headers = {"Authorization": f"Bearer {word.token}", "Content-Type": "application/json"}
    try:
        connection.request("GET" if body is None else "POST", path, body=body, headers=headers)
        answer = connection.getresponse()
        found = dict(msgspec.json.decode(answer.read(_ANSWER_BYTES_MAX), type=Document))
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _none(f"the testnet of {word.folder} does not answer") from error
    finally:
        connection.close()
    if answer.status != http.client.OK:
        raise _refused(found)
    return found


def _found(at: str | None, file: str) -> Word:
    if at is not None:
        folder = Path(os.path.expanduser(at))  # noqa: PTH111 - the other one raises for nobody
        word = _word(folder, file)
        if word is None:
            raise _none(f"no testnet runs in {at[:200]}")
        return word
    words = _words(file)
    if not words:
        raise _none(_NONE[file])
    if len(words) > 1:
        names = ", ".join(f"{word.folder} ({word.net})" for word in words)
        raise LocalProtocolError(
            f"{len(words)} testnets run here",
            code="E-TESTNETS",
            fix=f"Choose with --at:  {names}",
            field="--at",
        )
    return words[0]


def _words(file: str) -> list[Word]:
    here = Path(tempfile.gettempdir())
    folders = sorted(here.glob(f"{FOLDER_PREFIX}*"))
    return [word for folder in folders if (word := _word(folder, file))]


def _word(folder: Path, file: str) -> Word | None:
    """Read what a testnet left; None unless it is ours, whole, and its process lives."""
    try:
        found = json.loads(_own_bytes(folder / file))
        url = _URL.fullmatch(found["url"])
        pid, token, net = int(found["pid"]), str(found["token"]), str(found["net"])
    except (OSError, ValueError, TypeError, KeyError):
        return None
    if url is None or not token.isascii() or not _lives(pid):
        return None
    return Word(folder=folder, net=net, port=int(url[1]), token=token)


def _own_bytes(file: Path) -> bytes:
    """Read a file that is ours alone.

    Raises:
        OSError: it cannot be read.
        ValueError: it is somebody else's, open to others, or no file.
    """
    # Anybody may put a folder of that name beside ours, with a pipe or a link in it.
    with os.fdopen(os.open(file, _AS_IT_LIES), "rb") as opened:
        about = os.fstat(opened.fileno())
        is_ours = about.st_uid == os.getuid() and not about.st_mode & _SHARED
        if not is_ours or not stat.S_ISREG(about.st_mode):
            raise ValueError
        return opened.read(_FILE_BYTES_MAX)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (OSError, OverflowError):
        return False
    return True


def _none(sentence: str) -> TransportError:
    return TransportError(
        sentence,
        code="E-NO-TESTNET",
        fix="Start one:  intentcast testnet up        or name its folder with --at DIR",
    )


def _refused(found: Document) -> IntentcastError:
    """Give the testnet's own words."""
    sentence, code = str(found.get("title", "the testnet refused")), str(found.get("code", ""))
    kind = LocalProtocolError if code in ("E-LINK", "E-FAULT") else TransportError
    return kind(sentence, code=code or "E-FAILED", fix=str(found.get("fix", "")))
