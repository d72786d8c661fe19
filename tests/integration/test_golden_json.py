"""Golden documents: what `--json` of every command that reads says, held against tests/golden.

Whole nodes answer. What differs from run to run (ids, moments, sizes, ports) stands under one name
for all; everything else is compared letter by letter. A member that comes or goes changes a file,
and a change of its meaning a number in its schema. To write the files anew:

    INTENTCAST_GOLDEN=write .venv/bin/pytest tests/integration/test_golden_json.py
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from node.cli.main import main
from node.version import VERSION
from protocol.market.deal import DealState
from tests.contract import misfit, records
from tests.integration.fair import CATEGORY, Fair, House, accept, cast, offers
from tests.unit.node.cli.test_reference import commands

pytestmark = pytest.mark.asyncio(loop_scope="module")
GOLDEN = Path(__file__).parents[1] / "golden"
WRITES = os.environ.get("INTENTCAST_GOLDEN") == "write"

READS: dict[str, tuple[str, str, list[str]]] = {
    "status": ("status", "buyer", []),
    "casts": ("casts", "buyer", []),
    "offers": ("offers", "buyer", ["{cast}"]),
    "deals": ("deal", "buyer", []),
    "deal": ("deal", "buyer", ["{deal}"]),
    "verify": ("verify", "buyer", ["{agreement}"]),
    "categories": ("categories", "buyer", ["digital", "camera"]),
    "category": ("categories", "buyer", [CATEGORY]),
    "doctor": ("doctor", "buyer", []),
    "peers": ("peers", "buyer", []),
    "nearby": ("nearby", "buyer", []),
    "people": ("people", "buyer", []),
    "wait": ("wait", "buyer", ["offers {cast}>=1"]),
    "tokens": ("token list", "buyer", []),
    "outbox": ("outbox", "buyer", []),
    "paths": ("paths", "buyer", []),
    "words": ("words", "buyer", ["--yes-show-them"]),
    "backup-proof": ("backup", "buyer", ["verify", "{backup}"]),
    "identity": ("identity show", "vendor", []),
    "vendor": ("vendor status", "vendor", []),
    "vendor-catalogue": ("vendor catalogue", "vendor", []),
    "vendor-offers": ("vendor offers", "vendor", []),
    "vendor-inbox": ("vendor inbox", "vendor", []),
}
"""Golden file -> command, home, the rest of the line."""
ACTS = {
    *("up", "open", "cast", "accept", "revoke", "peers add", "nearby allow", "nearby refuse"),
    *("nearby forget", "invite", "join", "people block", "people unblock", "token new"),
    *("token revoke", "service install", "service uninstall", "passphrase set"),
    *("passphrase change", "passphrase remove", "lock", "unlock", "restore", "reopen"),
    *("identity rotate", "identity revocation", "identity revoke", "identity this-one"),
    *("vendor init", "vendor import", "vendor serve", "testnet up", "testnet open", "demo"),
}
"""Commands that do something; what they answer fits a record where the API answers."""
ELSEWHERE = {
    "service status": "tells of this machine's systemd; see tests/unit/node/cli/test_service.py",
    "testnet fault": "tells of a testnet; see test_faults.py",
    "completion": "prints a script for a shell",
}
"""Commands that read something else than a home, and why they have no file here."""

CHANGING = {
    *("pid", "uptime_s", "rtt_ms", "connected_s", "bytes_in", "bytes_out", "bytes", "objects"),
    *("clock_offset_ms", "until", "tries", "put", "checked", "seen_at", "notes", "score", "points"),
    *("lag_ms", "penalty_ms", "merit", "news_left", "pull_kib_left"),
    *("successors", "waiting", "carriers", "tunnels", "direct"),
}
"""Members whose number is another one in every run."""
UNORDERED = {"history", "shops", "requests", "skipped"}
"""Lists whose order hangs on which of two nodes was quicker."""
TEXTS: list[tuple[str, str | Callable[[re.Match[str]], str]]] = [
    (r"\b(cast|offer|deal|key|node|agreement|event|profile)(-[0-9A-Z]{4}){14}", r"\1-ID"),
    (r"\b(cast|offer|deal|key|node|token)(-[0-9A-Z]{4}){2}\b", r"\1-HANDLE"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "MOMENT"),
    (r"\b\d{4}-\d\d-\d\d\b", "DAY"),
    (r"\b[0-9a-f]{32,}\b", "HEX"),
    (r"^[A-Za-z0-9_-]{22}$|^[A-Za-z0-9_-]{43}$", "BASE64"),
    (r"\b127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
    (rf"\b{re.escape(VERSION)}\b", "VERSION"),
]


def normal(value: Any, member: str = "", home: str = "") -> Any:
    """Put one name in the place of everything that is another in each run."""
    match value:
        case {"standing": _, "why": _}:
            # Which link is drawn by lot, and which was weighed already, is another in each run.
            return {name: normal(child, name, home) for name, child in value.items()} | {
                "lag_ms": 0,
                "why": "WHY",
            }
        case dict():
            return {name: normal(child, name, home) for name, child in value.items()}
        case list():
            found = [normal(child, member, home) for child in value]
            return sorted(found, key=json.dumps) if member in UNORDERED else found
        case str():
            text = value.replace(home, "HOMES")
            for pattern, name in TEXTS:
                text = re.sub(pattern, name, text)
            return text
        case bool() | None:
            return value
        case _:
            return 0 if member in CHANGING else value


def _of_this_machine(document: dict[str, Any]) -> dict[str, Any]:
    """Disk, library and limits are the machine's: only the names of the checks are golden."""
    named = [
        {member: type(value).__name__ for member, value in each.items()} | {"name": each["name"]}
        for each in document["checks"]
    ]
    return document | {"checks": named, "bad": 0, "warn": 0}


