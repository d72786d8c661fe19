"""Counts under closed names."""

from __future__ import annotations

from node.meters import Fate, Meters, Spread
from protocol.channel.messages import Objects, Ping, Pong, Stem
from protocol.errors import Reason
from protocol.objects.header import Kind


def test_values_fall_into_ranges():
    spread = Spread((1.0, 5.0))
    for value in (-3.0, 0.5, 1.0, 1.1, 5.0, 99.0):
        spread.add(value)
    assert spread.cumulated() == [3, 5, 6]
    assert spread.sum == 0.0 + 0.5 + 1.0 + 1.1 + 5.0 + 99.0


def test_messages_are_counted_by_kind():
    meters = Meters()
    for message in (Ping(nonce=1), Ping(nonce=2), Pong(nonce=1)):
        meters.message(message)
    assert meters.messages() == {("Ping",): 2, ("Pong",): 1}


def test_copies_of_objects_are_counted_by_the_way_they_came():
    meters = Meters()
    assert meters.copies() == {("public",): 0, ("stem",): 0}
    for message in (Objects(raws=[b"one", b"two"]), Objects(raws=[b"one"]), Stem(raws=[b"three"])):
        meters.message(message)
    assert meters.copies() == {("public",): 3, ("stem",): 1}
    assert meters.messages() == {("Objects",): 2, ("Stem",): 1}


def test_letters_are_counted_by_what_became_of_them():
    meters = Meters()
    meters.letter(Kind.OFFER, Fate.RECORDED)
    meters.letter(Kind.OFFER, Fate.REFUSED, Reason.CLOSED)
    meters.letter(Kind.OFFER, Fate.REFUSED, Reason.CLOSED)
    meters.letter(Kind.EVENT, Fate.WAITING)
    assert meters.letters() == {
        ("offer", "recorded", "none"): 1,
        ("offer", "refused", "closed"): 2,
        ("event", "waiting", "none"): 1,
    }
    assert meters.offers() == {("recorded", "none"): 1, ("refused", "closed"): 2}
