"""The report over the API."""

from __future__ import annotations

from tests.unit.node.api.conftest import Asker
from tests.unit.node.api.fake_citizen import FakeCitizen


async def test_the_report(asker: Asker, citizen: FakeCitizen):
    assert citizen.examiner is not None
    found = await asker.ask("GET", "/v1/doctor")
    assert found.status == 200
    assert citizen.examiner.asked == [False]
    assert (await asker.ask("GET", "/v1/doctor?scrub=true")).status == 200
    assert citizen.examiner.asked == [False, True]


async def test_what_is_not_understood(asker: Asker):
    found = await asker.ask("GET", "/v1/doctor?scrub=perhaps")
    assert found.status == 422
    assert (await asker.ask("GET", "/v1/doctor?deep=true")).status == 422


async def test_nothing_to_examine(asker: Asker, citizen: FakeCitizen):
    citizen.examiner = None
    assert (await asker.ask("GET", "/v1/doctor")).status == 404
