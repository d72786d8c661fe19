"""Quantities are exact, and units convert only within their dimension."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from protocol.errors import LocalProtocolError, ObjectError, Reason
from protocol.values.quantity import (
    Quantity,
    convert,
    decimal_of,
    decimal_text,
    parse_quantity,
    unit_code,
    unit_label,
)


@pytest.mark.parametrize(
    ("text", "n", "unit"),
    [
        ("12 MP", "12", "MPX"),
        ("12.1 megapixels", "12.1", "MPX"),
        ("24 Mpx", "24", "MPX"),
        ("24,2 Mégapixels", "24.2", "MPX"),
        ('5"', "5", "INH"),  # codespell:ignore
        ("5'", "5", "FOT"),  # codespell:ignore
        ("2 kg", "2", "KGM"),
        ("2KG", "2", "KGM"),
        ("5 KGM", "5", "KGM"),
        ("5 seats", "5", "each"),
        ("5-seater", "5", "each"),
        ("1.200,5 g", "1200.5", "GRM"),
        ("1 234 km", "1234", "KMT"),
        ("-10 °C", "-10", "CEL"),
        ("2 fl. oz.", "2", "OZA"),
        ("350 Nm", "350", "NU"),
        ("350 nm", "350", "C45"),
        ("64GB", "64", "E34"),
        ("100 Mb", "100", "D36"),
        ("100 MB", "100", "4L"),
        ("8.5 l/100km", "8.5", "LP100KM"),
        ("50%", "50", "P1"),
        (".5 kg", "0.5", "KGM"),
        ("005.50 kg", "5.5", "KGM"),
        ("6 m²", "6", "MTK"),
        ("3 Stück", "3", "each"),
        ("999999999999999 kg", "999999999999999", "KGM"),
    ],
)
def test_parse_quantity_reads_what_people_write(text, n, unit):
    assert parse_quantity(text) == Quantity(n=n, unit=unit)


def test_a_bare_number_takes_the_default_unit_only():
    assert parse_quantity("12", "MPX") == Quantity(n="12", unit="MPX")
    assert parse_quantity("12 kg", "MPX") == Quantity(n="12", unit="KGM")
    with pytest.raises(LocalProtocolError, match="has no unit"):
        parse_quantity("12")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "12 MP"),
        ("kg", "12 MP"),
        ("many kg", "12 MP"),
        ("1,200 g", "comma"),
        ("1,23,4 kg", "12 MP"),
        ("5 kilogrm", "kilogram"),
        ("5 ☃", "Use a unit"),
        ("9999999999999999 kg", "15 digits"),
        ("0.1234567890123456 kg", "15 digits"),
        ("1e5 kg", "kg?"),
        ("5" * 401, "12 MP"),
    ],
)
def test_parse_quantity_refuses_the_rest(text, hint):
    with pytest.raises(LocalProtocolError) as caught:
        parse_quantity(text)
    assert caught.value.code == "E-QUANTITY"
    assert hint in caught.value.fix


@pytest.mark.parametrize("n", ["0", "-0", "5", "-5.25", "007", "1." + "0" * 15, "9" * 15])
def test_decimal_of_reads_plain_decimals(n):
    assert decimal_of(n) == Decimal(n)


@pytest.mark.parametrize(
    "n",
    [
        "", "-", "+5", ".5", "5.", "1e5", "NaN", "Infinity", "1_0", " 5", "5\n", "1,5", "٣",
        "1" * 16, "0." + "1" * 16,
    ],
)  # fmt: skip
def test_decimal_of_refuses_everything_else(n):
    with pytest.raises(ObjectError) as caught:
        decimal_of(n)
    assert caught.value.reason is Reason.OUT_OF_RANGE


@pytest.mark.parametrize(
    ("n", "unit", "goal", "expected"),
    [
        ("1", "INH", "CMT", "2.54"),  # codespell:ignore
        ("1", "SMI", "KMT", "1.609344"),
        ("100", "CEL", "FAH", "212"),
        ("-40", "FAH", "CEL", "-40"),
        ("0", "KEL", "CEL", "-273.15"),
        ("1", "LBR", "GRM", "453.59237"),
        ("1", "GLL", "LTR", "3.785411784"),
        ("1", "HAR", "HAR", "1"),
        ("1", "H18", "MTK", "10000"),
        ("2", "ANN", "MON", "24"),
        ("1", "WEE", "DAY", "7"),  # codespell:ignore
        ("12100000", "E37", "MPX", "12.1"),
        ("12", "E38", "MPX", "12"),
        ("1", "E34", "4L", "1000"),
        ("1", "E62", "E63", "1024"),
        ("1", "AD", "A99", "8"),
        ("1", "KWH", "3B", "3.6"),
        ("5", "LP100KM", "KMPL", "20"),
        ("20", "KMPL", "LP100KM", "5"),
        ("2", "DZN", "each", "24"),
        ("5", "H87", "each", "5"),
    ],
)
def test_convert_is_exact(n, unit, goal, expected):
    assert convert(Decimal(n), unit, goal) == Decimal(expected)


def test_convert_of_endless_fractions_keeps_sixty_digits():
    litres = convert(Decimal(30), "MPGUS", "LP100KM")
    assert litres is not None
    assert f"{litres:.4f}" == "7.8405"
    assert len(litres.as_tuple().digits) == 60


@pytest.mark.parametrize(
    ("n", "unit", "goal"),
    [
        ("1", "KGM", "MTR"),
        ("1", "MON", "DAY"),
        ("1", "nonsense", "KGM"),
        ("1", "KGM", "nonsense"),
        ("1", "MPX", "INH"),  # codespell:ignore
        ("0", "MPGUS", "LP100KM"),
        ("-3", "KMPL", "LP100KM"),
        ("0", "LP100KM", "MPGUS"),
    ],
)
def test_convert_of_different_things_is_none(n, unit, goal):
    assert convert(Decimal(n), unit, goal) is None


def test_equal_codes_convert_even_unknown():
    assert convert(Decimal("1.5"), "Q99", "Q99") == Decimal("1.5")


@pytest.mark.parametrize(
    ("spelling", "code"),
    [
        ("MB", "4L"),
        ("Mb", "D36"),
        ("mb", "4L"),
        ("mB", None),
        ("mW", "C31"),
        ("MW", "MAW"),
        ("nm", "C45"),
        ("Nm", "NU"),
        ("KILOGRAMS", "KGM"),
        ("square  metres", "MTK"),
        ("std.", "HUR"),
        ("MPX", "MPX"),
        ("E38", "E38"),
        ("bananas", None),
        ("", None),
    ],
)
def test_unit_code(spelling, code):
    assert unit_code(spelling) == code


def test_labels():
    assert unit_label("MPX") == "MP"
    assert unit_label("each") == ""
    assert unit_label("KGM") == "kg"
    assert unit_label("Q99") == "Q99"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("2.50", "2.5"),
        ("1E+3", "1000"),
        ("0", "0"),
        ("-0.5", "-0.5"),
        ("0.333333333333333333333", "0.333333333333333"),
        ("999999999999999", "999999999999999"),
        ("-999999999999999.12345678", "-999999999999999.1234568"),
    ],
)
def test_decimal_text_fits_the_wire(number, text):
    assert decimal_text(Decimal(number)) == text
    assert len(text) <= 24


@pytest.mark.parametrize("number", ["1E+15", "999999999999999.99999999"])
def test_decimal_text_refuses_what_does_not_fit(number):
    with pytest.raises(LocalProtocolError) as caught:
        decimal_text(Decimal(number))
    assert caught.value.code == "E-QUANTITY"


@pytest.mark.parametrize(
    "body",
    [
        {"n": "1e5", "unit": "KGM"},
        {"n": "1\n", "unit": "KGM"},
        {"n": "1", "unit": ""},
        {"n": "1", "unit": "KGM\n"},
        {"n": "1", "unit": "TOOLONGCODE"},
        {"n": "123456789012345.123456789", "unit": "KGM"},
        {"n": 1, "unit": "KGM"},
    ],
)
def test_quantity_off_the_wire_keeps_its_shape(body):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(body, Quantity)
