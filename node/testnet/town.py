"""A whole small network: brought up wave by wave, looked after, and gone without a trace.

Enters: a plan and a folder. Leaves: running nodes, all linked, shops stocked and open. Whatever
happens, every node started here is ended here, and a temporary folder is removed.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

from node.errors import ConfigError, RefusedError, TransportError
from node.testnet import shops
from node.testnet.crossing import Crossing
from node.testnet.fault import FOLDER_PREFIX
from node.testnet.nodes import InProcessNode, Node, ProcessNode, prepare
from node.testnet.plan import NodePlan, Part, Plan

LOG_FILE: Final = "testnet.log"
_SETTLE_S: Final = 20.0
"""Longest wait for links, and for shops to open ..."""
_SETTLE_NODE_S: Final = 1.0
"""... and for each node this much more: they share the machine."""
_LOOK_S: Final = 0.05
_MAILBOXES: Final = 3
"""What a cast names, where there are that many relays."""
_FILES_MAX: Final = 65_536
"""What is asked of a system that sets no limit."""


class Town:
    """The nodes of one plan."""

    def __init__(
        self,
        plan: Plan,
        folder: Path,
        *,
        processes: bool = False,
        crossing: Crossing | None = None,
        on_up: Callable[[Node], None] = lambda _: None,
    ) -> None:
        """Prepare; nothing runs before `start`.

        Args:
            plan: who there is.
            folder: where the homes go; it exists.
            processes: a process for each node.
            crossing: the doors everybody dials through, where links may be made faulty; the
                caller's to close.
            on_up: hears of each node that is up.
        """
        self.plan = plan
        self.folder = folder
        self.words: dict[str, list[str]] = {}
        self.nodes: dict[str, Node] = {}
        self._kind = ProcessNode if processes else InProcessNode
        self._crossing = crossing
        self._on_up = on_up

    def of(self, part: Part) -> list[Node]:
        """List the nodes of one part that are up."""
        return [node for node in self.nodes.values() if node.plan.part is part]

    async def start(self) -> None:
        """Bring up all waves, stock the shops, wait until everybody is linked.

        Raises:
            IntentcastError: the first reason why a node cannot come up; E-TIMEOUT.
        """
        for wave in self.plan.waves():
            ended = await asyncio.gather(*map(self._open, wave), return_exceptions=True)
            for outcome in ended:
                if isinstance(outcome, BaseException):
                    raise outcome
        await self._settle()

    async def _open(self, plan: NodePlan) -> None:
        home = self.folder / plan.name
        door = await self._crossing.door(plan.name) if self._crossing else ""
        await asyncio.to_thread(self._furnish, plan, home, door)
        node = self._kind(plan, home)
        try:
            await node.start()
            if self._crossing and node.facts.listen:
                self._crossing.listens(plan.name, node.facts.listen)
            if plan.shop is not None:
                await shops.stock(home, node.door)
        except BaseException:
            await node.stop()
            raise
        self.nodes[plan.name] = node
        self._on_up(node)

    def _furnish(self, plan: NodePlan, home: Path, door: str) -> None:
        """Put into a home what its node finds there.

        Args:
            plan: who lives there.
            home: not yet there.
            door: host:port it dials through; empty for none.
        """
        addresses = [self.nodes[name].facts.listen or "" for name in plan.dials]
        seed = None if self.plan.seed is None else f"{self.plan.seed}/{plan.name}"
        settings = self.plan.settings(plan, addresses) | {"dial_through": door}
        words = prepare(home, settings, seed=seed)
        if words is not None:
            self.words[plan.name] = words
        if plan.shop is not None:
            shops.furnish(home, plan.shop, plan.number)

    async def _settle(self) -> None:
        """Wait until every buyer knows enough mailboxes and every shop is open."""
        waiting = [*self.of(Part.VENDOR), *self.of(Part.BUYER)]
        patience_s = _SETTLE_S + _SETTLE_NODE_S * len(self.nodes)
        try:
            async with asyncio.timeout(patience_s):
                while waiting:
                    waiting = [node for node in waiting if not await self._is_settled(node)]
                    await asyncio.sleep(_LOOK_S if waiting else 0)
        except TimeoutError as error:
            names = ", ".join(node.plan.name for node in waiting)
            raise TransportError(
                f"not ready after {patience_s:.0f} s: {names}",
                code="E-TIMEOUT",
                fix="Start fewer nodes on this machine",
            ) from error

    async def _is_settled(self, node: Node) -> bool:
        found = await node.door.peers()
        if node.plan.part is Part.VENDOR:
            return bool(found["peers"]) and (await node.door.status())["vendor"] is not None
        wanted = min(_MAILBOXES, len(self.of(Part.RELAY)))
        return len(found["peers"]) >= len(node.plan.dials) and found["known"] >= wanted

    async def kill(self, name: str) -> None:
        """End one node without a word."""
        await self.nodes.pop(name).kill()

    async def stop(self) -> None:
        """End every node that is up, all at once."""
        nodes = list(self.nodes.values())
        self.nodes.clear()
        ended = await asyncio.gather(*(node.stop() for node in nodes), return_exceptions=True)
        for outcome in ended:
            if isinstance(outcome, BaseException):
                raise outcome


@asynccontextmanager
async def running(town: Town) -> AsyncIterator[Town]:
    """Run a town for the length of a block."""
    try:
        await town.start()
        yield town
    finally:
        await town.stop()


@contextmanager
def town_folder(keep: str | None) -> Iterator[Path]:
    """Give a folder for the homes: a named one that stays, or one that is gone afterwards.

    Raises:
        RefusedError: E-FILE-EXISTS, the named one holds something.
        ConfigError: E-HOME, it cannot be made.
    """
    if keep is not None:
        yield _kept_folder(Path(keep).expanduser().absolute())
        return
    folder = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _kept_folder(folder: Path) -> Path:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_empty = not any(folder.iterdir())
    except OSError as error:
        raise ConfigError(
            f"{folder} cannot be used: {error.strerror}",
            code="E-HOME",
            fix="Name another folder with --keep DIR",
        ) from error
    if not is_empty:
        raise RefusedError(
            f"{folder} holds something already",
            code="E-FILE-EXISTS",
            fix="Name a new folder with --keep DIR",
        )
    return folder


@contextmanager
def logged(folder: Path) -> Iterator[None]:
    """Let warnings of nodes in this process go to a file, not between the lines on the screen."""
    handler = logging.FileHandler(folder / LOG_FILE, encoding="utf-8", delay=True)
    handler.setLevel(logging.WARNING)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()


def allow_files(plan: Plan, *, processes: bool, faulty: bool = False, beside: int = 0) -> None:
    """Make sure that this process may open as many files as the plan needs.

    The limit it may lift by itself is lifted, for this process alone.

    Raises:
        RefusedError: E-FILES, it may not have that many.
    """
    need = plan.files_needed(processes=processes, faulty=faulty, beside=beside)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= need:
        return
    if hard != resource.RLIM_INFINITY and hard < need:
        raise RefusedError(
            f"this testnet needs {need} open files, and this shell allows {hard}",
            code="E-FILES",
            fix=f"Allow more:  ulimit -n {need}        or start fewer nodes",
        )
    wanted = need if hard != resource.RLIM_INFINITY else min(need, _FILES_MAX)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
