"""Attributes mean one thing to everybody; the shipped vocabulary is sound."""

from __future__ import annotations

import json
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from protocol import limits
from protocol.errors import LocalProtocolError, ObjectError, Reason
from protocol.ids import blake2b_256
from protocol.values.attributes import (
    AttributeSpec,
    AttributeType,
    AttributeValue,
    AttributeVocabulary,
    check_attribute_key_shape,
)
from protocol.values.category import CategoryTree
from protocol.values.quantity import decimal_of
from protocol.values.spelling import folds

DATA = Path(__file__).resolve().parents[4] / "protocol" / "data"
SHIPPED = DATA / "attributes.json"
CAMERAS = "electronics/cameras/digital-cameras"
CARS = "travel/car-rental"


@pytest.fixture(scope="module")
def vocabulary() -> AttributeVocabulary:
    return AttributeVocabulary.from_json(SHIPPED.read_bytes())


@pytest.fixture(scope="module")
def tree() -> CategoryTree:
    return CategoryTree.from_json((DATA / "categories.json").read_bytes())


def owners_by_name(names_by_owner):
    """Folded name -> every owner that answers to it."""
    owners = defaultdict(set)
    for owner, names in names_by_owner:
        for name in names:
            for folded in folds(name):
                owners[folded].add(owner)
    return owners


def test_every_category_with_attributes_is_in_the_tree(vocabulary, tree):
    assert [p for p in vocabulary.categories() if p and not tree.contains(p)] == []


def test_at_least_thirty_categories_are_described_in_depth(vocabulary):
    deep = [p for p in vocabulary.categories() if p and len(vocabulary.own(p)) >= 6]
    assert len(deep) >= 30


def test_no_name_means_two_attributes_of_one_category(vocabulary):
    for path in vocabulary.categories():
        specs = vocabulary.for_category(path).values()
        owners = owners_by_name((spec.key, spec.spellings()) for spec in specs)
        assert {name: keys for name, keys in owners.items() if len(keys) > 1} == {}, path


def test_no_name_means_two_values_of_one_attribute(vocabulary):
    for path in vocabulary.categories():
        for spec in vocabulary.own(path).values():
            values = ((s, (s, v.label, *v.synonyms)) for s, v in spec.values.items())
            clashes = {n: s for n, s in owners_by_name(values).items() if len(s) > 1}
            assert clashes == {}, (path, spec.key)


def test_specs_are_complete(vocabulary):
    for path in vocabulary.categories():
        for spec in vocabulary.own(path).values():
            check_attribute_key_shape(spec.key)
            assert spec.label
            if spec.type is AttributeType.NUMBER:
                assert spec.minimum is not None, (path, spec.key)
                assert spec.maximum is not None, (path, spec.key)
                assert spec.minimum < spec.maximum
                for bound in (spec.minimum, spec.maximum):
                    decimal_of(f"{bound:f}")
            else:
                assert spec.minimum is None
                assert spec.maximum is None


def test_every_allowed_value_can_be_written_every_way(vocabulary):
    for path in vocabulary.categories():
        for spec in vocabulary.own(path).values():
            for slug, allowed in spec.values.items():
                for text in (slug, allowed.label, *allowed.synonyms):
                    found = spec.parse_value(text).value
                    assert found in (slug, [slug]), (path, spec.key, text)


def test_no_list_value_holds_a_mark_that_parts_the_list(vocabulary):
    marks = set(",;|\n")
    for path in vocabulary.categories():
        for spec in vocabulary.own(path).values():
            for allowed in spec.values.values():
                assert not marks & set("".join((allowed.label, *allowed.synonyms))), spec.key


def test_every_shared_attribute_is_used():
    shipped = json.loads(SHIPPED.read_text("utf-8"))
    used = {i for items in shipped["categories"].values() for i in items if isinstance(i, str)}
    assert {spec["key"] for spec in shipped["shared"]} == used


def test_version_is_the_hash_of_the_bytes(vocabulary):
    raw = SHIPPED.read_bytes()
    assert vocabulary.version == blake2b_256(raw).hex()
    assert AttributeVocabulary.from_json(raw.decode()).version == vocabulary.version


def test_inheritance_along_the_path(vocabulary):
    specs = vocabulary.for_category(CAMERAS)
    assert {"resolution", "raw", "weather-sealed", "brand", "warranty"} <= set(specs)
    assert "resolution" not in vocabulary.for_category("electronics")
    assert "resolution" not in vocabulary.own("electronics/cameras")
    assert vocabulary.for_category(CAMERAS + "/unknown") is specs
    assert set(vocabulary.for_category("unknown")) == set(vocabulary.own(""))
    assert vocabulary.own("unknown") == {}


