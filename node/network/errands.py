"""Errands: for whom this node dials, and so how much it trusts the address.

Enters: nothing. Leaves: the errand of a dial. Never here: whom to dial.
"""

from __future__ import annotations

from enum import StrEnum


class Errand(StrEnum):
    """What a dial is for."""

    OWNER = "owner"
    """A peer the owner named, or one of the local network: it may be anywhere."""
    LINK = "link"
    """A link the engine chose by the address book."""
    POST = "post"
    """A mailbox for our own boxes and letters."""
    GUEST = "guest"
    """The far end of a tunnel that a peer asked for."""

    @property
    def is_on_demand(self) -> bool:
        """Whether the link is to carry something there, and serves for nothing else."""
        return self in {Errand.POST, Errand.GUEST}

    @property
    def is_hearsay(self) -> bool:
        """Whether the address is a stranger's word."""
        return self is not Errand.OWNER
