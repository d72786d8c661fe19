"""The right article for each wish; silence, with its reason, where the shop cannot serve."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from node.vendor.matching import (
    Charge,
    Shop,
    Skip,
    SkipReason,
    Span,
    addressed,
    charge_for,
    span_of,
    way_of,
)
from node.vendor.rules import Delivery
from protocol.market.constraints import Outcome
from protocol.objects.intentcast import Budget, VendorRequirement, Window
from protocol.values.attributes import AttributeVocabulary
from protocol.values.money import Money
from protocol.values.place import Where, cell_of, center
from tests.parties import NOW_MS
from tests.unit.node.vendor.requests import (
    CARS,
    DATES,
    PARK_CITY,
    SALT_LAKE_CITY,
    SHOP,
    camera,
    car,
    facts,
    must,
    prefer,
    purchase,
    rental,
    rules,
    shortlist,
    wish,
)


def reason(found: object) -> SkipReason | None:
    return found.reason if isinstance(found, Skip) else None


# --- is it for this shop -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cast", "shop", "expected"),
    [
        ({}, {}, None),
        ({"vendor_req": VendorRequirement(parties=["club"])}, {}, SkipReason.NOT_ADDRESSED),
        ({"vendor_req": VendorRequirement(parties=["club"])}, {"party": "club"}, None),
        ({"vendor_req": VendorRequirement(domain=True)}, {}, SkipReason.NOT_ADDRESSED),
        ({"vendor_req": VendorRequirement(domain=True)}, {"domain": "a.example"}, None),
        ({}, {"categories": ("travel",)}, None),
        ({}, {"categories": (CARS,)}, None),
        ({"category": "travel"}, {"categories": (CARS,)}, None),
        ({}, {"categories": ("travel/car", "food")}, SkipReason.CATEGORY),
        ({"budget": Budget(max=Money(cur="USD", minor=5))}, {}, None),
        ({"budget": Budget(max=Money(cur="EUR", minor=5))}, {}, SkipReason.CURRENCY),
        ({"budget": Budget(target=Money(cur="EUR", minor=5))}, {}, SkipReason.CURRENCY),
    ],
)
def test_who_is_addressed(cast: dict[str, Any], shop: dict[str, Any], expected: SkipReason | None):
    body = rental(**cast).body
    assert reason(addressed(body, replace(SHOP, **shop), rules(), now_ms=NOW_MS)) == expected


def test_a_buyer_who_has_decided_is_left_alone():
    body = rental().body
    late = addressed(body, SHOP, rules(), now_ms=body.decide_by)
    assert reason(late) is SkipReason.TOO_LATE


NEAR = Where(cell=PARK_CITY, radius_km=5)


@pytest.mark.parametrize(
    ("where", "shop", "by", "expected"),
    [
        (NEAR, PARK_CITY, {}, "pickup"),
        (NEAR, SALT_LAKE_CITY, {}, SkipReason.PLACE),
        (Where(cell=PARK_CITY, radius_km=50), SALT_LAKE_CITY, {}, "pickup"),
        (NEAR, SALT_LAKE_CITY, {"radius_km": 60}, SkipReason.PLACE),
        (
            NEAR,
            SALT_LAKE_CITY,
            {"delivery": Delivery(radius_km=60, price=0, free_over=None)},
            "delivery",
        ),
        (
            NEAR,
            SALT_LAKE_CITY,
            {"delivery": Delivery(radius_km=5, price=0, free_over=None)},
            SkipReason.PLACE,
        ),
        (NEAR, SALT_LAKE_CITY, {"mode": "onsite", "radius_km": 60}, "onsite"),
        (NEAR, SALT_LAKE_CITY, {"mode": "onsite"}, SkipReason.PLACE),
        (NEAR, SALT_LAKE_CITY, {"mode": "remote"}, "remote"),
        (NEAR, SALT_LAKE_CITY, {"cell": PARK_CITY}, "pickup"),
        (NEAR, "", {}, SkipReason.PLACE),
        (NEAR, "", {"mode": "delivery"}, "delivery"),
        (NEAR, "", {"delivery": Delivery(radius_km=0, price=0, free_over=None)}, "delivery"),
        (Where(remote=True), PARK_CITY, {}, SkipReason.PLACE),
        (Where(remote=True), PARK_CITY, {"mode": "delivery"}, "delivery"),
        (Where(remote=True), PARK_CITY, {"mode": "remote"}, "remote"),
        (
            Where(remote=True),
            "",
            {"delivery": Delivery(radius_km=0, price=0, free_over=None)},
            "delivery",
        ),
    ],
)
def test_the_way_it_gets_there(where: Where, shop: str, by: dict[str, Any], expected: object):
    found = way_of(where, Shop(cell=shop), rules(**by))
    assert (reason(found) or found) == expected


def test_the_profiles_radius_counts_when_the_shop_comes():
    far = Shop(cell=SALT_LAKE_CITY, radius_km=60)
    assert way_of(NEAR, far, rules(mode="onsite")) == "onsite"


# --- days ----------------------------------------------------------------------------------


def window(start: str, end: str, tz: str = "America/Denver", flex_days: int = 0) -> Window:
    return Window(start=start, end=end, tz=tz, flex_days=flex_days)


@pytest.mark.parametrize(
    ("when", "by", "days"),
    [
        ([], {}, None),
        ([DATES], {}, 5),
        ([DATES], {"rent_count": "days"}, 6),
        ([window("2026-12-20", "2026-12-20")], {}, 1),
        ([DATES], {"days_min": 6}, SkipReason.DATES),
        ([DATES], {"days_max": 4}, SkipReason.DATES),
        ([DATES, window("2027-01-01", "2027-01-09")], {"days_min": 6}, 8),
        ([DATES], {"lead_days": 29}, 5),
        ([DATES], {"lead_days": 30}, SkipReason.DATES),
        ([window("2026-12-20", "2026-12-25", flex_days=2)], {"lead_days": 30}, 5),
        ([window("2026-11-19", "2026-11-20")], {}, SkipReason.DATES),
        ([window("2027-02-30", "2027-03-02")], {}, SkipReason.DATES),
        ([window("2026-12-20", "2026-12-25", tz="Nowhere/Atall")], {}, 5),
        ([window("2026-12-20", "2026-12-25", tz="../../etc/passwd")], {}, 5),
    ],
)
def test_days(when: list[Window], by: dict[str, Any], days: int | SkipReason | None):
    # Not signed: some of these days and zones would be refused at signing, and are met here too.
    body = msgspec.structs.replace(rental().body, when=when)
    found = span_of(body, rules(**by), now_ms=NOW_MS)
    assert (found.days if isinstance(found, Span) else reason(found)) == days


@pytest.mark.parametrize(
    ("article", "asked", "function", "expected"),
    [
        (car(), wish(), "rent", Charge(n=Decimal(5), unit="DAY", pieces=1, days=5)),
        (car(), wish(qty="2"), "rent", Charge(n=Decimal(10), unit="DAY", pieces=2, days=5)),
        (car(price_unit="WEE"), wish(), "rent", Charge(n=Decimal(1), unit="WEE", pieces=1, days=5)),
        (car(price_unit="MON"), wish(), "rent", Charge(n=Decimal(1), unit="MON", pieces=1, days=5)),
        (car(), wish(), "buy", None),
        (car(price_unit="each"), wish(), "rent", None),
        (
            car(price_unit="each"),
            wish(),
            "hire",
            Charge(n=Decimal(1), unit="each", pieces=1, days=0),
        ),
        (car(price_unit="HUR"), wish(), "hire", None),
        (
            car(price_unit="HUR"),
            wish(qty="90", unit="MIN"),
            "hire",
            Charge(n=Decimal("1.5"), unit="HUR", pieces=1, days=5),
        ),
        (
            car(),
            wish(qty="2", unit="WEE"),
            "rent",
            Charge(n=Decimal(14), unit="DAY", pieces=1, days=5),
        ),
        (car(), wish(qty="1.5"), "rent", None),
        (camera(), wish(qty="3"), "buy", Charge(n=Decimal(3), unit="each", pieces=3, days=0)),
        (camera(), wish(qty="2.5"), "buy", None),
        (camera(), wish(qty="2", unit="KGM"), "buy", None),
        (
            camera(price_unit="DZN"),
            wish(qty="24"),
            "buy",
            Charge(n=Decimal(2), unit="DZN", pieces=24, days=0),
        ),
        (camera(price_unit="DZN"), wish(qty="13"), "buy", None),
        (
            camera(price_unit="KGM"),
            wish(qty="2500", unit="GRM"),
            "buy",
            Charge(n=Decimal("2.5"), unit="KGM", pieces=3, days=0),
        ),
        (car(), wish(qty="3", unit="KGM"), "rent", None),
    ],
)
def test_what_a_price_is_multiplied_with(
    article: Any, asked: Any, function: str, expected: Charge | None
):
    span = span_of(rental().body, rules(), now_ms=NOW_MS)
    assert isinstance(span, Span)
    assert charge_for(article, asked, function, span) == expected


def test_a_daily_price_needs_days():
    assert charge_for(car(), wish(), "rent", None) is None


# --- which article -------------------------------------------------------------------------


def test_the_best_article_wins(vocabulary: AttributeVocabulary):
    cast = purchase(must("resolution", "ge", "12", "MPX"), must("raw"), prefer("wifi", weight=5))
    found = shortlist(
        cast,
        vocabulary,
        camera("cheap", 10_000, facts=facts(resolution=("10", "MPX"), raw=True)),
        camera("unsaid", 11_000, facts=facts(resolution=("16", "MPX"))),
        camera("right", 27_900, facts=facts(resolution=("12.1", "MPX"), raw=True)),
        camera("dear", 31_000, facts=facts(resolution=("16", "MPX"), raw=True)),
    )
    (best,) = found.choice()  # type: ignore[misc]
    assert best.article.sku == "right"
    assert [f.status.outcome for f in best.findings] == ["met", "met", "unknown"]
    found.consider(
        [camera("liked", 31_000, facts=facts(resolution=("16", "MPX"), raw=True, wifi=True))]
    )
    assert found.best[0].article.sku == "liked"
    assert found.considered == 5


def test_units_are_converted(vocabulary: AttributeVocabulary):
    cast = purchase(must("resolution", "ge", "12", "MPX"), must("weight", "le", "400", "GRM"))
    found = shortlist(
        cast,
        vocabulary,
        camera("px", facts=facts(resolution=("12300000", "E37"), weight=("0.38", "KGM"))),
    )
    (best,) = found.choice()  # type: ignore[misc]
    assert {f.status.outcome for f in best.findings} == {Outcome.MET}


@pytest.mark.parametrize(
    ("by", "raw", "expected"),
    [
        ({}, False, SkipReason.MUSTS),
        ({"quote_unmet": True}, False, None),
        ({}, None, None),
        ({"quote_unknown": False}, None, SkipReason.UNKNOWN),
        ({}, True, None),
    ],
)
def test_an_article_that_fails_a_must(
    vocabulary: AttributeVocabulary, by: dict[str, Any], raw: bool | None, expected: object
):
    stated = {} if raw is None else facts(raw=raw)
    found = shortlist(purchase(must("raw")), vocabulary, camera(facts=stated), **by).choice()
    assert reason(found) is expected
    if isinstance(found, Skip):
        assert found.words.startswith("raw: ")


def test_what_the_rules_say_of_all_counts_where_the_feed_is_silent(
    vocabulary: AttributeVocabulary,
):
    cast = rental(must("insurance-required", "absent"))
    said = {CARS: facts(insurance_required=False)}
    (best,) = shortlist(cast, vocabulary, car(), facts=said).choice()  # type: ignore[misc]
    assert best.findings[0].status.outcome is Outcome.MET
    forced = car(facts=facts(insurance_required=True))
    assert reason(shortlist(cast, vocabulary, forced, facts=said).choice()) is SkipReason.MUSTS


def test_a_key_may_be_a_name_the_attribute_goes_by(vocabulary: AttributeVocabulary):
    cast = purchase(must("megapixels", "ge", "12", "MPX"))
    found = shortlist(cast, vocabulary, camera(facts=facts(resolution=("12", "MPX"))))
    (best,) = found.choice()  # type: ignore[misc]
    assert best.findings[0].status.outcome is Outcome.MET


@pytest.mark.parametrize(
    ("article", "expected"),
    [
        (car(stock=1), None),
        (car(stock=0), SkipReason.NO_ARTICLE),
        (car(available=False), SkipReason.NO_ARTICLE),
        (car(cur="EUR"), SkipReason.CURRENCY),
        (camera(), SkipReason.NO_ARTICLE),
    ],
)
def test_articles_that_cannot_be_had(
    vocabulary: AttributeVocabulary, article: Any, expected: SkipReason | None
):
    assert reason(shortlist(rental(), vocabulary, article).choice()) is expected


def test_pieces_promised_elsewhere_are_not_offered_again(vocabulary: AttributeVocabulary):
    found = shortlist(rental(), vocabulary)
    found.committed = {"A": 2}
    found.consider([car("A", 1_000, stock=2), car("B", 9_000, stock=1)])
    assert found.best[0].article.sku == "B"


def test_every_wish_gets_its_article(vocabulary: AttributeVocabulary):
    cast = purchase(items=[wish("mirrorless camera"), wish("leather bag", "2")])
    found = shortlist(
        cast,
        vocabulary,
        camera("C", 50_000, title="Mirrorless camera body"),
        camera("B", 4_000, title="Leather bag"),
    )
    fits = found.choice()
    assert isinstance(fits, list)
    assert [(f.article.sku, f.charge.pieces) for f in fits] == [("C", 1), ("B", 2)]
    alone = shortlist(cast, vocabulary, camera("B", stock=1)).choice()
    assert isinstance(alone, Skip)
    assert alone.words == "nothing on offer for: leather bag"


def test_real_shops_are_near_or_far_as_on_the_globe(shared: Path):
    """1,565 real places: who lies within 80 km of Park City, by an arithmetic of its own."""
    stores = json.loads((shared / "data" / "stores.json").read_text("utf-8"))
    lat, lon = center(PARK_CITY)
    where = Where(cell=PARK_CITY, radius_km=80)
    near = 0
    for store in stores:
        place = store["location"]
        cell = cell_of(place["lat"], place["lon"], 7)
        found = way_of(where, Shop(cell=cell), rules())
        far_km = _haversine_km(lat, lon, place["lat"], place["lon"])
        if abs(far_km - 80) > 4:
            assert (found == "pickup") == (far_km < 80), store["name"]
        near += found == "pickup"
    assert 3 <= near <= 30


def _haversine_km(lat: float, lon: float, to_lat: float, to_lon: float) -> float:
    a, b, c, d = map(math.radians, (lat, lon, to_lat, to_lon))
    half = math.sin((c - a) / 2) ** 2 + math.cos(a) * math.cos(c) * math.sin((d - b) / 2) ** 2
    return 2 * 6_371 * math.asin(math.sqrt(half))
