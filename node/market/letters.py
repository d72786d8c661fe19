"""The market's letter slot: opens what came, holds it against our keys, and hands it to a role.

Enters: letters from our own boxes. Leaves: one outcome each, after its transaction committed:
recorded (a receipt may go), known, parked (a parent or profile is missing: no receipt, so the
sender keeps it), or discarded with a reason. Never: a receipt before the commit.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from node.crashpoint import crashpoint
from node.errors import StorageError
from node.keystore import is_profile
from node.market.desk import Desk, read_reply
from node.meters import Fate, Meters
from node.post.letters import Discard, Known, Letter, LetterOutcome, Parked, Recorded
from node.storage import casts, dropped, objects, successions, threads
from protocol import limits, sealing, signing
from protocol.errors import ObjectError, Reason, RemoteProtocolError
from protocol.ids import CastId
from protocol.market.deal import Role
from protocol.objects.acceptance import Acceptance
from protocol.objects.envelope import Verified, open_envelope, read_candidate
from protocol.objects.event import Asked, Moved, Told
from protocol.objects.header import Kind
from protocol.objects.offer import Offer
from protocol.objects.reply import Reply

if TYPE_CHECKING:
    import sqlite3

    from node.market.copies import Copies
    from node.market.recall import Recall
    from node.storage.boxes_own import OwnBox

Opened: TypeAlias = dict[str, tuple[bytes, str]] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The object is recorded; a receipt is due."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """Something it needs is not here yet."""

    want: bytes | None = None
    """Id of a public object to ask peers for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """It will never be of use."""

    reason: Reason
    """Why."""


Verdict: TypeAlias = Taken | Waits | Dropped


class RoleRoom(Protocol):
    """What buyer and vendor rooms have in common."""

    def take(
        self, conn: sqlite3.Connection, ctx: bytes, verified: Verified[Any], opened: Opened
    ) -> Verdict:
        """Record a verified object of one of this role's threads, inside a transaction."""
        ...


