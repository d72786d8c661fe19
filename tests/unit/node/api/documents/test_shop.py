"""The shop: what it has, and the report of an import."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from node.api.documents.shop import ImportDocument, VendorDocument
from tests.unit.node.api.fake_citizen import FakeCitizen


async def test_a_shop_nobody_knows_yet_has_no_key():
    shop = await FakeCitizen().vendor_status()
    found = msgspec.convert(shop | {"key": None, "mailboxes": 0}, VendorDocument)
    assert found.key is None
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(shop | {"categories": {"x": -1}}, VendorDocument)


def test_a_report_is_exact():
    counts = dict.fromkeys(
        ["rows", "offered", "added", "changed", "unchanged", "removed", "removals_held"], 0
    )
    report: dict[str, Any] = {
        **counts,
        "schema": "intentcast.import/1",
        "source": "feed",
        "form": "CSV",
        "applied": True,
        "complete": True,
        "refused": 0,
        "warnings": 0,
        "problems": [],
        "mapped": {},
        "unmapped": [],
    }
    assert msgspec.convert(report, ImportDocument).applied
    del report["warnings"]
    with pytest.raises(msgspec.ValidationError, match="warnings"):
        msgspec.convert(report, ImportDocument)
