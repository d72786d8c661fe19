"""Buckets: shares that hold, places that nobody can foresee, draws that weigh buckets."""

from __future__ import annotations

from collections import Counter

from protocol import limits
from protocol.ids import NodeId, blake2b_256
from protocol.network.buckets import PLACES, Places, Table
from protocol.network.chance import Chance


def key(number: int) -> NodeId:
    return NodeId(blake2b_256(b"node", number.to_bytes(4, "big")))


def test_one_source_fills_a_sixteenth_of_the_new_whatever_it_tells():
    places = Places(b"s" * 32)
    taken = {places.new(key(n), f"{n}.0.0.0/16", "8.8.0.0/16") for n in range(8_000)}
    assert len({place // PLACES for place in taken}) <= limits.buckets_per_source_max
    assert len(taken) <= limits.buckets_new * PLACES // 16
    others = {places.new(key(1), "1.2.0.0/16", f"{n}.9.0.0/16") // PLACES for n in range(2_000)}
    assert len(others) == limits.buckets_new, "all together reach every bucket"


def test_one_group_fills_a_sixteenth_of_the_tried_whatever_its_keys():
    places = Places(b"s" * 32)
    taken = {places.tried(key(n), "8.8.0.0/16") for n in range(8_000)}
    assert len({place // PLACES for place in taken}) <= limits.buckets_per_group_max
    assert len(taken) <= limits.buckets_tried * PLACES // 16
    everybody = {places.tried(key(n), f"{n}.0.0.0/16") // PLACES for n in range(2_000)}
    assert len(everybody) == limits.buckets_tried


def test_places_follow_the_secret_and_nothing_else():
    one, again, other = Places(b"1" * 32), Places(b"1" * 32), Places(b"2" * 32)
    asked = [(key(n), "8.8.0.0/16", "9.9.0.0/16") for n in range(50)]
    assert [one.new(*each) for each in asked] == [again.new(*each) for each in asked]
    assert [one.new(*each) for each in asked] != [other.new(*each) for each in asked]
    tried = [(each, group) for each, group, _ in asked]
    assert [one.tried(*each) for each in tried] != [other.tried(*each) for each in tried]


def test_a_table_gives_back_what_was_put():
    table = Table()
    table.put(5, key(1))
    table.put(6, key(2))
    table.put(3 * PLACES, key(3))
    assert (len(table), table.at(6), table.at(7)) == (3, key(2), None)
    assert list(table) == [key(1), key(2), key(3)]
    table.free(5)
    table.free(3 * PLACES)
    assert list(table) == [key(2)]
    assert {table.draw(Chance(bytes([n]))) for n in range(1, 20)} == {key(2)}
    table.free(6)
    table.put(5, key(4))
    assert table.draw(Chance(b"x")) == key(4)


def test_a_draw_weighs_buckets_alike_however_full():
    table, chance = Table(), Chance(b"draws")
    table.put(0, key(0))
    for number in range(1, 31):
        table.put(PLACES + number, key(number))
    drawn = Counter(table.draw(chance) for _ in range(3_000))
    assert 1_350 < drawn[key(0)] < 1_650
    assert len(drawn) == 31
