"""The exchange of names: serve, seek, keep promises, forget in time."""

from __future__ import annotations

from protocol import limits
from protocol.channel.messages import Ids, Interest, Level, Missing, Objects, RangesQuery, Want
from protocol.network.actions import DropExpired, SetTimer, Timer
from protocol.network.events import (
    IdsReceived,
    InterestReceived,
    MissingReceived,
    PeerLost,
    PublishObject,
    RangesAsked,
    RttMeasured,
    SeekObject,
    Started,
    TimerFired,
    WantReceived,
)
from protocol.network.live import entry_of, prefix_of
from tests.parties import make_cast, make_profile
from tests.unit.protocol.network.driver import Bench, joined, later, of, peer

CAST, PROFILE = make_cast(), make_profile()
CAST_NAME, PROFILE_NAME = prefix_of(CAST.id), prefix_of(PROFILE.id)
UNKNOWN = bytes(16)


def tick(bench: Bench, timer: Timer, ms: int = 0) -> None:
    bench.now = later(ms, bench.now)
    bench.feed(TimerFired(timer=timer))


def announce(bench: Bench, who: str, *names: bytes) -> None:
    bench.feed(IdsReceived(peer=peer(who), ids=names))


def ripen(bench: Bench) -> None:
    """Let the moment pass in which a push is waited for."""
    tick(bench, Timer.PULL, limits.pull_wait_ms_min)


# --- wants ---------------------------------------------------------------------------------------


def test_announced_objects_are_asked_for_once():
    bench = Bench()
    bench.join("a", "b")
    announce(bench, "a", CAST_NAME, UNKNOWN)
    announce(bench, "b", CAST_NAME)
    assert bench.sent("a", Want) == []
    ripen(bench)
    assert [m.ids for m in bench.sent("a", Want)] == [[CAST_NAME, UNKNOWN]]
    assert bench.sent("b", Want) == []


def test_known_objects_are_not_asked_for():
    bench = Bench(held=True)
    bench.join("a")
    bench.receive("x", CAST.raw)
    announce(bench, "a", CAST_NAME)
    bench.release()
    announce(bench, "a", CAST_NAME)
    assert bench.sent("a", Want) == []
    assert bench.gossip.seen_at(CAST.id) == (1, 1)


def test_what_is_missing_at_one_is_asked_of_the_next():
    bench = Bench()
    bench.join("a", "b")
    for who in ("a", "b"):
        announce(bench, who, CAST_NAME)
    ripen(bench)
    bench.feed(MissingReceived(peer=peer("a"), ids=(CAST_NAME,)))
    assert [m.ids for m in bench.sent("b", Want)] == [[CAST_NAME]]
    assert bench.blamed("a") == []


def test_an_answer_with_bad_work_counts_as_none():
    bench = Bench()
    bench.join("a", "b")
    for who in ("a", "b"):
        announce(bench, who, CAST_NAME)
    ripen(bench)
    bench.receive("a", CAST.raw[:-10] + b"\xc0")
    assert bench.blamed("a") == ["bad_work"]
    assert [m.ids for m in bench.sent("b", Want)] == [[CAST_NAME]]


def test_announcing_and_not_serving_breaks_a_promise():
    bench = Bench()
    bench.join("teaser", "b")
    announce(bench, "teaser", CAST_NAME)
    ripen(bench)
    tick(bench, Timer.HEARTBEAT, limits.want_silence_ms_max - 1)
    assert bench.blamed("teaser") == []
    announce(bench, "b", CAST_NAME)
    tick(bench, Timer.HEARTBEAT, 1)
    assert bench.blamed("teaser") == ["stalled"]
    assert [m.ids for m in bench.sent("b", Want)] == [[CAST_NAME]]


def test_who_is_late_is_passed_over_and_thought_less_of():
    bench = Bench()
    bench.join("slow", "b")
    bench.feed(RttMeasured(peer=peer("slow"), rtt_ms=400))
    bench.feed(RttMeasured(peer=peer("stranger"), rtt_ms=400))
    for who in ("slow", "b"):
        announce(bench, who, CAST_NAME)
    ripen(bench)
    tick(bench, Timer.PULL, 599)
    assert bench.sent("b", Want) == []
    tick(bench, Timer.PULL, 1)
    assert [m.ids for m in bench.sent("b", Want)] == [[CAST_NAME]]
    assert bench.blamed("slow") == []
    view = bench.gossip.supply_view(peer("slow"), bench.now)
    assert view is not None
    assert view.penalty_ms == limits.promise_penalty_ms
    bench.receive("slow", CAST.raw)
    assert bench.stored() == [CAST.id]


def test_what_a_quiet_peer_names_is_asked_for_sooner():
    bench = Bench()
    bench.join(*(str(number) for number in range(13)))
    quiet = next(
        who for who in range(13) if [m.level for m in bench.sent(str(who), Level)][-1:] == [0]
    )
    announce(bench, str(quiet), CAST_NAME)
    tick(bench, Timer.PULL, limits.pull_quiet_ms)
    assert [m.ids for m in bench.sent(str(quiet), Want)] == [[CAST_NAME]]


