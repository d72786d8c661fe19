"""The whole post over memory: letters arrive once, are receipted, and survive restarts."""

from __future__ import annotations

import asyncio

import pytest

from node.errors import TransportError
from node.post.letters import Discard, Letter, Parked
from node.storage import audit, box_troubles, boxes_own, objects, outbox
from node.storage import mailbox as served
from node.storage.boxes_own import OwnBox
from node.storage.outbox import OutgoingState
from protocol import limits
from protocol.errors import LocalProtocolError
from protocol.ids import NodeId
from protocol.post import letters
from protocol.post.mailbox import BoxState
from tests.unit.node.post.town import DAY_MS, Citizen, Town, eventually


async def state_at(mailbox: Citizen, reader: bytes) -> BoxState:
    return await mailbox.storage.read(lambda db: served.load_state(db, reader))


async def test_a_letter_goes_and_its_receipt_comes_back(town: Town):
    mailbox = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")
    reply = await ana.open_box(mailbox)
    sent = await bo.send("an offer", ana, reply)
    row = await bo.until_acked(sent)
    assert row.put_at == (mailbox.node_id,)
    assert ana.recorded == [b"vendor_bo: an offer"]
    await eventually(lambda: bo.ended)
    assert bo.ended == [(sent, "acked")]
    lines = await bo.storage.read(lambda db: audit.load_newest(db, limit=9))
    assert [(line.what, line.ids) for line in lines] == [
        ("letter_acked", (sent, b"t" * 32)),
        ("letter_put", (sent, b"t" * 32)),
    ]


async def test_disclosed_values_arrive_with_the_letter(town: Town):
    mailbox = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")
    opened = {"name": (b"s" * 16, "ana")}
    await bo.until_acked(await bo.send("agreed", ana, await ana.open_box(mailbox), opened=opened))
    assert [letter.opened for letter in ana.handed_over] == [opened]


async def test_three_copies_are_handed_over_once_and_dropped_everywhere(town: Town):
    boxes = [await town.citizen(f"mailbox_{n}", serve=True) for n in range(3)]
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")
    reply = await ana.open_box(*boxes)
    sent = await bo.send("an offer", ana, reply)
    row = await bo.until_acked(sent)
    await eventually(lambda: len(ana.handed_over) == 1)

    async def waiting() -> int:
        states = [await state_at(box, ana.reader) for box in boxes]
        return sum(state.letters for state in states)

    async with asyncio.timeout(5):
        while await waiting():
            await asyncio.sleep(0.005)
    assert len(ana.handed_over) == 1
    assert set(row.put_at) <= set(reply.at)


async def test_the_reader_may_be_away_when_the_letter_comes(town: Town):
    mailbox = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")
    reply = await ana.open_box(mailbox)
    await ana.stop()
    sent = await bo.send("an offer", ana, reply)
    await bo.until_row(sent, lambda row: row.put_at)
    assert (await bo.row(sent)).state is OutgoingState.PENDING
    await ana.start()
    await bo.until_acked(sent)


async def test_the_sender_may_be_away_when_the_receipt_comes(town: Town):
    mailbox = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")
    reply = await ana.open_box(mailbox)
    await ana.stop()
    sent = await bo.send("an offer", ana, reply)
    await bo.until_row(sent, lambda row: row.put_at)
    await bo.stop()
    await ana.start()
    await eventually(lambda: ana.recorded)
    await bo.start()
    await bo.until_acked(sent)
    assert len(ana.handed_over) == 1


async def test_two_who_are_never_there_together_still_meet(town: Town):
    mailbox = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")
    reply = await ana.open_box(mailbox)
    await ana.stop()
    sent = await bo.send("an offer", ana, reply)
    await bo.until_row(sent, lambda row: row.put_at)
    await bo.stop()
    await mailbox.stop()
    await mailbox.start()
    await ana.start()
    await eventually(lambda: ana.recorded)
    await ana.stop()
    await bo.start()
    # the receipt reached the mailbox before ana left, or does when she is back
    await ana.start()
    await bo.until_acked(sent)
    assert ana.recorded == [b"vendor_bo: an offer"]


async def test_a_dead_mailbox_holds_nothing_up(town: Town):
    boxes = [await town.citizen(f"mailbox_{n}", serve=True) for n in range(3)]
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")
    reply = await ana.open_box(*boxes)
    await boxes[0].stop()
    row = await bo.until_acked(await bo.send("an offer", ana, reply))
    assert set(row.put_at) <= {boxes[1].node_id, boxes[2].node_id}
    assert (ana.reader, boxes[0].node_id) in ana.post.failing_since
    await boxes[0].start()
    await eventually(lambda: (ana.reader, boxes[0].node_id) not in ana.post.failing_since)


