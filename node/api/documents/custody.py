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


class BackupLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One daily backup."""

    path: str
    """Where it is."""
    at: Moment
    """When it was made."""


class BackupsDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The daily backups of a home."""

    schema: Literal["intentcast.backups/1"]
    """Tag of this document."""
    folder: str
    """Where they are written."""
    kept: Count
    """How many are kept; 0 when none is made."""
    backups: list[BackupLine]
    """The newest first."""
    trouble: str
    """Why the last one was not written; empty when it was."""


class BackupProofDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A backup that was read to its last byte, and is sound."""

    schema: Literal["intentcast.backup-proof/1"]
    """Tag of this document."""
    path: str
    """Where it is."""
    bytes: Count
    """Its size."""
    at: Moment
    """When it was made."""
    net: str
    """Id of the network it is of."""
    program: str
    """Version of the program that wrote it."""
    files: list[str]
    """Names of the files in it."""
    casts: Count
    """Requests its database holds."""
    deals: Count
    """Deals it holds."""
    agreements: Count
    """Those of them with an agreement."""
    checked: Count
    """Objects and letters whose hash was computed."""
