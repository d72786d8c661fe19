"""Buckets: where the address of a node stands in the book, so that nobody can fill it alone.

Two tables of buckets with 32 places each. *New* holds what was heard of, *tried* what this node has
reached. A key that nobody else knows chooses each place: of one address group at most 4 tried
buckets, of one source group at most 16 new ones. Enters: keys and names of groups. Leaves: places,
and keys drawn at random. Never here: what a record says.
Source: docs/protocol/06-gossip.md, "The book"; Bitcoin Core, addrman.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

from protocol import limits
from protocol.ids import NodeId
from protocol.network.chance import Chance

PLACES: Final = limits.bucket_places
"""Places of a bucket."""


class Places:
    """Chooses places by a key of its own."""

    def __init__(self, secret: bytes) -> None:
        """Take the key.

        Args:
            secret: 16..64 bytes that nobody else knows, or places could be aimed at.
        """
        self._secret = secret

    def _number(self, *parts: bytes) -> int:
        joined = b"".join(len(part).to_bytes(2, "big") + part for part in parts)
        digest = hashlib.blake2b(joined, key=self._secret, digest_size=8).digest()
        return int.from_bytes(digest, "big")

    def new(self, key: NodeId, group: str, source: str) -> int:
        """Give the place in *new* of a node that was heard of from a source."""
        share = self._number(b"share", group.encode(), source.encode())
        share %= limits.buckets_per_source_max
        bucket = self._number(b"new", source.encode(), bytes([share])) % limits.buckets_new
        return bucket * PLACES + self._number(b"n", bytes([bucket]), key) % PLACES

    def tried(self, key: NodeId, group: str) -> int:
        """Give the place in *tried* of a node that was reached in an address group."""
        share = self._number(b"which", key) % limits.buckets_per_group_max
        bucket = self._number(b"tried", group.encode(), bytes([share])) % limits.buckets_tried
        return bucket * PLACES + self._number(b"t", bytes([bucket]), key) % PLACES


class Table:
    """Keys by place; only what is taken costs memory."""

    def __init__(self) -> None:
        """Start empty."""
        self._keys: dict[int, NodeId] = {}
        self._taken: dict[int, int] = {}
        self._buckets: list[int] = []

    def __len__(self) -> int:
        """Count the keys."""
        return len(self._keys)

    def __iter__(self) -> Iterator[NodeId]:
        """Walk the keys, in the order they came."""
        return iter(self._keys.values())

    def at(self, place: int) -> NodeId | None:
        """Give the key at a place."""
        return self._keys.get(place)

    def put(self, place: int, key: NodeId) -> None:
        """Give a free place to a key."""
        bucket, number = divmod(place, PLACES)
        if bucket not in self._taken:
            self._taken[bucket] = 0
            self._buckets.append(bucket)
        self._taken[bucket] |= 1 << number
        self._keys[place] = key

    def free(self, place: int) -> None:
        """Empty a place that is taken."""
        del self._keys[place]
        bucket, number = divmod(place, PLACES)
        self._taken[bucket] &= ~(1 << number)
        if not self._taken[bucket]:
            del self._taken[bucket]
            self._buckets.remove(bucket)

    def draw(self, chance: Chance) -> NodeId:
        """Draw a bucket that is not empty, and a key from it; the table holds at least one."""
        bucket = self._buckets[chance.below(len(self._buckets))]
        taken = self._taken[bucket]
        for _ in range(chance.below(taken.bit_count())):
            taken &= taken - 1
        number = (taken & -taken).bit_length() - 1
        return self._keys[bucket * PLACES + number]
