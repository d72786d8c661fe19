"""What the API is asked that needs no network."""

from __future__ import annotations

import base64
import json

from tests.parties import make_agreement
from tests.unit.node.api.conftest import Asker, told

RAW = make_agreement().bundle()


def sent(raw: bytes) -> bytes:
    return json.dumps({"agreement": base64.b64encode(raw).decode()}).encode()


async def test_categories_are_found_and_told(asker: Asker):
    found = told(await asker.ask("GET", "/v1/categories?words=digital%20camera"))
    assert found["categories"][0]["path"] == "electronics/cameras/digital-cameras"
    one = told(await asker.ask("GET", "/v1/category?path=electronics/cameras"))
    assert one["schema"] == "intentcast.category/1"
    none = await asker.ask("GET", "/v1/category?path=no/such")
    assert (none.status, told(none)["code"]) == (404, "E-NOT-FOUND")
    missing = await asker.ask("GET", "/v1/category")
    assert (missing.status, told(missing)["code"]) == (422, "E-FIELD")


async def test_an_agreement_is_checked(asker: Asker):
    found = told(await asker.ask("POST", "/v1/verify", sent(RAW)))
    assert (found["schema"], found["verdict"]) == ("intentcast.verification/1", "verified")


async def test_what_fails_is_named(asker: Asker):
    broken = bytearray(RAW)
    broken[len(RAW) // 2] ^= 1
    bad = await asker.ask("POST", "/v1/verify", sent(bytes(broken)))
    assert (bad.status, told(bad)["code"]) == (409, "E-AGREEMENT")
    text = await asker.ask("POST", "/v1/verify", b'{"agreement": "not base64!"}')
    assert (text.status, told(text)["field"]) == (422, "agreement")
    large = b'{"agreement": "' + b"A" * 250_004 + b'"}'
    assert (await asker.ask("POST", "/v1/verify", large)).status == 422
