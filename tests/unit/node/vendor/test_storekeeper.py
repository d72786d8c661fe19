"""The keeper answers from catalogue and rules, promises nothing twice, and may have no shop."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from node.clock import ManualClock
from node.errors import ConfigError, RefusedError
from node.market.shop import Promise, Skipped
from node.storage import catalogue
from node.storage.database import Storage
from node.vendor.showcase import shop_files
from node.vendor.storekeeper import Storekeeper, import_order, import_report
from protocol import limits
from protocol.errors import Reason
from protocol.objects.envelope import Verified
from protocol.objects.intentcast import Intentcast, Window
from protocol.objects.offer import Offer
from tests.parties import NOW_MS, vendor_bo
from tests.unit.node.vendor.requests import CARS, DATES, camera, car, purchase, rental, wish

RULES = 'currency = "USD"\n[quote]\nfirm = false\nquotes_per_hour_max = 3\n'
LATER = Window(start="2027-01-10", end="2027-01-12", tz="America/Denver")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    shutil.copy(shop_files("alpine-wheels")["vendor.toml"], tmp_path / "vendor.toml")
    (tmp_path / "rules.toml").write_text(RULES)
    return tmp_path


@pytest.fixture
async def keeper(home: Path, storage: Storage) -> Storekeeper:
    stock = [car("A", 5_000, stock=2), car("B", 9_000)]
    await storage.write(lambda conn: catalogue.put(conn, stock, NOW_MS))
    return open_shop(home, storage)


def open_shop(home: Path, storage: Storage) -> Storekeeper:
    return Storekeeper.of_home(home, storage=storage, clock=ManualClock(wall_ms=NOW_MS))


async def offer(keeper: Storekeeper, cast: Verified[Intentcast]) -> Offer | Skipped:
    return await keeper.offer_for(
        cast, profile_id=bytes(32), reply=vendor_bo.reply(), now_ms=NOW_MS
    )


async def offered(keeper: Storekeeper, nonce: int = 0, **changes: Any) -> Offer:
    found = await offer(keeper, rental(nonce=bytes([nonce] * 16), **changes))
    assert isinstance(found, Offer), found
    found.check()
    return found


def reason(found: Offer | Skipped) -> str | None:
    return found.reason if isinstance(found, Skipped) else None


async def test_a_home_without_a_shop(tmp_path: Path, storage: Storage):
    keeper = open_shop(tmp_path, storage)
    assert (keeper.name, keeper.describe()) == (None, None)
    assert reason(await offer(keeper, rental())) == "closed"
    with pytest.raises(RefusedError) as found:
        await keeper.status()
    assert found.value.code == "E-NO-SHOP"


async def test_a_shop_does_not_open_on_broken_files(home: Path, storage: Storage):
    (home / "rules.toml").write_text("currency = 5")
    with pytest.raises(ConfigError):
        open_shop(home, storage)


async def test_a_request_is_answered(keeper: Storekeeper):
    found = await offered(keeper)
    assert (found.total, found.lines[0].sku) == (25_000, "A")
    assert not keeper.confirms_by_itself(found)
    profile = keeper.describe()
    assert profile is not None
    assert profile.name == keeper.name


async def test_silence_has_its_reason(keeper: Storekeeper):
    assert reason(await offer(keeper, purchase())) == "category"


async def test_quotes_per_hour_are_kept(keeper: Storekeeper):
    for i in range(3):
        await offered(keeper, i)
    assert reason(await offer(keeper, rental())) == "pace"


async def test_pieces_are_promised_once(keeper: Storekeeper):
    two = await offered(keeper, 1, items=[wish(qty="2")])
    other = await offered(keeper, 2)
    assert await keeper.refusal(two, []) is None
    assert await keeper.refusal(other, [held(two)]) is Reason.OUT_OF_STOCK
    assert await keeper.refusal(two, [held(two)]) is None


async def test_things_lent_come_back(keeper: Storekeeper):
    two = await offered(keeper, 1, items=[wish(qty="2")])
    after = await offered(keeper, 2, when=[LATER])
    assert await keeper.refusal(two, []) is None
    assert await keeper.refusal(after, [held(two)]) is None


async def sale(keeper: Storekeeper, nonce: int, when: Window) -> Offer:
    cast = purchase(nonce=bytes([nonce] * 16), when=[when], category=CARS)
    found = await offer(keeper, cast)
    assert isinstance(found, Offer), found
    return found


async def stock_boxes(storage: Storage, stock: int, now_ms: int = NOW_MS) -> None:
    """Sell roof boxes and lend nothing."""
    await storage.write(lambda conn: catalogue.mark_gone(conn, ["A", "B"], now_ms))
    box = camera("BOX", stock=stock, category=CARS)
    await storage.write(lambda conn: catalogue.put(conn, [box], now_ms))


async def test_things_sold_do_not_come_back_whatever_days_were_named(
    keeper: Storekeeper, storage: Storage
):
    await stock_boxes(storage, 1)
    first, second = await sale(keeper, 1, DATES), await sale(keeper, 2, LATER)
    assert await keeper.refusal(first, []) is None
    assert await keeper.refusal(second, [held(first)]) is Reason.OUT_OF_STOCK


async def test_a_feed_newer_than_a_sale_has_counted_it(keeper: Storekeeper, storage: Storage):
    await stock_boxes(storage, 2)
    first, second = await sale(keeper, 1, DATES), await sale(keeper, 2, LATER)
    assert await keeper.refusal(first, []) is None
    await stock_boxes(storage, 1, NOW_MS + 1)
    assert await keeper.refusal(second, [held(first)]) is Reason.OUT_OF_STOCK
    await storage.write(lambda conn: catalogue.record_import(conn, imported(NOW_MS + 1)))
    assert await keeper.refusal(second, [held(first)]) is None


async def test_the_feed_imported_longest_ago_decides_what_is_counted(
    keeper: Storekeeper, storage: Storage
):
    await stock_boxes(storage, 1)
    first, second = await sale(keeper, 1, DATES), await sale(keeper, 2, LATER)
    for at_ms, source in ((NOW_MS - 5, "old"), (NOW_MS + 5, "new")):
        row = imported(at_ms, source)
        await storage.write(partial(catalogue.record_import, row=row))
    assert await keeper.refusal(second, [held(first)]) is Reason.OUT_OF_STOCK


def held(offer: Offer) -> Promise:
    return Promise(offer=offer, at_ms=NOW_MS)


def imported(at_ms: int, source: str = "feed") -> catalogue.ImportRow:
    counts = {"added": 0, "changed": 1, "unchanged": 0, "removed": 0, "refused": 0}
    return catalogue.ImportRow(source=source, form="CSV", at_ms=at_ms, **counts)


async def test_what_is_promised_is_not_quoted_again(keeper: Storekeeper):
    two = await offered(keeper, 1, items=[wish(qty="2")])
    assert await keeper.refusal(two, []) is None
    assert (await offered(keeper, 2)).lines[0].sku == "B"
    assert (await offered(keeper, 3, when=[LATER])).lines[0].sku == "A"


@pytest.mark.parametrize("change", [{"available": False}, {"stock": 0}])
async def test_what_has_gone_since_is_refused(
    keeper: Storekeeper, storage: Storage, change: dict[str, Any]
):
    found = await offered(keeper)
    gone = [car("A", **change)]
    await storage.write(lambda conn: catalogue.put(conn, gone, NOW_MS))
    assert await keeper.refusal(found, []) is Reason.OUT_OF_STOCK


async def test_an_article_that_left_the_feed_is_refused(keeper: Storekeeper, storage: Storage):
    found = await offered(keeper)
    await storage.write(lambda conn: catalogue.mark_gone(conn, ["A"], NOW_MS))
    assert await keeper.refusal(found, []) is Reason.OUT_OF_STOCK


async def test_status(keeper: Storekeeper, home: Path):
    found = await keeper.status()
    assert found["schema"] == "intentcast.vendor/1"
    assert (found["items"], found["categories"]) == (2, {"travel/car-rental": 2})
    assert (found["quoted"], found["skipped"], found["rules_problem"]) == (0, [], None)
    (home / "rules.toml").write_text("currency = 5")
    assert "E-RULES" in (await keeper.status())["rules_problem"]
    (home / "rules.toml").write_text(RULES)
    assert (await keeper.status())["rules_problem"] is None


async def test_import(storage: Storage, keeper: Storekeeper, feed_file: Callable[..., Path]):
    path = feed_file("id;title;price\n1;a;19,99\n2;b;5\n")
    said = {"currency": "EUR", "decimal_comma": True, "category": "food", "source": "s"}
    plan = await keeper.import_feed(path, {**said, "dry_run": True})
    assert (plan["schema"], plan["added"], plan["applied"]) == ("intentcast.import/1", 2, False)
    report = await import_report(storage, path, said, now_ms=NOW_MS)
    assert (report["added"], report["offered"], report["problems"]) == (2, 2, [])
    bad = feed_file("id;title;price\n1;a;soon\n2;b;5 EUR\n")
    report = await keeper.import_feed(bad, {"category": "food"})
    assert report["problems"][0]["code"] == "E-FEED-PRICE"


def test_what_is_not_said_is_found_out(tmp_path: Path):
    order = import_order(tmp_path, {})
    assert (order.habits.source, order.habits.price_unit, order.apply) == ("feed", "each", True)
    order = import_order(tmp_path, {"delimiter": ";", "price_unit": "DAY", "remove_most": True})
    assert (order.options.delimiter, order.habits.price_unit) == (";", "DAY")
    assert order.remove_most
    assert DATES.start < LATER.start


async def test_a_shop_says_which_requests_it_could_answer(home: Path, storage: Storage):
    whole = open_shop(home, storage).reach()
    assert whole is not None
    described = open_shop(home, storage).describe()
    assert described is not None
    assert whole.categories == (described.categories or None)
    assert whole.cells
    assert len(whole.cells) <= limits.interest_cells_max
    (home / "rules.toml").write_text(RULES + '[fulfil]\nmode = "remote"\n')
    remote = open_shop(home, storage).reach()
    assert remote is None or remote.cells is None


async def test_without_a_shop_no_request_is_asked_for(tmp_path: Path, storage: Storage):
    found = open_shop(tmp_path, storage).reach()
    assert found is not None
    assert (found.categories, found.cells) == ([], None)
