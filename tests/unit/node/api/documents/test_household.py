"""How the node is, its links and letters: each member has its range."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from node.api.documents.household import EventsDocument, PeersDocument, StatusDocument
from tests.unit.node.api.fake_citizen import FakeCitizen


async def test_counts_are_counts_and_states_are_known():
    status = await FakeCitizen().status()
    assert msgspec.convert(status, StatusDocument).outbox.pending == 0
    wrong: list[dict[str, Any]] = [
        {"uptime_s": -1},
        {"casts": {"lost": 1}},
        {"pid": 0},
        {"peers": None},
        {"more": 1},
        {"schema": "intentcast.status/2"},
    ]
    for change in wrong:
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(status | change, StatusDocument)


async def test_a_round_trip_may_be_unknown():
    peers = await FakeCitizen().peers()
    peers["peers"][0]["rtt_ms"] = None
    assert msgspec.convert(peers, PeersDocument).peers[0].rtt_ms is None


def test_events_come_by_the_page():
    line = {"n": 1, "at": "2027-02-20T12:00:00Z", "what": "offer", "ids": ["00ff"]}
    document = {"schema": "intentcast.events/1", "events": [line] * 256, "cursor": 1}
    assert len(msgspec.convert(document, EventsDocument).events) == 256
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(document | {"events": [line] * 257}, EventsDocument)
