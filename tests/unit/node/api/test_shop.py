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
