"""What the other side remembers: asked for after a loss, given to whoever is a party of the thread.

Enters: `asked` and `told` letters, and requests to ask. Leaves: letters of the same kinds, outside
the chain of `prev`; what was told goes to `recollect`. Never: an answer to anybody but the other
party of a thread, or more than one a minute.
Source: docs/protocol/13-deal.md, "After a loss".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from node.market.copies import Copies
from node.market.deals import opened_of
from node.market.desk import Desk, read_reply
from node.market.letters import Dropped, Opened, Taken, Verdict, Waits
from node.market.recollect import Party, Recollect, between, load_whole
from node.post.letters import OutgoingLetter
from node.storage import deals, objects, threads, wanted
from node.storage.outbox import Priority
from node.storage.threads import Thread
from protocol import limits, sealing
from protocol.encoding import encode
from protocol.errors import Reason, RemoteProtocolError
from protocol.ids import ObjectId
from protocol.market.deal import DealState, Role
from protocol.now import DAY_MS
from protocol.objects.acceptance import Acceptance
from protocol.objects.envelope import Verified, open_stored
from protocol.objects.event import Asked, Here, Moved, Told
from protocol.objects.header import Kind
from protocol.objects.offer import Offer
from protocol.objects.profile import Profile
from protocol.objects.reply import Reply

if TYPE_CHECKING:
    import sqlite3

_ASK_LIFE_MS = 7 * DAY_MS
"""How long a question is tried; guess."""
_PARTIES_MAX = 64
"""Shops, or buyers, asked about one identity of ours; guess."""
_QUICK_MAX = 8
"""Answers in one thread before the pause between two doubles with each: they are kept; guess."""
_DOUBLINGS_MAX = 20
_PAUSE_MS_MAX = 7 * DAY_MS
"""The longest such pause; guess."""
_PAIR_BYTES = 16
"""What one [signed, signature] takes beside its bytes, at most."""
_MOVING = (DealState.ACCEPT_SENT, DealState.OFFERED, DealState.CONFIRMED)
"""States from which the other side may have gone on."""
ASKED = "question after a loss"
TOLD = "answer after a loss"
"""What the outbox calls them."""


class Recall:
    """Asks, answers and takes answers, for both roles."""

    def __init__(self, desk: Desk, copies: Copies) -> None:
        """Keep the tools; copies hear of what another life signed."""
        self._desk = desk
        self._recollect = Recollect(desk, copies)

    # --- asking ---------------------------------------------------------------------------------

    def ask(self, conn: sqlite3.Connection, party: Party) -> ObjectId | None:
        """Ask the other party what it has of a thread, in the caller's change.

        Returns:
            Id of the question, or None when nothing says where to send it.
        """
        thread = _thread_of(conn, party)
        reply = self._way_to(conn, thread, party.other)
        if reply is None or reply.until <= self._desk.wall_ms():
            return None
        newest = (thread.last_other_id or thread.last_own_id) if thread is not None else None
        return self._send(conn, party, Asked(of=newest or party.root), reply)

    def _way_to(
        self, conn: sqlite3.Connection, thread: Thread | None, other: bytes
    ) -> Reply | None:
        if thread is not None and thread.other_reply is not None:
            return read_reply(thread.other_reply)
        raw = objects.newest_profile(conn, other)
        profile = None if raw is None else open_stored(raw, net=self._desk.net).body
        return profile.reply if isinstance(profile, Profile) else None

    def asked_since(self, conn: sqlite3.Connection, party: Party, since_ms: int) -> ObjectId | None:
        """Give the newest question to a party asked since a moment, unless its time is over."""
        since_ms = max(since_ms, self._desk.wall_ms() - _ASK_LIFE_MS)
        asked = [
            each
            for each in between(self._desk, conn, party)
            if isinstance(each.body, Asked)
            and each.header.to == party.other
            and each.header.at >= since_ms
        ]
        return asked[-1].id if asked else None

    def is_answered(self, conn: sqlite3.Connection, party: Party, question: bytes) -> bool:
        """Tell whether the other party's answer to a question is on record.

        One it gave to another question of ours shortly before will do: it gives one a minute.
        """
        said = between(self._desk, conn, party)
        asked = objects.row_of(conn, question)
        since_ms = asked.at - limits.told_pause_ms if asked is not None else 0
        return any(
            isinstance(each.body, Told)
            and each.header.key == party.other
            and (each.body.of == question or each.header.at >= since_ms)
            for each in said
        )

    def _send(
        self,
        conn: sqlite3.Connection,
        party: Party,
        body: Asked | Told,
        reply: Reply,
        *,
        opened: Opened = None,
    ) -> ObjectId:
        """Sign and queue a letter that is no part of the thread's chain."""
        exp = self._desk.wall_ms() + _ASK_LIFE_MS
        verified = self._desk.pen.sealed(
            party.ctx, Kind.EVENT, body, to=party.other, thread=party.root, prev=None, exp=exp
        )
        self._desk.record(conn, verified)
        self._desk.post.queue(
            conn,
            OutgoingLetter(
                ctx=party.ctx,
                envelope_id=verified.id,
                envelope=verified.raw,
                opened=opened,
                to_key=party.other,
                reply=reply,
                priority=Priority.CONFIRMED,
                expires_at=min(exp, reply.until),
                thread=party.root,
                kind=ASKED if isinstance(body, Asked) else TOLD,
            ),
        )
        return verified.id

    # --- answering, and taking answers ----------------------------------------------------------

    def take(
        self,
        conn: sqlite3.Connection,
        role: Role,
        ctx: bytes,
        verified: Verified[Any],
        opened: Opened,
    ) -> Verdict:
        """Take a question or an answer of another party, inside a change."""
        root, other = verified.header.thread or b"", verified.header.key
        party = Party(role=role, ctx=ctx, root=root, other=other)
        if isinstance(verified.body, Asked):
            return self._take_asked(conn, party, verified)
        return self._take_told(conn, party, verified, opened)

    def _take_asked(
        self, conn: sqlite3.Connection, party: Party, verified: Verified[Asked]
    ) -> Verdict:
        thread = _thread_of(conn, party)
        if thread is None or thread.other_reply is None:
            return Dropped(reason=Reason.UNKNOWN_PARENT)
        said = between(self._desk, conn, party)
        if self._told_lately(said, party):
            # Not recorded: a flood of questions fills nothing. This one has its turn in a minute.
            return Waits()
        self._desk.record(conn, verified)
        body = Told(of=verified.id, objects=_newest(said, self._named(conn, said)))
        reply, values = read_reply(thread.other_reply), self._values(conn, party)
        self._send(conn, party, body, reply, opened=values)
        self._desk.note(conn, "thread.told", [party.root])
        return Taken()

    def _named(
        self, conn: sqlite3.Connection, said: Sequence[Verified[Any]]
    ) -> list[Verified[Any]]:
        """Open the requests and profiles that offers name: an agreement holds them too."""
        ids = [
            each
            for verified in said
            if isinstance(verified.body, Offer)
            for each in (verified.body.cast, verified.body.profile)
        ]
        found = [load_whole(self._desk, conn, each) for each in dict.fromkeys(ids)]
        return [each for each in found if each is not None]

    def _told_lately(self, said: Sequence[Verified[Any]], party: Party) -> bool:
        told = [
            each.header.at
            for each in said
            if isinstance(each.body, Told) and each.header.to == party.other
        ]
        # What was answered is never let go: whoever asks for ever may not fill the disk with it.
        doublings = min(max(len(told) - _QUICK_MAX, 0), _DOUBLINGS_MAX)
        pause_ms = min(limits.told_pause_ms << doublings, _PAUSE_MS_MAX)
        return bool(told) and self._desk.wall_ms() - max(told) < pause_ms

    def _values(self, conn: sqlite3.Connection, party: Party) -> Opened:
        """Give the values disclosed in the thread's one agreed deal: both knew them already."""
        agreed = [
            row
            for row in deals.of_cast(conn, party.root)
            if (row.role, row.other_key) == (party.role, party.other)
            # Of a deal that ended otherwise, the other side may never have got them.
            and row.state is DealState.AGREED
            and row.opened
        ]
        return opened_of(agreed[0]) if len(agreed) == 1 else None

    def _take_told(
        self, conn: sqlite3.Connection, party: Party, verified: Verified[Told], opened: Opened
    ) -> Verdict:
        if not self._is_asked(conn, party, verified.body.of):
            return Dropped(reason=Reason.MISMATCH)
        if self._is_told(conn, party, verified):
            # One answer to one question: whoever was asked once may not go on telling.
            return Dropped(reason=Reason.DUPLICATE)
        pairs = verified.body.objects
        said = [each for pair in pairs if (each := self._open(party, *pair)) is not None]
        self._mend_public(conn, party, pairs)
        waits = self._recollect.restore(conn, party, said, opened)
        if waits is not None:
            return waits
        self._desk.record(conn, verified)
        self._desk.note(conn, "thread.recalled", [party.root, verified.id])
        return Taken()

    def _mend_public(
        self, conn: sqlite3.Connection, party: Party, pairs: Sequence[tuple[bytes, bytes]]
    ) -> None:
        """Take back a request or profile that was here, is damaged, and is past its time.

        Told without its work it could not be carried; while it lives, other nodes have it whole.
        """
        keys = {bytes(self._desk.pen.key(party.ctx)), party.other}
        now_ms = self._desk.wall_ms()
        for pair in pairs:
            verified = self._read(*pair)
            if verified is None or verified.header.to is not None:
                continue
            is_due = wanted.is_wanted(conn, verified.id) and verified.header.key in keys
            if is_due and verified.header.exp + limits.expiry_tolerance_ms < now_ms:
                self._desk.record(conn, verified)

    def _read(self, signed: bytes, signature: bytes) -> Verified[Any] | None:
        try:
            return open_stored(encode([signed, signature, None]), net=self._desk.net)
        except RemoteProtocolError:
            return None

    def _is_asked(self, conn: sqlite3.Connection, party: Party, object_id: bytes) -> bool:
        """Tell whether an object is a question of ours to this party about this very thread."""
        asked = load_whole(self._desk, conn, object_id)
        if asked is None or not isinstance(asked.body, Asked):
            return False
        own, header = bytes(self._desk.pen.key(party.ctx)), asked.header
        return (header.key, header.to, header.thread) == (own, party.other, party.root)

    def _is_told(self, conn: sqlite3.Connection, party: Party, told: Verified[Told]) -> bool:
        said = between(self._desk, conn, party)
        return any(
            isinstance(each.body, Told)
            and each.body.of == told.body.of
            and each.header.key == party.other
            for each in said
        )

    def _open(self, party: Party, signed: bytes, signature: bytes) -> Verified[Any] | None:
        """Open one object that was told, and hold it against the two parties."""
        own = bytes(self._desk.pen.key(party.ctx))
        verified = self._read(signed, signature)
        if verified is None:
            return None
        header = verified.header
        is_between = {header.key, header.to} == {own, party.other}
        if header.thread != party.root or not is_between:
            return None
        if isinstance(verified.body, Asked | Told | Here):
            return None
        return verified if _may_have_come(verified, self._desk.wall_ms()) else None

    # --- who is asked ---------------------------------------------------------------------------

    def vendors(self, conn: sqlite3.Connection, ctx: bytes, root: bytes) -> list[Party]:
        """List the vendors that have a thread about a request here, the oldest first."""
        known = [thread.other_key for thread in threads.of_cast(conn, root, Role.BUYER)]
        return [Party(role=Role.BUYER, ctx=ctx, root=root, other=key) for key in known]

    def shops(self, conn: sqlite3.Connection, ctx: bytes, root: bytes) -> list[Party]:
        """List shops that serve a request's category and may have answered it, unknown to us now.

        One that never did lets the question drop.
        """
        cast = self._desk.load(conn, root)
        if cast is None:
            return []
        known = {thread.other_key for thread in threads.of_cast(conn, root, Role.BUYER)}
        found: dict[bytes, None] = {}
        for entry in objects.live_index(conn, self._desk.wall_ms()):
            profile = self._desk.load(conn, entry.id) if entry.kind is Kind.PROFILE else None
            if profile is not None and _serves(profile.body, cast.body.category):
                found[profile.header.key] = None
        others = [key for key in found if key not in known][:_PARTIES_MAX]
        return [Party(role=Role.BUYER, ctx=ctx, root=root, other=key) for key in others]

    def moving(self, conn: sqlite3.Connection, role: Role) -> list[Party]:
        """List the other parties of deals that may have moved on, the newest first."""
        rows = [row for row in deals.in_states(conn, _MOVING) if row.role is role]
        parties = [
            Party(role=role, ctx=row.own_ctx, root=row.cast_id, other=row.other_key)
            for row in reversed(rows)
        ]
        return list(dict.fromkeys(parties))[:_PARTIES_MAX]


