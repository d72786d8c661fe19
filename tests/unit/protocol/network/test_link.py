"""A link: what its peer offers."""

from __future__ import annotations

import pytest

from protocol.network.addresses import Role
from protocol.network.link import Link
from tests.unit.protocol.network.driver import record_of


@pytest.mark.parametrize(
    ("roles", "is_relay", "is_first_peer"),
    [
        ([], False, False),
        ([Role.RELAY], True, False),
        ([Role.BOOTSTRAP, Role.RELAY], True, True),
        ([Role.MAILBOX], False, False),
    ],
)
def test_what_a_peer_offers(roles: list[Role], is_relay: bool, is_first_peer: bool):
    link = Link(
        record=record_of("a", roles=roles),
        outbound=True,
        is_own=True,
        address="8.8.4.4",
        group="8.8.0.0/16",
        since_ms=0,
        clock_ms=0,
        agent="",
        told=3,
    )
    assert (link.is_relay, link.is_first_peer) == (is_relay, is_first_peer)
    assert (link.firsts, link.first_ms) == (0, None)
