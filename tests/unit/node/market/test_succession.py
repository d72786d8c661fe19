"""The shop's identity through its generations, and where other keys lead."""

from __future__ import annotations

import pytest

from node.errors import RefusedError
from node.keystore import PROFILE_CONTEXT, profile_context
from node.market.copies import halted
from node.market.succession import lineage_of
from node.post.letters import Discard, Recorded
from node.storage import bounds, objects
from protocol import limits
from protocol.encoding import decode, encode
from protocol.errors import LocalProtocolError
from protocol.ids import to_text
from protocol.market.deal import Role
from protocol.market.lineage import Standing
from protocol.now import DAY_MS, HOUR_MS
from protocol.objects.header import Kind
from protocol.objects.succession import Revocation, Rotation, consented
from tests.parties import Party, make_profile
from tests.successions import make_revocation, make_rotation
from tests.unit.node.market.aftermath import Aftermath
from tests.unit.node.market.booth import START_MS


@pytest.fixture
async def shop(vendor) -> Aftermath:
    return await Aftermath.of(vendor)


async def test_a_home_begins_in_generation_0(shop):
    assert shop.succession.generation == 0
    assert shop.booth.desk.pen.profile_ctx == PROFILE_CONTEXT
    line = await shop.succession.own_lineage()
    assert (line.standing, line.key) == (Standing.CURRENT, shop.booth.desk.pen.profile_key())


async def test_a_rotation_is_published_and_followed(shop):
    old = shop.booth.desk.pen.profile_key()
    first = await shop.succession.rotate()
    second = await shop.succession.rotate()
    assert (first.header.key, first.body.after) == (old, None)
    assert (second.header.key, second.body.after) == (first.body.new, first.id)
    assert shop.booth.network.published == [first, second]
    assert shop.rotations == 2
    line = await shop.succession.own_lineage()
    assert (line.generation, line.key) == (2, shop.booth.desk.pen.profile_key())
    keys = [key for key, _ in shop.succession.contexts()]
    assert keys == [old, first.body.new, second.body.new]
    assert shop.booth.desk.pen.profile_keys() == set(keys)
    # A restart finds the newest.
    again = await Aftermath.of(shop.booth)
    assert again.booth.desk.pen.profile_ctx == profile_context(2)


async def test_new_threads_are_under_the_new_key_and_old_ones_stay(market, shop):
    _, offer_id = await market.offered()
    old = market.vendor.desk.pen.profile_key()
    await shop.succession.rotate()
    profile = await market.vendor.sell()
    assert profile.header.key != old
    deal = await market.buyer.accept(offer_id)
    await market.buyer.carry(market.vendor)
    await market.vendor.decide()
    await market.vendor.carry(market.buyer)
    assert (await market.buyer.deal()).state.value == "agreed"
    assert deal.other_key == old
    await market.buyer.learn(profile)
    row = await market.buyer.cast(title="Another")
    await market.vendor.answer(await market.buyer.object(row.cast_id))
    await market.vendor.carry(market.buyer)
    newest = (await market.buyer.threads(Role.BUYER))[0]
    assert newest.other_key == profile.header.key


async def test_a_request_answered_before_is_not_answered_again(market, shop):
    row, _ = await market.offered()
    await shop.succession.rotate()
    await market.vendor.sell()
    await market.vendor.answer(await market.buyer.object(row.cast_id))
    assert market.vendor.fresh() == []


async def test_an_offer_of_an_older_generation_can_still_be_withdrawn(market, shop):
    _, offer_id = await market.offered()
    await shop.succession.rotate()
    kind, found, state = await market.vendor.withdrawal.revoke(to_text("offer", offer_id))
    assert (kind, found, state) == ("offer", offer_id, "withdrawn")


async def test_a_halted_copy_rotates_nothing_and_may_revoke(shop):
    shop.booth.desk.pen.halt = halted
    with pytest.raises(RefusedError) as caught:
        await shop.succession.rotate()
    assert caught.value.code == "E-TWO-COPIES"
    assert await shop.succession.revoke(await shop.succession.certificate("stolen"))


