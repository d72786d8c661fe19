"""Errors of one citizen: what can fail in its disk, keys, sockets and settings.

Each carries one sentence, a stable code and the next step; exit codes and HTTP statuses are not
known here.
"""

from __future__ import annotations

from protocol.errors import IntentcastError


class TransportError(IntentcastError):
    """A connection could not be made, or went away."""

    default_code = "E-PEER-LOST"


class StorageError(IntentcastError):
    """The home's database could not do what was asked, or holds damaged data."""

    default_code = "E-STORAGE"


class KeystoreError(IntentcastError):
    """The root key is missing, damaged or locked."""

    default_code = "E-KEYS"


class ConfigError(IntentcastError):
    """A setting or a home is wrong."""

    default_code = "E-CONFIG"


class RefusedError(IntentcastError):
    """A rule of the market or of this node says no to what a person asked."""

    default_code = "E-REFUSED"


class NotFoundError(IntentcastError):
    """Nothing here goes by that name."""

    default_code = "E-NOT-FOUND"
