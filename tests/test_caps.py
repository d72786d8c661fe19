"""Every collection that grows from outside has a line in docs/internals/caps.md, and it holds.

Finds the collections in the code (attributes that begin empty, tables of the schema), and compares
both ways; the constants named must exist, and so must the tests that go one beyond them. The few
caps without a test beside their module are tried here.
"""

from __future__ import annotations

import ast
import asyncio
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from node.api.bodies import AcceptBody, converted
from node.clock import ManualClock
from node.market.succession import Succession
from node.storage import bounds, idempotency
from node.storage.database import Storage
from protocol import limits
from protocol.errors import LocalProtocolError
from protocol.ids import ObjectId, blake2b_256
from protocol.market.lineage import Standing
from protocol.network.carried import Carried
from protocol.network.exchange import Exchange
from protocol.now import Now
from tests.parties import NOW_MS, Party, make_cast
from tests.unit.node.market.booth import Booth

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "internals" / "caps.md"
ROOMS = [
    *("protocol/network", "protocol/post", "protocol/market", "protocol/channel", "node/network"),
    *("node/post", "node/runtime", "node/market", "node/api"),
]
GROWING = {
    *("dict", "set", "list", "deque", "OrderedDict", "Counter", "WeakValueDictionary", "Queue"),
    "defaultdict",
}


# --- the code -------------------------------------------------------------------------------------


def begins_empty(value: ast.expr) -> bool:
    """Tell whether an attribute's first value is a collection that can grow."""
    if isinstance(value, ast.Dict):
        return not value.keys
    if isinstance(value, ast.List | ast.Set):
        return not value.elts
    if isinstance(value, ast.Call):
        name = value.func.attr if isinstance(value.func, ast.Attribute) else value.func
        name = name.id if isinstance(name, ast.Name) else name
        if name == "field":
            factories = [each.value for each in value.keywords if each.arg == "default_factory"]
            return any(isinstance(each, ast.Name) and each.id in GROWING for each in factories)
        return name in GROWING
    return isinstance(value, ast.DictComp)


def attributes_of(owner: ast.ClassDef) -> Iterator[str]:
    """List the attributes of a class that begin as empty collections."""
    for member in owner.body:
        if isinstance(member, ast.AnnAssign) and isinstance(member.target, ast.Name):
            if member.value is not None and begins_empty(member.value):
                yield member.target.id
        elif isinstance(member, ast.FunctionDef) and member.name in ("__init__", "__post_init__"):
            for each in ast.walk(member):
                if isinstance(each, ast.Assign | ast.AnnAssign) and each.value is not None:
                    target = each.target if isinstance(each, ast.AnnAssign) else each.targets[0]
                    if isinstance(target, ast.Attribute) and begins_empty(each.value):
                        yield target.attr


def collections() -> set[str]:
    """Name every collection: `file:Class.attribute`, or `table:name`."""
    found = set()
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            shown = path.relative_to(ROOT).as_posix()
            for owner in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(owner, ast.ClassDef):
                    found |= {f"{shown}:{owner.name}.{name}" for name in attributes_of(owner)}
    for path in (ROOT / "node" / "storage" / "schema").glob("*.sql"):
        names = re.findall(r"^CREATE TABLE (\w+)", path.read_text("utf-8"), re.MULTILINE)
        found |= {f"table:{name}" for name in names}
    return found


# --- the page -------------------------------------------------------------------------------------


def rows() -> Iterator[tuple[str, str, str]]:
    """Give (collection, cap, proof) of each line of the page."""
    room = ""
    rooms = {
        "Network machines": "protocol/network/",
        "One connection": "protocol/channel/",
        "Links, dials, the local network": "node/network/",
        "The post": "node/post/",
        "The pump and what hangs on it": "node/runtime/",
        "The market": "node/market/",
        "The local API": "node/api/",
        "Tables": "table:",
    }
    for line in PAGE.read_text("utf-8").splitlines():
        if line.startswith("## "):
            room = rooms.get(line[3:], "")
        elif room and line.startswith("| `"):
            name, cap, _, proof = (cell.strip() for cell in line.strip("|").split("|"))
            yield room + name.strip("`"), cap, proof.strip("`")


