"""Amended requests, as a vendor meets them: the newest form is followed, and answered at most once.

Enters: a form of a request that follows another one, and our thread with its author. Leaves: the
thread with the newest way back, letters under way sealed again for it, and whether there is
anything to quote anew. A form that differs in the way back alone asks for nothing: the offer made
to the older one stands. Nothing is signed here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from node.market.deals import Deals
from node.market.desk import Desk, with_reply
from node.market.recollect import load_whole
from node.storage import objects, threads
from protocol.market import cast as cast_machine
from protocol.market import thread as thread_machine
from protocol.market.forms import Form, ordered
from protocol.market.thread import ThreadEvent
from protocol.objects.envelope import Verified
from protocol.objects.intentcast import Intentcast
from protocol.objects.offer import Offer

if TYPE_CHECKING:
    import sqlite3

    from node.storage.threads import Thread

_FORMS_A_MINUTE_MAX = 16
"""Forms of one minute that are looked at: more than any honest buyer signs; guess."""
_ROUND_MAX = 10
"""The last round an offer may be of (docs/protocol/12-offer.md)."""


class Amendments:
    """Follows requests we have answered."""

    def __init__(self, desk: Desk, deals: Deals) -> None:
        """Keep the tools."""
        self._desk = desk
        self._deals = deals

    def follow(self, conn: sqlite3.Connection, thread: Thread, cast: Verified[Intentcast]) -> bool:
        """Take note of an amended form of a request we have a thread about.

        Args:
            conn: inside a change.
            thread: ours with its author, as read in this change.
            cast: the form; it names a form before it.

        Returns:
            Whether it asks something new, newer than what our offer answers.
        """
        if self._is_overtaken(conn, thread, cast):
            return False
        # Not kept past its time: a buyer may amend for ever, and what is quoted anew is kept then.
        followed = with_reply(thread, cast.body.reply, cast.header.at)
        threads.save(conn, followed)
        if followed.other_reply != thread.other_reply:
            self._deals.follow(conn, followed)
            self._desk.note(conn, "thread.moved", [thread.cast_id])
        offer = self._desk.load(conn, thread.offer_id or b"")
        answered = self._desk.load(conn, offer.body.cast) if offer is not None else None
        if offer is None or answered is None or answered.header.at > cast.header.at:
            return False
        return not cast_machine.same_terms(answered.body, cast.body)

    def _is_overtaken(
        self, conn: sqlite3.Connection, thread: Thread, cast: Verified[Intentcast]
    ) -> bool:
        """Tell whether a later form of the same minute is here: signed times are whole minutes."""
        header = cast.header
        ids = objects.forms_at(
            conn, thread.cast_id, header.key, header.at, most=_FORMS_A_MINUTE_MAX
        )
        opened = [load_whole(self._desk, conn, each) for each in ids]
        of_minute = [cast, *(each for each in opened if each is not None)]
        newest = ordered(
            Form(id=each.id, at=each.header.at, supersedes=each.body.supersedes)
            for each in of_minute
        )[-1]
        return newest.id != cast.id

    def revision(self, conn: sqlite3.Connection, thread: Thread, offer: Offer) -> Offer | None:
        """Make a quote the next round of a thread; None when the thread takes no further one."""
        newest = self._desk.load(conn, thread.offer_id or b"")
        moved = thread_machine.step(thread.state, ThreadEvent.OFFER_REVISED)
        if newest is None or moved.refusal is not None or newest.body.round >= _ROUND_MAX:
            return None
        return msgspec.structs.replace(offer, round=newest.body.round + 1, supersedes=newest.id)
