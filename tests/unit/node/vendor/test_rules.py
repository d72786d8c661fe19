"""Rules are read key by key; a mistake is named, and the last good rules stay in force."""

from __future__ import annotations

import os
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from node.errors import ConfigError
from node.storage.catalogue import StatedFact
from node.vendor.rules import Rules, WatchedRules, load_rules, parse_rules
from protocol.now import HOUR_MS, MINUTE_MS
from protocol.values.attributes import AttributeVocabulary
from protocol.values.category import CategoryTree

Parse = Callable[[str], Rules]
FULL = """\
currency = "usd"
[quote]
validity = "3d"
firm = false
confirm_within = "2h"
quote_unmet = true
quote_unknown = false
over_budget = "skip"
quotes_per_hour_max = 5
note = "hello"
substitute = "similar"
stock_hold = true
warranty_months = 24
[rent]
count = "days"
days_min = 2
days_max = 30
lead_days = 1
[price]
floor_percent = 80.5
deposit = "100 USD"
[[discount]]
name = "Long"
percent = 10
over_days = 7
over_qty = 2
category = "travel"
[[membership]]
programme = "Club"
tier = "Gold"
percent = 5
waives = ["Transfer"]
[[membership]]
programme = "Other"
price = 40
category = "travel/car-rental"
[[season]]
name = "Winter"
start = "12-20"
end = "01-06"
percent = 25
category = "travel"
[[tax]]
name = "VAT"
percent = 19
included = true
on = ["item"]
[[fee]]
name = "Transfer"
amount = 18
per = "each-day"
optional = true
category = "travel"
[fulfil]
mode = "onsite"
cell = "872696a5affffff"
radius_km = 30
[delivery]
radius_km = 50
price = 5
free_over = "100 USD"
[pay]
methods = ["cash", "card"]
when = "before"
link = "https://pay.example/"
[[cancel]]
hours_before = 48
fee = 10
[terms]
accept = ["SD-BASE"]
alternative = "SD-BASE-A"
needed = true
[facts]
insurance-required = false
warranty = "2 years"
language = ["English", "German"]
"""


@pytest.fixture
def parse(vocabulary: AttributeVocabulary, tree: CategoryTree) -> Parse:
    return lambda text: parse_rules(text, vocabulary=vocabulary, tree=tree)


def test_every_key_is_read(parse: Parse):
    rules = parse(FULL)
    assert rules.currency == "USD"
    assert rules.validity_ms == 72 * HOUR_MS
    assert rules.confirm_within_ms == 2 * HOUR_MS
    assert (rules.firm, rules.quote_unmet, rules.quote_unknown) == (False, True, False)
    assert (rules.over_budget, rules.quotes_per_hour_max, rules.note) == ("skip", 5, "hello")
    assert (rules.substitute, rules.stock_hold, rules.warranty_months) == ("similar", True, 24)
    assert (rules.rent_count, rules.days_min, rules.days_max, rules.lead_days) == ("days", 2, 30, 1)
    assert (rules.floor_percent, rules.deposit) == (Decimal("80.5"), 10_000)
    assert rules.discounts[0].over_qty == 2
    assert rules.memberships[0].waives == ("Transfer",)
    assert rules.memberships[1].price_minor == 4_000
    assert rules.seasons[0].start == "12-20"
    assert rules.taxes[0].on == ("item",)
    assert (rules.fees[0].amount, rules.fees[0].optional) == (1_800, True)
    assert (rules.mode, rules.cell, rules.radius_km) == ("onsite", "872696a5affffff", 30)
    assert rules.delivery is not None
    assert (rules.delivery.price, rules.delivery.free_over) == (500, 10_000)
    assert (rules.pay_methods, rules.pay_when) == (("cash", "card"), "before")
    assert rules.cancels[0].hours_before == 48
    assert (rules.terms_accept, rules.terms_alternative) == (("SD-BASE",), "SD-BASE-A")
    facts = rules.facts_for("travel/car-rental")
    assert facts["insurance-required"] == StatedFact(value=False)
    assert facts["warranty"] == StatedFact(value="24", unit="MON")
    assert facts["language"] == StatedFact(value=["en", "de"])
    assert "insurance-required" not in rules.facts_for("toys")
    assert "warranty" in rules.facts_for("toys")


def test_what_is_left_out_has_a_default(parse: Parse):
    rules = parse('currency = "EUR"')
    assert rules == Rules(currency="EUR")
    assert rules.confirm_within_ms == 15 * MINUTE_MS
    assert parse('currency = "EUR"\n[quote]\nfirm = false').confirm_within_ms == 24 * HOUR_MS


