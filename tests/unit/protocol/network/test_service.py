"""Whether anybody answers, and what follows when nobody does."""

from __future__ import annotations

from protocol import limits
from protocol.engine import Engine
from protocol.ids import NodeId
from protocol.network.actions import TellNothingServed, Timer
from protocol.network.events import IdsReceived, PeerLost, TimerFired
from protocol.network.service import Service
from tests.parties import NET, make_cast
from tests.unit.protocol.network.driver import NOW, Bench, joined, later, of, peer

ONE, TWO = peer("one"), peer("two")


def test_only_links_that_were_asked_count():
    service = Service()
    service.served(ONE)
    assert service.missing_ms(99) == 0
    service.asked(ONE, 10)
    service.asked(ONE, 50)
    assert service.missing_ms(110) == 100
    service.asked(TWO, 60)
    assert service.missing_ms(110) == 50
    service.served(TWO)
    assert service.missing_ms(110) == 0
    service.lost(TWO)
    assert service.missing_ms(110) == 100


def silent(bench: Bench, ms: int) -> list[int]:
    bench.now = later(ms, bench.now)
    told = of(TellNothingServed, bench.feed(TimerFired(timer=Timer.HEARTBEAT)))
    return [each.for_ms for each in told]


def test_when_nobody_serves_the_links_hear_of_it():
    bench = Bench()
    bench.join("mute", "teaser")
    for who in ("mute", "teaser"):
        bench.feed(IdsReceived(peer=peer(who), ids=(who.encode().ljust(16),)))
    bench.now = later(limits.pull_wait_ms_min, bench.now)
    bench.feed(TimerFired(timer=Timer.PULL))
    assert silent(bench, limits.unserved_ms - limits.pull_wait_ms_min - 1) == []
    assert silent(bench, limits.pull_wait_ms_min + 1) != []
    bench.receive("mute", make_cast().raw)
    assert silent(bench, limits.unserved_ms) == []
    bench.feed(PeerLost(peer=peer("mute")))
    assert silent(bench, 1) != []


def test_the_engine_hands_it_to_the_links():
    engine = Engine(net=NET, own=NodeId(b"o" * 32), seed=b"seed")
    engine.handle(joined("mute"), NOW)
    engine.handle(IdsReceived(peer=peer("mute"), ids=(bytes(16),)), NOW)
    engine.handle(TimerFired(timer=Timer.PULL), later(limits.pull_wait_ms_min))
    actions = engine.handle(TimerFired(timer=Timer.HEARTBEAT), later(2 * limits.unserved_ms))
    assert of(TellNothingServed, actions) == []


def test_words_alone_do_not_answer_for_an_object():
    service = Service()
    service.asked(peer("a"), 1_000)
    service.answered(peer("a"))
    assert service.missing_ms(9_000) == 0
    service.asked(peer("a"), 9_000, is_want=True)
    service.asked(peer("a"), 10_000)
    service.answered(peer("a"))
    assert service.missing_ms(12_000) == 3_000
    service.served(peer("a"))
    assert service.missing_ms(13_000) == 0
    service.answered(peer("never asked"))
    assert service.missing_ms(13_000) == 0


def test_a_new_link_that_was_just_asked_ends_no_hunger():
    service = Service()
    service.asked(ONE, 0, is_want=True)
    assert service.missing_ms(limits.unserved_ms) == limits.unserved_ms
    service.asked(TWO, limits.unserved_ms, is_want=True)
    assert service.missing_ms(limits.unserved_ms + 10) == limits.unserved_ms + 10
    service.served(TWO)
    assert service.missing_ms(limits.unserved_ms + 20) == 0