async def test_a_receipt_lost_with_the_reader_is_made_again(town: Town):
    mailbox = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana", receipt_jitter_ms=60_000)
    bo = await town.citizen("vendor_bo")
    reply = await ana.open_box(mailbox)
    sent = await bo.send("an offer", ana, reply)
    await eventually(lambda: ana.recorded)
    await ana.stop()
    ana.options["receipt_jitter_ms"] = 0
    await ana.start()
    await bo.until_acked(sent)
    assert len(ana.handed_over) == 2
    assert ana.recorded == [b"vendor_bo: an offer"]


async def test_ones_own_node_may_be_the_mailbox(town: Town):
    bo = await town.citizen("vendor_bo", own_only=True)
    ana = await town.citizen("buyer_ana")
    reply = await bo.open_box(bo)
    await ana.until_acked(await ana.send("a counter", bo, reply))
    assert bo.recorded == [b"buyer_ana: a counter"]
    with pytest.raises(TransportError) as caught:
        await ana.open_box(bo)
    assert caught.value.code == "E-MAILBOX-NONE"


async def test_a_letter_may_wait_in_its_senders_own_mailbox(town: Town):
    bo = await town.citizen("vendor_bo", serve=True)
    ana = await town.citizen("buyer_ana")
    reply = await ana.open_box(bo)
    await bo.until_acked(await bo.send("an offer", ana, reply))
    assert bo.network.dials == 0


async def test_a_node_without_the_role_opens_no_box_even_for_itself(town: Town):
    ana = await town.citizen("buyer_ana")
    with pytest.raises(TransportError) as caught:
        await ana.open_box(ana)
    assert caught.value.code == "E-MAILBOX-NONE"
    assert caught.value.fix


async def test_opening_gives_those_that_agreed_in_the_order_asked(town: Town):
    good = [await town.citizen(f"mailbox_{n}", serve=True) for n in range(2)]
    ana = await town.citizen("buyer_ana")
    asked = [good[0].node_id, NodeId(b"\x07" * 32), good[1].node_id]
    until = ana.now_ms() + DAY_MS
    assert await ana.post.open_box(ana.ctx, asked, until, need=2) == [asked[0], asked[2]]
    with pytest.raises(TransportError):
        await ana.post.open_box(ana.ctx, asked, until, need=3)


async def test_a_slow_mailbox_is_not_waited_for(town: Town, monkeypatch):
    monkeypatch.setattr("node.post.office._LATECOMERS_S", 0.05)
    good = await town.citizen("mailbox_mia", serve=True)
    slow = await town.citizen("mailbox_slow", serve=True)
    ana = await town.citizen("buyer_ana")
    wire = await ana.network.connect(slow.node_id)
    wire.other.refuses = True
    asked = [slow.node_id, good.node_id]
    assert await ana.post.open_box(ana.ctx, asked, ana.now_ms() + DAY_MS) == [good.node_id]


async def test_a_box_that_was_never_opened_is_opened_by_its_reader(town: Town):
    mailbox = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")
    box = ana.own_box(mailbox)
    await ana.storage.write(lambda conn: boxes_own.save(conn, box))
    await ana.post.watch(box)
    await bo.until_acked(await bo.send("an offer", ana, ana.reply(box)))
    saved = await ana.storage.write(lambda conn: boxes_own.box_of(conn, ana.reader))
    assert saved is not None
    assert saved.opened_at == (mailbox.node_id,)


async def test_nobody_puts_letters_into_a_box_that_is_not_open(town: Town):
    mailbox = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")
    sent = await bo.send("an offer", ana, ana.reply(ana.own_box(mailbox)))
    row = await bo.until_row(sent, lambda row: row.tries >= 2)
    assert row.put_at == ()
    assert row.state is OutgoingState.PENDING


async def test_a_parked_letter_waits_for_what_it_follows(town: Town):
    mailbox = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")
    missing = True
    ana.judge = lambda _letter: Parked() if missing else None
    sent = await bo.send("an offer", ana, await ana.open_box(mailbox))
    await eventually(lambda: ana.post.parked == 1)
    assert (await bo.row(sent)).state is OutgoingState.PENDING
    missing = False
    ana.post.reread()
    await bo.until_acked(sent)
    assert ana.post.parked == 0


async def test_a_letter_parked_too_long_is_let_go_and_comes_again(town: Town):
    mailbox = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")
    missing = True
    ana.judge = lambda _letter: Parked() if missing else None
    sent = await bo.send("an offer", ana, await ana.open_box(mailbox))
    await eventually(lambda: ana.post.parked == 1)
    ana.clock.advance(limits.parked_ms_max)
    ana.post.reread()
    await eventually(lambda: ana.post.parked == 0)
    missing = False
    # half an hour later its sender, still without a receipt, puts it again
    bo.clock.advance(31 * 60_000)
    bo.post.nudge()
    await bo.until_acked(sent)


