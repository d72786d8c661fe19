"""Two copies of one home: notes, signs, and which one stops."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node.clock import ManualClock
from node.errors import RefusedError
from node.keystore import PROFILE_CONTEXT
from node.post.letters import Discard, Known, Parked, Recorded
from node.storage import audit, boxes_own
from node.storage.outbox import NOTE
from protocol import limits
from protocol.market.copies import Copy, Twinship
from protocol.now import HOUR_MS
from protocol.objects.envelope import open_stored
from protocol.objects.event import Closed, Here
from protocol.objects.header import Kind
from tests.unit.node.market.aftermath import Aftermath
from tests.unit.node.market.booth import Booth


@pytest.fixture
async def older(buyer: Booth) -> Aftermath:
    return await Aftermath.of(buyer)


@pytest.fixture
async def newer(tmp_path: Path, clock: ManualClock, older: Aftermath) -> AsyncIterator[Aftermath]:
    clock.advance(HOUR_MS)
    found = await Aftermath.restored(tmp_path / "again", "buyer_ana", clock)
    yield found
    await found.booth.close()


def notes(rooms: Aftermath):
    """What was queued since the last look; nothing but notes is."""
    found = rooms.booth.fresh()
    assert {each.kind for each in found} <= {NOTE}
    return found


async def bring(sender: Aftermath, reader: Aftermath):
    return [await reader.read(each.ctx, each.envelope) for each in notes(sender)]


async def shared(older: Aftermath, newer: Aftermath) -> bytes:
    """A request both copies know; gives its nonce."""
    row = await older.booth.cast()
    await newer.hear(await older.booth.object(row.cast_id))
    return row.nonce


async def test_a_note_stops_the_older_and_its_answer_tells_the_newer(older, newer):
    await shared(older, newer)
    (outcome,) = await bring(newer, older)
    assert isinstance(outcome, Recorded)
    assert older.copies.word is Twinship.OLDER
    with pytest.raises(RefusedError) as caught:
        await older.booth.cast()
    assert caught.value.code == "E-TWO-COPIES"
    (answered,) = await bring(older, newer)
    assert isinstance(answered, Recorded)
    assert newer.copies.word is Twinship.NEWEST
    # An answer is not answered: two copies would write to each other for ever.
    assert notes(newer) == []
    assert "copy.met" in await older.booth.history()


async def test_an_answer_to_a_third_copy_is_not_answered(older, newer, clock):
    """Each would be new to the third, and three copies would write to each other for ever."""
    nonce = await shared(older, newer)
    notes(newer)
    row = await newer.booth.own(nonce)
    key = newer.booth.desk.pen.key(nonce)
    clock.advance(limits.skew_ms_max + HOUR_MS)
    body = Here(of=b"n" * 32, instance=b"t" * 16, since=clock.now().wall_ms)
    answer = newer.booth.sealed(nonce, Kind.EVENT, body, to=key, thread=row.cast_id)
    assert isinstance(await older.read(nonce, answer.raw), Recorded)
    assert older.copies.word is Twinship.OLDER
    assert notes(older) == []


async def test_a_note_read_twice_is_known_and_answered_once(older, newer):
    await shared(older, newer)
    (note,) = notes(newer)
    first = await older.read(note.ctx, note.envelope)
    second = await older.read(note.ctx, note.envelope)
    assert (type(first), type(second)) == (Recorded, Known)
    assert len(notes(older)) == 1


async def test_our_own_note_stays_for_the_other_copy(older, newer):
    nonce = await shared(older, newer)
    (note,) = notes(newer)
    assert isinstance(await newer.read(nonce, note.envelope), Parked)
    assert newer.copies.word is Twinship.ALONE


async def test_letters_wait_while_this_copy_is_halted(older, newer, vendor):
    nonce = await shared(older, newer)
    await bring(newer, older)
    profile = await vendor.sell()
    await older.booth.learn(profile)
    row = await older.booth.own(nonce)
    await vendor.answer(await older.booth.object(row.cast_id))
    (offer,) = vendor.fresh()
    assert isinstance(await older.read(nonce, offer.envelope), Parked)
    await newer.booth.learn(profile)
    assert isinstance(await newer.read(nonce, offer.envelope), Recorded)


async def test_only_notes_go_from_a_key_to_itself(older):
    row = await older.booth.cast()
    key = older.booth.desk.pen.key(row.nonce)
    said = older.booth.sealed(
        row.nonce, Kind.EVENT, Closed(of=row.cast_id), to=key, thread=row.cast_id
    )
    assert isinstance(await older.read(row.nonce, said.raw), Discard)


async def test_the_owners_word_turns_it_round(older, newer, clock):
    await shared(older, newer)
    await bring(newer, older)
    await bring(older, newer)
    clock.advance(60_000)
    await older.copies.choose()
    assert older.copies.word is Twinship.ALONE
    await older.booth.cast()
    older.booth.fresh()
    await older.copies.leave_notes(at_once=True)
    await bring(older, newer)
    assert newer.copies.word is Twinship.OLDER


async def test_the_choice_itself_is_told_in_the_box(older, newer, clock):
    await shared(older, newer)
    await bring(newer, older)
    notes(older)
    clock.advance(60_000)
    await older.copies.choose()
    await bring(older, newer)
    assert newer.copies.word is Twinship.OLDER


async def test_a_restart_remembers_where_it_stood(older, newer):
    await shared(older, newer)
    await bring(newer, older)
    again = await Aftermath.of(older.booth)
    assert again.copies.word is Twinship.OLDER
    assert again.copies.own == older.copies.own


async def test_a_folder_copied_by_hand_is_met_although_it_has_our_name(older, newer, clock):
    nonce = await shared(older, newer)
    clock.advance(limits.skew_ms_max + HOUR_MS)
    key = newer.booth.desk.pen.key(nonce)
    row = await newer.booth.own(nonce)
    twin = newer.booth.sealed(
        nonce,
        Kind.EVENT,
        Here(of=row.cast_id, instance=older.copies.own.instance, since=0),
        to=key,
        thread=row.cast_id,
    )
    assert isinstance(await older.read(nonce, twin.raw), Recorded)
    assert older.copies.word is Twinship.OLDER


async def test_notes_of_the_life_before_count_for_nothing(older, newer, clock):
    """The lost home left a note before the backup; read again by its successor it is history."""
    nonce = await shared(older, newer)
    row = await older.booth.own(nonce)
    key = older.booth.desk.pen.key(nonce)
    body = Here(of=row.cast_id, instance=b"x" * 16, since=clock.now().wall_ms)
    stale = older.booth.sealed(nonce, Kind.EVENT, body, to=key, thread=row.cast_id)
    assert isinstance(await newer.read(nonce, stale.raw), Recorded)
    assert newer.copies.word is Twinship.ALONE


async def test_an_answer_to_a_note_of_the_life_before_is_none_to_us(older, newer, clock):
    nonce = await shared(older, newer)
    (note,) = notes(newer)
    # As a backup would bring it along: the note is on record, written before this copy began.
    await older.booth.write(
        lambda conn: older.booth.desk.record(conn, _opened(older, note.envelope))
    )
    row = await older.booth.own(nonce)
    key = older.booth.desk.pen.key(nonce)
    began_ms = clock.now().wall_ms + HOUR_MS
    older.copies._own = Copy(instance=b"o" * 16, created_ms=began_ms)
    body = Here(of=_opened(older, note.envelope).id, instance=b"t" * 16, since=1)
    answer = older.booth.sealed(nonce, Kind.EVENT, body, to=key, thread=row.cast_id)
    await older.read(nonce, answer.raw)
    assert older.copies.word is Twinship.ALONE


def _opened(rooms: Aftermath, envelope: bytes):
    return open_stored(envelope, net=rooms.booth.desk.net)


async def test_notes_nobody_asked_for_are_left_now_and_then_at_most(older, newer, clock):
    await shared(older, newer)
    notes(newer)
    await newer.copies.leave_notes()
    assert len(notes(newer)) == 1
    await newer.copies.leave_notes()
    assert notes(newer) == []
    clock.advance(2 * HOUR_MS)
    await newer.copies.leave_notes()
    assert len(notes(newer)) == 1


async def test_a_closed_or_unknown_box_takes_no_note(older, newer, clock):
    nonce = await shared(older, newer)
    notes(newer)
    await newer.copies.leave_note(b"?" * 16)
    clock.advance(200 * 24 * HOUR_MS)
    await newer.copies.leave_note(nonce)
    assert notes(newer) == []


async def test_a_shop_leaves_its_note_behind_its_profile(tmp_path, clock, vendor):
    profile = await vendor.sell()
    clock.advance(HOUR_MS)
    again = await Aftermath.restored(tmp_path / "shop", "vendor_bo", clock)
    await again.copies.leave_note(PROFILE_CONTEXT)
    assert notes(again) == []
    await again.hear(profile)
    (note,) = notes(again)
    assert note.thread == profile.id
    assert note.to_key == profile.header.key
    boxes = await again.booth.storage.read(lambda db: boxes_own.load_open(db, clock.now().wall_ms))
    assert [box.ctx for box in boxes] == [PROFILE_CONTEXT]
    await again.booth.close()


async def test_an_object_another_party_gave_back_is_judged_in_the_change(
    older: Aftermath, clock: ManualClock
):
    row = await older.booth.cast()
    cast = await older.booth.object(row.cast_id)
    await older.booth.write(lambda conn: older.copies.met_in(conn, row.nonce, cast))
    await older.copies.look()
    assert older.copies.word.value == "alone"
    clock.advance(limits.skew_ms_max + HOUR_MS)
    later = await older.booth.object((await older.booth.cast()).cast_id)
    await older.booth.write(lambda conn: older.copies.met_in(conn, row.nonce, later))
    await older.copies.look()
    assert older.copies.word is Twinship.OLDER
    lines = await older.booth.storage.read(lambda db: audit.load_newest(db, limit=50))
    assert "copy.met" in {line.what for line in lines}
