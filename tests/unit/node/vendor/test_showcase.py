"""The shipped shops import cleanly and answer the shipped requests, end to end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from node.clock import ManualClock
from node.market.drafts import read_request
from node.storage.database import Storage
from node.vendor import showcase
from node.vendor.catalogue import ImportOrder, ImportReport, import_feed
from node.vendor.identity import Identity, load_identity
from node.vendor.matching import Skip
from node.vendor.quoting import QuoteDraft, quote, to_offer
from node.vendor.rules import Rules, load_rules
from protocol.errors import LocalProtocolError
from protocol.objects.envelope import Verified
from protocol.objects.header import Kind
from protocol.objects.intentcast import Intentcast
from protocol.values.attributes import AttributeVocabulary
from protocol.values.category import CategoryTree
from tests.parties import NOW_MS, _object, buyer_ana, vendor_bo


def published(name: str) -> Verified[Intentcast]:
    request = read_request(showcase.example_cast(name), NOW_MS)
    body = request.body(bytes(16), buyer_ana.reply())
    return _object(buyer_ana, Kind.INTENTCAST, body, {"exp": request.expires})


@dataclass(frozen=True)
class Shop:
    """A shipped shop, read as a home's own files are."""

    identity: Identity
    rules: Rules
    orders: list[ImportOrder]


def shop_of(name: str, vocabulary: AttributeVocabulary, tree: CategoryTree) -> Shop:
    files = showcase.shop_files(name)
    identity = load_identity(files["vendor.toml"], tree=tree)
    return Shop(
        identity=identity,
        rules=load_rules(files["rules.toml"], vocabulary=vocabulary, tree=tree),
        orders=[
            ImportOrder(path=files[feed.file], habits=feed.habits, options=feed.options)
            for feed in identity.feeds
        ],
    )


async def answers(
    names: tuple[str, ...],
    cast: Verified[Intentcast],
    folder: Path,
    vocabulary: AttributeVocabulary,
    tree: CategoryTree,
) -> dict[str, QuoteDraft | Skip]:
    found: dict[str, QuoteDraft | Skip] = {}
    for name in names:
        shop = shop_of(name, vocabulary, tree)
        storage = await Storage.open(folder / f"{name}.db", clock=ManualClock(wall_ms=NOW_MS))
        try:
            for order in shop.orders:
                report = await import_feed(
                    storage, order, vocabulary=vocabulary, tree=tree, now_ms=NOW_MS
                )
                assert_clean(report)
            found[name] = await quote(
                storage,
                cast,
                shop=shop.identity.shop(),
                rules=shop.rules,
                vocabulary=vocabulary,
                now_ms=NOW_MS,
            )
        finally:
            await storage.close()
    return found


def assert_clean(report: ImportReport) -> None:
    assert report.problems == []
    assert report.added >= 2
    assert report.complete


async def test_four_rentals_answer_the_park_city_story(
    tmp_path: Path, vocabulary: AttributeVocabulary, tree: CategoryTree
):
    cast = published("park-city")
    found = await answers(showcase.RENTALS, cast, tmp_path, vocabulary, tree)
    totals: dict[str, int] = {}
    for name, draft in found.items():
        assert isinstance(draft, QuoteDraft), (name, draft)
        offer = to_offer(
            draft, cast_id=cast.id, profile_id=bytes(32), reply=vendor_bo.reply(), now_ms=NOW_MS
        )
        offer.check()
        totals[name] = draft.total
        insurance = draft.answers[2].status
        assert insurance == ("unmet" if name == "pine-motors" else "met")
        assert draft.answers[3].status == "met"
    assert totals == {
        "alpine-wheels": 36_125,
        "valley-drive": 39_329,
        "club-cars": 38_167,
        "pine-motors": 44_290,
    }


async def test_feeds_with_nothing_in_common_answer_the_camera_request(
    tmp_path: Path, vocabulary: AttributeVocabulary, tree: CategoryTree
):
    found = await answers(showcase.CAMERA_SHOPS, published("camera"), tmp_path, vocabulary, tree)
    corner, depot = found["camera-corner"], found["photo-depot"]
    assert isinstance(corner, QuoteDraft)
    assert isinstance(depot, QuoteDraft)
    assert (corner.pieces, corner.total) == ({"C-1201": 1}, 27_900)
    assert (depot.pieces, depot.total) == ({"PD-88": 1}, 31_000)
    for draft in (corner, depot):
        assert [answer.status for answer in draft.answers] == ["met", "met", "met"]
    assert (depot.answers[0].value, depot.answers[0].unit) == ("12.3", "MPX")
    box = found["beach-box"]
    assert isinstance(box, QuoteDraft)
    assert [answer.status for answer in box.answers] == ["unmet", "unmet", "met"]
    assert box.total == 13_390


@pytest.mark.parametrize("name", showcase.shop_names())
def test_every_shop_is_whole(name: str, vocabulary: AttributeVocabulary, tree: CategoryTree):
    files = showcase.shop_files(name)
    assert {"vendor.toml", "rules.toml"} < files.keys()
    shop = shop_of(name, vocabulary, tree)
    assert "(example)" in shop.identity.name
    assert all(order.path.is_file() for order in shop.orders)
    shop.identity.profile(vendor_bo.reply())


def test_names_that_do_not_ship():
    assert set(showcase.RENTALS + showcase.CAMERA_SHOPS) == set(showcase.shop_names())
    with pytest.raises(LocalProtocolError, match="not an example shop"):
        showcase.shop_files("../x")
    with pytest.raises(LocalProtocolError, match="not an example request"):
        showcase.example_cast("../../secret")
    assert showcase.cast_names() == ["camera", "park-city"]
