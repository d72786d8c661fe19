"""Deals and receipts."""

from __future__ import annotations

import pytest

from node.runtime.verification import bundle_in_page
from protocol.objects.agreement import read_bundle
from tests.parties import make_agreement
from tests.unit.node.web.conftest import Browser, Neighbour, text_of, words_of
from tests.unit.node.web.papers import EVIL, EVIL_SHOWN, deal

PATH = "/deals/deal-9ABC-DEFG"


@pytest.fixture
def signed(neighbour: Neighbour, monkeypatch: pytest.MonkeyPatch) -> bytes:
    raw = make_agreement().bundle()

    async def agreement(_handle):
        return "deal-9abc.agreement", raw

    monkeypatch.setattr(neighbour, "agreement", agreement)
    return raw


async def test_the_list(browser: Browser, neighbour: Neighbour):
    neighbour.deal_now_is = deal(counterparty=EVIL, cast_title=None, total_text=None)
    page = await browser.get("/deals")
    assert EVIL_SHOWN in text_of(page)
    assert "<script>alert" not in text_of(page)
    assert words_of(page).count("unknown") == 2


async def test_no_deals(browser: Browser, neighbour: Neighbour, monkeypatch):
    async def none():
        return {"deals": []}

    monkeypatch.setattr(neighbour, "deals", none)
    assert "No deals yet" in words_of(await browser.get("/deals"))


async def test_a_deal_tells_what_happened(browser: Browser):
    text = words_of(await browser.get(PATH))
    assert "20 Feb 2027, 12:00 UTC acceptance signed" in text
    assert "You disclosed name" in text
    assert "Check every signature now" in text
    assert "Grinder: 20.00 EUR an extra you took" in text
    assert "When 1 Mar 2027 to 4 Mar 2027 How delivery" in text
    assert "Payment card; after delivery" in text
    assert "Your answer" not in text


async def test_a_vendor_decides(browser: Browser, neighbour: Neighbour):
    neighbour.deal_now_is = deal(
        "offered", role="vendor", received={"name": EVIL}, agreement_id=None, lines=[]
    )
    page = await browser.get(PATH)
    assert "Your answer" in words_of(page)
    assert EVIL_SHOWN in text_of(page)
    assert "Receipt" not in words_of(page)
    yes = await browser.post(PATH, decision="confirm", reason="policy")
    assert (yes.status, yes.headers["Location"]) == (303, PATH)
    await browser.post(PATH, decision="refuse", reason="out_of_stock")
    assert neighbour.calls == [
        ("decide_deal", "deal-9ABC-DEFG", True, ""),
        ("decide_deal", "deal-9ABC-DEFG", False, "out_of_stock"),
    ]


async def test_every_signature_is_checked_anew(browser: Browser, signed: bytes):
    text = words_of(await browser.get(f"{PATH}/verify"))
    assert "verified" in text
    assert "agreed" in text


async def test_a_receipt_is_one_file_that_carries_the_bytes(browser: Browser, signed: bytes):
    page = await browser.get(f"{PATH}/receipt")
    assert page.headers["Content-Disposition"] == 'attachment; filename="deal-9abc.html"'
    assert isinstance(page.body, bytes)
    assert bundle_in_page(page.body) == signed
    assert read_bundle(bundle_in_page(page.body)).id is not None
    assert "<script" not in text_of(page)
    assert "/static/" not in text_of(page)


async def test_the_signed_bytes(browser: Browser, signed: bytes):
    page = await browser.get(f"{PATH}/agreement")
    assert page.body == signed
    assert "attachment" in page.headers["Content-Disposition"]


async def test_what_does_not_hold_is_not_shown(browser: Browser, neighbour: Neighbour, monkeypatch):
    async def agreement(_handle):
        raw = bytearray(make_agreement().bundle())
        raw[200] ^= 1
        return "x.agreement", bytes(raw)

    monkeypatch.setattr(neighbour, "agreement", agreement)
    for path in (f"{PATH}/verify", f"{PATH}/receipt"):
        page = await browser.get(path)
        assert page.status == 409
        assert "verified" not in words_of(page)
