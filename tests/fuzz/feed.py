"""What the fuzzer of feeds calls: any bytes as a shop's file, read row by row into products.

The first byte chooses what the owner says of the file. Enters: bytes. Leaves: nothing; anything
but rows, problems and one refusal with a code and a fix is a finding.
"""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from node.data.vocabulary import attribute_vocabulary, category_tree
from node.vendor.columns import ColumnMap
from node.vendor.feed_rows import CELL_CHARS_MAX, COLUMNS_MAX, FeedProblem, FeedRow
from node.vendor.feeds import FeedOptions, open_feed
from node.vendor.prices import ShopHabits
from node.vendor.products import ProductReader
from protocol import limits
from protocol.errors import LocalProtocolError

OPTIONS = [
    *(FeedOptions(), FeedOptions(encoding="latin-1"), FeedOptions(delimiter=";")),
    *(FeedOptions(encoding="utf-16"), FeedOptions(delimiter="|"), FeedOptions(encoding="cp1252")),
    *(FeedOptions(encoding="gb2312"), FeedOptions(encoding="shift_jis", delimiter="\t")),
]
HABITS = [
    ShopHabits(source="feed", currency="EUR", category="food"),
    ShopHabits(source="feed", currency="USD", category="electronics/cameras"),
]


@cache
def _place() -> Path:
    # In memory where there is such a place: the fuzzer writes thousands of files a second.
    memory = Path("/dev/shm")
    folder = tempfile.mkdtemp(prefix="fuzz-feed-", dir=memory if memory.is_dir() else None)
    return Path(folder) / "feed"


def written(data: bytes) -> Path:
    """Put an input's file where the target reads it."""
    _place().write_bytes(data[1:])
    return _place()


def clean_up() -> None:
    """Remove the file that was written again and again."""
    _place().unlink(missing_ok=True)
    _place().parent.rmdir()
    _place.cache_clear()


def one_input(data: bytes) -> None:
    """Run one input of the fuzzer."""
    if not data:
        return
    choice = data[0]
    reader = ProductReader(
        columns=ColumnMap(attribute_vocabulary()),
        tree=category_tree(),
        habits=HABITS[choice // len(OPTIONS) % len(HABITS)],
    )
    try:
        with open_feed(written(data), OPTIONS[choice % len(OPTIONS)]) as opened:
            for event in opened.events:
                check_event(event, reader)
    except LocalProtocolError as error:
        check_refusal(error)


def check_refusal(error: LocalProtocolError) -> None:
    """Hold a refusal of the whole file against what every one promises."""
    assert error.code.startswith("E-FEED-"), error.code
    assert error.fix
    str(error).encode()


def check_event(event: FeedRow | FeedProblem, reader: ProductReader) -> None:
    """Hold one event against what every reader promises."""
    if isinstance(event, FeedProblem):
        assert event.code.startswith("E-FEED-")
        assert str(event).isprintable(), str(event)
        return
    assert len(event.cells) <= COLUMNS_MAX
    assert all(len(text) <= CELL_CHARS_MAX for text in event.cells.values())
    item, problems = reader.read(event)
    assert item is not None or any(found.refused for found in problems)
    for found in problems:
        assert str(found).isprintable(), str(found)
    if item is not None:
        assert 0 < item.price_minor <= limits.money_minor_max
        for text in (item.sku, item.title):
            text.encode()
