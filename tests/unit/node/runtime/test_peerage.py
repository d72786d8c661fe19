"""What is told of a linked peer."""

from __future__ import annotations

from node.runtime.peerage import PeerView
from protocol.ids import NodeId

KEY = NodeId(b"\x05" * 32)


def test_lengths_of_time_are_told_in_seconds_and_directions_in_a_word():
    view = PeerView(
        key=KEY,
        address="192.0.2.7:9401",
        outbound=False,
        roles=("relay",),
        agent="x",
        rtt_ms=None,
        since_ms=61_999,
        bytes_in=1,
        bytes_out=2,
        first_objects=3,
        fault_points=4,
    )
    told = view.document()
    assert (told["connected_s"], told["direction"], told["rtt_ms"]) == (61, "in", None)
    assert told["node"].startswith("node-")
