"""Articles are put, marked gone, paged and checked on the way out."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from node.errors import StorageError
from node.storage import catalogue
from node.storage.catalogue import ImportRow, Item, StatedFact
from node.storage.database import Storage
from tests.parties import NOW_MS


def item(sku: str, category: str = "electronics/cameras", **changes: Any) -> Item:
    base: dict[str, Any] = {
        "sku": sku,
        "source": "feed",
        "title": f"Thing {sku}",
        "category": category,
        "cur": "USD",
        "price_minor": 100,
    }
    return Item(**{**base, **changes})


async def skus(storage: Storage, category: str, limit: int = 100) -> list[str]:
    found: list[str] = []
    after = ("", 0)
    while page := await page_after(storage, category, after, limit):
        after = page[-1][0]
        found += [entry.sku for _, entry in page]
    return found


async def page_after(
    storage: Storage, category: str, after: tuple[str, int], limit: int
) -> list[tuple[tuple[str, int], Item]]:
    return await storage.read(lambda db: catalogue.page(db, category, after, limit))


async def test_an_article_comes_back_whole(storage: Storage):
    whole = item(
        "A",
        list_minor=120,
        floor_minor=90,
        stock=3,
        facts={
            "raw": StatedFact(value=True),
            "resolution": StatedFact(value="12.1", unit="MPX"),
            "language": StatedFact(value=["en", "de"]),
        },
    )
    await storage.write(lambda conn: catalogue.put(conn, [whole], NOW_MS))
    assert await storage.read(lambda db: catalogue.find(db, "A")) == whole
    assert await storage.read(lambda db: catalogue.find(db, "B")) is None


async def test_putting_again_replaces_and_brings_back(storage: Storage):
    await storage.write(lambda conn: catalogue.put(conn, [item("A")], NOW_MS))
    await storage.write(lambda conn: catalogue.mark_gone(conn, ["A"], NOW_MS))
    states = await storage.read(lambda db: catalogue.states(db, ["A", "B"]))
    assert {sku: state.gone for sku, state in states.items()} == {"A": True}
    assert await skus(storage, "") == []
    assert await storage.read(lambda db: catalogue.find(db, "A")) == item("A")
    assert await storage.read(lambda db: catalogue.find_offered(db, "A")) is None
    dearer = item("A", price_minor=200)
    await storage.write(lambda conn: catalogue.put(conn, [dearer], NOW_MS))
    assert await storage.read(lambda db: catalogue.find(db, "A")) == dearer
    assert await storage.read(lambda db: catalogue.find_offered(db, "A")) == dearer
    assert await storage.read(catalogue.offered_count) == 1


async def test_pages_hold_a_category_and_what_is_below(storage: Storage):
    things = [
        item("1", "electronics/cameras"),
        item("2", "electronics/cameras/lenses"),
        item("3", "electronics/cameras-old"),
        item("4", "electronics"),
        item("5", "electronics/cameras/lenses"),
        item("6", "toys"),
    ]
    await storage.write(lambda conn: catalogue.put(conn, things, NOW_MS))
    for limit in (1, 2, 100):
        assert await skus(storage, "electronics/cameras", limit) == ["1", "2", "5"]
        assert await skus(storage, "electronics/cameras/lenses", limit) == ["2", "5"]
        assert await skus(storage, "electronics", limit) == ["4", "1", "3", "2", "5"]
        assert len(await skus(storage, "", limit)) == 6
        assert await skus(storage, "toy", limit) == []
    assert await storage.read(catalogue.categories) == {
        "electronics": 1,
        "electronics/cameras": 1,
        "electronics/cameras-old": 1,
        "electronics/cameras/lenses": 2,
        "toys": 1,
    }


async def test_many_numbers_are_looked_up_at_once(storage: Storage):
    things = [item(str(i)) for i in range(1_203)]
    await storage.write(lambda conn: catalogue.put(conn, things, NOW_MS))
    found = await storage.read(lambda db: catalogue.states(db, [t.sku for t in things]))
    assert len(found) == 1_203
    page = await storage.read(lambda db: catalogue.offered_skus(db, "feed", 0, 10))
    assert [sku for _, sku in page] == [str(i) for i in range(10)]
    assert await storage.read(lambda db: catalogue.offered_count(db, "feed")) == 1_203
    assert await storage.read(lambda db: catalogue.offered_count(db, "other")) == 0


async def test_articles_gone_long_ago_are_erased(storage: Storage):
    await storage.write(lambda conn: catalogue.put(conn, [item("A"), item("B")], NOW_MS))
    await storage.write(lambda conn: catalogue.mark_gone(conn, ["A"], NOW_MS))
    later = NOW_MS + catalogue.GONE_KEPT_MS
    assert await storage.write(lambda conn: catalogue.sweep(conn, later - 1)) == 0
    assert await storage.write(lambda conn: catalogue.sweep(conn, later)) == 1
    assert await skus(storage, "") == ["B"]


async def test_imports_are_remembered_newest_first(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(catalogue, "IMPORTS_KEPT", 2)
    rows = [
        ImportRow(
            source="feed",
            form="CSV",
            at_ms=NOW_MS + i,
            added=i,
            changed=0,
            unchanged=0,
            removed=0,
            refused=0,
        )
        for i in range(4)
    ]

    def record(conn: sqlite3.Connection) -> None:
        for row in rows:
            catalogue.record_import(conn, row)

    await storage.write(record)
    assert await storage.read(lambda db: catalogue.imports(db, 10)) == [rows[3], rows[2]]


async def test_a_damaged_article_is_named_as_damage(storage: Storage):
    await storage.write(lambda conn: catalogue.put(conn, [item("A")], NOW_MS))

    def damage(conn: sqlite3.Connection) -> None:
        conn.execute("UPDATE items SET content = replace(content, '100', '001')")

    await storage.write(damage)
    with pytest.raises(StorageError) as found:
        await storage.read(lambda db: catalogue.find(db, "A"))
    assert found.value.code == "E-DB-DAMAGED"


def test_content_does_not_depend_on_the_order_of_facts():
    one = item("A", facts={"a": StatedFact(value="1"), "b": StatedFact(value="2")})
    two = item("A", facts={"b": StatedFact(value="2"), "a": StatedFact(value="1")})
    assert one.content() == two.content()


async def searched(
    storage: Storage, *words: str, after: int = 0, limit: int = 50
) -> tuple[list[str], int | None]:
    items, place = await storage.read(lambda db: catalogue.search(db, words, after, limit))
    return [each.sku for each in items], place


async def test_articles_are_found_by_words_of_title_and_number(storage: Storage):
    shelf = [
        item("A-1", title="Red tent"),
        item("A-2", title="Blue Tent, 100% dry"),
        item("b_3", title="ÄRMEL red"),
    ]
    await storage.write(lambda conn: catalogue.put(conn, shelf, NOW_MS))
    assert await searched(storage) == (["A-1", "A-2", "b_3"], None)
    assert await searched(storage, "TENT") == (["A-1", "A-2"], None)
    assert await searched(storage, "tent", "red") == (["A-1"], None)
    assert await searched(storage, "a-2") == (["A-2"], None)
    assert await searched(storage, "ärmel") == (["b_3"], None)
    assert await searched(storage, "0%") == (["A-2"], None)
    assert await searched(storage, "b_3") == (["b_3"], None)
    assert await searched(storage, "b!3", "%") == ([], None)
    await storage.write(lambda conn: catalogue.mark_gone(conn, ["A-1"], NOW_MS))
    assert await searched(storage, "tent") == (["A-2"], None)


async def test_a_search_goes_on_page_by_page(storage: Storage):
    shelf = [item(f"{number:02}") for number in range(7)]
    await storage.write(lambda conn: catalogue.put(conn, shelf, NOW_MS))
    first, place = await searched(storage, limit=3)
    assert (first, place) == (["00", "01", "02"], 3)
    assert await searched(storage, after=3, limit=4) == (["03", "04", "05", "06"], None)


async def test_a_search_looks_at_so_many_articles_only(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(catalogue, "_LOOKED_AT_MAX", 3)
    shelf = [item(f"{number:02}", title=f"T{number}") for number in range(7)]
    await storage.write(lambda conn: catalogue.put(conn, shelf, NOW_MS))
    assert await searched(storage, "t5") == ([], 3)
    assert await searched(storage, "t5", after=3) == (["05"], 6)
    assert await searched(storage, "t5", after=6) == ([], None)
