"""Shards: a map everybody can check, and no node's own choice."""

from __future__ import annotations

from collections import Counter

import h3

from protocol.ids import NodeId, blake2b_256
from protocol.network.shards import CARRIED, REGION_PARTS, SHARDS, carried_by, shard_of
from protocol.values.place import cell_of, coarsen


def key(number: int) -> NodeId:
    return NodeId(blake2b_256(number.to_bytes(8, "big")))


def test_a_cast_falls_where_its_first_slug_and_its_region_do():
    fine = cell_of(40.65, -111.5, 7)
    coarse = coarsen(fine, 1)
    assert shard_of("electronics/cameras", int(fine, 16)) == shard_of(
        "electronics", int(coarse, 16)
    )
    assert 0 <= shard_of("books", 0) < SHARDS
    widest = coarsen(fine, 0)
    assert 0 <= shard_of("books", int(widest, 16)) < SHARDS


def test_one_region_has_a_shard_for_each_part_of_the_categories():
    cell = int(cell_of(40.65, -111.5, 7), 16)
    found = {shard_of(f"slug-{number}", cell) for number in range(400)}
    assert len(found) == SHARDS // REGION_PARTS
    assert len({shard % REGION_PARTS for shard in found}) == 1


def test_the_regions_of_the_world_are_spread():
    cells = [c for base in h3.get_res0_cells() for c in h3.cell_to_children(base, 1)]
    counts = Counter(shard_of("books", int(cell, 16)) for cell in cells)
    assert len(counts) == REGION_PARTS
    assert max(counts.values()) < 2 * len(cells) / REGION_PARTS


def test_what_a_node_carries_follows_from_its_key_alone():
    assert carried_by(key(1)) == carried_by(key(1))
    assert carried_by(key(1)) != carried_by(key(2))
    assert all(len(carried_by(key(number))) == CARRIED for number in range(5))


def test_a_few_nodes_carry_everything_between_them():
    nodes = [carried_by(key(number)) for number in range(40)]
    carriers = Counter(shard for carried in nodes for shard in carried)
    assert len(carriers) == SHARDS
    assert min(carriers.values()) >= 8


def test_the_map_is_the_one_that_was_written_down():
    assert shard_of("electronics/cameras", int("872696a5affffff", 16)) == 210
    assert sorted(carried_by(NodeId(bytes(32))))[:6] == [0, 3, 4, 6, 12, 13]
