"""The way in: what gets through each stage, what is remembered, who is blamed."""

from __future__ import annotations

from typing import Any

from protocol import limits, work
from protocol.channel.messages import Ids, Objects, RangesQuery
from protocol.encoding import decode, encode
from protocol.errors import Reason
from protocol.ids import ObjectId, blake2b_256
from protocol.network.actions import BlamePeer, DropObject, StoreObject, Timer, VerifyBatch
from protocol.network.events import (
    IdsReceived,
    ObjectLost,
    ObjectsReceived,
    ObjectsStored,
    ObjectStored,
    PublishObject,
    RangesAsked,
    StemReceived,
    StoreFailed,
    TimerFired,
    Unverified,
    VerifyFinished,
)
from protocol.network.live import prefix_of
from protocol.network.verdicts import Verdict
from protocol.objects.envelope import Verified
from protocol.objects.header import Kind
from tests.parties import (
    NOW_MS,
    Party,
    buyer_ana,
    forged,
    make_cast,
    make_offer,
    make_profile,
    twin_of,
    vendor_bo,
)
from tests.unit.protocol.network.driver import (
    Bench,
    Street,
    badly_signed,
    later,
    make_revoke,
    of,
    peer,
)


def with_nonce(verified: Verified[Any], nonce: bytes | None) -> bytes:
    text, signature, _ = decode(verified.raw, bytes_max=limits.public_bytes_max)
    return encode([text, signature, nonce])


def wrong_nonce(verified: Verified[Any]) -> bytes:
    number = 0
    while work.bits_of(verified.id, number.to_bytes(8, "big")) >= verified.header.target:
        number += 1
    return with_nonce(verified, number.to_bytes(8, "big"))


# --- accept --------------------------------------------------------------------------------------


def test_a_good_object_is_stored_pushed_and_told_in_that_order():
    bench = Bench()
    bench.join("a", "b", "c")
    cast = make_cast()
    bench.receive("a", cast.raw)
    assert bench.stored() == bench.notified() == [cast.id]
    assert [m.raws for m in bench.sent("b", Objects)] == [[cast.raw]]
    assert [m.raws for m in bench.sent("c", Objects)] == [[cast.raw]]
    assert bench.sent("a", Objects) == []
    assert bench.gossip.first_from(peer("a")) == 1
    assert bench.gossip.first_from(peer("stranger")) == 0


def test_nobody_is_told_before_the_disk_has_it():
    bench = Bench(held=True)
    cast = make_cast()
    bench.receive("a", cast.raw)
    (verdict,) = bench.waiting
    assert len(of(StoreObject, bench.gossip.handle(verdict, bench.now))) == 1
    bench.feed(ObjectStored(id=cast.id, is_new=True))
    assert bench.notified() == [cast.id]


def test_all_that_one_commit_kept_is_news_at_once_and_only_once():
    bench = Bench(held=True)
    casts = [make_cast(title=f"Cast {number}") for number in range(3)]
    for cast in casts:
        bench.receive("a", cast.raw)
        bench.gossip.handle(bench.waiting.pop(0), bench.now)
    bench.feed(ObjectsStored(ids=(*(cast.id for cast in casts), make_profile().id)))
    assert bench.notified() == [cast.id for cast in casts]
    bench.feed(ObjectsStored(ids=(casts[0].id,)))
    assert len(bench.notified()) == len(casts)


def test_a_copy_of_a_live_object_is_not_read_but_counted_and_its_sender_holds_it():
    bench = Bench()
    bench.join("a", "b")
    cast = make_cast()
    bench.receive("a", cast.raw)
    other = make_profile()
    bench.feed(ObjectsReceived(peer=peer("b"), raws=(cast.raw, other.raw, cast.raw)))
    assert bench.stored() == [cast.id, other.id]
    assert bench.gossip.verdicts[Verdict.DUPLICATE, None] == 2
    assert bench.gossip.seen_at(cast.id) == (2, 2)


def test_bytes_that_differ_from_a_live_object_are_judged_for_themselves():
    bench = Bench()
    bench.join("a", "b")
    cast = make_cast()
    bench.receive("a", cast.raw)
    actions = bench.feed(ObjectsReceived(peer=peer("b"), raws=(cast.raw, cast.raw[:-1])))
    assert [each.peer for each in of(BlamePeer, actions)] == [peer("b")]


def test_what_the_disk_knew_already_is_no_news():
    bench = Bench(held=True)
    cast = make_cast()
    bench.receive("a", cast.raw)
    bench.gossip.handle(bench.waiting.pop(), bench.now)
    bench.feed(ObjectStored(id=cast.id, is_new=False))
    bench.feed(ObjectStored(id=make_profile().id, is_new=True))
    assert bench.notified() == []


