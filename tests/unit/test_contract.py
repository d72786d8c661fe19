"""The check of answers itself: it finds what is wrong, and lets pass what is right."""

from __future__ import annotations

from typing import Any

import pytest

from node.runtime.custody import Custody
from tests.contract import misfit, watched
from tests.unit.node.api.fake_citizen import KEYS


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"locked": "no"}, "$.locked"),
        ({"auto_lock_minutes": -1}, "$.auto_lock_minutes"),
        ({"newest_backup": "yesterday"}, "$.newest_backup"),
        ({"sealed": True}, "`sealed`"),
        ({"schema": "intentcast.keys/2"}, "no record is known for 'intentcast.keys/2'"),
    ],
)
def test_a_wrong_member_is_named(change: dict[str, Any], words: str):
    assert misfit(KEYS) is None
    assert words in (misfit(KEYS | change) or "")


def test_a_member_left_out_is_named():
    assert "`locked`" in (misfit({k: v for k, v in KEYS.items() if k != "locked"}) or "")
    assert misfit(None) == misfit([]) == misfit({}) == "no record is known for None"


async def test_a_room_that_says_too_much_is_caught(monkeypatch: pytest.MonkeyPatch):
    async def document(_self: Custody) -> dict[str, Any]:
        return KEYS | {"root": "00"}

    monkeypatch.setattr(Custody, "document", document)
    with watched() as misfits, pytest.raises(AssertionError, match="root"):
        await Custody.document(None)  # type: ignore[arg-type]  # nothing of it is read
    assert len(misfits) == 1
    assert Custody.document is document
