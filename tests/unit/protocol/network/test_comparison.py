"""The comparison of what two nodes hold: with whom, when, and what is asked for after it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from protocol import limits
from protocol.channel.messages import Ids, Interest, RangesAnswer, RangesQuery, Refused, Want
from protocol.errors import Reason
from protocol.network.actions import Timer
from protocol.network.comparison import Allowance
from protocol.network.events import IdsReceived, RangesAnswered, RangesAsked
from protocol.network.interest import Filter
from protocol.network.live import prefix_of
from protocol.network.order import END
from protocol.network.ranges import Later, Names, encode_ranges
from protocol.network.verdicts import Verdict
from protocol.now import Now
from tests.parties import make_cast, make_profile
from tests.unit.protocol.network.driver import Bench, badly_signed, peer
from tests.unit.protocol.network.pair import EXP, Node, Pair, Thing, things

CAST, PROFILE = make_cast(), make_profile()
CAST_NAME = prefix_of(CAST.id)
SALT = bytes(16)
NOTHING = b""


def asked(node: Node) -> list[RangesQuery]:
    return [each.message for each in node.said if isinstance(each.message, RangesQuery)]


def asked_of(node: Node) -> list[bytes]:
    return [each.peer for each in node.said if isinstance(each.message, RangesQuery)]


def answer_last(node: Node, who: str, ranges: bytes = NOTHING) -> None:
    node.hear(peer(who), RangesAnswer(request=asked(node)[-1].request, ranges=ranges))


@pytest.fixture
def talkative(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody find a silence that is long."""
    monkeypatch.setattr(limits, "silence_ms", 1 << 40)


# --- the outcome ---------------------------------------------------------------------------------


def test_what_a_dialled_peer_holds_is_wanted():
    bench = Bench()
    bench.join("a")
    (query,) = bench.sent("a", RangesQuery)
    named = encode_ranges([Names(upper=END, names=(CAST_NAME,))])
    answer = RangesAnswer(request=query.request, ranges=named)
    bench.feed(RangesAnswered(peer=peer("a"), answer=answer))
    assert [m.ids for m in bench.sent("a", Want)] == [[CAST_NAME]]
    bench.feed(RangesAnswered(peer=peer("a"), answer=answer))
    assert len(bench.sent("a", Want)) == 1, "an answer to no question is let go"


def test_who_finds_a_difference_asks_in_turn_but_not_for_ever(talkative):
    node = Node("one", things(3))
    node.join("two", outbound=False)
    same = RangesQuery(salt=SALT, ranges=NOTHING)
    other = RangesQuery(salt=SALT, ranges=encode_ranges([Names(upper=END, names=())]))
    node.hear(peer("two"), same)
    node.fire(Timer.HEARTBEAT, limits.comparison_turn_ms)
    assert asked(node) == [], "nothing differs"
    node.hear(peer("two"), other)
    node.hear(peer("stranger"), other)
    assert node.timer_ms == node.now.mono_ms + limits.comparison_turn_ms
    node.fire(Timer.HEARTBEAT, 1_000)
    node.hear(peer("two"), other)
    node.fire(Timer.HEARTBEAT, limits.comparison_turn_ms - 1)
    assert asked(node) == [], "it has not finished"
    node.fire(Timer.HEARTBEAT, 1)
    node.hear(peer("two"), other)
    assert len(asked(node)) == 1
    assert asked_of(node) == [peer("two")]
    answer_last(node, "two")
    for _ in range(10):
        node.hear(peer("two"), other)
        node.fire(Timer.HEARTBEAT, limits.comparison_turn_ms)
    assert len(asked(node)) == 1
    node.fire(Timer.HEARTBEAT, limits.comparison_again_ms)
    node.hear(peer("two"), other)
    node.fire(Timer.HEARTBEAT, limits.comparison_turn_ms)
    assert len(asked(node)) == 2
    node.lose("two")
    assert node.comparison._asked_ms == {}


def test_a_question_is_answered_from_what_is_held():
    bench = Bench()
    bench.join("a")
    bench.receive("x", CAST.raw)
    query = RangesQuery(request=9, salt=SALT, ranges=encode_ranges([Names(upper=END, names=())]))
    bench.feed(RangesAsked(peer=peer("a"), query=query))
    (answer,) = bench.sent("a", RangesAnswer)
    named = encode_ranges([Names(upper=END, names=(CAST_NAME,))])
    assert (answer.request, answer.ranges) == (9, named)


