"""What keeps an article from being quoted, whatever is asked for."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from node.vendor.hindrances import hindrance
from node.vendor.matching import Shop
from node.vendor.rules import Rules, Season
from tests.unit.node.vendor.requests import camera

RULES = Rules(currency="USD")
SHOP = Shop(categories=("electronics/cameras",))


def why(rules: Rules = RULES, shop: Shop = SHOP, sold: int = 0, **facts: Any) -> tuple[str, str]:
    found = hindrance(camera(**facts), shop=shop, rules=rules, sold=sold)
    return ("", "") if found is None else (found.reason.value, found.words)


def test_nothing_stands_in_the_way():
    assert why() == ("", "")
    assert why(stock=2, sold=1) == ("", "")
    assert why(shop=Shop()) == ("", "")


@pytest.mark.parametrize(
    ("facts", "reason", "words"),
    [
        ({"available": False}, "no_article", "the feed says"),
        ({"stock": 0}, "no_article", "counts no piece"),
        ({"stock": 2, "sold": 2}, "no_article", "2 pieces sold, and the feed counted 2"),
        ({"cur": "EUR"}, "currency", "priced in EUR"),
        ({"category": "electronics/audio"}, "category", "only a request for all of 'electronics'"),
        ({"category": "food"}, "category", "outside the categories of vendor.toml"),
        ({"price_minor": 100, "floor_minor": 101}, "floor", "1.00 USD is under its floor 1.01 USD"),
    ],
)
def test_what_stands_in_the_way(facts: dict[str, Any], reason: str, words: str):
    found = why(**facts)
    assert found[0] == reason
    assert words in found[1]


def test_the_floor_of_the_rules_is_of_the_list_price():
    rules = Rules(currency="USD", floor_percent=Decimal(80))
    assert why(rules, price_minor=79, list_minor=100)[0] == "floor"
    assert why(rules, price_minor=80, list_minor=100)[0] == ""


def test_a_dearer_season_may_lift_a_price_over_its_floor():
    season = Season(name="High", start="06-01", end="08-31", percent=Decimal(20), category="")
    rules = Rules(currency="USD", seasons=(season,))
    assert why(rules, price_minor=100, floor_minor=110)[0] == ""
