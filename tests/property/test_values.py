"""Values under any input: exact round trips, inverse conversions, and only our own refusals."""

from __future__ import annotations

import string
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from protocol import limits
from protocol.errors import LocalProtocolError, ObjectError
from protocol.values.attributes import (
    AttributeType,
    AttributeVocabulary,
    check_attribute_key_shape,
)
from protocol.values.category import CategoryTree, check_category_shape
from protocol.values.currencies import MINOR_DIGITS
from protocol.values.money import Money, format_money, parse_amount, parse_money
from protocol.values.numerals import Separator, read_numeral
from protocol.values.place import (
    Where,
    cell_of,
    center,
    check_public_place,
    coarsen,
    distance_km,
    resolution_of,
    within,
)
from protocol.values.quantity import (
    convert,
    decimal_of,
    decimal_text,
    parse_quantity,
    unit_code,
)
from protocol.values.spelling import fold, folds, nearest
from protocol.values.units import RECIPROCAL, UNITS

DATA = Path(__file__).resolve().parents[2] / "protocol" / "data"
TREE = CategoryTree.from_json((DATA / "categories.json").read_bytes())
VOCABULARY = AttributeVocabulary.from_json((DATA / "attributes.json").read_bytes())
SPECS = [spec for path in VOCABULARY.categories() for spec in VOCABULARY.own(path).values()]

currencies = st.sampled_from(sorted(MINOR_DIGITS))
amounts = st.integers(0, limits.money_minor_max)
# Text near enough to a value to get past the first check, and text of any kind.
nearly = st.text(string.digits + " .,'-+\u2212eE\u00a0%\"kgMPBEURusd€$/²", max_size=40)
anything = st.one_of(nearly, st.text(max_size=60), st.text(min_size=390, max_size=420))
decimals = st.decimals(
    min_value=-(10**12), max_value=10**12, places=6, allow_nan=False, allow_infinity=False
)
points = st.tuples(st.floats(-90, 90), st.floats(-180, 180))


def refused_or(use, *refusals):
    """Call `use`; give its value and None, or None and the refusal it is allowed to raise."""
    try:
        return use(), None
    except refusals as error:
        return None, error


@given(minor=amounts, cur=currencies)
def test_money_survives_being_written_and_read(minor, cur):
    written = format_money(minor, cur)
    assert parse_money(written) == Money(cur=cur, minor=minor)
    number = written.split()[0]
    assert parse_amount(number, cur) == minor
    assert parse_amount(number.replace(".", ","), cur, decimal_comma=True) == minor


@given(minor=amounts, cur=currencies)
def test_grouping_thousands_changes_nothing(minor, cur):
    whole, point, fraction = format_money(minor, cur).split()[0].partition(".")
    grouped = f"{int(whole):,}"
    english = f"{grouped}{point}{fraction}"
    german = english.translate({ord(","): ".", ord("."): ","})
    swiss = english.replace(",", "'")
    assert parse_amount(english, cur) == minor
    assert parse_amount(german, cur, decimal_comma=True) == minor
    assert parse_amount(swiss, cur) == minor


@given(text=anything, cur=currencies, comma=st.booleans())
@example(text="1,234 USD", cur="USD", comma=False)
def test_any_text_is_money_or_a_refusal_with_a_way_out(text, cur, comma):
    for read in (parse_money, lambda t: parse_amount(t, cur, decimal_comma=comma)):
        found, refusal = refused_or(partial(read, text), LocalProtocolError)
        if refusal:
            assert refusal.code == "E-MONEY"
            assert refusal.fix
        else:
            minor = found.minor if isinstance(found, Money) else found
            assert 0 <= minor <= limits.money_minor_max


@given(text=anything)
def test_a_numeral_read_without_a_habit_agrees_with_one_of_the_two(text):
    found = read_numeral(text)
    if isinstance(found, str):
        assert found in (read_numeral(text, Separator.POINT), read_numeral(text, Separator.COMMA))


@given(n=decimals, unit=st.sampled_from(sorted(UNITS)), data=st.data())
def test_converting_there_and_back_gives_the_same_number(n, unit, data):
    same = [code for code, other in UNITS.items() if other.dimension == UNITS[unit].dimension]
    goal = data.draw(st.sampled_from(sorted(same)))
    assume(n > 0 or not ({unit, goal} & RECIPROCAL))
    there = convert(n, unit, goal)
    assert there is not None
    back = convert(there, goal, unit)
    assert back is not None
    assert abs(back - n) <= abs(n) * Decimal("1e-40") + Decimal("1e-40")


