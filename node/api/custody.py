"""What the API can be asked about keys and backups.

Enters: requests that passed the guards. Leaves: the custodian's documents. No answer is kept under
an Idempotency-Key: its row would hold a quick hash of the passphrase, beside the slow one that
protects it. Each may be asked twice without harm.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import msgspec

from node.api.bodies import NoBody, typed
from node.api.citizen import Citizen, Custodian, Document
from node.api.documents.custody import (
    BackupDocument,
    BackupProofDocument,
    BackupsDocument,
    KeysDocument,
)
from node.api.kinds import ErrorKind
from node.api.operations import Operation, Scope, acts, reads
from node.errors import NotFoundError
from node.keyfile import PASSPHRASE_CHARS_MAX
from protocol.errors import LocalProtocolError

Secret = Annotated[str, msgspec.Meta(max_length=PASSPHRASE_CHARS_MAX)]
_PATH_CHARS_MAX = 4_096


class UnlockBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """POST /v1/keys/unlock."""

    passphrase: Secret
    """As typed."""


class PassphraseBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """POST /v1/keys/passphrase."""

    old: Secret | None = None
    """The one that holds; null where there is none."""
    new: Secret | None = None
    """The next one; null lays the keys open."""


class BackupBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """POST /v1/backups."""

    path: Annotated[str, msgspec.Meta(min_length=1, max_length=_PATH_CHARS_MAX)]
    """A file of this machine that is not there yet; absolute."""


class ProofBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """POST /v1/backups/verify."""

    path: Annotated[str, msgspec.Meta(min_length=1, max_length=_PATH_CHARS_MAX)]
    """A file of this machine; absolute."""


async def _keys(citizen: Citizen) -> Document:
    return await _of(citizen).document()


async def _unlock(citizen: Citizen, body: UnlockBody) -> Document:
    return await _of(citizen).unlock(body.passphrase)


async def _lock(citizen: Citizen, _body: NoBody) -> Document:
    return await _of(citizen).lock()


async def _passphrase(citizen: Citizen, body: PassphraseBody) -> Document:
    return await _of(citizen).set_passphrase(body.old, body.new)


async def _backup(citizen: Citizen, body: BackupBody) -> Document:
    check_path(body.path)
    return await _of(citizen).backup(body.path)


async def _backups(citizen: Citizen) -> Document:
    return await _of(citizen).backups()


async def _prove(citizen: Citizen, body: ProofBody) -> Document:
    check_path(body.path)
    return await _of(citizen).prove(body.path)


CUSTODY: Final = (
    Operation(
        name="get_keys",
        method="GET",
        path="/v1/keys",
        summary="Tell how the keys are kept.",
        scope=Scope.READ,
        answer=KeysDocument,
        respond=reads(_keys),
    ),
    Operation(
        name="unlock_keys",
        method="POST",
        path="/v1/keys/unlock",
        summary="Unlock the keys with the passphrase.",
        scope=Scope.ADMIN,
        body=UnlockBody,
        answer=KeysDocument,
        refusals=(ErrorKind.LOCKED,),
        respond=acts(typed(UnlockBody), _unlock),
    ),
    Operation(
        name="lock_keys",
        method="POST",
        path="/v1/keys/lock",
        summary="Lock the keys; the node goes on relaying.",
        scope=Scope.ADMIN,
        body=NoBody,
        answer=KeysDocument,
        refusals=(ErrorKind.REFUSED,),
        respond=acts(typed(NoBody), _lock),
    ),
    Operation(
        name="set_passphrase",
        method="POST",
        path="/v1/keys/passphrase",
        summary="Put the keys under a passphrase, another one, or none.",
        scope=Scope.ADMIN,
        body=PassphraseBody,
        answer=KeysDocument,
        refusals=(ErrorKind.REFUSED, ErrorKind.LOCKED),
        respond=acts(typed(PassphraseBody), _passphrase),
    ),
    Operation(
        name="make_backup",
        method="POST",
        path="/v1/backups",
        summary="Write a backup of the home to a new file.",
        scope=Scope.ADMIN,
        body=BackupBody,
        answer=BackupDocument,
        refusals=(ErrorKind.REFUSED, ErrorKind.LOCKED),
        respond=acts(typed(BackupBody), _backup),
    ),
    Operation(
        name="list_backups",
        method="GET",
        path="/v1/backups",
        summary="List the daily backups.",
        scope=Scope.READ,
        answer=BackupsDocument,
        respond=reads(_backups),
    ),
    Operation(
        name="verify_backup",
        method="POST",
        path="/v1/backups/verify",
        summary="Read a backup to its last byte with this home's keys.",
        scope=Scope.ADMIN,
        body=ProofBody,
        answer=BackupProofDocument,
        refusals=(ErrorKind.NOT_FOUND, ErrorKind.REFUSED, ErrorKind.LOCKED, ErrorKind.DAMAGED),
        respond=acts(typed(ProofBody), _prove),
    ),
)


def _of(citizen: Citizen) -> Custodian:
    found = citizen.custody
    if found is None:
        raise NotFoundError("this node keeps no keys of its own")
    return found


def check_path(path: str) -> None:
    """Take a path that means the same to every program.

    Raises:
        LocalProtocolError: E-FIELD.
    """
    if not Path(path).is_absolute() or "\0" in path:
        raise LocalProtocolError(
            "the path is not absolute",
            code="E-FIELD",
            fix="Name the file from the root of the disk on",
            field="path",
        )
