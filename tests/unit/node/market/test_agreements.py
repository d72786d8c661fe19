"""The agreement of a deal: the same bytes on both sides, checked, or none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from node.market.agreements import agreement_of
from node.storage import deals
from node.storage.deals import Deal
from protocol.errors import RemoteProtocolError
from protocol.objects.agreement import Agreement, read_bundle
from tests.unit.node.market.booth import Booth, Market


async def agreement(booth: Booth, row: Deal | None = None) -> Agreement | None:
    kept = row or await booth.deal()
    found: Agreement | None = await booth.write(lambda conn: agreement_of(booth.desk, conn, kept))
    return found


async def test_both_sides_hold_the_same_bytes_and_they_hold(market: Market):
    await market.agreed(options=[1])
    ours, theirs = await agreement(market.buyer), await agreement(market.vendor)
    assert ours is not None
    assert theirs is not None
    assert ours.bundle() == theirs.bundle()
    assert read_bundle(ours.bundle()).id == ours.id
    assert ours.acceptance.body.total == 26_500


async def test_there_is_none_before_a_confirmation(market: Market):
    await market.accepted()
    assert await agreement(market.buyer) is None
    assert await agreement(market.vendor) is None


async def test_a_confirmed_deal_can_be_kept_before_it_is_acknowledged(market: Market):
    await market.accepted()
    await market.vendor.decide()
    found = await agreement(market.vendor)
    assert found is not None
    assert (found.agreed, found.id) == (None, None)


@pytest.mark.parametrize("part", ["offer_id", "deal_id", "confirmed_id"])
async def test_there_is_none_when_a_part_is_gone(market: Market, part: str):
    await market.agreed()
    row = await market.buyer.deal()
    gone: dict[str, Any] = {part: b"0" * 32}
    assert await agreement(market.buyer, replace(row, **gone)) is None


@pytest.mark.parametrize("part", ["cast", "profile"])
async def test_there_is_none_without_the_public_parts(market: Market, part: str):
    await market.agreed()
    row = await market.buyer.deal()
    body = (await market.buyer.object(row.offer_id)).body
    gone = getattr(body, part)
    await market.buyer.write(lambda conn: conn.execute("DELETE FROM objects WHERE id = ?", (gone,)))
    assert await agreement(market.buyer) is None


async def test_parts_of_two_deals_do_not_make_one(market: Market):
    await market.agreed()
    first = await market.buyer.deal()
    await market.agreed()
    second = await market.buyer.deal()
    mixed = replace(first, confirmed_id=second.confirmed_id, agreed_id=second.agreed_id)
    await market.buyer.write(lambda conn: deals.update(conn, mixed))
    with pytest.raises(RemoteProtocolError):
        await agreement(market.buyer, mixed)