@given(a=decimals, b=decimals, unit=st.sampled_from(sorted(set(UNITS) - RECIPROCAL)))
def test_converting_keeps_the_order(a, b, unit):
    for goal, other in UNITS.items():
        if other.dimension == UNITS[unit].dimension and goal not in RECIPROCAL:
            x, y = convert(a, unit, goal), convert(b, unit, goal)
            assert x is not None
            assert y is not None
            assert (x < y) == (a < b)


@given(n=decimals)
def test_decimal_text_is_what_decimal_of_reads(n):
    assert decimal_of(decimal_text(n)) == n


@given(text=anything)
def test_decimal_of_takes_any_text_or_refuses(text):
    number, refusal = refused_or(lambda: decimal_of(text), ObjectError)
    assert refusal or number.is_finite()


@given(text=anything, default=st.sampled_from(["", "KGM", "each", "MPX"]))
def test_any_text_is_a_quantity_or_a_refusal(text, default):
    found, refusal = refused_or(lambda: parse_quantity(text, default), LocalProtocolError)
    if refusal:
        assert refusal.code == "E-QUANTITY"
        assert refusal.fix
    else:
        decimal_of(found.n)
        assert len(found.n) <= limits.quantity_chars_max
        assert found.unit in UNITS


@given(text=anything)
def test_a_unit_is_known_or_none(text):
    assert unit_code(text) in {None, *UNITS}


@given(text=anything)
def test_folding_twice_is_folding_once(text):
    once = fold(text)
    assert fold(once) == once
    assert once in folds(text)
    nearest(text, ["travel", "Größe", ""], 2)


@given(point=points, resolution=st.integers(0, 15))
def test_a_point_lies_in_its_cell_and_in_every_coarser_one(point, resolution):
    cell = cell_of(point[0], point[1], resolution)
    assert resolution_of(cell) == resolution
    lat, lon = center(cell)
    assert cell_of(lat, lon, resolution) == cell
    for coarse in range(resolution):
        assert within(Where(cell=coarsen(cell, coarse)), cell)


@given(a=points, b=points)
def test_distance_is_symmetric_and_bounded(a, b):
    one, other = cell_of(a[0], a[1], 7), cell_of(b[0], b[1], 7)
    distance = distance_km(one, other)
    assert distance == distance_km(other, one)
    assert 0 <= distance <= 20_040
    assert within(Where(cell=one, radius_km=min(distance, limits.place_radius_km_max)), other) or (
        distance > limits.place_radius_km_max
    )


@given(text=st.one_of(st.text("0123456789abcdef", min_size=14, max_size=16), anything))
def test_any_text_is_a_cell_or_an_object_error(text):
    for use in (
        center,
        resolution_of,
        lambda t: distance_km(t, t),
        lambda t: check_public_place(Where(cell=t)),
        check_category_shape,
        check_attribute_key_shape,
    ):
        refused_or(partial(use, text), ObjectError)


@given(data=st.one_of(st.binary(max_size=80), anything))
def test_any_file_is_a_vocabulary_or_refused(data):
    for read in (CategoryTree.from_json, AttributeVocabulary.from_json):
        with pytest.raises(LocalProtocolError):
            read(data)


@given(words=anything)
def test_searching_never_fails(words):
    for match in TREE.search(words):
        assert TREE.contains(match.path)
    assert all(TREE.contains(path) for path in TREE.suggest(words))
    assert VOCABULARY.find_key(words, words) is None or fold(words)


@given(spec=st.sampled_from(SPECS), text=anything, hint=st.text(max_size=5))
def test_any_text_is_an_attribute_value_or_a_refusal(spec, text, hint):
    found, refusal = refused_or(lambda: spec.parse_value(text, hint), LocalProtocolError)
    if refusal:
        assert refusal.code == "E-ATTRIBUTE"
        assert refusal.fix
        assert refusal.field == spec.key
        return
    if spec.type is AttributeType.NUMBER:
        assert isinstance(found.value, str)
        assert spec.minimum <= decimal_of(found.value) <= spec.maximum
        assert found.unit == spec.unit
    else:
        assert found.unit is None
    # What was read is itself a way to write it.
    if isinstance(found.value, str):
        assert spec.parse_value(found.value) == found
