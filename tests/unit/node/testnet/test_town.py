"""A town of nodes that only pretend: order of starting, failing, ending; folders and limits."""

from __future__ import annotations

import logging
import resource
from pathlib import Path
from typing import Any

import pytest

from node.errors import ConfigError, RefusedError, TransportError
from node.testnet import town as town_module
from node.testnet.nodes import Facts
from node.testnet.plan import NodePlan, Part, Plan, make_plan
from node.testnet.town import Town, allow_files, logged, running, town_folder


class Pretender:
    """A node that is up as soon as it is asked."""

    fails: str | None = None
    fails_to_stop: str | None = None
    ended: list[str] = []  # noqa: RUF012 - emptied by the fixture

    def __init__(self, plan: NodePlan, home: Path) -> None:
        self.plan = plan
        self.home = home
        self.door: Any = self
        self.facts = Facts(node=f"node-{plan.name}", api="http://x", listen=f"at-{plan.name}")

    async def start(self) -> None:
        if self.plan.name == self.fails:
            raise TransportError("no port")

    async def stop(self) -> None:
        self.ended.append(f"stop {self.plan.name}")
        if self.plan.name == self.fails_to_stop:
            raise TransportError("stuck")

    async def kill(self) -> None:
        self.ended.append(f"kill {self.plan.name}")

    async def peers(self) -> dict[str, Any]:
        return {"peers": [{}] * 5, "known": 3}

    async def status(self) -> dict[str, Any]:
        return {"vendor": "name"}

    async def vendor_import(self, _data: Path, _options: dict[str, Any]) -> dict[str, Any]:
        return {"offered": 1}


@pytest.fixture(autouse=True)
def _pretended(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Pretender, "ended", [])
    monkeypatch.setattr(Pretender, "fails", None)
    monkeypatch.setattr(Pretender, "fails_to_stop", None)
    monkeypatch.setattr(town_module, "InProcessNode", Pretender)


def planned(seed: int | None = 7) -> Plan:
    return make_plan(
        net="testnet-7", seed=seed, relays=3, buyers=1, vendors=1, shops=["alpine-wheels"]
    )


async def test_nodes_come_up_after_those_they_dial(tmp_path: Path):
    up: list[str] = []
    town = Town(planned(), tmp_path, on_up=lambda node: up.append(node.plan.name))
    async with running(town):
        assert up[0] == "relay-1"
        assert set(up) == set(town.nodes) == set(town.words)
        assert [node.plan.name for node in town.of(Part.BUYER)] == ["buyer-1"]
        config = (tmp_path / "buyer-1" / "config.toml").read_text(encoding="utf-8")
        assert "at-relay-1" in config
        await town.kill("relay-2")
        assert "relay-2" not in town.nodes
    assert Pretender.ended[0] == "kill relay-2"
    assert sorted(Pretender.ended[1:]) == [
        f"stop {name}" for name in ("alpine-wheels", "buyer-1", "relay-1", "relay-3")
    ]


async def test_without_a_seed_there_are_no_words_to_tell(tmp_path: Path):
    town = Town(planned(seed=None), tmp_path)
    async with running(town):
        assert town.words == {}


async def test_one_that_fails_ends_all_that_are_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Pretender, "fails", "relay-3")
    town = Town(planned(), tmp_path)
    with pytest.raises(TransportError, match="no port"):
        async with running(town):
            pytest.fail("it cannot be running")
    assert sorted(Pretender.ended) == ["stop relay-1", "stop relay-2", "stop relay-3"]


async def test_one_that_will_not_stop_does_not_keep_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Pretender, "fails_to_stop", "relay-1")
    town = Town(planned(), tmp_path)
    with pytest.raises(TransportError, match="stuck"):
        async with running(town):
            pass
    assert len(Pretender.ended) == 5


async def test_a_shop_that_does_not_open_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async def closed(_self: Pretender) -> dict[str, Any]:
        return {"vendor": None}

    monkeypatch.setattr(Pretender, "status", closed)
    monkeypatch.setattr(town_module, "_SETTLE_S", 0.0)
    monkeypatch.setattr(town_module, "_SETTLE_NODE_S", 0.0)
    with pytest.raises(TransportError) as caught:
        await Town(planned(), tmp_path).start()
    assert caught.value.code == "E-TIMEOUT"
    assert "alpine-wheels" in caught.value.sentence


# --- folders -------------------------------------------------------------------------------------


def test_a_folder_of_its_own_is_gone_afterwards_even_after_a_failure():
    with town_folder(None) as folder:
        (folder / "x").write_text("x", encoding="utf-8")
    assert not folder.exists()
    with pytest.raises(ValueError, match="x"), town_folder(None) as second:
        raise ValueError("x")
    assert not second.exists()


def test_a_named_folder_stays_and_must_be_empty(tmp_path: Path):
    wanted = tmp_path / "new"
    with town_folder(str(wanted)) as folder:
        (folder / "x").write_text("x", encoding="utf-8")
    assert (wanted / "x").exists()
    with pytest.raises(RefusedError) as full, town_folder(str(wanted)):
        pass
    assert full.value.code == "E-FILE-EXISTS"
    with pytest.raises(ConfigError) as wrong, town_folder(str(wanted / "x" / "y")):
        pass
    assert wrong.value.code == "E-HOME"


def test_warnings_go_to_a_file_and_only_meanwhile(tmp_path: Path):
    with logged(tmp_path):
        assert not (tmp_path / "testnet.log").exists()
        logging.getLogger("node.post").warning("a letter was late")
    logging.getLogger("node.post").warning("nobody writes this down")
    text = (tmp_path / "testnet.log").read_text(encoding="utf-8")
    assert "a letter was late" in text
    assert "nobody" not in text


# --- limits --------------------------------------------------------------------------------------


class Limit:
    """The system's limit of open files."""

    def __init__(self, soft: int, hard: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pair = (soft, hard)
        monkeypatch.setattr(resource, "getrlimit", lambda _what: self.pair)
        monkeypatch.setattr(resource, "setrlimit", self._set)

    def _set(self, _what: int, pair: tuple[int, int]) -> None:
        self.pair = pair


@pytest.mark.parametrize("pair", [(10_000, 10_000), (resource.RLIM_INFINITY, 10)])
def test_enough_files_are_left_as_they_are(pair: tuple[int, int], monkeypatch: pytest.MonkeyPatch):
    limit = Limit(*pair, monkeypatch)
    allow_files(planned(), processes=False)
    assert limit.pair == pair


@pytest.mark.parametrize("hard", [100_000, resource.RLIM_INFINITY])
def test_what_may_be_lifted_is_lifted(hard: int, monkeypatch: pytest.MonkeyPatch):
    limit = Limit(10, hard, monkeypatch)
    allow_files(planned(), processes=False)
    assert limit.pair == (planned().files_needed(processes=False), hard)


def test_too_few_files_are_said_with_the_line_that_helps(monkeypatch: pytest.MonkeyPatch):
    Limit(10, 20, monkeypatch)
    with pytest.raises(RefusedError) as caught:
        allow_files(planned(), processes=True)
    assert caught.value.code == "E-FILES"
    assert "ulimit -n" in caught.value.fix
