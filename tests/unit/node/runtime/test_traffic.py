"""Bytes are counted for each link while it lasts, and for all of them for ever."""

from __future__ import annotations

from node.runtime.traffic import Traffic
from protocol.ids import NodeId

ONE, OTHER = NodeId(b"1" * 32), NodeId(b"2" * 32)


def test_what_a_link_carried_stays_in_the_sum():
    traffic = Traffic()
    traffic.opened(ONE)
    traffic.count(ONE, 5, inbound=True)
    traffic.count(ONE, 7, inbound=False)
    traffic.count(OTHER, 100, inbound=True)
    assert traffic.of(ONE) == (5, 7)
    assert traffic.of(OTHER) == (0, 0), "no link yet"
    traffic.closed(ONE)
    traffic.closed(ONE)
    assert traffic.of(ONE) == (0, 0)
    assert traffic.sums == {"in": 105, "out": 7}
