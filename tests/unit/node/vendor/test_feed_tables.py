"""Tables are read record by record, whatever is wrong with some of them."""

from __future__ import annotations

import io

import pytest

from node.vendor import feed_tables
from node.vendor.feed_rows import COLUMNS_MAX, LINE_CHARS_MAX, FeedOutcome, FeedProblem, FeedRow
from node.vendor.feed_tables import find_delimiter, read_table
from protocol.errors import LocalProtocolError


def read(text: str, delimiter: str = ",") -> tuple[list[FeedRow], list[FeedProblem], FeedOutcome]:
    outcome = FeedOutcome()
    found = list(read_table(io.StringIO(text, newline=None), delimiter, outcome))
    rows = [event for event in found if isinstance(event, FeedRow)]
    return rows, [event for event in found if isinstance(event, FeedProblem)], outcome


def cells(rows: list[FeedRow]) -> list[dict[str, str]]:
    return [row.cells for row in rows]


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("id,title,price\n1,a;b;c;d,2", ","),
        ("id;title;price\n", ";"),
        ("id\ttitle\tprice\n", "\t"),
        ("id|title|price\n", "|"),
        ('"a,b,c,d";e;f\n', ";"),
        ("\n\nid;title\n", ";"),
        ("id;a,b\n", ";"),
        ("title\nonly one\n", None),
        ("", None),
    ],
)
def test_the_delimiter_is_found(head: str, expected: str | None):
    assert find_delimiter(head) == expected


def test_rows_carry_their_lines():
    rows, problems, outcome = read("id,title\n1,a\n\n2,b\n")
    assert [(row.line, row.cells) for row in rows] == [
        (2, {"id": "1", "title": "a"}),
        (4, {"id": "2", "title": "b"}),
    ]
    assert problems == []
    assert (outcome.rows, outcome.complete) == (2, True)


def test_quoted_cells_hold_delimiters_quotes_and_newlines():
    rows, problems, _ = read('id,title\n1,"a, ""b""\nand c"\n2,d\n')
    assert cells(rows) == [{"id": "1", "title": 'a, "b"\nand c'}, {"id": "2", "title": "d"}]
    assert rows[1].line == 4
    assert problems == []


def test_a_quote_inside_a_bare_cell_is_text():
    rows, problems, _ = read('id,title\n1,5" display\n')
    assert cells(rows) == [{"id": "1", "title": '5" display'}]
    assert problems == []


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_any_newline(newline: str):
    rows, _, _ = read(newline.join(["id,title", "1,a", "2,b", ""]))
    assert [row.cells["id"] for row in rows] == ["1", "2"]


def test_an_open_quote_loses_only_its_own_row():
    lines = [f"{i},ok" for i in range(2, 300)]
    rows, problems, outcome = read("\n".join(["id,title", '1,"never closed', *lines]))
    assert len(rows) == 298
    assert [(p.line, p.code) for p in problems] == [(2, "E-FEED-QUOTE")]
    assert outcome.complete


def test_an_open_quote_at_the_end_of_the_file():
    rows, problems, _ = read('id,title\n1,a\n2,"b\n3,c')
    assert [row.cells["id"] for row in rows] == ["1", "3"]
    assert [(p.line, p.code) for p in problems] == [(3, "E-FEED-QUOTE")]


def test_a_quote_closed_by_a_later_row_is_noticed_by_the_width():
    rows, problems, _ = read('id,title\n1,"a\n2,b\n3,c",d\n4,e\n')
    assert [row.cells["id"] for row in rows] == ["2", "4"]
    assert [(p.line, p.code) for p in problems] == [(2, "E-FEED-QUOTE"), (4, "E-FEED-COLUMNS")]


def test_text_after_a_closing_quote_refuses_the_row():
    rows, problems, _ = read('id,title\n1,"Hero" camera\n2,b\n')
    assert [row.cells["id"] for row in rows] == ["2"]
    assert problems[0].code == "E-FEED-QUOTE"
    assert '""' in problems[0].fix


