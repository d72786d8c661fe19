"""What every market room needs at hand, and the small acts all of them share.

Holds no state of its own. The acts run inside a storage transaction that somebody else opened:
`record` keeps an object of ours, `send` signs, keeps and queues a letter, `note` writes the audit.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from node.market.pen import Pen
from node.post.letters import OutgoingLetter
from node.post.office import Post
from node.storage import audit, boxes_own, objects, outbox, threads
from node.storage.boxes_own import OwnBox
from node.storage.outbox import OutgoingState, Priority
from node.storage.threads import Thread
from protocol import limits
from protocol.encoding import decode, encode
from protocol.objects.acceptance import Acceptance
from protocol.objects.envelope import Verified, open_stored
from protocol.objects.event import Moved
from protocol.objects.header import Kind
from protocol.objects.offer import Offer
from protocol.objects.reply import Reply
from protocol.objects.text import Body

if TYPE_CHECKING:
    import sqlite3

    from node.clock import Clock
    from node.entropy import Entropy
    from node.keystore import Keyring
    from node.runtime.tasks import Tasks
    from node.storage.database import Storage
    from protocol.ids import NodeId

_LOG = logging.getLogger(__name__)
_REPLY_BYTES_MAX = 1_024
_CHAIN_MAX = 64
"""Objects looked back at for one the other side has; guess."""


class MarketNetwork(Protocol):
    """What the market asks of the network."""

    @property
    def node_id(self) -> NodeId:
        """This node's channel key."""
        ...

    def publish(self, verified: Verified[Any], raw: bytes) -> None:
        """Give an object of ours, already committed, to all links."""
        ...

    def want(self, object_id: bytes) -> None:
        """Ask peers for an object by id."""
        ...

    def mailboxes(self) -> Sequence[Any]:
        """List live node records with role mailbox."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How a letter travels."""

    priority: Priority
    """Order among those due."""
    expires_at: int
    """Unix ms when it is given up."""


async def _at_once() -> None:
    """Nothing is to be read first."""


@dataclass(slots=True, kw_only=True)
class Desk:
    """The tools of the market rooms."""

    pen: Pen
    keyring: Keyring
    clock: Clock
    entropy: Entropy
    storage: Storage
    network: MarketNetwork
    post: Post
    tasks: Tasks
    changed: Callable[[], None] = field(default=lambda: None)
    """Called after a commit that somebody may be watching for."""
    arrived: Callable[[], Awaitable[None]] = field(default=_at_once)
    """Waited for before a promise: after a start our own boxes are read first."""

    @property
    def net(self) -> str:
        """The network id."""
        return self.pen.net

    def wall_ms(self) -> int:
        """The present, Unix ms."""
        return self.clock.now().wall_ms

    def record(self, conn: sqlite3.Connection, verified: Verified[Any]) -> None:
        """Keep an object of one of our threads."""
        objects.insert(conn, verified, own=True, now_ms=self.wall_ms())

    def load(self, conn: sqlite3.Connection, object_id: bytes) -> Verified[Any] | None:
        """Open a kept object."""
        raw = objects.raw_of(conn, object_id)
        return None if raw is None else open_stored(raw, net=self.net)

    def note(
        self, conn: sqlite3.Connection, what: str, ids: Sequence[bytes] = (), **detail: Any
    ) -> None:
        """Write one line of the audit, in the transaction of what it tells."""
        audit.append(conn, at=self.wall_ms(), what=what, ids=list(ids), detail=detail)

    def way(self, priority: Priority, life_ms: int) -> Way:
        """Say how urgently, and until when from now, a letter is tried."""
        return Way(priority=priority, expires_at=self.wall_ms() + life_ms)

    def send(
        self,
        conn: sqlite3.Connection,
        thread: Thread,
        kind: Kind,
        body: Body,
        way: Way,
        *,
        opened: dict[str, tuple[bytes, str]] | None = None,
        at: int | None = None,
        exp: int | None = None,
    ) -> Verified[Any]:
        """Sign an object of this thread, keep it, and queue its letter; one transaction."""
        verified = self.pen.sealed(
            thread.own_ctx,
            kind,
            body,
            to=thread.other_key,
            thread=thread.cast_id,
            prev=self._predecessor(conn, thread.last_own_id),
            at=at,
            exp=exp,
        )
        self.record(conn, verified)
        named = body.reply if isinstance(body, Offer | Acceptance | Moved) else None
        moved = replace(
            thread,
            last_own_id=verified.id,
            own_at=thread.own_at if named is None else tuple(named.at),
            updated_ms=self.wall_ms(),
        )
        threads.save(conn, moved)
        reply = read_reply(thread.other_reply)
        self.post.queue(
            conn,
            OutgoingLetter(
                ctx=thread.own_ctx,
                envelope_id=verified.id,
                envelope=verified.raw,
                opened=opened,
                to_key=thread.other_key,
                reply=reply,
                priority=way.priority,
                expires_at=min(way.expires_at, verified.header.exp, reply.until),
                thread=thread.cast_id,
                kind=verified.header.kind.value,
            ),
        )
        return verified

    def _predecessor(self, conn: sqlite3.Connection, last: bytes | None) -> bytes | None:
        """Give the newest object of ours that the other side has, or may still get.

        One whose letter ended without a receipt would keep all that follow it waiting.
        """
        for _ in range(_CHAIN_MAX):
            row = outbox.by_envelope(conn, last) if last is not None else None
            if row is None or row.state not in (OutgoingState.EXPIRED, OutgoingState.REFUSED):
                break
            gone = self.load(conn, row.envelope_id)
            last = gone.header.prev if gone is not None else None
        return last

    def committed(self) -> None:
        """Say that a transaction with outbox rows has committed."""
        self.post.nudge()
        self.changed()


def newest_box(conn: sqlite3.Connection, ctx: bytes) -> OwnBox | None:
    """Find the box a context uses now."""
    found = boxes_own.of_context(conn, ctx)
    return found[-1] if found else None


def reply_of(box: OwnBox) -> Reply:
    """Give the way back through a box of ours, as it is now."""
    return Reply(box=box.box, reader=box.reader, at=list(box.mailboxes), until=box.until)


def write_reply(reply: Reply) -> bytes:
    """Give the bytes a thread keeps of the newest way back."""
    return encode(msgspec.to_builtins(reply, builtin_types=(bytes,)))


def with_reply(thread: Thread, reply: Reply | None, at: int) -> Thread:
    """Follow the other side's way back, unless it signed a newer one.

    Args:
        thread: the thread as kept.
        reply: what it signed, or None.
        at: when, Unix ms.
    """
    if reply is None or at < thread.other_reply_at:
        return thread
    return replace(thread, other_reply=write_reply(reply), other_reply_at=at)


def read_reply(raw: bytes | None) -> Reply:
    """Read them back."""
    tree = decode(raw or b"", bytes_max=_REPLY_BYTES_MAX)
    return msgspec.convert(tree, Reply, strict=True)


EVENT_LIFE_MS = 30 * 86_400_000
"""How long an event is tried before its letter is given up; guess."""
CONFIRM_LIFE_MS = 8 * 86_400_000
"""A day beyond the vendor's own patience for `agreed`."""
ACCEPT_LIFE_MS = limits.confirm_within_ms_max
"""How long past `confirm_by` an acceptance is still delivered, so that the vendor hears of it."""
