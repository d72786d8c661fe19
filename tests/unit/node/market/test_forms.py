"""Row and box follow the newest form of a request, in whatever order its forms are found."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import msgspec
import pytest

from node.clock import ManualClock
from node.keystore import PROFILE_CONTEXT
from node.storage import boxes_own, casts
from node.storage.boxes_own import OwnBox
from protocol import limits
from protocol.ids import NodeId, to_text
from protocol.now import MINUTE_MS
from protocol.objects.envelope import Verified
from protocol.objects.header import Kind
from tests.unit.node.market.aftermath import Aftermath
from tests.unit.node.market.booth import Booth

ORDERS = list(permutations(range(3)))


@pytest.fixture
async def again(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Aftermath]:
    """The buyer's home, made anew from its words."""
    found = await Aftermath.restored(tmp_path / "again", "buyer_ana", clock)
    yield found
    await found.booth.close()


def place(number: int) -> NodeId:
    return NodeId(bytes([number]) * 32)


async def amended(
    booth: Booth, before: Verified[Any], at: Sequence[NodeId], **changes: Any
) -> Verified[Any]:
    """Sign the form that follows another, with another way back, in the same minute."""
    reply = msgspec.structs.replace(before.body.reply, at=list(at))
    body = msgspec.structs.replace(before.body, supersedes=before.id, reply=reply, **changes)
    root = before.header.thread or before.id
    return await booth.desk.pen.public(
        before.body.nonce, Kind.INTENTCAST, body, exp=before.header.exp, thread=root
    )


async def chain(booth: Booth) -> list[Verified[Any]]:
    """Three forms of one minute, each at a mailbox more."""
    row = await booth.cast()
    root = await booth.object(row.cast_id)
    second = await amended(booth, root, [place(1), place(2)])
    third = await amended(booth, second, [place(2), place(3)])
    assert len({form.header.at for form in (root, second, third)}) == 1
    return [root, second, third]


async def named_by(booth: Booth, form_id: bytes) -> list[bytes]:
    handle = to_text("cast", form_id)
    found = await booth.storage.read(lambda db: casts.load_by_handle(db, "cast", handle))
    return [each.nonce for each in found]


async def box_of(booth: Booth, ctx: bytes) -> OwnBox:
    (found,) = await booth.storage.write(lambda conn: boxes_own.of_context(conn, ctx))
    return found


@pytest.mark.parametrize("order", ORDERS)
async def test_every_order_of_arrival_gives_the_same_row_and_box(
    buyer: Booth, again: Aftermath, order: tuple[int, ...]
):
    forms = await chain(buyer)
    root, _, newest = forms
    for number in order:
        await again.hear(forms[number])
    row = await again.booth.own(root.body.nonce)
    assert (row.cast_id, row.root_id) == (newest.id, root.id)
    assert msgspec.msgpack.decode(bytes.fromhex(row.local["body"]))["supersedes"] == forms[1].id
    box = await box_of(again.booth, row.nonce)
    assert box.mailboxes == (place(2), place(3))
    assert box.former == (place(1), *root.body.reply.at)
    assert again.booth.post.boxes == [box]
    for form in forms:
        assert await again.is_own(form.id)
        assert await named_by(again.booth, form.id) == [row.nonce]


@pytest.mark.parametrize("order", ORDERS)
async def test_a_running_home_that_hears_its_own_newer_forms_follows_them(
    buyer: Booth, again: Aftermath, order: tuple[int, ...]
):
    """The forms are signed by another copy while this one runs, and holds nothing."""
    root, *_ = forms = await chain(buyer)
    await again.hear(root)
    await again.booth.write(lambda conn: conn.execute("DELETE FROM held"))
    for number in order:
        await again.hear(forms[number])
    assert (await again.booth.own(root.body.nonce)).cast_id == forms[2].id
    assert (await box_of(again.booth, root.body.nonce)).mailboxes == (place(2), place(3))


