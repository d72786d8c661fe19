"""A feed is opened whatever program wrote it; a file that is none says so."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from node.vendor import feeds
from node.vendor.feed_rows import FeedProblem, FeedRow
from node.vendor.feeds import FeedOptions, open_feed
from protocol.errors import LocalProtocolError

Writer = Callable[..., Path]
TABLE = "id,title,price\n1,Größe,9 USD\n"


def read(path: Path, **options: str) -> tuple[str, list[FeedRow], list[FeedProblem]]:
    with open_feed(path, FeedOptions(**options)) as feed:
        found = list(feed.events)
        rows = [event for event in found if isinstance(event, FeedRow)]
        return feed.form, rows, [event for event in found if isinstance(event, FeedProblem)]


def refusal(path: Path, **options: str) -> LocalProtocolError:
    with pytest.raises(LocalProtocolError) as found:
        read(path, **options)
    return found.value


@pytest.mark.parametrize(
    ("raw", "form"),
    [
        (TABLE.encode(), "CSV (comma, UTF-8)"),
        (TABLE.encode("utf-8-sig"), "CSV (comma, UTF-8)"),
        (TABLE.encode("utf-16"), "CSV (comma, UTF-16)"),
        (TABLE.encode("utf-16-le"), "CSV (comma, UTF-16-LE)"),
        (TABLE.encode("utf-16-be"), "CSV (comma, UTF-16-BE)"),
        (TABLE.replace(",", ";").encode(), "CSV (semicolon, UTF-8)"),
        (TABLE.replace(",", "|").encode(), "CSV (bar, UTF-8)"),
        (TABLE.replace(",", "\t").encode(), "TSV (UTF-8)"),
        (TABLE.replace("\n", "\r\n").encode(), "CSV (comma, UTF-8)"),
        (b"sep=;\n" + TABLE.replace(",", ";").encode(), "CSV (semicolon, UTF-8)"),
        (b"\n\n" + TABLE.encode(), "CSV (comma, UTF-8)"),
    ],
)
def test_tables_are_recognised(feed_file: Writer, raw: bytes, form: str):
    found, rows, problems = read(feed_file(raw))
    assert found == form
    assert [row.cells for row in rows] == [{"id": "1", "title": "Größe", "price": "9 USD"}]
    assert problems == []


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ('<rss xmlns:g="http://base.google.com/ns/1.0"><item><id>1</id></item></rss>', "RSS 2.0"),
        ("<rss><item><id>1</id></item></rss>", "RSS 2.0"),
        ('<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>1</id></entry></feed>', "Atom 1.0"),
        ("<products><product><id>1</id></product></products>", "XML"),
    ],
)
def test_xml_is_recognised_by_its_content(feed_file: Writer, text: str, form: str):
    found, rows, _ = read(feed_file(text, "feed.txt"))
    assert found.endswith(form)
    assert found.startswith("Google Merchant") == ("base.google.com" in text)
    assert rows[0].cells == {"id": "1"}
    assert read(feed_file(text.encode("utf-16")))[1][0].cells == {"id": "1"}


def test_bytes_of_another_encoding_cost_their_row_only(feed_file: Writer):
    raw = b"id,title\n1,plain\n2,Gr\xf6\xdfe\n3,plain\n"
    _, rows, problems = read(feed_file(raw))
    assert [row.cells["id"] for row in rows] == ["1", "3"]
    assert [(p.line, p.column, p.code) for p in problems] == [(3, "title", "E-FEED-ENCODING")]


@pytest.mark.parametrize("form", ["utf-16-le", "utf-16-be", "utf-32-le"])
def test_a_declared_encoding_without_its_mark(feed_file: Writer, form: str):
    _, rows, _ = read(feed_file(TABLE.encode(form)), encoding=form[:6])
    assert rows[0].cells["title"] == "Größe"
    assert refusal(feed_file(TABLE), encoding="utf-16").code == "E-FEED-FORMAT"


@pytest.mark.parametrize("name", ["latin-1", "cp1252", "ISO-8859-15"])
def test_a_declared_encoding_is_used(feed_file: Writer, name: str):
    _, rows, problems = read(feed_file(TABLE.encode("latin-1")), encoding=name)
    assert rows[0].cells["title"] == "Größe"
    assert problems == []


@pytest.mark.parametrize(
    "name", ["klingon", "hex", "rot13", "idna", "punycode", "unicode_escape", "undefined", "", "\0"]
)
def test_an_encoding_that_is_none(feed_file: Writer, name: str):
    assert refusal(feed_file(TABLE), encoding=name).code == "E-FEED-ENCODING"


@pytest.mark.parametrize("mark", [";", "tab", "\\t", "\t", "^"])
def test_a_declared_delimiter_is_used(feed_file: Writer, mark: str):
    real = "\t" if mark in ("tab", "\\t") else mark
    _, rows, _ = read(feed_file(f"id{real}title,a\n1{real}b,c\n"), delimiter=mark)
    assert rows[0].cells == {"id": "1", "title,a": "b,c"}


@pytest.mark.parametrize("mark", ["", "ab", '"', "a", "\n"])
def test_a_delimiter_that_cannot_be(feed_file: Writer, mark: str):
    assert refusal(feed_file(TABLE), delimiter=mark).code == "E-FEED-FORMAT"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "E-FEED-HEADER"),
        (b"\n \n", "E-FEED-FORMAT"),
        (b"PK\x03\x04rest of a spreadsheet", "E-FEED-FORMAT"),
        (b"\x1f\x8b\x08compressed", "E-FEED-FORMAT"),
        (b"BZh91AY", "E-FEED-FORMAT"),
        (b"\xfd7zXZ\x00", "E-FEED-FORMAT"),
        (b"%PDF-1.7", "E-FEED-FORMAT"),
        (b"SQLite format 3\x00", "E-FEED-FORMAT"),
        (b"just one line of prose", "E-FEED-FORMAT"),
        (b'{"products": []}', "E-FEED-FORMAT"),
        (b"<html><body>404</body></html>", "E-FEED-XML"),
        (b"<", "E-FEED-XML"),
    ],
)
def test_files_that_are_no_feed(feed_file: Writer, raw: bytes, code: str):
    error = refusal(feed_file(raw))
    assert error.code == code
    assert error.fix


def test_files_that_are_not_there(tmp_path: Path):
    assert refusal(tmp_path / "none.csv").code == "E-FEED-FILE"
    assert refusal(tmp_path).code == "E-FEED-FILE"


def test_a_pipe_does_not_hang_the_import(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    assert refusal(tmp_path / "pipe").code == "E-FEED-FILE"


def test_a_file_larger_than_a_feed(feed_file: Writer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(feeds, "FILE_BYTES_MAX", 20)
    assert refusal(feed_file(TABLE)).code == "E-FEED-SIZE"


def test_a_file_that_grows_while_it_is_read(feed_file: Writer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(feeds, "FILE_BYTES_MAX", 300_000)
    path = feed_file(TABLE + "2,b,9 USD\n" * 20_000)
    with open_feed(path) as feed:
        next(feed.events)
        with path.open("ab") as more:
            more.write(b"3,c,9 USD\n" * 20_000)
        with pytest.raises(LocalProtocolError) as found:
            list(feed.events)
    assert found.value.code == "E-FEED-SIZE"


def test_a_feed_can_be_left_in_the_middle(feed_file: Writer):
    with open_feed(feed_file(TABLE + "2,b,9 USD\n" * 10)) as feed:
        next(feed.events)
    with pytest.raises(ValueError, match="closed"):
        list(feed.events)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-16", "cp1252", "utf-8-sig"])
def test_xml_in_a_declared_encoding(feed_file: Writer, encoding: str):
    raw = "<rss><item><t>Größe</t></item></rss>".encode(encoding)
    assert read(feed_file(raw), encoding=encoding)[1][0].cells == {"t": "Größe"}


@pytest.mark.parametrize("encoding", ["shift_jis", "euc_jp", "gb18030", "big5", "utf-32"])
def test_tables_of_other_scripts(feed_file: Writer, encoding: str):
    _, rows, problems = read(feed_file("id,title\n1,日本\n".encode(encoding)), encoding=encoding)
    assert rows[0].cells == {"id": "1", "title": "日本"}
    assert problems == []
