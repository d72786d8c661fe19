"""Independence: whether a node's links could all be one owner's.

Enters: for each link this node dialled, the group of its address, whose word led there, and whether
it has shown anything. Leaves: what they all have in common, if anything. Never here: what is done
about it; people are told.
Source: docs/protocol/06-gossip.md, "Links".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Dependence(StrEnum):
    """What all links have in common."""

    GROUP = "group"
    """They lead to one address group."""
    SOURCE = "source"
    """One address group is where they lead, or who alone told of them."""
    STRANGERS = "strangers"
    """Whom this node had before is gone, and none of them has brought anything yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a link leads, and why it was made."""

    group: str | None
    """Address group it leads to; None where that says nothing: loopback, a home network."""
    source: str
    """Address group of the only one who told of it; empty where several did, or its owner."""
    is_known: bool = False
    """Whether its owner asked for it, it is one from before, or it was first with something."""


def dependence(origins: Sequence[Origin], *, had_others: bool = False) -> Dependence | None:
    """Say what all links have in common; None for no link, and where nothing can be said.

    One link is one source: whoever has ten thousand keys in one address group gets one. Whoever
    has addresses everywhere is seen by this alone, that those who served before are all gone.

    Args:
        origins: one for each link this node dialled.
        had_others: whether it had links before these, and time enough to find one of them again.
    """
    if not origins or any(origin.group is None for origin in origins):
        return None
    first = origins[0]
    if all(origin.group == first.group for origin in origins):
        return Dependence.GROUP
    for suspect in (first.group, first.source):
        if suspect and all(suspect in (origin.group, origin.source) for origin in origins):
            return Dependence.SOURCE
    if had_others and not any(origin.is_known for origin in origins):
        return Dependence.STRANGERS
    return None
