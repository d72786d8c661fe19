"""Opening a box of ours at a mailbox, and opening it again for longer.

Enters: our context, a mailbox, a time. Leaves: until when the mailbox keeps the box, or its reason
for not doing so. Never here: which mailboxes to choose.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from node.post.carrier import ASK_MS, Carrier, Keys
from node.post.labour import labour
from node.storage import boxes_own
from node.storage.database import Storage
from protocol import signing, work
from protocol.channel.messages import Refused
from protocol.channel.post import BoxOpen, BoxOpened
from protocol.errors import Reason
from protocol.ids import NodeId
from protocol.post.mailbox import BoxRecord, sign_box_record


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The mailbox keeps the box."""

    until: int
    """Unix ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotOpened:
    """It does not."""

    reason: Reason
    """Its word for why."""


OpenResult: TypeAlias = Opened | NotOpened


class Opener:
    """Signs, works and asks."""

    def __init__(self, *, net: str, carrier: Carrier, keys: Keys, storage: Storage) -> None:
        """Keep what every opening needs."""
        self._storage = storage
        self._net = net
        self._carrier = carrier
        self._keys = keys

    def reader_key(self, ctx: bytes) -> bytes:
        """Give the public key that names a context's box."""
        return signing.public_key(self._keys.reader_seed(ctx))

    async def open(self, ctx: bytes, mailbox: NodeId, until: int) -> OpenResult:
        """Open a context's box at one mailbox, or extend it.

        Raises:
            TransportError: the mailbox cannot be reached or does not answer.
        """
        seed = self._keys.reader_seed(ctx)
        record = BoxRecord(
            net=self._net, mailbox=mailbox, reader=signing.public_key(seed), until=until
        )
        # Reached first: no work is wasted on a mailbox that is not there.
        link = await self._carrier.link(mailbox, ctx)
        nonce = await labour(record.work_digest(), work.box_open_bits(self._net))
        raw = sign_box_record(record, seed)
        match await link.request(BoxOpen(open=raw, work=nonce), ASK_MS):
            case BoxOpened(until=granted) if granted >= until:
                await self._storage.write(
                    lambda conn: boxes_own.mark_opened(conn, record.reader, mailbox), promise=False
                )
                return Opened(until=granted)
            case Refused(reason=reason):
                return NotOpened(reason=reason)
            case _:
                return NotOpened(reason=Reason.UNEXPECTED)
