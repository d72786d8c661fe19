"""The small acts every market room shares: keep, load, note, send."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace as replace_reply

from node.market.desk import Way, newest_box, read_reply, reply_of, with_reply, write_reply
from node.storage import boxes_own, outbox, threads
from node.storage.outbox import Outgoing, OutgoingState, Priority
from node.storage.threads import Thread
from protocol.errors import ObjectError
from protocol.ids import CastId, LetterHash, ObjectId
from protocol.market.deal import Role
from protocol.market.thread import ThreadState
from protocol.now import DAY_MS, HOUR_MS
from protocol.objects.event import Closed, Moved
from protocol.objects.header import Kind
from tests.parties import NET, vendor_bo
from tests.unit.node.market.booth import MAILBOXES, START_MS, Booth

CTX = bytes(16)
S = OutgoingState
BODY = Closed(of=b"o" * 32)


def thread_with(**changes: object) -> Thread:
    facts = {
        "cast_id": CastId(b"c" * 32),
        "role": Role.BUYER,
        "own_ctx": CTX,
        "other_key": vendor_bo.key,
        "state": ThreadState.OFFERED,
        "other_reply": write_reply(vendor_bo.reply()),
        "updated_ms": 0,
    }
    return Thread(**(facts | changes))  # type: ignore[arg-type]


def test_a_way_back_is_kept_as_canonical_bytes():
    assert read_reply(write_reply(vendor_bo.reply())) == vendor_bo.reply()


@pytest.mark.parametrize("raw", [None, b"", b"\x90", write_reply(vendor_bo.reply())[:-1]])
def test_bytes_that_are_no_way_back_are_refused(raw: bytes | None):
    with pytest.raises((ObjectError, msgspec.ValidationError)):
        read_reply(raw)


def test_a_way_ends_so_long_from_now(buyer: Booth):
    way = buyer.desk.way(Priority.AGREED, HOUR_MS)
    assert way == Way(priority=Priority.AGREED, expires_at=START_MS + HOUR_MS)
    assert buyer.desk.net == NET


async def test_what_is_sent_is_kept_chained_and_queued(buyer: Booth):
    thread = thread_with(last_own_id=b"p" * 32)
    way = Way(priority=Priority.RECEIPT, expires_at=START_MS + HOUR_MS)
    opened = {"name": (bytes(16), "Ana")}
    sent = await buyer.write(
        lambda conn: buyer.desk.send(conn, thread, Kind.EVENT, BODY, way, opened=opened)
    )
    assert sent.header.prev == b"p" * 32
    assert (await buyer.object(sent.id)).raw == sent.raw
    assert (await buyer.thread(Role.BUYER)).last_own_id == sent.id
    (letter,) = buyer.fresh()
    assert letter.envelope == sent.raw
    assert (letter.to_key, letter.ctx, letter.thread) == (vendor_bo.key, CTX, b"c" * 32)
    assert (letter.reply, letter.opened, letter.kind) == (vendor_bo.reply(), opened, "event")
    assert (letter.priority, letter.expires_at) == (Priority.RECEIPT, START_MS + HOUR_MS)


@pytest.mark.parametrize(
    ("life_ms", "exp_ms", "until_ms", "ends_ms"),
    [(3, 2, 1, 1), (3, 1, 2, 1), (1, 3, 2, 1)],
)
async def test_a_letter_is_given_up_at_the_earliest_of_three_ends(
    buyer: Booth, life_ms: int, exp_ms: int, until_ms: int, ends_ms: int
):
    reply = msgspec.structs.replace(vendor_bo.reply(), until=START_MS + until_ms * DAY_MS)
    way = Way(priority=Priority.OFFER, expires_at=START_MS + life_ms * DAY_MS)
    await buyer.write(
        lambda conn: buyer.desk.send(
            conn,
            thread_with(other_reply=write_reply(reply)),
            Kind.EVENT,
            BODY,
            way,
            exp=START_MS + exp_ms * DAY_MS,
        )
    )
    assert buyer.fresh()[0].expires_at == START_MS + ends_ms * DAY_MS


async def test_a_letter_of_an_undone_change_leaves_nothing_behind(buyer: Booth):
    def torn(conn: object) -> None:
        buyer.desk.send(conn, thread_with(), Kind.EVENT, BODY, buyer.desk.way(Priority.OFFER, 1))  # type: ignore[arg-type]
        raise ValueError("torn")

    with pytest.raises(ValueError, match="torn"):
        await buyer.write(torn)
    assert await buyer.threads(Role.BUYER) == []


async def test_what_is_not_kept_is_not_loaded(buyer: Booth):
    assert await buyer.write(lambda conn: buyer.desk.load(conn, b"0" * 32)) is None


async def test_a_commit_is_told_to_the_post_and_to_whoever_watches(buyer: Booth):
    buyer.desk.committed()
    assert (buyer.post.nudges, buyer.rings) == (1, 1)


async def test_the_newest_box_of_a_context_is_used(buyer: Booth):
    assert await buyer.write(lambda conn: newest_box(conn, CTX)) is None
    older, newer = buyer.box(CTX), replace(buyer.box(b"1" * 16), ctx=CTX)
    await buyer.write(lambda conn: boxes_own.save(conn, older))
    await buyer.write(lambda conn: boxes_own.save(conn, newer))
    assert await buyer.write(lambda conn: newest_box(conn, CTX)) == newer
    assert older.mailboxes == tuple(MAILBOXES)


async def test_a_thread_is_saved_with_what_the_caller_changed(buyer: Booth):
    thread = thread_with(state=ThreadState.CLOSED)
    way = buyer.desk.way(Priority.OFFER, DAY_MS)
    await buyer.write(lambda conn: buyer.desk.send(conn, thread, Kind.EVENT, BODY, way))
    kept = await buyer.write(
        lambda conn: threads.thread_of(conn, b"c" * 32, Role.BUYER, CTX, vendor_bo.key)
    )
    assert kept.state is ThreadState.CLOSED
    assert kept.updated_ms == START_MS


# --- the chain ----------------------------------------------------------------------------------


async def queued(booth: Booth, object_id: bytes, state: OutgoingState) -> None:
    row = Outgoing(
        envelope_id=ObjectId(object_id),
        kind="event",
        own_ctx=CTX,
        to_key=vendor_bo.key,
        thread=b"c" * 32,
        letter=object_id,
        letter_hash=LetterHash(object_id),
        reader=bytes(32),
        mailboxes=(MAILBOXES[0],),
        priority=1,
        next_at=0,
        expires_at=1,
        state=state,
        updated_ms=0,
    )
    await booth.write(lambda conn: outbox.add(conn, row))


async def chain(booth: Booth, *states: OutgoingState) -> list[bytes]:
    """Send one object for each state, then put its letter into that state."""
    sent: list[bytes] = []
    for state in states:
        thread = await booth.thread(Role.BUYER) if sent else thread_with()
        way = booth.desk.way(Priority.RECEIPT, HOUR_MS)
        body = Closed(of=bytes([len(sent)]) * 32)
        signed = await booth.write(
            partial(booth.desk.send, thread=thread, kind=Kind.EVENT, body=body, way=way)
        )
        sent.append(signed.id)
        await queued(booth, signed.id, state)
    return sent


@pytest.mark.parametrize(
    ("states", "follows"),
    [
        ((S.ACKED,), 0),
        ((S.PENDING,), 0),
        ((S.ACKED, S.EXPIRED), 0),
        ((S.ACKED, S.EXPIRED, S.REFUSED), 0),
        ((S.EXPIRED, S.PENDING), 1),
        ((S.EXPIRED, S.REFUSED), None),
    ],
)
async def test_an_object_follows_the_newest_that_arrived_or_still_may(
    buyer: Booth, states: tuple[OutgoingState, ...], follows: int | None
):
    sent = await chain(buyer, *states)
    last = await chain_on(buyer)
    assert last.header.prev == (None if follows is None else sent[follows])


async def chain_on(booth: Booth) -> Any:
    thread = await booth.thread(Role.BUYER)
    way = booth.desk.way(Priority.RECEIPT, HOUR_MS)
    return await booth.write(
        lambda conn: booth.desk.send(conn, thread, Kind.EVENT, Closed(of=b"z" * 32), way)
    )


async def test_a_thread_remembers_which_mailboxes_were_named(buyer: Booth):
    reply = buyer.reply(CTX)
    way = buyer.desk.way(Priority.RECEIPT, HOUR_MS)
    body = Moved(of=b"o" * 32, reply=reply)
    await buyer.write(lambda conn: buyer.desk.send(conn, thread_with(), Kind.EVENT, body, way))
    assert (await buyer.thread(Role.BUYER)).own_at == tuple(reply.at)
    assert reply_of(buyer.box(CTX)) == reply


def test_an_older_way_back_changes_nothing():
    thread = thread_with(other_reply_at=5)
    newer = replace_reply(vendor_bo.reply(), at=[b"e" * 32])
    assert with_reply(thread, None, 9) is thread
    assert with_reply(thread, newer, 4) is thread
    followed = with_reply(thread, newer, 5)
    assert read_reply(followed.other_reply) == newer
    assert followed.other_reply_at == 5
