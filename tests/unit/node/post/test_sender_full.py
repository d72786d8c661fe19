"""A letter and full boxes: more work with each try, the hard work in turn, and put again soon."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import Any

from node.storage import mailbox as served
from node.storage.outbox import Outgoing
from protocol import limits
from protocol.channel.messages import Refused
from protocol.channel.post import Put
from protocol.errors import Reason
from protocol.ids import ObjectId
from protocol.post.letters import letter_hash
from protocol.post.mailbox import put_digest
from protocol.work import bits_of
from tests.unit.node.post.test_sender import BOXES, answering, outgoing
from tests.unit.node.post.town import Citizen, Town, eventually


async def test_a_full_box_is_tried_with_more_work(town: Town, monkeypatch):
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")
    full = [True, True]

    def refuse(ask: Put):
        return Refused(request=ask.request, reason=Reason.QUOTA) if full and full.pop() else None

    reply = await ana.open_box(mia)
    asked = answering(mia, monkeypatch, Put, refuse)
    await bo.until_acked(await bo.send("an offer", ana, reply))
    bits = [bits_of_put(mia, ask) for ask in asked]
    assert bits[1] >= 10
    assert bits[2] >= 12


class Waits:
    """A schedule that takes down what it is asked."""

    base_ms = 20

    def __init__(self) -> None:
        self.tries: list[int] = []

    def wait_ms(self, tries: int, _entropy: object) -> int:
        self.tries.append(tries)
        return self.base_ms


def bits_of_put(mailbox: Citizen, ask: Put) -> int:
    return bits_of(put_digest(mailbox.node_id, ask.reader, letter_hash(ask.letter)), ask.work)


async def test_a_letter_climbs_while_there_is_no_room_and_hard_work_is_done_at_the_bench(
    town: Town, monkeypatch
):
    monkeypatch.setattr("node.post.sender._LIGHT_BITS_MAX", 9)
    monkeypatch.setattr(limits, "put_bits_max", 13)
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    waits = Waits()
    bo = await town.citizen("vendor_bo", backoff=waits)
    at_bench: list[tuple[int, int]] = []
    bench = bo.post._sender._bench.labour

    async def watched(digest: bytes, bits: int, *, start: int = 0) -> bytes | None:
        at_bench.append((bits, start))
        return await bench(digest, bits, start=start)

    def refuse(ask: Put) -> Refused | None:
        is_enough = len(asked) > 6
        return None if is_enough else Refused(request=ask.request, reason=Reason.QUOTA)

    monkeypatch.setattr(bo.post._sender._bench, "labour", watched)
    reply = await ana.open_box(mia)
    asked = answering(mia, monkeypatch, Put, refuse)
    sent = await bo.send("an offer " * 500, ana, reply)
    row = await bo.until_acked(sent)
    found = [bits_of_put(mia, ask) for ask in asked]
    # A letter of more than 4 KiB begins with a bit more.
    assert len(row.letter) > limits.put_share_bytes
    assert all(bits >= due for bits, due in zip(found, [9, 11, 13, 13, 13, 13, 13], strict=True))
    assert [bits for bits, _ in at_bench] == [11, *[13] * 5]
    starts = [start for _, start in at_bench]
    assert starts == [int.from_bytes(ask.work, "big") for ask in asked[:-1]]
    # While it climbs it is soon tried again, however often it was tried before.
    assert waits.tries[:4] == [1, 1, 3, 4]


async def test_the_mailboxes_of_one_letter_take_turns_at_the_bench_and_soon(town: Town):
    bo = await town.citizen("vendor_bo")
    sender = bo.post._sender
    one, other = (
        sender._track(replace(outgoing(2, 0), envelope_id=ObjectId(bytes([number]) * 32)))
        for number in range(2)
    )
    for place in (*one.places.values(), *other.places.values()):
        place.bits = 60
    first, second = one.places.values()
    working = asyncio.create_task(sender._work(one, first, b"d" * 32))
    await eventually(lambda: one.is_at_bench)
    assert await sender._work(one, second, b"e" * 32) is None
    # Another letter waits as after any try: what it waits for may be long.
    assert await sender._work(other, other.places[BOXES[0]], b"f" * 32) is None
    assert (one.is_climbing, other.is_climbing) == (True, False)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    assert not one.is_at_bench


async def test_where_as_many_wait_as_one_may_have_no_work_is_wasted(town: Town, monkeypatch):
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")
    reply = await ana.open_box(mia)
    await ana.stop()
    for number in range(limits.depositor_letters_max):
        sent = await bo.send(f"offer {number}", ana, reply)
        await bo.until_row(sent, lambda row: row.put_at)
    asked = answering(mia, monkeypatch, Put, lambda _ask: None)
    last = await bo.send("one more", ana, reply)
    await bo.until_row(last, lambda row: row.tries >= 3)
    assert bo.post._sender._progress[last].places[mia.node_id].bits == limits.put_bits_min
    assert len(asked) >= 3
    await ana.start()
    await bo.until_acked(last)


def was_tried(tries: int, row: Outgoing) -> bool:
    return row.tries >= tries


def is_again(place: Any, wait_ms: int) -> bool:
    return bool(place.again_ms == wait_ms)


async def test_a_letter_that_had_to_go_is_soon_put_again_with_more_work(town: Town, monkeypatch):
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")
    reply = await ana.open_box(mia)
    await ana.stop()
    is_full: list[bool] = []

    def refuse(ask: Put) -> Refused | None:
        is_refused = is_full and is_full.pop()
        return Refused(request=ask.request, reason=Reason.QUOTA) if is_refused else None

    sent = await bo.send("an offer", ana, reply)
    row = await bo.until_row(sent, lambda row: row.put_at)
    place = bo.post._sender._progress[sent].places[mia.node_id]
    asked = answering(mia, monkeypatch, Put, refuse)
    # Held still, it is put after three minutes, then after six.
    for count, wait_ms in enumerate((180_000, 360_000)):
        assert place.again_ms == wait_ms
        bo.clock.advance(wait_ms - 60_000)
        tries = (await bo.row(sent)).tries
        await bo.until_row(sent, partial(was_tried, tries + 2))
        assert len(asked) == count
        bo.clock.advance(60_000)
        await eventually(partial(is_again, place, 2 * wait_ms))
        assert len(asked) == count + 1
    await mia.storage.write(lambda conn: served.drop_letter(conn, ana.reader, row.letter_hash))
    is_full.append(True)
    bo.clock.advance(place.again_ms)
    await eventually(partial(is_again, place, 180_000))
    assert place.bits == limits.put_bits_min + 2
    assert bits_of_put(mia, asked[-1]) >= place.bits
    state = await mia.storage.read(lambda db: served.load_state(db, ana.reader))
    assert state.letters == 1