@pytest.mark.parametrize(
    ("text", "where", "fix"),
    [
        ("", "rules.toml: currency is missing", "Add"),
        ('currency = "XYZ"', "rules.toml:1: currency is XYZ", "ISO 4217"),
        ('currency = "USD"\nnonsense = 1', "rules.toml:2: nonsense", "Known"),
        ('currency = "USD"\n[quotes]\n', "rules.toml:2: quotes", "Did you mean quote?"),
        ("[quote]\nvalidty = '2d'", "rules.toml:3: quote.validty", "Did you mean validity?"),
        ("[quote]\nvalidity = '5min'", "rules.toml:3: quote.validity is 5min", "10min to 60d"),
        ("[quote]\nconfirm_within = '2d'", "rules.toml:3: quote.confirm_within", "1min to 1d"),
        ("[price]\nfloor_percent = 101", "rules.toml:3: price.floor_percent is 101", "0 to 100"),
        ("[price]\ndeposit = '5 EUR'", "rules.toml:3: price.deposit is in EUR", "USD"),
        ("[[discount]]\nname = 'x'", "rules.toml:2: discount.percent is missing", "percent"),
        ("[[discount]]\npercent = 120", "rules.toml:3: discount.percent is 120", "0 to 90"),
        (
            "[[discount]]\npercent = 5\n[[discount]]\npercent = 5\ncategory = 'travl'",
            "rules.toml:6: discount.category 'travl'",
            "travel",
        ),
        ("[[membership]]\npercent = 5", "rules.toml:2: membership.programme", "Add"),
        ("[[membership]]\nprogramme = 'a'", "rules.toml:2: membership.percent", "waives"),
        (
            "[[membership]]\nprogramme = 'a'\npercent = 5\nprice = 5",
            "rules.toml:5: membership.price",
            "Keep one",
        ),
        ("[[season]]\npercent = 5", "rules.toml:3: season.percent", "12-20"),
        ("[[tax]]\nname = 'x'", "rules.toml:2: tax.percent", "Add"),
        ("[[tax]]\npercent = 5\non = ['land']", "rules.toml:4: tax.on", "item"),
        ("[[fee]]\nname = 'x'", "rules.toml:2: fee.amount", "Add"),
        ("[[fee]]\nname = 'x'\namount = 1\nper = 'hour'", "rules.toml:5: fee.per", "each-day"),
        ("[fulfil]\nmode = 'drone'", "rules.toml:3: fulfil.mode", "pickup"),
        ("[fulfil]\ncell = 'abc'", "rules.toml:3: fulfil.cell is not an H3 cell", "Copy"),
        ("[pay]\nmethods = []", "rules.toml:3: pay.methods is empty", "card"),
        ("[pay]\nlink = 'http://x'", "rules.toml:3: pay.link", "https://"),
        ("[terms]\naccept = ['SD-BAES']", "rules.toml:3: terms.accept names SD-BAES", "SD-BASE"),
        ("[terms]\nalternative = 'QQ'", "rules.toml:3: terms.alternative names QQ", "SD-BASE"),
        ("[rent]\ndays_min = 9\ndays_max = 3", "rules.toml:3: rent.days_min", "Lower"),
        ("[facts]\nisurance-required = 1", "rules.toml:3: facts.isurance-required", "insurance"),
        ("[facts]\nqqqqqqqq = 1", "rules.toml:3: facts.qqqqqqqq", "categories"),
        ("[facts]\ninsurance-required = 'often'", "rules.toml:3: facts.insurance-req", "yes or no"),
        ("[facts]\nwarranty = {a = 1}", "rules.toml:3: facts.warranty is not a value", "text"),
    ],
)
def test_mistakes_are_named(parse: Parse, text: str, where: str, fix: str):
    if text and "currency" not in text:
        text = f'currency = "USD"\n{text}'
    with pytest.raises(ConfigError) as found:
        parse(text)
    assert found.value.code == "E-RULES"
    assert found.value.sentence.startswith(where)
    assert fix in found.value.fix


def test_a_fact_counts_where_its_value_is_known(parse: Parse):
    rules = parse('currency = "USD"\n[facts]\ndrive = "4WD"\n')
    assert rules.facts_for("travel/car-rental")["drive"].value == "4wd"
    assert "drive" not in rules.facts_for("toys")


def test_rules_are_read_again_when_they_change(
    tmp_path: Path, vocabulary: AttributeVocabulary, tree: CategoryTree
):
    path = tmp_path / "rules.toml"
    path.write_text('currency = "USD"')
    watched = WatchedRules(path, vocabulary=vocabulary, tree=tree)
    first = watched.current()
    assert watched.current() is first
    path.write_text('currency = "EUR"')
    os.utime(path, (1, 1))
    assert watched.current().currency == "EUR"
    path.write_text('currency = "EU')
    os.utime(path, (2, 2))
    assert watched.current().currency == "EUR"
    assert watched.problem is not None
    assert watched.problem.code == "E-RULES"
    path.unlink()
    assert watched.current().currency == "EUR"
    path.write_text('currency = "CHF"')
    assert watched.current().currency == "CHF"
    assert watched.problem is None


def test_a_shop_does_not_open_on_broken_rules(
    tmp_path: Path, vocabulary: AttributeVocabulary, tree: CategoryTree
):
    path = tmp_path / "rules.toml"
    path.write_text("currency = 1")
    for opening in (WatchedRules, load_rules):
        with pytest.raises(ConfigError):
            opening(path, vocabulary=vocabulary, tree=tree)
