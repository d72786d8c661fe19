"""The shop's pages: what stands on them, and that a stranger's words stay words."""

from __future__ import annotations

import pytest

from node.entropy import SeededEntropy
from node.errors import RefusedError, StorageError
from node.vendor.matching import SkipReason
from node.web.pages.shop import REASONS
from node.web.site import Site
from tests.unit.node.api.conftest import Asker
from tests.unit.node.api.fake_citizen import FakeCitizen
from tests.unit.node.api.fake_shop import ARTICLE, REQUEST
from tests.unit.node.web.papers import CLOCK

HOSTILE = '<script>alert(1)</script>"\u202e'


@pytest.fixture
def citizen() -> FakeCitizen:
    return FakeCitizen()


@pytest.fixture
def pages(citizen: FakeCitizen) -> Asker:
    return Asker(citizen, faces=[Site(citizen, SeededEntropy("pages", net="test"), CLOCK)])


async def page(pages: Asker, path: str, status: int = 200) -> str:
    response = await pages.ask("GET", path)
    assert (response.status, response.content_type) == (status, "text/html")
    return response.text or ""


async def test_the_overview(pages: Asker):
    text = await page(pages, "/shop")
    assert "<h1>Shop One</h1>" in text
    assert "12 articles" in text
    assert 'href="/shop" aria-current="page"' in text


async def test_reasons_are_counted_and_said_in_words(
    pages: Asker, citizen: FakeCitizen, monkeypatch: pytest.MonkeyPatch
):
    known = await citizen.vendor_status()
    one = {"cast": "cast-1", "reason": "musts", "words": "x"}
    odd = {"cast": "cast-1", "reason": "E-ODD", "words": "x"}

    async def status():
        return known | {
            "skipped": [odd, one, one],
            "locked": True,
            "rules_problem": HOSTILE,
            "categories": {"food": 12},
        }

    monkeypatch.setattr(citizen, "vendor_status", status)
    text = await page(pages, "/shop")
    assert text.index(REASONS["musts"]) < text.index("<code>E-ODD</code>")
    assert "Locked" in text
    assert "<script>alert" not in text
    assert "[202E]" in text
    assert "food" in text


def test_every_reason_has_words():
    assert {reason.value for reason in SkipReason} <= set(REASONS)


@pytest.mark.parametrize("path", ["/shop", "/shop/inbox", "/shop/catalogue", "/shop/offers"])
async def test_a_home_that_sells_nothing_is_told_how_to_begin(
    pages: Asker, citizen: FakeCitizen, path: str
):
    refused = RefusedError("this home has no shop", code="E-NO-SHOP", fix="x")
    assert citizen.salesroom is not None
    citizen.salesroom.fails = refused

    async def none():
        raise refused

    citizen.vendor_status = none  # type: ignore[method-assign]
    assert "intentcast vendor init" in await page(pages, path)


async def test_another_refusal_is_said_as_it_is(pages: Asker, citizen: FakeCitizen):
    assert citizen.salesroom is not None
    citizen.salesroom.fails = RefusedError("not now", code="E-REFUSED", fix="later")
    assert "not now" in await page(pages, "/shop/inbox", 409)
    citizen.salesroom.fails = StorageError("broken", code="E-DB-DAMAGED", fix="x")
    assert "E-DB-DAMAGED" in await page(pages, "/shop/offers", 503)


async def test_the_inbox(pages: Asker, citizen: FakeCitizen):
    text = await page(pages, "/shop/inbox")
    assert 'action="/deals/deal-WAIT-ING1"' in text
    assert "20 Feb 2027, 12:15 UTC" in text
    assert REASONS["no_article"] in text
    assert "offer-AAA1-BBBB" in text
    shop = citizen.salesroom
    assert shop is not None
    failed = REQUEST | {"state": "failed", "reason": "E-ODD", "words": HOSTILE, "title": None}
    shop.waiting, shop.requests = [], [failed]
    text = await page(pages, "/shop/inbox")
    assert "Nothing waits for you" in text
    assert "needs a look" in text
    assert "no longer kept" in text
    assert "<script>alert" not in text
    shop.requests = []
    assert "No request has come yet" in await page(pages, "/shop/inbox")


async def test_the_catalogue(pages: Asker, citizen: FakeCitizen):
    text = await page(pages, "/shop/catalogue")
    assert "the feed counts no piece of it" in text
    assert "249.00 EUR" in text
    assert "not stated" in text
    assert "intentcast vendor import FEED --dry-run" in text
    assert 'rel="next"' not in text
    shop = citizen.salesroom
    assert shop is not None
    shop.next = 77
    text = await page(pages, "/shop/catalogue?words=a%26b&after=5")
    assert shop.calls[-1] == ("catalogue", "a&b", 5)
    assert 'href="/shop/catalogue?words=a%26b&amp;after=77" rel="next"' in text
    assert "From the beginning" in text
    assert 'value="a&amp;b"' in text
    shop.articles = [ARTICLE | {"title": HOSTILE, "sku": HOSTILE, "source": HOSTILE}]
    assert "<script>alert" not in await page(pages, "/shop/catalogue")


async def test_a_shelf_without_articles(pages: Asker, citizen: FakeCitizen):
    shop = citizen.salesroom
    assert shop is not None
    shop.articles = []
    assert "The shelf is empty" in await page(pages, "/shop/catalogue")
    assert "No article on offer holds" in await page(pages, "/shop/catalogue?words=x")
    shop.next = 9
    assert "there are more" in await page(pages, "/shop/catalogue?words=x")


async def test_a_place_that_is_none_is_refused(pages: Asker):
    assert "E-FIELD" in await page(pages, "/shop/catalogue?after=-1", 422)


async def test_offers_sent(pages: Asker, citizen: FakeCitizen):
    text = await page(pages, "/shop/offers")
    assert "offer-AAA1-BBBB" in text
    assert 'href="/deals/deal-1"' in text
    assert "22 Feb 2027" in text
    shop = citizen.salesroom
    assert shop is not None
    shop.next = 3
    assert 'href="/shop/offers?after=3"' in await page(pages, "/shop/offers?after=9")
    shop.sent = []
    assert "No offer has been sent yet" in await page(pages, "/shop/offers")
