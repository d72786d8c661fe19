"""The shop's profile: signed once, kept while it holds, renewed when it does not."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from node.keystore import PROFILE_CONTEXT
from node.market.desk import newest_box
from node.market.storefront import Storefront
from node.storage import boxes_own
from protocol import limits
from protocol.now import DAY_MS, MINUTE_MS
from protocol.objects.profile import Profile
from tests.unit.node.market.booth import MAILBOXES, Booth


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.market.storefront._PATIENCE_S", 0.02)
    monkeypatch.setattr("node.market.storefront._STEP_S", 0.005)


def described(booth: Booth, **changes: object) -> Profile:
    body = Profile(
        name="Bo's", party="vendor", categories=["electronics"], reply=booth.reply(PROFILE_CONTEXT)
    )
    return msgspec.structs.replace(body, **changes)


async def test_a_profile_is_kept_watched_and_given_to_the_network(vendor: Booth):
    profile = await vendor.storefront.publish(described(vendor))
    assert profile.body.name == "Bo's"
    assert profile.header.key == vendor.desk.pen.profile_key()
    assert profile.header.at % MINUTE_MS == profile.header.exp % MINUTE_MS == 0
    assert profile.body.reply.until % DAY_MS == 0
    assert [each.id for each in vendor.network.published] == [profile.id]
    (box,) = vendor.post.watched
    assert await vendor.write(lambda conn: newest_box(conn, PROFILE_CONTEXT)) == box
    assert list(box.mailboxes) == profile.body.reply.at
    assert (box.reader, box.box) == (profile.body.reply.reader, profile.body.reply.box)
    assert await vendor.history() == ["profile"]


async def test_it_is_reused_while_it_says_the_same(vendor: Booth):
    first = await vendor.storefront.publish(described(vendor))
    again = await vendor.storefront.publish(described(vendor))
    assert again.id == first.id
    assert len(vendor.post.opened) == 1
    assert len(vendor.post.watched) == 2
    assert len(vendor.network.published) == 2


async def test_it_is_renewed_when_it_says_something_else_or_ends_soon(vendor: Booth):
    first = await vendor.storefront.publish(described(vendor))
    vendor.clock.advance(MINUTE_MS)
    second = await vendor.storefront.publish(described(vendor, name="Bo and daughter"))
    assert second.id != first.id
    vendor.clock.advance(211 * DAY_MS)
    third = await vendor.storefront.publish(described(vendor, name="Bo and daughter"))
    assert third.id != second.id
    assert third.body.reply.until > second.body.reply.until


async def test_it_is_renewed_when_its_box_is_unknown(vendor: Booth):
    first = await vendor.storefront.publish(described(vendor))
    await vendor.write(lambda conn: conn.execute("DELETE FROM boxes_own"))
    vendor.clock.advance(MINUTE_MS)
    assert (await vendor.storefront.publish(described(vendor))).id != first.id


async def test_a_shop_that_can_be_dialled_names_its_own_node_first(vendor: Booth):
    front = Storefront(vendor.desk, dialled=True)
    at = (await front.publish(described(vendor))).body.reply.at
    assert at[0] == vendor.network.node_id
    assert len(at) == limits.mailboxes_per_reply_max
    assert set(at[1:]) < set(MAILBOXES)


async def test_a_shop_that_only_dials_names_others(vendor: Booth):
    at = (await vendor.storefront.publish(described(vendor))).body.reply.at
    assert set(at) == set(MAILBOXES)


async def test_it_waits_until_a_mailbox_answers(vendor: Booth, monkeypatch: pytest.MonkeyPatch):
    vendor.post.answering = []
    tries: list[int] = []
    open_box = vendor.post.open_box

    async def open_at_last(*args: object, **facts: object) -> object:
        tries.append(1)
        if len(tries) == 3:
            vendor.post.answering = None
        return await open_box(*args, **facts)  # type: ignore[arg-type]

    monkeypatch.setattr(vendor.post, "open_box", open_at_last)
    await vendor.storefront.publish(described(vendor))
    assert len(tries) == 3


async def test_with_one_mailbox_known_it_does_not_wait_for_ever(vendor: Booth):
    vendor.network.known = MAILBOXES[:1]
    profile = await vendor.storefront.publish(described(vendor))
    assert profile.body.reply.at == MAILBOXES[:1]


async def test_the_box_lasts_as_long_as_the_profile(vendor: Booth):
    profile = await vendor.storefront.publish(described(vendor))
    boxes = await vendor.write(lambda conn: boxes_own.of_context(conn, PROFILE_CONTEXT))
    assert [box.until for box in boxes] == [profile.body.reply.until]


async def test_a_new_text_does_not_leave_the_box_buyers_were_told_of(vendor: Booth):
    first = await vendor.storefront.publish(described(vendor))
    vendor.network.known = [*(bytes([n]) * 32 for n in range(1, 4)), *MAILBOXES]  # type: ignore[list-item]
    vendor.clock.advance(MINUTE_MS)
    second = await vendor.storefront.publish(described(vendor, name="Bo and daughter"))
    assert second.body.reply.at == first.body.reply.at
    # Not even when none of them answers just now.
    vendor.post.answering = []
    vendor.clock.advance(MINUTE_MS)
    third = await vendor.storefront.publish(described(vendor, name="Bo's daughter"))
    assert third.body.reply == second.body.reply


async def test_a_box_that_moved_makes_a_new_profile(vendor: Booth):
    first = await vendor.storefront.publish(described(vendor))
    box = await vendor.write(lambda conn: newest_box(conn, PROFILE_CONTEXT))
    moved = replace(box, mailboxes=box.mailboxes[:1], former=box.mailboxes[1:])
    await vendor.write(lambda conn: boxes_own.save(conn, moved))
    vendor.clock.advance(MINUTE_MS)
    second = await vendor.storefront.publish(described(vendor))
    assert second.id != first.id
    assert tuple(second.body.reply.at) == moved.mailboxes
    assert (await vendor.storefront.publish(described(vendor))).id == second.id


async def test_a_box_that_ends_soon_where_nobody_answers_is_opened_elsewhere(
    vendor: Booth,
):
    first = await vendor.storefront.publish(described(vendor))
    vendor.clock.advance(211 * DAY_MS)
    others = [bytes([n]) * 32 for n in range(1, 4)]
    vendor.network.known = others  # type: ignore[assignment]
    vendor.post.answering = others  # type: ignore[assignment]
    second = await vendor.storefront.publish(described(vendor))
    assert set(second.body.reply.at) == set(others)
    box = await vendor.write(lambda conn: newest_box(conn, PROFILE_CONTEXT))
    assert list(box.former) == first.body.reply.at


async def test_mailboxes_that_fail_now_are_not_drawn(vendor: Booth):
    vendor.post.lost_at = set(MAILBOXES[:1])
    profile = await vendor.storefront.publish(described(vendor))
    assert set(profile.body.reply.at) == set(MAILBOXES[1:])
