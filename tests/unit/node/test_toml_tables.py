"""Every mistake in a settings file is named with its line."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from node import toml_tables
from node.errors import ConfigError
from node.toml_tables import Table, TomlFile, read_toml
from protocol.errors import LocalProtocolError
from protocol.now import DAY_MS, HOUR_MS, MINUTE_MS

TEXT = """\
# a comment with name = "no"
name = "first"
[[part]]
size = 1
[[part]]  # the second
size = 2
[other]
"quoted" = true
"""


def table(text: str) -> Table:
    return TomlFile(name="rules.toml", text=text, code="E-RULES").root()


def refused(text: str, method: str, *args: object, **named: object) -> ConfigError:
    with pytest.raises(ConfigError) as found:
        getattr(table(text), method)("k", *args, **named)
    assert found.value.code == "E-RULES"
    assert found.value.fix
    assert found.value.field == "k"
    return found.value


def test_lines_of_keys_are_found():
    file = TomlFile(name="f", text=TEXT, code="E")
    assert file.line_of("", "name") == 2
    assert file.line_of("part#0", "size") == 4
    assert file.line_of("part#1", "size") == 6
    assert file.line_of("other", "quoted") == 8
    assert file.line_of("part#1", "colour") == 5
    assert file.line_of("nowhere", "x") == 0


def test_text_that_is_not_toml_names_its_line():
    with pytest.raises(ConfigError) as found:
        table('a = 1\nb = "open\n')
    assert found.value.sentence.startswith("rules.toml:2: not TOML")


def test_nesting_without_end():
    with pytest.raises(ConfigError) as found:
        table("a = " + "[" * 100_000)
    assert found.value.code == "E-RULES"


def test_files_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "rules.toml"
    with pytest.raises(ConfigError):
        read_toml(path, "E-RULES")
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="UTF-8"):
        read_toml(path, "E-RULES")
    path.write_bytes(b"\xef\xbb\xbfa = 1")
    assert read_toml(path, "E-RULES").text == "a = 1"
    monkeypatch.setattr(toml_tables, "FILE_BYTES_MAX", 3)
    with pytest.raises(ConfigError, match="larger"):
        read_toml(path, "E-RULES")


def test_values_of_every_kind():
    assert table('k = " x "').text("k") == "x"
    assert table("").text("k", "else") == "else"
    assert table('k = "x"').required("k") == "x"
    assert table('k = ["a", "b"]').texts("k", most=2) == ("a", "b")
    assert table("").texts("k", ("z",), most=2) == ("z",)
    assert table('k = "b"').choice("k", "a", ("a", "b")) == "b"
    assert table("").choice("k", "a", ("a", "b")) == "a"
    assert table("k = true").flag("k", default=False)
    assert table("").flag("k", default=True)
    assert table("k = 3").whole("k", 1, 0, 9) == 3
    assert table("").whole("k", 1, 0, 9) == 1
    for text in ("7.5", '"7.5 %"', '"7.5%"'):
        assert table(f"k = {text}").percent("k", 0, 90) == Decimal("7.5")
    assert table("k = -20").percent("k", -90, 90) == Decimal(-20)
    assert table("").percent("k", 0, 90) is None
    for text in ("25.5", '"25.50"', '"25.50 USD"', '"USD 25.50"'):
        assert table(f"k = {text}").money("k", "USD") == 2_550
    assert table("").money("k", "USD") is None
    assert table('k = "12-20"').month_day("k") == "12-20"
    assert table("").month_day("k") == ""
    assert table("").checked("k", str.upper, "NONE") == "NONE"
    assert table('k = "x"').checked("k", str.upper, "NONE") == "X"
    assert "k" in table("k = 1")
    assert table("k = 1").keys() == ["k"]


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("48h", 48 * HOUR_MS),
        ("30min", 30 * MINUTE_MS),
        ("7 d", 7 * DAY_MS),
        ("90m", 90 * MINUTE_MS),
    ],
)
def test_spans(text: str, ms: int):
    assert table(f'k = "{text}"').duration_ms("k", 0, 0, 60 * DAY_MS) == ms
    assert table("").duration_ms("k", 5, 0, 9) == 5


@pytest.mark.parametrize(
    ("text", "method", "args"),
    [
        ("k = 1", "text", ()),
        (f'k = "{"x" * 300}"', "text", ()),
        ('k = "a\\u0007b"', "text", ()),
        ("", "required", ()),
        ('k = ""', "required", ()),
        ('k = "d"', "choice", ("a", ("a", "b"))),
        ("k = 1", "choice", ("a", ("a", "b"))),
        ("k = true", "whole", (1, 0, 9)),
        ("k = 10", "whole", (1, 0, 9)),
        ("k = 1.5", "whole", (1, 0, 9)),
        ('k = "3"', "whole", (1, 0, 9)),
        ("k = 91", "percent", (0, 90)),
        ("k = -1", "percent", (0, 90)),
        ("k = true", "percent", (0, 90)),
        ("k = nan", "percent", (0, 90)),
        ("k = 1e3", "percent", (0, 90)),
        ('k = "ten"', "percent", (0, 90)),
        ("k = 1.00001", "percent", (0, 90)),
        ('k = "5 EUR"', "money", ("USD",)),
        ('k = "five"', "money", ("USD",)),
        ("k = -5", "money", ("USD",)),
        ("k = 1.005", "money", ("USD",)),
        ("k = true", "money", ("USD",)),
        ("k = [5]", "money", ("USD",)),
        ("k = inf", "money", ("USD",)),
        ('k = "5h"', "duration_ms", (0, 6 * HOUR_MS, 9 * DAY_MS)),
        ('k = "soon"', "duration_ms", (0, 0, 90_000)),
        ("k = 5", "duration_ms", (0, 0, 9)),
        ('k = "20-12"', "month_day", ()),
        ("k = 1220", "month_day", ()),
        ("k = 1", "table", ()),
        ("k = 1", "tables", (3,)),
        ("k = [1]", "tables", (3,)),
        ("[[k]]\n[[k]]", "tables", (1,)),
    ],
)
def test_values_out_of_range(text: str, method: str, args: tuple[object, ...]):
    error = refused(text, method, *args)
    if text:
        assert error.sentence.startswith("rules.toml")


@pytest.mark.parametrize("text", ['k = "a"', "k = [1]", 'k = ["a", "b", "c"]', 'k = [""]'])
def test_lists_out_of_range(text: str):
    refused(text, "texts", most=2)
    refused("k = 1", "flag", default=True)


def test_what_a_check_says_is_told_with_its_line():
    def check(_: str) -> str:
        raise LocalProtocolError("is not so", fix="do so")

    error = refused('\n\nk = "x"', "checked", check, "")
    assert error.sentence == "rules.toml:3: k is not so"
    assert error.fix == "do so"


def test_keys_nobody_asked_for_are_mistakes():
    root = table('currency = "USD"\ncurr3ncy = "EUR"\n')
    root.text("currency")
    with pytest.raises(ConfigError) as found:
        root.done()
    assert found.value.sentence == "rules.toml:2: curr3ncy is not a key here"
    assert found.value.fix == "Did you mean currency?"
    root = table("[[fee]]\nqqq = 1\n").tables("fee", 5)[0]
    root.text("name")
    with pytest.raises(ConfigError) as found:
        root.done()
    assert found.value.field == "fee.qqq"
    assert found.value.fix == "Known: name"


def test_a_table_that_is_not_given_is_empty():
    part = table("").table("k")
    assert part.keys() == []
    part.done()
    assert table("").tables("k", 3) == []
    assert table("k = 1").raw("k") == 1
