"""Errors are sorted by code first, then by class."""

from __future__ import annotations

import pytest

from node.api.kinds import ErrorKind, kind_of
from node.errors import (
    ConfigError,
    KeystoreError,
    NotFoundError,
    RefusedError,
    StorageError,
    TransportError,
)
from protocol.errors import IntentcastError, LocalProtocolError, ObjectError, Reason


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (NotFoundError("x"), ErrorKind.NOT_FOUND),
        (RefusedError("x", code="E-OFFER-GONE"), ErrorKind.REFUSED),
        (ConfigError("x"), ErrorKind.INPUT),
        (ConfigError("x", code="E-PORT"), ErrorKind.FAILED),
        (KeystoreError("x"), ErrorKind.LOCKED),
        (KeystoreError("x", code="E-KEYS-DAMAGED"), ErrorKind.DAMAGED),
        (StorageError("x", code="E-HOME-IN-USE"), ErrorKind.LOCKED),
        (StorageError("x", code="E-DB-DAMAGED"), ErrorKind.DAMAGED),
        (StorageError("x", code="E-DISK-FULL"), ErrorKind.FAILED),
        (TransportError("x"), ErrorKind.PEER),
        (LocalProtocolError("x", code="E-MONEY"), ErrorKind.INPUT),
        (LocalProtocolError("x", code="E-LATER"), ErrorKind.REFUSED),
        (ObjectError(Reason.MISMATCH), ErrorKind.REFUSED),
        (IntentcastError("x", code="E-INTERNAL"), ErrorKind.INTERNAL),
        (IntentcastError("x"), ErrorKind.FAILED),
    ],
)
def test_kind(error: IntentcastError, kind: ErrorKind):
    assert kind_of(error) is kind
