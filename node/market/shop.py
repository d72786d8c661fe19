"""The shop behind a vendor's room: whoever makes prices, and the words it says.

Enters: a verified request, an accepted offer, what was promised before. Leaves: an offer, a reason
to skip, a yes or a refusal. The seller asks; how a price is made is the implementer's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from protocol.errors import Reason
from protocol.objects.envelope import Verified
from protocol.objects.intentcast import Intentcast
from protocol.objects.offer import Offer
from protocol.objects.reply import Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """The shop does not answer a request; the seller notes when, Unix ms."""

    reason: str
    """A code."""
    words: str
    """Why, for the shopkeeper."""
    at_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """An offer of a deal that holds."""

    offer: Offer
    """What was promised."""
    at_ms: int
    """Unix ms of the confirmation."""


class Shop(Protocol):
    """Whoever makes prices."""

    async def offer_for(
        self, cast: Verified[Intentcast], *, profile_id: bytes, reply: Reply, now_ms: int
    ) -> Offer | Skipped:
        """Quote a request, or say why not."""
        ...

    async def refusal(self, offer: Offer, promised: Sequence[Promise]) -> Reason | None:
        """Ask at acceptance whether the shop can still keep this offer; None means yes.

        Args:
            offer: the accepted one.
            promised: what deals that hold already have taken.
        """
        ...

    def confirms_by_itself(self, offer: Offer) -> bool:
        """Whether an acceptance needs no human."""
        ...
