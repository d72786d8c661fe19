"""What became of the objects peers sent: counts by verdict and reason, and nothing else.

Enters: one word for each object that came. Leaves: counts, for whoever watches this node. Decides
nothing, and names neither objects nor peers.
Source: docs/protocol/06-gossip.md, "The way in".
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from protocol.errors import Reason


class Verdict(StrEnum):
    """What became of one object."""

    ACCEPTED = "accepted"
    """New here; kept and passed on."""
    DUPLICATE = "duplicate"
    """Known already, whatever was thought of it."""
    REJECTED = "rejected"
    """Provably bad."""
    IGNORED = "ignored"
    """Not taken, and nobody's fault: clock, quota or policy."""


class Verdicts:
    """The counts of one node."""

    def __init__(self) -> None:
        """Start at nothing."""
        self._counts: dict[tuple[Verdict, Reason | None], int] = {}

    @property
    def counts(self) -> Mapping[tuple[Verdict, Reason | None], int]:
        """How many of each; the reason is None where a verdict needs none."""
        return self._counts

    def note(self, verdict: Verdict, reason: Reason | None = None, *, count: int = 1) -> None:
        """Count one, or several."""
        case = verdict, reason
        self._counts[case] = self._counts.get(case, 0) + count
