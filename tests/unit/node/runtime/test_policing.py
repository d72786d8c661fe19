"""Policing: the policy told at the start, told again when it changes, and a mistake in it."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from node.clock import ManualClock
from node.config import Settings
from node.errors import ConfigError
from node.policy import NodePolicy
from node.runtime.findings import State
from node.runtime.policing import Policing, check_file
from node.runtime.tasks import Tasks
from node.storage import objects
from node.storage.database import Storage
from protocol.network.policy import Policy, Rule
from tests.parties import NET, NOW_MS, make_cast, make_profile


class FakeNetwork:
    """What the network is told."""

    def __init__(self) -> None:
        self.policies: list[NodePolicy] = []
        self.gone: list[bytes] = []
        self.counts: Counter[Rule] = Counter()
        self.changed = asyncio.Event()

    def carry(self, policy: NodePolicy) -> None:
        self.policies.append(policy)

    def let_go(self, ids: list[bytes]) -> None:
        self.gone += ids
        self.changed.set()

    def refused(self) -> Counter[Rule]:
        return self.counts


@pytest.fixture
async def tasks():
    made = Tasks()
    yield made
    await made.close()


def write(home: Path, text: str) -> None:
    (home / "policy.toml").write_text(text)


def police(home: Path, storage: Storage, clock: ManualClock, tasks: Tasks) -> Policing:
    return Policing(home, net=NET, storage=storage, clock=clock, tasks=tasks)


async def test_what_is_written_holds_from_the_start_and_after_a_look(
    tmp_path: Path, storage: Storage, clock: ManualClock, tasks: Tasks
):
    network: Any = FakeNetwork()
    policing = police(tmp_path, storage, clock, tasks)
    policing.begin(network)
    write(tmp_path, "[refuse]\ncategories = ['electronics']\n[bandwidth]\nup_kbit = 5")
    policing.reload()
    assert [each.refuse for each in network.policies] == [
        Policy(),
        Policy(categories=frozenset({"electronics"})),
    ]
    assert policing.applied(Settings(uplink_kbit=9)).uplink_kbit == 5
    assert policing.applied(Settings()).uplink_kbit == 5


async def test_a_mistake_changes_nothing_and_doctor_tells(
    tmp_path: Path, storage: Storage, clock: ManualClock, tasks: Tasks
):
    network: Any = FakeNetwork()
    policing = police(tmp_path, storage, clock, tasks)
    policing.begin(network)
    assert policing.finding().cause == "everything is carried"
    write(tmp_path, "[refuse]\nwords = 1")
    policing.reload()
    assert len(network.policies) == 1
    found = policing.finding()
    assert (found.state, found.proof) == (State.BAD, "E-POLICY")
    assert "policy.toml:2" in found.cause
    assert check_file(tmp_path).state is State.BAD
    with pytest.raises(ConfigError):
        police(tmp_path, storage, clock, tasks)


async def test_doctor_tells_what_was_refused(
    tmp_path: Path, storage: Storage, clock: ManualClock, tasks: Tasks
):
    assert check_file(tmp_path).cause == "everything is carried"
    write(tmp_path, "[refuse]\nwords = ['casino', 'poker']\n[storage]\nobjects = 1000")
    assert check_file(tmp_path).cause == "policy.toml is understood"
    network: Any = FakeNetwork()
    policing = police(tmp_path, storage, clock, tasks)
    policing.begin(network)
    assert policing.finding().cause == "nothing was refused since the start"
    network.counts.update({Rule.WORD: 2, Rule.KEY: 1, Rule.INTEREST: 7})
    found = policing.finding()
    assert found.cause == "3 objects refused since the start: 1 by key, 2 by word"
    assert "0 categories, 0 keys, 2 words; at most 1,000 objects of others" in found.proof


async def test_what_is_held_and_holds_a_refused_word_is_let_go(
    tmp_path: Path, storage: Storage, clock: ManualClock, tasks: Tasks
):
    cast, refused = make_cast(), make_cast(title="A casino")
    own, profile = make_cast(title="my casino"), make_profile(name="Casino Royal")

    def fill(conn) -> None:
        for each in (cast, refused, profile):
            objects.insert(conn, each, own=False, now_ms=NOW_MS)
        objects.insert(conn, own, own=True, now_ms=NOW_MS)

    await storage.write(fill)
    write(tmp_path, "[refuse]\nwords = ['casino']")
    network: Any = FakeNetwork()
    police(tmp_path, storage, clock, tasks).begin(network)
    async with asyncio.timeout(5):
        await network.changed.wait()
    assert set(network.gone) == {refused.id, profile.id}


def test_what_cannot_be_read_holds_no_word():
    from node.runtime.policing import _holds

    assert not _holds(make_cast().raw, "other", lambda _body: True)
