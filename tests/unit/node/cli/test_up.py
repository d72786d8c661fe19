"""`up` turns options into settings, runs the daemon, and says what others need to know."""

from __future__ import annotations

import asyncio
import json
import socket
from dataclasses import replace
from pathlib import Path

import pytest

import node.daemon
from node.cli.up import peer_address, read_flags
from node.config import Settings
from node.daemon import Ready
from node.errors import StorageError
from node.runtime.visitors import Login
from protocol.errors import LocalProtocolError
from protocol.ids import NodeId
from protocol.network.invites import sign_invite
from tests.unit.node.cli.conftest import Shell

READY = Ready(
    api_url="http://127.0.0.1:8420",
    node="node-ABCD",
    net="test",
    listen="127.0.0.1:9401",
    made_identity=True,
    vendor="Shop One",
    notices=["keep the key"],
    begin_login=lambda: Login(link_path="/login#ACDEFGHJ", code="ACDE-FGHJ", expires_ms=1),
)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, Settings]]:
    found: list[tuple[Path, Settings]] = []

    async def run_daemon(home, settings, *, on_ready, passphrase=None):
        found.append((home, settings))
        on_ready(READY)
        await asyncio.sleep(0)

    monkeypatch.setattr(node.daemon, "run_daemon", run_daemon)
    monkeypatch.setattr("node.api.server.check_port", lambda _host, _port: None)
    return found


def test_up(down: Shell, started):
    found = down.run("up", "--net", "test", "--listen", "127.0.0.2:9401", "--peer", "a:1")
    assert found.code == 0
    assert found.out == ""
    assert "node-ABCD   (made just now)" in found.err
    assert "Network    test\n" in found.err
    assert "intentcast://node-ABCD@127.0.0.1:9401" in found.err
    assert "Sells as   Shop One" in found.err
    assert "! keep the key" in found.err
    assert found.err.endswith("Ready. Ctrl-C stops the node.\nStopped.\n")
    [(home, settings)] = started
    assert home == down.home
    assert (settings.net, settings.listen_host, settings.listen_port, settings.peers) == (
        "test",
        "127.0.0.2",
        9401,
        ["a:1"],
    )


@pytest.mark.parametrize(
    ("argv", "mode"),
    [((), "off"), (("--lan",), "on"), (("--lan", "look"), "look"), (("--lan=off",), "off")],
)
def test_the_local_network_is_left_alone_unless_asked_for(
    down: Shell, started, argv: tuple[str, ...], mode: str
):
    assert down.run("up", *argv, "--api-port", "0").code == 0
    assert started[0][1].lan == mode


def test_an_invite_is_read_before_anything_starts(down: Shell, started):
    key, seed = NodeId(bytes(32)), bytes(32)
    invite = sign_invite(net="main", key=key, address="a.example:1", until=1, token=None, seed=seed)
    assert down.run("up", "--join", invite.link.upper()).code == 0
    assert started[0][1].join == invite.link
    found = down.run("up", "--join", invite.link[:-4])
    assert (found.code, "(E-INVITE)" in found.err) == (2, True)
    assert len(started) == 1


def test_without_a_command(down: Shell, started):
    assert down.run("--web-port", "8421").code == 0
    assert started[0][1].api_port == 8421


def test_the_first_start_says_what_comes_next(
    down: Shell, started, monkeypatch: pytest.MonkeyPatch
):
    shop = down.run("up").err
    assert "intentcast vendor inbox" in shop
    assert "intentcast service install" in shop
    assert "Ask for something" not in shop
    monkeypatch.setattr(f"{__name__}.READY", replace(READY, vendor=None))
    found = down.run("up")
    assert "vendor inbox" not in found.err
    assert 'Ask for something:  intentcast cast "what you want"' in found.err
    assert "intentcast service install" in found.err
    monkeypatch.setattr(f"{__name__}.READY", replace(READY, made_identity=False, vendor="Shop"))
    assert "intentcast vendor inbox" in down.run("up").err
    monkeypatch.setattr(f"{__name__}.READY", replace(READY, made_identity=False, vendor=None))
    assert "Ask for something" not in down.run("up").err