class Letters:
    """Opens letters for both roles."""

    def __init__(
        self,
        desk: Desk,
        buyer: RoleRoom,
        vendor: RoleRoom,
        *,
        copies: Copies | None = None,
        recall: Recall | None = None,
        meters: Meters | None = None,
    ) -> None:
        """Keep the tools and the rooms.

        Args:
            desk: the tools.
            buyer: takes what vendors say.
            vendor: takes what buyers say.
            copies: takes notes of other copies of this home; when None, they are dropped.
            recall: asks and tells after a loss; when None, the role's room keeps such events.
            meters: counts what became of letters.
        """
        self._desk = desk
        self._rooms = {Role.BUYER: buyer, Role.VENDOR: vendor}
        self._copies = copies
        self._recall = recall
        self._meters = meters or Meters()

    async def on_letter(self, box: OwnBox, letter: Letter) -> LetterOutcome:
        """Take one letter to its end.

        Returns:
            The outcome, after whatever it states was committed.
        """
        try:
            verified = self._open(box.ctx, letter.envelope)
        except RemoteProtocolError as error:
            return Discard(reason=error.reason.value)
        if not self._desk.pen.timekeeper.holds:
            # By a clock that is off, what is in time looks late: it waits until that is mended.
            return Parked()
        if verified.header.key == verified.header.to:
            return await self._from_ourselves(box, verified)
        if self._desk.pen.halt is not None:
            # Another copy of this home may be the newer: what is said to us is for it to take.
            return Parked()
        return await self._from_others(box, verified, letter.opened)

    async def _from_ourselves(self, box: OwnBox, verified: Verified[Any]) -> LetterOutcome:
        if self._copies is None:
            return Discard(reason=Reason.NOT_PARTY.value)
        return await self._copies.take(box, verified)

    async def _from_others(
        self, box: OwnBox, verified: Verified[Any], opened: Opened
    ) -> LetterOutcome:
        role = Role.VENDOR if is_profile(box.ctx) else Role.BUYER

        def txn(conn: sqlite3.Connection) -> tuple[Verdict, bytes | None, bool]:
            return self._take(conn, role, box.ctx, verified, opened)

        verdict, author_box, known = await self._desk.storage.write(txn)
        crashpoint("letter.after_commit")
        await self._count(verified, verdict, known=known)
        match verdict:
            case Waits():
                if verdict.want is not None:
                    self._desk.network.want(verdict.want)
                return Parked()
            case Dropped():
                return Discard(reason=verdict.reason.value)
            case Taken():
                if self._copies is not None and isinstance(verified.body, Told):
                    await self._copies.look()
                self._desk.committed()
                seed = self._desk.keyring.sign_seed(box.ctx)
                kind = Known if known else Recorded
                return kind(signer_seed=seed, author_box=author_box or b"", envelope_id=verified.id)

    async def _count(self, verified: Verified[Any], verdict: Verdict, *, known: bool) -> None:
        kind = verified.header.kind
        match verdict:
            case Waits():
                self._meters.letter(kind, Fate.WAITING)
            case Dropped(reason=reason):
                self._meters.letter(kind, Fate.REFUSED, reason)
            case Taken():
                self._meters.letter(kind, Fate.KNOWN if known else Fate.RECORDED)
                if kind is Kind.OFFER and not known:
                    await self._time_offer(verified)

    async def _time_offer(self, verified: Verified[Any]) -> None:
        root = CastId(verified.header.thread or b"")
        # It is on record; that its time is not known keeps no receipt back.
        with contextlib.suppress(StorageError):
            cast = await self._desk.storage.read(lambda db: casts.load_by_root(db, root))
            if cast is None:
                return
            self._meters.offer_latency.add((self._desk.wall_ms() - cast.created_ms) / 1_000)

    def _open(self, ctx: bytes, envelope: bytes) -> Verified[Any]:
        candidate = read_candidate(envelope, peer=None, bytes_max=limits.sealed_bytes_max)
        verified = open_envelope(candidate, net=self._desk.net)
        header = verified.header
        now = self._desk.wall_ms()
        if header.to != self._desk.pen.key(ctx) or header.thread is None:
            raise ObjectError(Reason.NOT_PARTY, "is for somebody else", field="to")
        if header.at > now + limits.skew_ms_max:
            raise ObjectError(Reason.NOT_YET, field="at")
        signing.check_key(header.key)
        reply = _reply_of(verified)
        if reply is not None:
            # Answers are sealed to it inside our own changes: one that fails would fail them all.
            sealing.check_box_key(reply.box)
        if header.kind is Kind.OFFER and len(envelope) > limits.first_letter_bytes_max:
            # A stranger may not fill a buyer's box with long letters.
            raise ObjectError(Reason.TOO_LARGE, f"at most {limits.first_letter_bytes_max} bytes")
        return verified

    def _take(
        self,
        conn: sqlite3.Connection,
        role: Role,
        ctx: bytes,
        verified: Verified[Any],
        opened: Opened,
    ) -> tuple[Verdict, bytes | None, bool]:
        known = objects.row_of(conn, verified.id) is not None
        if known:
            return Taken(), self._author_box(conn, role, ctx, verified), True
        unfit = self._unfit(conn, role, ctx, verified)
        verdict = unfit or self._room_takes(conn, role, ctx, verified, opened)
        if isinstance(verdict, Dropped):
            self._remember(conn, role, ctx, verified, verdict.reason)
        if not isinstance(verdict, Taken):
            return verdict, None, False
        crashpoint("letter.before_commit")
        return verdict, self._author_box(conn, role, ctx, verified), False

    def _room_takes(
        self,
        conn: sqlite3.Connection,
        role: Role,
        ctx: bytes,
        verified: Verified[Any],
        opened: Opened,
    ) -> Verdict:
        if self._recall is not None and isinstance(verified.body, Asked | Told):
            return self._recall.take(conn, role, ctx, verified, opened)
        return self._rooms[role].take(conn, ctx, verified, opened)

    def _remember(
        self,
        conn: sqlite3.Connection,
        role: Role,
        ctx: bytes,
        verified: Verified[Any],
        reason: Reason,
    ) -> None:
        """Keep the name of what is refused, so that what its author writes next does not wait."""
        root, key = verified.header.thread or b"", verified.header.key
        thread = threads.thread_of(conn, root, role, ctx, key)
        if thread is None and role is Role.VENDOR:
            # A vendor begins every thread: a stranger's letters lead nowhere.
            return
        refused = dropped.Dropped(
            ctx=ctx,
            other_key=key,
            thread=root,
            object_id=verified.id,
            stands_for=thread.offer_id if thread is not None else None,
            reason=reason.value,
            at=self._desk.wall_ms(),
        )
        dropped.remember(conn, refused, is_stranger=thread is None)

    def _unfit(
        self, conn: sqlite3.Connection, role: Role, ctx: bytes, verified: Verified[Any]
    ) -> Waits | Dropped | None:
        """Say why no room need look at an object now; None when one should."""
        if (over := self._over(conn, verified)) is not None:
            return Dropped(reason=over)
        if isinstance(verified.body, Asked | Told):
            # Outside the chain: whoever asks has lost it. The room knows whom it may answer.
            return None
        if not self._is_spoken_to(conn, role, ctx, verified):
            if role is Role.VENDOR:
                # A stranger takes no place among the letters that wait.
                return Dropped(reason=Reason.UNKNOWN_PARENT)
            if len(verified.raw) > limits.first_letter_bytes_max:
                # Letters that wait are opened again and again: those of strangers are short.
                return Dropped(reason=Reason.TOO_LARGE)
        return Waits() if _parent_missing(conn, ctx, verified) else None

    def _over(self, conn: sqlite3.Connection, verified: Verified[Any]) -> Reason | None:
        if verified.header.exp + limits.expiry_tolerance_ms < self._desk.wall_ms():
            return Reason.EXPIRED
        if successions.is_revoked(conn, verified.header.key):
            # What was recorded before a key's end stays; nothing of it counts that comes now.
            return Reason.REVOKED
        if objects.has_twin(conn, verified):
            # A second signature under a text that is on record would be stored nowhere.
            return Reason.DUPLICATE
        return Reason.QUOTA if self._has_said_enough(conn, verified) else None

    def _has_said_enough(self, conn: sqlite3.Connection, verified: Verified[Any]) -> bool:
        """Tell whether its party has filled its room: events we only keep could fill a disk."""
        root, key = verified.header.thread or b"", verified.header.key
        most = limits.thread_objects_max
        return objects.count_by_party(conn, root, key, most=most) >= most

    def _is_spoken_to(
        self, conn: sqlite3.Connection, role: Role, ctx: bytes, verified: Verified[Any]
    ) -> bool:
        """Tell whether there is a thread with this party: a vendor begins it with an offer."""
        root, key = verified.header.thread or b"", verified.header.key
        return threads.thread_of(conn, root, role, ctx, key) is not None

    def _author_box(
        self, conn: sqlite3.Connection, role: Role, ctx: bytes, verified: Verified[Any]
    ) -> bytes | None:
        root = verified.header.thread or b""
        thread = threads.thread_of(conn, root, role, ctx, verified.header.key)
        if thread is not None and thread.other_reply is not None:
            return read_reply(thread.other_reply).box
        own = _reply_of(verified)
        return None if own is None else own.box


def _parent_missing(conn: sqlite3.Connection, ctx: bytes, verified: Verified[Any]) -> bool:
    parent = verified.header.prev
    if parent is None or objects.row_of(conn, parent) is not None:
        return False
    return dropped.dropped_of(conn, ctx, verified.header.key, parent) is None


def _reply_of(verified: Verified[Any]) -> Reply | None:
    body = verified.body
    return body.reply if isinstance(body, Offer | Acceptance | Moved) else None
