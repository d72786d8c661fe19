"""Who else reads a box: what a mailbox remembers of it, to tell the box's owner.

Enters: each reading that was proved, with the node it came from. Leaves: when another node than
this one last proved to be the same reader. It is said to whoever proved to be the reader, and to
nobody else; to them it is a hint, since a mailbox may say anything. Memory only.
Source: docs/protocol/08-post.md, "Reading".
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, TypeAlias

from protocol.ids import NodeId

_READERS_MAX: Final = 20_000
"""Boxes whose readers are remembered; the one read longest ago makes room; guess."""
_NODES_MAX: Final = 4
"""Nodes remembered of one box: a home that moved between computers has had a few; guess."""

_Nodes: TypeAlias = "OrderedDict[NodeId, int]"


class Readership:
    """One per mailbox."""

    def __init__(self) -> None:
        """Start with nobody."""
        self._boxes: OrderedDict[bytes, _Nodes] = OrderedDict()

    def note(self, reader: bytes, node: NodeId, now_ms: int) -> int:
        """Remember a proved reading; give when another node last proved the same, 0 for never.

        Args:
            reader: names the box.
            node: the proved transport key of the channel.
            now_ms: wall clock, Unix ms.
        """
        nodes = self._boxes.setdefault(reader, OrderedDict())
        self._boxes.move_to_end(reader)
        if len(self._boxes) > _READERS_MAX:
            self._boxes.popitem(last=False)
        other_ms = max((at for other, at in nodes.items() if other != node), default=0)
        nodes[node] = now_ms
        nodes.move_to_end(node)
        if len(nodes) > _NODES_MAX:
            nodes.popitem(last=False)
        return other_ms