async def test_a_stolen_key_that_names_another_successor_freezes(shop):
    stolen = await _named_by(shop.booth.desk.pen, Party("thief"))
    await shop.hear(stolen)
    assert shop.succession.generation == 0
    await shop.succession.rotate()
    line = await shop.succession.own_lineage()
    assert line.standing is Standing.FROZEN
    with pytest.raises(RefusedError) as caught:
        await shop.succession.rotate()
    assert caught.value.code == "E-KEY-CONFLICT"


async def _named_by(pen, successor: Party):
    def make(header):
        body = Rotation(new=successor.key, generation=1, consent=bytes(64))
        return consented(header, body, successor.seed("sign"))

    exp = START_MS + DAY_MS
    return await pen.statement(PROFILE_CONTEXT, Kind.ROTATION, make, exp=exp)


async def test_after_its_revocation_a_key_signs_nothing_more(market, shop):
    _, offer_id = await market.offered()
    certificate = await shop.succession.certificate("stolen")
    assert market.vendor.network.published[-1] != certificate
    assert await shop.succession.revoke(shop.succession.read_certificate(certificate.raw))
    assert market.vendor.network.published[-1] == certificate
    row = await market.buyer.cast(title="Another")
    with pytest.raises(RefusedError) as caught:
        await market.vendor.answer(await market.buyer.object(row.cast_id))
    assert caught.value.code == "E-KEY-REVOKED"
    with pytest.raises(RefusedError):
        await shop.succession.rotate()
    # The buyer that has not heard of it accepts; the answer cannot be signed.
    await market.buyer.accept(offer_id)
    await market.buyer.carry(market.vendor)
    with pytest.raises(RefusedError):
        await market.vendor.decide()


async def test_a_buyer_that_knows_takes_nothing_and_accepts_nothing(market, shop):
    _, offer_id = await market.offered()
    row = await market.buyer.cast(title="Another")
    await market.vendor.answer(await market.buyer.object(row.cast_id))
    certificate = await shop.succession.certificate("stolen")
    await market.buyer.learn(certificate)
    assert [type(each) for each in await market.vendor.carry(market.buyer)] == [Discard]
    with pytest.raises(RefusedError) as caught:
        await market.buyer.accept(offer_id)
    assert caught.value.code == "E-KEY-REVOKED"


async def test_what_was_recorded_before_the_end_stays(market, shop):
    await market.agreed()
    await market.buyer.learn(await shop.succession.certificate("stolen"))
    assert await market.states() == ("agreed", "agreed")


async def test_a_request_whose_key_was_ended_is_not_answered(market, shop):
    await market.vendor.sell()
    row = await market.buyer.cast()
    cast = await market.buyer.object(row.cast_id)
    buyer = await Aftermath.of(market.buyer)
    ended = await market.buyer.desk.pen.statement(
        row.nonce,
        Kind.REVOCATION,
        lambda _header: Revocation(),
        exp=START_MS + DAY_MS,
    )
    await market.vendor.learn(ended)
    await market.vendor.answer(cast)
    assert market.vendor.seller.skipped[cast.id].reason == "revoked"
    assert buyer.succession.generation == 0


@pytest.mark.parametrize("bent", ["not bytes", "another kind", "cut", "another network", "late"])
async def test_what_is_no_certificate_is_refused_in_a_sentence(shop, clock, bent):
    certificate = await shop.succession.certificate("stolen")
    raw = certificate.raw
    if bent == "not bytes":
        raw = b"nothing"
    elif bent == "another kind":
        raw = make_profile(header={"at": START_MS, "exp": START_MS + DAY_MS}).raw
    elif bent == "cut":
        raw = raw[:-1]
    elif bent == "another network":
        signed, signature, pow_nonce = decode(raw, bytes_max=limits.public_bytes_max)
        fields = decode(signed, bytes_max=limits.public_bytes_max)
        raw = encode([encode([fields[0], "main", *fields[2:]]), signature, pow_nonce])
    else:
        clock.advance(limits.statement_ttl_ms_max)
    with pytest.raises(LocalProtocolError) as caught:
        shop.succession.read_certificate(raw)
    assert caught.value.code == "E-CERTIFICATE"
    assert "identity revocation" in caught.value.fix