def test_the_clock_of_pulls_is_wound_once():
    bench = Bench()
    bench.join("a", "b")
    announce(bench, "a", CAST_NAME)
    announce(bench, "b", CAST_NAME)
    bench.receive("a", PROFILE.raw)
    wound = [each.delay_ms for each in of(SetTimer, bench.actions) if each.timer is Timer.PULL]
    assert wound == [limits.pull_wait_ms_min]


def test_the_heart_beats_slowly_when_nothing_goes_on():
    bench = Bench()
    bench.join("a")

    def beat() -> int:
        tick(bench, Timer.HEARTBEAT, limits.heartbeat_ms)
        beats = [each for each in of(SetTimer, bench.actions) if each.timer is Timer.HEARTBEAT]
        return beats[-1].delay_ms

    assert beat() == limits.heartbeat_idle_ms
    bench.actions.clear()
    bench.receive("a", CAST.raw)
    assert [
        each.delay_ms for each in of(SetTimer, bench.actions) if each.timer is Timer.HEARTBEAT
    ] == [limits.heartbeat_ms]
    assert beat() == limits.heartbeat_ms
    bench.now = later(limits.recent_ids_ms, bench.now)
    assert beat() == limits.heartbeat_idle_ms


def test_who_leaves_owes_nothing():
    bench = Bench()
    bench.join("a", "b")
    for who in ("a", "b"):
        announce(bench, who, CAST_NAME)
    ripen(bench)
    bench.feed(PeerLost(peer=peer("a")))
    assert [m.ids for m in bench.sent("b", Want)] == [[CAST_NAME]]
    bench.feed(PeerLost(peer=peer("a")))
    assert bench.gossip.seen_at(CAST.id) == (0, 1)


# --- serving -------------------------------------------------------------------------------------


def test_wants_are_served_from_memory_disk_or_not_at_all():
    bench = Bench()
    bench.join("a")
    bench.receive("x", CAST.raw)
    bench.held = True
    bench.receive("x", PROFILE.raw)
    bench.gossip.handle(bench.waiting.pop(), bench.now)
    wanted = (CAST_NAME, PROFILE_NAME, UNKNOWN, CAST_NAME)
    bench.actions.clear()
    bench.feed(WantReceived(peer=peer("a"), ids=wanted))
    assert bench.served("a") == [CAST.id]
    assert [m.raws for m in bench.sent("a", Objects)] == [[PROFILE.raw]]
    assert [m.ids for m in bench.sent("a", Missing)] == [[UNKNOWN]]


def test_what_is_all_there_is_all_served():
    bench = Bench()
    bench.receive("x", CAST.raw)
    bench.held = True
    bench.receive("x", PROFILE.raw)
    bench.gossip.handle(bench.waiting.pop(), bench.now)
    bench.feed(WantReceived(peer=peer("a"), ids=(PROFILE_NAME,)))
    assert [m.raws for m in bench.sent("a", Objects)] == [[PROFILE.raw]]
    assert bench.served("a") == []
    assert bench.sent("a", Missing) == []


def test_what_has_expired_is_missing():
    bench = Bench()
    bench.receive("x", CAST.raw)
    bench.now = later(CAST.header.exp - bench.now.wall_ms)
    bench.feed(WantReceived(peer=peer("a"), ids=(CAST_NAME,)))
    assert bench.served("a") == []
    assert [m.ids for m in bench.sent("a", Missing)] == [[CAST_NAME]]


def test_what_is_asked_for_again_and_again_is_served_twice_and_to_a_new_link_anew():
    bench = Bench()
    bench.join("a", "b")
    bench.receive("x", CAST.raw)
    for _ in range(5):
        bench.feed(WantReceived(peer=peer("a"), ids=(CAST_NAME,)))
    assert bench.served("a") == [CAST.id] * limits.served_times_max
    assert [m.ids for m in bench.sent("a", Missing)] == [[CAST_NAME]] * 3
    bench.feed(WantReceived(peer=peer("b"), ids=(CAST_NAME,)))
    assert bench.served("b") == [CAST.id]
    bench.actions.clear()
    bench.feed(PeerLost(peer=peer("a")))
    bench.join("a")
    bench.feed(WantReceived(peer=peer("a"), ids=(CAST_NAME,)))
    assert bench.served("a") == [CAST.id]


# --- seeking -------------------------------------------------------------------------------------


def test_a_sought_object_is_asked_of_everybody_who_is_or_comes():
    bench = Bench()
    bench.join("a")
    bench.feed(SeekObject(id=CAST.id))
    bench.feed(SeekObject(id=CAST.id))
    assert [m.ids for m in bench.sent("a", Want)] == [[CAST_NAME]]
    bench.feed(MissingReceived(peer=peer("a"), ids=(CAST_NAME,)))
    bench.join("b")
    assert [m.ids for m in bench.sent("b", Want)] == [[CAST_NAME]]
    bench.receive("b", CAST.raw)
    bench.join("c")
    assert bench.sent("c", Want) == []
    bench.feed(SeekObject(id=CAST.id))
    assert bench.gossip.wanted_count == 0


