"""What follows a restore, as its owner is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from node.clock import ManualClock
from node.errors import KeystoreError, NotFoundError, RefusedError
from node.keystore import PROFILE_CONTEXT
from node.market import reopening
from node.market.copies import halted
from node.runtime.recovery import Recovery
from node.storage import casts, copies, restorations
from node.storage.copies import Sighting
from node.storage.restorations import Held
from protocol import limits
from protocol.ids import to_text
from protocol.market.copies import Sign, Twinship
from protocol.now import HOUR_MS
from protocol.objects.envelope import Verified
from protocol.objects.header import Kind
from protocol.objects.succession import Rotation, consented
from tests.parties import Party
from tests.successions import make_rotation
from tests.unit.node.market.booth import START_MS, Booth, Market


class House:
    """A market's buyer or vendor with a recovery of its own."""

    def __init__(self, booth: Booth) -> None:
        self.booth = booth
        self.opened: list[bytes] = []
        self.rotated = 0
        post: Any = booth.post
        post.reread, post.other_read_ms = lambda: None, 0
        self.recovery = Recovery(
            booth.desk,
            live_casts=self._live,
            move_cast=booth.clockwork.move_cast,
            on_open=self.opened.append,
            on_rotated=self._rotate,
        )

    async def _live(self) -> list[Verified[Any]]:
        return []

    def _rotate(self) -> None:
        self.rotated += 1

    async def restore(self, how: Any = "backup") -> None:
        now_ms = self.booth.desk.wall_ms()
        await self.booth.write(
            lambda conn: restorations.record(conn, how=how, backup_ms=now_ms, now_ms=now_ms)
        )
        await self.recovery.begin()

    async def notices(self) -> str:
        await self.recovery.look()
        return " ".join(self.recovery.notices())


@pytest.fixture
async def market(tmp_path: Path) -> AsyncIterator[Market]:
    clock = ManualClock(wall_ms=START_MS)
    buyer = await Booth.open(tmp_path, "buyer_ana", clock)
    vendor = await Booth.open(tmp_path, "vendor_bo", clock)
    yield Market(buyer=buyer, vendor=vendor, clock=clock)
    await buyer.close()
    await vendor.close()


@pytest.fixture
async def house(market: Market, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setattr(reopening, "_LOOK_S", 0.01)
    monkeypatch.setattr(reopening, "_SHOPS_S", 0.02)
    found = House(market.buyer)
    await found.recovery.begin()
    return found


async def test_a_home_that_was_never_restored_has_nothing_to_say(house: House):
    assert await house.notices() == ""
    found = await house.recovery.reopen(None, sure=False, wait_s=0)
    assert (found["open"], found["restored"], found["identities"]) == (True, None, [])


async def test_a_restored_home_says_what_it_waits_for(market: Market, house: House):
    await market.offered()
    await house.restore()
    assert "1 request" in await house.notices()
    await market.buyer.cast(title="Another")
    assert "intentcast reopen" in await house.notices()


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ([b"1" * 16], "1 request promises nothing until:  intentcast reopen"),
        ([b"1" * 16, b"2" * 16], "2 requests promise nothing until"),
        ([PROFILE_CONTEXT], "the shop promises nothing until"),
        ([b"1" * 16, PROFILE_CONTEXT], "1 request and the shop promise nothing until"),
    ],
)
async def test_a_shop_is_named_where_there_is_one(house: House, held: list[bytes], said: str):
    await house.restore()
    await house.recovery.look()
    house.recovery._held = [Held(ctx=ctx, since_ms=1) for ctx in held]
    [notice] = house.recovery.notices()
    assert f": {said}" in notice
    assert ("shop" in notice) is (PROFILE_CONTEXT in held)


async def test_a_home_that_sells_nothing_is_not_asked_about_its_shop(house: House):
    await house.restore()
    assert await house.notices() == ""
    assert (await house.recovery.reopen(None, sure=False, wait_s=0))["identities"] == []
    assert await house.booth.write(lambda conn: restorations.is_held(conn, PROFILE_CONTEXT))


async def test_reopening_tells_what_was_learnt(market: Market, house: House):
    row, _ = await market.accepted()
    await house.restore()
    handle = to_text("cast", row.cast_id or b"")
    found = await house.recovery.reopen(handle, sure=False, wait_s=0)
    assert not found["open"]
    (one,) = found["identities"]
    assert (one["kind"], one["title"], one["offers"]) == ("cast", "Camera with RAW", 1)
    assert one["silent"] == ["vendor_bo's"]
    assert [deal["state"] for deal in one["deals"]] == ["accept_sent"]
    assert "1 of those you dealt with has not answered." in one["unknown"]
    found = await house.recovery.reopen(handle, sure=True, wait_s=0)
    assert found["open"]
    assert house.opened == [row.nonce]
    (one,) = (await house.recovery.reopen(handle, sure=False, wait_s=0))["identities"]
    assert (one["was_held"], one["open"], one["unknown"]) == (False, True, [])


async def test_from_words_it_says_that_whom_one_dealt_with_is_unknown(market: Market, house: House):
    row, _ = await market.offered()
    await house.restore("words")
    found = await house.recovery.reopen(row.nonce.hex(), sure=False, wait_s=0)
    assert any("words" in sentence for sentence in found["identities"][0]["unknown"])


