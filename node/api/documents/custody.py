"""Documents about keys and backups."""

from __future__ import annotations

from typing import Literal

import msgspec

from node.api.documents.parts import Count, Moment


class KeysDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the keys are kept."""

    schema: Literal["intentcast.keys/1"]
    """Tag of this document."""
    locked: bool
    """Whether they are locked now."""
    passphrase: bool
    """Whether they stand under one."""
    words_confirmed: bool
    """Whether the owner has shown to have the 24 words."""
    auto_lock_minutes: Count
    """Minutes without a signature after which they lock; 0 for never."""
    newest_backup: Moment | None
    """When the newest daily backup was made; null when there is none."""


class BackupDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A backup that was written."""

    schema: Literal["intentcast.backup/1"]
    """Tag of this document."""
    path: str
    """Where it is."""
    bytes: Count
    """Its size."""
    at: Moment
    """When it was made."""
    net: str
    """Id of the network it is of."""
    holds: list[str]
    """Sorts of files in it."""
