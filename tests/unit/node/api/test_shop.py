"""What this home sells, as the API tells it."""

from __future__ import annotations

import pytest

from tests.unit.node.api.conftest import Asker, told
from tests.unit.node.api.fake_citizen import FakeCitizen


@pytest.mark.parametrize(
    ("path", "call", "schema"),
    [
        ("/v1/vendor", ("vendor_status",), "intentcast.vendor/1"),
    ],
)
async def test_reads(asker: Asker, citizen: FakeCitizen, path: str, call, schema: str):
    response = await asker.ask("GET", path)
    assert response.status == 200
    assert told(response)["schema"] == schema
    assert citizen.calls == [call]
    assert (await asker.ask("GET", path + "?x=1")).status == 422
    assert len(citizen.calls) == 1


@pytest.mark.parametrize(
    ("path", "call"),
    [
        ("/v1/vendor/inbox", ("inbox",)),
        ("/v1/vendor/offers", ("offers", 0)),
        ("/v1/vendor/offers?after=7", ("offers", 7)),
        ("/v1/vendor/catalogue", ("catalogue", "", 0)),
        (
            "/v1/vendor/catalogue?words=espresso+machine&after=50",
            ("catalogue", "espresso machine", 50),
        ),
    ],
)
async def test_the_keeper_looks_at_the_shop(asker: Asker, citizen: FakeCitizen, path: str, call):
    response = await asker.ask("GET", path)
    assert response.status == 200
    assert told(response)["schema"].startswith("intentcast.vendor-")
    assert citizen.salesroom is not None
    assert citizen.salesroom.calls == [call]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/vendor/inbox?after=1",
        "/v1/vendor/offers?after=-1",
        "/v1/vendor/offers?words=x",
        f"/v1/vendor/catalogue?after={2**63}",
        f"/v1/vendor/catalogue?words={'x' * 201}",
    ],
)
async def test_places_and_words_have_bounds(asker: Asker, citizen: FakeCitizen, path: str):
    response = await asker.ask("GET", path)
    assert (response.status, told(response)["code"]) == (422, "E-FIELD")
    assert citizen.salesroom is not None
    assert citizen.salesroom.calls == []


async def test_a_node_that_shows_no_shop(asker: Asker, citizen: FakeCitizen):
    citizen.salesroom = None
    assert (await asker.ask("GET", "/v1/vendor/inbox")).status == 404
