"""Exit codes, the only place that knows them.

Source: docs/reference/cli.md, "Exit codes".
"""

from __future__ import annotations

from enum import IntEnum

from node.api.kinds import ErrorKind


class Exit(IntEnum):
    """What a script may rely on."""

    OK = 0
    """Done."""
    FAILED = 1
    """It could not be done."""
    USAGE = 2
    """The command, an option or a value is not understood."""
    NODE_DOWN = 3
    """No node runs for this home."""
    LOCKED = 4
    """A key or a home is not to be had now."""
    REFUSED = 5
    """A rule says no, or a signed thing is not valid."""
    TIMEOUT = 6
    """It did not happen in time."""
    NOT_FOUND = 7
    """Nothing goes by that name."""
    DAMAGED = 8
    """A file of this home is damaged."""


EXIT_OF_KIND: dict[ErrorKind, Exit] = {
    ErrorKind.INPUT: Exit.USAGE,
    ErrorKind.REFUSED: Exit.REFUSED,
    ErrorKind.NOT_FOUND: Exit.NOT_FOUND,
    ErrorKind.LOCKED: Exit.LOCKED,
    ErrorKind.DAMAGED: Exit.DAMAGED,
    ErrorKind.TIMEOUT: Exit.TIMEOUT,
    ErrorKind.NODE_DOWN: Exit.NODE_DOWN,
    ErrorKind.PEER: Exit.FAILED,
    ErrorKind.FAILED: Exit.FAILED,
    ErrorKind.INTERNAL: Exit.FAILED,
}
