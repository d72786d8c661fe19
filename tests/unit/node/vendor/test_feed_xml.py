"""Merchant feeds in XML stream in; what no feed needs is refused."""

from __future__ import annotations

import io

import pytest

from node.vendor import feed_xml
from node.vendor.feed_rows import CELL_CHARS_MAX, FeedOutcome, FeedProblem, FeedRow
from node.vendor.feed_xml import read_xml
from protocol.errors import LocalProtocolError

RSS = """<?xml version="1.0"?>
<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel><title>Shop</title>
{}
</channel></rss>"""


def read(
    text: str | bytes, encoding: str | None = None
) -> tuple[list[FeedRow], list[FeedProblem], FeedOutcome]:
    outcome = FeedOutcome()
    raw = text if isinstance(text, bytes) else text.encode()
    found = list(read_xml(io.BytesIO(raw), encoding, outcome))
    rows = [event for event in found if isinstance(event, FeedRow)]
    return rows, [event for event in found if isinstance(event, FeedProblem)], outcome


def refusal(text: str | bytes, encoding: str | None = None) -> LocalProtocolError:
    with pytest.raises(LocalProtocolError) as found:
        read(text, encoding)
    return found.value


def test_rss_items_with_googles_names():
    rows, problems, outcome = read(
        RSS.format(
            "<item>\n<g:id>1</g:id><title>A &amp; B</title><g:price> 9 USD </g:price></item>"
            "<item><g:id>2</g:id><title><![CDATA[<b>]]></title></item>"
        )
    )
    assert [(row.line, row.cells) for row in rows] == [
        (3, {"g:id": "1", "title": "A & B", "g:price": "9 USD"}),
        (4, {"g:id": "2", "title": "<b>"}),
    ]
    assert problems == []
    assert (outcome.rows, outcome.complete) == (2, True)


def test_atom_entries_with_links_in_attributes():
    rows, _, _ = read(
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:g="http://base.google.com/ns/1.0">'
        '<entry><g:id>7</g:id><link rel="self" href="https://no/"/>'
        '<link href="https://shop.example/7"/></entry></feed>'
    )
    assert rows[0].cells == {"g:id": "7", "link": "https://shop.example/7"}


def test_nested_parts_become_cells():
    rows, _, _ = read(
        RSS.format(
            "<item><g:shipping><g:country>US</g:country><g:price>6.49 USD</g:price></g:shipping>"
            "<g:product_detail><g:section_name>Sensor</g:section_name>"
            "<g:attribute_name>Resolution</g:attribute_name>"
            "<g:attribute_value>24 MP</g:attribute_value></g:product_detail></item>"
        )
    )
    assert rows[0].cells == {"g:shipping": "US:6.49 USD", "Resolution": "24 MP"}


def test_a_name_that_stands_twice_is_joined():
    rows, _, _ = read(RSS.format("<item><g:image>a</g:image><g:image>b</g:image></item>"))
    assert rows[0].cells == {"g:image": "a, b"}


def test_more_columns_than_are_read(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(feed_xml, "COLUMNS_MAX", 2)
    rows, problems, _ = read(RSS.format("<item><a>1</a><b>2</b><c>3</c></item>"))
    assert rows[0].cells == {"a": "1", "b": "2"}
    assert [(p.code, p.refused) for p in problems] == [("E-FEED-COLUMNS", False)]


def test_a_cell_longer_than_any_is_cut():
    rows, problems, _ = read(RSS.format(f"<item><t>{'x' * 50_000}</t></item>"))
    assert len(rows[0].cells["t"]) == CELL_CHARS_MAX
    assert problems[0].code == "E-FEED-LONG"


@pytest.mark.parametrize(
    "head",
    [
        '<!DOCTYPE rss SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE rss [<!ENTITY a "aaaa">]>',
        '<!DOCTYPE rss [<!ENTITY a SYSTEM "http://127.0.0.1/">]>',
        "<!DOCTYPE rss>",
    ],
)
def test_document_types_and_entities_are_refused(head: str):
    error = refusal(f"{head}<rss><channel><item><id>1</id></item></channel></rss>")
    assert error.code == "E-FEED-XML"
    assert "DOCTYPE" in error.fix


def test_elements_nested_without_end():
    assert "nested" in refusal("<rss>" + "<a>" * 100).sentence


def test_one_tag_without_end():
    assert "one tag" in refusal(b'<rss><channel a="' + b"x" * 3_000_000).sentence


@pytest.mark.parametrize(
    "text", ["<rss></rss>", "<html><body><p>404</p></body></html>", "<a/>", "<rss><channel/></rss>"]
)
def test_xml_that_is_no_feed(text: str):
    assert refusal(text).code == "E-FEED-XML"


@pytest.mark.parametrize("text", ["<rss", "<rss><item>", "<a><b></a>", "<a>&nope;</a>"])
def test_xml_that_is_not_well_formed_from_the_start(text: str):
    assert refusal(text).code == "E-FEED-XML"


def test_a_fault_in_the_middle_keeps_what_came_before():
    rows, problems, outcome = read(
        RSS.format("<item><id>1</id></item>\n<item><id>2</id><t>a & b</t></item>")
    )
    assert [row.cells["id"] for row in rows] == ["1"]
    assert [(p.line, p.code) for p in problems] == [(4, "E-FEED-XML")]
    assert "&amp;" in problems[0].fix
    assert not outcome.complete


def test_a_feed_cut_short_is_not_complete():
    whole = RSS.format("".join(f"<item><id>{i}</id></item>" for i in range(10)))
    rows, problems, outcome = read(whole[: len(whole) // 2])
    assert 0 < len(rows) < 10
    assert problems[-1].code == "E-FEED-XML"
    assert not outcome.complete


def test_rows_have_a_cap(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(feed_xml, "ROWS_MAX", 2)
    rows, problems, outcome = read(RSS.format("<item><id>1</id></item>" * 3))
    assert len(rows) == 2
    assert problems[-1].code == "E-FEED-ROWS"
    assert not outcome.complete


def test_declared_and_given_encodings():
    latin = '<?xml version="1.0" encoding="iso-8859-1"?><rss><item><t>Größe</t></item></rss>'
    assert read(latin.encode("latin-1"))[0][0].cells == {"t": "Größe"}
    bare = "<rss><item><t>Größe</t></item></rss>"
    assert read(bare.encode("latin-1"), "iso-8859-1")[0][0].cells == {"t": "Größe"}
    assert read(bare.encode("utf-16"))[0][0].cells == {"t": "Größe"}
    assert refusal(bare.encode("latin-1")).code == "E-FEED-XML"


@pytest.mark.parametrize("name", ["shift_jis", "klingon", "utf-7", "idna", "hex", "utf-16-le"])
def test_encodings_the_parser_does_not_have(name: str):
    declared = f'<?xml version="1.0" encoding="{name}"?><rss><item><t>a</t></item></rss>'
    assert refusal(declared).code in {"E-FEED-ENCODING", "E-FEED-XML"}
    assert refusal("<rss><item><t>a</t></item></rss>", name).code == "E-FEED-ENCODING"