def test_suppliers_hear_that_we_hold_it():
    bench = Bench(held=True)
    bench.join("a", "b")
    cast = make_cast()
    for who in ("a", "b", "a"):
        bench.receive(who, cast.raw)
    bench.receive("passer-by", cast.raw)
    bench.release()
    bench.feed(TimerFired(timer=Timer.HEARTBEAT))
    bench.feed(TimerFired(timer=Timer.HEARTBEAT))
    for who in ("a", "b"):
        assert [m.ids for m in bench.sent(who, Ids)] == [[prefix_of(cast.id)]]
    assert bench.sent("passer-by", Ids) == []
    assert bench.gossip.seen_at(cast.id) == (2, 2)
    assert len(bench.stored()) == 1


def test_runs_are_bounded_and_one_at_a_time():
    bench = Bench(held=True)
    casts = [make_cast(nonce=bytes([n] * 16)) for n in range(20)]
    for cast in casts:
        bench.receive("a", cast.raw)
    assert [len(batch.candidates) for batch in of(VerifyBatch, bench.actions)] == [1]
    bench.release()
    sizes = [len(batch.candidates) for batch in of(VerifyBatch, bench.actions)]
    assert sizes == [1, limits.verify_batch_max, 3]
    assert sorted(bench.stored()) == sorted(cast.id for cast in casts)


# --- reject --------------------------------------------------------------------------------------


def test_bytes_that_are_nothing_are_blamed():
    bench = Bench()
    for raw in (b"", b"nonsense", b"\x90", encode([b"x", b"y", None])):
        bench.receive("a", raw)
    assert bench.blamed("a") == ["bad_encoding", "bad_encoding", "bad_shape", "bad_shape"]
    assert bench.gossip.rejected_count == 0, "bytes without a name cost no memory"


def test_a_bad_signature_is_remembered_and_blamed_on_all_who_sent_it():
    bench = Bench(held=True)
    bench.join("a", "b")
    raw = badly_signed(make_cast())
    bench.receive("a", raw)
    bench.receive("b", raw)
    bench.release()
    assert bench.blamed("a") == bench.blamed("b") == ["bad_signature"]
    assert bench.stored() == []
    assert bench.gossip.rejected_count == 1
    bench.receive("a", raw)
    assert bench.blamed("a") == ["bad_signature"] * 2
    assert len(of(VerifyBatch, bench.actions)) == 1, "it is verified once"


def test_a_forgery_does_not_keep_out_what_it_imitates():
    bench = Bench(held=True)
    cast = make_cast()
    bench.receive("a", badly_signed(cast))
    bench.receive("b", cast.raw)
    bench.release()
    assert bench.stored() == [cast.id]
    assert bench.gossip.is_rejected(read_id(badly_signed(cast)))
    assert not bench.gossip.is_rejected(cast.id)


def read_id(raw: bytes) -> ObjectId:
    text, signature, _ = decode(raw, bytes_max=limits.public_bytes_max)
    return ObjectId(blake2b_256(text, signature))


def test_a_bad_nonce_is_blamed_and_condemns_nothing():
    bench = Bench()
    cast = make_cast()
    for raw in (with_nonce(cast, None), wrong_nonce(cast)):
        bench.receive("a", raw)
    assert bench.blamed("a") == ["bad_work"] * 2
    assert not bench.gossip.is_rejected(cast.id)
    bench.receive("b", cast.raw)
    assert bench.stored() == [cast.id]


def test_a_sealed_object_in_gossip_is_blamed():
    bench = Bench()
    bench.receive("a", make_offer(make_cast(), make_profile()).raw)
    assert bench.blamed("a") == ["unexpected"]
    assert of(VerifyBatch, bench.actions) == []


def test_a_body_that_breaks_a_rule_is_blamed_after_its_signature():
    bench = Bench()
    fields = {"target": 12, "exp": NOW_MS + 86_400_000}
    text, signature, _ = decode(
        forged(Kind.PROFILE, {"name": ""}, vendor_bo, **fields), bytes_max=limits.public_bytes_max
    )
    nonce = work.solve(blake2b_256(text, signature), 12, tries=1 << 20)
    bench.receive("a", encode([text, signature, nonce]))
    assert bench.blamed("a") == ["bad_shape"]
    assert bench.gossip.rejected_count == 1


