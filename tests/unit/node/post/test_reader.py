"""The reader keeps at every mailbox, whatever that mailbox does, and never in a busy loop."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from node.errors import TransportError
from node.storage import boxes_own
from protocol.channel.messages import Refused
from protocol.channel.post import BoxChallenge, BoxOpen, BoxRead, Letters
from protocol.errors import Reason
from tests.unit.node.post.town import DAY_MS, Citizen, Town, eventually


def count_reads(mailbox: Citizen, monkeypatch) -> list[int]:
    """Note the waits of all readings a mailbox is asked for."""
    waits: list[int] = []
    answer = mailbox.post.mailbox.answer

    async def counted(session, ask):
        if isinstance(ask, BoxRead):
            waits.append(ask.wait_ms)
        return await answer(session, ask)

    monkeypatch.setattr(mailbox.post.mailbox, "answer", counted)
    return waits


async def test_the_first_reading_looks_at_everything_the_next_ones_wait(town: Town, monkeypatch):
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana", read_wait_ms=5)
    waits = count_reads(mia, monkeypatch)
    await ana.open_box(mia)
    await eventually(lambda: len(waits) >= 3)
    assert waits[:3] == [0, 5, 5]


async def test_a_box_is_read_from_its_oldest_letter_now_and_then(town: Town, monkeypatch):
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana", read_wait_ms=5)
    waits = count_reads(mia, monkeypatch)
    await ana.open_box(mia)
    await eventually(lambda: len(waits) >= 2)
    ana.clock.advance(31 * 60_000)
    await eventually(lambda: waits.count(0) >= 2)


async def test_a_mailbox_that_repeats_itself_is_asked_once_a_second(town: Town, monkeypatch):
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    naps = []
    sleep = asyncio.sleep

    async def counted(seconds):
        naps.append(seconds)
        await sleep(0)

    monkeypatch.setattr("node.post.reader.asyncio.sleep", counted)

    async def liar(session, ask):
        if isinstance(ask, BoxRead):
            return Letters(request=ask.request, letters=[b"junk"])
        return await type(mia.post.mailbox).answer(mia.post.mailbox, session, ask)

    monkeypatch.setattr(mia.post.mailbox, "answer", liar)
    await ana.open_box(mia)
    await eventually(lambda: naps.count(1.0) > 3)
    assert ana.handed_over == []


async def test_a_mailbox_that_refuses_is_left_alone_for_a_while(town: Town, monkeypatch):
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    asked = []
    refusing = True

    async def refuse(session, ask):
        if refusing and isinstance(ask, BoxChallenge | BoxRead):
            asked.append(ask)
            return Refused(request=ask.request, reason=Reason.OVER_BUDGET)
        return await type(mia.post.mailbox).answer(mia.post.mailbox, session, ask)

    monkeypatch.setattr(mia.post.mailbox, "answer", refuse)
    await ana.open_box(mia)
    way = (ana.reader, mia.node_id)
    await eventually(lambda: len(asked) >= 2)
    assert way in ana.post.failing_since
    assert way not in ana.post.read_since
    refusing = False
    await eventually(lambda: way in ana.post.read_since)
    assert way not in ana.post.failing_since


async def test_a_mailbox_that_will_not_open_the_box_is_asked_again_later(town: Town, monkeypatch):
    bo = await town.citizen("vendor_bo", own_only=True)
    ana = await town.citizen("buyer_ana")
    opens = []
    answer = bo.post.mailbox.answer

    async def counted(session, ask):
        if isinstance(ask, BoxOpen):
            opens.append(ask)
        return await answer(session, ask)

    monkeypatch.setattr(bo.post.mailbox, "answer", counted)
    await ana.post.watch(ana.own_box(bo))
    await eventually(lambda: (ana.reader, bo.node_id) in ana.post.failing_since)
    await eventually(lambda: len(opens) >= 2)
    assert (ana.reader, bo.node_id) in ana.post.failing_since


async def test_a_link_that_comes_up_ends_the_wait(town: Town):
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    ana.post._reader._backoff = type(ana.post._reader._backoff)(base_ms=60_000, cap_ms=60_000)
    await mia.stop()
    await ana.post.watch(ana.own_box(mia))
    way = (ana.reader, mia.node_id)
    await eventually(lambda: way in ana.post.failing_since)
    await mia.start()
    ana.post.link_up(mia.node_id)
    await eventually(lambda: way in ana.post.read_since)


async def test_a_link_that_comes_up_during_a_failing_dial_is_not_missed(town: Town, monkeypatch):
    monkeypatch.setattr("node.post.reader._PAUSE_MS", 1)
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    reader = ana.post._reader
    reader._backoff = type(reader._backoff)(base_ms=600_000, cap_ms=600_000)
    dials = []
    plain = reader._carrier.link

    async def fail_once(mailbox, ctx):
        dials.append(mailbox)
        if len(dials) == 1:
            ana.post.link_up(mailbox)
            raise TransportError("no way", code="E-PEER-TIMEOUT")
        return await plain(mailbox, ctx)

    monkeypatch.setattr(reader._carrier, "link", fail_once)
    await ana.post.watch(ana.own_box(mia))
    await eventually(lambda: (ana.reader, mia.node_id) in ana.post.read_since)


async def test_no_room_to_park_means_reading_again(town: Town, monkeypatch):
    from node.post.letters import Parked

    monkeypatch.setattr("node.post.reader._PAUSE_MS", 1)
    monkeypatch.setattr("protocol.limits.parked_letters_max", 1)
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")
    missing = True
    ana.judge = lambda _letter: Parked() if missing else None
    reply = await ana.open_box(mia)
    sent = [await bo.send(f"offer {n}", ana, reply) for n in range(3)]
    await eventually(lambda: len({letter.hash for letter in ana.handed_over}) == 3)
    assert ana.post.parked == 1
    missing = False
    for envelope_id in sent:
        await bo.until_acked(envelope_id)


async def test_a_box_ends_with_its_time(town: Town):
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana", read_wait_ms=5)
    await ana.open_box(mia, days=1)
    await eventually(lambda: ana.post.read_since)
    ana.clock.advance(DAY_MS)
    await eventually(lambda: not ana.post._reader.boxes)
    assert ana.post.read_since == {}
    # one that is over already is not begun
    await ana.post.watch(ana.own_box(mia, days=-1))
    await ana.post.watch(replace(ana.own_box(mia), closed=True))
    assert ana.post._reader.boxes == []


async def test_a_changed_box_is_read_at_its_new_mailboxes_only(town: Town):
    old = await town.citizen("mailbox_old", serve=True)
    new = await town.citizen("mailbox_new", serve=True)
    ana = await town.citizen("buyer_ana")
    await ana.open_box(old)
    await eventually(lambda: (ana.reader, old.node_id) in ana.post.read_since)
    await ana.post.watch(ana.own_box(new))
    await eventually(lambda: (ana.reader, new.node_id) in ana.post.read_since)
    assert (ana.reader, old.node_id) not in ana.post.read_since
    # watched twice is read once
    tasks = dict(ana.post._reader._watching)
    await ana.post.watch(ana.own_box(new))
    assert ana.post._reader._watching == tasks


async def test_opening_for_longer_keeps_on_reading(town: Town):
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    await ana.open_box(mia, days=1)
    later = ana.now_ms() + 9 * DAY_MS
    await ana.post.open_box(ana.ctx, [mia.node_id], later)
    await ana.post.open_box(ana.ctx, [mia.node_id], ana.now_ms() + DAY_MS)
    saved = await ana.storage.write(lambda conn: boxes_own.box_of(conn, ana.reader))
    assert saved is not None
    assert saved.until == later
    assert [box.until for box in ana.post._reader.boxes] == [later]


async def test_letters_that_find_no_room_starve_none_behind_them(town: Town, monkeypatch):
    from node.post.letters import Parked

    monkeypatch.setattr("node.post.reader._PAUSE_MS", 1)
    monkeypatch.setattr("protocol.limits.parked_letters_max", 1)
    monkeypatch.setattr("protocol.limits.letters_per_message_max", 2)
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")
    ana.judge = lambda letter: Parked() if b"junk" in letter.envelope else None
    box = ana.own_box(mia)
    await ana.post.open_box(ana.ctx, box.mailboxes, box.until)
    for number in range(6):
        junk = await bo.send(f"junk {number}", ana, ana.reply(box))
        await bo.until_row(junk, lambda row: row.put_at)
    honest = await bo.send("an offer", ana, ana.reply(box))
    await bo.until_row(honest, lambda row: row.put_at)
    await ana.post.watch(box)
    await bo.until_acked(honest)


async def test_a_mailbox_that_always_says_more_is_read_to_its_end_all_the_same(
    town: Town, monkeypatch
):
    monkeypatch.setattr("node.post.reader._PAUSE_MS", 1)
    monkeypatch.setattr("protocol.limits.box_letters_max", 8)
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana", read_wait_ms=5)

    async def liar(session, ask):
        if isinstance(ask, BoxRead):
            return Letters(request=ask.request, letters=[b"junk"], more=True)
        return await type(mia.post.mailbox).answer(mia.post.mailbox, session, ask)

    monkeypatch.setattr(mia.post.mailbox, "answer", liar)
    await ana.open_box(mia)
    await eventually(lambda: (ana.reader, mia.node_id) in ana.post.read_since)


async def test_a_box_is_read_where_it_was_too(town: Town):
    mia = await town.citizen("mailbox_mia", serve=True)
    max_ = await town.citizen("mailbox_max", serve=True)
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")
    old = await ana.open_box(mia)
    moved = replace(ana.own_box(max_), former=(mia.node_id,))
    await ana.post.open_box(ana.ctx, moved.mailboxes, moved.until)
    await ana.post.watch(moved)
    await eventually(lambda: len(ana.post.read_since) == 2)
    # Its author has not heard of the move, and looks for the receipt where it put the letter.
    await bo.until_acked(await bo.send("an offer", ana, old))
    await ana.post.watch(replace(moved, former=()))
    await eventually(lambda: len(ana.post.read_since) == 1)


async def test_readings_from_before_a_gap_prove_nothing(town: Town):
    mia = await town.citizen("mailbox_mia", serve=True)
    gaps = []
    ana = await town.citizen("buyer_ana", on_gap=lambda: gaps.append(1))
    await ana.open_box(mia)
    way = (ana.reader, mia.node_id)
    await eventually(lambda: way in ana.post.read_since)
    ana.clock.jump_wall(-86_400_000)
    ana.post.nudge()
    await eventually(lambda: gaps)
    await eventually(lambda: ana.post.read_since.get(way, 2**60) <= ana.now_ms())


async def test_a_clock_that_is_off_closes_no_box(town: Town):
    mia = await town.citizen("mailbox_mia", serve=True)
    holds = True
    ana = await town.citizen("buyer_ana", clock_holds=lambda: holds)
    bo = await town.citizen("vendor_bo")
    reply = await ana.open_box(mia)
    holds = False
    ana.clock.jump_wall(3_650 * 86_400_000)
    ana.post.nudge()
    await asyncio.sleep(0.05)
    assert ana.post.boxes
    holds = True
    ana.clock.jump_wall(-3_650 * 86_400_000)
    ana.post.nudge()
    await bo.until_acked(await bo.send("an offer", ana, reply))


async def test_a_box_closed_by_a_clock_that_ran_ahead_is_read_again(town: Town):
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")
    reply = await ana.open_box(mia)
    ana.clock.jump_wall(3_650 * 86_400_000)
    ana.post.nudge()
    await eventually(lambda: not ana.post.boxes)
    await ana.storage.write(ana.post._sweep)
    ana.clock.jump_wall(-3_650 * 86_400_000)
    ana.post.nudge()
    await bo.until_acked(await bo.send("an offer", ana, reply))


async def test_many_boxes_at_one_mailbox_take_turns(town: Town, monkeypatch):
    """Were all of them to wait there at once, no letter and no receipt would find room."""
    monkeypatch.setattr("node.post.reader._READINGS_MAX", 4)
    monkeypatch.setattr("node.post.reader._TURN_MS", 5)
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana", read_wait_ms=60_000)
    reading: list[bytes] = []
    read: set[bytes] = set()
    most = 0
    answer = mia.post.mailbox.answer

    async def counted(session, ask):
        nonlocal most
        if not isinstance(ask, BoxRead):
            return await answer(session, ask)
        reading.append(ask.reader)
        most = max(most, len(reading))
        if ask.wait_ms:
            read.add(ask.reader)
        try:
            return await answer(session, ask)
        finally:
            reading.remove(ask.reader)

    monkeypatch.setattr(mia.post.mailbox, "answer", counted)
    boxes = []
    for number in range(9):
        # The context is what its keys derive from: another one, another box.
        ana.ctx = bytes([number]) * 16
        boxes.append(await ana.open_box(mia))
    await eventually(lambda: len(read) == len(boxes))
    assert most <= 4


def bring_junk(mailbox: Citizen, monkeypatch, *, kinds: int = 200) -> list[int]:
    """Have a mailbox answer every reading with a page nobody can open, and say there is more."""
    pages: list[int] = []

    async def liar(session, ask):
        if isinstance(ask, BoxRead):
            pages.append(ask.wait_ms)
            return Letters(
                request=ask.request, letters=[bytes([len(pages) % kinds]) * 50_000], more=True
            )
        return await type(mailbox.post.mailbox).answer(mailbox.post.mailbox, session, ask)

    monkeypatch.setattr(mailbox.post.mailbox, "answer", liar)
    return pages


async def test_a_mailbox_that_brings_junk_without_end_is_let_rest(town: Town, monkeypatch):
    monkeypatch.setattr("node.post.allowance.USELESS_BYTES_MAX", 90_000)
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    pages = bring_junk(mia, monkeypatch)
    await ana.open_box(mia)
    await eventually(lambda: len(pages) >= 2)
    for _ in range(200):
        await asyncio.sleep(0)
    assert len(pages) == 2


async def test_junk_that_was_shown_before_costs_as_much_again(town: Town, monkeypatch):
    """Were it free, a mailbox could go on for ever with a few letters that nobody can open."""
    monkeypatch.setattr("node.post.allowance.USELESS_BYTES_MAX", 190_000)
    monkeypatch.setattr("node.post.allowance._SHOWN_MAX", 1)
    monkeypatch.setattr("node.post.reader._PAUSE_MS", 0)
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    pages = bring_junk(mia, monkeypatch, kinds=2)
    await ana.open_box(mia)
    await eventually(lambda: len(pages) >= 4)
    for _ in range(200):
        await asyncio.sleep(0)
    assert len(pages) == 4


async def test_a_mailbox_that_rested_is_read_again(town: Town, monkeypatch):
    monkeypatch.setattr("node.post.allowance.USELESS_BYTES_MAX", 90_000)
    monkeypatch.setattr("node.post.allowance._AGAIN_MS", 50)
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    pages = bring_junk(mia, monkeypatch)
    await ana.open_box(mia)
    await eventually(lambda: len(pages) >= 5)
