"""The document of an agreement that was checked."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from node.api.documents.parts import AgreementId, DealId, KeyId, Moment


class CheckedBuyer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who asked."""

    key: KeyId
    """Made for this request alone."""


class CheckedVendor(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who offered."""

    name: str
    """Its own word."""
    key: KeyId
    """What its name stands on."""


class CheckedLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One line that was accepted."""

    name: str
    """What."""
    kind: str
    """`item`, `delivery`, `tax`, `fee`, `deposit`, `discount`, `optional`."""
    qty: str
    """How much: number and unit code."""
    total_text: str
    """What it costs, with its currency."""


class SignedPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One signed object of the bundle."""

    object: Literal["cast", "profile", "offer", "acceptance", "confirmed", "agreed"]
    """Which."""
    id: str
    """Its full id."""
    at: Moment
    """When it was signed, by its signer's clock."""


class VerificationDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An agreement whose every signature and reference holds."""

    schema: Literal["intentcast.verification/1"]
    """Tag of this document."""
    verdict: Literal["verified", "unacknowledged"]
    """`unacknowledged`: the buyer's last word is not in it, so there is no agreement yet."""
    net: str
    """Network it was made on."""
    agreement_id: AgreementId | None
    """Null while it is not acknowledged."""
    deal_id: DealId
    """Of the deal."""
    asked: str
    """Title of the request."""
    buyer: CheckedBuyer
    """Who asked."""
    vendor: CheckedVendor
    """Who offered."""
    lines: Annotated[list[CheckedLine], msgspec.Meta(max_length=50)]
    """What was accepted."""
    total_text: str
    """To be paid, with its currency."""
    due_now_text: str | None
    """Deposit asked at once; null when none is."""
    discloses: Annotated[list[str], msgspec.Meta(max_length=16)]
    """Names of what the buyer committed to tell."""
    signed: Annotated[list[SignedPart], msgspec.Meta(max_length=6)]
    """Every signature, in their order."""
