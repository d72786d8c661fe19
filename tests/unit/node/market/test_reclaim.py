"""What is ours among what everybody carries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from node.clock import ManualClock
from node.errors import StorageError
from node.keystore import PROFILE_CONTEXT, profile_context
from node.market import reclaim
from node.storage import casts
from protocol import limits
from protocol.ids import blake2b_256, to_text
from protocol.market.cast import CastState
from protocol.market.copies import Twinship
from protocol.now import HOUR_MS
from tests.parties import Party, make_cast, make_profile
from tests.successions import make_revocation, make_rotation
from tests.unit.node.market.aftermath import Aftermath
from tests.unit.node.market.booth import Booth

PAST_SKEW_MS = limits.skew_ms_max + HOUR_MS


@pytest.fixture
async def again(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Aftermath]:
    """The buyer's home, made anew from its words an hour later."""
    clock.advance(HOUR_MS)
    found = await Aftermath.restored(tmp_path / "again", "buyer_ana", clock)
    yield found
    await found.booth.close()


async def published(buyer: Booth, **changes):
    row = await buyer.cast(**changes)
    return row, await buyer.object(row.cast_id)


async def test_a_request_of_the_lost_home_is_known_by_its_key(buyer: Booth, again: Aftermath):
    row, cast = await published(buyer)
    await again.hear(make_cast(), cast)
    found = await again.booth.own(row.nonce)
    assert (found.cast_id, found.root_id, found.state) == (cast.id, cast.id, CastState.OPEN)
    assert (found.decide_by, found.exp) == (cast.body.decide_by, cast.header.exp)
    assert "not known here" in found.note
    assert await again.is_own(cast.id)
    assert row.nonce in await again.held()
    (box,) = again.booth.post.watched
    assert (box.ctx, list(box.mailboxes)) == (row.nonce, cast.body.reply.at)
    assert again.copies.word is Twinship.ALONE
    assert again.reclaim.found == 1


async def test_found_twice_it_is_found_once(buyer: Booth, again: Aftermath):
    _, cast = await published(buyer)
    await again.hear(cast)
    await again.hear(cast)
    assert again.reclaim.found == 1


async def test_a_home_that_never_signed_does_not_try_every_request(
    tmp_path: Path, clock: ManualClock, buyer: Booth
):
    booth = await Booth.open(tmp_path, "relay", clock)
    rooms = await Aftermath.of(booth)
    rooms.reclaim.hear(make_cast())
    assert len(rooms.reclaim._waiting) == 0
    rooms.reclaim.hear(make_profile())
    assert len(rooms.reclaim._waiting) == 1
    booth.desk.pen.has_signed = True
    rooms.reclaim.hear(make_cast())
    assert len(rooms.reclaim._waiting) == 2
    await booth.close()


async def test_an_amendment_moves_the_row_to_its_newest_form(buyer: Booth, again: Aftermath):
    row, cast = await published(buyer)
    await again.hear(cast)
    again.booth.clock.advance(HOUR_MS)
    body = msgspec.structs.replace(cast.body, supersedes=cast.id)
    amended = await buyer.desk.pen.public(
        row.nonce, cast.header.kind, body, exp=cast.header.exp, thread=cast.id
    )
    await again.hear(amended)
    found = await again.booth.own(row.nonce)
    assert (found.cast_id, found.root_id) == (amended.id, cast.id)
    # An older form that comes late sets nothing back.
    await again.booth.write(
        lambda conn: conn.execute("UPDATE objects SET own = 0 WHERE id = ?", (cast.id,))
    )
    await again.hear(cast)
    assert (await again.booth.own(row.nonce)).cast_id == amended.id


async def test_a_draft_of_the_backup_that_went_out_since_is_out(buyer: Booth, again: Aftermath):
    row, cast = await published(buyer)
    await again.booth.write(
        lambda conn: casts.save(
            conn,
            replace(row, cast_id=None, root_id=None, state=CastState.DRAFT, note="as typed"),
        )
    )
    await again.hear(cast)
    found = await again.booth.own(row.nonce)
    assert (found.state, found.cast_id, found.note) == (CastState.OPEN, cast.id, "as typed")
    assert found.local == row.local


async def test_a_request_taken_back_elsewhere_is_over_here(buyer: Booth, again: Aftermath):
    row, cast = await published(buyer)
    await again.hear(cast)
    await buyer.withdrawal.revoke(to_text("cast", cast.id))
    await again.hear(buyer.network.published[-1])
    assert (await again.booth.own(row.nonce)).state is CastState.REVOKED


async def test_a_halted_copy_notes_the_end_without_signing(buyer: Booth, again: Aftermath):
    row, cast = await published(buyer)
    await again.hear(cast)
    await buyer.withdrawal.revoke(to_text("cast", cast.id))
    again.booth.desk.pen.halt = lambda: StorageError("halted")
    await again.hear(buyer.network.published[-1])
    assert (await again.booth.own(row.nonce)).state is CastState.REVOKED


