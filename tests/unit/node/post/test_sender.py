"""The sender believes receipts alone, hurries when it can, and survives a bad disk or mailbox."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from node.errors import StorageError
from node.post.retry import Backoff
from node.post.sender import PUTS_PER_MAILBOX, is_put
from node.storage import audit, outbox, wanted
from node.storage.outbox import Outgoing, OutgoingState
from protocol import limits, sealing
from protocol.channel.messages import Refused
from protocol.channel.post import Put, PutDone, ReceiptAnswer, ReceiptQuery
from protocol.errors import Reason
from protocol.ids import LetterHash, NodeId, ObjectId
from protocol.post.letters import letter_hash
from protocol.post.receipt import Receipt, seal_receipt
from tests.unit.node.post.town import Citizen, Town, eventually

BOXES = tuple(NodeId(bytes([n]) * 32) for n in range(3))


def outgoing(mailboxes: int, put_at: int) -> Outgoing:
    return Outgoing(
        envelope_id=ObjectId(bytes(32)),
        kind="offer",
        own_ctx=b"",
        to_key=bytes(32),
        thread=None,
        letter=b"",
        letter_hash=LetterHash(bytes(32)),
        reader=bytes(32),
        mailboxes=BOXES[:mailboxes],
        put_at=BOXES[:put_at],
        priority=1,
        next_at=0,
        expires_at=0,
        updated_ms=0,
    )


def test_two_mailboxes_or_the_only_one_make_a_letter_put():
    assert not is_put(outgoing(3, 1))
    assert is_put(outgoing(3, 2))
    assert is_put(outgoing(1, 1))
    assert not is_put(outgoing(1, 0))


def answering(mailbox: Citizen, monkeypatch, kind, answer) -> list:
    """Let a mailbox answer one kind of question otherwise; None leaves it as it is."""
    asked: list = []
    original = mailbox.post.mailbox.answer

    async def other(session, ask):
        if isinstance(ask, kind):
            asked.append(ask)
            found = answer(ask)
            if found is not None:
                return found
        return await original(session, ask)

    monkeypatch.setattr(mailbox.post.mailbox, "answer", other)
    return asked


async def test_a_mailboxs_word_is_no_receipt(town: Town, monkeypatch):
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")
    reply = ana.reply(ana.own_box(mia))

    def forged(ask: ReceiptQuery) -> ReceiptAnswer:
        name = LetterHash(ask.letter_hashes[0])
        by_mia = mia.keyring.sign_seed(b"profile")
        by_ana = ana.keyring.sign_seed(ana.ctx)
        facts: dict[str, Any] = {
            "net": "test",
            "envelope_id": envelope_id,
            "letter_hash": name,
            "at": 1,
        }
        wrong = facts | {"letter_hash": LetterHash(bytes(32))}
        receipts = [
            (name, b"not even sealed"),
            (name, seal_receipt(Receipt(**facts), by_mia, bo.box_key, b"1" * 32)),
            (name, seal_receipt(Receipt(**wrong), by_ana, bo.box_key, b"1" * 32)),
            (
                name,
                seal_receipt(
                    Receipt(**facts), by_ana, sealing.box_public_key(b"9" * 32), b"1" * 32
                ),
            ),
            (bytes(32), seal_receipt(Receipt(**facts), by_ana, bo.box_key, b"1" * 32)),
        ]
        return ReceiptAnswer(request=ask.request, receipts=receipts)

    asked = answering(mia, monkeypatch, ReceiptQuery, forged)
    envelope_id = await bo.send("an offer", ana, reply)
    await eventually(lambda: len(asked) >= 2)
    assert (await bo.row(envelope_id)).state is OutgoingState.PENDING


async def test_a_real_receipt_among_forged_ones_is_found(town: Town, monkeypatch):
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")

    def mixed(ask: ReceiptQuery) -> ReceiptAnswer:
        name = LetterHash(ask.letter_hashes[0])
        receipt = Receipt(net="test", envelope_id=envelope_id, letter_hash=name, at=1)
        real = seal_receipt(receipt, ana.keyring.sign_seed(ana.ctx), bo.box_key, b"1" * 32)
        return ReceiptAnswer(request=ask.request, receipts=[(name, b"forged"), (name, real)])

    answering(mia, monkeypatch, ReceiptQuery, mixed)
    envelope_id = await bo.send("an offer", ana, ana.reply(ana.own_box(mia)))
    await bo.until_acked(envelope_id)


async def test_a_put_confirmed_for_another_letter_is_none(town: Town, monkeypatch):
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")
    wrong = answering(
        mia, monkeypatch, Put, lambda ask: PutDone(request=ask.request, letter_hash=bytes(32))
    )
    sent = await bo.send("an offer", ana, ana.reply(ana.own_box(mia)))
    await eventually(lambda: len(wrong) >= 2)
    assert (await bo.row(sent)).put_at == ()


async def test_a_refused_question_for_receipts_ends_nothing(town: Town, monkeypatch):
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")
    refusing = [True]
    asked = answering(
        mia,
        monkeypatch,
        ReceiptQuery,
        lambda ask: Refused(request=ask.request, reason=Reason.POLICY) if refusing else None,
    )
    sent = await bo.send("an offer", ana, await ana.open_box(mia))
    await eventually(lambda: len(asked) >= 2)
    refusing.clear()
    await bo.until_acked(sent)


async def test_a_mailbox_that_comes_up_hurries_what_waits_for_it(town: Town):
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")
    reply = await ana.open_box(mia)
    await mia.stop()
    sent = await bo.send("an offer", ana, reply)
    await bo.until_row(sent, lambda row: row.tries)
    # far from due, also after a restart
    later = bo.now_ms() + 3_600_000
    await bo.storage.write(lambda conn: outbox.mark_tried(conn, 1, later, 1))
    await bo.stop()
    await bo.start()
    await eventually(lambda: sent in bo.post._sender._progress)
    await mia.start()
    bo.post.link_up(NodeId(b"\x01" * 32))
    bo.post.link_up(mia.node_id)
    ana.post.link_up(mia.node_id)
    await bo.until_row(sent, lambda row: row.put_at)


async def test_a_hurried_letter_that_ended_is_let_be(town: Town):
    bo = await town.citizen("vendor_bo")
    sender = bo.post._sender
    gone = ObjectId(b"\x09" * 32)
    sender._hurried.add(gone)
    sender.nudge()
    await eventually(lambda: gone not in sender._hurried)


async def test_a_receipt_in_our_own_mailbox_is_seen_at_once(town: Town):
    bo = await town.citizen("vendor_bo", serve=True)
    ana = await town.citizen("buyer_ana")
    reply = await ana.open_box(bo)
    # so slow that only the hint can be in time
    slow = type(bo.post._sender._backoff)(base_ms=900_000, cap_ms=900_000)
    bo.post._sender._backoff = slow
    await bo.until_acked(await bo.send("an offer", ana, reply))


async def test_work_on_letters_is_bounded(town: Town, monkeypatch):
    monkeypatch.setattr("node.post.sender._STEPS_MAX", 1)
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")
    reply = await ana.open_box(mia)
    working = bo.post._sender._working
    sent = [await bo.send(f"offer {n}", ana, reply) for n in range(4)]
    for envelope_id in sent:
        await bo.until_acked(envelope_id)
        assert len(working) <= 1


async def test_a_failing_disk_stops_nothing_for_good(town: Town, monkeypatch):
    monkeypatch.setattr("node.post.sender._LOOK_S", 0.01)
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")
    reply = await ana.open_box(mia)
    write, read = bo.storage.write, bo.storage.read
    failures = []

    async def failing(*_args, **_more):
        failures.append(1)
        raise StorageError("the disk is full")

    sent = await bo.send("an offer", ana, reply)
    monkeypatch.setattr(bo.storage, "write", failing)
    await eventually(lambda: len(failures) >= 3)
    monkeypatch.setattr(bo.storage, "write", write)
    monkeypatch.setattr(bo.storage, "read", failing)
    await eventually(lambda: len(failures) >= 6)
    monkeypatch.setattr(bo.storage, "read", read)
    await bo.until_acked(sent)
    await eventually(lambda: bo.ended)
    assert bo.ended == [(sent, "acked")]


async def test_a_letter_is_not_worked_on_while_a_visit_of_it_goes_on(town: Town, monkeypatch):
    """One mailbox's visit ends with the disk, while another's still takes its time."""
    bo = await town.citizen("vendor_bo")
    sender = bo.post._sender
    row = replace(outgoing(2, 0), letter=b"letter", letter_hash=letter_hash(b"letter"))
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def visit(_row: Outgoing, _progress: Any, mailbox: NodeId) -> None:
        if mailbox == BOXES[0]:
            raise StorageError("the disk is full")
        begun.set()
        await may_end.wait()

    monkeypatch.setattr(sender, "_visit", visit)
    monkeypatch.setattr(sender, "_backoff", replace(sender._backoff, base_ms=0))
    sender._working.add(row.envelope_id)
    step = asyncio.ensure_future(sender._step(row))
    await begun.wait()
    await asyncio.sleep(0.02)
    assert row.envelope_id in sender._working
    may_end.set()
    await step
    assert row.envelope_id not in sender._working


async def test_an_old_letters_try_does_not_touch_the_new_one(town: Town):
    """A letter is sealed anew while the old one is on its way."""
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")
    sent = await bo.send("an offer", ana, ana.reply(ana.own_box(ana)))
    old = await bo.until_row(sent, lambda row: row.tries)
    new: dict[str, Any] = {
        "letter": b"l",
        "letter_hash": LetterHash(b"n" * 32),
        "reader": bytes(32),
        "mailboxes": [BOXES[0]],
        "now_ms": bo.now_ms() + 3_600_000,
    }
    await bo.storage.write(lambda conn: outbox.reseal(conn, old.id, **new))
    before = await bo.row(sent)
    await bo.post._sender._note_put(old, ana.node_id)
    await bo.post._sender._count_try(old)
    after = await bo.row(sent)
    assert (after.put_at, after.next_at) == (before.put_at, before.next_at) == ((), new["now_ms"])


async def test_an_end_that_could_not_be_written_is_written_later(town: Town, monkeypatch):
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")
    mark_acked = outbox.mark_acked
    failures = [1, 1]

    def failing(conn: Any, row_id: int, now_ms: int) -> bool:
        if failures:
            failures.pop()
            raise StorageError("the disk is full")
        return mark_acked(conn, row_id, now_ms)

    monkeypatch.setattr(outbox, "mark_acked", failing)
    sent = await bo.send("an offer", ana, await ana.open_box(mia))
    await bo.until_acked(sent)
    assert failures == []
    await eventually(lambda: bo.ended)
    assert bo.ended == [(sent, "acked")]


async def test_a_clock_that_jumps_makes_everything_due(town: Town):
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")
    sent = await bo.send("an offer", ana, ana.reply(ana.own_box(mia)))
    row = await bo.until_row(sent, lambda row: row.tries)
    bo.clock.jump_wall(-3_600_000)
    bo.post.nudge()
    await bo.until_row(sent, lambda later: later.tries > row.tries + 1)


async def test_a_mailbox_that_fails_is_let_be_for_longer_each_time(town: Town):
    bo = await town.citizen("vendor_bo")
    ana = await town.citizen("buyer_ana")
    sender = bo.post._sender
    for failures in range(1, 4):
        sender._note_down(ana.node_id)
        assert sender._down[ana.node_id].failures == failures
    sender.link_up(ana.node_id)
    assert ana.node_id not in sender._down


async def test_failures_are_remembered_within_a_bound(town: Town, monkeypatch):
    monkeypatch.setattr("node.post.sender._DOWN_MAX", 2)
    bo = await town.citizen("vendor_bo")
    for box in BOXES:
        bo.post._sender._note_down(box)
    assert list(bo.post._sender._down) == [BOXES[1], BOXES[2]]


async def test_a_silent_mailbox_holds_up_no_letter_to_another(town: Town, monkeypatch):
    # Longer than the test waits: who asks the silent one keeps its place.
    monkeypatch.setattr("node.post.sender.ASK_MS", 60_000)
    monkeypatch.setattr("node.post.sender.PUTS_PER_MAILBOX", 1)
    silent = await town.citizen("mailbox_silent", serve=True)
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")
    reply = await ana.open_box(mia)
    wire = await bo.network.connect(silent.node_id)
    wire.other.refuses = True
    junk = [
        await bo.send(f"junk {number}", ana, ana.reply(ana.own_box(silent))) for number in range(20)
    ]
    await eventually(lambda: wire._asked and set(junk) <= bo.post._sender._working)
    await bo.until_acked(await bo.send("an offer", ana, reply))
    assert wire._asked, "the silent mailbox was asked all the while"
    assert [(await bo.row(each)).tries for each in junk] == [0] * len(junk)


async def test_a_mailbox_that_never_answers_holds_up_one_handful_of_letters(
    town: Town, monkeypatch
):
    monkeypatch.setattr("node.post.sender.ASK_MS", 150)
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo", backoff=Backoff(base_ms=60_000, cap_ms=60_000))
    put = []

    async def tarpit(_session, ask):
        if isinstance(ask, Put):
            put.append(ask)
        await asyncio.sleep(30)

    monkeypatch.setattr(mia.post.mailbox, "answer", tarpit)
    reply = ana.reply(ana.own_box(mia))
    sent = [await bo.send(f"offer {number}", ana, reply) for number in range(40)]
    for envelope_id in sent:
        await bo.until_row(envelope_id, lambda row: row.tries)
    assert len(put) == PUTS_PER_MAILBOX


# --- given up ------------------------------------------------------------------------------------


async def test_a_letter_all_mailboxes_refuse_is_given_up_after_its_bound(town: Town):
    mia = await town.citizen("mailbox_mia", serve=True)
    max_ = await town.citizen("mailbox_max", serve=True)
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")
    reply = ana.reply(ana.own_box(mia, max_))
    long_ms = 10 * limits.letter_refused_ms
    sent = await bo.send("an offer", ana, reply, expires_at=bo.now_ms() + long_ms)
    await bo.until_row(sent, lambda row: row.refused_since is not None)
    bo.clock.advance(limits.letter_refused_ms - 60_000)
    tries = (await bo.row(sent)).tries
    row = await bo.until_row(sent, lambda row: row.tries >= tries + 2)
    assert row.state is OutgoingState.PENDING
    await bo.stop()
    bo.clock.advance(60_000)
    await bo.start()
    row = await bo.until_row(sent, lambda row: row.state is OutgoingState.REFUSED)
    assert row.reason == "not_open"
    await eventually(lambda: (sent, "refused") in bo.ended)
    lines = await bo.storage.read(lambda db: audit.load_newest(db, limit=5))
    assert [line.what for line in lines].count("letter_refused") == 1


async def test_a_damaged_letter_goes_nowhere_and_is_wanted(town: Town, monkeypatch):
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")
    reply = await ana.open_box(mia)
    puts = answering(mia, monkeypatch, Put, lambda _ask: None)

    def queue(conn):
        bo.post.queue(conn, letter)
        conn.execute("UPDATE outbox SET letter = zeroblob(length(letter))")

    letter = bo.letter("an offer", ana, reply)
    await bo.storage.write(queue)
    bo.post.nudge()
    row = await bo.until_row(letter.envelope_id, lambda row: row.tries >= 2)
    assert row.state is OutgoingState.PENDING
    assert puts == []
    found = await bo.storage.read(lambda db: wanted.load_all(db, limit=9))
    assert [each.id for each in found] == [letter.envelope_id]


async def test_one_mailbox_that_takes_it_ends_the_count(town: Town):
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")
    reply = ana.reply(ana.own_box(mia))
    sent = await bo.send("an offer", ana, reply)
    await bo.until_row(sent, lambda row: row.refused_since is not None)
    await ana.open_box(mia)
    row = await bo.until_acked(sent)
    assert row.refused_since is None


async def test_one_that_does_not_answer_may_still_take_it(town: Town):
    mia = await town.citizen("mailbox_mia", serve=True)
    away = await town.citizen("mailbox_away", serve=True)
    await away.stop()
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")
    sent = await bo.send("an offer", ana, ana.reply(ana.own_box(mia, away)))
    row = await bo.until_row(sent, lambda row: row.tries >= 3)
    assert row.refused_since is None


async def test_by_a_clock_that_is_off_nothing_is_given_up(town: Town):
    holds = True
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo", clock_holds=lambda: holds)
    sent = await bo.send("an offer", ana, ana.reply(ana.own_box(mia)))
    await bo.until_row(sent, lambda row: row.refused_since is not None)
    holds = False
    bo.clock.jump_wall(3_650 * 86_400_000)
    bo.post._sender._expire_ms = 0
    bo.post.nudge()
    await asyncio.sleep(0.05)
    assert (await bo.row(sent)).state is OutgoingState.PENDING
    bo.clock.jump_wall(-3_650 * 86_400_000)
    tries = (await bo.row(sent)).tries
    row = await bo.until_row(sent, lambda row: row.tries > tries)
    assert row.state is OutgoingState.PENDING


async def test_online_again_everything_is_tried_at_once(town: Town):
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo", backoff=Backoff(base_ms=600_000, cap_ms=600_000))
    reply = await ana.open_box(mia)
    await mia.stop()
    sent = await bo.send("an offer", ana, reply)
    await bo.until_row(sent, lambda row: row.tries == 1)
    await mia.start()
    bo.post.online()
    await bo.until_row(sent, lambda row: row.put_at)
