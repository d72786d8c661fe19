"""The examiner: one report whatever fails beneath. Real causes stand in tests/integration."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.clock import ManualClock
from node.errors import StorageError, TransportError
from node.home import DATABASE_FILE
from node.runtime import examiner, premises
from node.runtime.examiner import examine_closed
from node.runtime.findings import Finding, State, ok
from node.runtime.standing import Standing
from node.storage.database import Storage
from node.storage.origin import settle_net
from protocol.ids import NodeId, blake2b_256, short_text


async def test_a_check_that_fails_is_a_finding_and_the_others_go_on():
    async def damaged() -> list[Finding]:
        raise StorageError("broken", code="E-DB-DAMAGED", fix="mend it")

    async def unreadable() -> list[Finding]:
        raise PermissionError(13, "Permission denied", "/home/x/node.db")

    async def well() -> list[Finding]:
        return [ok("keys", "fine")]

    found = await examiner._run({"database": damaged, "files": unreadable, "keys": well})
    assert [each.name for each in found] == ["database", "files", "keys"]
    assert [each.state for each in found] == [State.BAD, State.BAD, State.OK]
    assert found[0].damaged
    assert "Permission denied" in found[1].cause
    assert found[1].proof == "/home/x/node.db"
    assert found[1].fix


async def test_a_home_that_is_not_there_is_all_there_is_to_say(tmp_path: Path):
    report = await closed(tmp_path / "none")
    assert [each["name"] for each in report["checks"]] == ["home"]
    assert report["bad"] == 1


async def test_what_only_a_running_node_can_say_is_skipped_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(premises, "check_ports", lambda _place: [ok("port", "free")])
    report = await closed(tmp_path, why_down="it is stuck")
    skipped = {each["name"]: each for each in report["checks"] if each["state"] == "skipped"}
    assert {"peers", "clock", "descriptors", "mailboxes"} <= set(skipped)
    assert skipped["peers"]["cause"] == "it is stuck"
    assert skipped["peers"]["fix"] == "intentcast up"


async def test_a_home_of_another_network_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(premises, "check_ports", lambda _place: [ok("port", "free")])
    monkeypatch.setenv("INTENTCAST_NET", "tutorial")
    storage = await Storage.open(tmp_path / DATABASE_FILE, clock=ManualClock(wall_ms=1))
    await storage.write(lambda conn: settle_net(conn, "tutorial"))
    await storage.close()
    assert "settings" not in bad(await closed(tmp_path))
    monkeypatch.delenv("INTENTCAST_NET")
    assert bad(await closed(tmp_path))["settings"] == (
        "this home is of network 'tutorial', not 'main'"
    )


def bad(report: dict) -> dict[str, str]:
    return {each["name"]: each["cause"] for each in report["checks"] if each["state"] == "bad"}


async def closed(home: Path, why_down: str = "the node is down") -> dict:
    return await examine_closed(
        home,
        clock=ManualClock(wall_ms=1),
        scrub=False,
        holder_of=lambda _port: "",
        why_down=why_down,
    )


async def test_a_neighbour_is_told_of_like_a_peer():
    key = NodeId(blake2b_256(b"ana"))
    standing = Standing(key, "192.0.2.7:9401", failures=3)
    assert examiner._dial_of(standing).code == ""
    standing.error = TransportError("no node answers there", code="E-PEER-LOST")
    found = examiner._dial_of(standing)
    assert (found.address, found.tries, found.code) == ("192.0.2.7:9401", 3, "E-PEER-LOST")
    assert found.sentence == "no node answers there"


async def test_a_neighbour_whose_place_nobody_knows():
    key = NodeId(blake2b_256(b"bo"))
    standing = Standing(key, None)
    assert examiner._dial_of(standing).code == ""
    standing.turned.set()
    found = examiner._dial_of(standing)
    assert found.address == short_text("node", key)
    assert "nobody knows where it is" in found.sentence
