"""Many nodes, each in a process of its own, and what each of them says of itself.

Enters: plans, settings, a folder. Leaves: running nodes; their links, what they count, and the
names of what they hold, read from the disk of each by another reader. Every process is ended by the
number under which it was started here, however the block ends.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from aiohttp import ClientSession, DummyCookieJar, TCPConnector
from prometheus_client.parser import text_string_to_metric_families

from node.home import DATABASE_FILE
from node.testnet.door import Document, HttpDoor
from node.testnet.nodes import ProcessNode, prepare
from node.testnet.plan import NodePlan, Part
from protocol.ids import from_text
from tests.rig.land import socket_in

NET: Final = "rig"
HOST: Final = "127.0.0.1"
_TOGETHER: Final = 3
"""Nodes that start at a time: each needs a core for a second."""
_LOOK_S: Final = 0.5
_ANSWER_S: Final = 90.0
"""How much longer than usual a request may take to be sent; other work shares the machine."""
_START_S: Final = 120.0
"""Longest wait for a process to come up; other work shares the machine."""
WISH: Final[dict[str, Any]] = {
    "title": "A camera for the snow",
    "category": "electronics/cameras/digital-cameras",
    "items": [{"name": "digital camera"}],
    "where": {"remote": True},
    "decide_by": "+14d",
}
"""What is asked for where it does not matter."""
Link = tuple[str, str]
"""Who dialled, and whom, by name."""


@dataclass(frozen=True, kw_only=True)
class Count:
    """What nodes counted, summed."""

    copies: int = 0
    """Copies of public objects that came, on the public way."""
    accepted: int = 0
    """Objects that were new, each at each node."""
    stem: int = 0
    """Copies that came by stem."""

    def since(self, before: Count) -> Count:
        """Give what was counted after an earlier look."""
        return Count(
            copies=self.copies - before.copies,
            accepted=self.accepted - before.accepted,
            stem=self.stem - before.stem,
        )


class Wicket(HttpDoor):
    """The local API of a node that may live in another network namespace."""

    def __init__(self, url: str, token: str, space: str) -> None:
        """Prepare; the first question opens a connection.

        Args:
            url: of the local API.
            token: of its home.
            space: name of the namespace; empty for our own.
        """
        if not space:
            super().__init__(url, token)
            return
        self._session = ClientSession(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            cookie_jar=DummyCookieJar(),
            connector=TCPConnector(socket_factory=partial(socket_in, space)),
        )

    async def create_cast(self, draft: Document) -> Document:
        """Sign and send a request, on a machine that has much else to do."""
        raw = await self._ask("POST", "/v1/casts", wait_s=_ANSWER_S, json=draft)
        found: Document = json.loads(raw)
        return found

    async def metrics(self) -> str:
        """Tell what the node counts."""
        return (await self._ask("GET", "/metrics")).decode()


class Resident(ProcessNode):
    """A node's process, in our own network namespace or in another."""

    wicket: Wicket
    """Its door, once it is up."""

    def __init__(self, name: str, home: Path, space: str = "") -> None:
        """Keep name and home; nothing runs before `start`."""
        part = Part.RELAY if name.startswith("relay") else Part.BUYER
        super().__init__(NodePlan(name=name, part=part, wave=0), home)
        self.patience_s = _START_S
        self._space = space

    def command(self) -> list[str]:
        """Give the program, entered by way of its namespace; `ip` becomes it."""
        way = ["ip", "netns", "exec", self._space] if self._space else []
        return [*way, *super().command()]

    def knock(self, url: str, token: str) -> HttpDoor:
        """Make the way to its local API."""
        self.wicket = Wicket(url, token, self._space)
        return self.wicket


