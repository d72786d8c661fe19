"""Imports apply differences, keep good rows, and do not empty a shelf by accident."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from node.storage import catalogue as rows
from node.storage.database import Storage
from node.vendor import catalogue
from node.vendor.catalogue import (
    ImportOrder,
    ImportReport,
    import_feed,
    offered_items,
    write_report,
)
from node.vendor.feed_rows import FeedProblem, problem
from node.vendor.prices import ShopHabits
from protocol.errors import LocalProtocolError
from protocol.values.attributes import AttributeVocabulary
from protocol.values.category import CategoryTree
from tests.parties import NOW_MS

Importer = Callable[..., Awaitable[ImportReport]]
HEAD = "id,title,price,category,megapixels\n"


def row(number: int, price: str = "10.00 USD", category: str = "electronics/cameras") -> str:
    return f"{number},Thing {number},{price},{category},\n"


@pytest.fixture
def bring(
    storage: Storage,
    feed_file: Callable[..., Path],
    vocabulary: AttributeVocabulary,
    tree: CategoryTree,
) -> Importer:
    async def run(text: str, *, source: str = "feed", **changes: Any) -> ImportReport:
        habits = ShopHabits(source=source, category=changes.pop("category", ""))
        on_problem = changes.pop("on_problem", None)
        order = ImportOrder(path=feed_file(text), habits=habits, **changes)
        return await import_feed(
            storage,
            order,
            vocabulary=vocabulary,
            tree=tree,
            now_ms=NOW_MS,
            on_problem=on_problem,
        )

    return run


async def skus(storage: Storage, category: str = "") -> list[str]:
    return sorted([item.sku async for page in offered_items(storage, category) for item in page])


def counts(report: ImportReport) -> tuple[int, int, int, int, int]:
    return report.added, report.changed, report.unchanged, report.removed, report.refused


async def test_only_differences_are_applied(storage: Storage, bring: Importer):
    first = await bring(HEAD + row(1) + row(2) + row(3))
    assert counts(first) == (3, 0, 0, 0, 0)
    assert (first.form, first.rows, first.offered) == ("CSV (comma, UTF-8)", 3, 3)
    again = await bring(HEAD + row(1) + row(2) + row(3))
    assert counts(again) == (0, 0, 3, 0, 0)
    changed = await bring(HEAD + row(1) + row(2, "11.00 USD") + row(4))
    assert counts(changed) == (1, 1, 1, 1, 0)
    assert await skus(storage) == ["1", "2", "4"]
    back = await bring(HEAD + row(1) + row(2, "11.00 USD") + row(3))
    assert counts(back) == (1, 0, 2, 1, 0)
    history = await storage.read(lambda db: rows.imports(db, 1))
    assert (history[0].added, history[0].removed, history[0].at_ms) == (1, 1, NOW_MS)


async def test_a_dry_run_counts_and_changes_nothing(storage: Storage, bring: Importer):
    await bring(HEAD + row(1) + row(2))
    plan = await bring(HEAD + row(2, "9.00 USD") + row(3), apply=False)
    assert counts(plan) == (1, 1, 0, 1, 0)
    assert not plan.applied
    assert await skus(storage) == ["1", "2"]
    assert len(await storage.read(lambda db: rows.imports(db, 10))) == 1


async def test_good_rows_are_kept_and_bad_ones_named(storage: Storage, bring: Importer):
    heard: list[FeedProblem] = []
    text = (
        HEAD
        + row(1)
        + row(2, "19,99")
        + row(3, "soon")
        + "4,Thing,5 USD,electronics/cameras/digital-cameras,lots\n"
    )
    report = await bring(text, on_problem=heard.append)
    assert counts(report) == (2, 0, 0, 0, 2)
    assert report.warnings == 1
    assert [(p.line, p.code, p.refused) for p in report.problems] == [
        (3, "E-FEED-COLUMNS", True),
        (4, "E-FEED-PRICE", True),
        (5, "E-FEED-ATTRIBUTE", False),
    ]
    assert heard == report.problems
    assert await skus(storage) == ["1", "4"]


async def test_a_refused_row_is_not_on_offer_at_its_old_price(storage: Storage, bring: Importer):
    await bring(HEAD + row(1) + row(2))
    report = await bring(HEAD + row(1) + row(2, "soon"))
    assert counts(report) == (0, 0, 1, 1, 1)
    assert await skus(storage) == ["1"]


async def test_a_number_that_stands_twice_counts_once(storage: Storage, bring: Importer):
    report = await bring(HEAD + row(1) + row(1, "1.00 USD") + row(2))
    assert counts(report) == (2, 0, 0, 0, 1)
    assert (report.problems[0].code, report.problems[0].line) == ("E-FEED-DUPLICATE", 3)
    found = await storage.read(lambda db: rows.find(db, "1"))
    assert found is not None
    assert found.price_minor == 1_000


async def test_each_feed_takes_away_only_its_own(storage: Storage, bring: Importer):
    await bring(HEAD + row(1) + row(2), source="a")
    await bring(HEAD + row(3), source="b")
    report = await bring(HEAD + row(1), source="a")
    assert report.removed == 1
    assert await skus(storage) == ["1", "3"]


async def test_most_articles_leave_only_when_told_to(storage: Storage, bring: Importer):
    await bring(HEAD + "".join(map(row, range(30))))
    held = await bring(HEAD + row(0))
    assert (held.removed, held.removals_held, held.offered) == (0, 29, 30)
    assert held.problems[-1].code == "E-FEED-REMOVALS"
    assert len(await skus(storage)) == 30
    told = await bring(HEAD + row(0), remove_most=True)
    assert (told.removed, told.removals_held) == (29, 0)
    assert await skus(storage) == ["0"]


async def test_a_feed_without_one_good_row_takes_nothing_away(storage: Storage, bring: Importer):
    await bring(HEAD + row(1) + row(2))
    held = await bring(HEAD + row(1, "soon"))
    assert (held.removed, held.removals_held, held.refused) == (0, 2, 1)
    assert await skus(storage) == ["1", "2"]


async def test_a_feed_cut_short_takes_nothing_away(storage: Storage, bring: Importer):
    entry = "<item><id>{0}</id><title>T{0}</title><price>1 USD</price></item>"
    whole = "<rss>" + "".join(entry.format(i) for i in range(6)) + "</rss>"
    await bring(whole, category="food")
    report = await bring(whole[: len(whole) // 2], category="food")
    assert not report.complete
    assert (report.removed, report.unchanged) == (0, 3)
    assert len(await skus(storage)) == 6


async def test_many_rows_go_in_batches(storage: Storage, bring: Importer):
    report = await bring(HEAD + "".join(map(row, range(1_234))))
    assert counts(report) == (1_234, 0, 0, 0, 0)
    assert len(await skus(storage, "electronics/cameras")) == 1_234
    assert await skus(storage, "food") == []


async def test_columns_are_reported(bring: Importer):
    report = await bring(
        "id,title,price,megapixels,shelf\n1,a,1 USD,12,B3\n",
        category="electronics/cameras/digital-cameras",
    )
    assert report.mapped["megapixels"] == "attribute resolution"
    assert report.unmapped == ["shelf"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b,c\n1,2,3\n", "sku, price"),
        ("id,title,how much\n1,2,3\n", "price"),
        ("title,price\na,1 USD\n", "sku"),
    ],
)
async def test_a_feed_whose_columns_say_nothing_is_refused_whole(
    bring: Importer, text: str, words: str
):
    with pytest.raises(LocalProtocolError) as found:
        await bring(text)
    assert found.value.code == "E-FEED-HEADER"
    assert words in found.value.sentence


async def test_a_category_that_is_none(bring: Importer):
    with pytest.raises(LocalProtocolError) as found:
        await bring(HEAD + row(1), category="electronics/camras")
    assert found.value.code == "E-CATEGORY"


async def test_a_full_catalogue_stops_the_import(
    storage: Storage, bring: Importer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(rows, "ITEMS_MAX", 3)
    monkeypatch.setattr(catalogue, "BATCH_ROWS", 2)
    report = await bring(HEAD + "".join(map(row, range(10))))
    assert not report.complete
    assert report.problems[-1].code == "E-FEED-ROWS"
    assert report.added == 4


async def test_a_report_keeps_a_thousand_problems_and_counts_all(
    bring: Importer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(catalogue, "PROBLEMS_KEPT", 3)
    report = await bring(HEAD + row(0) + "".join(row(i, "soon") for i in range(1, 9)))
    assert report.refused == 8
    assert len(report.problems) == 3


async def test_an_import_can_be_stopped_and_repeated(storage: Storage, bring: Importer):
    text = HEAD + "".join(map(row, range(1_500)))
    task = asyncio.ensure_future(bring(text))
    while not await storage.read(rows.offered_count):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    report = await bring(text)
    assert report.added + report.unchanged == 1_500
    assert len(await skus(storage)) == 1_500


def test_a_report_file_holds_no_formula():
    target = io.StringIO()
    write_report(
        target,
        [
            problem(
                3, "E-FEED-PRICE", "odd", fix="mend", column="price", value="=cmd|' /C calc'!A0"
            ),
            problem(4, "E-FEED-GTIN", "odd", value="@x", refused=False),
        ],
    )
    lines = target.getvalue().splitlines()
    assert lines[0] == "line,column,value,code,problem,fix,row"
    assert lines[1] == "3,price,'=cmd|' /C calc'!A0,E-FEED-PRICE,odd,mend,refused"
    assert lines[2] == "4,,'@x,E-FEED-GTIN,odd,,kept"
