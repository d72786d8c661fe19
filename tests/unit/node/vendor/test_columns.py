"""Columns are understood in the words of many shops; what is not is listed."""

from __future__ import annotations

import pytest

from node.vendor import columns as module
from node.vendor.column_names import Field
from node.vendor.columns import ColumnMap, FieldColumn, period_unit
from protocol.values.attributes import AttributeVocabulary

CAMERAS = "electronics/cameras/digital-cameras"
CARS = "travel/car-rental"


@pytest.mark.parametrize(
    ("column", "field"),
    [
        ("id", Field.SKU),
        ("g:id", Field.SKU),
        ("G:ID", Field.SKU),
        ("Artikel-Nr.", Field.SKU),
        ("Référence", Field.SKU),
        ("código", Field.SKU),
        ("Bezeichnung", Field.TITLE),
        ("Désignation", Field.TITLE),
        ("product_name", Field.TITLE),
        ("Preis", Field.PRICE),
        ("PRIX TTC", Field.PRICE),
        ("sale_price", Field.SALE_PRICE),
        ("UVP", Field.LIST_PRICE),
        ("Verfügbarkeit", Field.AVAILABILITY),
        ("Verfuegbarkeit", Field.AVAILABILITY),
        ("Lagerbestand", Field.QUANTITY),
        ("EAN-13", Field.GTIN),
        ("google_product_category", Field.PRODUCT_TYPE),
        ("cost_of_goods_sold", Field.FLOOR),
        ("Einkaufspreis", Field.FLOOR),
        ("Kaution", Field.DEPOSIT),
        ("g:image_link", Field.UNUSED),
    ],
)
def test_known_fields(vocabulary: AttributeVocabulary, column: str, field: Field):
    assert ColumnMap(vocabulary).field_of(column) == FieldColumn(field=field)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("Preis (EUR)", FieldColumn(field=Field.PRICE, currency="EUR")),
        ("price_usd", FieldColumn(field=Field.PRICE, currency="USD")),
        ("Preis €/Tag", FieldColumn(field=Field.PRICE, currency="EUR", per="DAY")),
        ("Prix €", FieldColumn(field=Field.PRICE, currency="EUR")),
        ("price per day", FieldColumn(field=Field.PRICE, per="DAY")),
        ("Daily rate", FieldColumn(field=Field.PRICE, per="DAY")),
        ("Tagespreis", FieldColumn(field=Field.PRICE, per="DAY")),
        ("Tagespreis (USD)", FieldColumn(field=Field.PRICE, currency="USD", per="DAY")),
        ("Preis pro Woche [CHF]", FieldColumn(field=Field.PRICE, currency="CHF", per="WEE")),
        ("prix par jour", FieldColumn(field=Field.PRICE, per="DAY")),
        ("Stundensatz", FieldColumn(field=Field.PRICE, per="HUR")),
        ("monthly rate", FieldColumn(field=Field.PRICE, per="MON")),
        ("deposit_eur", FieldColumn(field=Field.DEPOSIT, currency="EUR")),
        ("title USD", None),
        ("miles per day", None),
        ("top speed", None),
        ("", None),
    ],
)
def test_heads_that_state_currency_and_time(
    vocabulary: AttributeVocabulary, column: str, expected: FieldColumn | None
):
    assert ColumnMap(vocabulary).field_of(column) == expected


@pytest.mark.parametrize(
    ("column", "key", "unit"),
    [
        ("megapixels", "resolution", ""),
        ("Auflösung (MP)", "resolution", "MP"),
        ("Aufloesung [px]", "resolution", "px"),
        ("g:resolution", "resolution", ""),
        ("weight_g", "weight", "g"),
        ("Gewicht in kg", "weight", "kg"),
        ("Poids (oz)", "weight", "oz"),
        ("RAW-Format", "raw", ""),
    ],
)
def test_attributes_with_units_in_their_heads(
    vocabulary: AttributeVocabulary, column: str, key: str, unit: str
):
    found = ColumnMap(vocabulary).attribute_of(column, CAMERAS)
    assert found is not None
    assert (found.spec.key, found.unit) == (key, unit)


@pytest.mark.parametrize(
    "column", ["Regalfach", "raw (kg)", "notes (internal)", "colour_xyz", "(MP)"]
)
def test_columns_that_mean_nothing_known(vocabulary: AttributeVocabulary, column: str):
    columns = ColumnMap(vocabulary)
    assert columns.attribute_of(column, CAMERAS) is None
    assert columns.unmapped == [column]


def test_a_column_may_mean_something_in_one_category_only(vocabulary: AttributeVocabulary):
    columns = ColumnMap(vocabulary)
    assert columns.attribute_of("drivetrain", CAMERAS) is None
    assert columns.attribute_of("drivetrain", CARS) is not None
    assert columns.unmapped == []
    assert columns.mapped == {"drivetrain": "attribute drive"}


def test_what_is_remembered_has_a_cap(
    vocabulary: AttributeVocabulary, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "_CACHE_MAX", 5)
    monkeypatch.setattr(module, "_UNMAPPED_MAX", 7)
    columns = ColumnMap(vocabulary)
    for i in range(100):
        assert columns.field_of(f"x{i}") is None
        assert columns.attribute_of(f"x{i}", CAMERAS) is None
    assert len(columns.unmapped) == 7
    assert len(columns._fields) <= 5
    assert len(columns._attributes) <= 5


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("per day", "DAY"),
        ("/day", "DAY"),
        ("Tag", "DAY"),
        ("pro Stunde", "HUR"),
        ("each", "each"),
        ("kg", "KGM"),
        ("per kg", "KGM"),
        ("Stück", "each"),
        ("blorp", None),
        ("per", None),
        ("", None),
    ],
)
def test_what_a_price_is_for(text: str, unit: str | None):
    assert period_unit(text) == unit