def _thread_of(conn: sqlite3.Connection, party: Party) -> Thread | None:
    return threads.thread_of(conn, party.root, party.role, party.ctx, party.other)


def _may_have_come(verified: Verified[Any], now_ms: int) -> bool:
    """Hold an object against what is asked of every letter: its date, and a box one can seal to."""
    if verified.header.at > now_ms + limits.skew_ms_max:
        return False
    body = verified.body
    if isinstance(body, Offer | Acceptance | Moved):
        try:
            sealing.check_box_key(body.reply.box)
        except RemoteProtocolError:
            # An answer to it would fail, and with it every change that writes one.
            return False
    return True


def _serves(profile: Profile, category: str) -> bool:
    """Tell whether a shop's categories cover one; a shop that names none serves any."""
    wanted = category + "/"
    return not profile.categories or any(
        wanted.startswith(prefix + "/") for prefix in profile.categories
    )


def _newest(
    said: Sequence[Verified[Any]], named: Sequence[Verified[Any]] = ()
) -> list[tuple[bytes, bytes]]:
    """Choose what fits one answer, the newest first, and give it the oldest first.

    Args:
        said: what the two said to each other.
        named: the public objects they spoke of; they come where room is left.
    """
    pairs: list[tuple[bytes, bytes]] = []
    room = limits.told_bytes_max
    # Of two signed in one millisecond the one stored later is the newer.
    newest_first = sorted(said, key=lambda one: one.header.at)[::-1]
    for each in (*newest_first, *named):
        if isinstance(each.body, Asked | Told | Here):
            continue
        room -= len(each.signed) + len(each.signature) + _PAIR_BYTES
        if room < 0 or len(pairs) == limits.told_objects_max:
            break
        pairs.append((each.signed, each.signature))
    return pairs[::-1]