def test_forged_twins_of_what_is_held_are_not_named():
    bench = Bench()
    bench.join("a", "evil")
    bench.receive("evil", CAST.raw)
    for salt in range(1, 5):
        bench.receive("evil", badly_signed(CAST, salt))
    query = RangesQuery(request=9, salt=SALT, ranges=encode_ranges([Names(upper=END, names=())]))
    bench.feed(RangesAsked(peer=peer("a"), query=query))
    named = encode_ranges([Names(upper=END, names=(CAST_NAME,))])
    assert [each.ranges for each in bench.sent("a", RangesAnswer)] == [named]


def test_what_was_refused_by_policy_alone_counts_as_held():
    bench = Bench(objects_max=0)
    bench.join("a")
    bench.receive("a", CAST.raw)
    query = RangesQuery(request=9, salt=SALT, ranges=encode_ranges([Names(upper=END, names=())]))
    bench.feed(RangesAsked(peer=peer("a"), query=query))
    assert bench.sent("a", RangesAnswer)[0].ranges.endswith(CAST_NAME)
    bench.feed(IdsReceived(peer=peer("a"), ids=(CAST_NAME,)))
    assert bench.gossip.wanted_count == 0


def test_what_expires_is_compared_no_more():
    node = Node("one", [Thing(5, b"a" * 16), Thing(6, b"b" * 16, EXP + 1)])
    node.decline(Thing(7, b"c" * 16))
    node.join("two", outbound=False)
    node.fire(Timer.HEARTBEAT, EXP - node.now.wall_ms)
    ask = RangesQuery(salt=SALT, ranges=encode_ranges([Names(upper=END, names=())]))
    node.hear(peer("two"), ask)
    answer = node.said[-1].message
    assert isinstance(answer, RangesAnswer)
    assert answer.ranges == encode_ranges([Names(upper=END, names=(b"b" * 16,))])


# --- with whom, and when -------------------------------------------------------------------------


def test_who_was_dialled_by_the_peer_waits_for_its_question():
    node = Node("one")
    node.join("two", outbound=False)
    assert asked(node) == []


def test_both_come_to_hold_the_same():
    common = things(300)
    mine, theirs = things(40, salt=1), things(50, salt=2)
    pair = Pair(Node("one", common + mine), Node("two", common + theirs))
    pair.link()
    pair.run(5)
    assert pair.one.held == pair.other.held
    assert len(pair.one.held) == 390


def test_when_nothing_comes_over_any_link_somebody_is_asked_early_and_ever_more_seldom():
    node = Node("one")
    node.join("two", outbound=False)
    waits: list[int] = []
    before = node.now.mono_ms
    while len(waits) < 3:
        node.fire(Timer.HEARTBEAT, 1_000)
        if len(asked(node)) > len(waits):
            answer_last(node, "two")
            waits.append(node.now.mono_ms - before)
            before = node.now.mono_ms
    assert waits == [limits.silence_ms, 2 * limits.silence_ms, 4 * limits.silence_ms]
    node.carried.verdicts.note(Verdict.DUPLICATE)
    node.fire(Timer.HEARTBEAT, 1_000)
    node.fire(Timer.HEARTBEAT, limits.silence_ms - 1)
    assert len(asked(node)) == 3
    node.fire(Timer.HEARTBEAT, 1)
    assert len(asked(node)) == 4


