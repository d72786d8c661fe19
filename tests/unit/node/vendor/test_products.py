"""A row becomes an article whose price is sure, or a problem with its fix."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from node.storage.catalogue import Item, StatedFact
from node.vendor import products
from node.vendor.columns import ColumnMap
from node.vendor.feed_rows import FeedProblem, FeedRow
from node.vendor.prices import ShopHabits
from node.vendor.products import ProductReader
from protocol.values.attributes import AttributeVocabulary
from protocol.values.category import CategoryTree

CAMERAS = "electronics/cameras/digital-cameras"
GOOD = {"id": "A1", "title": "Camera", "price": "279.00 USD", "category": CAMERAS}


class Reading:
    """Reads rows with the shipped vocabulary."""

    def __init__(self, vocabulary: AttributeVocabulary, tree: CategoryTree) -> None:
        self._vocabulary = vocabulary
        self._tree = tree

    def __call__(self, cells: dict[str, str], **said: Any) -> tuple[Item | None, list[FeedProblem]]:
        habits = ShopHabits(**{"source": "feed", **said})
        columns = ColumnMap(self._vocabulary)
        reader = ProductReader(columns=columns, tree=self._tree, habits=habits)
        return reader.read(FeedRow(line=9, cells=cells))

    def item(self, cells: dict[str, str], **said: Any) -> Item:
        found, problems = self(cells, **said)
        assert found is not None, problems
        return found

    def problem(self, cells: dict[str, str], **said: Any) -> FeedProblem:
        _, problems = self(cells, **said)
        assert len(problems) == 1, problems
        assert problems[0].line == 9
        return problems[0]


@pytest.fixture
def reading(vocabulary: AttributeVocabulary, tree: CategoryTree) -> Reading:
    return Reading(vocabulary, tree)


def test_a_whole_row(reading: Reading):
    item = reading.item(
        {
            **GOOD,
            "description": "Fits  a\npocket",
            "sale_price": "249.00 USD",
            "cost": "200 USD",
            "deposit": "20 USD",
            "shipping": "US:UT:Ground:6.49 USD,CA::Air:9 USD",
            "availability": "in_stock",
            "quantity": "3.0",
            "gtin": "4006381333931",
            "brand": "Example",
            "mpn": "X12",
            "condition": "new",
            "link": "https://shop.example/a1",
            "megapixels": "12.1 MP",
            "RAW": "yes",
        }
    )
    assert item == Item(
        sku="A1",
        source="feed",
        title="Camera",
        category=CAMERAS,
        cur="USD",
        price_minor=24_900,
        list_minor=27_900,
        floor_minor=20_000,
        deposit_minor=2_000,
        shipping_minor=649,
        description="Fits a pocket",
        brand="Example",
        gtin="4006381333931",
        mpn="X12",
        condition="new",
        link="https://shop.example/a1",
        stock=3,
        facts={
            "condition": StatedFact(value="new"),
            "brand": StatedFact(value="Example"),
            "mpn": StatedFact(value="X12"),
            "resolution": StatedFact(value="12.1", unit="MPX"),
            "raw": StatedFact(value=True),
        },
    )


@pytest.mark.parametrize(
    ("change", "code", "column", "fix"),
    [
        ({"id": ""}, "E-FEED-SKU", "", "number"),
        ({"id": "x" * 81}, "E-FEED-SKU", "id", "number"),
        ({"title": ""}, "E-FEED-TITLE", "", "title"),
        ({"price": ""}, "E-FEED-PRICE", "", "price"),
        ({"price": "19,99"}, "E-FEED-PRICE", "price", "--currency EUR --decimal-comma; or write"),
        ({"price": "$1,2,3"}, "E-FEED-PRICE", "price", ""),
        ({"price": "0 USD"}, "E-FEED-PRICE", "price", "Leave out"),
        ({"price": "-1 USD"}, "E-FEED-PRICE", "price", ""),
        ({"price": "call us"}, "E-FEED-PRICE", "price", ""),
        ({"price": "=HYPERLINK(1)"}, "E-FEED-PRICE", "price", ""),
        ({"cost": "cheap"}, "E-FEED-PRICE", "cost", ""),
        ({"cost": "5 EUR"}, "E-FEED-PRICE", "cost", "one currency"),
        ({"sale_price": "5 EUR"}, "E-FEED-PRICE", "sale_price", "one currency"),
        ({"price_unit": "blorp"}, "E-FEED-PRICE", "price_unit", "each, hour, day"),
        ({"category": "qqqq"}, "E-FEED-CATEGORY", "category", "--category"),
        ({"category": ""}, "E-FEED-CATEGORY", "", "--category electronics/cameras"),
    ],
)
def test_rows_that_cannot_be_used(
    reading: Reading, change: dict[str, str], code: str, column: str, fix: str
):
    item, problems = reading({**GOOD, **change})
    assert item is None
    assert [(p.code, p.column, p.refused) for p in problems] == [(code, column, True)]
    assert fix in problems[0].fix
    assert problems[0].fix


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"gtin": "123"}, "E-FEED-GTIN"),
        ({"gtin": "4006381333932"}, "E-FEED-GTIN"),
        ({"gtin": "40063813339٣1"}, "E-FEED-GTIN"),
        ({"quantity": "many"}, "E-FEED-STOCK"),
        ({"quantity": "-1"}, "E-FEED-STOCK"),
        ({"quantity": "9" * 12}, "E-FEED-STOCK"),
        ({"availability": "perhaps"}, "E-FEED-AVAILABILITY"),
        ({"availability": "\U00010a40"}, "E-FEED-AVAILABILITY"),
        ({"sale_price": "soon"}, "E-FEED-PRICE"),
        ({"shipping": "ask"}, "E-FEED-SHIPPING"),
        ({"megapixels": "lots"}, "E-FEED-ATTRIBUTE"),
        ({"megapixels": "9999 MP"}, "E-FEED-ATTRIBUTE"),
        ({"megapixels": "12 kg"}, "E-FEED-ATTRIBUTE"),
        ({"raw": "perhaps"}, "E-FEED-ATTRIBUTE"),
        ({"camera_type": "spaceship"}, "E-FEED-ATTRIBUTE"),
    ],
)
def test_cells_that_are_left_out(reading: Reading, change: dict[str, str], code: str):
    item, problems = reading({**GOOD, **change})
    assert item is not None
    assert [(p.code, p.column, p.refused) for p in problems] == [(code, next(iter(change)), False)]
    assert problems[0].fix


@pytest.mark.parametrize(
    ("cells", "stock", "available"),
    [
        ({}, None, True),
        ({"quantity": "0"}, 0, False),
        ({"quantity": "7"}, 7, True),
        ({"availability": "out of stock"}, None, False),
        ({"availability": "out_of_stock", "quantity": "7"}, 7, False),
        ({"availability": "preorder"}, None, False),
        ({"availability": "https://schema.org/InStock"}, None, True),
        ({"availability": "https://schema.org/OutOfStock"}, None, False),
        ({"availability": "Auf Lager"}, None, True),
        ({"availability": "12"}, None, True),
        ({"availability": "0"}, None, False),
        ({"availability": "what?"}, None, False),
    ],
)
def test_stock(reading: Reading, cells: dict[str, str], stock: int | None, available: bool):
    item = reading.item({**GOOD, **cells})
    assert (item.stock, item.available) == (stock, available)


@pytest.mark.parametrize(
    ("cells", "minor", "unit"),
    [
        ({"price": "49 USD/day"}, 4_900, "DAY"),
        ({"price": "", "daily rate": "49 USD"}, 4_900, "DAY"),
        ({"price_unit": "per week"}, 27_900, "WEE"),
        ({"price": "3.50 USD per kg"}, 350, "KGM"),
        ({"price": "", "Tagespreis (USD)": "49"}, 4_900, "DAY"),
        ({}, 27_900, "each"),
    ],
)
def test_what_a_price_is_for(reading: Reading, cells: dict[str, str], minor: int, unit: str):
    item = reading.item({**GOOD, **cells})
    assert (item.price_minor, item.price_unit) == (minor, unit)


def test_the_feeds_own_price_unit_and_currency(reading: Reading):
    item = reading.item({**GOOD, "price": "49"}, currency="USD", price_unit="DAY")
    assert (item.price_minor, item.price_unit) == (4_900, "DAY")
    item = reading.item({**GOOD, "price": "49", "currency": "chf"})
    assert item.cur == "CHF"


def test_a_sale_price_that_is_none(reading: Reading):
    for sale in ("300 USD", "0 USD"):
        item = reading.item({**GOOD, "sale_price": sale})
        assert (item.price_minor, item.list_minor) == (27_900, None)
    item = reading.item({**GOOD, "list_price": "300 USD"})
    assert (item.price_minor, item.list_minor) == (27_900, 30_000)


@pytest.mark.parametrize(
    ("cells", "category"),
    [
        ({"category": CAMERAS}, CAMERAS),
        ({"category": "/" + CAMERAS.upper() + "/"}, CAMERAS),
        ({"category": "Digital cameras"}, CAMERAS),
        ({"category": "nonsense", "product_type": "Photo > Digitalkamera"}, CAMERAS),
        (
            {"category": "", "google_product_category": "Cameras & Optics > Digital Cameras"},
            CAMERAS,
        ),
        ({"category": "", "product type": "Travel > Car rental"}, "travel/car-rental"),
    ],
)
def test_categories(reading: Reading, cells: dict[str, str], category: str):
    assert reading.item({**GOOD, **cells}).category == category


def test_the_feeds_own_category_bounds_the_rows(reading: Reading):
    row = {**GOOD, "category": "", "product_type": "Books"}
    assert reading.item(row, category="electronics/cameras").category == "electronics/cameras"
    row["product_type"] = "Digital cameras"
    assert reading.item(row, category="electronics/cameras").category == CAMERAS


def test_numbers_with_the_feeds_comma(reading: Reading):
    cells = {**GOOD, "price": "1.234,50", "Auflösung (MP)": "12,1", "Gewicht": "1.200 g"}
    item = reading.item(cells, currency="EUR", decimal_comma=True)
    assert item.price_minor == 123_450
    assert item.facts["resolution"] == StatedFact(value="12.1", unit="MPX")
    assert item.facts["weight"] == StatedFact(value="1.2", unit="KGM")


def test_units_of_heads_are_converted(reading: Reading):
    item = reading.item({**GOOD, "Effective pixels (px)": "12300000", "weight_oz": "10"})
    assert item.facts["resolution"] == StatedFact(value="12.3", unit="MPX")
    assert item.facts["weight"] == StatedFact(value="0.28349523125", unit="KGM")


def test_product_details_are_attributes(reading: Reading):
    details = "General:Resolution:24 MP,Body:RAW support:yes,:nothing,odd"
    item = reading.item({**GOOD, "product_detail": details})
    assert item.facts["resolution"].value == "24"
    assert item.facts["raw"].value is True


def test_atoms_id_is_an_address_and_googles_is_the_number(reading: Reading):
    cells = {"id": "urn:uuid:1", "g:id": "A1", **{k: v for k, v in GOOD.items() if k != "id"}}
    assert reading.item(cells).sku == "A1"


def test_maker_and_model_make_a_title(reading: Reading):
    cells = {**GOOD, "title": "", "make": "Example", "Model": "Forest 4"}
    assert reading.item(cells).title == "Example Forest 4"


def test_shipping_in_another_currency_is_not_used(reading: Reading):
    assert reading.item({**GOOD, "shipping": "DE:::5 EUR"}).shipping_minor is None


def test_titles_are_cut_and_facts_have_a_cap(reading: Reading, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(products, "_FACTS_MAX", 1)
    item = reading.item({**GOOD, "title": "y" * 500, "megapixels": "12", "raw": "no"})
    assert len(item.title) == 160
    assert list(item.facts) == ["resolution"]


def test_what_is_remembered_has_a_cap(
    vocabulary: AttributeVocabulary, tree: CategoryTree, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(products, "_CACHE_MAX", 3)
    habits = ShopHabits(source="feed")
    reader = ProductReader(columns=ColumnMap(vocabulary), tree=tree, habits=habits)
    for i in range(20):
        cells = {**GOOD, "category": f"cameras {i}", "megapixels": f"{i + 1}"}
        reader.read(FeedRow(line=1, cells={**cells, "category": f"{CAMERAS} {i}"}))
        reader.read(FeedRow(line=1, cells={**cells, "category": CAMERAS}))
    assert len(reader._categories) <= 3
    assert len(reader._facts) <= 3
    assert len(reader._searches) <= 3


def test_googles_own_taxonomy_is_understood(
    shared: Path, vocabulary: AttributeVocabulary, tree: CategoryTree
):
    """Real category paths give a category of ours or none; cameras give cameras."""
    reader = ProductReader(
        columns=ColumnMap(vocabulary), tree=tree, habits=ShopHabits(source="feed")
    )
    lines = (shared / "data" / "google-product-taxonomy.en-US.txt").read_text("utf-8").splitlines()
    found = {path: reader.category_of(path) for path in lines[1::40]}
    assert all(path is None or tree.contains(path) for path in found.values())
    assert sum(path is not None for path in found.values()) > len(found) // 4
    digital = "Cameras & Optics > Cameras > Digital Cameras"
    assert reader.category_of(digital) == CAMERAS
    assert reader.category_of("Home & Garden > Decor > Door Mats") == "home/decor"
