"""The revoke: an author takes back an object before there is an agreement.

It travels as its target did, and takes the target's place in stores.
Source: docs/protocol/03-envelope.md, "Revoke".
"""

from __future__ import annotations

import msgspec

from protocol.errors import ObjectError, Reason
from protocol.objects.header import Header
from protocol.objects.reply import Key32


class Revoke(msgspec.Struct, frozen=True):
    """Body of kind `revoke`."""

    target: Key32
    """Id of the object taken back."""

    def check_target(self, header: Header, target_id: bytes, target: Header) -> None:
        """Hold the revoke against the object it names.

        Raises:
            ObjectError: MISMATCH or NOT_PARTY.
        """
        if self.target != target_id or header.exp != target.exp or header.to != target.to:
            raise ObjectError(Reason.MISMATCH, "does not fit its target", field="target")
        if header.key != target.key:
            raise ObjectError(Reason.NOT_PARTY, "only the author revokes", field="key")
