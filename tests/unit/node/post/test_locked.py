"""The post under lock: nothing is opened, nothing is lost, and all goes on with the keys."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from node.errors import KeystoreError
from node.post import office
from node.post.letters import Parked
from node.storage.outbox import OutgoingState
from protocol.ids import blake2b_256
from tests.unit.node.post.town import DAY_MS, Citizen, Town, eventually


def unlock(citizen: Citizen) -> None:
    citizen.keyring.unlock(blake2b_256(citizen.name.encode()))
    citizen.post.unlocked()


async def turns(count: int = 50) -> None:
    for _ in range(count):
        await asyncio.sleep(0.001)


async def test_letters_stay_in_their_mailbox_until_the_keys_are_back(town: Town):
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana", read_wait_ms=5)
    bo = await town.citizen("vendor_bo")
    reply = await ana.open_box(mia)
    way = (ana.reader, mia.node_id)
    await eventually(lambda: way in ana.post.read_since)
    outgoing = bo.letter("an offer", ana, reply)
    sent = outgoing.envelope_id
    ana.keyring.lock()
    await bo.storage.write(lambda conn: bo.post.queue(conn, outgoing))
    bo.post.nudge()
    await bo.until_row(sent, lambda row: row.put_at)
    await turns()
    assert ana.handed_over == []
    # A lock is no fault of the mailbox: a void must wait until it is read again.
    assert way not in ana.post.failing_since
    unlock(ana)
    await bo.until_acked(sent)
    assert ana.recorded == [b"vendor_bo: an offer"]


async def test_a_node_that_starts_locked_reads_its_boxes_after_the_unlock(town: Town):
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")
    reply = await ana.open_box(mia)
    await ana.stop()
    sent = await bo.send("an offer", ana, reply)
    await bo.until_row(sent, lambda row: row.put_at)
    ana.keyring.lock()
    await ana.start()
    await turns()
    assert ana.handed_over == []
    unlock(ana)
    await bo.until_acked(sent)


async def test_what_was_sealed_before_the_lock_is_sent_and_receipted_after_it(town: Town):
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")
    reply = await ana.open_box(mia)
    outgoing = bo.letter("an offer", ana, reply)
    await bo.storage.write(lambda conn: bo.post.queue(conn, outgoing))
    bo.keyring.lock()
    bo.post.nudge()
    await eventually(lambda: ana.recorded)
    await bo.until_row(outgoing.envelope_id, lambda row: row.tries >= 2)
    assert (await bo.row(outgoing.envelope_id)).state is OutgoingState.PENDING
    unlock(bo)
    await bo.until_acked(outgoing.envelope_id)


async def test_a_receipt_that_comes_in_the_moment_of_the_lock_is_asked_for_again(
    town: Town, monkeypatch: pytest.MonkeyPatch
):
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")
    reply = await ana.open_box(mia)
    refused: list[bytes] = []
    plain = bo.keyring.box_seed

    def once(ctx: bytes) -> bytes:
        if not refused:
            refused.append(ctx)
            raise KeystoreError("the keys are locked", code="E-KEYS-LOCKED")
        return plain(ctx)

    monkeypatch.setattr(bo.keyring, "box_seed", once)
    await bo.until_acked(await bo.send("an offer", ana, reply))
    assert refused


async def test_a_parked_letter_outlives_a_lock(town: Town):
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")
    parked = True
    ana.judge = lambda _letter: Parked() if parked else None
    reply = await ana.open_box(mia)
    sent = await bo.send("an offer", ana, reply)
    await eventually(lambda: ana.post.parked)
    ana.keyring.lock()
    ana.clock.advance(DAY_MS)
    ana.post.reread()
    await turns()
    assert ana.post.parked == 1
    parked = False
    unlock(ana)
    await bo.until_acked(sent)


async def test_boxes_are_extended_after_the_unlock(town: Town, monkeypatch: pytest.MonkeyPatch):
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    await ana.open_box(mia, days=1)
    ana.keyring.lock()
    monkeypatch.setattr(office, "_UPKEEP_S", 0.001)
    ana.post._looked_for.set()
    await turns()
    (box,) = ana.post._reader.boxes
    short = box.until
    unlock(ana)
    await eventually(lambda: ana.post._reader.boxes[0].until > short)


async def test_no_box_is_opened_under_lock(town: Town):
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    ana.keyring.lock()
    with pytest.raises(KeystoreError):
        await ana.post.open_box(ana.ctx, [mia.node_id], ana.now_ms() + DAY_MS)


async def test_a_lock_in_the_middle_of_opening_a_box_is_a_no(
    town: Town, monkeypatch: pytest.MonkeyPatch
):
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")

    async def locked(*_args: Any) -> None:
        raise KeystoreError("the keys are locked", code="E-KEYS-LOCKED")

    monkeypatch.setattr(ana.post._opener, "open", locked)
    asked = ana.post.open_box(ana.ctx, [mia.node_id], ana.now_ms() + DAY_MS, need=0)
    assert await asked == []


async def test_a_locked_node_keeps_the_letters_of_others(town: Town):
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")
    mia.keyring.lock()
    reply = await ana.open_box(mia)
    await bo.until_acked(await bo.send("an offer", ana, reply))
