"""Homes that are made ready, and nodes that never ran. Running ones: tests/integration."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from node.config import load_settings
from node.entropy import SystemEntropy
from node.errors import ConfigError, TransportError
from node.keystore import open_keyring
from node.testnet.nodes import InProcessNode, ProcessNode, prepare
from node.testnet.plan import NodePlan, Part

SETTINGS: dict[str, Any] = {
    "net": "testnet-7",
    "api_port": 0,
    "mailbox": True,
    "peers": ["127.0.0.1:1", "127.0.0.1:2"],
}
PLAN = NodePlan(name="relay-1", part=Part.RELAY, wave=0)


def test_a_prepared_home_is_read_back_as_it_was_meant(tmp_path: Path):
    home = tmp_path / "relay-1"
    assert prepare(home, SETTINGS, seed=None) is None
    found = load_settings(home, environ={})
    assert (found.net, found.api_port, found.mailbox) == ("testnet-7", 0, True)
    assert found.peers == SETTINGS["peers"]
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_a_seed_makes_the_same_key_again_and_each_node_has_its_own(tmp_path: Path):
    words = [
        prepare(tmp_path / name, SETTINGS, seed=seed)
        for name, seed in (("a", "7/a"), ("a2", "7/a"), ("b", "7/b"))
    ]
    assert words[0] == words[1] != words[2]
    keyring, made = open_keyring(tmp_path / "a", SystemEntropy())
    assert (keyring.words(), made) == (words[0], False)


def test_a_seed_is_refused_on_main(tmp_path: Path):
    with pytest.raises(ConfigError) as caught:
        prepare(tmp_path / "a", SETTINGS | {"net": "main"}, seed="7/a")
    assert caught.value.code == "E-SEED"


@pytest.mark.parametrize("kind", [InProcessNode, ProcessNode])
async def test_a_node_that_never_ran_can_be_ended(kind: Any, tmp_path: Path):
    node = kind(PLAN, tmp_path)
    await node.stop()
    await node.kill()
    with pytest.raises(TransportError) as refused:
        await node.login()
    assert refused.value.code == "E-NODE-DOWN"


def test_a_process_that_never_ran_has_no_number(tmp_path: Path):
    assert ProcessNode(PLAN, tmp_path).pid is None


def test_a_process_is_given_its_home_and_nothing_of_ours(tmp_path: Path):
    command = ProcessNode(PLAN, tmp_path, module="scripts.watched_resident").command()
    # -P: what lies in the folder it is started in is not taken for a module.
    assert command == [sys.executable, "-P", "-m", "scripts.watched_resident", str(tmp_path)]


async def test_its_door_is_its_local_api(tmp_path: Path):
    door = ProcessNode(PLAN, tmp_path).knock("http://127.0.0.1:1", "a token")
    try:
        with pytest.raises(TransportError) as refused:
            await door.status()
        assert refused.value.code == "E-NODE-DOWN"
    finally:
        await door.close()


def test_settings_are_written_one_a_line(tmp_path: Path):
    prepare(tmp_path / "a", SETTINGS, seed=None)
    text = (tmp_path / "a" / "config.toml").read_text(encoding="utf-8")
    assert f"peers = {json.dumps(SETTINGS['peers'])}\n" in text
    assert "mailbox = true\n" in text
