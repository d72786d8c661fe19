"""The stem hides its author: from links that watch, and at a leaf that passes nothing on."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from protocol import limits
from protocol.channel.messages import Ids, Interest, Objects, Want
from protocol.channel.messages import Stem as StemMessage
from protocol.network.actions import Timer
from protocol.network.events import (
    ChangeInterest,
    IdsReceived,
    LevelAsked,
    PublishObject,
    StemReceived,
    TimerFired,
)
from protocol.network.flow import Flow
from protocol.network.live import prefix_of
from protocol.network.stem import Private
from tests.parties import make_cast
from tests.unit.protocol.network.driver import NOW, Bench, Street, joined, later, peer
from tests.unit.protocol.network.test_stem import Never, make_stem

CAST = make_cast()
NAME = prefix_of(CAST.id)
NOTHING = Interest(categories=[], cells=None)
RELAYS = ["a", "b", "c", "d"]
PATIENCE_MS = 10 * 60_000


def shown(bench: Bench) -> list[str]:
    """List the relays that were shown the cast in public."""
    bench.feed(TimerFired(timer=Timer.BATCH))
    return [
        name
        for name in RELAYS
        if any(CAST.raw in message.raws for message in bench.sent(name, Objects))
        or any(NAME in message.ids for message in bench.sent(name, Ids))
    ]


def by_stem(bench: Bench) -> list[str]:
    return [name for name in RELAYS if bench.sent(name, StemMessage)]


def leaf(*, wants: Interest | None = NOTHING) -> Bench:
    bench = Bench(around=Street(*RELAYS, is_relay=False), private=Private.NORMAL)
    bench.feed(ChangeInterest(interest=wants))
    bench.join(*RELAYS)
    bench.feed(LevelAsked(peer=peer("d"), flow=Flow.QUIET))
    bench.feed(PublishObject(verified=CAST))
    return bench


def lose_patience(bench: Bench, times: int = 1) -> None:
    bench.now = later(times * PATIENCE_MS)
    bench.feed(TimerFired(timer=Timer.EMBARGO))


def test_a_leaf_that_passes_nothing_on_tries_one_relay_after_the_other():
    bench = leaf()
    for tried in range(1, len(RELAYS) + 1):
        assert len(by_stem(bench)) == tried
        assert shown(bench) == []
        lose_patience(bench, tried)
    assert shown(bench) == RELAYS, "all of them know it already"


def test_a_leaf_is_told_that_its_own_is_out_and_stays_silent():
    bench = leaf()
    (successor,) = by_stem(bench)
    bench.feed(IdsReceived(peer=peer(successor), ids=(NAME,)))
    bench.now = later(1_000)
    bench.feed(TimerFired(timer=Timer.PULL))
    assert bench.sent(successor, Want) == [Want(ids=[NAME])]
    bench.receive(successor, CAST.raw)
    assert NAME in bench.gossip.live
    lose_patience(bench)
    assert by_stem(bench) == [successor]
    assert shown(bench) == []
    assert bench.gossip.seen_at(CAST.id) == (1, len(RELAYS))


def test_a_leaf_that_passes_such_casts_on_is_one_of_many():
    bench = leaf(wants=None)
    (successor,) = by_stem(bench)
    other = next(name for name in RELAYS if name != successor)
    bench.receive(other, CAST.raw)
    assert shown(bench), "as it would with anybody's"
    lose_patience(bench)
    assert by_stem(bench) == [successor]


def test_the_word_of_the_relay_it_went_to_is_not_enough_where_others_could_show_it():
    bench = leaf(wants=None)
    (successor,) = by_stem(bench)
    bench.receive(successor, CAST.raw)
    quiet = {"d"} - {successor}
    assert not quiet & set(shown(bench))
    lose_patience(bench)
    assert quiet <= set(shown(bench)), "now it begins its public way here"


def test_somebody_elses_word_ends_the_waiting():
    bench = leaf(wants=None)
    (successor,) = by_stem(bench)
    bench.receive(successor, CAST.raw)
    other = next(name for name in RELAYS if name not in {successor, "d"})
    bench.receive(other, CAST.raw)
    before = shown(bench)
    lose_patience(bench)
    assert shown(bench) == before


def relay_with_a_leaf() -> Bench:
    relay = Bench(around=Street(), private=Private.NORMAL)
    event = joined("a", outbound=False)
    hello = msgspec.structs.replace(event.hello, interest=NOTHING)
    relay.feed(replace(event, hello=hello))
    relay.join("b")
    return relay


def test_a_relay_tells_a_leaf_that_its_own_is_out():
    relay = relay_with_a_leaf()
    relay.feed(StemReceived(peer=peer("a"), raw=CAST.raw))
    assert shown(relay) == ["a", "b"]
    assert relay.sent("a", Objects) == [], "it has the bytes"


def test_a_relay_tells_a_leaf_that_its_own_was_out_before():
    relay = relay_with_a_leaf()
    relay.receive("b", CAST.raw)
    assert "a" not in shown(relay)
    relay.feed(StemReceived(peer=peer("a"), raw=CAST.raw))
    relay.feed(StemReceived(peer=peer("gone"), raw=CAST.raw))
    assert "a" in shown(relay)


def test_a_relay_on_the_way_tells_a_leaf_when_it_is_out():
    relay = Bench(around=Street("b", "c"), private=Private.NORMAL)
    relay.gossip.stem._chance = Never(b"stem")
    event = joined("a", outbound=False)
    relay.feed(replace(event, hello=msgspec.structs.replace(event.hello, interest=NOTHING)))
    relay.join("b", "c", "d")
    relay.feed(StemReceived(peer=peer("a"), raw=CAST.raw))
    assert shown(relay) == []
    relay.receive("d", CAST.raw)
    assert "a" in shown(relay)


def watched() -> Bench:
    bench = Bench(around=Street("b", "c"), private=Private.NORMAL)
    bench.gossip.stem._chance = Never(b"stem")
    bench.join("a", "b", "c", "d", "accomplice")
    bench.feed(LevelAsked(peer=peer("d"), flow=Flow.QUIET))
    return bench


def test_an_author_and_a_relay_of_a_stem_look_alike_to_who_is_left_quiet():
    author, relay = watched(), watched()
    author.feed(PublishObject(verified=CAST))
    relay.feed(StemReceived(peer=peer("a"), raw=CAST.raw))
    for bench in (author, relay):
        assert NAME in bench.gossip.stem
        bench.receive("accomplice", CAST.raw)
        assert "d" not in shown(bench)


def test_a_new_link_brings_no_new_budget(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "stem_burst", 2)
    monkeypatch.setattr(limits, "stem_spent_max", 1)
    stem = make_stem(Street("a", "b"))
    assert [stem.admits(peer("in"), NOW) for _ in range(3)] == [True, True, False]
    stem.lost(peer("in"))
    assert not stem.admits(peer("in"), NOW)
    stem.lost(peer("in"))
    assert stem.admits(peer("other"), NOW)
    stem.lost(peer("other"))
    assert stem.admits(peer("in"), NOW), "only so many are remembered"
