"""Leaving receipts at the mailboxes of our boxes.

Enters: a letter's hash and the sealed receipt, after what it is for was committed; or no receipt,
to let a letter go. Leaves: nothing. Never here: deciding what deserves a receipt.

Nothing is kept on disk: a receipt that was lost is made again when its letter is read again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Final

from node.crashpoint import crashpoint
from node.entropy import Entropy
from node.errors import TransportError
from node.post.carrier import ASK_MS, Carrier, Spawner
from node.post.retry import Backoff
from node.storage.boxes_own import OwnBox
from protocol.channel.messages import Refused
from protocol.channel.post import Receipt
from protocol.errors import Reason
from protocol.ids import LetterHash, NodeId

_LOG = logging.getLogger(__name__)
_TRIES: Final = 8
"""A reader proves itself anew on each link, which on a busy machine takes a while; what is not left
by then waits until the letter is read again, half an hour at most."""
_LEAVING_MAX: Final = 1_024
"""Receipts on their way to one mailbox: what one does to us costs the others nothing; guess."""
_MS: Final = 1_000
_NOT_NOW: Final = (Reason.NOT_PARTY, Reason.OVER_BUDGET, Reason.QUOTA)
"""Not yet proved on this link: whoever reads the box there does so in a moment. Or the mailbox has
too many questions to answer, or cannot record: a while later it may."""


class Receipts:
    """Receipts on their way to mailboxes."""

    def __init__(
        self,
        *,
        carrier: Carrier,
        entropy: Entropy,
        tasks: Spawner,
        jitter_ms: int,
        backoff: Backoff,
    ) -> None:
        """Start with none.

        Args:
            carrier: the way to the mailboxes.
            entropy: draws the waits.
            tasks: owns the tasks that carry.
            jitter_ms: longest wait before a receipt leaves, so that its time tells less.
            backoff: waits between tries.
        """
        self._carrier = carrier
        self._entropy = entropy
        self._tasks = tasks
        self._jitter_ms = jitter_ms
        self._backoff = backoff
        self._leaving: dict[bytes, set[tuple[bytes, bytes]]] = {}

    def leave(
        self,
        box: OwnBox,
        letter: LetterHash,
        receipt: bytes,
        mailboxes: Iterable[bytes],
    ) -> None:
        """Carry a receipt to each mailbox, in the background.

        Args:
            box: where the letter lies.
            letter: which letter.
            receipt: sealed to its author; empty to let the letter go.
            mailboxes: where the box is kept.
        """
        for mailbox in mailboxes:
            under_way = self._leaving.setdefault(mailbox, set())
            if (box.reader, letter) in under_way or len(under_way) >= _LEAVING_MAX:
                continue
            under_way.add((box.reader, letter))
            self._tasks.spawn(
                self._leave(box, letter, receipt, NodeId(mailbox)),
                f"receipt for {letter.hex()[:8]} to {mailbox.hex()[:8]}",
            )

    async def _leave(
        self, box: OwnBox, letter: LetterHash, receipt: bytes, mailbox: NodeId
    ) -> None:
        try:
            if receipt and self._jitter_ms:
                await asyncio.sleep(self._entropy.jitter(0, self._jitter_ms) / _MS)
            message = Receipt(reader=box.reader, letter_hash=letter, receipt=receipt)
            for tries in range(1, _TRIES + 1):
                if await self._try(box, mailbox, message):
                    return
                await asyncio.sleep(self._backoff.wait_ms(tries, self._entropy) / _MS)
            _LOG.info("mailbox %s takes no receipt now", mailbox.hex()[:8])
        finally:
            under_way = self._leaving[mailbox]
            under_way.discard((box.reader, letter))
            if not under_way:
                del self._leaving[mailbox]

    async def _try(self, box: OwnBox, mailbox: NodeId, message: Receipt) -> bool:
        """Ask once; True when there is no point in asking again."""
        try:
            link = await self._carrier.link(mailbox, box.ctx)
            crashpoint("post.before_receipt")
            answer = await link.request(message, ASK_MS)
        except TransportError:
            return False
        crashpoint("post.after_receipt")
        return not (isinstance(answer, Refused) and answer.reason in _NOT_NOW)
