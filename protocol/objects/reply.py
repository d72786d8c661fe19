"""Where letters for a party go: a box, its reader, and the mailboxes that hold it.

Leaves: `Reply`, embedded in intentcast, offer, acceptance, profile and `moved`. It names mailbox
node keys only, never addresses, so that nobody can be made to dial a victim.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from protocol import limits
from protocol.errors import ObjectError, Reason

Key32 = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
"""32 bytes: a public key, an id or a hash."""
UnixMs = Annotated[int, msgspec.Meta(ge=0, le=2**52)]
"""Unix time, ms."""


class Reply(msgspec.Struct, frozen=True):
    """The way back to the author of an object."""

    box: Key32
    """X25519 key letters are sealed to."""
    reader: Key32
    """Ed25519 key that may read the box; names the box at a mailbox."""
    at: Annotated[
        list[Key32], msgspec.Meta(min_length=1, max_length=limits.mailboxes_per_reply_max)
    ]
    """Node ids of the mailboxes, distinct."""
    until: UnixMs
    """The boxes are open to then."""

    def check(self) -> None:
        """Refuse the same mailbox twice.

        Raises:
            ObjectError: OUT_OF_RANGE.
        """
        if len(set(self.at)) != len(self.at):
            raise ObjectError(Reason.OUT_OF_RANGE, "a mailbox stands twice", field="reply.at")