async def test_a_shop_is_reopened_by_its_name(market: Market, house: House):
    await market.accepted()
    shop = House(market.vendor)
    await shop.restore("words")
    found = await shop.recovery.reopen("vendor", sure=False, wait_s=0)
    (one,) = found["identities"]
    assert (one["kind"], one["handle"], one["open"]) == ("vendor", "vendor", False)
    (row,) = await market.buyer.storage.read(casts.load_all)
    assert one["silent"] == [to_text("key", market.buyer.desk.pen.key(row.nonce))[:13]]
    assert len(one["deals"]) == 1
    assert (await shop.recovery.reopen(None, sure=True, wait_s=0))["open"]


async def test_a_name_that_means_nothing_is_refused(house: House):
    with pytest.raises(NotFoundError):
        await house.recovery.reopen("cast-7Q4M-K2XD", sure=False, wait_s=0)


async def test_locked_or_halted_nothing_is_reopened(house: House):
    house.booth.desk.pen.halt = halted
    with pytest.raises(RefusedError) as caught:
        await house.recovery.reopen(None, sure=True, wait_s=0)
    assert caught.value.code == "E-TWO-COPIES"
    house.booth.keyring.lock()
    for call in (house.recovery.reopen(None, sure=True, wait_s=0), house.recovery.this_one()):
        with pytest.raises(KeystoreError):
            await call


def a_sign(number: int, at: int, **facts: Any) -> Sighting:
    return Sighting(
        object_id=bytes([number]) * 32,
        ctx=bytes(16),
        kind="note",
        seen_ms=at,
        sign=Sign(at=at, **facts),
    )


async def test_the_copies_are_spoken_of(market: Market, house: House):
    later_ms = START_MS + limits.skew_ms_max + HOUR_MS
    await house.booth.write(lambda conn: copies.note(conn, a_sign(1, later_ms)))
    await house.recovery.begin()
    assert "This one signs nothing" in await house.notices()
    older = a_sign(2, later_ms, instance=b"b" * 16, since_ms=1)
    await house.booth.write(lambda conn: copies.note(conn, older))
    await house.recovery.begin()
    assert "An older copy" in await house.notices()
    market.clock.advance(2 * HOUR_MS)
    found = await house.recovery.this_one()
    assert found["standing"] == "alone"
    assert house.recovery.copies.word is Twinship.ALONE
    assert await house.notices() == ""


async def test_a_mailboxs_word_is_a_hint_and_no_more(house: House):
    post: Any = house.booth.post
    post.other_read_ms = START_MS + limits.skew_ms_max
    assert await house.notices() == ""
    post.other_read_ms += 1
    assert "a hint, no proof" in await house.notices()
    assert house.booth.desk.pen.halt is None


async def test_frozen_contacts_and_ended_keys_are_spoken_of(market: Market, house: House):
    await market.offered()
    shop = House(market.vendor)
    await shop.recovery.begin()
    rotation = await shop.recovery.succession.rotate()
    assert shop.rotated == 1
    other = await _other_successor(market.vendor)
    for statement in (rotation, other):
        await market.buyer.learn(statement)
    await house.recovery.begin()
    assert "Two successors were named" in await house.notices()
    await shop.recovery.succession.revoke(await shop.recovery.succession.certificate("lost"))
    assert "was revoked" in await shop.notices()


async def _other_successor(vendor: Booth):
    thief = Party("thief")

    def make(header):
        body = Rotation(new=thief.key, generation=1, consent=bytes(64))
        return consented(header, body, thief.seed("sign"))

    return await vendor.desk.pen.statement(
        PROFILE_CONTEXT, Kind.ROTATION, make, exp=START_MS + 24 * HOUR_MS
    )


async def test_running_it_catches_up_and_looks(market: Market, house: House):
    await market.accepted()
    market.buyer.fresh()
    await house.restore()
    running = asyncio.ensure_future(house.recovery.run())
    while not market.buyer.post.queued[-1].kind.startswith("question"):
        await asyncio.sleep(0.01)
    running.cancel()
    assert {each.kind for each in market.buyer.fresh()} == {"note", "question after a loss"}
    house.recovery.hear(make_rotation(Party("a"), Party("b")))


async def test_what_else_is_held_is_named_and_what_has_ended_is_not(market: Market, house: House):
    row, _ = await market.offered()
    other, gone = await market.buyer.cast(), await market.buyer.cast()
    await house.restore()
    await market.buyer.withdrawal.revoke(to_text("cast", gone.cast_id or b""))
    found = await house.recovery.reopen(to_text("cast", row.root_id or b""), sure=True, wait_s=0)
    assert found["open"]
    named = [to_text("cast", other.root_id or b"")[:14]]
    assert [each["handle"] for each in found["still_held"]] == named
    assert "1 request" in await house.notices()
    found = await house.recovery.reopen(None, sure=True, wait_s=0)
    assert found["still_held"] == []
    assert await house.notices() == ""


async def test_a_shop_that_never_was_is_not_reopened(house: House):
    await house.restore()
    with pytest.raises(RefusedError) as caught:
        await house.recovery.reopen("vendor", sure=True, wait_s=0)
    assert caught.value.code == "E-NO-SHOP"


async def test_a_home_from_words_is_greeted_though_nothing_is_found_yet(
    market: Market, house: House
):
    assert house.recovery.greeting() == []
    await house.restore("words")
    assert "intentcast reopen" in " ".join(house.recovery.greeting())
    assert house.recovery.notices() == []
    market.clock.advance(25 * HOUR_MS)
    assert house.recovery.greeting() == []


async def test_a_home_from_a_backup_is_greeted_with_what_it_holds(market: Market, house: House):
    await market.offered()
    await house.restore()
    assert house.recovery.greeting() == house.recovery.notices() != []