def test_every_collection_has_a_line():
    listed = [name for name, _, _ in rows()]
    assert len(set(listed)) == len(listed)
    found = collections()
    assert len(found) > 100
    missing, gone = sorted(found - set(listed)), sorted(set(listed) - found)
    assert not missing, "without a cap in docs/internals/caps.md:\n" + "\n".join(missing)
    assert not gone, "in docs/internals/caps.md and not in the code:\n" + "\n".join(gone)


def test_every_cap_named_exists():
    for name, cap, _ in rows():
        for constant in re.findall(r"`([^`]+)`", cap):
            module, _, plain = constant.rpartition(".")
            places = [importlib.import_module(module)] if module else [limits, bounds]
            values = [getattr(place, plain) for place in places if hasattr(place, plain)]
            assert values, f"{name}: {constant} is no constant"
            assert all(isinstance(value, int) and value > 0 for value in values), constant


def test_every_cap_has_a_test_that_goes_beyond_it():
    for name, cap, proof in rows():
        if not proof:
            assert cap.startswith("own:"), f"{name}: no proof, and not only its owner's doing"
            continue
        path, _, test = proof.partition("::")
        text = (ROOT / "tests" / path).read_text("utf-8")
        assert f"def {test}(" in text, f"{name}: {proof} is not there"


# --- caps tried here ------------------------------------------------------------------------------


def test_what_this_node_seeks_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "sought_ids_max", 3)
    carried = Carried(net="test", objects_max=10, pending_max=10, rejected_max=10)
    exchange = Exchange.__new__(Exchange)
    exchange._carried = carried
    names = [ObjectId(blake2b_256(bytes([number]))) for number in range(5)]
    for name in names:
        exchange.seek(name, Now(wall_ms=NOW_MS, mono_ms=0))
    assert list(carried.sought) == [name[:16] for name in names[2:]]


async def test_requests_wait_within_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("node.market.seller._WAITING_MAX", 2)
    booth = await Booth.open(tmp_path, "vendor_bo", ManualClock(wall_ms=NOW_MS))
    booth.seller._shop = booth.shop
    for number in range(4):
        booth.seller.hear(make_cast(by=Party(f"buyer {number}")))
    assert booth.seller._waiting.qsize() == 2
    assert len(booth.seller._heard) == 2
    await booth.close()


async def test_the_oldest_answers_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bounds, "idempotency_rows_max", 2)
    storage = await Storage.open(tmp_path / "home.db", clock=ManualClock(wall_ms=NOW_MS))

    def three(conn: Any) -> list[str]:
        for number in range(3):
            idempotency.remember(conn, f"key-{number}", bytes(32), b"{}", NOW_MS)
        return [row[0] for row in conn.execute("SELECT key FROM idempotency ORDER BY seq")]

    assert await storage.write(three) == ["key-1", "key-2"]
    await storage.close()


def test_heirs_of_keys_are_few(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("node.market.succession._HEIRS_MAX", 2)
    keys = tuple(bytes([number]) * 32 for number in range(5))
    succession = Succession(SimpleNamespace())  # type: ignore[arg-type]
    line = SimpleNamespace(keys=keys, standing=Standing.CURRENT)
    monkeypatch.setattr(succession, "lineage", lambda *_: line)
    succession._look_at(None, keys[0])  # type: ignore[arg-type]
    assert list(succession._heirs) == list(keys[3:])


def test_a_body_names_so_many_options():
    assert len(converted({"options": [0] * 50}, AcceptBody).options) == 50
    with pytest.raises(LocalProtocolError):
        converted({"options": [0] * 51}, AcceptBody)


def test_a_queue_of_asyncio_counts_as_one():
    """What the scan must not overlook, written down."""
    tree = ast.parse("class A:\n def __init__(self):\n  self.q: X = asyncio.Queue(3)").body[0]
    assert isinstance(tree, ast.ClassDef)
    assert list(attributes_of(tree)) == ["q"]
    assert asyncio.Queue(3).maxsize == 3