def _of_this_identity(document: dict[str, Any]) -> dict[str, Any]:
    return document | {"words": ["WORD" for _ in document["words"]]}


MEMBERS: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "doctor": _of_this_machine,
    "words": _of_this_identity,
}
"""Golden file -> what of its document is not compared."""


@dataclass(frozen=True, kw_only=True)
class Market:
    """Two homes with something to tell, and the names of it."""

    folder: Path
    homes: Mapping[str, Path]
    names: Mapping[str, str]

    def says(self, file: str) -> dict[str, Any]:
        """Run the command of a golden file."""
        command, who, rest = READS[file]
        line = [*command.split(), *(part.format(**self.names) for part in rest)]
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main([*line, "--json", "--home", str(self.homes[who])])
        # What is wrong with this machine is told by an exit code, too.
        assert code == 0 or file == "doctor", err.getvalue()
        found: dict[str, Any] = json.loads(out.getvalue())
        return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def market(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Market]:
    """A deal that is agreed, and one whose vendor is away: its letter waits."""
    folder = tmp_path_factory.mktemp("golden")
    fair = Fair(folder / "fair")
    fair.folder.mkdir()
    for number in range(2):
        await fair.relay(f"relay_{number}")
    vendor = await fair.stall("vendor_bo")
    away = await fair.stall("vendor_ed", price="289.00 USD")
    buyer = await fair.visitor("buyer_ana")
    deals, handle = [], ""
    for name in ("vendor_bo", "vendor_ed"):
        handle = await cast(buyer)
        found = {each["vendor"]["name"]: each for each in await offers(buyer, handle, 2)}
        if name == "vendor_ed":
            await buyer.until_acked()
            await away.close()
        deals.append(await accept(buyer, found[name]))
        if name == "vendor_bo":
            await _agreed(buyer, vendor)
    await buyer.until_put("acceptance")
    file, backup = folder / "camera.agreement", folder / "home.icb"
    _, bundle = await buyer.handle.agreement(deals[0])
    file.write_bytes(bundle)
    await buyer.handle.custody.backup(str(backup))
    await buyer.handle.access.create("shop script", ["read", "draft"], 30)
    yield Market(
        folder=folder,
        homes={"buyer": buyer.home, "vendor": vendor.home},
        names={
            "cast": handle,
            "deal": deals[0],
            "agreement": str(file),
            "backup": str(backup),
        },
    )
    await fair.close()


async def _agreed(buyer: House, vendor: House) -> None:
    await buyer.until_deal(DealState.AGREED)
    await vendor.until_deal(DealState.AGREED)


@pytest.mark.parametrize("file", READS)
async def test_a_command_says_what_its_golden_file_says(market: Market, file: str):
    document = await asyncio.to_thread(market.says, file)
    assert re.fullmatch(r"intentcast\.[a-z-]+/[0-9]+", document["schema"])
    if document["schema"] in records():
        assert misfit(document) is None
    found = normal(MEMBERS.get(file, dict)(document), home=str(market.folder))
    path = GOLDEN / f"{file}.json"
    if WRITES:
        path.write_text(json.dumps(found, indent=2) + "\n", "utf-8")
    assert found == json.loads(path.read_text("utf-8"))


async def test_every_command_that_reads_has_its_golden_file():
    read = {command for command, _, _ in READS.values()}
    assert read | ACTS | ELSEWHERE.keys() == {name for name, _ in commands()}
    assert not read & ACTS


async def test_no_golden_file_is_left_over():
    assert {path.stem for path in GOLDEN.glob("*")} == set(READS)