def test_somebody_is_compared_with_from_time_to_time(talkative):
    node = Node("one")
    node.join("two", outbound=False)
    waits, before = [], node.now.mono_ms
    while len(asked(node)) < 20:
        assert node.timer_ms is not None
        said = node.fire(Timer.CATCH_UP, max(0, node.timer_ms - node.now.mono_ms))
        if said:
            answer_last(node, "two")
            waits.append(node.now.mono_ms - before)
            before = node.now.mono_ms
    assert all(abs(wait - limits.catch_up_ms) <= limits.catch_up_ms // 5 for wait in waits)
    assert len(set(waits)) > 10
    assert len({query.salt for query in asked(node)}) == 20


def test_without_peers_nothing_is_compared():
    node = Node("one")
    assert node.fire(Timer.CATCH_UP, limits.catch_up_ms * 2) == []


def test_every_third_is_of_another_address_group():
    node = Node("one")
    for name in "abcdefgh":
        node.join(name, outbound=False, host="192.0.2.7")
    node.join("far", outbound=False, host="198.51.100.1")
    for _ in range(30):
        node.fire(Timer.CATCH_UP, limits.catch_up_ms * 2)
        who = next(name for name in [*"abcdefgh", "far"] if peer(name) == asked_of(node)[-1])
        answer_last(node, who)
    chosen = asked_of(node)
    groups = [who == peer("far") for who in chosen]
    assert all(groups[n] != groups[n - 1] for n in range(2, 30, 3))


def test_other_timers_compare_with_nobody():
    node = Node("one")
    node.join("two", outbound=False)
    assert node.fire(Timer.SWEEP, limits.catch_up_ms * 2) == []
    assert node.fire(Timer.DIAL) == []


def test_after_a_sleep_some_are_compared_with_at_once():
    node = Node("one")
    for name in "abcd":
        node.join(name, outbound=False)
    node.comparison._dialled.update((peer("a"), peer("b"), peer("c")))
    node.fire(Timer.HEARTBEAT, 10_000)
    assert asked(node) == []
    node.now = Now(
        wall_ms=node.now.wall_ms + limits.comparison_gap_ms + 1_000,
        mono_ms=node.now.mono_ms + 1_000,
    )
    node.fire(Timer.HEARTBEAT)
    assert len(set(asked_of(node))) == limits.comparisons_open_max


def test_a_machine_that_never_started_does_not_guess_how_long_it_slept():
    node = Node("one")
    node.comparison._awake = None
    node.comparison._next_ms = 0
    node.join("two", outbound=False)
    node.fire(Timer.HEARTBEAT)
    assert len(asked(node)) == 1, "nor when it last compared"


# --- bounds --------------------------------------------------------------------------------------


def test_some_are_under_way_and_the_others_wait():
    node = Node("one")
    for name in "abcde":
        node.join(name)
    assert asked_of(node) == [peer("a"), peer("b"), peer("c")]
    node.hear(peer("b"), RangesAnswer(request=asked(node)[1].request, ranges=NOTHING))
    assert asked_of(node)[3:] == [peer("d")]
    node.lose("a")
    node.fire(Timer.HEARTBEAT, 1_000)
    assert asked_of(node)[4:] == [peer("e")]


def test_the_timer_is_set_to_what_comes_next_and_not_to_what_waits_for_room():
    node = Node("one")
    for name in "abcd":
        node.join(name)
    patience_ms = limits.rtt_unknown_ms * limits.ranges_answer_rtts
    assert node.timer_ms == node.now.mono_ms + patience_ms
    node.fire(Timer.CATCH_UP, patience_ms)
    assert asked_of(node)[3:] == [peer("d")], "the late ones make room"


@pytest.mark.parametrize(
    ("rtt_ms", "patience_ms"),
    [
        (1, limits.ranges_answer_ms_min),
        (300, 300 * limits.ranges_answer_rtts),
        (9_000, limits.ranges_answer_ms_max),
    ],
)
def test_an_answer_may_take_some_round_trips(rtt_ms: int, patience_ms: int):
    node = Node("one")
    node.carried.rtts[peer("two")] = rtt_ms
    node.join("two")
    assert node.timer_ms == node.now.mono_ms + patience_ms


def test_silent_askers_leave_a_place_for_who_was_dialled(talkative):
    node = Node("one", things(3))
    strangers = [f"stranger{number}" for number in range(20)]
    other = RangesQuery(salt=SALT, ranges=encode_ranges([Names(upper=END, names=())]))
    for name in strangers:
        node.join(name, outbound=False)
        node.hear(peer(name), other)
    node.fire(Timer.HEARTBEAT, limits.comparison_turn_ms)
    assert len(asked(node)) == 1, "one of those that asked"
    for name in strangers[1:]:
        node.comparison._begin(peer(name), node.now)
    node.fire(Timer.HEARTBEAT)
    assert len(asked(node)) == limits.comparisons_open_max - 1
    node.join("dialled")
    assert asked_of(node)[-1] == peer("dialled")
    node.join("another")
    assert asked_of(node)[-1] == peer("dialled"), "all are taken"
    node.lose("dialled")
    node.fire(Timer.HEARTBEAT)
    assert asked_of(node)[-1] == peer("another")
    assert node.comparison._dialled == {peer("another")}


def test_a_peer_that_does_not_answer_is_given_up(talkative):
    node = Node("one")
    node.join("mute")
    for _ in range(10):
        node.fire(Timer.HEARTBEAT, limits.ranges_answer_ms_max)
    assert len(asked(node)) == limits.ranges_idle_max
    assert node.blamed == []


def test_a_refusal_ends_a_stretch():
    node = Node("one")
    node.join("two")
    node.hear(peer("two"), Refused(request=asked(node)[0].request + 1, reason=Reason.OVER_BUDGET))
    node.hear(peer("nobody"), Refused(request=asked(node)[0].request, reason=Reason.OVER_BUDGET))
    assert len(asked(node)) == 1
    node.hear(peer("two"), Refused(request=asked(node)[0].request, reason=Reason.OVER_BUDGET))
    assert node.fire(Timer.HEARTBEAT, limits.ranges_pause_ms - 1) == []
    node.fire(Timer.HEARTBEAT, 1)
    assert len(asked(node)) == 2
    node.hear(peer("two"), Refused(request=asked(node)[1].request, reason=Reason.OVER_BUDGET))
    node.fire(Timer.HEARTBEAT, limits.ranges_pause_ms)
    assert len(asked(node)) == 2


def test_bytes_that_are_no_ranges_are_the_senders_fault():
    node = Node("one")
    node.join("two")
    node.hear(peer("two"), RangesQuery(salt=SALT, ranges=b"\xff"))
    node.hear(peer("two"), RangesQuery(salt=SALT, ranges=encode_ranges([Later()])))
    answer_last(node, "two", b"\xff")
    assert node.blamed == ["bad_shape"] * 3
    node.fire(Timer.HEARTBEAT, limits.ranges_pause_ms)
    assert len(asked(node)) == 1, "nothing more is asked of it"


def test_a_peer_may_cause_so_much_work():
    node = Node("one", things(50))
    node.join("greedy", outbound=False)
    ask = RangesQuery(salt=SALT, ranges=encode_ranges([Names(upper=END, names=())]))
    node.comparison._allowance(peer("greedy"), node.now).spend(limits.ranges_work_max - 1)
    node.hear(peer("greedy"), ask)
    node.hear(peer("greedy"), ask)
    node.hear(peer("modest"), ask)
    kinds = [type(each.message) for each in node.said]
    assert kinds == [RangesAnswer, Refused, RangesAnswer]
    refused = node.said[1].message
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.OVER_BUDGET
    node.now = Now(wall_ms=node.now.wall_ms, mono_ms=node.now.mono_ms + 1_000)
    node.hear(peer("greedy"), ask)
    assert isinstance(node.said[-1].message, RangesAnswer)
    assert peer("modest") not in node.comparison._allowances, "nothing is kept of who is not linked"
    node.lose("greedy")
    assert node.comparison._allowances == {}


def test_all_who_dialled_us_may_cause_so_much_work_together():
    node = Node("one", things(50))
    for name in ("a", "b", "stranger"):
        node.join(name, outbound=False)
    node.join("chosen")
    node.said.clear()
    ask = RangesQuery(salt=SALT, ranges=encode_ranges([Names(upper=END, names=())]))
    node.comparison._pool(peer("a"), node.now).spend(limits.ranges_work_all_max - 1)
    for name in ("a", "b", "stranger", "chosen"):
        node.hear(peer(name), ask)
    kinds = [type(each.message) for each in node.said]
    assert kinds == [RangesAnswer, Refused, Refused, RangesAnswer]
    node.now = Now(wall_ms=node.now.wall_ms, mono_ms=node.now.mono_ms + 1_000)
    node.hear(peer("b"), ask)
    assert isinstance(node.said[-1].message, RangesAnswer)


def test_an_allowance_grows_to_its_bound():
    allowance = Allowance(0)
    allowance.spend(limits.ranges_work_max)
    assert allowance.is_spent(0)
    assert not allowance.is_spent(1)
    assert not allowance.is_spent(10_000_000)
    allowance.spend(limits.ranges_work_max)
    assert allowance.is_spent(10_000_000)


def test_a_comparison_waits_while_its_peer_has_no_allowance_left():
    node = Node("one")
    node.carried.peers[peer("two")] = "192.0.2.7"
    node.comparison._allowance(peer("two"), node.now).spend(limits.ranges_work_max)
    node.join("two")
    assert asked(node) == []
    node.fire(Timer.HEARTBEAT, limits.ranges_pause_ms)
    assert len(asked(node)) == 1


def test_a_comparison_waits_for_what_is_owed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "comparison_backlog_max", 1_000)
    pair = Pair(Node("one"), Node("two", things(5_000)))
    pair.link()
    first = len(asked(pair.one))
    pair.one.fire(Timer.HEARTBEAT, limits.ranges_pause_ms)
    pair.settle()
    assert len(asked(pair.one)) == first, "nothing was served"
    pair.run(60)
    assert pair.one.held == pair.other.held


