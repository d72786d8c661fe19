"""The way on: pushes, batches of names, levels, and news for the quiet."""

from __future__ import annotations

from typing import Any

from protocol import limits
from protocol.channel.messages import Ids, Level, LevelGiven, Objects
from protocol.network.actions import SendMessage, SetTimer, Timer
from protocol.network.events import (
    IdsReceived,
    LevelAsked,
    LevelReceived,
    PeerLost,
    PublishObject,
    TimerFired,
)
from protocol.network.flow import Flow
from protocol.network.live import prefix_of
from tests.parties import make_cast
from tests.unit.protocol.network.driver import Bench, Street, later, of, peer

CASTS = [make_cast(nonce=bytes([n] * 16)) for n in range(4)]
NAMES = [prefix_of(each.id) for each in CASTS]


def asks(bench: Bench, who: str, flow: Flow) -> None:
    bench.feed(LevelAsked(peer=peer(who), flow=flow))


def tick(bench: Bench, timer: Timer, ms: int = 0) -> list[Any]:
    bench.now = later(ms, bench.now)
    return bench.feed(TimerFired(timer=timer))


def levels_asked(bench: Bench) -> list[tuple[bytes, int]]:
    return [
        (action.peer, action.message.level)
        for action in of(SendMessage, bench.actions)
        if isinstance(action.message, Level)
    ]


def pushed(bench: Bench, who: str) -> list[bytes]:
    return [raw for message in bench.sent(who, Objects) for raw in message.raws]


def named(bench: Bench, who: str) -> list[bytes]:
    return [each for message in bench.sent(who, Ids) for each in message.ids]


def test_each_peer_gets_what_it_asked_for():
    bench = Bench()
    bench.join("x", "push", "ids", "quiet")
    asks(bench, "ids", Flow.IDS)
    asks(bench, "quiet", Flow.QUIET)
    bench.receive("x", CASTS[0].raw)
    bench.receive("x", CASTS[1].raw)
    assert pushed(bench, "push") == [CASTS[0].raw, CASTS[1].raw]
    assert pushed(bench, "ids") == pushed(bench, "quiet") == pushed(bench, "x") == []
    assert named(bench, "ids") == []
    tick(bench, Timer.BATCH)
    assert named(bench, "ids") == NAMES[:2]
    assert named(bench, "quiet") == []
    assert bench.gossip.flow_to(peer("ids")) is Flow.IDS


def test_the_quiet_hear_at_once_of_what_begins_here():
    bench = Bench()
    bench.join("quiet")
    asks(bench, "quiet", Flow.QUIET)
    bench.feed(PublishObject(verified=CASTS[0]))
    assert pushed(bench, "quiet") == []
    tick(bench, Timer.BATCH)
    assert named(bench, "quiet") == NAMES[:1]


def test_who_pushes_to_us_hears_what_it_need_not_push():
    bench = Bench()
    bench.join("x", "slow", "asks")
    asks(bench, "slow", Flow.QUIET)
    for who in ("x", "slow", "asks"):
        bench.receive(who, CASTS[0].raw)
    tick(bench, Timer.BATCH)
    assert named(bench, "slow") == []
    bench.receive("x", CASTS[1].raw)
    tick(bench, Timer.BATCH, limits.batch_ms_max)
    assert named(bench, "slow") == NAMES[1:2]
    # Pushed to, and so told already.
    assert named(bench, "asks") == []
    assert pushed(bench, "asks") == [CASTS[0].raw, CASTS[1].raw]


def test_whom_this_node_chose_is_asked_before_those_who_came():
    guests = tuple(f"guest{number}" for number in range(3 + limits.ids_links))
    bench = Bench(around=Street(guests=guests))
    bench.join(*guests, "chosen")
    assert (peer("chosen"), Flow.PUSH) in levels_asked(bench)
    quiet = [who for who, level in levels_asked(bench) if level == Flow.QUIET]
    assert len(quiet) == 1
    assert quiet[0] != peer("chosen")


def test_who_named_an_object_is_not_pushed_it():
    bench = Bench()
    bench.join("x", "namer")
    bench.feed(IdsReceived(peer=peer("namer"), ids=(NAMES[0],)))
    bench.receive("x", CASTS[0].raw)
    assert pushed(bench, "namer") == []


def test_one_clock_is_wound_for_a_batch():
    bench = Bench()
    bench.join("x", "ids")
    asks(bench, "ids", Flow.IDS)
    bench.receive("x", CASTS[0].raw)
    bench.receive("x", CASTS[1].raw)
    batches = [each for each in of(SetTimer, bench.actions) if each.timer is Timer.BATCH]
    assert len(batches) == 1
    assert limits.batch_ms_min <= batches[0].delay_ms <= limits.batch_ms_max