async def test_anybody_may_publish_anybodys_certificate(shop):
    ended = make_revocation(Party("somebody"), at=START_MS, exp=START_MS + DAY_MS)
    assert not await shop.succession.revoke(shop.succession.read_certificate(ended.raw))
    assert shop.booth.network.published == [ended]
    assert shop.booth.desk.pen.revoked == frozenset()


async def test_our_own_end_is_learnt_from_others(tmp_path, shop, clock):
    certificate = await shop.succession.certificate("stolen")
    clock.advance(HOUR_MS)
    again = await Aftermath.restored(tmp_path / "again", "vendor_bo", clock)
    await again.hear(certificate)
    assert again.booth.desk.pen.revoked == {PROFILE_CONTEXT}
    await again.booth.close()


async def test_contacts_that_move_are_followed_and_told_of(market, shop):
    await market.offered()
    buyer = await Aftermath.of(market.buyer)
    old = market.vendor.desk.pen.profile_key()
    rotation = await shop.succession.rotate()
    await buyer.hear(rotation)
    found = await market.buyer.write(lambda conn: lineage_of(market.buyer.desk, conn, old))
    assert (found.key, found.standing) == (rotation.body.new, Standing.CURRENT)
    assert buyer.succession.troubled == {}
    assert "contact.rotated" in await market.buyer.history()
    # A second successor: neither is followed, over a restart too.
    await buyer.hear(await _named_by(market.vendor.desk.pen, Party("thief")))
    assert buyer.succession.troubled[old].standing is Standing.FROZEN
    assert "contact.frozen" in await market.buyer.history()
    again = await Aftermath.of(market.buyer)
    assert again.succession.troubled[old].standing is Standing.FROZEN


async def test_the_end_of_a_contacts_next_key_is_told_of(market, shop):
    await market.offered()
    buyer = await Aftermath.of(market.buyer)
    old = market.vendor.desk.pen.profile_key()
    await buyer.hear(await shop.succession.rotate())
    certificate = await shop.succession.certificate("stolen")
    await buyer.hear(certificate)
    assert buyer.succession.troubled[old].standing is Standing.REVOKED
    # It is kept: without it the line would be whole again one day.
    row = await market.buyer.write(lambda conn: objects.row_of(conn, certificate.id))
    assert row.pinned


async def test_a_contact_that_rotates_for_ever_fills_nothing(market, shop, monkeypatch):
    monkeypatch.setattr(bounds, "rotations_per_key_max", 2)
    await market.offered()
    buyer = await Aftermath.of(market.buyer)
    named = [await _named_by(market.vendor.desk.pen, Party(f"{each}")) for each in range(4)]
    await buyer.hear(*named)
    rows = [
        await market.buyer.write(lambda conn, one=each: objects.row_of(conn, one.id))
        for each in named
    ]
    assert [row.pinned for row in rows] == [True, True, False, False]
    told = [line for line in await market.buyer.history() if line.startswith("contact.")]
    assert len(told) == 2


async def test_statements_of_strangers_are_carried_and_no_more(market):
    buyer = await Aftermath.of(market.buyer)
    await buyer.hear(make_rotation(Party("a"), Party("b")))
    assert not [line for line in await market.buyer.history() if line.startswith("contact")]


async def test_letters_to_an_older_generation_are_still_the_shops(market, shop):
    _, offer_id = await market.offered()
    await shop.succession.rotate()
    await market.buyer.accept(offer_id)
    (outcome,) = await market.buyer.carry(market.vendor)
    assert isinstance(outcome, Recorded)
