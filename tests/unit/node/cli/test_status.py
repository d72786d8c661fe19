"""`status` says how the node is in a few lines."""

from __future__ import annotations

import re

import pytest

from tests.unit.node.cli.conftest import Shell


def test_lines_and_notices(shell: Shell):
    found = shell.run("status")
    assert found.code == 0
    assert "Running for  1 h 1 min (pid 1)" in found.out
    assert "Roles        leaf" in found.out
    assert re.search(r"Casts        1 open; cast-\S+ was seen at 2 of 3 peers", found.out)
    assert found.err == "! the key file is the key: keep a copy\n"
    assert shell.run("status", "--quiet").err == ""


def test_nothing_open_came_nowhere(shell: Shell, citizen, monkeypatch):
    known = citizen.status

    async def status():
        return await known() | {"casts": {}, "reach": None}

    monkeypatch.setattr(citizen, "status", status)
    assert "seen at" not in shell.run("status").out


def test_trouble_is_counted(shell: Shell, citizen, monkeypatch):
    known = citizen.status

    async def status():
        found = await known()
        return found | {
            "outbox": {
                "pending": 1,
                "expired": 2,
                "refused": 1,
                "parked": 3,
                "notes": 7,
                "next_at": "2026-11-22T10:00:00Z",
            },
            "relay": True,
            "mailbox": True,
            "listen": "127.0.0.1:9401",
        }

    monkeypatch.setattr(citizen, "status", status)
    out = shell.run("status").out
    assert "1 on their way, 2 expired, 1 refused, 3 came and wait; next try 2026-11-2" in out
    assert "; 7 notes for other copies of this home" in out
    assert "relay, mailbox" in out
    assert "127.0.0.1:9401" in out


def test_the_node_is_down_in_the_designed_words(down: Shell):
    down.home.mkdir()
    found = down.run("status")
    assert found.code == 3
    first, second = found.err.splitlines()
    assert first == "✗ The node is not running (E-NODE-DOWN)."
    assert second.startswith("  Start it:  intentcast")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "normal: requests leave by 2 relays; 6 tunnels to mailboxes"),
        ({"mode": "off"}, "off: peers see what is asked here"),
        (
            {"mode": "careful", "successors": 0, "tunnels": 0},
            "careful: requests go to every peer at once, since this node has dialled no relay",
        ),
        (
            {"tunnels": 0, "direct": 1},
            "normal: requests leave by 2 relays; 1 mailbox without a tunnel",
        ),
        ({"direct": 2}, "by 2 relays; 6 tunnels to mailboxes; 2 mailboxes without a tunnel"),
    ],
)
def test_how_hard_it_is_to_tell_who_asked(shell: Shell, citizen, monkeypatch, changes, said):
    known = citizen.status

    async def status():
        found = await known()
        return found | {"private": found["private"] | changes}

    monkeypatch.setattr(citizen, "status", status)
    assert said in shell.run("status").out