@pytest.mark.parametrize(
    ("category", "spelling", "key"),
    [
        (CAMERAS, "megapixels", "resolution"),
        (CAMERAS, "MegaPixels", "resolution"),
        (CAMERAS, "Effective Pixels", "resolution"),
        (CAMERAS, "Auflösung", "resolution"),
        (CAMERAS, "AUFLOESUNG", "resolution"),
        (CAMERAS, "RAW support", "raw"),
        (CAMERAS, "raw_format", "raw"),
        (CAMERAS, "Marke", "brand"),
        (CAMERAS, "item_condition", "condition"),
        (CAMERAS, "no such thing", None),
        (CARS, "car class", "body"),
        (CARS, "insurance", "insurance-required"),
        (CARS, "pay up front for gas", "prepaid-fuel-required"),
        (CARS, "winter tires", "winter-tyres"),
        ("fashion/shoes", "shoe_size", "shoe-size-eu"),
        ("unknown/category", "warranty", "warranty"),
        ("unknown/category", "megapixels", None),
        (CAMERAS, "", None),
    ],
)
def test_find_key(vocabulary, category, spelling, key):
    assert vocabulary.find_key(category, spelling) == key
    assert vocabulary.find_key(category, spelling) == key


def test_a_deeper_spec_wins_over_one_above():
    plain = AttributeSpec(key="size", label="Size", type=AttributeType.TEXT)
    exact = AttributeSpec(key="size", label="Size", type=AttributeType.NUMBER, unit="CMT")
    vocabulary = AttributeVocabulary({"a": [plain], "a/b": [exact]}, "v")
    assert vocabulary.for_category("a/b")["size"] is exact
    assert vocabulary.for_category("a")["size"] is plain


def test_a_key_is_found_before_a_synonym():
    first = AttributeSpec(key="zoom", label="Zoom", type=AttributeType.FLAG)
    other = AttributeSpec(
        key="lens", label="Lens", type=AttributeType.TEXT, synonyms=["zoom", "objective"]
    )
    vocabulary = AttributeVocabulary({"a": [first, other]}, "v")
    assert vocabulary.find_key("a", "Zoom") == "zoom"
    assert vocabulary.find_key("a", "Objective") == "lens"


def test_suggest(vocabulary):
    assert vocabulary.suggest(CAMERAS, "megapixls")[0] == "resolution"
    assert vocabulary.suggest(CAMERAS, "qqqqqq") == []


@pytest.mark.parametrize(
    ("category", "key", "text", "value", "unit"),
    [
        (CAMERAS, "resolution", "12 megapixels", "12", "MPX"),
        (CAMERAS, "resolution", "24,2 MP", "24.2", "MPX"),
        (CAMERAS, "resolution", "12100000 px", "12.1", "MPX"),
        (CAMERAS, "resolution", "12", "12", "MPX"),
        (CAMERAS, "raw", "RAW", True, None),
        (CAMERAS, "raw", "Ja", True, None),
        (CAMERAS, "raw", "nein", False, None),
        (CAMERAS, "lens-mount", "E-Mount", "sony-e", None),
        (CAMERAS, "memory-card", "SDXC; CFexpress Type B", ["sd", "cfexpress-b"], None),
        (CAMERAS, "memory-card", "SD, SDHC", ["sd"], None),
        (CAMERAS, "weight", "650 g", "0.65", "KGM"),
        (CARS, "drive", "4x4", "4wd", None),
        (CARS, "drive", "Allrad", "awd", None),
        (CARS, "seats", "5 seats", "5", "each"),
        (CARS, "seats", "5 passengers", "5", "each"),
        (CARS, "insurance-required", "none", False, None),
        (CARS, "mileage-per-day", "200 miles", "321.8688", "KMT"),
        (CARS, "loyalty-programme", "Budget FastBreak, Hertz #1 Club",
         ["budget-fastbreak", "hertz-number-one-club"], None),
        ("vehicles/cars", "fuel-consumption", "30 mpg", "7.840486111111111", "LP100KM"),
        ("electronics/tv", "hdmi-ports", "4 HDMI ports", "4", "each"),
        ("", "warranty", "2 years", "24", "MON"),
        ("electronics", "colour", "  dark   red ", "dark red", None),
    ],
)  # fmt: skip
def test_parse_value(vocabulary, category, key, text, value, unit):
    spec = vocabulary.for_category(category)[key]
    assert spec.parse_value(text) == AttributeValue(value=value, unit=unit)


def test_a_unit_hint_belongs_to_bare_numbers_only(vocabulary):
    weight = vocabulary.for_category(CAMERAS)["weight"]
    assert weight.parse_value("650", "g").value == "0.65"
    assert weight.parse_value("650", "GRM").value == "0.65"
    assert weight.parse_value("0.65 kg", "g").value == "0.65"
    with pytest.raises(LocalProtocolError, match="'bananas' is not a unit"):
        weight.parse_value("650", "bananas")


