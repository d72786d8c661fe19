"""The card claims what this node can fill, is signed in time, and says what others read."""

from __future__ import annotations

from typing import Any

import pytest

from node.clock import ManualClock
from node.config import Settings
from node.runtime.card import Card
from protocol import limits
from protocol.errors import LocalProtocolError
from protocol.network.addresses import Role, read_record
from protocol.now import HOUR_MS
from tests.parties import NET


def card_of(clock: ManualClock, **facts: Any) -> Card:
    settings = Settings(**{"net": NET, **facts})
    return Card(settings, clock=clock, transport_seed=b"t" * 32, record_seed=b"r" * 32)


def test_a_leaf_offers_nothing(clock: ManualClock):
    card = card_of(clock, mailbox=True, bootstrap=True)
    record = card.record()
    assert (record.addresses, record.roles, record.key) == ((), (), card.node_id)


def test_a_relay_names_its_port_and_roles(clock: ManualClock):
    card = card_of(clock, mailbox=True, bootstrap=True)
    card.listens_on(7440)
    record = card.record()
    assert record.addresses == ("127.0.0.1:7440",)
    assert record.roles == (Role.BOOTSTRAP, Role.MAILBOX, Role.RELAY)


def test_an_advertised_address_goes_before_the_one_it_listens_on(clock: ManualClock):
    card = card_of(clock, advertise=["relay.example:1"])
    card.listens_on(7440)
    assert card.record().addresses == ("relay.example:1",)
    wrong = card_of(clock, advertise=["nonsense"])
    wrong.listens_on(7440)
    with pytest.raises(LocalProtocolError) as caught:
        wrong.record()
    assert caught.value.code == "E-ADDRESS"


@pytest.mark.parametrize(
    ("facts", "addresses"),
    [
        ({"listen_host": "::"}, ()),
        ({"listen_host": "::1"}, ("[::1]:7440",)),
        ({"net": "main"}, ()),
        ({"net": "main", "listen_host": "8.8.8.8"}, ("8.8.8.8:7440",)),
    ],
)
def test_an_address_nobody_could_dial_is_not_named(
    clock: ManualClock, facts: dict[str, Any], addresses: tuple[str, ...]
):
    card = card_of(clock, **facts)
    card.listens_on(7440)
    assert card.record().addresses == addresses
    assert (Role.RELAY in card.record().roles) is bool(addresses)


def test_the_card_is_signed_anew_before_it_grows_old(clock: ManualClock):
    card = card_of(clock)
    first = card.record()
    clock.advance(HOUR_MS - 1)
    assert card.record() is first
    clock.advance(1)
    second = card.record()
    assert second.age_rank > first.age_rank
    clock.jump_wall(-HOUR_MS)
    assert card.record().at < second.at, "a clock set back does not keep a record of the future"


def test_the_hello_carries_the_card(clock: ManualClock):
    card = card_of(clock)
    hello = card.hello()
    assert read_record(hello.record, net=NET) == card.record()
    assert hello.clock_ms == clock.now().wall_ms
    assert hello.versions == [1]
    assert hello.outbound == 0
    assert card.hello(7).outbound == 7
    assert card.hello(2_000_000).outbound == limits.outbound_told_max