async def test_two_that_follow_one_are_ordered_alike_everywhere(buyer: Booth, again: Aftermath):
    root, one, _ = await chain(buyer)
    other = await amended(buyer, root, [place(7)], text="in a hurry")
    last = max(one, other, key=lambda form: form.id)
    for form in (last, root, one, other):
        await again.hear(form)
    assert (await again.booth.own(root.body.nonce)).cast_id == last.id


async def test_a_second_root_of_a_key_is_kept_and_not_followed(buyer: Booth, again: Aftermath):
    row = await buyer.cast()
    first = await buyer.object(row.cast_id)
    body = msgspec.structs.replace(first.body, text="once more")
    second = await buyer.desk.pen.public(
        row.nonce, Kind.INTENTCAST, body, exp=first.header.exp, thread=None
    )
    await again.hear(first, second)
    assert (await again.booth.own(row.nonce)).cast_id == first.id
    assert await again.is_own(second.id)
    assert (await box_of(again.booth, row.nonce)).mailboxes == tuple(first.body.reply.at)


async def test_an_older_form_heard_late_holds_nothing_again(buyer: Booth, again: Aftermath):
    root, second, third = await chain(buyer)
    await again.hear(root, third)
    await again.booth.write(lambda conn: conn.execute("DELETE FROM held"))
    await again.hear(second)
    assert await again.held() == set()


@pytest.mark.parametrize("sql", ["UPDATE objects SET checksum = x'00' WHERE id = ?", ""])
async def test_a_newest_form_whose_bytes_are_lost_stays_the_newest(
    buyer: Booth, again: Aftermath, sql: str
):
    root, second, third = await chain(buyer)
    await again.hear(root, third)
    await again.booth.write(
        lambda conn: conn.execute(sql or "DELETE FROM objects WHERE id = ?", (third.id,))
    )
    await again.hear(second)
    assert (await again.booth.own(root.body.nonce)).cast_id == third.id
    assert (await box_of(again.booth, root.body.nonce)).mailboxes == (place(2), place(3))
    # A copy that comes from a peer is our own, and no sign of another copy.
    await again.hear(third)
    assert await again.is_own(third.id)


async def test_a_box_that_moved_without_a_form_stays_and_its_places_are_read(
    buyer: Booth, again: Aftermath
):
    root, second, third = await chain(buyer)
    await again.hear(root, second)
    box = await box_of(again.booth, root.body.nonce)
    moved = replace(box, mailboxes=(place(8), place(9)), former=())
    await again.booth.write(lambda conn: boxes_own.save(conn, moved))
    await again.booth.write(lambda conn: conn.execute("UPDATE objects SET own = 0"))
    await again.hear(root)
    assert (await box_of(again.booth, root.body.nonce)).mailboxes == (place(8), place(9))
    await again.hear(third)
    found = await box_of(again.booth, root.body.nonce)
    assert found.mailboxes == (place(2), place(3))
    assert {place(8), place(9)} <= set(found.former)
    assert len(found.former) <= limits.former_mailboxes_max


@pytest.fixture
async def shop_again(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Aftermath]:
    """The vendor's home, made anew from its words."""
    found = await Aftermath.restored(tmp_path / "again", "vendor_bo", clock)
    yield found
    await found.booth.close()


@pytest.mark.parametrize("is_forward", [True, False])
async def test_an_older_profile_heard_last_moves_no_box(
    shop_again: Aftermath, clock: ManualClock, vendor: Booth, *, is_forward: bool
):
    older = await vendor.sell()
    clock.advance(MINUTE_MS)
    reply = msgspec.structs.replace(older.body.reply, at=[place(5)])
    body = msgspec.structs.replace(older.body, reply=reply)
    newer = await vendor.desk.pen.public(PROFILE_CONTEXT, Kind.PROFILE, body, exp=older.header.exp)
    for form in (older, newer) if is_forward else (newer, older):
        await shop_again.hear(form)
    box = await box_of(shop_again.booth, PROFILE_CONTEXT)
    assert (box.mailboxes, box.former) == ((place(5),), tuple(older.body.reply.at))
