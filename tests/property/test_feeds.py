"""Any bytes are a feed or refused; no row is ever lost, invented or quoted under its floor."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.data.vocabulary import attribute_vocabulary, category_tree
from node.vendor.columns import ColumnMap
from node.vendor.feed_rows import CELL_CHARS_MAX, FeedOutcome, FeedProblem, FeedRow
from node.vendor.feed_tables import read_table
from node.vendor.feeds import open_feed
from node.vendor.matching import Charge, Skip
from node.vendor.prices import ShopHabits
from node.vendor.pricing import Pricing, floor_minor
from node.vendor.products import ProductReader
from node.vendor.rules import Discount, Fee, MembershipPrice, Season, Tax
from protocol.errors import LocalProtocolError
from tests.unit.node.vendor.requests import camera, fit, members, purchase, rules

Feed = Callable[[bytes], Path]
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=12)
CELL = TEXT.map(lambda text: " ".join(text.split())).filter(lambda text: "�" not in text)
PIECES = st.sampled_from(
    [
        *('"', ",", ";", "\n", "\r\n", "\r", "\t", "|", "a", "id", "price", "19,99", "\0", "é"),
        *('<?xml version="1.0" encoding="gb2312"?>', "<item", ' a="'),
        *("<rss>", "<item>", "</item>", "<g:id>", "</", "&", "]]>", "<!DOCTYPE a>", "﻿"),
    ]
)


@pytest.fixture
def feed(tmp_path: Path) -> Feed:
    def write(raw: bytes) -> Path:
        path = tmp_path / "feed"
        path.write_bytes(raw)
        return path

    return write


def check_reading(path: Path) -> None:
    """Read to the end: rows and problems, or one refusal that says what to do."""
    reader = ProductReader(
        columns=ColumnMap(attribute_vocabulary()),
        tree=category_tree(),
        habits=ShopHabits(source="feed", currency="EUR", category="food"),
    )
    refusal: LocalProtocolError | None = None
    try:
        with open_feed(path) as opened:
            for event in opened.events:
                check_event(event, reader)
    except LocalProtocolError as error:
        refusal = error
    assert refusal is None or (refusal.code.startswith("E-FEED-") and refusal.fix)


def check_event(event: FeedRow | FeedProblem, reader: ProductReader) -> None:
    if isinstance(event, FeedProblem):
        assert event.code.startswith("E-FEED-")
        return
    assert all(len(text) <= CELL_CHARS_MAX for text in event.cells.values())
    item, problems = reader.read(event)
    assert item is not None or any(found.refused for found in problems)
    assert item is None or item.price_minor > 0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(raw=st.binary(max_size=300))
def test_any_bytes(feed: Feed, raw: bytes):
    check_reading(feed(raw))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    pieces=st.lists(PIECES, max_size=60),
    encoding=st.sampled_from(["utf-8", "utf-16", "utf-16-be", "utf-8-sig"]),
)
def test_anything_like_a_feed(feed: Feed, pieces: list[str], encoding: str):
    check_reading(feed("".join(pieces).encode(encoding)))
    check_reading(feed(b"id,title,price\n" + "".join(pieces).encode()))


@given(
    rows=st.lists(st.lists(CELL, min_size=3, max_size=3), max_size=10),
    delimiter=st.sampled_from(",;|\t"),
)
def test_what_a_writer_writes_is_read_back(rows: list[list[str]], delimiter: str):
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(["one", "two", "three"])
    writer.writerows(rows)
    outcome = FeedOutcome()
    found = list(read_table(io.StringIO(text.getvalue(), newline=None), delimiter, outcome))
    assert [event for event in found if isinstance(event, FeedProblem)] == []
    read = [list(event.cells.values()) for event in found if isinstance(event, FeedRow)]
    assert read == [row for row in rows if any(row)]


@given(pieces=st.lists(PIECES, max_size=60))
def test_every_line_is_answered_for(pieces: list[str]):
    """No good row behind a bad one is lost: a marker row after anything is always read."""
    head = "".join(pieces).replace("\0", "")
    text = f"id,title\n{head}\nlast,row\n"
    found = list(read_table(io.StringIO(text, newline=None), ",", FeedOutcome()))
    rows = [event.cells for event in found if isinstance(event, FeedRow)]
    refused = [event for event in found if isinstance(event, FeedProblem)]
    whole = any("last,row" in cell for row in rows for cell in row.values())
    assert {"id": "last", "title": "row"} in rows or whole or refused


PERCENT = st.decimals(min_value=0, max_value=90, places=2)


@given(
    price=st.integers(1, 10**9),
    pieces=st.integers(1, 50),
    floor=st.one_of(st.none(), st.integers(1, 10**9)),
    floor_percent=st.one_of(st.none(), st.decimals(min_value=0, max_value=100, places=2)),
    percents=st.lists(PERCENT, max_size=4),
    member=PERCENT,
    member_price=st.integers(0, 10**9),
    season=st.decimals(min_value=-90, max_value=300, places=2),
    tax=st.decimals(min_value=0, max_value=100, places=4),
    fee=st.integers(0, 10**6),
)
def test_no_rules_sell_under_the_floor_and_lines_always_sum(
    price: int,
    pieces: int,
    floor: int | None,
    floor_percent: Decimal | None,
    percents: list[Decimal],
    member: Decimal,
    member_price: int,
    season: Decimal,
    tax: Decimal,
    fee: int,
):
    charge = Charge(n=Decimal(pieces), unit="each", pieces=pieces, days=0)
    chosen = fit(camera(price_minor=price, floor_minor=floor), charge)
    by = rules(
        floor_percent=floor_percent,
        discounts=tuple(Discount(name="D", percent=percent) for percent in percents),
        memberships=(
            MembershipPrice(programme="A", percent=member),
            MembershipPrice(programme="B", price_minor=member_price),
        ),
        seasons=(Season(name="S", percent=season, start="01-01", end="12-31"),),
        taxes=(Tax(name="T", percent=tax, included=False, on=("item", "fee", "delivery")),),
        fees=(
            Fee(name="F", amount=fee, per="each", optional=False),
            Fee(name="O", amount=fee, per="each", optional=True),
        ),
    )
    pricing = Pricing(
        cast=purchase(memberships=members("A", "B")).body,
        fits=[chosen],
        rules=by,
        way="pickup",
        span=None,
        today="06-01",
    )
    found = pricing.priced()
    least = floor_minor(chosen, by)
    if isinstance(found, Skip):
        assert price * pieces < least
        return
    for line in found.lines:
        line.check()
    assert found.total == sum(line.total for line in found.lines if line.kind != "optional")
    goods = sum(line.total for line in found.lines if line.kind in ("item", "discount"))
    assert goods >= least
    assert goods >= 0
