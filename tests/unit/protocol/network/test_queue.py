"""The verify queue: bounded, fair, and generous to peers whose bytes others also sent."""

from __future__ import annotations

from protocol import limits
from protocol.ids import ObjectId, blake2b_256
from protocol.network.live import prefix_of
from protocol.network.queue import VerifyQueue
from protocol.objects.envelope import Candidate
from tests.unit.protocol.network.driver import peer


def candidate(name: str) -> Candidate:
    object_id = ObjectId(blake2b_256(name.encode()))
    return Candidate(id=object_id, raw=b"", signed=b"", signature=b"", pow=None, peer=None)


def name_of(name: str) -> bytes:
    return prefix_of(candidate(name).id)


def fill(queue: VerifyQueue, who: str, *names: str) -> list[bool]:
    return [queue.put(candidate(name), peer(who)) for name in names]


def ids(run: tuple[Candidate, ...]) -> list[bytes]:
    return [each.id for each in run]


def test_peers_take_turns():
    queue = VerifyQueue()
    fill(queue, "flood", "f1", "f2", "f3")
    fill(queue, "calm", "c1")
    wanted = [candidate(name).id for name in ("f1", "c1", "f2", "f3")]
    assert ids(queue.take()) == wanted
    assert queue.take() == ()
    assert len(queue) == 4, "pending until the verdict"


def test_a_run_has_its_length():
    queue = VerifyQueue()
    fill(queue, "one", *(f"n{n}" for n in range(limits.verify_batch_max + 3)))
    assert len(queue.take()) == limits.verify_batch_max
    assert len(queue.take()) == 3


def test_a_verdict_ends_it_and_names_the_suppliers():
    queue = VerifyQueue()
    fill(queue, "one", "n")
    assert name_of("n") in queue
    queue.add_supplier(name_of("n"), peer("two"))
    queue.add_supplier(name_of("n"), peer("two"))
    assert queue.finish(name_of("n")) is None, "it still waits"
    queue.take()
    done = queue.finish(name_of("n"))
    assert done is not None
    assert done.suppliers == [peer("one"), peer("two")]
    assert queue.finish(name_of("n")) is None


def test_suppliers_are_bounded():
    queue = VerifyQueue()
    fill(queue, "one", "n")
    for number in range(limits.suppliers_max + 5):
        queue.add_supplier(name_of("n"), peer(f"p{number}"))
    queue.take()
    done = queue.finish(name_of("n"))
    assert done is not None
    assert len(done.suppliers) == limits.suppliers_max


def test_one_peer_fills_its_own_queue_only():
    queue = VerifyQueue()
    flood = fill(queue, "flood", *(f"f{n}" for n in range(limits.verify_queue_peer_max + 1)))
    assert flood[-2:] == [True, False]
    assert fill(queue, "calm", "c") == [True]


def test_when_all_is_full_the_longest_queue_gives_way():
    queue = VerifyQueue(pending_max=4)
    fill(queue, "flood", "f1", "f2", "f3", "f4")
    assert fill(queue, "flood", "f5") == [False]
    assert fill(queue, "calm", "c1") == [True]
    assert len(queue) == 4
    assert name_of("f4") not in queue
    assert fill(queue, "calm", "c2") == [True]
    assert fill(queue, "calm", "c3") == [False], "now they are even"


def test_who_leaves_takes_its_queue_along():
    queue = VerifyQueue()
    fill(queue, "gone", "only", "shared")
    queue.add_supplier(name_of("shared"), peer("stays"))
    queue.lose(peer("gone"))
    queue.lose(peer("gone"))
    assert name_of("only") not in queue
    assert ids(queue.take()) == [candidate("shared").id]
    done = queue.finish(name_of("shared"))
    assert done is not None
    assert done.suppliers == [peer("stays")]


def test_shared_candidates_do_not_overfill_who_stays():
    queue = VerifyQueue()
    fill(queue, "gone", "shared")
    queue.add_supplier(name_of("shared"), peer("full"))
    fill(queue, "full", *(f"f{n}" for n in range(limits.verify_queue_peer_max)))
    queue.lose(peer("gone"))
    assert name_of("shared") not in queue


def test_who_sends_too_far_ahead_is_crowded():
    queue = VerifyQueue()
    flood = fill(queue, "flood", *(f"f{n}" for n in range(limits.pending_peer_pause - 1)))
    assert all(flood)
    assert not queue.is_crowded_by(peer("flood"))
    fill(queue, "flood", "one more")
    assert queue.is_crowded_by(peer("flood"))
    assert not queue.is_crowded_by(peer("nobody"))


def test_when_all_together_are_too_far_ahead_only_those_with_more_than_their_share_wait():
    queue = VerifyQueue()
    floods = [f"flood {n}" for n in range(5)]
    for name in floods:
        fill(queue, name, *(f"{name} {n}" for n in range(limits.pending_pause // 5)))
    assert len(queue) == limits.pending_pause
    fill(queue, "modest", "m1", "m2")
    assert all(queue.is_crowded_by(peer(name)) for name in floods)
    assert not queue.is_crowded_by(peer("modest"))
