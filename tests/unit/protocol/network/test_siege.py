"""Nobody holds all links of a node: one block with many keys, and a poisoned book."""

from __future__ import annotations

import pytest

from protocol import limits
from protocol.network.addresses import NodeRecord
from protocol.network.book import Book
from protocol.network.events import NodeMemory
from tests.unit.protocol.network.driver import NOW
from tests.unit.protocol.network.siege import OWN, Siege, node_at

WALL = NOW.wall_ms
SHARE = 16
"""A sixteenth, 6.25 %: what one group or source may take of a table."""


def block_of(keys: int) -> list[NodeRecord]:
    """Ten thousand keys are cheap: one block of addresses."""
    return [node_at(f"66.6.{n % 250}.{n // 250 + 1}:7440", n) for n in range(keys)]


def town_of(count: int) -> list[NodeRecord]:
    """Honest relays, each in a block of its own."""
    return [node_at(f"{20 + n // 200}.{n % 200}.7.7:7440") for n in range(count)]


def test_one_block_of_10000_keys_takes_a_sixteenth_of_each_table_whoever_tells_it():
    book = Book(own=OWN, secret=b"secret" * 5)
    block = block_of(10_000)
    for number, record in enumerate(block):
        book.add(record, proven=False, wall_ms=WALL, source=f"{number % 200}.1.0.0/16")
    assert 0 < book.new_count <= limits.buckets_new * limits.bucket_places // SHARE
    for record in block:
        if not book.reached(record.key, record.addresses[0], WALL):
            # As if each had found a place for the moment it was reached.
            book.add(record, proven=False, wall_ms=WALL, source="x")
            book.reached(record.key, record.addresses[0], WALL)
    assert 0 < book.tried_count <= limits.buckets_tried * limits.bucket_places // SHARE
    alone = Book(own=OWN, secret=b"secret" * 5)
    for record in block:
        alone.add(record, proven=False, wall_ms=WALL, source="66.6.0.0/16")
    assert 0 < alone.new_count <= limits.bucket_places, "by itself it fills one bucket"


def test_one_block_of_10000_keys_gets_one_link_of_ten():
    siege = Siege(town_of(60), block_of(10_000))
    siege.restart(known=town_of(60))
    siege.settle()
    for record in block_of(40):
        siege.feed(siege.joined(record, outbound=False))
    for _ in range(25):
        siege.pass_minutes(20)
        links = siege.outbound
        assert len(links) == 10
        assert len(siege.hostile & set(links)) <= 1
    new, tried = siege.share()
    assert new <= limits.buckets_new * limits.bucket_places // SHARE
    assert 0 < tried <= limits.buckets_tried * limits.bucket_places // SHARE
    for _ in range(40):
        siege.restart()
        siege.settle()
        assert len(siege.outbound) == 10
        assert len(siege.hostile & set(siege.outbound)) <= 1


@pytest.mark.timeout(60)
def test_a_node_whose_book_is_half_poisoned_finds_an_honest_peer_after_each_of_1000_restarts():
    bots = [node_at(f"{100 + n // 200}.{n % 200}.6.6:7440") for n in range(80)]
    town = town_of(80)
    siege = Siege(town, [])
    siege.restart(known=town)
    siege.settle()
    siege.pass_minutes(60)
    anchors = siege.anchors
    assert len(anchors) == limits.anchors, "links that lasted, from before the attack"
    # Then half of all it knows, heard of and reached alike, are bots, each in a block of its own.
    siege = Siege(town, bots)
    siege.are_silent = True
    known, memories = [*town, *bots], {}
    for number, (good, bad) in enumerate(zip(town, bots, strict=True)):
        for record in (good, bad):
            reached_ms = WALL if number % 2 else 0
            memories[record.key] = NodeMemory(
                source=f"{number}.1.0.0/16", reached_ms=reached_ms, address=record.addresses[0]
            )
    lost = hostile = 0
    for _ in range(1_000):
        siege.records, siege.memories, siege.anchors = {}, dict(memories), anchors
        siege.restart(known=known)
        links = siege.outbound
        assert len(links) >= 8
        bots_linked = len(siege.hostile & set(links))
        hostile += bots_linked
        lost += bots_linked == len(links)
    assert lost <= 1
    assert 3_000 < hostile < 6_000, "more than their share, since they always answer, but no more"
