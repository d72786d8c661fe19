"""Documents for machines: three checks by name, and a node's bounds."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from node.api.documents.survey import InfoDocument, ReadinessDocument
from tests.unit.node.api.fake_survey import FakeSurvey


def test_a_node_says_what_it_is():
    found: dict[str, Any] = FakeSurvey().info()
    assert msgspec.convert(found, InfoDocument).roles == ["relay"]
    found["shop"] = {"name": "Shop One", "categories": [], "areas": [{"remote": True}], "terms": []}
    told = msgspec.convert(found, InfoDocument)
    assert told.shop is not None
    assert told.shop.areas[0].remote
    with pytest.raises(msgspec.ValidationError, match="oracle"):
        msgspec.convert(found | {"roles": ["oracle"]}, InfoDocument)


async def test_readiness_names_its_checks_and_no_more():
    checks = await FakeSurvey().checks()
    found = {"schema": "intentcast.readiness/1", "ready": True, "checks": checks}
    assert msgspec.convert(found, ReadinessDocument).checks.database
    with pytest.raises(msgspec.ValidationError, match="path"):
        msgspec.convert(found | {"checks": checks | {"path": True}}, ReadinessDocument)