async def test_what_is_discarded_is_dropped_without_a_receipt(town: Town):
    mailbox = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")
    ana.judge = lambda letter: Discard(reason="not for us") if b"junk" in letter.envelope else None
    reply = await ana.open_box(mailbox)
    junk = await bo.send("junk", ana, reply)
    await bo.until_acked(await bo.send("an offer", ana, reply))
    assert (await bo.row(junk)).state is OutgoingState.PENDING
    assert [letter.envelope for letter in ana.handed_over].count(b"vendor_bo: junk") == 1


async def test_a_letter_sealed_to_another_box_never_reaches_the_market(town: Town):
    mailbox = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")
    reply = await ana.open_box(mailbox)
    wrong = await bo.send(
        "wrong", ana, type(reply)(bo.box_key, reply.reader, reply.at, reply.until)
    )
    await bo.until_acked(await bo.send("an offer", ana, reply))
    assert len(ana.handed_over) == 1
    assert (await bo.row(wrong)).state is OutgoingState.PENDING


async def test_a_letter_ends_when_its_time_is_over(town: Town):
    mailbox = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")
    sent = await bo.send("an offer", ana, ana.reply(ana.own_box(mailbox)))
    await bo.until_row(sent, lambda row: row.tries)
    bo.clock.advance(DAY_MS)
    bo.post.nudge()
    await bo.until_row(sent, lambda row: row.state is OutgoingState.EXPIRED)
    await eventually(lambda: bo.ended == [(sent, "expired")])
    lines = await bo.storage.read(lambda db: audit.load_newest(db, limit=1))
    assert lines[0].what == "letter_expired"


async def test_a_second_letter_for_one_object_changes_nothing(town: Town):
    mailbox = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")
    reply = ana.reply(ana.own_box(mailbox))
    first = await bo.row(await bo.send("an offer", ana, reply))
    again = await bo.row(await bo.send("an offer", ana, reply))
    assert again.letter == first.letter


async def test_an_unusable_box_is_the_callers_to_know(town: Town):
    bo = await town.citizen("vendor_bo")
    ana = await town.citizen("buyer_ana")
    reply = ana.reply(ana.own_box(ana))
    bad = type(reply)(bytes(32), reply.reader, reply.at, reply.until)
    with pytest.raises(LocalProtocolError) as caught:
        await bo.send("an offer", ana, bad)
    assert caught.value.code == "E-KEY"


async def test_letters_follow_a_party_that_moved(town: Town, monkeypatch):
    old = await town.citizen("mailbox_old", serve=True)
    new = await town.citizen("mailbox_new", serve=True)
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")
    opened = {"name": (b"s" * 16, "bo")}
    await old.stop()
    sent = await bo.send("agreed", ana, ana.reply(ana.own_box(old)), opened=opened)
    other = await bo.send("another thread", ana, ana.reply(ana.own_box(old)), thread=b"u" * 32)
    before = await bo.row(sent)
    reply = await ana.open_box(new)
    # the market keeps every object it sends
    monkeypatch.setattr(objects, "raw_of", lambda _conn, _id: b"vendor_bo: agreed")
    count = await bo.storage.write(
        lambda conn: bo.post.reseal(
            conn, bo.ctx, ana.sign_key, b"t" * 32, reply, opened_of=lambda _: opened
        )
    )
    assert count == 1
    bo.post.nudge()
    row = await bo.until_acked(sent)
    assert row.letter != before.letter
    assert row.mailboxes == (new.node_id,)
    assert ana.handed_over[0].opened == opened
    assert (await bo.row(other)).mailboxes == (old.node_id,)


async def test_a_box_is_extended_before_it_closes(town: Town, monkeypatch):
    monkeypatch.setattr("node.post.office._UPKEEP_S", 0.01)
    mailbox = await town.citizen("mailbox_mia", serve=True)
    bo = await town.citizen("vendor_bo")
    await bo.open_box(mailbox, days=6)

    async def until() -> int:
        box = await bo.storage.write(lambda conn: boxes_own.box_of(conn, bo.reader))
        assert box is not None
        return box.until

    async with asyncio.timeout(5):
        while await until() < bo.now_ms() + 59 * DAY_MS:
            await asyncio.sleep(0.01)
    assert (await state_at(mailbox, bo.reader)).until == await until()


