"""The small things documents are made of: moments, days, amounts, names.

Leaves: annotated types. A text of ours has the form it is written in; a text of a stranger has
no form at all and is only ever text.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec

from protocol import limits

Moment: TypeAlias = Annotated[
    str, msgspec.Meta(pattern=r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z\Z")
]
"""ISO 8601, UTC, whole seconds: `2027-03-20T12:00:00Z`."""
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]
"""How many."""
Minor: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=limits.money_minor_max)]
"""Minor units of the currency beside it."""
SignedMinor: TypeAlias = Annotated[
    int, msgspec.Meta(ge=-limits.money_minor_max, le=limits.money_minor_max)
]
"""Minor units; below zero in discounts only."""
Currency: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"\A[A-Z]{3}\Z")]
"""ISO 4217 code."""
Points: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=1_000)]
"""0-1000."""
Base64Url: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9_-]+\Z")]
"""Bytes in base64url, without padding."""

_GROUPS = r"(-[0-9A-HJKMNP-TV-Z]{4}){14}"
_NONCE = r"[0-9a-f]{32}"
CastId: TypeAlias = Annotated[str, msgspec.Meta(pattern=rf"\Acast{_GROUPS}\Z")]
"""Full id of a request: prefix, 13 groups, check group."""
OfferId: TypeAlias = Annotated[str, msgspec.Meta(pattern=rf"\Aoffer{_GROUPS}\Z")]
"""Full id of an offer."""
DealId: TypeAlias = Annotated[str, msgspec.Meta(pattern=rf"\Adeal{_GROUPS}\Z")]
"""Full id of a deal."""
AgreementId: TypeAlias = Annotated[str, msgspec.Meta(pattern=rf"\Aagreement{_GROUPS}\Z")]
"""Full id of an agreement."""
KeyId: TypeAlias = Annotated[str, msgspec.Meta(pattern=rf"\Akey{_GROUPS}\Z")]
"""Signing key of a party, as people compare it."""
NodeKey: TypeAlias = Annotated[str, msgspec.Meta(pattern=rf"\Anode{_GROUPS}\Z")]
"""Transport key of a node, as people compare it."""
Handle: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
"""Short id that stands for the full one on this node."""
Nonce: TypeAlias = Annotated[str, msgspec.Meta(pattern=rf"\A{_NONCE}\Z")]
"""16 bytes in hex."""
RevokedId: TypeAlias = Annotated[
    str, msgspec.Meta(pattern=rf"\A((cast|offer){_GROUPS}|{_NONCE})\Z")
]
"""Full id of a request or an offer, or the nonce of a draft."""
