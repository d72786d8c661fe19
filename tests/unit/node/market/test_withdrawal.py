"""Taking back: a request before its award, an offer before its acceptance, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from node.errors import NotFoundError, RefusedError
from node.market.drafts import read_request
from node.post.letters import Recorded
from node.storage import casts, objects
from protocol.errors import LocalProtocolError
from protocol.ids import to_text
from protocol.market.cast import CastState
from protocol.market.deal import Role
from protocol.market.thread import ThreadState
from protocol.now import MINUTE_MS
from protocol.objects.header import Kind
from tests.unit.node.market.booth import DRAFT, Booth, Market


async def test_a_request_is_taken_back_everywhere(market: Market):
    row, offer_id = await market.offered()
    buyer = market.buyer
    nudges = buyer.post.nudges
    kind, target, state = await buyer.withdrawal.revoke(to_text("cast", row.cast_id or b""))
    assert (kind, target, state) == ("cast", row.cast_id, "revoked")
    revoke = buyer.network.published[-1]
    assert revoke.header.kind is Kind.REVOKE
    assert revoke.body.target == row.cast_id
    assert revoke.header.exp == row.exp
    assert revoke.header.thread == row.root_id
    assert revoke.header.at % MINUTE_MS == 0
    assert (await buyer.own(row.nonce)).state is CastState.REVOKED
    assert (await buyer.thread(Role.BUYER)).state is ThreadState.CLOSED
    (closing,) = buyer.post.queued
    assert (await buyer.object(closing.envelope_id)).body.of == offer_id
    assert buyer.post.nudges == nudges + 1


async def test_a_request_is_taken_back_once(market: Market):
    row, _ = await market.offered()
    handle = to_text("cast", row.cast_id or b"")
    await market.buyer.withdrawal.revoke(handle)
    with pytest.raises(RefusedError) as refused:
        await market.buyer.withdrawal.revoke(handle)
    assert refused.value.code == "E-CAST-CLOSED"
    assert len(market.buyer.post.queued) == 1


async def test_an_awarded_request_is_not_taken_back(market: Market):
    row, _ = await market.accepted()
    with pytest.raises(RefusedError) as refused:
        await market.buyer.withdrawal.revoke(to_text("cast", row.cast_id or b""))
    assert refused.value.code == "E-AWARDED"
    assert "deal" in refused.value.fix


async def test_an_award_while_the_revoke_is_signed_wins(
    market: Market, monkeypatch: pytest.MonkeyPatch
):
    row, offer_id = await market.offered()
    buyer = market.buyer
    public = buyer.desk.pen.public

    async def meanwhile(*args: object, **facts: object) -> object:
        await buyer.accept(offer_id)
        return await public(*args, **facts)  # type: ignore[arg-type]

    monkeypatch.setattr(buyer.desk.pen, "public", meanwhile)
    published = len(buyer.network.published)
    with pytest.raises(RefusedError) as refused:
        await buyer.withdrawal.revoke(to_text("cast", row.cast_id or b""))
    assert refused.value.code == "E-AWARDED"
    assert len(buyer.network.published) == published
    assert (await buyer.own(row.nonce)).state is CastState.AWARDED


async def test_a_request_whose_bytes_are_gone_says_so(market: Market):
    row, _ = await market.offered()
    await market.buyer.write(
        lambda conn: conn.execute("DELETE FROM objects WHERE id = ?", (row.cast_id,))
    )
    with pytest.raises(NotFoundError) as unknown:
        await market.buyer.withdrawal.revoke(to_text("cast", row.cast_id or b""))
    assert unknown.value.code == "E-CAST-UNKNOWN"


async def test_an_offer_is_taken_back_by_letter(market: Market):
    row, offer_id = await market.offered()
    vendor = market.vendor
    kind, target, state = await vendor.withdrawal.revoke(to_text("offer", offer_id))
    assert (kind, target, state) == ("offer", offer_id, "withdrawn")
    (outcome,) = await vendor.carry(market.buyer)
    assert (await market.buyer.thread(Role.BUYER)).state is ThreadState.WITHDRAWN
    revoke = await vendor.object(vendor.post.queued[-1].envelope_id)
    offer = await vendor.object(offer_id)
    assert revoke.header.exp == offer.header.exp
    assert revoke.header.to == market.buyer.desk.pen.key(row.nonce)
    assert vendor.network.published[-1].header.kind is Kind.PROFILE
    assert isinstance(outcome, Recorded)


async def test_an_accepted_offer_is_not_taken_back(market: Market):
    _, deal = await market.accepted()
    for _ in range(2):
        with pytest.raises(RefusedError) as refused:
            await market.vendor.withdrawal.revoke(to_text("offer", deal.offer_id))
        assert refused.value.code == "E-OFFER-GONE"
    assert (await market.vendor.thread(Role.VENDOR)).state is ThreadState.ACCEPTED


async def test_a_buyer_cannot_take_back_what_a_vendor_offered(market: Market):
    _, offer_id = await market.offered()
    with pytest.raises(NotFoundError) as unknown:
        await market.buyer.withdrawal.revoke(to_text("offer", offer_id))
    assert unknown.value.code == "E-CAST-UNKNOWN"


async def test_an_older_offer_is_no_thread_any_more(market: Market):
    _, offer_id = await market.offered()
    await market.vendor.write(lambda conn: conn.execute("DELETE FROM threads"))
    with pytest.raises(NotFoundError) as unknown:
        await market.vendor.withdrawal.revoke(to_text("offer", offer_id))
    assert unknown.value.code == "E-OFFER-UNKNOWN"


@pytest.mark.parametrize("handle", ["", "offer-", "cast-0000-0000", "!!", "offer-0000-0000"])
async def test_what_goes_by_no_name_is_refused_with_the_next_step(buyer: Booth, handle: str):
    with pytest.raises((NotFoundError, LocalProtocolError)) as unknown:
        await buyer.withdrawal.revoke(handle)
    assert unknown.value.fix


async def test_a_name_of_two_things_asks_for_more(market: Market, monkeypatch: pytest.MonkeyPatch):
    row, _ = await market.offered()

    async def twice(_handle: str) -> list[object]:
        return [row, row]

    monkeypatch.setattr(market.buyer.withdrawal, "_casts", twice)
    with pytest.raises(NotFoundError) as unclear:
        await market.buyer.withdrawal.revoke(to_text("cast", row.cast_id or b""))
    assert unclear.value.code == "E-AMBIGUOUS"
    assert (
        await market.buyer.write(lambda conn: objects.row_of(conn, row.cast_id or b"")) is not None
    )


async def test_a_draft_is_thrown_away_by_its_nonce(market: Market):
    buyer = market.buyer
    nonce = await buyer.requests.draft(read_request(DRAFT, buyer.desk.wall_ms()), DRAFT)
    assert await buyer.withdrawal.revoke(nonce.hex()) == ("draft", nonce, "revoked")
    assert await buyer.storage.read(lambda db: casts.load_cast(db, nonce)) is None
    assert not await buyer.requests.publish(nonce)
    with pytest.raises(NotFoundError) as refused:
        await buyer.withdrawal.revoke(nonce.hex())
    assert refused.value.code == "E-CAST-UNKNOWN"


async def test_a_draft_that_has_gone_out_is_no_draft(market: Market):
    row, _ = await market.offered()
    with pytest.raises(NotFoundError, match="no draft"):
        await market.buyer.withdrawal.revoke(row.nonce.hex())


async def test_every_form_of_a_request_is_taken_back(market: Market):
    row, _ = await market.offered()
    buyer = market.buyer
    first = await buyer.object(row.cast_id)
    market.clock.advance(60_000)
    body = replace(first.body, supersedes=first.id)
    second = await buyer.desk.pen.public(
        row.nonce, Kind.INTENTCAST, body, exp=first.header.exp, thread=row.root_id
    )
    await buyer.write(lambda conn: buyer.desk.record(conn, second))
    await buyer.change(row.nonce, cast_id=second.id)
    before = len(buyer.network.published)
    await buyer.withdrawal.revoke(to_text("cast", second.id))
    revoked = {each.body.target for each in buyer.network.published[before:]}
    assert revoked == {first.id, second.id}


async def test_a_form_published_while_the_revoke_is_signed_is_taken_back_too(
    market: Market, monkeypatch: pytest.MonkeyPatch
):
    row, _ = await market.offered()
    buyer = market.buyer
    first = await buyer.object(row.cast_id)
    market.clock.advance(60_000)
    public = buyer.desk.pen.public
    forms = [first]

    async def meanwhile(*args: Any, **facts: Any) -> Any:
        if len(forms) == 1:
            body = replace(first.body, supersedes=first.id)
            second = await public(
                row.nonce, Kind.INTENTCAST, body, exp=first.header.exp, thread=row.root_id
            )
            forms.append(second)
            await buyer.write(lambda conn: buyer.desk.record(conn, second))
            await buyer.change(row.nonce, cast_id=second.id)
        return await public(*args, **facts)

    monkeypatch.setattr(buyer.desk.pen, "public", meanwhile)
    before = len(buyer.network.published)
    kind, object_id, state = await buyer.withdrawal.revoke(to_text("cast", first.id))
    assert (kind, object_id, state) == ("cast", first.id, "revoked")
    revoked = {each.body.target for each in buyer.network.published[before:]}
    assert revoked == {form.id for form in forms}


async def test_the_answer_keeps_the_name_though_other_forms_went_out_unseen(
    market: Market, monkeypatch: pytest.MonkeyPatch
):
    row, _ = await market.offered()
    buyer = market.buyer
    first = await buyer.object(row.cast_id)
    forms = [first]
    load = casts.load_by_handle

    async def publish_meanwhile(*args: Any) -> Any:
        found = await load(*args)
        for _ in range(2):
            market.clock.advance(60_000)
            body = replace(first.body, supersedes=forms[-1].id)
            signed = await buyer.desk.pen.public(
                row.nonce, Kind.INTENTCAST, body, exp=first.header.exp, thread=row.root_id
            )
            forms.append(signed)
            await buyer.write(lambda conn: buyer.desk.record(conn, forms[-1]))
            await buyer.change(row.nonce, cast_id=signed.id)
        return found

    monkeypatch.setattr(casts, "load_by_handle", publish_meanwhile)
    before = len(buyer.network.published)
    told = await buyer.withdrawal.revoke(to_text("cast", first.id))
    assert told == ("cast", first.id, "revoked")
    assert (await buyer.own(row.nonce)).cast_id == forms[-1].id
    revoked = {each.body.target for each in buyer.network.published[before:]}
    assert revoked == {form.id for form in forms}


async def test_two_revokes_at_once_take_back_once(market: Market, monkeypatch: pytest.MonkeyPatch):
    row, _ = await market.offered()
    buyer = market.buyer
    public = buyer.desk.pen.public
    others: list[object] = []

    async def meanwhile(*args: Any, **facts: Any) -> Any:
        if not others:
            others.append(None)
            await buyer.withdrawal.revoke(to_text("cast", row.cast_id or b""))
        return await public(*args, **facts)

    monkeypatch.setattr(buyer.desk.pen, "public", meanwhile)
    with pytest.raises(RefusedError, match="this request is revoked") as refused:
        await buyer.withdrawal.revoke(to_text("cast", row.cast_id or b""))
    assert refused.value.code == "E-CAST-CLOSED"
