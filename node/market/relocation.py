"""Relocation: boxes of ours leave mailboxes that are gone for good, and everybody is told where to.

Enters: the post's word on which mailboxes are lost. Leaves: boxes opened elsewhere, a signed
`moved` in every thread that still matters, requests published again with the new way back, and a
call for a new profile. A box keeps its keys when it moves: what lies at the old mailboxes is read
as long as they answer. Never: a word that follows an award, which would tell losers of it; a
mailbox left before another has opened the box.
Source: docs/protocol/08-post.md, "Moving".
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from node.crashpoint import crashpoint
from node.keystore import PROFILE_CONTEXT
from node.market.desk import EVENT_LIFE_MS, Desk, read_reply, reply_of
from node.market.recollect import load_whole
from node.market.requests import Requests
from node.storage import bounds, boxes_own, casts, deals, restorations, threads
from node.storage.casts import OwnCast
from node.storage.outbox import Priority
from protocol import limits
from protocol.errors import IntentcastError
from protocol.ids import CastId, NodeId
from protocol.market.cast import CastState
from protocol.market.deal import LIVE, Role
from protocol.market.thread import ThreadState
from protocol.objects.event import Moved
from protocol.objects.header import Kind

if TYPE_CHECKING:
    import sqlite3

    from node.storage.boxes_own import OwnBox
    from node.storage.threads import Thread

_LOG = logging.getLogger(__name__)
_PAUSE_MS: Final = 60_000
"""Between two looks for another mailbox, and between two looks for threads not told; guess."""
_MOVES_MAX: Final = 4
"""Boxes that move at a time; guess."""

Renew: TypeAlias = Callable[[], Awaitable[None]]
"""Publishes the profile anew, with the way back as it is now."""


class Relocation:
    """Moves the boxes of one home."""

    def __init__(self, desk: Desk, requests: Requests, *, lost_ms: int) -> None:
        """Keep the tools.

        Args:
            desk: the tools.
            requests: draws mailboxes, and publishes.
            lost_ms: how long a mailbox fails before the post calls it lost; nothing is looked at
                more often than that.
        """
        self._desk = desk
        self._requests = requests
        self._pause_ms = min(_PAUSE_MS, lost_ms)
        self._moving: set[bytes] = set()
        self._next_ms: dict[bytes, int] = {}
        self._said: set[bytes] = set()
        self._renew: Renew | None = None

    def on_profile_moved(self, renew: Renew) -> None:
        """Say how the vendor's profile is published anew."""
        self._renew = renew

    async def look(self) -> None:
        """Start a move for each box that needs one, or that has somebody left to tell."""
        now_ms = self._desk.clock.now().mono_ms
        boxes = self._desk.post.boxes
        known = {box.reader for box in boxes}
        self._next_ms = {each: at for each, at in self._next_ms.items() if each in known}
        self._said &= known
        is_any_narrow = any(len(box.mailboxes) < limits.put_mailboxes_min for box in boxes)
        count = limits.known_nodes_max if is_any_narrow else 0
        free = set(self._requests.draw_others((), count))
        for box in boxes:
            is_due = now_ms >= self._next_ms.get(box.reader, 0)
            if not is_due or box.reader in self._moving or not self._is_wanted(box, free):
                continue
            if len(self._moving) >= _MOVES_MAX:
                break
            self._moving.add(box.reader)
            self._next_ms[box.reader] = now_ms + self._pause_ms
            _ = self._desk.tasks.spawn(self._move(box), f"box {box.reader.hex()[:8]} moves")

    def _is_wanted(self, box: OwnBox, free: set[NodeId]) -> bool:
        """Tell whether a box has to move, may be opened at more, or has somebody left to tell."""
        is_narrow = len(box.mailboxes) < limits.put_mailboxes_min
        return bool(
            box.former
            or box.reader not in self._said
            or self._desk.post.lost(box.reader)
            or (is_narrow and free.difference(box.places))
        )

    async def _move(self, box: OwnBox) -> None:
        try:
            moved = await self._leave_lost(box)
            is_moved = moved != box or bool(box.former)
            if is_moved:
                self._said.discard(box.reader)
            await self._say(moved, is_moved=is_moved)
            while is_moved and await self._desk.storage.write(lambda conn: self._tell(conn, moved)):
                crashpoint("move.after_told_commit")
                self._desk.committed()
        except IntentcastError as error:
            # Nobody opens a box, the keys are locked, the disk is full: looked at again later.
            _LOG.warning("a box of ours cannot move yet: %s", error)
        finally:
            self._moving.discard(box.reader)

    async def _say(self, box: OwnBox, *, is_moved: bool) -> None:
        """See to it that what is public names the box as it is; a start asks of each box once.

        The last end may have come between a move and its publishing.
        """
        if box.ctx != PROFILE_CONTEXT:
            if await self._publish_again(box):
                self._said.add(box.reader)
            return
        if is_moved and self._renew is not None:
            await self._renew()
        self._said.add(box.reader)

    # --- another mailbox ----------------------------------------------------------------------

    async def _leave_lost(self, box: OwnBox) -> OwnBox:
        """Open the box at others in place of the lost ones; gives it as it is then.

        One that was opened when a single mailbox was known is opened at more, as they are found.

        Raises:
            TransportError: nobody opens it; it stays where it is, and is looked after again.
        """
        lost = [each for each in box.mailboxes if each in self._desk.post.lost(box.reader)]
        stay = len(box.mailboxes) - len(lost)
        is_narrow = stay < limits.put_mailboxes_min
        count = limits.mailboxes_per_reply_max - stay if is_narrow else len(lost)
        chosen = self._requests.draw_others(box.places, count) if count else []
        if not chosen:
            return box
        opened = await self._desk.post.open_box(box.ctx, chosen, box.until)
        crashpoint("move.after_box")

        def txn(conn: sqlite3.Connection) -> OwnBox | None:
            current = boxes_own.box_of(conn, box.reader)
            if current is None or current.closed or current.mailboxes != box.mailboxes:
                return None
            kept = [each for each in current.mailboxes if each not in lost]
            # One that found no successor is named on: it may come back.
            left = lost[: len(opened)]
            named = [*kept, *opened, *lost[len(opened) :]][: limits.mailboxes_per_reply_max]
            former = [*left, *(each for each in current.former if each not in left)]
            moved = replace(
                current,
                mailboxes=tuple(named),
                opened_at=(*current.opened_at, *opened),
                former=tuple(former[: limits.former_mailboxes_max]),
            )
            boxes_own.save(conn, moved)
            self._desk.note(conn, "box.moved", [box.reader])
            crashpoint("move.before_commit")
            return moved

        moved = await self._desk.storage.write(txn)
        crashpoint("move.after_commit")
        if moved is None:
            return box
        await self._desk.post.watch(moved)
        self._desk.changed()
        return moved

    # --- who is told --------------------------------------------------------------------------

    def _tell(self, conn: sqlite3.Connection, box: OwnBox) -> bool:
        """Tell some threads in one change; tells whether others may be left."""
        found = threads.untold(conn, box.ctx, box.mailboxes, bounds.moves_per_change)
        for thread in found:
            of = self._replaced(conn, thread)
            if of is None:
                # Nobody will write in it any more; it is not looked at again.
                threads.save(conn, replace(thread, own_at=tuple(box.mailboxes)))
                continue
            body = Moved(of=of, reply=reply_of(box))
            way = self._desk.way(Priority.CONFIRMED, EVENT_LIFE_MS)
            self._desk.send(conn, thread, Kind.EVENT, body, way)
        if found:
            crashpoint("move.before_told_commit")
        return bool(found)

    def _replaced(self, conn: sqlite3.Connection, thread: Thread) -> bytes | None:
        """Give our object whose way back is replaced; None in a thread that is over."""
        if thread.other_reply is None or read_reply(thread.other_reply).until <= self._now():
            return None
        is_buyer = thread.role is Role.BUYER
        accepted = [
            row.deal_id
            for row in deals.of_cast(conn, thread.cast_id)
            if row.other_key == thread.other_key and row.state in LIVE
        ]
        if accepted:
            return accepted[-1] if is_buyer else thread.offer_id
        # One that is damaged must not keep all others from being told.
        offer = load_whole(self._desk, conn, thread.offer_id or b"")
        if offer is None:
            return None
        is_open = offer.body.valid_until + limits.confirm_within_ms_max > self._now()
        if not is_open or thread.state is ThreadState.ACCEPTED:
            return None
        return offer.body.cast if is_buyer else offer.id

    def _now(self) -> int:
        return self._desk.wall_ms()

    # --- the request itself -------------------------------------------------------------------

    async def _publish_again(self, box: OwnBox) -> bool:
        """Publish an open request with the new way back, when too little of the old one is left.

        While two of its mailboxes live, who hears of it only now can still answer, whatever
        becomes of one; a request is not repeated without need. After a restore it waits until the
        request is reopened: a later form may be out there that would be forked.

        Returns:
            Whether nothing is left to publish.
        """
        is_held, row = await self._desk.storage.write(
            lambda conn: (restorations.is_held(conn, box.ctx), casts.cast_of(conn, box.ctx))
        )
        if row is None or row.state is not CastState.OPEN or row.cast_id is None:
            return True
        if is_held:
            return False
        cast = await self._desk.storage.write(
            lambda conn: load_whole(self._desk, conn, row.cast_id or b"")
        )
        if cast is None:
            return True
        living = [each for each in cast.body.reply.at if each in box.mailboxes]
        if len(living) >= limits.put_mailboxes_min or len(box.mailboxes) <= len(living):
            return True
        await self._desk.arrived()
        body = msgspec.structs.replace(cast.body, supersedes=cast.id, reply=reply_of(box))
        signed = await self._desk.pen.public(
            box.ctx, Kind.INTENTCAST, body, exp=cast.header.exp, thread=row.root_id
        )

        def txn(conn: sqlite3.Connection) -> bool:
            current: OwnCast | None = casts.cast_of(conn, box.ctx)
            if current is None or (current.cast_id, current.state) != (row.cast_id, row.state):
                return False
            self._desk.record(conn, signed)
            casts.save(conn, replace(current, cast_id=CastId(signed.id)))
            self._desk.note(conn, "cast.republished", [signed.id, current.root_id or signed.id])
            crashpoint("move.before_cast_commit")
            return True

        is_out = await self._desk.storage.write(txn)
        if is_out:
            crashpoint("move.after_cast_commit")
            self._desk.network.publish(signed, signed.raw)
            self._desk.changed()
        return is_out
