"""One node of a small network, in this process or in one of its own; started, stopped or killed.

Enters: its plan, a home, the addresses it dials. Leaves: a running node with a door to ask at.
Stopped, it says goodbye to its peers; killed, it says nothing, as when the power goes. A process is
only ever ended by the number under which it was started here.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from node.config import CONFIG_FILE, load_settings
from node.daemon import Daemon
from node.entropy import SeededEntropy
from node.errors import TransportError
from node.home import ADDRESS_FILE, TOKEN_FILE, prepare_home
from node.keystore import open_keyring
from node.testnet.door import Door, HttpDoor
from node.testnet.plan import NodePlan

START_S: Final = 30.0
"""Longest wait for a process to answer; a busy machine needs seconds."""
GRACE_S: Final = 5.0
"""How long a process may take to end after SIGTERM."""
RESIDENT: Final = "node.testnet.resident"
"""What a node's process runs."""
_LOOK_S: Final = 0.05
_STDERR_FILE: Final = "stderr.txt"
_TAIL_CHARS: Final = 300
_ROOT: Final = Path(__file__).resolve().parents[2]
"""Where our packages stand: the child finds them there, whatever folder it is started in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a node once it is up."""

    node: str
    """Its id, text form."""
    api: str
    """URL of its local API."""
    listen: str | None
    """host:port others may dial."""


class Node(Protocol):
    """A node that can be started, asked and ended."""

    plan: NodePlan
    home: Path
    facts: Facts
    door: Door

    async def start(self) -> None:
        """Bring it up.

        Raises:
            IntentcastError: why it cannot come up.
        """
        ...

    async def login(self) -> dict[str, Any]:
        """Make a way in to its page for one browser, good once.

        Raises:
            TransportError: it is not up.
        """
        ...

    async def stop(self) -> None:
        """Take it down in order; may be called twice, and before `start`."""
        ...

    async def kill(self) -> None:
        """End it at once, without a word to anybody."""
        ...


def prepare(home: Path, settings: Mapping[str, Any], *, seed: str | None) -> list[str] | None:
    """Make a home: its settings, and with a seed its test keys.

    Args:
        home: not yet there.
        settings: for its `config.toml`.
        seed: what its root derives from; None lets the node draw one.

    Returns:
        The 24 words of a test key, which are no secret; None without a seed.

    Raises:
        ConfigError: E-SEED on `main`; E-HOME.
    """
    prepare_home(home)
    # Texts, numbers, truths and lists of texts are written alike in JSON and TOML.
    lines = [f"{name} = {json.dumps(value)}\n" for name, value in settings.items()]
    (home / CONFIG_FILE).write_text("".join(lines), encoding="utf-8")
    if seed is None:
        return None
    keyring, _ = open_keyring(home, SeededEntropy(seed, net=str(settings["net"])))
    return keyring.words()


class InProcessNode:
    """A node in this process."""

    def __init__(self, plan: NodePlan, home: Path) -> None:
        """Keep plan and home; nothing runs before `start`."""
        self.plan = plan
        self.home = home
        self.facts: Facts
        self.door: Door
        self._daemon: Daemon | None = None

    async def start(self) -> None:
        """Bring it up.

        Raises:
            IntentcastError: why it cannot come up.
        """
        settings = await asyncio.to_thread(load_settings, self.home, environ={})
        daemon = Daemon(self.home, settings)
        ready = await daemon.start()
        self._daemon = daemon
        self.door = daemon.handle
        self.facts = Facts(node=ready.node, api=ready.api_url, listen=ready.listen)

    async def login(self) -> dict[str, Any]:
        """Make a way in to its page for one browser.

        Raises:
            TransportError: it is not up.
        """
        if self._daemon is None:
            raise _is_down(self.plan)
        return self._daemon.access.login_document(self.facts.api)

    async def stop(self) -> None:
        """Take it down in order."""
        daemon, self._daemon = self._daemon, None
        if daemon is not None:
            await daemon.stop()

    async def kill(self) -> None:
        """Cut every connection, then give back its files."""
        daemon, self._daemon = self._daemon, None
        if daemon is not None:
            await daemon.kill()