def test_the_quiet_hear_the_news_with_a_heartbeat():
    bench = Bench()
    bench.join("x", "quiet", "leaver")
    for who in ("quiet", "leaver"):
        asks(bench, who, Flow.QUIET)
    bench.feed(PeerLost(peer=peer("leaver")))
    bench.receive("x", CASTS[0].raw)
    bench.receive("quiet", CASTS[1].raw)
    for _ in range(limits.quiet_beats):
        tick(bench, Timer.HEARTBEAT, limits.heartbeat_ms)
    # It is thanked for the one it brought, and hears of the other.
    assert sorted(named(bench, "quiet")) == sorted(NAMES[:2])
    for _ in range(limits.quiet_beats):
        tick(bench, Timer.HEARTBEAT, limits.heartbeat_ms)
    assert len(named(bench, "quiet")) == 2
    assert named(bench, "leaver") == []


def test_old_news_is_none():
    bench = Bench()
    bench.join("x", "quiet")
    asks(bench, "quiet", Flow.QUIET)
    bench.receive("x", CASTS[0].raw)
    tick(bench, Timer.HEARTBEAT, limits.recent_ids_ms)
    assert named(bench, "quiet") == []


def test_levels_are_asked_for_when_links_come_and_go():
    bench = Bench()
    bench.join(*(str(number) for number in range(14)))
    flows = {who: [message.level for message in bench.sent(str(who), Level)] for who in range(14)}
    last = [levels[-1] for levels in flows.values() if levels]
    assert sorted(last) == [0] * 2 + [1] * 9 + [2] * 3
    pusher = next(who for who, levels in flows.items() if levels[-1] == 2)
    bench.actions.clear()
    bench.feed(PeerLost(peer=peer(str(pusher))))
    assert sorted(level for _, level in levels_asked(bench)) == [1, 2]


def test_a_refusal_moves_the_wish_to_the_next():
    bench = Bench()
    names = [str(number) for number in range(6)]
    bench.join(*names)
    pushers = [who for who in names if bench.sent(who, Level)[-1].level == 2]
    bench.actions.clear()
    bench.feed(LevelReceived(peer=peer(pushers[0]), flow=Flow.IDS))
    [(who, level)] = levels_asked(bench)
    assert level == 2
    assert who not in {peer(each) for each in pushers}


def test_who_asks_beyond_the_slots_hears_what_it_gets():
    bench = Bench()
    count = limits.push_slots + 1
    bench.join(*(str(number) for number in range(count)))
    asks(bench, str(count - 1), Flow.PUSH)
    assert [m.level for m in bench.sent(str(count - 1), LevelGiven)] == [1]
    asks(bench, str(count - 1), Flow.IDS)
    assert len(bench.sent(str(count - 1), LevelGiven)) == 1


def test_slots_that_are_lost_are_told():
    bench = Bench(uplink_bps=1)
    bench.join("x", *(str(number) for number in range(12)))
    for place in range(4):
        bench.receive("x", CASTS[place].raw)
        tick(bench, Timer.HEARTBEAT, limits.heartbeat_ms)
    told = [who for who in range(12) if bench.sent(str(who), LevelGiven)]
    assert len(told) == 13 - limits.push_slots_min
    assert bench.gossip.flow_to(peer("x")) is Flow.PUSH


def test_peers_that_get_the_same_get_one_record_of_it():
    bench = Bench()
    bench.join("x", "a", "b")
    bench.receive("x", CASTS[0].raw)
    [one], [two] = bench.sent("a", Objects), bench.sent("b", Objects)
    assert one is two


def test_objects_of_one_event_may_go_different_ways():
    bench = Bench()
    bench.join("a", "b", "c")
    for number, who in enumerate(("a", "b")):
        bench.receive(who, CASTS[number].raw)
    pushes = bench.gossip._spread.begin(bench.now)
    for number in range(2):
        pushes.add(NAMES[number], CASTS[number].raw)
    pushes.add(NAMES[3], CASTS[3].raw)
    sent = {action.peer: action.message for action in pushes.actions()}
    assert sent == {
        peer("a"): Objects(raws=[CASTS[1].raw]),
        peer("b"): Objects(raws=[CASTS[0].raw]),
        peer("c"): Objects(raws=[CASTS[0].raw, CASTS[1].raw]),
    }, "and what is not held goes nowhere"