def test_an_empty_node_catches_up_with_much():
    pair = Pair(Node("one"), Node("two", things(30_000)))
    pair.link()
    pair.run(60)
    assert pair.one.held == pair.other.held
    assert pair.count.bytes < 30_000 * 17


# --- leaves --------------------------------------------------------------------------------------

CAMERAS = Interest(categories=["cameras"], cells=None)


def mixed(count: int) -> list[Thing]:
    """Objects of two categories in turn."""
    return [
        replace(each, category=("cameras", "boats")[n % 2]) for n, each in enumerate(things(count))
    ]


def leaf_and_relay(on_leaf: list[Thing], on_relay: list[Thing]) -> Pair:
    leaf, relay = Node("leaf", on_leaf), Node("relay", on_relay)
    leaf.carried.interests.own = Filter(CAMERAS)
    relay.carried.interests.put(leaf.id, CAMERAS)
    return Pair(leaf, relay)


def test_with_a_leaf_only_what_it_wants_is_compared():
    everything = mixed(400)
    pair = leaf_and_relay(everything[40:60], everything)
    pair.one.decline(everything[0])
    pair.link()
    pair.run(5)
    boats = {each.name for each in everything[41:60:2]}
    assert pair.one.compared == {each.name for each in everything[::2]} | boats
    assert everything[0].name not in pair.one.held


