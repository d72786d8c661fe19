"""What a story must show, and what an agreement's file says by itself.

Enters: facts that should hold, a checked agreement. Leaves: nothing, or the sentence of what did
not happen; the agreement's parties, lines, total and ids as texts. No node is asked here.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from protocol.errors import IntentcastError
from protocol.ids import to_text
from protocol.objects.agreement import Agreement
from protocol.values.money import format_money


class StoryError(IntentcastError):
    """Something the story tells did not happen."""

    default_code = "E-DEMO"

    def __init__(self, sentence: str) -> None:
        """Say what did not happen."""
        super().__init__(
            f"the story broke off: {sentence}",
            fix="Run it again with --keep DIR and look into the logs in there",
        )


def hold(fact: bool, otherwise: str) -> None:  # noqa: FBT001 - reads as a sentence
    """Insist on a fact.

    Raises:
        StoryError: it does not hold.
    """
    if not fact:
        raise StoryError(otherwise)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """An agreement, told from its own bytes."""

    cast: str
    """Id of the request."""
    offer: str
    """Id of the offer."""
    deal: str
    """Id of the acceptance."""
    agreement: str | None
    """Id of the whole; None while the buyer has not acknowledged."""
    title: str
    """What was asked for."""
    buyer: str
    """The buyer's key, made for this request."""
    vendor: str
    """The vendor's key."""
    vendor_name: str
    """What the vendor calls itself."""
    lines: list[tuple[str, str, str]]
    """Name, quantity and amount of each line."""
    total: int
    """Minor units."""
    total_text: str
    """With currency."""

    @classmethod
    def of(cls, agreement: Agreement) -> Proof:
        """Read a checked agreement."""
        offer, accepted = agreement.offer.body, agreement.acceptance.body
        whole = agreement.id
        return cls(
            cast=to_text("cast", agreement.cast.id),
            offer=to_text("offer", agreement.offer.id),
            deal=to_text("deal", agreement.deal_id),
            agreement=None if whole is None else to_text("agreement", whole),
            title=agreement.cast.body.title,
            buyer=to_text("key", agreement.cast.header.key),
            vendor=to_text("key", agreement.offer.header.key),
            vendor_name=agreement.profile.body.name,
            lines=[
                (line.name, f"{line.qty.n} {line.qty.unit}", format_money(line.total, offer.cur))
                for line in offer.lines
                if line.kind != "optional"
            ],
            total=accepted.total,
            total_text=format_money(accepted.total, offer.cur),
        )

    def document(self) -> dict[str, Any]:
        """Write it for JSON, without the ids of the whole, which stand beside it."""
        found = asdict(self)
        del found["agreement"]
        return found
