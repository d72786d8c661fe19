"""The shapes that messages are made of: what a field may hold, and the array they stand in.

Enters: nothing. Leaves: types, for the modules that define messages. Never here: a message.
Source: docs/protocol/04-frames.md.
"""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta, Struct

from protocol import limits

ID_PREFIX_BYTES: Final = 16
"""Announcements name an object by the first 16 bytes of its id."""
_MS_MAX: Final = 2**53 - 1
_REQUEST_MAX: Final = 2**32 - 1
# Control characters and marks that turn text around could forge a line of a log or terminal.
PLAIN_TEXT: Final = r"\A[^\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]*\Z"

RequestId = Annotated[int, Meta(ge=0, le=_REQUEST_MAX)]
"""Chosen by the asker, unique among its open questions on this link."""
Ms = Annotated[int, Meta(ge=0, le=_MS_MAX)]
Nonce = Annotated[int, Meta(ge=0, le=_REQUEST_MAX)]
Version = Annotated[int, Meta(ge=1, le=65_535)]
Key = Annotated[bytes, Meta(min_length=32, max_length=32)]
Hash = Annotated[bytes, Meta(min_length=32, max_length=32)]
Signature = Annotated[bytes, Meta(min_length=64, max_length=64)]
Work = Annotated[bytes, Meta(min_length=limits.pow_bytes, max_length=limits.pow_bytes)]
IdPrefix = Annotated[bytes, Meta(min_length=ID_PREFIX_BYTES, max_length=ID_PREFIX_BYTES)]
IdPrefixes = Annotated[list[IdPrefix], Meta(max_length=limits.ids_per_message_max)]
Envelope = Annotated[bytes, Meta(min_length=1, max_length=limits.public_bytes_max)]
Record = Annotated[bytes, Meta(min_length=1, max_length=limits.node_record_bytes_max)]
Letter = Annotated[bytes, Meta(min_length=1, max_length=limits.letter_bytes_max)]
SealedReceipt = Annotated[bytes, Meta(min_length=1, max_length=limits.receipt_bytes_max)]
Detail = Annotated[str, Meta(max_length=limits.detail_chars_max, pattern=PLAIN_TEXT)]


LevelNumber = Annotated[int, Meta(ge=0, le=2)]
Salt = Annotated[bytes, Meta(min_length=16, max_length=16)]
Ranges = Annotated[bytes, Meta(max_length=limits.ranges_bytes_max)]
CategoryText = Annotated[str, Meta(min_length=1, max_length=limits.category_chars_max)]
Cell = Annotated[int, Meta(ge=1, le=2**63 - 1)]
"""An H3 cell as the number it is."""
TunnelId = Annotated[int, Meta(ge=0, le=2**32 - 1)]


class Fields(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """An array of exactly its fields, in their order."""
