"""A buyer whom no mailbox knows: deals through tunnels, and carriers that die midway."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from node.errors import TransportError
from protocol.channel.messages import Ask
from protocol.ids import NodeId
from protocol.market.deal import DealState
from tests.integration.fair import Fair, House, accept, cast, eventually, offers

CARRIERS = 5
WISHES = 6


class Guests:
    """Who asked a mailbox anything, by the key its channel proved, and from where."""

    def __init__(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        self.house = house
        self.asks: list[tuple[NodeId, Ask]] = []
        mailbox = house.up.post.mailbox
        plain = mailbox.answer

        async def answer(session: Any, ask: Any) -> Any:
            self.asks.append((session.peer_id, ask))
            return await plain(session, ask)

        monkeypatch.setattr(mailbox, "answer", answer)

    def comers(self) -> set[NodeId]:
        return {key for key, _ in self.asks}


async def move_in(fair: Fair, name: str, relays: list[House], **facts: Any) -> House:
    house = House(name, fair.folder / name, relays, **facts)
    fair.houses.append(house)
    await house.open()
    return house


async def make_street(fair: Fair) -> tuple[list[House], list[House]]:
    """Two mailboxes, and relays that keep none, each of which knows both."""
    boxes = [await fair.relay(f"box_{number}") for number in range(2)]
    carriers: list[House] = []
    for number in range(CARRIERS):
        carriers.append(await move_in(fair, f"carrier_{number}", [*boxes, *carriers], listens=True))
    return boxes, carriers


async def until_mailboxes(house: House, count: int) -> None:
    await eventually(
        lambda: len(house.up.network.mailboxes()) >= count, f"{house.name} knows {count} mailboxes"
    )


@pytest.mark.parametrize("private", ["normal", "careful"])
async def test_a_deal_is_made_and_no_mailbox_knows_the_buyer(
    fair: Fair, monkeypatch: pytest.MonkeyPatch, private: str
):
    boxes, carriers = await make_street(fair)
    guests = [Guests(box, monkeypatch) for box in boxes]
    vendor = await fair.stall("vendor_bo")
    buyer = await move_in(fair, "buyer_ana", carriers, options={"private": private})
    await until_mailboxes(buyer, 2)
    handles = [await cast(buyer, title=f"Wish number {number}") for number in range(2)]
    found = [(await offers(buyer, handle))[0] for handle in handles]
    await accept(buyer, found[0])
    await vendor.until_deal(DealState.AGREED)
    for house in (buyer, vendor):
        await house.until_acked()
    own = buyer.up.network.node_id
    shop = vendor.up.network.node_id
    known = {house.up.network.node_id for house in fair.houses}
    for each in guests:
        assert own not in each.comers()
        # Each request comes under a key of its own; the shop comes as itself.
        assert len(each.comers() - {shop}) >= 2
        assert each.comers() & known <= {shop}
    # Whoever carries a reader is not let go for a newcomer.
    spared = {key for box in boxes for key in known if box.up._is_spared(key)}
    assert spared - {own, shop}
    assert buyer.up.network.detours.count >= 4
    assert buyer.up.network.detours.direct_count == 0
    assert sum(house.up.network.detours.carriage.carried_count for house in fair.houses) >= 4


async def test_a_carrier_that_dies_is_replaced_by_another(
    fair: Fair, monkeypatch: pytest.MonkeyPatch
):
    boxes, carriers = await make_street(fair)
    guests = [Guests(box, monkeypatch) for box in boxes]
    vendor = await fair.stall("vendor_bo")
    buyer = await move_in(fair, "buyer_ana", carriers, options={"private": "careful"})
    await until_mailboxes(buyer, 2)
    detours = buyer.up.network.detours

    def in_use() -> list[House]:
        used = {each.carrier for each in detours._detours.values()}
        return [house for house in carriers if house.up.network.node_id in used]

    # One request in twenty draws each of the two boxes to carry to the other, and asks none else.
    best: Any = None
    for number in range(WISHES):
        handle = await cast(buyer, title=f"Wish number {number}")
        best = (await offers(buyer, handle))[0]
        if in_use():
            break
    dead = in_use()[0]
    dead_id = dead.up.network.node_id
    await dead.up.kill()
    dead.daemon = None
    await accept(buyer, best)
    await vendor.until_deal(DealState.AGREED)
    await buyer.until_acked()
    assert dead_id not in {each.carrier for each in detours._detours.values()}
    assert all(buyer.up.network.node_id not in each.comers() for each in guests)


async def test_without_a_carrier_the_careful_do_not_go_and_others_go_directly(fair: Fair):
    box = await fair.relay("box")
    careful = await fair.visitor("buyer_ana", private="careful")
    normal = await fair.visitor("buyer_cy")
    key = box.up.network.node_id
    with pytest.raises(TransportError) as caught:
        await careful.up.network.detours.approach(key, bytes(16))
    assert caught.value.code == "E-TUNNEL-NONE"
    assert careful.up.network.detours.direct_count == 0
    link = await normal.up.network.detours.approach(key, bytes(16))
    assert link is normal.up.network.link_to(key)
    assert normal.up.network.detours.direct_count == 1


async def test_the_same_detour_serves_the_same_box_and_no_other(fair: Fair):
    boxes, carriers = await make_street(fair)
    buyer = await move_in(fair, "buyer_ana", carriers)
    detours = buyer.up.network.detours
    key = boxes[0].up.network.node_id
    one, again = await asyncio.gather(*(detours.approach(key, b"one") for _ in range(2)))
    other = await detours.approach(key, b"other")
    assert one is again
    assert one is not other
    assert detours.count == 2
    assert one.handshake_hash != other.handshake_hash
