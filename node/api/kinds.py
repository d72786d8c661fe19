"""What sort of failure an error is, for faces that must put it into a number.

Enters: any error this product raises on purpose. Leaves: one of a few kinds. HTTP statuses are
made from them in `problems`, exit codes in `node/cli`; neither is known here.
"""

from __future__ import annotations

from enum import StrEnum

from node.errors import (
    ConfigError,
    KeystoreError,
    NotFoundError,
    RefusedError,
    StorageError,
    TransportError,
)
from protocol.errors import IntentcastError, LocalProtocolError, RemoteProtocolError


class ErrorKind(StrEnum):
    """Closed list; travels in the `kind` member of a problem document."""

    INPUT = "input"
    """What was asked for cannot be understood or is out of range."""
    REFUSED = "refused"
    """A rule says no, or a signed thing is not valid."""
    NOT_FOUND = "not_found"
    """Nothing here goes by that name."""
    LOCKED = "locked"
    """A key or a home is not to be had now."""
    DAMAGED = "damaged"
    """A file of this home is not what was written."""
    TIMEOUT = "timeout"
    """It did not happen in time."""
    NODE_DOWN = "node_down"
    """No node answers for this home."""
    PEER = "peer"
    """Somebody else's node could not be reached."""
    FAILED = "failed"
    """This machine could not do it: disk, port, file."""
    INTERNAL = "internal"
    """A bug."""


_BY_CODE: dict[str, ErrorKind] = {
    "E-NODE-DOWN": ErrorKind.NODE_DOWN,
    "E-NO-ANSWER": ErrorKind.NODE_DOWN,
    "E-NO-TESTNET": ErrorKind.NODE_DOWN,
    "E-TIMEOUT": ErrorKind.TIMEOUT,
    "E-HOME-IN-USE": ErrorKind.LOCKED,
    "E-KEYS-OPEN": ErrorKind.LOCKED,
    "E-DB-DAMAGED": ErrorKind.DAMAGED,
    "E-DB-MISSING": ErrorKind.DAMAGED,
    "E-DB-FOREIGN": ErrorKind.DAMAGED,
    "E-DAMAGED": ErrorKind.DAMAGED,
    "E-WORDS": ErrorKind.INPUT,
    "E-KEYS-NONE": ErrorKind.NOT_FOUND,
    "E-PASSPHRASE-STATE": ErrorKind.REFUSED,
    "E-BACKUP-CUT": ErrorKind.DAMAGED,
    "E-BACKUP-DAMAGED": ErrorKind.DAMAGED,
    "E-BACKUP-CONTENT": ErrorKind.DAMAGED,
    "E-KEYS-DAMAGED": ErrorKind.DAMAGED,
    "E-VOCABULARY": ErrorKind.DAMAGED,
    "E-PORT": ErrorKind.FAILED,
    "E-SERVICE": ErrorKind.FAILED,
    "E-LATER": ErrorKind.REFUSED,
    "E-IDEMPOTENCY": ErrorKind.REFUSED,
    "E-ADDRESS": ErrorKind.INPUT,
    "E-INTERNAL": ErrorKind.INTERNAL,
}
"""Codes that say more than their class does."""

_BY_CLASS: tuple[tuple[type[IntentcastError], ErrorKind], ...] = (
    (NotFoundError, ErrorKind.NOT_FOUND),
    (RefusedError, ErrorKind.REFUSED),
    (ConfigError, ErrorKind.INPUT),
    (KeystoreError, ErrorKind.LOCKED),
    (StorageError, ErrorKind.FAILED),
    (TransportError, ErrorKind.PEER),
    (LocalProtocolError, ErrorKind.INPUT),
    (RemoteProtocolError, ErrorKind.REFUSED),
)


def kind_of(error: IntentcastError) -> ErrorKind:
    """Sort an error: by its code where that is listed, else by its class."""
    if found := _BY_CODE.get(error.code):
        return found
    return next((kind for cls, kind in _BY_CLASS if isinstance(error, cls)), ErrorKind.FAILED)