def test_what_is_remembered_as_bad_is_bounded():
    bench = Bench(rejected_max=2)
    cast = make_cast()
    for salt in (1, 2, 3):
        bench.receive("a", badly_signed(cast, salt))
    assert bench.gossip.rejected_count == 2


# --- ignore --------------------------------------------------------------------------------------


def test_clocks_are_nobodys_fault():
    bench = Bench()
    cast = make_cast()
    bench.now = later(cast.header.exp - bench.now.wall_ms)
    bench.receive("a", cast.raw)
    bench.now = later(NOW_MS - limits.skew_ms_max - 1 - bench.now.wall_ms, bench.now)
    bench.receive("a", cast.raw)
    assert bench.blamed("a") == []
    assert bench.stored() == []
    bench.now = later(1, bench.now)
    bench.receive("a", cast.raw)
    assert bench.stored() == [cast.id]


def test_what_is_not_carried_is_declined_and_not_asked_for():
    bench = Bench(kinds=frozenset({Kind.PROFILE}))
    bench.join("a")
    cast = make_cast()
    bench.receive("a", cast.raw)
    bench.receive("a", cast.raw)
    bench.feed(IdsReceived(peer=peer("a"), ids=(prefix_of(cast.id),)))
    assert bench.blamed("a") == []
    assert bench.gossip.wanted_count == 0
    assert not bench.gossip.is_rejected(cast.id)


def test_a_twin_is_ignored():
    bench = Bench()
    bench.join("a", "b")
    cast = make_cast()
    bench.receive("a", cast.raw)
    bench.receive("a", twin_of(cast, buyer_ana).raw)
    assert bench.blamed("a") == []
    assert bench.stored() == [cast.id]
    assert [m.raws for m in bench.sent("b", Objects)] == [[cast.raw]]


def test_a_forged_twin_is_a_bad_signature_and_no_part_of_what_is_compared():
    bench = Bench()
    bench.join("a", "evil")
    cast = make_cast()
    bench.receive("a", cast.raw)
    for salt in range(1, 9):
        bench.receive("evil", badly_signed(cast, salt))
    assert compared(bench) == {prefix_of(cast.id)}
    assert bench.blamed("evil") == ["bad_signature"] * 8
    assert bench.gossip.rejected_count == 8
    assert len(bench.gossip._carried.declined) == 0


def test_a_twin_goes_nowhere_by_stem():
    bench = Bench(around=Street("r1", "r2"))
    bench.join("a", "r1", "r2")
    cast = make_cast()
    bench.receive("a", cast.raw)
    twins = [twin_of(cast, buyer_ana, bytes([salt])) for salt in range(4)]
    for twin in twins:
        bench.feed(StemReceived(peer=peer("a"), raw=twin.raw))
    bench.feed(StemReceived(peer=peer("a"), raw=badly_signed(cast)))
    assert len(bench.gossip.stem) == 0
    assert bench.stored() == [cast.id]
    assert bench.blamed("a") == ["bad_signature"]
    assert compared(bench) == {prefix_of(each.id) for each in (cast, *twins)}


def compared(bench: Bench) -> set[bytes]:
    order = bench.gossip.live.holdings.whole
    return set(order.names(0, len(order)))


def test_a_twin_counts_as_held_and_what_was_taken_back_does_not():
    bench = Bench()
    cast, other = make_cast(), make_cast(nonce=b"z" * 16)
    bench.receive("a", cast.raw)
    bench.receive("b", twin_of(cast, buyer_ana).raw)
    twin = prefix_of(twin_of(cast, buyer_ana).id)
    assert compared(bench) == {prefix_of(cast.id), twin}
    bench.receive("a", make_revoke(other).raw)
    bench.receive("a", other.raw)
    revoke = prefix_of(make_revoke(other).id)
    assert compared(bench) == {prefix_of(cast.id), twin, revoke}


def test_a_twin_without_its_work_is_remembered_nowhere():
    bench = Bench()
    cast = make_cast()
    bench.receive("a", cast.raw)
    bench.receive("b", with_nonce(twin_of(cast, buyer_ana), None))
    assert bench.blamed("b") == ["bad_work"]
    assert compared(bench) == {prefix_of(cast.id)}


def test_an_object_of_our_own_that_was_declined_is_held():
    bench = Bench(objects_max=0)
    cast = make_cast()
    bench.receive("a", cast.raw)
    assert compared(bench) == {prefix_of(cast.id)}
    bench.feed(PublishObject(verified=cast))
    assert prefix_of(cast.id) in bench.gossip.live
    assert compared(bench) == {prefix_of(cast.id)}
    assert len(bench.gossip._carried.declined) == 0


