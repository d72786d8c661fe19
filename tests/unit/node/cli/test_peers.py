"""`peers` lists links and adds one."""

from __future__ import annotations

import asyncio

import pytest

from node.errors import TransportError
from tests.unit.node.api.fake_citizen import FakeCitizen
from tests.unit.node.cli.conftest import Shell


def test_list(shell: Shell):
    found = shell.run("peers")
    assert "relay, mailbox" in found.out
    assert "3 ms" in found.out
    assert "1 min 1 s" in found.out
    assert "2.0 KiB" in found.out
    assert found.err == "1 link, 5 mailboxes known\n"


def test_none(shell: Shell, citizen: FakeCitizen, monkeypatch: pytest.MonkeyPatch):
    async def peers():
        return {
            "schema": "intentcast.peers/1",
            "peers": [],
            "unlinked": [],
            "known": 1,
            "dependent_on": None,
        }

    monkeypatch.setattr(citizen, "peers", peers)
    assert "No links; 1 mailbox known" in shell.run("peers").err


def test_what_is_dialled_in_vain(
    shell: Shell, citizen: FakeCitizen, monkeypatch: pytest.MonkeyPatch
):
    lost = {"tries": 3, "code": "E-PEER-LOST", "error": "nobody listens there", "next_s": 12}
    new = {"tries": 0, "code": None, "error": None, "next_s": None}
    found = asyncio.run(citizen.peers())
    found["unlinked"] = [{"address": "a:1", **lost}, {"address": "b:2", **new}]

    async def peers():
        return found

    monkeypatch.setattr(citizen, "peers", peers)
    said = shell.run("peers").err
    assert (
        "! a:1 is not linked: nobody listens there (E-PEER-LOST); next try in 12 s\n"
        "! b:2 is not linked: first try; next try now\n"
    ) in said
    found["peers"] = []
    said = shell.run("peers").err
    assert "! a:1 is not linked" in said
    assert "why: intentcast doctor" in said


@pytest.mark.parametrize(
    ("common", "words"),
    [
        ("group", "are in one address group"),
        ("source", "alone told of all"),
        ("strangers", "are gone"),
    ],
)
def test_no_independent_source(
    shell: Shell, citizen: FakeCitizen, monkeypatch: pytest.MonkeyPatch, common: str, words: str
):
    found = asyncio.run(citizen.peers())

    async def peers():
        return found | {"dependent_on": common}

    monkeypatch.setattr(citizen, "peers", peers)
    said = shell.run("peers").err
    assert "! No independent source: " in said
    assert words in said
    assert "peers add" in said


def test_add_takes_the_address_as_up_prints_it(shell: Shell, citizen: FakeCitizen):
    found = shell.run("peers", "add", "intentcast://node-ABCD@127.0.0.1:9401")
    assert (found.code, found.out) == (0, "")
    assert citizen.calls[0] == ("add_peer", "node-ABCD@127.0.0.1:9401")
    assert "for as long as this node runs" in found.err
    assert "up --peer intentcast://node-ABCD@127.0.0.1:9401" in found.err
    assert shell.run("peers", "add", "x:1", "--json").document()["schema"] == "intentcast.peers/1"


def test_a_peer_that_does_not_answer(shell: Shell, citizen: FakeCitizen):
    citizen.fails = TransportError("nobody answers there", code="E-PEER-TIMEOUT", fix="Check it")
    found = shell.run("peers", "add", "x:1")
    assert (found.code, "(E-PEER-TIMEOUT)" in found.err) == (1, True)


@pytest.mark.parametrize("columns", [80, 60])
def test_node_and_address_are_whole_on_a_narrow_terminal(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, columns: int
):
    monkeypatch.setenv("COLUMNS", str(columns))
    head, row = shell.run("peers", tty=True).out.splitlines()
    assert "127.0.0.1:9401" in row
    assert "…" not in row.split()[0]
    assert "roles" in head
    assert "first" not in head
    assert max(len(head), len(row)) <= columns
