"""What follows a restore, and the identity."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from node.api.documents.recovery import IdentityDocument, ReopenDocument
from tests.unit.node.api.fake_recovery import IDENTITY, FakeRecoverer


async def test_what_is_still_held_may_be_the_shop():
    asked = FakeRecoverer()
    asked.still_held = [{"kind": "vendor", "handle": "vendor", "title": "", "offers": 0}]
    found = msgspec.convert(await asked.reopen(None, sure=True, wait_s=0), ReopenDocument)
    assert found.still_held[0].kind == "vendor"


@pytest.mark.parametrize(
    "change", [{"generation": -1}, {"standing": "fine"}, {"keys": ["key-1"]}, {"copy": None}]
)
def test_what_an_identity_cannot_be(change: dict[str, Any]):
    assert msgspec.convert(IDENTITY, IdentityDocument).generation == 0
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(IDENTITY | change, IdentityDocument)