def test_two_twins_at_once_are_settled_to_one():
    bench = Bench(held=True)
    cast = make_cast()
    twin = twin_of(cast, buyer_ana)
    bench.receive("a", cast.raw)
    bench.receive("b", twin.raw)
    bench.waiting.clear()
    # The author signed twice: Ed25519 allows it, our own signing does not.
    bench.gossip.handle(VerifyFinished(outcomes=(cast,)), bench.now)
    bench.feed(VerifyFinished(outcomes=(twin,)))
    assert bench.gossip.live.get(prefix_of(cast.id)) is not None
    assert bench.gossip.live.get(prefix_of(twin.id)) is None
    assert bench.blamed("b") == []


def test_a_full_table_refuses_without_blame():
    bench = Bench(objects_max=1)
    first, second = make_cast(), make_profile()
    bench.receive("a", first.raw)
    bench.receive("a", second.raw)
    assert bench.stored() == [first.id]
    assert bench.blamed("a") == []


def test_a_full_queue_asks_again_later():
    bench = Bench(held=True, pending_max=1)
    bench.join("a")
    first, second = make_cast(), make_profile()
    bench.receive("a", first.raw)
    bench.receive("a", second.raw)
    assert bench.gossip.pending_count == 1
    assert bench.gossip.wanted_count == 1


def test_verdicts_nobody_waits_for_change_nothing():
    bench = Bench()
    cast = make_cast()
    bench.feed(VerifyFinished(outcomes=(cast, Unverified(id=cast.id, reason=Reason.BAD_KEY))))
    assert bench.stored() == []
    assert bench.gossip.rejected_count == 0


# --- disk ----------------------------------------------------------------------------------------


def test_a_disk_that_fails_leaves_the_object_to_come_again():
    bench = Bench(held=True)
    cast = make_cast()
    bench.receive("a", cast.raw)
    bench.gossip.handle(bench.waiting.pop(), bench.now)
    bench.feed(StoreFailed(id=cast.id, reason=Reason.QUOTA))
    assert prefix_of(cast.id) not in bench.gossip.live
    bench.held = False
    bench.receive("a", cast.raw)
    assert bench.notified() == [cast.id]


def test_what_the_disk_declines_does_not_come_again():
    bench = Bench(held=True)
    cast = make_cast()
    bench.receive("a", cast.raw)
    bench.gossip.handle(bench.waiting.pop(), bench.now)
    bench.feed(StoreFailed(id=cast.id, reason=Reason.DUPLICATE))
    bench.held = False
    bench.receive("a", cast.raw)
    assert bench.stored() == []


def test_what_the_disk_declines_counts_as_held_unless_it_was_taken_back():
    for reason, held in ((Reason.DUPLICATE, 1), (Reason.WITHDRAWN, 0)):
        bench = Bench(held=True)
        cast = make_cast()
        bench.receive("a", cast.raw)
        bench.gossip.handle(bench.waiting.pop(), bench.now)
        bench.feed(StoreFailed(id=cast.id, reason=reason))
        assert len(compared(bench)) == held


def test_an_object_lost_from_disk_may_come_again():
    bench = Bench()
    cast = make_cast()
    bench.receive("a", cast.raw)
    bench.feed(ObjectLost(id=cast.id))
    bench.receive("a", cast.raw)
    assert bench.stored() == [cast.id] * 2


# --- revokes -------------------------------------------------------------------------------------


def test_a_revoke_replaces_its_target():
    bench = Bench()
    cast = make_cast()
    revoke = make_revoke(cast)
    bench.receive("a", cast.raw)
    bench.receive("a", revoke.raw)
    (first, second) = of(StoreObject, bench.actions)
    assert (first.replaced, second.replaced) == (None, cast.id)
    bench.receive("b", cast.raw)
    assert bench.stored() == [cast.id, revoke.id]
    assert bench.notified() == [cast.id, revoke.id]


def test_a_revoke_before_its_target_is_kept_and_blocks_it():
    bench = Bench()
    bench.join("b")
    cast = make_cast()
    revoke = make_revoke(cast)
    bench.receive("a", revoke.raw)
    bench.receive("a", cast.raw)
    assert bench.stored() == [revoke.id]
    assert [m.raws for m in bench.sent("b", Objects)] == [[revoke.raw]]


def test_a_strangers_revoke_changes_nothing():
    bench = Bench()
    cast = make_cast()
    early = make_revoke(cast, by=vendor_bo)
    bench.receive("a", early.raw)
    bench.receive("a", cast.raw)
    bench.receive("a", make_revoke(cast, by=vendor_bo, minutes=2).raw)
    assert bench.stored() == [early.id, cast.id]
    assert bench.dropped() == [early.id]
    assert prefix_of(cast.id) in bench.gossip.live
    assert bench.blamed("a") == []