@pytest.mark.parametrize(
    ("kept", "known", "listen", "said"),
    [
        (0, 0, None, "none yet; link to one: intentcast peers add HOST:PORT"),
        (0, 1, None, "none yet; 1 known from before is being dialled"),
        (0, 3, "127.0.0.1:9401", "none yet; 3 known from before are being dialled"),
        (0, 0, "127.0.0.1:9401", "others may dial this node: intentcast invite"),
        (2, 3, None, "dials 2; see: intentcast peers"),
    ],
)
def test_the_greeting_says_whom_it_dials(
    down: Shell,
    started,
    monkeypatch: pytest.MonkeyPatch,
    *,
    kept: int,
    known: int,
    listen: str | None,
    said: str,
):
    monkeypatch.setattr(f"{__name__}.READY", _ready(kept, known, listen))
    assert said in down.run("up").err


def _ready(kept: int, known: int, listen: str | None) -> Ready:
    return replace(READY, kept_peers=kept, known_peers=known, listen=listen)


def test_a_first_start_whose_port_is_taken_makes_nothing(down: Shell):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        found = down.run("up", "--api-port", str(port))
    assert (found.code, f"Port {port} is taken by another program" in found.err) == (1, True)
    assert not down.home.exists()


def test_a_home_with_keys_is_asked_before_its_port(
    down: Shell, started, monkeypatch: pytest.MonkeyPatch
):
    """It may be in use, which says more than that its port is."""
    monkeypatch.setattr("node.api.server.check_port", None)
    down.home.mkdir(exist_ok=True)
    (down.home / "root.key").touch()
    assert down.run("up").code == 0
    assert len(started) == 1


def test_ready_as_a_document(down: Shell, started):
    document = json.loads(down.run("up", "--json").out)
    assert document["schema"] == "intentcast.ready/1"
    assert document["address"] == "intentcast://node-ABCD@127.0.0.1:9401"
    assert document["kept_peers"] == 0


def test_an_address_nobody_can_dial_is_not_shown(
    down: Shell, started, monkeypatch: pytest.MonkeyPatch
):
    everywhere = replace(READY, listen="0.0.0.0:9401")
    monkeypatch.setattr("tests.unit.node.cli.test_up.READY", everywhere)
    found = down.run("up")
    assert "none; bound to 0.0.0.0:9401, and told to nobody: add --advertise HOST:PORT" in found.err
    assert json.loads(down.run("up", "--json").out)["address"] is None
    told = replace(everywhere, dialled_at=["relay.example:9401"])
    monkeypatch.setattr("tests.unit.node.cli.test_up.READY", told)
    assert "intentcast://node-ABCD@relay.example:9401" in down.run("up").err


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, str]]:
    found: list[tuple[Path, str]] = []

    def open_browser(home: Path, link: str) -> bool:
        found.append((home, link))
        return True

    monkeypatch.setattr("node.cli.browser.open_browser", open_browser)
    return found


def test_the_first_start_at_a_terminal_opens_the_page(down: Shell, started, opened):
    found = down.run("up", tty=True)
    assert "Page       http://127.0.0.1:8420/login#ACDEFGHJ" in found.err
    assert "Code       ACDE-FGHJ, for one" in found.err
    assert "intentcast open" in found.err
    assert opened == [(down.home, "http://127.0.0.1:8420/login#ACDEFGHJ")]


@pytest.mark.parametrize("argv", [("--no-browser",), ()])
def test_no_browser_unless_it_is_wanted(
    down: Shell, started, opened, monkeypatch: pytest.MonkeyPatch, argv: tuple[str, ...]
):
    if not argv:
        monkeypatch.setenv("INTENTCAST_OPEN_BROWSER", "false")
    found = down.run("up", *argv, tty=True)
    assert "ACDE-FGHJ" in found.err
    assert opened == []


