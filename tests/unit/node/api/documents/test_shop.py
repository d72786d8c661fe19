"""The shop: what it has, and the report of an import."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from node.api.documents.shop import (
    CatalogueDocument,
    ImportDocument,
    InboxDocument,
    SentOffersDocument,
    VendorDocument,
)
from tests.unit.node.api.fake_citizen import FakeCitizen
from tests.unit.node.api.fake_shop import ARTICLE, REQUEST, SENT


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


@pytest.mark.parametrize(
    ("record", "tag", "member", "line", "change"),
    [
        (CatalogueDocument, "vendor-catalogue", "articles", ARTICLE, {"price": -1}),
        (CatalogueDocument, "vendor-catalogue", "articles", ARTICLE, {"hindrance": "no"}),
        (SentOffersDocument, "vendor-offers", "offers", SENT, {"state": "lost"}),
        (SentOffersDocument, "vendor-offers", "offers", SENT, {"sent": "today"}),
        (InboxDocument, "vendor-inbox", "requests", REQUEST, {"state": "accepted"}),
        (InboxDocument, "vendor-inbox", "requests", REQUEST, {"cast": "cast-7Q4M"}),
    ],
)
def test_what_a_shopkeeper_is_shown_is_exact(
    record: Any, tag: str, member: str, line: dict[str, Any], change: dict[str, Any]
):
    rest: dict[str, Any] = {"waiting": []} if tag == "vendor-inbox" else {"next": None}
    document = {"schema": f"intentcast.{tag}/1", member: [line]} | rest
    assert len(getattr(msgspec.convert(document, record), member)) == 1
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(document | {member: [line | change]}, record)
