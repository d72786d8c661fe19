"""The stem: what of our own went to a relay that left."""

from __future__ import annotations

from protocol.channel.messages import Stem as StemMessage
from protocol.network.actions import SendMessage
from protocol.network.events import PeerLost, PublishObject
from protocol.network.live import prefix_of
from protocol.network.stem import Private
from tests.unit.protocol.network.driver import NOW, Bench, Street, joined, of, peer
from tests.unit.protocol.network.test_stem import make_stem, sent_to, wish


def test_what_went_to_one_that_left_goes_by_the_one_in_its_place():
    street = Street("a", "b", "c", "d")
    stem = make_stem(street)
    ours, theirs = wish(1), wish(2)
    (first,) = sent_to(stem.publish(ours, NOW))
    (second,) = (each for each in stem.successors(NOW) if each != first)
    from_whom = next(each for each in map(peer, "abcd") if each not in {first, second})
    assert stem.take(theirs, from_whom, NOW)
    for gone in (first, second):
        street.relays.remove(gone)
        stem.lost(gone)
    assert stem.stranded(peer("nobody"), NOW) == []
    (next_one,) = sent_to(stem.stranded(first, NOW))
    assert next_one in stem.successors(NOW)
    assert next_one not in {first, second}
    assert (stem.own_count, len(stem)) == (1, 2)
    kept = stem.get(prefix_of(ours.id))
    assert kept is not None
    assert kept.tried == (first, next_one)
    assert stem.stranded(first, NOW) == [], "it is on its way by another"
    street.relays.clear()
    assert stem.stranded(next_one, NOW) == []
    assert stem.get(prefix_of(ours.id)) is kept, "without another successor it waits"


def test_our_own_cast_goes_another_way_when_the_first_relay_leaves():
    street = Street("a", "b", "c")
    bench = Bench(around=street, private=Private.NORMAL)
    for name in "abc":
        bench.feed(joined(name))
    first = of(SendMessage, bench.feed(PublishObject(verified=wish(1))))
    (to,) = [each.peer for each in first if isinstance(each.message, StemMessage)]
    street.relays.remove(to)
    after = of(SendMessage, bench.feed(PeerLost(peer=to)))
    (then,) = [each.peer for each in after if isinstance(each.message, StemMessage)]
    assert then != to
