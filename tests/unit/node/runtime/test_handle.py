"""What faces call: documents with a schema, or an error with a code and the next step."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from node.clock import ManualClock
from node.errors import NotFoundError, RefusedError, StorageError, TransportError
from node.market.drafts import read_request
from node.runtime import handle as handle_module
from node.runtime.chronicle import Signal
from node.runtime.handle import Document, Handle
from node.storage import casts, outbox
from node.storage.outbox import Outgoing, OutgoingState
from protocol.errors import LocalProtocolError
from protocol.ids import to_text
from protocol.objects.agreement import read_bundle
from protocol.objects.offer import Answer, Line
from tests.unit.node.market.booth import DRAFT, ONE, START_MS, Booth, Market
from tests.unit.node.runtime.faces import FaceNetwork, face_of


@pytest.fixture
async def market(tmp_path: Path) -> AsyncIterator[Market]:
    clock = ManualClock(wall_ms=START_MS)
    buyer = await Booth.open(tmp_path, "buyer_ana", clock)
    vendor = await Booth.open(tmp_path, "vendor_bo", clock)
    yield Market(buyer=buyer, vendor=vendor, clock=clock)
    await buyer.close()
    await vendor.close()


@pytest.fixture
def face(market: Market, tmp_path: Path) -> tuple[Handle, FaceNetwork]:
    return face_of(market.buyer, tmp_path)


@pytest.fixture
def handle(face: tuple[Handle, FaceNetwork]) -> Handle:
    return face[0]


@pytest.fixture
def network(face: tuple[Handle, FaceNetwork]) -> FaceNetwork:
    return face[1]


@pytest.fixture
def shop(market: Market, tmp_path: Path) -> Handle:
    return face_of(market.vendor, tmp_path)[0]


NOTHING: dict[str, Any] = {"options": [], "slot": None, "disclose": None, "anyway": False}


# --- the node ------------------------------------------------------------------------------------


async def test_the_status_says_how_the_node_is(
    market: Market, handle: Handle, network: FaceNetwork, tmp_path: Path
):
    await market.accepted()
    market.clock.advance(5_000)
    found = await handle.status()
    assert found["schema"] == "intentcast.status/1"
    assert (found["net"], found["home"], found["pid"]) == ("test", str(tmp_path), 7)
    assert (found["uptime_s"], found["peers"], found["relay"]) == (5, 1, False)
    assert (found["casts"], found["deals"]) == ({"awarded": 1}, {"accept_sent": 1})
    assert found["outbox"] == {
        "pending": 0,
        "expired": 0,
        "refused": 0,
        "parked": 0,
        "notes": 0,
        "next_at": None,
    }
    assert found["notices"] == ["A standing remark."]
    assert (found["listen"], found["vendor"]) == (None, None)
    network.port, network.linked = 7440, []
    found = await handle.status()
    assert (found["relay"], found["listen"]) == (True, "127.0.0.1:7440")
    assert "Offline: no peers." in found["notices"][-1]
    json.dumps(found)


async def test_a_wrong_clock_is_told_and_signs_nothing(
    market: Market, handle: Handle, network: FaceNetwork
):
    row, offer_id = await market.offered()
    for offset_ms, off in ((None, False), (120_000, False), (-120_001, True)):
        network.offset_ms = offset_ms
        notices = (await handle.status())["notices"]
        assert any("clock differs" in each for each in notices) is off
    for act in (
        handle.create_cast(DRAFT),
        handle.revoke(to_text("cast", row.cast_id or b"")),
        handle.accept(to_text("offer", offer_id), **NOTHING),
    ):
        with pytest.raises(RefusedError) as refused:
            await act
        assert refused.value.code == "E-CLOCK"
    assert market.buyer.post.queued == []
    assert len(await market.buyer.storage.read(casts.load_all)) == 1


async def test_peers_are_listed_and_added(handle: Handle):
    found = await handle.add_peer("relay.example:7440")
    assert [peer["address"] for peer in found["peers"]] == ["relay", "relay.example:7440"]
    assert found["known"] == 3
    with pytest.raises(TransportError):
        await handle.add_peer("nobody")


async def test_letters_on_their_way_are_listed(market: Market, handle: Handle):
    def row(number: int, **facts: Any) -> Outgoing:
        name = bytes([number]) * 32
        return Outgoing(
            envelope_id=name,  # type: ignore[arg-type]
            kind="offer",
            own_ctx=b"profile",
            to_key=name,
            thread=None,
            letter=b"sealed",
            letter_hash=name,  # type: ignore[arg-type]
            reader=name,
            mailboxes=(name, name[::-1]),  # type: ignore[arg-type]
            priority=1,
            next_at=START_MS,
            expires_at=START_MS + 1_000,
            updated_ms=START_MS,
            **facts,
        )

    def keep(conn: Any) -> None:
        for number, state in enumerate(OutgoingState):
            outbox.add(conn, row(number, state=state, reason="full" * (state == "refused")))

    await market.buyer.write(keep)
    letters = (await handle.outbox())["letters"]
    assert [each["state"] for each in letters] == ["pending", "expired", "refused"]
    assert letters[0]["next_at"] == "2026-11-22T01:00:00Z"
    assert (letters[0]["mailboxes"], letters[0]["put"], letters[2]["reason"]) == (2, 0, "full")
    assert letters[0]["to"].startswith("key-")


# --- requests ------------------------------------------------------------------------------------


async def test_a_preview_says_what_is_public_and_keeps_nothing(market: Market, handle: Handle):
    found = await handle.preview_cast(DRAFT)
    assert found["public"]["title"] == "Camera with RAW"
    assert not {"nonce", "reply"} & set(found["public"])
    assert "budget" not in found["public"]
    everyone, accepted, nobody = found["sees"]
    assert "items and wishes" in everyone["what"]
    assert accepted["what"] == ["name"]
    assert "your budget" in nobody["what"]
    assert await market.buyer.storage.read(casts.load_all) == []


async def test_a_request_is_kept_sent_and_shown(
    market: Market, handle: Handle, network: FaceNetwork
):
    assert (await handle.status())["reach"] is None
    network.seen, network.linked = 2, ["relay", "another", "third"]
    found = (await handle.create_cast(DRAFT))["cast"]
    assert (found["state"], found["offers"]) == ("open", 0)
    assert found["reach"] == {"seen_at": 2, "peers": 3}
    assert (await handle.status())["reach"] == {"cast": found["handle"], "seen_at": 2, "peers": 3}
    assert found["local"] == {"budget": "300.00 USD", "disclose": ["name"]}
    assert found["note"].startswith("Signed and seen at 2 of your 3 peers;")
    market.clock.advance(60_000)
    second = (await handle.create_cast({**DRAFT, "title": "Another"}))["cast"]
    assert [each["title"] for each in (await handle.casts())["casts"]] == [
        "Another",
        "Camera with RAW",
    ]
    assert (await handle.cast(second["handle"]))["cast"] == second


async def test_a_draft_thrown_away_while_it_waits_is_told(
    market: Market, handle: Handle, network: FaceNetwork
):
    network.known = []
    waiting = asyncio.create_task(handle.create_cast(DRAFT))
    rows: list[casts.OwnCast] = []
    while not rows:
        await asyncio.sleep(0)
        rows = await market.buyer.storage.read(casts.load_all)
    assert (await handle.revoke(rows[0].nonce.hex()))["kind"] == "draft"
    with pytest.raises(RefusedError) as refused:
        await waiting
    assert refused.value.code == "E-CAST-DISCARDED"


async def test_a_request_without_a_mailbox_is_saved(
    handle: Handle, network: FaceNetwork, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("node.runtime.handle._PUBLISH_PATIENCE_S", 0.2)
    network.known = []
    found = (await handle.create_cast(DRAFT))["cast"]
    assert (found["state"], found["id"], found["handle"]) == ("draft", None, None)
    assert found["title"] == "Camera with RAW"
    assert found["note"].startswith("Saved.")


async def test_a_request_that_meets_a_full_disk_on_its_way_out_is_saved(
    market: Market, handle: Handle, monkeypatch: pytest.MonkeyPatch
):
    async def full(_nonce: bytes) -> bool:
        raise StorageError("the disk is full", code="E-DISK-FULL")

    monkeypatch.setattr(handle._rooms.requests, "publish", full)
    document = await handle.create_cast(DRAFT)
    assert document["cast"]["state"] == "draft"
    assert len((await handle.casts())["casts"]) == 1


async def test_a_request_that_is_none_is_not_kept(market: Market, handle: Handle):
    with pytest.raises(LocalProtocolError):
        await handle.create_cast({"title": "x"})
    assert await market.buyer.storage.read(casts.load_all) == []


async def test_offers_are_shown_ranked(market: Market, handle: Handle):
    row, offer_id = await market.offered()
    found = await handle.offers(to_text("cast", row.cast_id or b"")[:14])
    (offer,) = found["offers"]
    assert offer["id"] == to_text("offer", offer_id)
    assert (offer["position"], offer["total"], offer["state"]) == (1, 25_000, "offered")
    assert (offer["musts_met"], offer["musts_total"], offer["valid"]) == (1, 1, True)
    assert found["cast"]["offers"] == 1


async def test_a_request_is_taken_back(market: Market, handle: Handle):
    row, _ = await market.offered()
    found = await handle.revoke(to_text("cast", row.cast_id or b""))
    assert (found["kind"], found["state"]) == ("cast", "revoked")
    assert found["id"] == to_text("cast", row.cast_id or b"")


# --- deals ---------------------------------------------------------------------------------------


async def test_a_deal_is_shown_from_both_sides_and_its_agreement_kept(
    market: Market, handle: Handle, shop: Handle
):
    _, offer_id = await market.offered()
    deal = (await handle.accept(to_text("offer", offer_id), **{**NOTHING, "options": [1]}))["deal"]
    assert (deal["state"], deal["total"], deal["acknowledged"]) == ("accept_sent", 26_500, False)
    assert (deal["disclosed"], deal["received"]) == ([], {})
    with pytest.raises(RefusedError) as none:
        await handle.agreement(deal["handle"])
    assert none.value.code == "E-NO-AGREEMENT"
    await market.buyer.carry(market.vendor)
    await market.vendor.decide()
    await market.vendor.carry(market.buyer)
    await market.buyer.carry(market.vendor)
    ours = (await handle.deal(deal["handle"]))["deal"]
    theirs = (await shop.deals())["deals"][0]
    assert (ours["state"], theirs["state"]) == ("agreed", "agreed")
    assert ours["agreement_id"] == theirs["agreement_id"] is not None
    assert (ours["disclosed"], theirs["received"]) == (["name"], {"name": "Ana"})
    assert ours["counterparty"] == "vendor_bo's"
    assert theirs["counterparty"].startswith("key-")
    assert [line["what"] for line in ours["history"]] == ["deal.accept_sent", "deal.agreed"]
    name, bundle = await handle.agreement(deal["handle"])
    assert name.endswith(".agreement")
    assert bundle == (await shop.agreement(theirs["handle"]))[1]
    assert read_bundle(bundle).acceptance.body.total == 26_500


async def test_an_offer_that_is_not_valid_is_not_accepted(market: Market, handle: Handle):
    market.vendor.shop.changes = {"answers": []}
    _, offer_id = await market.offered()
    with pytest.raises(RefusedError) as refused:
        await handle.accept(to_text("offer", offer_id), **{**NOTHING, "anyway": True})
    assert refused.value.code == "E-OFFER-INVALID"


async def test_an_offer_that_misses_a_must_takes_a_word_more(market: Market, handle: Handle):
    market.vendor.shop.changes = {"answers": [Answer(item=0, attr=0, status="unmet", value=False)]}
    _, offer_id = await market.offered()
    with pytest.raises(RefusedError, match="misses 1 of your 1 must ") as refused:
        await handle.accept(to_text("offer", offer_id), **NOTHING)
    assert refused.value.code == "E-MUST"
    deal = await handle.accept(to_text("offer", offer_id), **{**NOTHING, "anyway": True})
    assert deal["deal"]["state"] == "accept_sent"


@pytest.mark.parametrize(
    ("changes", "options", "asked"),
    [
        ({}, [], None),
        ({}, [1], "310.00 USD"),
        ({"due_now": 30_001}, [], "300.01 USD"),
        ({"due_now": 30_000}, [], None),
    ],
)
async def test_what_passes_the_budget_takes_a_word_more(
    market: Market, handle: Handle, changes, options, asked
):
    lines = [
        Line(name="Camera", kind="item", qty=ONE, unit=25_000, total=25_000, sku="X1"),
        Line(name="Tripod", kind="optional", qty=ONE, unit=6_000, total=6_000),
    ]
    market.vendor.shop.changes = {"lines": lines, **changes}
    _, offer_id = await market.offered()
    name, choice = to_text("offer", offer_id), NOTHING | {"options": options}
    for ask in (handle.weigh_acceptance, handle.accept) if asked else ():
        with pytest.raises(RefusedError, match=f"it asks {asked}, and your budget is 300") as found:
            await ask(name, **choice)
        assert (found.value.code, "--anyway" in (found.value.fix or "")) == ("E-BUDGET", True)
    deal = await handle.accept(name, **choice | {"anyway": asked is not None})
    assert deal["deal"]["state"] == "accept_sent"


async def test_an_offer_that_has_ended_says_so_first(market: Market, handle: Handle):
    market.vendor.shop.changes = {"answers": []}
    _, offer_id = await market.offered()
    market.clock.advance(3 * 86_400_000)
    with pytest.raises(RefusedError) as refused:
        await handle.accept(to_text("offer", offer_id), **{**NOTHING, "anyway": True})
    assert refused.value.code == "E-OFFER-EXPIRED"


async def test_an_offer_whose_request_is_gone_is_refused_by_the_room(
    market: Market, handle: Handle
):
    row, offer_id = await market.offered()
    await market.buyer.write(
        lambda conn: conn.execute("DELETE FROM objects WHERE id = ?", (row.cast_id,))
    )
    with pytest.raises(NotFoundError) as gone:
        await handle.accept(to_text("offer", offer_id), **NOTHING)
    assert gone.value.code == "E-CAST-UNKNOWN"
    assert (await handle.offers(to_text("cast", row.cast_id or b"")))["offers"] == []


@pytest.mark.parametrize(
    ("confirm", "reason", "state"),
    [(True, "", "confirmed"), (False, "", "declined"), (False, "out_of_stock", "declined")],
)
async def test_a_shopkeeper_decides(
    market: Market, shop: Handle, *, confirm: bool, reason: str, state: str
):
    _, deal = await market.accepted()
    name = to_text("deal", deal.deal_id)
    found = await shop.decide_deal(name, confirm=confirm, reason=reason)
    assert found["deal"]["state"] == state
    with pytest.raises(RefusedError) as refused:
        await shop.decide_deal(name, confirm=confirm, reason=reason)
    assert refused.value.code == "E-DEAL-STATE"


async def test_a_reason_that_is_none_changes_nothing(market: Market, shop: Handle):
    _, deal = await market.accepted()
    with pytest.raises(LocalProtocolError) as refused:
        await shop.decide_deal(to_text("deal", deal.deal_id), confirm=False, reason="mood")
    assert refused.value.code == "E-REASON"
    assert (await market.vendor.deal()).state.value == "offered"


async def test_the_shop_is_asked(handle: Handle, tmp_path: Path):
    assert (await handle.vendor_status())["schema"] == "intentcast.vendor/1"
    found = await handle.vendor_import(tmp_path, {"source": "x"})
    assert found["options"] == {"source": "x"}


# --- waiting and doing once -----------------------------------------------------------------------


async def test_events_come_in_order_after_a_cursor(market: Market, handle: Handle):
    await market.offered()
    found = [each async for each in handle.events(0)]
    assert [each["what"] for each in found] == ["cast.draft", "cast.open", "offer"]
    assert [each["n"] for each in found] == sorted(each["n"] for each in found)
    later = [each async for each in handle.events(found[0]["n"])]
    assert later == found[1:]


async def test_waiting_ends_with_a_change_or_with_patience(market: Market, handle: Handle):
    assert await handle.wait_changed(0, 0.01) == 0
    waiting = asyncio.ensure_future(handle.wait_changed(0, 5))
    await asyncio.sleep(0.01)
    await market.buyer.cast()
    high = await waiting
    assert high > 0
    assert await handle.wait_changed(high - 1, 60) >= high


async def test_a_ring_between_looking_and_waiting_is_not_lost():
    signal = Signal()
    ring = signal.next()
    signal.ring()
    assert ring.is_set()
    assert not signal.next().is_set()


async def test_a_thing_is_done_once_for_a_key(handle: Handle):
    calls: list[int] = []

    async def make() -> dict[str, Any]:
        calls.append(1)
        await asyncio.sleep(0)
        return {"n": len(calls)}

    first = await handle.idempotent("key", b"h" * 32, make)
    assert await handle.idempotent("key", b"h" * 32, make) == first == {"n": 1}
    with pytest.raises(RefusedError) as refused:
        await handle.idempotent("key", b"other" * 6 + b"xx", make)
    assert refused.value.code == "E-IDEMPOTENCY"
    assert await handle.idempotent("another", b"h" * 32, make) == {"n": 2}


async def test_what_was_done_is_told_although_its_answer_cannot_be_kept(
    market: Market, handle: Handle, monkeypatch: pytest.MonkeyPatch
):
    storage = market.buyer.storage
    kept = storage.write

    async def full_in_the_end(txn: Any, **facts: Any) -> Any:
        if txn.__name__ == "keep":
            raise StorageError("the disk is full", code="E-DISK-FULL")
        return await kept(txn, **facts)

    monkeypatch.setattr(storage, "write", full_in_the_end)
    first = await handle.idempotent("key", b"h" * 32, lambda: handle.create_cast(DRAFT))
    monkeypatch.undo()
    again = await handle.idempotent("key", b"h" * 32, lambda: handle.create_cast(DRAFT))
    assert again["cast"]["id"] == first["cast"]["id"]
    assert len((await handle.casts())["casts"]) == 1


async def test_two_calls_at_once_do_it_once(handle: Handle):
    calls: list[int] = []

    async def make() -> dict[str, Any]:
        calls.append(1)
        await asyncio.sleep(0.01)
        return {"n": len(calls)}

    answers = await asyncio.gather(*(handle.idempotent("key", b"h" * 32, make) for _ in range(4)))
    assert answers == [{"n": 1}] * 4
    assert len(handle._turns) == 0


async def test_what_failed_may_be_tried_again_under_its_key(handle: Handle):
    async def fail() -> dict[str, Any]:
        raise RefusedError("not now")

    async def make() -> dict[str, Any]:
        return {"n": 1}

    with pytest.raises(RefusedError):
        await handle.idempotent("key", b"h" * 32, fail)
    assert await handle.idempotent("key", b"h" * 32, make) == {"n": 1}


# --- asked again after a crash -------------------------------------------------------------------


class PowerCutError(Exception):
    """Stands for the end of the process: nothing after it happens."""


async def cut_off(
    handle: Handle, monkeypatch: pytest.MonkeyPatch, make: Callable[[], Awaitable[Document]]
) -> Document:
    """Do a thing, lose the power before its answer is kept, and ask again under the same key."""

    def cut(name: str) -> None:
        if name == "idempotency.after_effect":
            raise PowerCutError

    with monkeypatch.context() as patch:
        patch.setattr(handle_module, "crashpoint", cut)
        with pytest.raises(PowerCutError):
            await handle.idempotent("key", b"h" * 32, make)

    async def never() -> Document:
        raise AssertionError("it was done already")

    again = await handle.idempotent("key", b"h" * 32, never)
    # From now on it is an answer like any other.
    assert await handle.idempotent("key", b"h" * 32, never) == again
    return again


async def test_a_request_is_not_kept_twice_over_a_crash(
    market: Market, handle: Handle, monkeypatch: pytest.MonkeyPatch
):
    again = await cut_off(handle, monkeypatch, lambda: handle.create_cast(DRAFT))
    (row,) = await market.buyer.storage.read(casts.load_all)
    assert again["schema"] == "intentcast.cast/1"
    assert (again["cast"]["draft"], again["cast"]["state"]) == (row.nonce.hex(), "open")
    assert len(market.buyer.network.published) == 1


async def test_an_offer_is_not_accepted_twice_over_a_crash(
    market: Market, handle: Handle, monkeypatch: pytest.MonkeyPatch
):
    _, offer_id = await market.offered()
    name = to_text("offer", offer_id)
    again = await cut_off(handle, monkeypatch, lambda: handle.accept(name, **NOTHING))
    (deal,) = (await handle.deals())["deals"]
    assert again == {"schema": "intentcast.deal/1", "deal": deal}
    assert deal["state"] == "accept_sent"


async def test_a_deal_is_not_decided_twice_over_a_crash(
    market: Market, shop: Handle, monkeypatch: pytest.MonkeyPatch
):
    _, deal = await market.accepted()
    name = to_text("deal", deal.deal_id)
    again = await cut_off(
        shop, monkeypatch, lambda: shop.decide_deal(name, confirm=True, reason="")
    )
    assert (again["deal"]["id"], again["deal"]["state"]) == (name, "confirmed")


async def test_a_cast_is_not_taken_back_twice_over_a_crash(
    market: Market, handle: Handle, monkeypatch: pytest.MonkeyPatch
):
    row = await market.buyer.cast()
    name = to_text("cast", row.cast_id or b"")
    again = await cut_off(handle, monkeypatch, lambda: handle.revoke(name))
    assert again == {
        "schema": "intentcast.revoke/1",
        "id": name,
        "kind": "cast",
        "state": "revoked",
    }


async def test_a_draft_is_not_thrown_away_twice_over_a_crash(
    market: Market, handle: Handle, monkeypatch: pytest.MonkeyPatch
):
    request = read_request(DRAFT, market.buyer.desk.wall_ms())
    nonce = await market.buyer.requests.draft(request, DRAFT)
    again = await cut_off(handle, monkeypatch, lambda: handle.revoke(nonce.hex()))
    assert (again["kind"], again["id"], again["state"]) == ("draft", nonce.hex(), "revoked")


async def test_an_offer_is_not_taken_back_twice_over_a_crash(
    market: Market, shop: Handle, monkeypatch: pytest.MonkeyPatch
):
    _, offer_id = await market.offered()
    name = to_text("offer", offer_id)
    again = await cut_off(shop, monkeypatch, lambda: shop.revoke(name))
    assert (again["kind"], again["id"], again["state"]) == ("offer", name, "withdrawn")


async def test_what_is_refused_leaves_its_key_free(market: Market, shop: Handle):
    _, deal = await market.accepted()
    name = to_text("deal", deal.deal_id)
    await shop.decide_deal(name, confirm=True, reason="")
    for _ in range(2):
        with pytest.raises(RefusedError) as refused:
            await shop.idempotent(
                "key", b"h" * 32, lambda: shop.decide_deal(name, confirm=True, reason="")
            )
        assert refused.value.code == "E-DEAL-STATE"


async def test_a_draft_gone_meanwhile_is_told_under_its_key_too(
    market: Market, handle: Handle, monkeypatch: pytest.MonkeyPatch
):
    market.buyer.post.answering = []
    monkeypatch.setattr(handle_module, "_PUBLISH_PATIENCE_S", 0.2)
    found = await cut_off(handle, monkeypatch, lambda: handle.create_cast(DRAFT))
    assert found["cast"]["state"] == "draft"
