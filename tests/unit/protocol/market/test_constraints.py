"""Every operator on every kind of value: met, unmet, or unknown and why."""

from __future__ import annotations

from decimal import Decimal

import pytest

from protocol.market.constraints import Fact, Outcome, evaluate, fact_text, plain, wish_text
from protocol.objects.intentcast import AttributeConstraint
from protocol.values.attributes import AllowedValue, AttributeSpec, AttributeType

MEGAPIXELS = AttributeSpec(
    key="resolution",
    label="Resolution",
    type=AttributeType.NUMBER,
    unit="MPX",
    minimum=Decimal("0.1"),
    maximum=Decimal(500),
)
PORTS = AttributeSpec(key="ports", label="Ports", type=AttributeType.NUMBER, unit="each")
WEIGHT = AttributeSpec(key="weight", label="Weight", type=AttributeType.NUMBER, unit="GRM")
COLOUR = AttributeSpec(
    key="colour",
    label="Colour",
    type=AttributeType.ENUM,
    values={
        "red": AllowedValue(label="Red", synonyms=["rot", "crimson"]),
        "blue": AllowedValue(label="Navy blue"),
        "none": AllowedValue(label="None"),
    },
)
SIZE = AttributeSpec(
    key="size", label="Size", type=AttributeType.ENUM, values={"xl": AllowedValue(label="XL")}
)
FLAG = AttributeSpec(key="insurance", label="Insurance", type=AttributeType.FLAG)
TEXT = AttributeSpec(key="model", label="Model", type=AttributeType.TEXT)
OPEN_LIST = AttributeSpec(key="extras", label="Extras", type=AttributeType.LIST)
CLOSED_LIST = AttributeSpec(
    key="radio",
    label="Radio",
    type=AttributeType.LIST,
    values={
        "wifi": AllowedValue(label="Wi-Fi", synonyms=["wlan"]),
        "bluetooth": AllowedValue(label="Bluetooth"),
        "none": AllowedValue(label="None"),
    },
)

MET, UNMET, UNKNOWN = Outcome.MET, Outcome.UNMET, Outcome.UNKNOWN


def wish(op, value=None, unit=None, level="must", key="key"):
    constraint = AttributeConstraint(key=key, op=op, value=value, unit=unit, level=level)
    constraint.check()
    return constraint


def outcome(op, value, fact, spec, *, unit=None, level="must"):
    return evaluate(wish(op, value, unit, level), fact, spec).outcome


NUMBERS = [
    ("eq", "12", Fact("12", "MPX"), MET),
    ("eq", "12", Fact("12.0"), MET),
    ("eq", "12", Fact("12.1"), UNMET),
    ("ne", "12", Fact("12.1"), MET),
    ("ne", "12", Fact("12"), UNMET),
    ("in", ["12", "24"], Fact("24"), MET),
    ("in", ["12", "24"], Fact("25"), UNMET),
    ("in", [], Fact("25"), UNMET),
    ("nin", ["12", "24"], Fact("25"), MET),
    ("nin", ["12", "24"], Fact("24"), UNMET),
    ("ge", "12", Fact("12"), MET),
    ("ge", "12", Fact("11.999"), UNMET),
    ("le", "12", Fact("12"), MET),
    ("le", "12", Fact("12.001"), UNMET),
    ("between", ["10", "12"], Fact("10"), MET),
    ("between", ["10", "12"], Fact("12"), MET),
    ("between", ["10", "12"], Fact("9"), UNMET),
    ("between", ["10", "12"], Fact("13"), UNMET),
    ("present", None, Fact("12"), MET),
    ("present", None, Fact(False), UNMET),
    ("absent", None, Fact("12"), UNMET),
    ("absent", None, Fact(False), MET),
    ("absent", None, Fact([]), MET),
    ("ge", "12", Fact(False), UNMET),
    ("ne", "12", Fact(False), MET),
    ("nin", ["12"], Fact([]), MET),
    ("ge", "12", Fact(True), UNKNOWN),
    ("present", None, Fact(True), MET),
    ("match", "12", Fact("12"), UNKNOWN),
    ("eq", "twelve", Fact("12"), UNKNOWN),
    ("ge", "12", Fact("many"), UNKNOWN),
    ("present", None, Fact("many"), UNKNOWN),
    ("ge", "12", Fact(["12"]), UNKNOWN),
    ("ge", "12", Fact("12", "KGM"), UNKNOWN),
    ("ge", "12", Fact("12", "NOSUCH"), UNKNOWN),
    ("ge", "12", Fact("9999"), UNKNOWN),
    ("le", "12", Fact("0.01"), UNKNOWN),
]


