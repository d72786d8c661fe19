"""One node in a process of its own, as its owner starts it: it may die anywhere, and rises again.

Enters: a home folder with its settings, the name of the crash point to die at. Leaves: answers of
the local API, and how each process ended. Only processes started here are ended, each by its own
number.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import shutil
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout

from node.crashpoint import EXIT_CODE

ROOT = Path(__file__).resolve().parents[2]
UP_S = 60.0
"""Longest wait for a process to answer; other work may keep both cores busy."""
ANSWER_S = 40.0
INSIST_S = 240.0
"""Longest a question is repeated: a node that is killed again and again answers late."""
GRACE_S = 15.0
Document = dict[str, Any]
TETHER = ("setpriv", "--pdeathsig", "KILL", "--") if shutil.which("setpriv") else ()
"""Lets no process outlive the test that started it, even one that was killed itself."""


class GoneError(Exception):
    """The process ended before it answered: nobody knows whether it did what was asked."""


class DiedError(Exception):
    """The process ended, at its crash point or by a signal, before it was ready."""


class AnsweredError(Exception):
    """The node answered with a problem."""

    def __init__(self, status: int, document: Document) -> None:
        super().__init__(f"{status} {document.get('code')}: {document.get('title')}")
        self.code = str(document.get("code"))


@dataclass(frozen=True)
class Ack:
    """Something the node said it did: true from now on, whatever happens to its process."""

    house: str
    path: str
    key: str
    body: Document
    answer: Document


@dataclass
class House:
    """A home and the process that runs on it."""

    name: str
    home: Path
    settings: Document
    process: asyncio.subprocess.Process | None = None
    ready: Document = field(default_factory=dict)
    ended: list[int] = field(default_factory=list)
    """Exit codes, in order; a signal as its negative number."""
    acks: list[Ack] = field(default_factory=list)
    shown: set[str] = field(default_factory=set)
    """Ids of offers its API has shown."""
    is_up: asyncio.Event = field(default_factory=asyncio.Event)
    _session: ClientSession | None = None

    # --- its process -------------------------------------------------------------------------

    async def start(self, *, crash: str = "") -> None:
        """Start the process and wait until it says that it is ready.

        Raises:
            DiedError: it ended before.
        """
        await self.launch(crash=crash)
        await self.until_ready()

    async def launch(self, *, crash: str = "") -> None:
        """Start the process; it is not ready yet."""
        assert self.process is None, f"{self.name} runs already"
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Texts, numbers, truths and lists of texts are written alike in JSON and TOML.
        lines = [f"{name} = {json.dumps(value)}\n" for name, value in self.settings.items()]
        (self.home / "config.toml").write_text("".join(lines), encoding="utf-8")
        with (self.home / "stderr.txt").open("ab") as stderr:
            self.process = await asyncio.create_subprocess_exec(
                *TETHER,
                *(sys.executable, "-P", "-m", "node.cli.main"),
                *("--home", str(self.home), "--json", "up"),
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
                env=environment(crash),
                start_new_session=True,
            )

    async def until_ready(self) -> None:
        """Wait for the line in which the node says where its API is.

        Raises:
            DiedError: the process ended before.
        """
        process = self.process
        assert process is not None
        assert process.stdout is not None
        async with asyncio.timeout(UP_S):
            line = await process.stdout.readline()
        if not line:
            await self.until_ended()
            raise DiedError(f"{self.name} ended with {self.ended[-1]} before it was ready")
        self.ready = json.loads(line)
        token = (self.home / "api.token").read_text(encoding="ascii").strip()
        headers = {"Authorization": f"Bearer {token}"}
        self._session = ClientSession(base_url=self.ready["api"], headers=headers)
        listen = self.ready["listen"]
        if listen is not None:
            # Whoever dials it finds it again at the same place.
            self.settings["listen_port"] = int(listen.rpartition(":")[2])
        self.is_up.set()

    async def until_ended(self) -> int:
        """Wait for the end of the process; give its exit code."""
        process = self.process
        assert process is not None, f"{self.name} is down"
        code = await process.wait()
        if self.process is process:
            await self._cleared(code)
        return code

    async def _cleared(self, code: int) -> None:
        self.is_up.clear()
        self.process = None
        self.ended.append(code)
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def kill(self) -> None:
        """End the process at once, as when the power goes."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            await self.until_ended()

    async def stop(self) -> int:
        """Ask the process to end; give its exit code."""
        process = self.process
        assert process is not None, f"{self.name} is down"
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(GRACE_S):
                return await self.until_ended()
        except TimeoutError:
            await self.kill()
            raise AssertionError(f"{self.name} did not end within {GRACE_S} s") from None

    @property
    def has_crashed(self) -> bool:
        """Whether its last process died at a crash point."""
        return self.process is None and self.ended[-1:] == [EXIT_CODE]

    # --- its API -----------------------------------------------------------------------------

    async def get(self, path: str) -> Document:
        """Read a document, through any number of restarts."""
        found: Document = json.loads(await self.fetch(path))
        return found

    async def fetch(self, path: str) -> bytes:
        """Read bytes, through any number of restarts."""
        return await self._insist("GET", path)

    async def post(self, path: str, body: Document, *, key: str) -> Document:
        """Ask for something to be done, again under the same key until an answer comes."""
        raw = json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        answer: Document = json.loads(await self._insist("POST", path, data=raw, headers=headers))
        self.acks.append(Ack(self.name, path, key, body, answer))
        return answer

    async def send_feed(self, feed: str, **query: str) -> Document:
        """Import a feed; repeated until an answer comes."""
        headers = {"Content-Type": "application/octet-stream"}
        raw = await self._insist(
            "POST", "/v1/vendor/import", data=feed.encode(), headers=headers, params=query
        )
        answer: Document = json.loads(raw)
        return answer

    async def _insist(self, method: str, path: str, **parts: Any) -> bytes:
        async with asyncio.timeout(INSIST_S):
            while True:
                await self.is_up.wait()
                with contextlib.suppress(GoneError):
                    return await self._ask(method, path, **parts)
                # Its end is noticed by whoever started it.
                await asyncio.sleep(0.02)

    async def _ask(self, method: str, path: str, **parts: Any) -> bytes:
        if self._session is None:
            raise GoneError(self.name)
        timeout = ClientTimeout(total=ANSWER_S)
        try:
            async with self._session.request(method, path, timeout=timeout, **parts) as answer:
                raw = await answer.read()
        except (ClientError, OSError, RuntimeError) as error:
            # A session that was closed meanwhile says so with a RuntimeError.
            raise GoneError(self.name) from error
        if answer.status >= 300:
            raise AnsweredError(answer.status, json.loads(raw))
        return raw


def environment(crash: str) -> dict[str, str]:
    """Give a child what it needs: our packages, its crash point, and no tracer.

    Measured children would start twice as slowly, and one that dies at once reports nothing anyway.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COVERAGE_", "COV_", "INTENTCAST_"))
    }
    found = kept | {"PYTHONPATH": str(ROOT)}
    return found | {"INTENTCAST_CRASH": crash} if crash else found


def key_of(*parts: object) -> str:
    """Name a request, the same for the same parts."""
    return hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()