def test_a_true_revoke_among_many_false_ones_is_heard_again_when_its_target_has_come():
    bench = Bench()
    bench.join("a", "evil")
    cast = make_cast()
    true = make_revoke(cast)
    false = [make_revoke(cast, by=Party(f"stranger_{n}")) for n in range(40)]
    smaller = [each for each in false if each.id < true.id][: limits.revokes_waiting_max]
    for each in smaller:
        bench.receive("evil", each.raw)
    bench.receive("a", true.raw)
    assert bench.stored() == [each.id for each in smaller]
    assert compared(bench) == {prefix_of(each.id) for each in (*smaller, true)}, "held, not served"
    bench.receive("evil", cast.raw)
    assert prefix_of(cast.id) in bench.gossip.live
    bench.feed(RangesAsked(peer=peer("a"), query=RangesQuery(salt=bytes(16), ranges=b"")))
    bench.receive("a", true.raw)
    assert bench.stored()[-1] == true.id
    assert prefix_of(cast.id) not in bench.gossip.live


def test_a_false_revoke_that_gives_way_is_held_and_not_served():
    bench = Bench()
    cast = make_cast()
    false = [make_revoke(cast, by=Party(f"stranger_{n}")) for n in range(9)]
    *kept, largest = sorted(false, key=lambda each: each.id)
    for each in (largest, *kept):
        bench.receive("evil", each.raw)
    assert bench.dropped() == [largest.id]
    assert compared(bench) == {prefix_of(each.id) for each in false}
    assert bench.blamed("evil") == []


# --- our own -------------------------------------------------------------------------------------


def test_our_own_object_goes_to_everybody_whatever_the_quota():
    bench = Bench(objects_max=0)
    bench.join("a", "b")
    cast = make_cast()
    for _ in range(2):
        bench.feed(PublishObject(verified=cast))
    assert prefix_of(cast.id) in bench.gossip.live
    assert [m.raws for m in bench.sent("a", Objects)] == [[cast.raw]] * 2
    assert bench.stored() == [], "it was on disk before"
    assert bench.gossip.seen_at(cast.id) == (0, 2)
    bench.feed(IdsReceived(peer=peer("a"), ids=(prefix_of(cast.id),)))
    assert bench.gossip.seen_at(cast.id) == (1, 2)


def test_our_own_revoke_replaces_and_our_revoked_cast_stays_away():
    bench = Bench()
    bench.join("a")
    cast = make_cast()
    revoke = make_revoke(cast)
    for verified in (cast, revoke, cast):
        bench.feed(PublishObject(verified=verified))
    assert [m.raws for m in bench.sent("a", Objects)] == [[cast.raw], [revoke.raw]]
    assert prefix_of(cast.id) not in bench.gossip.live


def test_publishing_a_cast_drops_a_strangers_early_revoke():
    bench = Bench(held=True)
    cast = make_cast()
    early = make_revoke(cast, by=vendor_bo)
    bench.receive("a", early.raw)
    bench.gossip.handle(bench.waiting.pop(), bench.now)
    bench.feed(PublishObject(verified=cast))
    assert [action.id for action in of(DropObject, bench.actions)] == [early.id]
    bench.feed(ObjectStored(id=early.id, is_new=True))
    assert bench.notified() == [], "it was dropped while on its way to disk"


def test_processes_have_some_runs_at_a_time():
    bench = Bench(held=True, runs=3)
    bench.join("a")
    casts = [make_cast(nonce=bytes([n] * 16)) for n in range(5)]
    for cast in casts:
        bench.receive("a", cast.raw)
    runs = [action.candidates for action in bench.actions if isinstance(action, VerifyBatch)]
    assert [[each.id for each in run] for run in runs] == [[cast.id] for cast in casts[:3]]
    bench.release()
    assert sorted(bench.stored()) == sorted(cast.id for cast in casts)
    runs = [action.candidates for action in bench.actions if isinstance(action, VerifyBatch)]
    assert [len(run) for run in runs] == [1, 1, 1, 2]


def test_a_verdict_nobody_waits_for_starts_nothing_more_at_a_time():
    bench = Bench(held=True)
    bench.feed(VerifyFinished(outcomes=()))
    bench.join("a")
    for number in range(3):
        bench.receive("a", make_cast(nonce=bytes([number] * 16)).raw)
    assert sum(isinstance(action, VerifyBatch) for action in bench.actions) == 1