@pytest.mark.parametrize(("op", "value", "fact", "expected"), NUMBERS)
def test_numbers(op, value, fact, expected):
    assert outcome(op, value, fact, MEGAPIXELS) is expected


@pytest.mark.parametrize(
    ("op", "value", "unit", "fact", "expected"),
    [
        ("le", "500", "GRM", Fact("0.4", "KGM"), MET),
        ("le", "500", "GRM", Fact("0.6", "KGM"), UNMET),
        ("le", "0.5", "KGM", Fact("500"), MET),
        ("eq", "1", "LBR", Fact("453.59237"), MET),
        ("eq", "1", "LBR", Fact("453.5924"), UNMET),
        ("ge", "1", "MTR", Fact("500"), UNKNOWN),
    ],
)
def test_units_are_converted_exactly(op, value, unit, fact, expected):
    assert outcome(op, value, fact, WEIGHT, unit=unit) is expected


def test_nought_pieces_is_none_and_nought_grams_is_a_weight():
    assert outcome("absent", None, Fact("0"), PORTS) is MET
    assert outcome("present", None, Fact("0"), PORTS) is UNMET
    assert outcome("present", None, Fact("2"), PORTS) is MET
    assert outcome("present", None, Fact("0"), WEIGHT) is MET
    assert outcome("present", None, Fact("0", "NOSUCH"), PORTS) is MET


ENUMS = [
    ("eq", "red", Fact("red"), MET),
    ("eq", "red", Fact("Rot"), MET),
    ("eq", "crimson", Fact("red"), MET),
    ("eq", "red", Fact("blue"), UNMET),
    ("eq", "red", Fact("orange"), UNKNOWN),
    ("eq", "orange", Fact("red"), UNKNOWN),
    ("eq", "none", Fact(False), MET),
    ("eq", "red", Fact(False), UNMET),
    ("eq", "red", Fact(True), UNKNOWN),
    ("ne", "red", Fact("blue"), MET),
    ("ne", "red", Fact("rot"), UNMET),
    ("ne", "red", Fact("orange"), UNKNOWN),
    ("ne", "red", Fact(False), MET),
    ("in", ["red", "blue"], Fact("blue"), MET),
    ("in", ["red", "orange"], Fact("red"), MET),
    ("in", ["red", "orange"], Fact("blue"), UNKNOWN),
    ("in", ["red"], Fact("blue"), UNMET),
    ("nin", ["red"], Fact("blue"), MET),
    ("nin", ["red", "orange"], Fact("red"), UNMET),
    ("nin", ["orange"], Fact("red"), UNKNOWN),
    ("ge", "3", Fact("red"), UNKNOWN),
    ("match", "navy", Fact("blue"), MET),
    ("match", "navy red", Fact("blue"), UNMET),
    ("match", "orange", Fact("Orange metallic"), MET),
    ("present", None, Fact("red"), MET),
    ("present", None, Fact("none"), UNMET),
    ("absent", None, Fact("None"), MET),
    ("absent", None, Fact(False), MET),
    ("absent", None, Fact("red"), UNMET),
]


@pytest.mark.parametrize(("op", "value", "fact", "expected"), ENUMS)
def test_enums(op, value, fact, expected):
    assert outcome(op, value, fact, COLOUR) is expected


