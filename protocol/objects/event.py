"""Events: what happens to a thread or a deal after its offer, each answering one object by id.

Leaves: one struct per type, told apart by `type`. Source: docs/protocol/13-deal.md, "Events".
"""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

import msgspec

from protocol import limits
from protocol.errors import ObjectError, Reason
from protocol.objects.acceptance import Acceptance, Fields
from protocol.objects.header import Header
from protocol.objects.reply import Key32, Reply, UnixMs

ReasonText = Annotated[str, msgspec.Meta(pattern=r"\A[a-z][a-z_]{0,39}\Z")]
"""A reason code."""


class Confirmed(msgspec.Struct, frozen=True, tag_field="type", tag="confirmed"):
    """The vendor's yes to an acceptance."""

    of: Key32
    """Id of the acceptance."""
    review_key: Key32
    """The acceptance's, countersigned by being here."""

    def check_acceptance(
        self, header: Header, deal_id: bytes, its_header: Header, acceptance: Acceptance
    ) -> None:
        """Hold the confirmation against its acceptance.

        Raises:
            ObjectError: MISMATCH or NOT_PARTY.
        """
        if self.of != deal_id or self.review_key != acceptance.review_key:
            raise ObjectError(Reason.MISMATCH, "does not answer this acceptance", field="of")
        check_answers(header, its_header)


class Refused(msgspec.Struct, frozen=True, tag_field="type", tag="refused"):
    """The vendor's no to an acceptance."""

    of: Key32
    """Id of the acceptance."""
    reason: ReasonText
    """Why."""


class Agreed(msgspec.Struct, frozen=True, tag_field="type", tag="agreed", omit_defaults=True):
    """The buyer acknowledges the confirmation; the values of `fields` travel beside it."""

    of: Key32
    """Id of the confirmation."""
    fields: Fields = []
    """The acceptance's own list of names and hashes."""


class Void(msgspec.Struct, frozen=True, tag_field="type", tag="void"):
    """The buyer is no longer bound: no confirmation came in time."""

    of: Key32
    """Id of the acceptance."""


class Cancelled(msgspec.Struct, frozen=True, tag_field="type", tag="cancelled"):
    """The vendor leaves a confirmed deal that was never acknowledged; no fee."""

    of: Key32
    """Id of the acceptance."""
    reason: ReasonText
    """`no_ack` in this version."""


class Moved(msgspec.Struct, frozen=True, tag_field="type", tag="moved"):
    """The signer's letters go elsewhere from now on, in this thread."""

    of: Key32
    """Id of the signer's object whose reply is replaced."""
    reply: Reply
    """The new way back."""


class Closed(msgspec.Struct, frozen=True, tag_field="type", tag="closed"):
    """The buyer is done with this thread; every losing end reads the same."""

    of: Key32
    """Id of the offer."""


class Asked(msgspec.Struct, frozen=True, tag_field="type", tag="asked"):
    """The signer lost what came later in this thread, and asks for it. No part of the chain."""

    of: Key32
    """Id of the newest object of the thread that the signer has; the cast when nothing else."""


class Told(msgspec.Struct, frozen=True, tag_field="type", tag="told"):
    """What both parties said in this thread, as the signer has it. No part of the chain."""

    of: Key32
    """Id of the `asked` it answers."""
    objects: Annotated[list[tuple[bytes, bytes]], msgspec.Meta(max_length=limits.told_objects_max)]
    """[signed, signature] of offers, acceptances and events between the two, the oldest first."""


class Here(msgspec.Struct, frozen=True, tag_field="type", tag="here"):
    """A note from one copy of a home to another: from a key to itself, through its own box."""

    of: Key32
    """Id of the other copy's note it answers, else of the thread's root."""
    instance: Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]
    """Random name of the copy."""
    since: UnixMs
    """When it began, or was last chosen by its owner."""


Event: TypeAlias = (
    Confirmed | Refused | Agreed | Void | Cancelled | Moved | Closed | Asked | Told | Here
)
"""The events this version acts on, told apart by `type`."""


class OtherEvent(msgspec.Struct, frozen=True):
    """An event of a type this version does not act on: kept and receipted, so nothing hangs."""

    type: ReasonText
    """Its type, as a newer program wrote it."""
    of: Key32
    """Id of the object it answers."""


_TYPES = frozenset(
    {
        "agreed", "asked", "cancelled", "closed", "confirmed", "here", "moved", "refused", "told",
        "void",
    }
)  # fmt: skip


def event_shape(tree: dict[str, Any]) -> Any:
    """Give the type a body of kind `event` is read as.

    Args:
        tree: the untyped body.
    """
    kind = tree.get("type")
    # Anything that is not a text of another type is held against the known ones, and refused there.
    return OtherEvent if isinstance(kind, str) and kind not in _TYPES else Event


def check_answers(header: Header, its_header: Header) -> None:
    """Require that one party of a thread answers the other.

    Raises:
        ObjectError: NOT_PARTY.
    """
    fits = header.thread == its_header.thread or its_header.thread is None
    if not fits or header.key != its_header.to or header.to != its_header.key:
        raise ObjectError(Reason.NOT_PARTY, "is not between the two parties of this thread")