@pytest.mark.parametrize(
    ("category", "key", "text", "hint"),
    [
        (CAMERAS, "resolution", "12 kg", "in MP from 0.1 to 500"),
        (CAMERAS, "resolution", "banana", "in MP from 0.1 to 500"),
        (CAMERAS, "resolution", "0", "from 0.1 to 500"),
        (CAMERAS, "resolution", "501", "from 0.1 to 500"),
        (CAMERAS, "resolution", "1,200", "two ways"),
        (CAMERAS, "resolution", "", "Give a value"),
        (CAMERAS, "resolution", "9" * 401, "at most"),
        (CAMERAS, "resolution", "999999999999999 MP", "from 0.1 to 500"),
        (CAMERAS, "raw", "maybe", "yes or no"),
        (CARS, "drive", "four wheels drive", "Did you mean 4wd"),
        (CARS, "drive", "boat", "Allowed: 4wd, awd, fwd, rwd"),
        (CARS, "loyalty-programme", "Hertz Gold, Nobody", "Allowed"),
        (CARS, "loyalty-programme", ", ;", "1 to 32 items"),
        (CARS, "loyalty-programme", ",".join(["Sixt One"] * 33), "1 to 32 items"),
        ("electronics", "colour", "x" * 201, "at most 200"),
        ("electronics", "colour", "red\x00", "visible"),
    ],
)
def test_parse_value_refuses_with_a_way_out(vocabulary, category, key, text, hint):
    with pytest.raises(LocalProtocolError) as caught:
        vocabulary.for_category(category)[key].parse_value(text)
    assert caught.value.code == "E-ATTRIBUTE"
    assert caught.value.field == key
    assert hint in caught.value.fix


def test_a_list_without_allowed_values_takes_texts():
    spec = AttributeSpec(key="tags", label="Tags", type=AttributeType.LIST)
    assert spec.parse_value("red; green,red").value == ["red", "green"]


def test_a_number_may_have_no_bounds():
    spec = AttributeSpec(key="n", label="N", type=AttributeType.NUMBER, unit="each")
    assert spec.parse_value("12 pieces").value == "12"
    assert spec.parse_value("-3").value == "-3"
    with pytest.raises(LocalProtocolError, match=r"Give a number$"):
        spec.parse_value("12 bananas")


def test_only_one_bound_is_enough():
    low = AttributeSpec(
        key="n", label="N", type=AttributeType.NUMBER, unit="KGM", minimum=Decimal(1)
    )
    assert low.parse_value("1 kg").value == "1"
    with pytest.raises(LocalProtocolError, match="in kg"):
        low.parse_value("0.9 kg")


def test_attribute_values_survive_the_wire():
    for value in (
        AttributeValue(value="12", unit="MPX"),
        AttributeValue(value=True),
        AttributeValue(value=["a", "b"]),
    ):
        assert msgspec.convert(msgspec.to_builtins(value), AttributeValue) == value


@pytest.mark.parametrize("key", ["a", "0", "a-b", "x" * limits.slug_chars_max])
def test_key_shapes_that_pass(key):
    check_attribute_key_shape(key)


@pytest.mark.parametrize("key", ["", "A", "a b", "a/b", "ä", "a\n", "x" * 41])
def test_key_shapes_that_do_not(key):
    with pytest.raises(ObjectError) as caught:
        check_attribute_key_shape(key)
    assert caught.value.reason is Reason.BAD_SHAPE


def one_spec(**changes):
    spec = {"key": "k", "label": "K", "type": "flag"} | changes
    return json.dumps({"shared": [], "categories": {"a": [spec]}})


@pytest.mark.parametrize(
    "data",
    [
        "",
        "{}",
        b"\xff",
        '{"shared": [], "categories": {"a": ["missing"]}}',
        one_spec(key="BAD"),
        one_spec(type="colour"),
        one_spec(type="number"),
        one_spec(type="number", unit="bananas"),
        one_spec(unit="KGM"),
        one_spec(type="enum"),
        one_spec(values={"x": {"label": "X"}}),
        one_spec(type="enum", values={"X": {"label": "X"}}),
        one_spec(surprise=1),
        '{"shared": [{"key": "k", "label": "K", "type": "flag"}], "categories": {"a": ["k", "k"]}}',
    ],
)
def test_a_damaged_file_is_refused(data):
    with pytest.raises(LocalProtocolError) as caught:
        AttributeVocabulary.from_json(data)
    assert caught.value.code == "E-VOCABULARY"
