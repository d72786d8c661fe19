"""What `status` says unasked: each remark when it holds, and only then."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node.clock import ManualClock
from node.errors import TransportError
from node.network.dialer import Kept, parse_address
from node.runtime.handle import Handle
from protocol.ids import NodeId
from protocol.network.independence import Dependence
from tests.unit.node.market.booth import START_MS, Booth
from tests.unit.node.runtime.faces import FaceNetwork, face_of


@pytest.fixture
async def face(tmp_path: Path) -> AsyncIterator[tuple[Handle, FaceNetwork]]:
    booth = await Booth.open(tmp_path, "buyer_ana", ManualClock(wall_ms=START_MS))
    yield face_of(booth, tmp_path)
    await booth.close()


@pytest.fixture
def handle(face: tuple[Handle, FaceNetwork]) -> Handle:
    return face[0]


@pytest.fixture
def network(face: tuple[Handle, FaceNetwork]) -> FaceNetwork:
    return face[1]


async def test_no_independent_source_is_told(handle: Handle, network: FaceNetwork):
    assert (await handle.peers())["dependent_on"] is None
    network.common = Dependence.GROUP
    (_, notice) = (await handle.status())["notices"]
    assert notice.startswith("No independent source: all peers this node dialled")
    assert "peers add" in notice
    assert (await handle.peers())["dependent_on"] == "group"


async def test_a_node_that_tells_nobody_where_is_no_relay(handle: Handle, network: FaceNetwork):
    network.port, network.told = 7440, []
    found = await handle.status()
    assert (found["relay"], found["mailbox"]) == (False, False)
    assert "it listens, but tells nobody where" in found["notices"][-1]
    assert "--advertise HOST:PORT" in found["notices"][-1]
    network.told = ["relay.example:7440"]
    found = await handle.status()
    assert found["relay"]
    assert found["notices"] == ["A standing remark."]


async def test_a_careful_node_without_a_carrier_says_so(handle: Handle, network: FaceNetwork):
    network.mode = "careful"
    (_, notice) = (await handle.status())["notices"]
    assert notice.startswith('Too few relays for private = "careful"')
    assert "peers add" in notice


async def test_addresses_that_do_not_answer_are_listed(handle: Handle, network: FaceNetwork):
    lost = TransportError("nobody listens there", code="E-PEER-LOST")
    kept = Kept(parse_address("relay.example:7440"), None, failures=3, error=lost)
    kept.next_ms = handle._desk.clock.now().mono_ms + 12_500
    peer = NodeId(bytes(32))
    network.kept = [kept, Kept(parse_address("other.example:1"), None, peer_id=peer)]
    network.linked = [peer]
    assert (await handle.peers())["unlinked"] == [
        {
            "address": "relay.example:7440",
            "tries": 3,
            "code": "E-PEER-LOST",
            "error": "nobody listens there",
            "next_s": 12,
        }
    ]
    network.linked, network.kept = [], [Kept(parse_address("other.example:1"), None)]
    (found,) = (await handle.peers())["unlinked"]
    assert (found["code"], found["next_s"]) == (None, None)
    assert "1 address is dialled, and none answers" in (await handle.status())["notices"][-1]
