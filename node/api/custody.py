"""What the API can be asked about keys and backups.

Enters: requests that passed the guards. Leaves: the custodian's documents. No answer is kept under
an Idempotency-Key: its row would hold a quick hash of the passphrase, beside the slow one that
protects it. Each may be asked twice without harm.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
from aiohttp import web

from node.api.bodies import Answer, NoQuery, posted, query
from node.api.citizen import Citizen, Custodian, Document
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


class NoBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /v1/keys/lock."""


def custody_routes(citizen: Citizen, answer: Answer) -> list[web.RouteDef]:
    """List the paths.

    Args:
        citizen: the handle.
        answer: makes a response of a document.
    """

    async def keys(request: web.Request) -> web.Response:
        query(request, NoQuery)
        return answer(await _of(citizen).document())

    async def unlock(body: UnlockBody) -> Document:
        return await _of(citizen).unlock(body.passphrase)

    async def lock(_body: NoBody) -> Document:
        return await _of(citizen).lock()

    async def passphrase(body: PassphraseBody) -> Document:
        return await _of(citizen).set_passphrase(body.old, body.new)

    async def backup(body: BackupBody) -> Document:
        _check_path(body.path)
        return await _of(citizen).backup(body.path)

    return [
        web.get("/v1/keys", keys),
        web.post("/v1/keys/unlock", posted(UnlockBody, unlock, answer)),
        web.post("/v1/keys/lock", posted(NoBody, lock, answer)),
        web.post("/v1/keys/passphrase", posted(PassphraseBody, passphrase, answer)),
        web.post("/v1/backups", posted(BackupBody, backup, answer)),
    ]


def _of(citizen: Citizen) -> Custodian:
    found = citizen.custody
    if found is None:
        raise NotFoundError("this node keeps no keys of its own")
    return found


def _check_path(path: str) -> None:
    if not Path(path).is_absolute() or "\0" in path:
        raise LocalProtocolError(
            "the path is not absolute",
            code="E-FIELD",
            fix="Name the file from the root of the disk on",
            field="path",
        )
