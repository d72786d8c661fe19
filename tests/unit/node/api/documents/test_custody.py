"""Keys and backups: no secret has a member here."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from node.api.documents.custody import (
    BackupDocument,
    BackupProofDocument,
    BackupsDocument,
    KeysDocument,
)
from tests.unit.node.api.fake_citizen import KEYS, FakeCustodian


def test_no_backup_is_null():
    assert msgspec.convert(KEYS | {"newest_backup": None}, KeysDocument).newest_backup is None


@pytest.mark.parametrize("secret", ["words", "root", "passphrase_text"])
def test_a_secret_has_no_place(secret: str):
    with pytest.raises(msgspec.ValidationError, match=secret):
        msgspec.convert(KEYS | {secret: "x"}, KeysDocument)


async def test_a_backup_has_a_size():
    document: dict[str, Any] = await FakeCustodian().backup("/x")
    assert msgspec.convert(document, BackupDocument).bytes == 397_312


async def test_backups_and_a_proof_fit():
    custody = FakeCustodian()
    found = msgspec.convert(await custody.backups(), BackupsDocument)
    assert [each.path[-5:] for each in found.backups] == ["2.icb", "1.icb"]
    assert msgspec.convert(await custody.prove("/x"), BackupProofDocument).checked == 12