class ProcessNode:
    """A node in a process of its own.

    Attributes:
        patience_s: how long it may take to come up.
    """

    def __init__(self, plan: NodePlan, home: Path, *, module: str = RESIDENT) -> None:
        """Keep plan and home; nothing runs before `start`.

        Args:
            plan: what it is.
            home: furnished by `prepare`.
            module: what the process runs, with the home as its argument.
        """
        self.plan = plan
        self.home = home
        self._module = module
        self.patience_s = START_S
        self.facts: Facts
        self.door: Door
        self._http: HttpDoor | None = None
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """Its process, while it runs."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Start the process and wait until its API answers.

        Raises:
            TransportError: E-NODE-DOWN, with what it said last; E-TIMEOUT.
        """
        self._process = await self._spawned()
        try:
            async with asyncio.timeout(self.patience_s):
                url = await self._address(self._process)
        except TimeoutError as error:
            raise TransportError(
                f"{self.plan.name} is not up after {self.patience_s:.0f} s",
                code="E-TIMEOUT",
                fix="Start fewer nodes, or leave --processes out",
            ) from error
        token = await asyncio.to_thread((self.home / TOKEN_FILE).read_text, encoding="ascii")
        self.door = self._http = self.knock(url, token.strip())
        status = await self._http.status()
        self.facts = Facts(node=status["node"], api=url, listen=status["listen"])

    def command(self) -> list[str]:
        """Give the program that is the node, and its arguments."""
        return [sys.executable, "-P", "-m", self._module, str(self.home)]

    def knock(self, url: str, token: str) -> HttpDoor:
        """Make the way to its local API."""
        return HttpDoor(url, token)

    async def _spawned(self) -> asyncio.subprocess.Process:
        paths = [str(_ROOT), os.environ.get("PYTHONPATH", "")]
        stderr = await asyncio.to_thread((self.home / _STDERR_FILE).open, "wb")
        try:
            return await asyncio.create_subprocess_exec(
                *self.command(),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=stderr,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
                # Ctrl-C is ours to answer: all nodes end in order.
                start_new_session=True,
            )
        finally:
            stderr.close()

    async def _address(self, process: asyncio.subprocess.Process) -> str:
        """Wait for the file in which the node says where its API is."""
        file = self.home / ADDRESS_FILE
        while not await asyncio.to_thread(file.exists):
            if process.returncode is not None:
                said = await asyncio.to_thread(
                    (self.home / _STDERR_FILE).read_text, "utf-8", "replace"
                )
                raise TransportError(
                    f"{self.plan.name} did not start: {said.strip()[-_TAIL_CHARS:]}",
                    code="E-NODE-DOWN",
                    fix="Run it again, or leave --processes out",
                )
            await asyncio.sleep(_LOOK_S)
        # Written whole or not at all: what is there can be read.
        text = await asyncio.to_thread(file.read_text, encoding="ascii")
        return str(json.loads(text)["url"])

    async def login(self) -> dict[str, Any]:
        """Make a way in to its page for one browser.

        Raises:
            TransportError: it is not up.
        """
        if self._http is None:
            raise _is_down(self.plan)
        return await self._http.begin_login()

    async def stop(self) -> None:
        """Ask the process to end; insist after a grace."""
        await self._end(politely=True)

    async def kill(self) -> None:
        """End the process with SIGKILL."""
        await self._end(politely=False)

    async def _end(self, *, politely: bool) -> None:
        http, self._http = self._http, None
        if http is not None:
            await http.close()
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            if politely:
                process.terminate()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(GRACE_S):
                        await process.wait()
        with contextlib.suppress(ProcessLookupError):
            if process.returncode is None:
                process.kill()
        await process.wait()
        if process.stdin is not None:
            process.stdin.close()


def _is_down(plan: NodePlan) -> TransportError:
    return TransportError(f"{plan.name} is not up", code="E-NODE-DOWN", fix="Look at its log")