def test_later_starts_open_nothing(down: Shell, started, opened, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(f"{__name__}.READY", replace(READY, made_identity=False))
    assert "ACDE-FGHJ" in down.run("up", tty=True).err
    assert opened == []


def test_a_way_in_goes_into_no_file(down: Shell, started, opened):
    for argv, tty in ((["up"], False), (["up", "--quiet"], True), (["up", "--json"], True)):
        found = down.run(*argv, tty=tty)
        assert "ACDE" not in found.err + found.out
    assert opened == []


def test_a_leaf_has_no_address(down: Shell, started, monkeypatch: pytest.MonkeyPatch):
    async def run_daemon(home, settings, *, on_ready, passphrase=None):
        on_ready(replace(READY, listen=None))

    monkeypatch.setattr(node.daemon, "run_daemon", run_daemon)
    assert "it dials others" in down.run("up").err


def test_ctrl_c_is_how_it_ends(down: Shell, monkeypatch: pytest.MonkeyPatch):
    async def run_daemon(home, settings, *, on_ready, passphrase=None):
        raise KeyboardInterrupt

    monkeypatch.setattr(node.daemon, "run_daemon", run_daemon)
    found = down.run("up")
    assert (found.code, found.err) == (0, "Stopped.\n")


def test_a_second_daemon(down: Shell, monkeypatch: pytest.MonkeyPatch):
    async def run_daemon(home, settings, *, on_ready, passphrase=None):
        raise StorageError("the home is in use by pid 7", code="E-HOME-IN-USE", fix="Use it")

    monkeypatch.setattr(node.daemon, "run_daemon", run_daemon)
    found = down.run("up")
    assert (found.code, found.err) == (
        4,
        "✗ The home is in use by pid 7 (E-HOME-IN-USE).\n  Use it\n",
    )


def test_settings_that_are_none(down: Shell, started):
    for argv, code in (
        (["--net", "Übernetz"], "E-CONFIG"),
        (["--listen", "nowhere"], "E-LISTEN"),
    ):
        found = down.run("up", *argv)
        assert (found.code, f"({code})" in found.err) == (2, True)
    down.home.mkdir()
    (down.home / "config.toml").write_text("lissten_port = 1\n")
    found = down.run("up")
    assert (found.code, "listen_port" in found.err) == (2, True)
    assert started == []


@pytest.mark.parametrize(
    ("flags", "found"),
    [
        ({}, {}),
        ({"relay": True}, {"mailbox": True, "bootstrap": True, "listen_port": 0}),
        (
            {"relay": True, "listen": "9401"},
            {
                "mailbox": True,
                "bootstrap": True,
                "listen_host": "127.0.0.1",
                "listen_port": 9401,
            },
        ),
        ({"mailbox": True}, {"mailbox": True}),
        ({"no_browser": True}, {"open_browser": False}),
        ({"listen": "[::1]:0"}, {"listen_host": "::1", "listen_port": 0}),
        ({"advertise": ("a:1",)}, {"advertise": ["a:1"]}),
        ({"api_port": 0, "net": ""}, {"api_port": 0, "net": ""}),
        ({"peers": ("intentcast://node-A@b:1/", "c:2")}, {"peers": ["node-A@b:1", "c:2"]}),
    ],
)
def test_flags(flags, found):
    assert read_flags(flags) == found


@pytest.mark.parametrize(
    "text", ["", ":", "host:", ":9401", "host:x", "host:70000", "a:9999999", "x"]
)
def test_listen_refused(text: str):
    with pytest.raises(LocalProtocolError) as caught:
        read_flags({"listen": text})
    assert caught.value.code == "E-LISTEN"


def test_peer_address():
    assert peer_address(" intentcast://node-A@b:1 ") == "node-A@b:1"
