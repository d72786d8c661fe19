"""The comparison of what two nodes hold: with whom, when, and what is asked for after it."""

from __future__ import annotations

from protocol import limits
from protocol.channel.messages import IdsAnswer, IdsQuery, Want
from protocol.network.actions import SetTimer, Timer
from protocol.network.events import PageAsked, PageReceived, PageRefused, TimerFired
from protocol.network.live import prefix_of
from tests.parties import make_cast, make_profile
from tests.unit.protocol.network.driver import Bench, later, of, peer

CAST, PROFILE = make_cast(), make_profile()
CAST_NAME, PROFILE_NAME = prefix_of(CAST.id), prefix_of(PROFILE.id)


def tick(bench: Bench, timer: Timer, ms: int = 0) -> None:
    bench.now = later(ms, bench.now)
    bench.feed(TimerFired(timer=timer))


def test_ids_are_compared_when_a_link_opens():
    bench = Bench()
    bench.join("a")
    (query,) = bench.sent("a", IdsQuery)
    answer = IdsAnswer(request=query.request, ids=[CAST_NAME], last_at=CAST.header.at, more=True)
    bench.feed(PageReceived(peer=peer("a"), answer=answer))
    assert [m.ids for m in bench.sent("a", Want)] == [[CAST_NAME]]
    (_, following) = bench.sent("a", IdsQuery)
    assert (following.after_at, following.after_id) == (CAST.header.at, CAST_NAME)
    bench.feed(PageReceived(peer=peer("a"), answer=answer))
    assert len(bench.sent("a", IdsQuery)) == 2, "an answer to no question is let go"


def test_a_refused_page_ends_the_comparison():
    bench = Bench()
    bench.join("a")
    (query,) = bench.sent("a", IdsQuery)
    bench.feed(PageRefused(peer=peer("a"), request=query.request))
    tick(bench, Timer.HEARTBEAT)
    assert len(bench.sent("a", IdsQuery)) == 1


def test_pages_are_answered_from_the_table():
    bench = Bench()
    bench.receive("x", CAST.raw)
    bench.receive("x", PROFILE.raw)
    bench.feed(PageAsked(peer=peer("a"), query=IdsQuery(request=9, limit=1)))
    first = sorted([CAST_NAME, PROFILE_NAME])[0]
    (page,) = bench.sent("a", IdsAnswer)
    assert (page.request, page.ids, page.more) == (9, [first], True)
    query = IdsQuery(request=10, after_at=page.last_at, after_id=page.ids[-1])
    bench.feed(PageAsked(peer=peer("a"), query=query))
    assert bench.sent("a", IdsAnswer)[1].more is False


def test_ids_are_compared_again_from_time_to_time():
    bench = Bench()
    tick(bench, Timer.CATCH_UP)
    bench.join("a")
    tick(bench, Timer.CATCH_UP)
    assert len(bench.sent("a", IdsQuery)) == 2
    waits = [a.delay_ms for a in of(SetTimer, bench.actions) if a.timer is Timer.CATCH_UP]
    assert len(waits) == 3
    assert all(abs(wait - limits.catch_up_ms) <= limits.catch_up_ms // 5 for wait in waits)
