"""The stem: one line of peers before everybody, routes that stay, and patience that ends."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from protocol import limits
from protocol.channel.messages import Ids, Missing, Objects, Want
from protocol.channel.messages import Stem as StemMessage
from protocol.errors import Reason
from protocol.ids import PeerId
from protocol.network.actions import SendMessage, SetTimer, Timer
from protocol.network.chance import Chance
from protocol.network.events import (
    IdsReceived,
    LevelAsked,
    PeerLost,
    PublishObject,
    RttMeasured,
    StemReceived,
    TimerFired,
    WantReceived,
)
from protocol.network.flow import Flow
from protocol.network.live import prefix_of
from protocol.network.stem import Alone, Private, Stem
from protocol.network.verdicts import Verdict
from protocol.now import DAY_MS
from protocol.objects.envelope import Verified
from tests.parties import NET, NOW_MS, make_cast, make_profile, vendor_bo
from tests.unit.protocol.network.driver import (
    NOW,
    Bench,
    Street,
    badly_signed,
    joined,
    later,
    make_revoke,
    of,
    peer,
)


class Never(Chance):
    """Chance under which no stem ends; `ends` makes every one end."""

    ends = False

    def below(self, bound: int) -> int:
        if bound == 10:
            return 0 if self.ends else 9
        return super().below(bound)


def wish(number: int) -> Verified[Any]:
    return make_cast(nonce=number.to_bytes(16, "big"))


def make_stem(street: Street, *, private: Private = Private.NORMAL, net: str = NET) -> Stem:
    return Stem(net=net, chance=Never(b"stem"), around=street, private=private)


def sent_to(actions: list[Any] | None) -> list[PeerId]:
    return [action.peer for action in of(SendMessage, actions or [])]


# --- routes --------------------------------------------------------------------------------------


def test_our_own_objects_go_to_one_peer_for_a_whole_epoch():
    stem = make_stem(Street("a", "b", "c", "d"))
    ways = {tuple(sent_to(stem.publish(wish(number), NOW))) for number in range(12)}
    assert len(ways) == 1
    assert len(next(iter(ways))) == 1
    assert len(stem.successors(NOW)) == limits.stem_successors
    assert stem.own_count == len(stem) == 12


def test_what_one_peer_sends_goes_one_way_and_peers_are_spread_over_both():
    stem = make_stem(Street("a", "b", "c"))
    ways: dict[str, set[PeerId]] = {}
    for number in range(40):
        edge = f"in{number % 8}"
        ways.setdefault(edge, set()).update(sent_to(stem.take(wish(number), peer(edge), NOW)))
    assert all(len(found) == 1 for found in ways.values())
    counts = Counter(next(iter(found)) for found in ways.values())
    assert counts == dict.fromkeys(stem.successors(NOW), 4)


def test_an_object_never_goes_back_to_whom_it_came_from():
    stem = make_stem(Street("a", "b"))
    for number in range(20):
        assert sent_to(stem.take(wish(number), peer("a"), NOW)) == [peer("b")]
    alone = make_stem(Street("a"))
    assert alone.take(wish(1), peer("a"), NOW) is None
    assert sent_to(alone.take(wish(1), peer("b"), NOW)) == [peer("a")]


def test_without_a_relay_there_is_no_stem():
    stem = make_stem(Street())
    assert stem.publish(wish(1), NOW) is None
    assert stem.take(wish(1), peer("a"), NOW) is None
    assert stem.successors(NOW) == ()
    lonely = Stem(net=NET, chance=Chance(b"x"), around=Alone(), private=Private.NORMAL)
    assert lonely.publish(wish(1), NOW) is None
    assert not lonely.is_open


def test_whoever_wants_no_stem_still_carries_those_of_others():
    stem = make_stem(Street("a", "b"), private=Private.OFF)
    assert stem.publish(wish(1), NOW) is None
    assert stem.take(wish(2), peer("c"), NOW) is not None


def test_an_epoch_ends_after_ten_minutes_and_some():
    street = Street(*(f"r{number}" for number in range(30)))
    stem = make_stem(street)
    stem.take(wish(1), peer("in"), NOW)
    first = stem.successors(NOW)
    last = later(limits.stem_epoch_ms - 1)
    assert stem.successors(last) == first
    over = later(limits.stem_epoch_ms + limits.stem_epoch_jitter_ms)
    assert stem.successors(over) != first
    assert sent_to(stem.take(wish(2), peer("in"), over))[0] in stem.successors(over)


def test_only_a_successor_that_left_is_replaced():
    street = Street("a", "b", "c", "d")
    stem = make_stem(street)
    stay, leaves = stem.successors(NOW)
    street.relays.remove(leaves)
    assert stem.successors(NOW)[0] == stay
    assert leaves not in stem.successors(NOW)
    assert len(stem.successors(NOW)) == 2
    street.relays = [stay]
    assert stem.successors(NOW) == (stay,)
    street.relays.append(peer("e"))
    assert stem.successors(NOW) == (stay, peer("e"))


def test_a_peer_that_left_is_routed_no_more():
    stem = make_stem(Street("a", "b"))
    for number in range(4):
        stem.take(wish(number), peer(f"in{number}"), NOW)
        stem.lost(peer(f"in{number}"))
    stem.lost(peer("stranger"))
    ways = {sent_to(stem.take(wish(10 + n), peer(f"new{n}"), NOW))[0] for n in range(2)}
    assert len(ways) == 2
    assert len(stem) == 6


def test_stems_end_by_chance_one_in_five_and_one_in_ten_with_care():
    for private, low, high in ((Private.NORMAL, 150, 250), (Private.CAREFUL, 60, 140)):
        stem = Stem(net=NET, chance=Chance(b"coin"), around=Street("a", "b"), private=private)
        cast = wish(1)
        ended = 0
        for _ in range(1_000):
            ended += stem.take(cast, peer("in"), NOW) is None
            stem.forget(prefix_of(cast.id))
        assert low < ended < high


# --- bounds --------------------------------------------------------------------------------------


def test_a_peer_has_a_budget():
    stem = make_stem(Street("a", "b"), net="main")
    admitted = [stem.admits(peer("in"), NOW) for _ in range(7)]
    assert admitted == [True] * limits.stem_burst_main + [False] * 2
    assert stem.admits(peer("other"), NOW)
    soon = later(limits.stem_pause_ms_main - 1)
    assert not stem.admits(peer("in"), soon)
    then = later(limits.stem_pause_ms_main)
    assert [stem.admits(peer("in"), then) for _ in range(2)] == [True, False]
    hour = later(3_600_000)
    assert [stem.admits(peer("in"), hour) for _ in range(6)] == [True] * 5 + [False]
    loose = make_stem(Street("a", "b"))
    assert all(loose.admits(peer("in"), NOW) for _ in range(limits.stem_burst))
    assert not loose.admits(peer("in"), NOW)


@pytest.mark.parametrize(
    ("limit", "value", "kept"),
    [
        ("stem_kept_max", 3, 3),
        ("stem_edge_max", 2, 2),
        ("stem_kept_bytes_max", 1_000, 1),
        ("stem_edge_bytes_max", 1_000, 1),
    ],
)
def test_what_is_on_its_way_is_bounded(
    monkeypatch: pytest.MonkeyPatch, limit: str, value: int, kept: int
):
    size = len(wish(1).raw)
    monkeypatch.setattr(limits, limit, value if value < 100 else size + size // 2)
    stem = make_stem(Street("a", "b"))
    taken = [stem.take(wish(number), peer("in"), NOW) is not None for number in range(5)]
    assert taken == [True] * kept + [False] * (5 - kept)
    assert stem.publish(wish(9), NOW) is not None
    stem.forget(prefix_of(wish(0).id))
    assert stem.take(wish(6), peer("in"), NOW) is not None


def test_our_own_beyond_so_many_go_out_at_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "stem_own_max", 2)
    stem = make_stem(Street("a", "b"))
    assert [stem.publish(wish(n), NOW) is not None for n in range(3)] == [True, True, False]
    stem.forget(prefix_of(wish(0).id))
    assert stem.own_count == 1
    assert stem.publish(wish(3), NOW) is not None


# --- embargo -------------------------------------------------------------------------------------


def test_patience_follows_from_the_delay_of_a_hop():
    street = Street("a", "b", "c")
    stem = make_stem(street)
    assert stem.embargo_ms(is_own=False) == 20 * limits.stem_hop_ms * 4_746 // 1_000
    for name, rtt_ms in (("a", 120), ("b", 110), ("c", 4_000), ("inbound", 1)):
        stem.timed(peer(name), rtt_ms)
    # 11 s for five hops of 120 ms, 51 s for ten: the figures the formula is known by.
    assert stem.embargo_ms(is_own=False) == 11_390
    assert stem.embargo_ms(is_own=True) == 22_780
    careful = make_stem(street, private=Private.CAREFUL)
    careful.timed(peer("a"), 120)
    assert careful.embargo_ms(is_own=False) == 51_256
    stem.lost(peer("a"))
    stem.lost(peer("b"))
    assert stem.embargo_ms(is_own=False) == 20 * limits.stem_hop_ms_max * 4_746 // 1_000
    stem.timed(peer("c"), 1)
    assert stem.embargo_ms(is_own=False) == 20 * limits.stem_hop_ms_min * 4_746 // 1_000


def test_one_timer_stands_for_the_earliest_embargo():
    stem = make_stem(Street("a", "b"))
    earliest = None
    for number in range(30):
        actions = stem.take(wish(number), peer("in"), NOW)
        for timer in of(SetTimer, actions or []):
            assert timer.timer is Timer.EMBARGO
            assert earliest is None or timer.delay_ms < earliest
            earliest = timer.delay_ms
    assert earliest is not None
    assert stem.due(later(earliest - 1)) == []
    (first,) = stem.due(later(earliest))
    stem.forget(prefix_of(first.verified.id))
    (again,) = of(SetTimer, stem.wind(later(earliest)))
    assert again.delay_ms >= 0
    for number in range(30):
        stem.forget(prefix_of(wish(number).id))
    assert stem.wind(later(earliest)) == []


def test_a_loop_is_an_object_that_comes_from_somebody_else():
    stem = make_stem(Street("a", "b"))
    mine, theirs = wish(1), wish(2)
    stem.publish(mine, NOW)
    stem.take(theirs, peer("in"), NOW)
    assert stem.is_loop(prefix_of(mine.id), peer("x"))
    assert stem.is_loop(prefix_of(theirs.id), peer("x"))
    assert not stem.is_loop(prefix_of(theirs.id), peer("in"))
    assert not stem.is_loop(bytes(16), peer("x"))
    assert prefix_of(mine.id) in stem


# --- in a node -----------------------------------------------------------------------------------


class Relay(Bench):
    """A relay that dialled `a` and `b`; `in` and `out` dialled it."""

    def __init__(self, *, is_relay: bool = True, private: Private = Private.NORMAL, **caps: Any):
        super().__init__(around=Street("a", "b", is_relay=is_relay), private=private, **caps)
        self.gossip.stem._chance = self.coin = Never(b"relay")
        for name in ("a", "b"):
            self.feed(joined(name))
        for name in ("in", "out"):
            self.feed(joined(name, outbound=False))

    def stems(self) -> list[bytes]:
        """Every envelope sent by stem."""
        found = [a.message for a in of(SendMessage, self.actions)]
        return [raw for each in found if isinstance(each, StemMessage) for raw in each.raws]

    def public(self) -> list[bytes]:
        """Every envelope pushed or announced, once."""
        found = [a.message for a in of(SendMessage, self.actions)]
        return sorted({raw for each in found if isinstance(each, Objects) for raw in each.raws})

    def hears(self, name: str, raw: bytes) -> list[Any]:
        return list(self.feed(StemReceived(peer=peer(name), raw=raw)))

    def waits(self, ms: int = 10_000_000) -> None:
        self.now = later(ms, self.now)
        self.feed(TimerFired(timer=Timer.EMBARGO))


def test_what_comes_by_stem_goes_to_one_peer_and_nowhere_else():
    relay = Relay()
    cast = wish(1)
    relay.hears("in", cast.raw)
    assert relay.stems() == [cast.raw]
    assert relay.public() == relay.stored() == relay.notified() == []
    assert prefix_of(cast.id) not in relay.gossip.live
    assert relay.gossip.seen_at(cast.id) == (0, 4)
    relay.feed(WantReceived(peer=peer("out"), ids=(prefix_of(cast.id),)))
    assert [m.ids for m in relay.sent("out", Missing)] == [[prefix_of(cast.id)]]


def test_a_stem_that_ends_by_chance_is_stored_and_pushed_to_everybody():
    relay = Relay()
    relay.coin.ends = True
    cast = wish(1)
    relay.hears("in", cast.raw)
    assert relay.stems() == []
    assert relay.stored() == relay.notified() == [cast.id]
    # To whoever sent it too: it has not got it in public.
    for name in ("a", "b", "in", "out"):
        assert [m.raws for m in relay.sent(name, Objects)] == [[cast.raw]]
    assert relay.gossip.first_from(peer("in")) == 1
    assert relay.gossip.seen_at(cast.id) == (0, 4)


def test_patience_that_ends_publishes():
    relay = Relay()
    cast = wish(1)
    relay.hears("in", cast.raw)
    relay.feed(TimerFired(timer=Timer.EMBARGO))
    assert relay.stored() == []
    relay.waits()
    assert relay.stored() == [cast.id]
    assert relay.public() == [cast.raw]
    assert len(relay.gossip.stem) == 0
    relay.waits()
    assert relay.stored() == [cast.id]


def test_an_object_seen_in_public_is_forgotten_by_the_stem():
    relay = Relay()
    cast = wish(1)
    relay.hears("in", cast.raw)
    relay.receive("out", cast.raw)
    assert relay.stored() == [cast.id]
    assert relay.gossip.seen_at(cast.id) == (1, 4)
    assert len(relay.gossip.stem) == 0
    before = len(relay.actions)
    relay.waits()
    assert of(SendMessage, relay.actions[before:]) == []
    # And what is public needs no stem.
    relay.hears("a", cast.raw)
    assert relay.stems() == [cast.raw]


def test_a_public_copy_is_not_kept_waiting_by_one_that_is_being_verified():
    relay = Relay(held=True)
    cast = wish(1)
    relay.hears("in", cast.raw)
    relay.receive("out", cast.raw)
    relay.release()
    assert relay.stems() == []
    assert relay.stored() == [cast.id]
    assert relay.gossip.first_from(peer("out")) == 1
    assert relay.gossip.seen_at(cast.id) == (1, 4)


def test_what_was_announced_is_fetched_though_it_came_by_stem():
    relay = Relay()
    cast = wish(1)
    relay.hears("in", cast.raw)
    relay.feed(IdsReceived(peer=peer("out"), ids=(prefix_of(cast.id),)))
    relay.now = later(limits.pull_wait_ms_min, relay.now)
    relay.feed(TimerFired(timer=Timer.PULL))
    assert [m.ids for m in relay.sent("out", Want)] == [[prefix_of(cast.id)]]
    other = wish(2)
    relay.feed(IdsReceived(peer=peer("out"), ids=(prefix_of(other.id),)))
    relay.hears("in", other.raw)
    relay.receive("out", other.raw)
    assert relay.stored() == [other.id]


def test_a_loop_ends_the_stem():
    relay = Relay()
    cast = wish(1)
    relay.hears("in", cast.raw)
    relay.hears("in", cast.raw)
    assert relay.stored() == []
    relay.hears("out", cast.raw)
    assert relay.stored() == [cast.id]
    assert relay.stems() == [cast.raw]


def test_a_stem_is_checked_like_everything_else():
    relay = Relay()
    cast = wish(1)
    relay.hears("in", badly_signed(cast))
    relay.hears("out", b"no envelope")
    assert relay.stems() == relay.stored() == []
    assert relay.blamed("in") == [Reason.BAD_SIGNATURE.value]
    assert relay.blamed("out") == [Reason.BAD_ENCODING.value]
    relay.receive("a", cast.raw)
    assert relay.stored() == [cast.id]
    relay.hears("in", badly_signed(cast))
    assert relay.blamed("in") == [Reason.BAD_SIGNATURE.value]


def test_everybody_who_sent_what_does_not_hold_is_blamed():
    relay = Relay(held=True)
    forged = badly_signed(wish(1))
    relay.hears("in", forged)
    relay.receive("out", forged)
    relay.release()
    assert relay.blamed("in") == relay.blamed("out") == [Reason.BAD_SIGNATURE.value]


def test_beyond_its_budget_a_peer_publishes(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "stem_burst", 2)
    relay = Relay()
    casts = [wish(number) for number in range(3)]
    for cast in casts:
        relay.hears("in", cast.raw)
    assert relay.stems() == [cast.raw for cast in casts[:2]]
    assert relay.stored() == [casts[2].id]


def test_a_node_that_cannot_be_dialled_takes_no_stem():
    leaf = Relay(is_relay=False)
    leaf.hears("a", wish(1).raw)
    assert leaf.stems() == leaf.stored() == []
    assert leaf.gossip.verdicts[Verdict.IGNORED, Reason.POLICY] == 1


def test_no_room_to_verify_loses_nothing_but_time(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "verify_queue_peer_max", 1)
    relay = Relay(held=True)
    for number in range(4):
        relay.hears("in", wish(number).raw)
    relay.release()
    assert len(relay.stems()) == 2
    assert relay.sent("in", Want) == []


def test_a_peer_that_left_before_the_verdict_takes_its_stem_along():
    relay = Relay(held=True)
    relay.hears("in", wish(0).raw)
    relay.hears("in", wish(1).raw)
    relay.feed(PeerLost(peer=peer("in")))
    relay.release()
    assert relay.stems() == [wish(0).raw]


def test_nothing_is_kept_of_a_peer_that_left_before_the_verdict():
    for number in range(20):
        relay = Relay(held=True)
        relay.hears("in", wish(number).raw)
        relay.feed(PeerLost(peer=peer("in")))
        relay.release()
        assert relay.stems() + relay.stored() != [], "it goes on, or everybody gets it"
        assert relay.gossip.stem._edges == {}
        assert relay.gossip.stem._epoch.loads == [0, 0]


# --- an author -----------------------------------------------------------------------------------


def test_our_own_cast_is_known_to_nobody_but_one_peer():
    author = Relay()
    cast = make_cast()
    author.feed(PublishObject(verified=cast))
    author.feed(PublishObject(verified=cast))
    assert author.stems() == [cast.raw]
    assert author.public() == []
    assert prefix_of(cast.id) not in author.gossip.live
    assert author.gossip.stem.own_count == 1


def test_our_own_cast_that_comes_back_is_treated_as_anybodys():
    other, author = Relay(), Relay()
    cast = make_cast()
    author.feed(PublishObject(verified=cast))
    for bench in (other, author):
        bench.receive("out", cast.raw)
        bench.feed(TimerFired(timer=Timer.HEARTBEAT))
        # What its supplier and everybody else see is the same, whoever wrote it.
        assert [m.ids for m in bench.sent("out", Ids)] == [[prefix_of(cast.id)]]
        assert [m.raws for m in bench.sent("in", Objects)] == [[cast.raw]]
        assert bench.gossip.seen_at(cast.id) == (1, 4)
    assert author.stored() == []
    entry = author.gossip.live.get(prefix_of(cast.id))
    assert entry is not None
    assert entry.exempt


def test_who_was_asked_to_be_quiet_cannot_tell_the_author_of_what_came_back():
    heard = []
    for author in (False, True):
        bench = Relay()
        cast = make_cast()
        if author:
            bench.feed(PublishObject(verified=cast))
        bench.feed(LevelAsked(peer=peer("in"), flow=Flow.QUIET))
        bench.receive("out", cast.raw)
        assert bench.gossip._spread.choice.has_untold
        bench.feed(TimerFired(timer=Timer.BATCH))
        heard.append(bench.sent("in", Ids))
    assert heard[0] == heard[1]


def test_our_own_cast_that_nobody_saw_is_published_by_us():
    author = Relay()
    cast = make_cast()
    author.feed(PublishObject(verified=cast))
    author.waits()
    assert author.public() == [cast.raw]
    assert prefix_of(cast.id) in author.gossip.live
    author.feed(PublishObject(verified=cast))
    assert author.stems() == [cast.raw]


def test_our_own_cast_that_loops_back_is_published_like_anybodys():
    author = Relay()
    cast = make_cast()
    author.feed(PublishObject(verified=cast))
    author.hears("out", cast.raw)
    assert author.public() == [cast.raw]


def test_a_profile_is_nobodys_secret_and_its_revoke_neither():
    author = Relay()
    profile = make_profile(header={"exp": NOW_MS + 30 * DAY_MS})
    author.feed(PublishObject(verified=profile))
    assert author.public() == [profile.raw]
    author.feed(PublishObject(verified=make_revoke(profile, by=vendor_bo)))
    assert author.stems() == []


def test_the_revoke_of_a_cast_goes_the_same_way():
    author = Relay()
    cast = make_cast()
    revoke = make_revoke(cast)
    author.feed(PublishObject(verified=cast))
    (to,) = {a.peer for a in of(SendMessage, author.actions) if isinstance(a.message, StemMessage)}
    author.receive("out", cast.raw)
    author.feed(PublishObject(verified=revoke))
    assert author.stems() == [cast.raw, revoke.raw]
    assert [
        m.raws for name in ("a", "b") if peer(name) == to for m in author.sent(name, StemMessage)
    ]
    # Until it is public the cast stays what it was, as with everybody else.
    assert prefix_of(cast.id) in author.gossip.live
    author.receive("in", revoke.raw)
    assert prefix_of(cast.id) not in author.gossip.live


def test_a_cast_taken_back_before_anybody_saw_it_is_not_published_by_us():
    author = Relay()
    cast = make_cast()
    revoke = make_revoke(cast)
    author.feed(PublishObject(verified=cast))
    author.feed(PublishObject(verified=revoke))
    author.waits()
    assert author.public() == [revoke.raw]


def test_a_stem_is_no_part_of_what_is_compared():
    relay = Relay()
    relay.hears("in", wish(1).raw)
    relay.feed(PublishObject(verified=wish(2)))
    assert len(relay.gossip.live) == 0


def test_round_trips_are_heard_by_the_stem():
    relay = Relay()
    relay.feed(RttMeasured(peer=peer("a"), rtt_ms=120))
    assert relay.gossip.stem.embargo_ms(is_own=False) == 11_390
    relay.feed(PeerLost(peer=peer("a")))
    assert relay.gossip.stem.embargo_ms(is_own=False) == 20 * 150 * 4_746 // 1_000
    assert relay.gossip.stem.private is Private.NORMAL


def test_what_is_given_up_and_gone_is_no_matter():
    relay = Relay()
    cast = wish(1)
    relay.hears("in", cast.raw)
    relay.gossip.stem.forget(prefix_of(cast.id))
    assert relay.gossip._intake._end_stem(prefix_of(cast.id), relay.now) == []
