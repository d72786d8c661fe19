"""Flow: how new objects come over one direction of a link.

The receiver chooses, the sender may give less. Enters: nothing. Leaves: the three levels by name.
Source: docs/protocol/06-gossip.md, "The way on".
"""

from __future__ import annotations

from enum import IntEnum


class Flow(IntEnum):
    """As it stands in `Level` and `LevelGiven`."""

    QUIET = 0
    """Nothing but what a heartbeat samples."""
    IDS = 1
    """Names, in small batches."""
    PUSH = 2
    """Whole objects at once."""
