"""At most one link to each peer, and both ends keep the same one."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, cast

import pytest

from node.network.links import TOGETHER_MS, Links
from protocol.errors import Reason
from protocol.ids import NodeId

SMALL, LARGE = NodeId(b"\x01" * 32), NodeId(b"\x02" * 32)


@dataclass(eq=False)
class Link:
    """The side of a connection that the table of links sees."""

    peer_id: NodeId
    outbound: bool
    opened_ms: int = 0
    is_open: bool = True
    reason: Reason | None = None

    def close(self, reason: Reason, detail: str) -> None:
        assert detail
        self.is_open = False
        self.reason = reason

    async def run(self) -> None:
        self.is_open = False


def admit(links: Links, link: Link) -> Any:
    return links.admit(cast("Any", link))


def test_first_link_is_kept():
    links = Links(SMALL)
    link = Link(LARGE, outbound=True)
    assert admit(links, link) is link
    assert links.get(LARGE) is cast("Any", link)
    assert links.get(SMALL) is None
    assert links.get(None) is None
    assert list(links) == [link]
    assert (len(links), links.inbound_count) == (1, 0)


@pytest.mark.parametrize("order", list(itertools.permutations(["small dials", "large dials"])))
def test_both_ends_keep_the_link_dialled_by_the_smaller_key(order: tuple[str, ...]):
    for own, peer in ((SMALL, LARGE), (LARGE, SMALL)):
        links = Links(own)
        made = {
            name: Link(peer, outbound=(name == "small dials") == (own == SMALL), opened_ms=place)
            for place, name in enumerate(order)
        }
        kept = [admit(links, made[name]) for name in order][-1]
        assert kept is made["small dials"]
        assert made["large dials"].reason is Reason.DUPLICATE
        assert made["small dials"].is_open


@pytest.mark.parametrize("outbound", [True, False])
def test_same_direction_keeps_the_newer(outbound: bool):
    links = Links(SMALL)
    old, new = Link(LARGE, outbound=outbound), Link(LARGE, outbound=outbound, opened_ms=1)
    admit(links, old)
    assert admit(links, new) is new
    assert old.reason is Reason.DUPLICATE


@pytest.mark.parametrize("own", [SMALL, LARGE])
def test_peer_that_dials_long_after_has_lost_the_old_link(own: NodeId):
    links = Links(own)
    peer = LARGE if own == SMALL else SMALL
    old = Link(peer, outbound=own == SMALL)
    new = Link(peer, outbound=own != SMALL, opened_ms=TOGETHER_MS + 1)
    admit(links, old)
    assert admit(links, new) is new


def test_ended_link_makes_room():
    links = Links(SMALL)
    old, new = Link(LARGE, outbound=True), Link(LARGE, outbound=False)
    admit(links, old)
    old.is_open = False
    assert (len(links), links.get(LARGE)) == (0, None)
    assert admit(links, new) is new
    assert old.reason is None
    assert links.inbound_count == 1


async def test_carried_link_is_forgotten_at_its_end():
    links = Links(SMALL)
    link = Link(LARGE, outbound=True)
    admit(links, link)
    await links.carry(cast("Any", link))
    assert links._by_peer == {}


async def test_end_of_a_replaced_link_leaves_the_new_one():
    links = Links(SMALL)
    old, new = Link(LARGE, outbound=True), Link(LARGE, outbound=True)
    admit(links, old)
    admit(links, new)
    await links.carry(cast("Any", old))
    assert links.get(LARGE) is cast("Any", new)