def test_an_enum_without_a_word_for_none_still_understands_absence():
    assert outcome("eq", "xl", Fact(False), SIZE) is UNMET
    assert outcome("nin", ["xl"], Fact([]), SIZE) is MET


FLAGS = [
    ("absent", None, Fact(False), MET),
    ("absent", None, Fact("no"), MET),
    ("absent", None, Fact([]), MET),
    ("absent", None, Fact(True), UNMET),
    ("absent", None, Fact("perhaps"), UNKNOWN),
    ("present", None, Fact(True), MET),
    ("present", None, Fact(False), UNMET),
    ("present", None, Fact("perhaps"), UNKNOWN),
    ("eq", True, Fact(True), MET),
    ("eq", True, Fact("ja"), MET),
    ("eq", "yes", Fact(True), MET),
    ("eq", True, Fact(False), UNMET),
    ("eq", False, Fact(False), MET),
    ("ne", True, Fact(False), MET),
    ("in", ["yes"], Fact(True), MET),
    ("nin", ["no"], Fact(True), MET),
    ("eq", True, Fact("perhaps"), UNKNOWN),
    ("le", "1", Fact(True), UNKNOWN),
]


@pytest.mark.parametrize(("op", "value", "fact", "expected"), FLAGS)
def test_flags(op, value, fact, expected):
    assert outcome(op, value, fact, FLAG) is expected


TEXTS = [
    ("eq", "EOS-R 10", Fact("eos r 10"), MET),
    ("eq", "EOS", Fact("EOS R10"), UNMET),
    ("ne", "EOS", Fact("EOS R10"), MET),
    ("eq", "★", Fact("☆"), UNKNOWN),
    ("match", "r10 eos", Fact("Canon EOS R10 body"), MET),
    ("match", "R1", Fact("Canon EOS R10"), UNMET),
    ("match", ".*", Fact("anything"), UNKNOWN),
    ("match", "crème", Fact("Creme BRULEE"), MET),
    ("present", None, Fact("EOS"), MET),
    ("absent", None, Fact("none of these"), UNMET),
]


@pytest.mark.parametrize(("op", "value", "fact", "expected"), TEXTS)
def test_texts(op, value, fact, expected):
    assert outcome(op, value, fact, TEXT) is expected


LISTS = [
    ("eq", "wifi", Fact(["bluetooth", "WLAN"]), MET, CLOSED_LIST),
    ("eq", "wifi", Fact("wlan"), MET, CLOSED_LIST),
    ("eq", "wifi", Fact(["bluetooth"]), UNMET, CLOSED_LIST),
    ("eq", "wifi", Fact([]), UNMET, CLOSED_LIST),
    ("eq", "none", Fact(False), MET, CLOSED_LIST),
    ("ne", "wifi", Fact(["bluetooth"]), MET, CLOSED_LIST),
    ("in", ["wifi", "bluetooth"], Fact(["bluetooth"]), MET, CLOSED_LIST),
    ("nin", ["wifi"], Fact(["bluetooth", "zigbee"]), UNKNOWN, CLOSED_LIST),
    ("nin", ["wifi"], Fact(["wifi", "zigbee"]), UNMET, CLOSED_LIST),
    ("absent", None, Fact(["none"]), MET, CLOSED_LIST),
    ("absent", None, Fact([]), MET, OPEN_LIST),
    ("present", None, Fact(["ski rack"]), MET, OPEN_LIST),
    ("match", "rack", Fact(["snow chains", "ski rack"]), MET, OPEN_LIST),
    ("match", "chains rack", Fact(["snow chains", "ski rack"]), UNMET, OPEN_LIST),
    ("between", ["1", "2"], Fact(["ski rack"]), UNKNOWN, OPEN_LIST),
]


@pytest.mark.parametrize(("op", "value", "fact", "expected", "spec"), LISTS)
def test_lists(op, value, fact, expected, spec):
    assert outcome(op, value, fact, spec) is expected


def test_a_must_the_vocabulary_lacks_is_never_met():
    status = evaluate(wish("eq", "red", key="odd"), Fact("red"), None)
    assert status.outcome is UNKNOWN
    assert "'odd'" in status.why


