"""Shards: into which of 256 parts an object falls, and which parts a node would carry.

No node carries only a part today: relays carry everything. The map is written down now, so that
partial relays, when they are needed, choose by what everybody can check, and not by what suits
them. Enters: a cast's category and cell, a node's transport key. Leaves: shard numbers. Never here:
a node's own word on what it carries, which a liar would choose.
Source: docs/decisions/0025-relays-carry-everything.md.
"""

from __future__ import annotations

from typing import Final

import h3.api.basic_int as h3

from protocol.ids import NodeId, blake2b_256

SHARDS: Final = 256
CATEGORY_PARTS: Final = 16
"""Parts by the first slug of the category ..."""
REGION_PARTS: Final = SHARDS // CATEGORY_PARTS
"""... and parts by the region, each H3 cell of resolution 1 falling into one."""
REGION_RESOLUTION: Final = 1
"""842 cells of some 600,000 km2: a buyer and the shops around lie in one or in neighbours."""
CARRIED: Final = SHARDS // 2
"""Shards a partial relay carries: half, so that any two share a quarter of all."""
_CATEGORY: Final = b"intentcast shard category"
_REGION: Final = b"intentcast shard region"
_NODE: Final = b"intentcast shard node"


def shard_of(category: str, cell: int) -> int:
    """Name the shard of a cast.

    Args:
        category: its path; the first slug counts.
        cell: H3 index as a number; 0 for a place that does not matter.
    """
    slug = category.partition("/")[0].encode()
    part = blake2b_256(_CATEGORY, slug)[0] % CATEGORY_PARTS
    return part * REGION_PARTS + _region_part(cell)


def _region_part(cell: int) -> int:
    coarse = cell
    if cell and h3.get_resolution(cell) > REGION_RESOLUTION:
        coarse = h3.cell_to_parent(cell, REGION_RESOLUTION)
    return blake2b_256(_REGION, coarse.to_bytes(8, "big"))[0] % REGION_PARTS


def carried_by(key: NodeId) -> frozenset[int]:
    """List the shards a partial relay of this key would have to carry; anybody can check it."""
    ranked = sorted(range(SHARDS), key=lambda shard: blake2b_256(_NODE, key, bytes([shard])))
    return frozenset(ranked[:CARRIED])
