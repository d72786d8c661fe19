"""Tables fit, whatever stands in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.cli.console import clean
from node.cli.table import cut, pad, pairs, table, width_of

CELLS = st.lists(st.tuples(st.text(max_size=40), st.text(max_size=40), st.text()), max_size=6)


@given(CELLS, st.integers(40, 200))
def test_no_line_is_wider_than_asked(rows, columns: int):
    lines = table(("one", "two", "three"), rows, columns=columns)
    assert len(lines) == len(rows) + 1
    assert all(width_of(line) <= columns for line in lines)
    assert all(line.isprintable() for line in lines)


@given(st.text(alphabet=st.characters(categories=["L", "N", "Z"])), st.integers(1, 30))
def test_cut_never_exceeds(text: str, columns: int):
    assert width_of(cut(text, columns)) <= columns


def test_columns_line_up():
    assert table(
        ("name", "total"), [("Ana", "9.00"), ("Bo", "12.00")], columns=80, right=("total",)
    ) == [
        "name  total",
        "Ana    9.00",
        "Bo    12.00",
    ]


def test_wide_characters_take_two_columns():
    assert width_of("カメラ") == 6
    assert width_of("e\u0301") == 1
    assert pad("カ", 4, right=True) == "  カ"
    assert cut("カメラ", 4) == "カ…"


def test_nothing_is_cut_below_what_can_be_read():
    [head, row] = table(("a", "b"), [("x" * 20, "y" * 20)], columns=8)
    assert row == "xxxxx…  yyyyy…"
    assert head.startswith("a ")


def test_missing_cells_are_dashes():
    assert table(("a", "b"), [(None, 0)], columns=80)[1] == "-  0"


def test_pairs():
    assert pairs([("a", 1), ("long", "x\x1by")]) == ["a     1", "long  x[001B]y"]
    assert pairs([]) == []


def test_rows_of_another_length_are_a_bug():
    with pytest.raises(ValueError, match="zip"):
        table(("a",), [("x", "y")], columns=80)


@given(CELLS, st.integers(1, 120))
def test_what_may_be_copied_is_never_cut(rows, columns: int):
    [_, *lines] = table(("one", "two", "three"), rows, columns=columns, whole=("two",))
    for (_, two, _), line in zip(rows, lines, strict=True):
        assert clean(two).rstrip() in line


def test_spared_columns_go_in_their_order_before_others_become_unreadable():
    headings, row = ("id", "text", "a", "b"), ("x" * 15, "t" * 30, "a" * 10, "b" * 10)
    kept = {
        columns: table(headings, [row], columns=columns, whole=("id",), spare=("b", "a"))[0].split()
        for columns in (90, 60, 50, 40, 20)
    }
    assert kept == {
        90: ["id", "text", "a", "b"],
        60: ["id", "text", "a", "b"],
        50: ["id", "text", "a"],
        40: ["id", "text"],
        20: ["id", "text"],
    }
