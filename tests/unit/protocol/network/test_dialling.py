"""Dialling: as many links as wanted, patience with the silent, every address in turn."""

from __future__ import annotations

from protocol import limits
from protocol.ids import NodeId
from protocol.network.addresses import NodeRecord
from protocol.network.chance import Chance
from protocol.network.dialling import SETTLED_MS, Dialling
from protocol.network.events import DialOutcome
from tests.unit.protocol.network.driver import record_of


def relays(count: int) -> list[NodeRecord]:
    return [record_of(f"relay{n}") for n in range(count)]


def dialling(outbound_max: int = 3) -> Dialling:
    return Dialling(chance=Chance(b"seed"), outbound_max=outbound_max)


def keys(dials: list) -> set[NodeId]:
    return {dial.key for dial in dials}


def test_as_many_are_dialled_as_are_wanted():
    machine, known = dialling(3), relays(6)
    dials, delay_ms = machine.choose(known, {}, 0)
    assert len(keys(dials)) == machine.in_flight == 3
    assert delay_ms == limits.sweep_ms
    assert machine.choose(known, {}, 0)[0] == []
    for dial in dials:
        machine.joined(dial.key)
    linked = dict.fromkeys(keys(dials), True)
    assert machine.choose(known, linked, 0)[0] == []
    linked.popitem()
    again, _ = machine.choose(known, linked, 0)
    assert len(again) == 1


def test_inbound_links_do_not_count_and_are_not_dialled():
    machine, known = dialling(2), relays(3)
    linked = {known[0].key: False}
    dials, _ = machine.choose(known, linked, 0)
    assert keys(dials) == {known[1].key, known[2].key}


def test_dials_in_flight_are_bounded():
    machine = dialling(100)
    dials, _ = machine.choose(relays(40), {}, 0)
    assert len(dials) == limits.dials_open_max


def test_who_does_not_answer_is_left_alone_ever_longer():
    machine, known = dialling(), relays(1)
    key, now, waits = known[0].key, 0, []
    for _ in range(14):
        dials, _ = machine.choose(known, {}, now)
        assert keys(dials) == {key}
        assert not machine.failed(key, DialOutcome.UNREACHABLE, now)
        none, delay_ms = machine.choose(known, {}, now)
        assert none == []
        retry_ms = machine._retry_ms(key) - now
        assert delay_ms == min(limits.sweep_ms, max(limits.dial_backoff_ms_min, retry_ms))
        waits.append(retry_ms)
        now += retry_ms
    assert waits[0] < 1_300
    assert waits[3] > 2 * waits[0]
    assert max(waits) <= limits.dial_backoff_ms_max * 6 // 5


def test_another_node_at_the_address_is_told():
    machine, known = dialling(), relays(1)
    machine.choose(known, {}, 0)
    assert machine.failed(known[0].key, DialOutcome.OTHER_NODE, 0)
    assert machine.in_flight == 0


def test_every_address_is_tried_in_turn():
    machine = dialling()
    known = [record_of("relay", addresses=["a.example:1", "b.example:2"])]
    places, now = [], 0
    for _ in range(3):
        dials, _ = machine.choose(known, {}, now)
        places.append(dials[0].address)
        machine.failed(known[0].key, DialOutcome.UNREACHABLE, now)
        now += limits.dial_backoff_ms_max
    assert places == ["a.example:1", "b.example:2", "a.example:1"]


def test_a_link_that_lasted_is_dialled_again_at_once():
    machine, known = dialling(), relays(1)
    key = known[0].key
    machine.failed(key, DialOutcome.UNREACHABLE, 0)
    machine.lost(key, SETTLED_MS, 10)
    assert keys(machine.choose(known, {}, 10)[0]) == {key}


def test_a_link_that_hardly_lasted_is_not():
    machine, known = dialling(), relays(1)
    machine.lost(known[0].key, SETTLED_MS - 1, 10)
    assert machine.choose(known, {}, 10)[0] == []


def test_failures_are_remembered_of_so_many_only(monkeypatch):
    monkeypatch.setattr(limits, "known_nodes_max", 2)
    machine, known = dialling(9), relays(3)
    for record in known:
        machine.failed(record.key, DialOutcome.UNREACHABLE, 0)
    assert keys(machine.choose(known, {}, 0)[0]) == {known[0].key}