async def test_a_box_nobody_needs_longer_is_left_to_close(town: Town, monkeypatch):
    monkeypatch.setattr("node.post.office._UPKEEP_S", 0.01)
    asked = []

    def needed_until(box: OwnBox) -> int:
        asked.append(box)
        return box.until

    mailbox = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana", needed_until=needed_until)
    await ana.open_box(mailbox, days=6)
    await eventually(lambda: len(asked) > 2)
    ana.clock.advance(7 * DAY_MS)

    async def saved() -> OwnBox:
        box = await ana.storage.write(lambda conn: boxes_own.box_of(conn, ana.reader))
        assert box is not None
        return box

    async with asyncio.timeout(5):
        while not (await saved()).closed:
            await asyncio.sleep(0.01)
    assert (await saved()).until < ana.now_ms()


async def test_an_extension_that_fails_is_tried_again(town: Town, monkeypatch):
    monkeypatch.setattr("node.post.office._UPKEEP_S", 0.01)
    mailbox = await town.citizen("mailbox_mia", serve=True)
    bo = await town.citizen("vendor_bo")
    await bo.open_box(mailbox, days=8)
    await mailbox.stop()
    bo.clock.advance(2 * DAY_MS)
    dials = bo.network.dials
    await eventually(lambda: bo.network.dials > dials + 2)
    await mailbox.start()

    def is_extended() -> bool:
        return any(box.until > bo.now_ms() + 50 * DAY_MS for box in bo.post._reader.boxes)

    await eventually(is_extended)


async def test_a_box_no_longer_watched_is_not_read(town: Town):
    mailbox = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")
    reply = await ana.open_box(mailbox)
    await eventually(lambda: ana.post.read_since)
    ana.post.unwatch(ana.reader)
    assert ana.post.read_since == {}
    sent = await bo.send("an offer", ana, reply)
    row = await bo.until_row(sent, lambda row: row.put_at and row.tries > 2)
    assert row.state is OutgoingState.PENDING
    assert ana.handed_over == []


async def test_a_reading_is_noted_with_the_time_it_was_asked(town: Town):
    mailbox = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    before = ana.now_ms()
    await ana.open_box(mailbox)
    way = (ana.reader, mailbox.node_id)
    await eventually(lambda: way in ana.post.read_since)
    assert before <= ana.post.read_since[way] <= ana.now_ms()
    assert ana.post.failing_since == {}


async def test_many_letters_come_in_the_order_they_were_put(town: Town):
    mailbox = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")
    reply = await ana.open_box(mailbox)
    sent = [await bo.send(f"offer {n}", ana, reply) for n in range(12)]
    for envelope_id in sent:
        await bo.until_acked(envelope_id)
    assert sorted(ana.recorded) == sorted(f"vendor_bo: offer {n}".encode() for n in range(12))
    assert len(ana.handed_over) == 12


async def test_letters_show_nothing_of_what_they_carry():
    shown = repr(
        Letter(
            hash=letters.letter_hash(b"l"),
            envelope=b"secret",
            opened={"name": (b"s" * 16, "secret")},
            mailbox=NodeId(bytes(32)),
            reader=bytes(32),
        )
    )
    assert "secret" not in shown


async def test_priorities_decide_what_goes_first(town: Town):
    mailbox = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")
    reply = await ana.open_box(mailbox)
    await mailbox.stop()
    for number, priority in enumerate([outbox.Priority.OFFER, outbox.Priority.AGREED]):
        await bo.send(f"letter {number}", ana, reply, priority=priority)
    due = await bo.storage.read(lambda db: outbox.load_due(db, bo.now_ms() + DAY_MS // 2))
    assert [row.priority for row in due] == [outbox.Priority.AGREED, outbox.Priority.OFFER]


async def test_a_mailbox_that_fails_for_long_is_called_lost_and_one_that_answers_is_not(town: Town):
    mia = await town.citizen("mailbox_mia", serve=True)
    max_ = await town.citizen("mailbox_max", serve=True)
    linked = [max_.node_id]
    ana = await town.citizen("buyer_ana", linked=lambda: linked, lost_ms=100)
    await ana.open_box(mia, max_)
    await mia.stop()
    await eventually(lambda: ana.post.lost(ana.reader) == {mia.node_id})
    assert ana.post.failing() == {mia.node_id}
    await mia.start()
    ana.post.online()
    await eventually(lambda: not ana.post.lost(ana.reader))


async def test_how_long_it_failed_outlives_a_restart(town: Town):
    mia = await town.citizen("mailbox_mia", serve=True)
    other = NodeId(b"o" * 32)
    ana = await town.citizen("buyer_ana", linked=lambda: [other], lost_ms=100)
    await ana.open_box(mia)
    await mia.stop()
    await eventually(lambda: ana.post.lost(ana.reader))

    async def kept() -> bool:
        rows = await ana.storage.read(box_troubles.load)
        return bool(rows) and rows[0].failed_ms >= 100

    async with asyncio.timeout(5):
        while not await kept():
            await asyncio.sleep(0.02)
    await ana.stop()
    await ana.start()
    await eventually(lambda: ana.post.lost(ana.reader))