def test_seeking_ends_after_a_while():
    bench = Bench()
    bench.feed(SeekObject(id=CAST.id))
    bench.now = later(limits.sought_ms_max)
    bench.join("late")
    assert bench.sent("late", Want) == []
    tick(bench, Timer.SWEEP)
    bench.feed(PeerLost(peer=peer("late")))
    bench.feed(SeekObject(id=PROFILE.id))
    bench.join("b")
    assert [m.ids for m in bench.sent("b", Want)] == [[PROFILE_NAME]]


def test_seeking_overrules_what_was_declined(monkeypatch):
    bench = Bench(objects_max=0)
    bench.join("a")
    bench.receive("a", CAST.raw)
    bench.feed(SeekObject(id=CAST.id))
    assert [m.ids for m in bench.sent("a", Want)] == [[CAST_NAME]]
    bench.feed(PeerLost(peer=peer("a")))
    monkeypatch.setattr(limits, "sought_ids_max", 1)
    bench.feed(SeekObject(id=PROFILE.id))
    bench.join("b")
    assert [m.ids for m in bench.sent("b", Want)] == [[PROFILE_NAME]]


# --- time ----------------------------------------------------------------------------------------


def test_what_the_store_held_is_held_again():
    bench = Bench(objects_max=0)
    bench.feed(Started(entries=(entry_of(CAST), entry_of(PROFILE)), records=()))
    assert len(bench.gossip.live) == 2
    bench.receive("a", CAST.raw)
    assert bench.stored() == []


def test_the_expired_are_swept_a_little_late():
    bench = Bench()
    bench.receive("x", CAST.raw)
    bench.now = later(CAST.header.exp + limits.skew_ms_max - 1 - bench.now.wall_ms)
    tick(bench, Timer.SWEEP)
    assert CAST_NAME in bench.gossip.live
    tick(bench, Timer.SWEEP, 1)
    assert CAST_NAME not in bench.gossip.live
    assert of(DropExpired, bench.actions)[-1].wall_ms == CAST.header.exp


def test_many_thanks_fit_their_messages():
    bench = Bench()
    bench.join("a")
    names = [n.to_bytes(16, "big") for n in range(limits.ids_per_message_max + 1)]
    bench.gossip._carried.thanks[peer("a")] = names
    tick(bench, Timer.HEARTBEAT)
    assert [len(m.ids) for m in bench.sent("a", Ids)] == [limits.ids_per_message_max, 1]


def test_the_dialling_timer_is_not_ours():
    bench = Bench()
    bench.actions.clear()
    tick(bench, Timer.DIAL)
    assert bench.actions == []


def test_a_peer_that_joined_again_starts_afresh():
    bench = Bench()
    bench.join("a")
    bench.receive("a", CAST.raw)
    bench.feed(PeerLost(peer=peer("a")))
    bench.feed(joined("a"))
    assert bench.gossip.first_from(peer("a")) == 0
    bench.feed(PublishObject(verified=PROFILE))
    assert [m.raws for m in bench.sent("a", Objects)] == [[PROFILE.raw]]


# --- interests -----------------------------------------------------------------------------------


def change(bench: Bench, who: str, *categories: str) -> None:
    """Have a peer want something else, and compare under it."""
    wish = Interest(categories=list(categories), cells=None)
    bench.feed(InterestReceived(peer=peer(who), interest=wish))
    bench.feed(RangesAsked(peer=peer(who), query=RangesQuery(salt=bytes(16), ranges=b"")))


def test_a_link_has_one_view_and_drives_out_no_other():
    bench = Bench()
    bench.receive("x", CAST.raw)
    for who in ("leaf", "evil", "stranger"):
        bench.feed(joined(who, outbound=False))
    change(bench, "leaf", "electronics")
    views = bench.gossip.live.holdings._views
    (kept,) = views
    for number in range(limits.views_max):
        change(bench, "evil", f"c{number}")
    assert len(views) == 2
    assert kept in views
    change(bench, "leaf", "electronics")
    assert kept in views, "the same wish again is none"
    for who in ("leaf", "evil"):
        bench.feed(PeerLost(peer=peer(who)))
    assert list(views) == []
    change(bench, "nobody", "electronics")
    assert list(views) == []


def test_a_wish_too_soon_holds_from_its_minute_on():
    bench = Bench()
    bench.feed(joined("leaf", outbound=False))
    wants = bench.gossip._carried.interests.of
    for number in range(limits.interest_burst + 2):
        change(bench, "leaf", f"c{number}")
    assert wants(peer("leaf")).interest == Interest(
        categories=[f"c{limits.interest_burst - 1}"], cells=None
    )
    tick(bench, Timer.HEARTBEAT, limits.interest_pause_ms)
    assert wants(peer("leaf")).interest == Interest(
        categories=[f"c{limits.interest_burst + 1}"], cells=None
    )
    assert bench.blamed("leaf") == []