FREE = [
    ("eq", "Tall", Fact("tall"), MET),
    ("eq", "2", Fact("2.0"), MET),
    ("ge", "2", Fact("3"), MET),
    ("eq", "2", Fact("two"), UNMET),
    ("ge", "2", Fact("two"), UNKNOWN),
    ("eq", True, Fact(True), MET),
    ("eq", True, Fact("yes"), MET),
    ("in", ["a", "b"], Fact(["b"]), MET),
    ("present", None, Fact("yes"), MET),
    ("present", None, Fact("no"), UNMET),
    ("absent", None, Fact("no"), MET),
    ("present", None, Fact("something"), MET),
    ("match", "12", Fact("12 pieces"), MET),
    ("match", "12", Fact("12"), MET),
]


@pytest.mark.parametrize(("op", "value", "fact", "expected"), FREE)
def test_a_preference_may_use_a_free_key(op, value, fact, expected):
    assert outcome(op, value, fact, None, level="prefer") is expected


def test_a_free_number_takes_the_unit_the_other_side_names():
    assert outcome("le", "2", Fact("1500", "GRM"), None, unit="KGM", level="prefer") is MET
    assert outcome("le", "2", Fact("1500"), None, unit="KGM", level="prefer") is UNMET
    assert outcome("le", "2", Fact("1"), None, level="prefer") is MET
    assert outcome("le", "2", Fact("1", "KGM"), None, level="prefer") is MET


@pytest.mark.parametrize("fact", [None, Fact(None)])
def test_what_is_not_said_is_unknown_even_for_absent(fact):
    status = evaluate(wish("absent"), fact, FLAG)
    assert status.outcome is UNKNOWN
    assert status.why == "nothing is said; asked: none"


def test_the_reason_names_both_sides():
    assert evaluate(wish("ge", "12", "MPX"), Fact("24"), MEGAPIXELS).why == (
        "24 MP; asked: at least 12 MP"
    )
    assert evaluate(wish("eq", "red"), Fact("orange"), COLOUR).why == (
        "orange: is a value this vocabulary does not know; asked: red"
    )
    assert evaluate(wish("le", "1", "KGM"), Fact("1", "each"), WEIGHT).why == (
        "1: cannot compare pieces with kg; asked: at most 1 kg"
    )


@pytest.mark.parametrize(
    ("op", "value", "unit", "text"),
    [
        ("eq", "red", None, "red"),
        ("eq", True, None, "yes"),
        ("ne", "red", None, "not red"),
        ("in", ["a", "b"], None, "a or b"),
        ("nin", ["a", "b"], None, "neither a nor b"),
        ("ge", "2", "KGM", "at least 2 kg"),
        ("le", "2", None, "at most 2"),
        ("between", ["1", "2"], "KGM", "1 kg to 2 kg"),
        ("match", "ski", None, "the words 'ski'"),
        ("present", None, None, "any"),
        ("absent", None, None, "none"),
    ],
)
def test_a_wish_in_words(op, value, unit, text):
    assert wish_text(wish(op, value, unit)) == text


@pytest.mark.parametrize(
    ("fact", "spec", "text"),
    [
        (Fact(True), FLAG, "yes"),
        (Fact(False), FLAG, "no"),
        (Fact([]), OPEN_LIST, "none"),
        (Fact(None), None, "none"),
        (Fact(["a", "b\x1b[31m"]), OPEN_LIST, "a, b[31m"),
        (Fact("2"), WEIGHT, "2 g"),
        (Fact("2", "KGM"), WEIGHT, "2 kg"),
        (Fact("2"), None, "2"),
        (Fact("red"), COLOUR, "red"),
    ],
)
def test_a_fact_in_words(fact, spec, text):
    assert fact_text(fact, spec) == text


def test_control_characters_never_reach_a_terminal():
    assert plain("a\x1b]0;b\n\u202e\u2066c") == "a]0;bc"
