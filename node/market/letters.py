"""The market's letter slot: opens what came, holds it against our keys, and hands it to a role.

Enters: letters from our own boxes. Leaves: one outcome each, after its transaction committed:
recorded (a receipt may go), known, parked (a parent or profile is missing: no receipt, so the
sender keeps it), or discarded with a reason. Never: a receipt before the commit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from node.crashpoint import crashpoint
from node.keystore import PROFILE_CONTEXT
from node.market.desk import Desk, read_reply
from node.post.letters import Discard, Known, Letter, LetterOutcome, Parked, Recorded
from node.storage import objects, threads
from protocol import limits, sealing, signing
from protocol.errors import ObjectError, Reason, RemoteProtocolError
from protocol.market.deal import Role
from protocol.objects.acceptance import Acceptance
from protocol.objects.envelope import Verified, open_envelope, read_candidate
from protocol.objects.event import Moved
from protocol.objects.header import Kind
from protocol.objects.offer import Offer
from protocol.objects.reply import Reply

if TYPE_CHECKING:
    import sqlite3

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

    def __init__(self, desk: Desk, buyer: RoleRoom, vendor: RoleRoom) -> None:
        """Keep the tools and the rooms."""
        self._desk = desk
        self._rooms = {Role.BUYER: buyer, Role.VENDOR: vendor}

    async def on_letter(self, box: OwnBox, letter: Letter) -> LetterOutcome:
        """Take one letter to its end.

        Returns:
            The outcome, after whatever it states was committed.
        """
        try:
            verified = self._open(box.ctx, letter.envelope)
        except RemoteProtocolError as error:
            return Discard(reason=error.reason.value)
        role = Role.VENDOR if box.ctx == PROFILE_CONTEXT else Role.BUYER

        def txn(conn: sqlite3.Connection) -> tuple[Verdict, bytes | None, bool]:
            return self._take(conn, role, box.ctx, verified, letter.opened)

        verdict, author_box, known = await self._desk.storage.write(txn)
        crashpoint("letter.after_commit")
        match verdict:
            case Waits():
                if verdict.want is not None:
                    self._desk.network.want(verdict.want)
                return Parked()
            case Dropped():
                return Discard(reason=verdict.reason.value)
            case Taken():
                self._desk.committed()
                seed = self._desk.keyring.sign_seed(box.ctx)
                kind = Known if known else Recorded
                return kind(signer_seed=seed, author_box=author_box or b"", envelope_id=verified.id)

    def _open(self, ctx: bytes, envelope: bytes) -> Verified[Any]:
        candidate = read_candidate(envelope, peer=None, bytes_max=limits.sealed_bytes_max)
        verified = open_envelope(candidate, net=self._desk.net)
        header = verified.header
        now = self._desk.wall_ms()
        if header.to != self._desk.pen.key(ctx) or header.thread is None:
            raise ObjectError(Reason.NOT_PARTY, "is for somebody else", field="to")
        if header.at > now + limits.skew_ms_max:
            raise ObjectError(Reason.NOT_YET, field="at")
        if header.exp + limits.expiry_tolerance_ms < now:
            raise ObjectError(Reason.EXPIRED, field="exp")
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
        verdict = unfit or self._rooms[role].take(conn, ctx, verified, opened)
        if not isinstance(verdict, Taken):
            return verdict, None, False
        return verdict, self._author_box(conn, role, ctx, verified), False

    def _unfit(
        self, conn: sqlite3.Connection, role: Role, ctx: bytes, verified: Verified[Any]
    ) -> Waits | Dropped | None:
        """Say why no room need look at an object now; None when one should."""
        if objects.has_twin(conn, verified):
            # A second signature under a text that is on record would be stored nowhere.
            return Dropped(reason=Reason.DUPLICATE)
        if not self._is_spoken_to(conn, role, ctx, verified):
            if role is Role.VENDOR:
                # A stranger takes no place among the letters that wait.
                return Dropped(reason=Reason.UNKNOWN_PARENT)
            if len(verified.raw) > limits.first_letter_bytes_max:
                # Letters that wait are opened again and again: those of strangers are short.
                return Dropped(reason=Reason.TOO_LARGE)
        return Waits() if _parent_missing(conn, verified) else None

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


def _parent_missing(conn: sqlite3.Connection, verified: Verified[Any]) -> bool:
    parent = verified.header.prev
    return parent is not None and objects.row_of(conn, parent) is None


def _reply_of(verified: Verified[Any]) -> Reply | None:
    body = verified.body
    return body.reply if isinstance(body, Offer | Acceptance | Moved) else None
