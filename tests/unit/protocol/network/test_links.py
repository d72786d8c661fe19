"""Links: who is welcome, what is believed, whom we dial, when somebody has to go."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from protocol import limits
from protocol.channel.messages import (
    Hello,
    Interest,
    RecordsAnswer,
    RecordsQuery,
    Refused,
    WhoIs,
    WhoIsAnswer,
)
from protocol.encoding import encode
from protocol.errors import Reason, RemoteProtocolError
from protocol.ids import PeerId, blake2b_256
from protocol.network.actions import (
    ClosePeer,
    DialPeer,
    SaveReached,
    SaveRecord,
    SetTimer,
    Timer,
)
from protocol.network.addresses import Role
from protocol.network.events import (
    AlreadyLinked,
    DialFailed,
    DialOutcome,
    NodeAsked,
    PeerFaulted,
    PeerLost,
    PeersKept,
    RecordFound,
    RecordsAnswered,
    RecordsAsked,
    RecordSigned,
    Started,
    TimerFired,
)
from protocol.network.standing import Standing
from protocol.now import Now
from tests.unit.protocol.network.desk import Desk, key, messages
from tests.unit.protocol.network.driver import NOW, joined, later, of, peer, record_of

WALL = NOW.wall_ms


# --- hello ---------------------------------------------------------------------------------------


def hello(raw: bytes) -> Hello:
    return Hello(versions=[1], record=raw, clock_ms=WALL)


def test_a_peer_is_known_by_its_own_record():
    links = Desk().links
    record = record_of("a")
    assert links.check_hello(hello(record.raw), key("a"), NOW) == record
    with pytest.raises(RemoteProtocolError) as caught:
        links.check_hello(hello(record.raw), key("b"), NOW)
    assert caught.value.reason is Reason.MISMATCH


def test_an_old_record_is_no_reason_to_refuse_its_author():
    desk = Desk()
    old = WALL - 2 * limits.node_record_age_ms_max
    assert desk.links.check_hello(hello(record_of("a", at=old).raw), key("a"), NOW).at == old
    desk.feed(joined("a", at=old))
    assert len(desk.links.book) == 0
    assert list(desk.links.peers) == [peer("a")]
    assert of(SaveRecord, desk.actions) == []


@pytest.mark.parametrize("raw", [b"x", encode([b"x", bytes(64)])])
def test_a_hello_without_a_record_is_refused(raw: bytes):
    with pytest.raises(RemoteProtocolError):
        Desk().links.check_hello(hello(raw), key("a"), NOW)


def test_an_interest_that_is_none_is_refused():
    desk = Desk()
    first = hello(record_of("a").raw)
    good, bad = (Interest(categories=[path], cells=None) for path in ("a/b", "No Path"))
    desk.links.check_hello(msgspec.structs.replace(first, interest=good), key("a"), NOW)
    with pytest.raises(RemoteProtocolError) as caught:
        desk.links.check_hello(msgspec.structs.replace(first, interest=bad), key("a"), NOW)
    assert caught.value.reason is Reason.BAD_SHAPE


def test_a_peer_with_too_many_faults_goes_and_is_refused():
    desk = Desk()
    desk.feed(joined("a"))
    fault = PeerFaulted(peer=peer("a"), reason=Reason.BAD_SHAPE, points=20)
    gone = ClosePeer(peer=peer("a"), reason=Reason.BAD_SHAPE)
    assert [desk.feed(fault) for _ in range(5)] == [[], [], [gone], [gone], [gone]]
    desk.feed(PeerLost(peer=peer("a")))
    assert desk.links.fault_points(peer("a"), NOW) == 100
    assert desk.links.standing(peer("a"), NOW) is Standing.BANNED
    with pytest.raises(RemoteProtocolError) as caught:
        desk.links.check_hello(hello(record_of("a").raw), key("a"), NOW)
    assert caught.value.reason is Reason.POLICY
    assert desk.feed(fault) == [], "it has gone already"
    desk.links.check_hello(hello(record_of("a").raw), key("a"), later(limits.ban_ms))


def test_who_has_many_faults_comes_back_when_they_have_faded():
    desk = Desk()
    desk.feed(PeerFaulted(peer=peer("a"), reason=Reason.BAD_SHAPE, points=60))
    with pytest.raises(RemoteProtocolError) as caught:
        desk.links.check_hello(hello(record_of("a").raw), key("a"), NOW)
    assert caught.value.reason is Reason.POLICY
    assert not desk.links.may_push(peer("a"), NOW.mono_ms)
    soon = later(limits.fault_half_life_ms // 2)
    desk.links.check_hello(hello(record_of("a").raw), key("a"), soon)
    assert not desk.links.may_push(peer("a"), soon.mono_ms)
    assert desk.links.may_push(peer("a"), later(2 * limits.fault_half_life_ms).mono_ms)


@pytest.mark.parametrize("points", [50, 100])
def test_an_unwelcome_relay_is_not_dialled(points: int):
    desk = Desk()
    desk.feed(PeerFaulted(peer=peer("a"), reason=Reason.BAD_SHAPE, points=points))
    done = desk.feed(RecordFound(peer=peer("b"), raw=record_of("a").raw))
    assert of(SaveRecord, done) != []
    assert of(DialPeer, desk.feed(TimerFired(timer=Timer.DIAL))) == []


# --- peers ---------------------------------------------------------------------------------------


def test_a_new_peer_is_asked_for_records_and_noted_as_proven():
    desk = Desk()
    done = desk.feed(joined("a", outbound=False))
    (saved,) = of(SaveRecord, done)
    assert (saved.record, saved.is_proven) == (record_of("a"), True)
    (query,) = messages(done)
    assert query.count == limits.records_per_answer_max
    link = desk.links.peers[peer("a")]
    assert (link.outbound, link.agent, link.since_ms) == (False, "a test", NOW.mono_ms)
    desk.feed(PeerLost(peer=peer("a")))
    desk.feed(PeerLost(peer=peer("a")))
    assert desk.links.peers == {}


def test_clocks_are_compared_when_three_are_linked():
    desk = Desk()
    for number, offset in enumerate((-5_000, 90_000, 1_000)):
        assert desk.links.clock_offset_ms(NOW) is None
        event = joined(f"p{number}", clock_ms=WALL + offset)
        desk.feed(replace(event, address=f"9.{number}.0.1"))
    assert desk.links.clock_offset_ms(NOW) == 1_000
    # Time that passes changes nothing; a wall clock that is set shows at once.
    passed = Now(wall_ms=NOW.wall_ms + 60_000, mono_ms=NOW.mono_ms + 60_000)
    assert desk.links.clock_offset_ms(passed) == 1_000
    back = Now(wall_ms=passed.wall_ms - 3_600_000, mono_ms=passed.mono_ms)
    assert desk.links.clock_offset_ms(back) == 3_601_000


def test_who_came_by_itself_or_for_a_tunnel_has_no_vote_on_the_time():
    desk = Desk(outbound_max=10)
    for number in range(3):
        desk.feed(replace(joined(f"p{number}"), address=f"9.{number}.0.1"))
    for number in range(20):
        liar = joined(f"liar{number}", outbound=number % 2 == 0, clock_ms=WALL + 3_600_000)
        desk.feed(replace(liar, asked=liar.outbound, address=f"7.{number}.0.1"))
    assert desk.links.clock_offsets_ms(NOW) == [0, 0, 0]


def test_one_address_group_has_one_vote_on_the_time():
    desk = Desk(outbound_max=10)
    for number in range(3):
        late = joined(f"p{number}", clock_ms=WALL + 1_000 * number)
        desk.feed(replace(late, kept=True, address=f"9.9.{number}.1"))
    assert desk.links.clock_offsets_ms(NOW) == [0], "of whoever has been there longest"
    # In a home or a testnet an address says nothing of who is behind it.
    for name in ("x", "y"):
        desk.feed(replace(joined(name, clock_ms=WALL + 5), kept=True, address="192.168.0.7"))
    assert desk.links.clock_offsets_ms(NOW) == [0, 5, 5]


def test_whom_the_owner_keeps_has_a_vote_on_the_time_whoever_dialled():
    desk = Desk()
    desk.feed(joined("friend", outbound=False, clock_ms=WALL + 7))
    assert desk.links.clock_offsets_ms(NOW) == []
    desk.feed(PeersKept(keys=frozenset({key("friend")})))
    assert desk.links.clock_offsets_ms(NOW) == [7]
    assert desk.links.outbound_count == 0


# --- records -------------------------------------------------------------------------------------


def test_records_that_peers_hand_on_are_hints():
    desk = Desk()
    desk.feed(joined("a"))
    done = desk.answered("a", record_of("b").raw, record_of("c", addresses=[]).raw)
    (saved,) = of(SaveRecord, done)
    assert (saved.record.key, saved.is_proven) == (key("b"), False), "c cannot be dialled"
    assert saved.source == desk.links.peers[peer("a")].group
    assert [dial.key for dial in of(DialPeer, done)] == [key("b")]


def test_a_peers_own_newer_record_stays_proven():
    desk = Desk()
    desk.feed(joined("a"))
    liar = blake2b_256(b"liar")
    newer = record_of("a", seq=WALL + 1)
    done = desk.answered("a", record_of("a", seed=liar, seq=WALL + 9).raw, newer.raw)
    assert [(s.record, s.is_proven) for s in of(SaveRecord, done)] == [(newer, True)]


def test_records_nobody_asked_for_are_let_go():
    desk = Desk()
    desk.feed(joined("a"))
    answer = RecordsAnswer(request=1, records=[record_of("b").raw])
    assert desk.feed(RecordsAnswered(peer=peer("a"), answer=answer)) == []
    assert desk.feed(RecordsAnswered(peer=peer("x"), answer=answer)) == []
    desk.answered("a")
    query = messages(desk.actions)[0]
    again = RecordsAnswer(request=query.request, records=[record_of("b").raw])
    assert desk.feed(RecordsAnswered(peer=peer("a"), answer=again)) == []


def test_false_records_are_blamed():
    desk = Desk()
    desk.feed(joined("a"))
    done = desk.answered("a", *[b"nonsense"] * 3)
    assert of(ClosePeer, done) == [ClosePeer(peer=peer("a"), reason=Reason.BAD_ENCODING)]


def test_records_of_other_networks_are_nobodys_fault():
    desk = Desk()
    desk.feed(joined("a"))
    desk.answered("a", *[record_of("b", net="other").raw] * 9)
    assert desk.links.fault_points(peer("a"), NOW) == 0


def test_a_question_for_records_is_answered_with_a_choice_led_by_our_own():
    desk = Desk()
    for name in ("a", "b", "c"):
        desk.feed(joined(name))
    own = record_of("own")
    desk.feed(RecordSigned(record=own))
    ask = RecordsAsked(peer=peer("a"), query=RecordsQuery(request=4, count=2))
    (answer,) = messages(desk.feed(ask))
    assert (answer.request, len(answer.records), answer.records[0]) == (4, 2, own.raw)
    more = RecordsAsked(peer=peer("a"), query=RecordsQuery(request=5, count=16))
    assert messages(desk.feed(more)) == [Refused(request=5, reason=Reason.OVER_BUDGET)]
    desk.now = later(limits.records_pause_ms)
    (answer,) = messages(desk.feed(more))
    assert set(answer.records) == {own.raw, record_of("b").raw, record_of("c").raw}


def test_before_our_record_is_signed_others_are_handed_on():
    desk = Desk()
    desk.feed(joined("b"))
    ask = RecordsAsked(peer=peer("a"), query=RecordsQuery(request=4, count=2))
    (answer,) = messages(desk.feed(ask))
    assert answer.records == [record_of("b").raw]


@pytest.mark.parametrize(("name", "known"), [("own", True), ("b", True), ("nobody", False)])
def test_who_is_is_answered_from_the_book(name: str, known: bool):
    desk = Desk()
    desk.feed(RecordSigned(record=record_of("own")))
    desk.feed(joined("b"))
    ask = NodeAsked(peer=peer("a"), query=WhoIs(request=8, key=key(name)))
    (answer,) = messages(desk.feed(ask))
    assert answer == WhoIsAnswer(request=8, record=record_of(name).raw if known else None)


def test_who_is_is_answered_before_our_record_is_signed():
    ask = NodeAsked(peer=peer("a"), query=WhoIs(request=8, key=key("own")))
    assert messages(Desk().feed(ask)) == [WhoIsAnswer(request=8, record=None)]


def test_records_found_are_kept():
    desk = Desk()
    (saved,) = desk.feed(RecordFound(peer=peer("a"), raw=record_of("b").raw))
    assert saved.record == record_of("b")
    assert desk.feed(RecordFound(peer=peer("a"), raw=record_of("b").raw)) == []


def test_of_an_answer_about_one_node_nothing_else_is_taken():
    desk = Desk()
    desk.feed(joined("a"))
    asked = RecordFound(peer=peer("a"), raw=record_of("b").raw, key=key("c"))
    assert desk.feed(asked) == []
    assert desk.links.book.node(key("b")) is None
    assert len(of(SaveRecord, desk.feed(replace(asked, key=key("b"))))) == 1


# --- dialling ------------------------------------------------------------------------------------


def test_relays_kept_from_earlier_are_dialled_at_start():
    desk = Desk(outbound_max=2)
    raws = [record_of(name).raw for name in ("a", "b", "c")]
    done = desk.feed(Started(entries=(), records=(b"nonsense", *raws)))
    assert len(of(DialPeer, done)) == 2
    assert of(SetTimer, done)[-1].timer is Timer.DIAL


def test_leaves_are_not_dialled():
    desk = Desk()
    mailbox = record_of("box", roles=[Role.MAILBOX]).raw
    leaf = record_of("leaf", addresses=[]).raw
    assert of(DialPeer, desk.feed(Started(entries=(), records=(mailbox, leaf)))) == []


def test_on_main_a_record_does_not_make_us_dial_into_our_own_network():
    desk = Desk(net="main")
    private = record_of("a", net="main", addresses=["10.0.0.1:1"]).raw
    mixed = record_of("b", net="main", addresses=["10.0.0.1:1", "b.example.org:2"]).raw
    done = desk.feed(Started(entries=(), records=(private, mixed)))
    assert [dial.address for dial in of(DialPeer, done)] == ["b.example.org:2"]


def test_a_lost_outbound_link_is_replaced():
    desk = Desk(outbound_max=1)
    desk.feed(Started(entries=(), records=(record_of("a").raw, record_of("b").raw)))
    (dial,) = of(DialPeer, desk.actions)
    first = "a" if dial.key == key("a") else "b"
    assert of(DialPeer, desk.feed(joined(first))) == []
    done = desk.feed(PeerLost(peer=peer(first)))
    assert [dial.key for dial in of(DialPeer, done)] == [key("b" if first == "a" else "a")]


def test_a_failed_dial_goes_on_to_the_next_and_false_hints_are_forgotten():
    desk = Desk(outbound_max=1)
    desk.feed(Started(entries=(), records=(record_of("a").raw, record_of("b").raw)))
    (dial,) = of(DialPeer, desk.actions)
    done = desk.feed(DialFailed(key=dial.key, outcome=DialOutcome.OTHER_NODE))
    assert len(of(DialPeer, done)) == 1
    assert desk.links.book.find(dial.key, WALL) is None
    (second,) = of(DialPeer, done)
    desk.feed(DialFailed(key=second.key, outcome=DialOutcome.UNREACHABLE))
    desk.feed(DialFailed(key=second.key, outcome=DialOutcome.OTHER_NODE))
    assert desk.links.book.find(second.key, WALL) is not None
    assert desk.feed(DialFailed(key=key("x"), outcome=DialOutcome.UNREACHABLE)) == []


def test_an_inbound_link_that_ends_is_the_peers_affair():
    desk = Desk()
    desk.feed(joined("a", outbound=False))
    done = desk.feed(PeerLost(peer=peer("a")))
    assert [dial.key for dial in of(DialPeer, done)] == [key("a")]


def test_links_the_owner_asked_for_take_nobodys_place():
    desk = Desk(outbound_max=1)
    desk.feed(PeersKept(keys=frozenset({key("friend")})))
    assert of(DialPeer, desk.feed(joined("friend"))) == []
    done = desk.feed(RecordFound(peer=peer("friend"), raw=record_of("a").raw))
    assert len(of(SaveRecord, done)) == 1
    (dial,) = of(DialPeer, desk.feed(TimerFired(timer=Timer.DIAL)))
    assert dial.key == key("a")
    desk.feed(joined("a"))
    desk.feed(RecordFound(peer=peer("a"), raw=record_of("b").raw))
    assert of(DialPeer, desk.feed(TimerFired(timer=Timer.DIAL))) == []
    # Once the owner keeps it, it takes no place among the chosen any more.
    kept = frozenset({key("friend"), key("a")})
    assert [dial.key for dial in of(DialPeer, desk.feed(PeersKept(keys=kept)))] == [key("b")]


def test_links_made_on_demand_take_nobodys_place():
    desk = Desk(outbound_max=1)
    desk.feed(replace(joined("mailbox", roles=[Role.MAILBOX]), asked=True))
    assert desk.links.outbound_count == 0
    done = desk.feed(RecordFound(peer=peer("mailbox"), raw=record_of("a").raw))
    done = desk.feed(TimerFired(timer=Timer.DIAL))
    assert [dial.key for dial in of(DialPeer, done)] == [key("a")]


def test_whom_the_owner_keeps_is_dialled_by_whoever_keeps_it():
    desk = Desk(outbound_max=3)
    desk.feed(PeersKept(keys=frozenset({key("a")})))
    done = desk.feed(Started(entries=(), records=(record_of("a").raw, record_of("b").raw)))
    assert [dial.key for dial in of(DialPeer, done)] == [key("b")]


def on_demand(desk: Desk, count: int, address: str = "7.{}.0.1") -> None:
    """What tunnels that a stranger asks for make of a node."""
    for number in range(count):
        event = replace(joined(f"far{number}"), asked=True, address=address.format(number))
        desk.feed(event)


def test_links_that_others_asked_for_carry_no_stems_and_are_not_told():
    desk = Desk(outbound_max=10)
    for number in range(4):
        desk.feed(replace(joined(f"own{number}"), address=f"9.{number}.0.1"))
    desk.feed(TimerFired(timer=Timer.HEARTBEAT))
    on_demand(desk, 32)
    assert desk.links.outbound_relays() == [peer(f"own{number}") for number in range(4)]
    assert messages(desk.feed(TimerFired(timer=Timer.HEARTBEAT))) == []
    desk.feed(PeersKept(keys=frozenset({key("far3")})))
    assert desk.links.outbound_relays()[-1] == peer("far3"), "the owner trusts it now"
    assert desk.links.outbound_count == 5


def test_links_that_others_asked_for_end_no_need():
    desk = Desk(outbound_max=10)
    on_demand(desk, 5)
    desk.feed(RecordFound(peer=peer("far0"), raw=record_of("relay").raw))
    (dial,) = of(DialPeer, desk.feed(TimerFired(timer=Timer.DIAL)))
    assert (dial.key, dial.within_ms) == (key("relay"), limits.dial_ms_needed), "in earnest"


def test_a_link_this_node_chose_is_its_own_whoever_else_asked_for_it():
    desk = Desk(outbound_max=1)
    desk.feed(Started(entries=(), records=(record_of("a").raw,)))
    desk.feed(replace(joined("a"), asked=True))
    assert desk.links.outbound_relays() == [peer("a")]


def test_who_came_by_itself_is_not_relied_on_whatever_it_says_it_is():
    desk = Desk()
    desk.feed(joined("chosen"))
    desk.feed(joined("guest", outbound=False, roles=[Role.RELAY]))
    desk.feed(replace(joined("asked"), asked=True))
    relied_on = [desk.links.relies_on(peer(name)) for name in ("chosen", "guest", "asked")]
    assert relied_on == [True, False, False]
    assert not desk.links.relies_on(peer("stranger"))
    desk.feed(PeersKept(keys=frozenset({key("guest")})))
    assert desk.links.relies_on(peer("guest"))


@pytest.mark.parametrize("address", ["7.{}.0.1", "127.0.0.1"])
def test_whom_a_lot_chose_is_taken_where_it_is_linked_on_demand(address: str):
    desk = Desk(outbound_max=2)
    on_demand(desk, 3, address)
    dials = of(DialPeer, desk.feed(TimerFired(timer=Timer.DIAL)))
    dials = dials or of(DialPeer, desk.actions)
    assert len(dials) == 2
    assert {dial.key for dial in dials} < {key(f"far{number}") for number in range(3)}
    for number, dial in enumerate(dials, 1):
        assert not desk.links.relies_on(PeerId(dial.key))
        saved = desk.feed(AlreadyLinked(key=dial.key))
        assert [each.key for each in of(SaveReached, saved)] == [dial.key]
        assert desk.links.relies_on(PeerId(dial.key))
        assert desk.links.outbound_count == number
    assert desk.feed(AlreadyLinked(key=dials[0].key)) == [], "nobody is dialled any more"
    assert desk.feed(AlreadyLinked(key=key("nobody"))) == []
    assert not desk.links.relies_on(peer("nobody"))


def test_a_feeler_that_finds_a_link_made_on_demand_leaves_it_as_it_is():
    desk = Desk(outbound_max=3)
    for number in range(3):
        desk.feed(replace(joined(f"own{number}"), address=f"9.{number}.0.1"))
    on_demand(desk, 1)
    desk.now = later(2 * limits.feeler_ms)
    (dial,) = of(DialPeer, desk.feed(TimerFired(timer=Timer.DIAL)))
    assert dial.key == key("far0")
    done = desk.feed(AlreadyLinked(key=dial.key))
    assert (len(of(SaveReached, done)), of(ClosePeer, done)) == (1, [])
    assert (desk.links.outbound_count, len(desk.links.peers)) == (3, 4)


# --- time ----------------------------------------------------------------------------------------


def test_the_sweep_asks_for_fresh_records():
    desk = Desk()
    assert desk.feed(TimerFired(timer=Timer.SWEEP)) == []
    desk.feed(joined("a"))
    desk.feed(RecordFound(peer=peer("a"), raw=record_of("b", at=WALL - 1_000).raw))
    desk.now = later(limits.node_record_age_ms_max)
    (query,) = messages(desk.feed(TimerFired(timer=Timer.SWEEP)))
    assert isinstance(query, RecordsQuery)
    assert desk.links.book.find(key("a"), desk.now.wall_ms) is not None
    assert desk.links.book.find(key("b"), desk.now.wall_ms) is None, "not handed on any more"


def test_the_timers_of_gossip_are_not_ours():
    desk = Desk()
    for timer in (Timer.HEARTBEAT, Timer.CATCH_UP, Timer.EMBARGO):
        assert desk.feed(TimerFired(timer=timer)) == []


def test_stems_go_to_relays_this_node_dialled():
    desk = Desk()
    assert not desk.links.is_relay
    desk.feed(RecordSigned(record=record_of("own", addresses=[], roles=[])))
    assert not desk.links.is_relay
    desk.feed(RecordSigned(record=record_of("own")))
    assert desk.links.is_relay
    desk.feed(joined("in", outbound=False))
    desk.feed(joined("one"))
    desk.feed(joined("leaf", addresses=[], roles=[]))
    desk.feed(joined("two"))
    assert desk.links.outbound_relays() == [peer("one"), peer("two")]


def test_one_timer_is_set_for_the_soonest_look():
    desk = Desk(outbound_max=1)
    raws = [record_of(name).raw for name in ("a", "b")]
    (timer,) = of(SetTimer, desk.feed(Started(entries=(), records=tuple(raws))))
    (dial,) = of(DialPeer, desk.actions)
    assert timer.delay_ms >= limits.sweep_ms, "only a feeler is due"
    desk.feed(joined("a" if dial.key == key("a") else "b"))
    assert len(of(SetTimer, desk.actions)) == 1
    desk.now = later(timer.delay_ms)
    assert len(of(SetTimer, desk.feed(TimerFired(timer=Timer.DIAL)))) == 1
