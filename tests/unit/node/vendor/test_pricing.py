"""Lines sum exactly, are rounded once each, and never go under a floor."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from node.storage.catalogue import Item
from node.vendor.matching import Charge, Skip, SkipReason, Span, span_of
from node.vendor.pricing import Priced, Pricing, half_up
from node.vendor.rules import Delivery, Discount, Fee, MembershipPrice, Season, Tax
from protocol.objects.offer import Line
from tests.parties import NOW_MS
from tests.unit.node.vendor.requests import CARS, camera, car, fit, members, rental, rules

FIVE_DAYS = Charge(n=Decimal(5), unit="DAY", pieces=1, days=5)
ONE = Charge(n=Decimal(1), unit="each", pieces=1, days=0)
ON_ALL = ("item", "fee", "delivery")


def work_out(
    article: Item,
    charge: Charge = FIVE_DAYS,
    *,
    programmes: tuple[str, ...] = (),
    way: str = "pickup",
    today: str = "06-01",
    **by: Any,
) -> Priced | Skip:
    cast = rental(memberships=members(*programmes)).body
    set_of = rules(**by)
    span = span_of(cast, set_of, now_ms=NOW_MS) if charge.days else None
    assert span is None or isinstance(span, Span)
    pricing = Pricing(
        cast=cast, fits=[fit(article, charge)], rules=set_of, way=way, span=span, today=today
    )
    return pricing.priced()


def priced(*args: Any, **named: Any) -> Priced:
    found = work_out(*args, **named)
    assert isinstance(found, Priced), found
    for line in found.lines:
        line.check()
    assert found.total == sum(line.total for line in found.lines if line.kind != "optional")
    return found


def lines(found: Priced) -> list[tuple[str, str, int]]:
    return [(line.kind, line.name, line.total) for line in found.lines]


@pytest.mark.parametrize(
    ("amount", "minor"), [("0.5", 1), ("1.5", 2), ("2.5", 3), ("2.49", 2), ("0", 0)]
)
def test_halves_go_up(amount: str, minor: int):
    assert half_up(Decimal(amount)) == minor


def test_days_times_price():
    found = priced(car(sku="A", gtin="4006381333931", mpn="M"))
    (line,) = found.lines
    assert (line.unit, line.total, line.qty.n, line.qty.unit) == (5_000, 25_000, "5", "DAY")
    assert (line.sku, line.gtin, line.mpn) == ("A", "4006381333931", "M")
    assert (found.total, found.due_now) == (25_000, 0)


def test_several_pieces_are_said():
    two = Charge(n=Decimal(10), unit="DAY", pieces=2, days=5)
    (line,) = priced(car(), two).lines
    assert (line.total, line.basis) == (50_000, "2 pieces")


def test_weighed_goods_are_rounded_once():
    charge = Charge(n=Decimal("2.335"), unit="KGM", pieces=3, days=0)
    (line,) = priced(camera(price_minor=1_999, price_unit="KGM"), charge).lines
    assert line.total == 4_668


def test_discounts_add_up_and_name_their_share():
    found = priced(
        car(),
        discounts=(
            Discount(name="Long", percent=Decimal(10), over_days=5),
            Discount(name="Longer", percent=Decimal(10), over_days=6),
            Discount(name="Many", percent=Decimal(10), over_qty=2),
            Discount(name="Elsewhere", percent=Decimal(10), category="food"),
            Discount(name="Travel", percent=Decimal("0.5"), category="travel"),
        ),
    )
    assert lines(found)[1:] == [("discount", "Long", -2_500), ("discount", "Travel", -125)]
    assert found.explain[0] == "Long: -25.00 USD (10 %)"


def test_the_best_programme_counts():
    by = {
        "memberships": (
            MembershipPrice(programme="Avis Wizard", percent=Decimal(5)),
            MembershipPrice(programme="Hertz #1 Club", percent=Decimal(12)),
            MembershipPrice(programme="Budget FastBreak", percent=Decimal(50)),
            MembershipPrice(programme="Avis Wizard", tier="Gold", percent=Decimal(60)),
            MembershipPrice(programme="Avis Wizard", percent=Decimal(70), category="food"),
        )
    }
    found = priced(car(), programmes=("avis wizard", "HERTZ 1 CLUB"), **by)
    assert lines(found)[1:] == [("discount", "Hertz #1 Club", -3_000)]
    assert len(priced(car(), **by).lines) == 1


def test_a_programmes_own_price():
    by = {
        "memberships": (
            MembershipPrice(programme="A", price_minor=4_000),
            MembershipPrice(programme="B", price_minor=3_500),
            MembershipPrice(programme="C", price_minor=9_000),
        )
    }
    assert priced(car(), programmes=("A",), **by).lines[0].unit == 4_000
    assert priced(car(), programmes=("A", "B", "C"), **by).lines[0].unit == 3_500
    assert priced(car(), programmes=("A", "B"), **by).lines[0].basis == "B price"
    assert priced(car(), programmes=("C",), **by).lines[0].unit == 5_000


@pytest.mark.parametrize(
    ("floor_minor", "floor_percent", "net"),
    [
        (None, None, 12_500),
        (3_000, None, 15_000),
        (None, Decimal(80), 20_000),
        (3_000, Decimal(80), 20_000),
        (4_500, Decimal(80), 22_500),
        (None, Decimal("66.67"), 16_668),
        (5_000, None, 25_000),
    ],
)
def test_discounts_stop_at_the_floor(
    floor_minor: int | None, floor_percent: Decimal | None, net: int
):
    found = priced(
        car(floor_minor=floor_minor),
        floor_percent=floor_percent,
        discounts=(Discount(name="Half", percent=Decimal(50)),),
    )
    assert found.total == net


@pytest.mark.parametrize("programme", ["percent", "price"])
def test_programmes_stop_at_the_floor(programme: str):
    rule = (
        MembershipPrice(programme="A", percent=Decimal(90))
        if programme == "percent"
        else MembershipPrice(programme="A", price_minor=1)
    )
    found = priced(
        car(floor_minor=3_333),
        programmes=("A",),
        memberships=(rule,),
        discounts=(Discount(name="More", percent=Decimal(90)),),
    )
    assert found.total == 16_665


def test_a_price_under_its_own_floor_gives_no_quote():
    found = work_out(car(price_minor=5_000, floor_minor=5_001))
    assert isinstance(found, Skip)
    assert found.reason is SkipReason.FLOOR
    sale = work_out(car(price_minor=5_000, list_minor=10_000), floor_percent=Decimal(60))
    assert isinstance(sale, Skip)


def test_a_list_price_is_said():
    (line,) = priced(car(list_minor=6_000)).lines
    assert line.basis == "list price 60.00 USD"


@pytest.mark.parametrize(
    ("start", "end", "unit"),
    [
        ("12-20", "01-06", 6_250),
        ("12-01", "12-20", 6_250),
        ("12-21", "12-31", 5_000),
        ("12-25", "12-24", 6_250),
    ],
)
def test_seasons_go_by_the_first_day(start: str, end: str, unit: int):
    season = Season(name="S", percent=Decimal(25), start=start, end=end)
    assert priced(car(), seasons=(season,)).lines[0].unit == unit


def test_seasons_of_a_purchase_go_by_today():
    season = Season(name="S", percent=Decimal(-50), start="06-01", end="06-02")
    assert priced(camera(), ONE, today="06-02", seasons=(season,)).total == 13_950
    assert priced(camera(), ONE, today="06-03", seasons=(season,)).total == 27_900
    floor = priced(camera(floor_minor=20_001), ONE, today="06-01", seasons=(season,))
    assert floor.total == 20_001
    elsewhere = Season(name="S", percent=Decimal(9), start="01-01", end="12-31", category="food")
    assert priced(camera(), ONE, seasons=(elsewhere,)).total == 27_900


@pytest.mark.parametrize(
    ("per", "total", "unit"),
    [
        ("once", 1_000, "each"),
        ("each", 2_000, "each"),
        ("day", 5_000, "DAY"),
        ("each-day", 10_000, "DAY"),
    ],
)
def test_fees(per: str, total: int, unit: str):
    two = Charge(n=Decimal(10), unit="DAY", pieces=2, days=5)
    found = priced(car(), two, fees=(Fee(name="F", amount=1_000, per=per, optional=False),))
    assert lines(found)[1:] == [("fee", "F", total)]
    assert found.lines[1].qty.unit == unit


def test_fees_of_other_things_and_of_days_that_are_none():
    by = {
        "fees": (
            Fee(name="A", amount=1, per="once", optional=False, category="food"),
            Fee(name="B", amount=1, per="day", optional=False),
            Fee(name="C", amount=1, per="each-day", optional=True),
        )
    }
    assert len(priced(camera(), ONE, **by).lines) == 1


def test_a_programme_waives_fees():
    by = {
        "fees": (
            Fee(name="Transfer", amount=500, per="once", optional=False),
            Fee(name="Second driver", amount=700, per="once", optional=True),
        ),
        "memberships": (MembershipPrice(programme="A", waives=("transfer", "Second Driver")),),
    }
    assert priced(car(), **by).total == 25_500
    found = priced(car(), programmes=("A",), **by)
    assert found.total == 25_000
    assert lines(found)[-1] == ("optional", "Second driver", 0)
    assert "Transfer: waived for a member" in found.explain


def test_taxes_are_added_on_what_they_are_due_on():
    found = priced(
        car(),
        way="delivery",
        delivery=Delivery(radius_km=9, price=1_000, free_over=None),
        discounts=(Discount(name="D", percent=Decimal(10)),),
        fees=(Fee(name="F", amount=700, per="once", optional=False),),
        taxes=(
            Tax(name="All", percent=Decimal("7.75"), included=False, on=ON_ALL),
            Tax(name="Goods", percent=Decimal(1), included=False, on=("item",)),
            Tax(name="Fees", percent=Decimal(10), included=False, on=("fee",)),
            Tax(name="None", percent=Decimal(0), included=False, on=ON_ALL),
            Tax(name="VAT", percent=Decimal(19), included=True, on=ON_ALL),
        ),
    )
    assert lines(found)[2:] == [
        ("fee", "F", 700),
        ("delivery", "Delivery", 1_000),
        ("tax", "All", 1_876),
        ("tax", "Goods", 225),
        ("tax", "Fees", 70),
    ]
    assert found.explain[-1] == "prices hold 19 % VAT"


def test_what_may_be_added_holds_its_tax():
    found = priced(
        car(),
        fees=(Fee(name="Seat", amount=800, per="each-day", optional=True),),
        taxes=(Tax(name="T", percent=Decimal("11.6"), included=False, on=ON_ALL),),
    )
    option = found.lines[-1]
    assert (option.kind, option.unit, option.total) == ("optional", 893, 4_465)
    assert option.basis == "each-day, with 11.6 % tax"
    assert found.total == 25_000 + 2_900


@pytest.mark.parametrize(
    ("by", "shipping", "total"),
    [
        (None, 650, 650),
        (None, None, 0),
        (Delivery(radius_km=9, price=None, free_over=None), 650, 650),
        (Delivery(radius_km=9, price=990, free_over=None), 650, 990),
        (Delivery(radius_km=9, price=990, free_over=27_900), 650, 0),
        (Delivery(radius_km=9, price=990, free_over=27_901), 650, 990),
    ],
)
def test_delivery(by: Delivery | None, shipping: int | None, total: int):
    article = camera(shipping_minor=shipping)
    found = priced(article, ONE, way="delivery", delivery=by)
    assert lines(found)[-1] == ("delivery", "Delivery", total)
    assert len(priced(article, ONE, way="pickup", delivery=by).lines) == 1


def test_deposits_are_due_at_once_and_outside_the_total():
    two = Charge(n=Decimal(10), unit="DAY", pieces=2, days=5)
    assert priced(car(deposit_minor=20_000), two, deposit=5_000).due_now == 40_000
    assert priced(car(), two, deposit=5_000).due_now == 10_000
    assert priced(car(deposit_minor=0), two, deposit=5_000).due_now == 0


def test_lines_are_ordinary_lines():
    found = priced(
        car(title="x" * 160, category=CARS),
        fees=(Fee(name="F", amount=0, per="once", optional=False),),
    )
    assert all(isinstance(line, Line) for line in found.lines)