def test_too_many_lost_quotes_end_the_reading(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(feed_tables, "_QUOTES_LOST_MAX", 3)
    rows, problems, outcome = read("id,title\n" + '1,"a" b\n' * 10)
    assert rows == []
    assert len(problems) == 5
    assert not outcome.complete
    assert "the rest was not read" in problems[-1].sentence


@pytest.mark.parametrize(
    ("row", "word"), [("1", "1 cell,"), ("1,a,19,99", "4 cells"), ("1,2,3,4,5", "5 cells")]
)
def test_a_row_of_another_width_is_refused(row: str, word: str):
    rows, problems, _ = read(f"id,title,price\n{row}\n2,b,3\n")
    assert [r.cells["id"] for r in rows] == ["2"]
    assert problems[0].code == "E-FEED-COLUMNS"
    assert word in problems[0].sentence
    assert problems[0].line == 2


def test_an_empty_cell_too_many_may_hide_a_shifted_price():
    rows, problems, _ = read("id,price,note\n1,19,99 USD,\n2,5 USD,\n")
    assert cells(rows) == [{"id": "2", "price": "5 USD", "note": ""}]
    assert [(p.line, p.code) for p in problems] == [(2, "E-FEED-COLUMNS")]
    assert "comma" in problems[0].fix


def test_cells_and_names_lose_outer_spaces():
    rows, _, _ = read(" id , title \n 1 , a \n")
    assert cells(rows) == [{"id": "1", "title": "a"}]


def test_a_column_without_a_name_is_not_used():
    rows, _, _ = read("id,,title\n1,x,a\n")
    assert cells(rows) == [{"id": "1", "title": "a"}]


def test_a_name_that_stands_twice_is_used_once():
    rows, problems, _ = read("id,title,title\n1,a,b\n")
    assert cells(rows) == [{"id": "1", "title": "a"}]
    assert [(p.code, p.column, p.refused) for p in problems] == [("E-FEED-HEADER", "title", False)]


def test_a_spreadsheets_own_first_line_is_skipped():
    rows, _, _ = read("sep=;\nid;title\n1;a\n", ";")
    assert cells(rows) == [{"id": "1", "title": "a"}]


def test_a_line_longer_than_any_row():
    text = "id,title\n1," + "x" * (LINE_CHARS_MAX + 10) + "\n2,b\n"
    rows, problems, _ = read(text)
    assert [row.cells["id"] for row in rows] == ["2"]
    assert [(p.line, p.code) for p in problems] == [(2, "E-FEED-LONG")]


def test_a_header_of_a_million_columns():
    with pytest.raises(LocalProtocolError) as found:
        read(",".join(f"c{i}" for i in range(COLUMNS_MAX + 1)) + "\n")
    assert found.value.code == "E-FEED-COLUMNS"
    with pytest.raises(LocalProtocolError) as found:
        read("c," * 1_000_000)
    assert found.value.code == "E-FEED-LONG"


@pytest.mark.parametrize("text", ["", "\n\n", "sep=;\n"])
def test_an_empty_table(text: str):
    with pytest.raises(LocalProtocolError) as found:
        read(text)
    assert found.value.code == "E-FEED-HEADER"


def test_a_header_in_another_encoding():
    with pytest.raises(LocalProtocolError) as found:
        read("id,Gr\udcf6\udcdfe\n")
    assert found.value.code == "E-FEED-ENCODING"


def test_a_header_with_an_open_quote():
    with pytest.raises(LocalProtocolError) as found:
        read('id,"title\n1,a\n')
    assert found.value.code == "E-FEED-QUOTE"


def test_rows_have_a_cap(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(feed_tables, "ROWS_MAX", 2)
    rows, problems, outcome = read("id,title\n1,a\n2,b\n3,c\n")
    assert len(rows) == 2
    assert problems[-1].code == "E-FEED-ROWS"
    assert not outcome.complete