class Fleet:
    """Processes by name."""

    def __init__(self, folder: Path) -> None:
        """Begin with none.

        Args:
            folder: for their homes.
        """
        self.folder = folder
        self.nodes: dict[str, Resident] = {}
        self._limit = asyncio.Semaphore(_TOGETHER)

    def resident(self, name: str, space: str = "") -> Resident:
        """Make a node that is not up; a relay's name begins so.

        Args:
            name: of the node, and of its home.
            space: name of the network namespace it lives in; empty for our own.
        """
        return Resident(name, self.folder / name, space)

    def furnish(self, node: Resident, **settings: Any) -> None:
        """Make a home.

        Args:
            node: whose.
            settings: beside those every node here has, or in their place.
        """
        usual = {"net": NET, "api_port": 0, "limits": "open", "receipt_jitter_ms": 0}
        prepare(node.home, usual | settings, seed=None)

    async def open(self, node: Resident) -> None:
        """Bring up a node whose home is furnished."""
        self.nodes[node.plan.name] = node
        async with self._limit:
            await node.start()

    async def start(self, name: str, space: str = "", **settings: Any) -> Resident:
        """Make a node, furnish its home and bring it up."""
        node = self.resident(name, space)
        await asyncio.to_thread(self.furnish, node, **settings)
        await self.open(node)
        return node

    def names(self, part: str = "") -> list[str]:
        """List the nodes that are up, in the order of starting."""
        return [name for name in self.nodes if name.startswith(part)]

    async def kill(self, names: Sequence[str]) -> None:
        """End processes with SIGKILL, all in one moment."""
        nodes = [self.nodes.pop(name) for name in names]
        for node in nodes:
            assert node.pid is not None
            os.kill(node.pid, signal.SIGKILL)
        await asyncio.gather(*(node.kill() for node in nodes))

    async def stop(self) -> None:
        """End every process that is up."""
        nodes, self.nodes = list(self.nodes.values()), {}
        ended = await asyncio.gather(*(node.stop() for node in nodes), return_exceptions=True)
        for outcome in ended:
            if isinstance(outcome, BaseException):
                raise outcome

    # --- what they do and say -----------------------------------------------------------------

    async def cast(self, name: str) -> bytes:
        """Let a node ask for something; gives the id of its cast once it is out."""
        door = self.nodes[name].wicket
        made = (await door.create_cast(WISH))["cast"]
        while made["id"] is None:
            # A draft: no mailbox has opened a box yet. The node tries again by itself.
            await asyncio.sleep(_LOOK_S)
            casts = (await door.casts())["casts"]
            made = next(each for each in casts if each["draft"] == made["draft"])
        return from_text("cast", made["id"])

    async def links(self) -> list[Link]:
        """List every link there is, as its dialler tells it."""
        by_key = {node.facts.node: name for name, node in self.nodes.items()}
        found = []
        for name, node in self.nodes.items():
            for peer in (await node.door.peers())["peers"]:
                if peer["direction"] == "out" and peer["node"] in by_key:
                    found.append((name, by_key[peer["node"]]))
        return sorted(found)

    async def count(self) -> Count:
        """Sum up what all nodes count."""
        pages = await asyncio.gather(*(metrics(node) for node in self.nodes.values()))
        sums = dict.fromkeys(("public", "stem", "accepted"), 0)
        for page in pages:
            for key in sums:
                sums[key] += page.get(key, 0)
        return Count(copies=sums["public"], accepted=sums["accepted"], stem=sums["stem"])

    def held(self, name: str) -> set[bytes]:
        """Name every public object on the disk of a node."""
        return held(self.nodes[name].home)

    def size(self, name: str, object_id: bytes) -> int:
        """Give the bytes of an object that a node holds."""
        with _opened(self.nodes[name].home) as db:
            row = db.execute("SELECT length(raw) FROM objects WHERE id = ?", (object_id,))
            return int(row.fetchone()[0])

    async def all_held(self) -> dict[str, set[bytes]]:
        """Name what each node holds."""
        return {name: await asyncio.to_thread(self.held, name) for name in self.nodes}

    async def lacking(self, wanted: Iterable[bytes], names: Sequence[str] = ()) -> dict[str, int]:
        """Count what nodes lack, where they lack anything."""
        whole = set(wanted)
        found = {}
        for name in names or list(self.nodes):
            lacks = len(whole - await asyncio.to_thread(self.held, name))
            if lacks:
                found[name] = lacks
        return found

    async def delivered(self, wanted: Iterable[bytes], seconds: float) -> dict[str, int]:
        """Wait until everybody holds objects; gives who lacks how many when the time is over."""
        whole = set(wanted)
        lacking = list(self.nodes)
        found: dict[str, int] = {}
        try:
            async with asyncio.timeout(seconds):
                while lacking:
                    found = await self.lacking(whole, lacking)
                    lacking = list(found)
                    await asyncio.sleep(_LOOK_S if lacking else 0)
        except TimeoutError:
            return found
        return {}


async def metrics(node: Resident) -> dict[str, int]:
    """Read what a node counts of objects that come."""
    text = await node.wicket.metrics()
    found: dict[str, int] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "intentcast_object_copies_total":
                found[sample.labels["way"]] = int(sample.value)
            if sample.name == "intentcast_objects_received_total":
                verdict = sample.labels["verdict"]
                found[verdict] = found.get(verdict, 0) + int(sample.value)
    return found


def held(home: Path) -> set[bytes]:
    """Name the public objects on the disk of a home."""
    with _opened(home) as db:
        return {bytes(row[0]) for row in db.execute("SELECT id FROM objects WHERE to_key IS NULL")}


def _opened(home: Path) -> closing[sqlite3.Connection]:
    """Open the database of a home beside its node, to read in it."""
    uri = f"{(home / DATABASE_FILE).absolute().as_uri()}?mode=ro"
    return closing(sqlite3.connect(uri, uri=True))
