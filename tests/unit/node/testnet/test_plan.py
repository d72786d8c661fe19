"""Plans: the same for the same seed, and startable wave by wave."""

from __future__ import annotations

import pytest

from node.testnet.plan import Part, Plan, make_plan
from protocol.errors import LocalProtocolError

SHOPS = ("one", "two")


def planned(*, seed: int | None = 7, relays: int = 5, buyers: int = 3, vendors: int = 5) -> Plan:
    return make_plan(
        net="testnet-7", seed=seed, relays=relays, buyers=buyers, vendors=vendors, shops=SHOPS
    )


def test_everybody_has_a_name_of_their_own():
    plan = planned()
    names = [node.name for node in plan.nodes]
    assert len(set(names)) == len(names) == 13
    assert [len(plan.of(part)) for part in Part] == [5, 5, 3]


def test_vendors_take_shops_in_turn_and_copies_are_numbered():
    vendors = planned().of(Part.VENDOR)
    assert [node.name for node in vendors] == ["one", "two", "one-2", "two-2", "one-3"]
    assert [(node.shop, node.number) for node in vendors][:3] == [
        ("one", 1),
        ("two", 1),
        ("one", 2),
    ]


@pytest.mark.parametrize("relays", [1, 2, 5, 50])
def test_nodes_dial_only_those_of_earlier_waves(relays: int):
    plan = planned(relays=relays)
    wave_of = {node.name: node.wave for node in plan.nodes}
    for node in plan.nodes:
        assert all(wave_of[name] < node.wave for name in node.dials)
        assert bool(node.dials) == (node.wave > 0)
    assert sum(len(wave) for wave in plan.waves()) == len(plan.nodes)
    assert len(plan.of(Part.RELAY)) == relays


def test_a_buyer_dials_several_relays_so_that_one_may_die():
    for node in planned().of(Part.BUYER):
        assert len(node.dials) == 5


def test_the_same_seed_makes_the_same_plan_and_another_another():
    assert planned() == planned()
    assert planned(relays=20) != planned(relays=20, seed=8)


def test_settings_say_who_listens_and_who_keeps_letters():
    plan = planned()
    relay, vendor, buyer = (plan.of(part)[0] for part in Part)
    kept = plan.settings(relay, [])
    assert (kept["listen_port"], kept["mailbox"]) == (0, True)
    assert "mailbox" not in plan.settings(vendor, ["127.0.0.1:1"])
    asked = plan.settings(buyer, ["127.0.0.1:1"])
    assert "listen_port" not in asked
    assert asked["peers"] == ["127.0.0.1:1"]
    assert (asked["net"], asked["api_port"], asked["receipt_jitter_ms"]) == ("testnet-7", 0, 0)


def test_processes_need_fewer_files_here():
    plan = planned()
    assert plan.files_needed(processes=True) < plan.files_needed(processes=False)
    assert planned(relays=50).files_needed(processes=False) > plan.files_needed(processes=False)


@pytest.mark.parametrize("bad", [{"relays": 0}, {"relays": 51}, {"buyers": -1}, {"vendors": 51}])
def test_numbers_out_of_range_are_refused(bad: dict[str, int]):
    with pytest.raises(LocalProtocolError) as caught:
        planned(**bad)
    assert caught.value.code == "E-PLAN"
    assert "Choose" in caught.value.fix