def test_a_leaf_names_what_it_brought_in_and_does_not_want():
    own = [
        Thing(5, b"a" * 16, category="boats", exempt=True),
        Thing(6, b"b" * 16, category="cameras", exempt=True),
        Thing(7, b"c" * 16, category="boats"),
    ]
    pair = leaf_and_relay(own, mixed(50))
    pair.one.decline(Thing(8, b"d" * 16))
    pair.link()
    assert [each.message.ids for each in pair.one.said if isinstance(each.message, Ids)] == [
        [b"a" * 16],
    ]
    pair.run(5)
    assert pair.other.held >= {b"a" * 16, b"b" * 16}
    told = len(pair.one.said)
    pair.one.join("third")
    assert [type(each.message) for each in pair.one.said[told:]] == [RangesQuery], "one is enough"


def test_who_changes_its_mind_compares_anew():
    everything = mixed(60)
    pair = leaf_and_relay([], everything)
    pair.link()
    pair.run(5)
    pair.one.carried.interests.own = Filter(None)
    pair.other.carried.interests.put(pair.one.id, None)
    pair.one.note(pair.one.comparison.anew(pair.one.now))
    pair.run(5)
    assert pair.one.held == pair.other.held


def test_an_answer_waits_for_its_view(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "view_slice_max", 100)
    pair = leaf_and_relay([], mixed(150))
    pair.link()
    assert [type(each.message) for each in pair.other.said] == [Refused]
    pair.run(5)
    assert pair.one.held == {each.name for each in mixed(150)[::2]}


def test_a_comparison_pauses_where_its_own_view_is_not_made(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "view_slice_max", 100)
    node = Node("one", mixed(150))
    node.carried.interests.own = Filter(CAMERAS)
    node.join("two")
    assert asked(node) == []
    node.fire(Timer.HEARTBEAT, limits.ranges_pause_ms)
    assert len(asked(node)) == 1
    monkeypatch.setattr(node.comparison, "_order", lambda _peer, _now: None)
    answer_last(node, "two")
    node.fire(Timer.HEARTBEAT, limits.ranges_pause_ms)
    assert len(asked(node)) == 1


def test_making_a_view_is_charged_and_goes_on_by_the_timer(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "view_slice_max", 100)
    node = Node("relay", mixed(450))
    node.join("leaf", outbound=False)
    node.carried.interests.put(peer("leaf"), CAMERAS)
    ask = RangesQuery(salt=SALT, ranges=encode_ranges([Names(upper=END, names=())]))
    node.hear(peer("leaf"), ask)
    allowance = node.comparison._allowances[peer("leaf")]
    assert allowance._left == limits.ranges_work_max - 450 * limits.view_look_work
    assert node.timer_ms == node.now.mono_ms + limits.view_pause_ms
    node.hear(peer("leaf"), ask)
    assert [type(each.message) for each in node.said] == [Refused] * 2
    for _ in range(4):
        node.fire(Timer.CATCH_UP, limits.view_pause_ms)
    node.hear(peer("leaf"), ask)
    assert isinstance(node.said[-1].message, RangesAnswer)
    node.comparison._allowance(peer("leaf"), node.now).spend(10**12)
    node.carried.interests.put(peer("leaf"), Interest(categories=["boats"], cells=None))
    before = len(node.carried.live.holdings._views)
    node.hear(peer("leaf"), ask)
    assert len(node.carried.live.holdings._views) == before, "nothing is made for who spent all"