async def test_a_request_signed_since_this_copy_began_tells_of_another(
    buyer: Booth, again: Aftermath, clock: ManualClock
):
    clock.advance(PAST_SKEW_MS)
    row, cast = await published(buyer)
    await again.hear(cast)
    assert again.copies.word is Twinship.OLDER
    assert row.nonce in await again.held()


async def test_what_this_home_wrote_itself_tells_of_nobody(again: Aftermath, clock: ManualClock):
    clock.advance(PAST_SKEW_MS)
    row = await again.booth.cast()
    cast = await again.booth.object(row.cast_id)
    await again.hear(cast)
    assert again.copies.word is Twinship.ALONE
    assert row.nonce not in await again.held()


async def test_the_shops_profile_is_taken_back(tmp_path: Path, clock: ManualClock, vendor: Booth):
    profile = await vendor.sell()
    again = await Aftermath.restored(tmp_path / "again", "vendor_bo", clock)
    await again.hear(make_profile(), profile)
    assert await again.is_own(profile.id)
    (box,) = again.booth.post.watched
    assert (box.ctx, box.reader) == (PROFILE_CONTEXT, profile.body.reply.reader)
    await again.booth.close()


async def test_a_box_we_could_not_have_named_is_not_read(buyer: Booth, again: Aftermath):
    row, cast = await published(buyer)
    body = msgspec.structs.replace(cast.body, reply=Party("thief").reply())
    strange = await buyer.desk.pen.public(row.nonce, cast.header.kind, body, exp=cast.header.exp)
    await again.hear(strange)
    assert again.booth.post.watched == []


async def test_our_own_rotation_is_a_step_and_a_strangers_is_a_sign(
    tmp_path: Path, clock: ManualClock, vendor: Booth
):
    first = await Aftermath.of(vendor)
    rotation = await first.succession.rotate()
    clock.advance(HOUR_MS)
    again = await Aftermath.restored(tmp_path / "again", "vendor_bo", clock)
    await again.hear(rotation)
    assert again.succession.generation == 1
    assert again.booth.desk.pen.profile_ctx == profile_context(1)
    assert again.copies.word is Twinship.ALONE
    await again.booth.close()


async def test_statements_of_others_are_kept_for_those_we_dealt_with(again: Aftermath):
    old, new = Party("vendor_bo"), Party("vendor_bo at 1")
    await again.hear(make_rotation(old, new), make_revocation(new))
    assert again.succession.troubled == {}
    assert again.copies.word is Twinship.ALONE


async def test_what_cannot_be_recorded_now_is_looked_at_again(
    buyer: Booth, again: Aftermath, monkeypatch: pytest.MonkeyPatch
):
    _, cast = await published(buyer)

    async def fails(*_facts):
        raise StorageError("full", code="E-DISK-FULL")

    with monkeypatch.context() as patch:
        patch.setattr(again.reclaim, "_take", fails)
        await again.hear(cast)
    assert again.reclaim._has_missed
    assert again.reclaim.found == 0
    monkeypatch.setattr(reclaim, "_AGAIN_S", 0)
    again.live = [cast]
    running = asyncio.ensure_future(again.reclaim.run())
    while again.reclaim.found == 0:
        await asyncio.sleep(0)
    running.cancel()


async def test_more_than_can_wait_is_looked_at_as_a_whole(
    again: Aftermath, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(reclaim, "_WAITING_MAX", 1)
    for number in range(3):
        again.reclaim.hear(make_cast(nonce=blake2b_256(bytes([number]))[:16]))
    assert len(again.reclaim._waiting) == 1
    assert again.reclaim._has_missed


async def test_keys_that_are_locked_meanwhile_lose_nothing(buyer: Booth, again: Aftermath):
    _, cast = await published(buyer)
    again.booth.keyring.lock()
    await again.hear(cast)
    assert again.reclaim._has_missed


async def test_a_peers_copy_in_the_place_of_lost_bytes_tells_of_nobody(
    again: Aftermath, clock: ManualClock
):
    clock.advance(PAST_SKEW_MS)
    row = await again.booth.cast()
    cast = await again.booth.object(row.cast_id)
    await again.booth.write(
        lambda conn: conn.execute("UPDATE objects SET own = 0 WHERE id = ?", (cast.id,))
    )
    await again.hear(cast)
    assert again.copies.word is Twinship.ALONE
    assert await again.is_own(cast.id)


async def test_what_came_just_before_the_end_is_looked_at_after_the_start(
    buyer: Booth, again: Aftermath
):
    """A crash between the disk and the look: nobody tells of the object a second time."""
    _, cast = await published(buyer)
    await again.booth.cast()
    await again.booth.learn(make_profile())
    await again.booth.learn(cast)
    await again.booth.write(
        lambda conn: conn.execute("UPDATE objects SET checksum = x'00' WHERE kind = 'profile'")
    )
    restarted = await Aftermath.of(again.booth)
    running = asyncio.ensure_future(restarted.reclaim.run())
    while restarted.reclaim.found == 0:
        await asyncio.sleep(0)
    running.cancel()
    assert (await again.booth.own(cast.body.nonce)).cast_id == cast.id
