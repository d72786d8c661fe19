"""Readiness for everybody, the node's document for those who may read."""

from __future__ import annotations

from tests.unit.node.api.conftest import Asker, told
from tests.unit.node.api.fake_citizen import FakeCitizen
from tests.unit.node.api.fake_survey import FakeSurvey


async def test_readiness_needs_no_token_and_says_names_alone(asker: Asker, citizen: FakeCitizen):
    response = await asker.ask("GET", "/readyz", token=None)
    assert response.status == 200
    assert told(response) == {
        "schema": "intentcast.readiness/1",
        "ready": True,
        "checks": {"database": True, "network": True, "running": True},
    }
    assert isinstance(citizen.survey, FakeSurvey)
    citizen.survey.states["database"] = False
    response = await asker.ask("GET", "/readyz", token=None)
    assert response.status == 503
    assert told(response)["ready"] is False
    assert told(response)["checks"]["database"] is False
    assert (await asker.ask("GET", "/readyz", token=None, host="evil.example")).status == 421
    assert (await asker.ask("GET", "/readyz?x=1", token=None)).status == 422


async def test_the_document_is_for_those_who_may_read(asker: Asker, citizen: FakeCitizen):
    assert told(await asker.ask("GET", "/info"))["schema"] == "intentcast.info/1"
    assert (await asker.ask("GET", "/info", token=None)).status == 401
    citizen.survey = None
    assert (await asker.ask("GET", "/info")).status == 404
