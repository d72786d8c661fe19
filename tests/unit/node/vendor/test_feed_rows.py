"""Rows are let through when their text is text; problems can be shown anywhere."""

from __future__ import annotations

import pytest

from node.vendor.feed_rows import CELL_CHARS_MAX, FeedProblem, FeedRow, check_cells, problem, shown


def events(**cells: str) -> list[FeedRow | FeedProblem]:
    return list(check_cells(FeedRow(line=7, cells=cells)))


def test_plain_text_passes_untouched():
    assert events(title="Café 5″", note="two\nlines\tand a tab") == [
        FeedRow(line=7, cells={"title": "Café 5″", "note": "two\nlines\tand a tab"})
    ]


@pytest.mark.parametrize("text", ["a\0b", "\x1b[31m", "a\x07", "\x7f"])
def test_control_characters_refuse_the_row(text: str):
    (found,) = events(title=text)
    assert isinstance(found, FeedProblem)
    assert (found.code, found.line, found.column) == ("E-FEED-CONTROL", 7, "title")
    assert found.refused


@pytest.mark.parametrize("lost", [chr(0xDCE9), chr(0xFFFD)], ids=["byte", "mark"])
def test_undecodable_bytes_name_the_encoding(lost: str):
    text = f"caf{lost}"
    (found,) = events(title=text)
    assert isinstance(found, FeedProblem)
    assert found.code == "E-FEED-ENCODING"
    assert "--encoding" in found.fix


def test_a_long_cell_is_cut_with_a_warning():
    warning, row = events(description="x" * (CELL_CHARS_MAX + 1))
    assert isinstance(warning, FeedProblem)
    assert isinstance(row, FeedRow)
    assert not warning.refused
    assert row.cells["description"] == "x" * CELL_CHARS_MAX


def test_what_is_shown_moves_no_cursor_and_fits():
    assert shown("a\x1b[2Jb\r\n") == "a�[2Jb��"
    assert len(shown("y" * 5_000)) == 80


def test_a_problem_says_line_column_value_code_and_fix():
    text = str(
        problem(211, "E-FEED-PRICE", "no currency", fix="add EUR", column="p", value="19,99")
    )
    assert text == 'line 211  p  "19,99"  E-FEED-PRICE  no currency  fix: add EUR'
    kept = str(problem(0, "E-X", "odd", refused=False))
    assert kept == '  ""  E-X  odd (kept without it)'
