"""The order of names: ranks, runs and fingerprints, whatever comes and goes."""

from __future__ import annotations

import hashlib
import random

import pytest

from protocol.network import order
from protocol.network.order import END, START, Order, Place, between

SALT = bytes(range(16))


def name(number: int) -> bytes:
    return number.to_bytes(16, "big")


def filled(places: list[Place]) -> Order:
    made = Order()
    for at, each in places:
        made.add(at, each)
    return made


def test_an_empty_order_has_nothing():
    empty = Order()
    assert (len(empty), empty.rank(START), empty.rank(END)) == (0, 0, 0)
    assert empty.names(0, 0) == []
    assert empty.places(0, 0) == []
    empty.remove(1, name(1))
    assert len(empty) == 0


def test_names_stand_by_time_and_then_by_name():
    made = filled([(5, name(1)), (4, name(9)), (5, name(0))])
    assert made.names(0, 3) == [name(9), name(0), name(1)]
    assert made.places(1, 3) == [(5, name(0)), (5, name(1))]
    assert [made.rank(place) for place in ((4, b""), (5, b""), (5, name(1)), END)] == [0, 1, 2, 3]
    assert made.at_rank(2) == (5, name(1))


def test_a_name_has_one_place_however_often_it_comes():
    made = filled([(5, name(1)), (5, name(1)), (6, name(1))])
    assert len(made) == 2
    made.remove(5, name(2))
    made.remove(7, name(1))
    made.remove(1, name(1))
    assert len(made) == 2
    made.remove(5, name(1))
    assert made.names(0, 1) == [name(1)]
    assert made.rank((6, b"")) == 0
    made.remove(6, name(1))
    made.add(1, name(3))
    assert made.names(0, 1) == [name(3)]


def test_the_beginning_of_a_name_is_a_place():
    made = filled(
        [(5, b"\x01" + bytes(15)), (5, b"\x02" + bytes(15)), (5, b"\x02\x01" + bytes(14))]
    )
    assert made.rank((5, b"\x02")) == 1
    assert made.rank((5, b"\x02\x01")) == 2
    assert made.rank((5, b"\x03")) == 3


def test_a_fingerprint_is_the_keyed_hash_of_the_run():
    made = filled([(n, name(n)) for n in range(10)])
    expected = hashlib.blake2b(
        b"".join(map(name, range(2, 7))), digest_size=16, key=SALT, person=b"intentcast-range"
    )
    assert made.fingerprint(2, 7, SALT) == expected.digest()
    assert made.fingerprint(2, 7, bytes(16)) != expected.digest()
    assert made.fingerprint(3, 3, SALT) == made.fingerprint(0, 0, SALT)


def test_any_comings_and_goings_leave_what_a_sorted_list_would(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(order, "_SEGMENT_MAX", 16)
    monkeypatch.setattr(order, "_SEGMENT_MIN", 4)
    draw = random.Random(7)
    made, model = Order(), set[Place]()
    for turn in range(4_000):
        place = (draw.randrange(12), name(draw.randrange(60)))
        # It grows, and shrinks again to nothing.
        if draw.random() < (0.7 if turn < 2_000 else 0.2):
            made.add(*place)
            model.add(place)
        else:
            made.remove(*place)
            model.discard(place)
        if turn % 50 == 0:
            check(made, sorted(model), draw)
    for place in sorted(model):
        made.remove(*place)
    assert (len(made), made._firsts) == (0, [])


def check(made: Order, model: list[Place], draw: random.Random) -> None:
    assert len(made) == len(model)
    start = draw.randrange(len(model) + 1)
    stop = draw.randrange(start, len(model) + 1)
    assert made.places(start, stop) == model[start:stop]
    run = b"".join(each for _, each in model[start:stop])
    expected = hashlib.blake2b(run, digest_size=16, key=SALT, person=b"intentcast-range").digest()
    assert made.fingerprint(start, stop, SALT) == expected
    for rank in range(start, stop):
        assert made.at_rank(rank) == model[rank]
        assert made.rank(model[rank]) == rank
    assert made._firsts == [segment_first(made, n) for n in range(len(made._ats))]
    assert all(0 < len(ats) <= order._SEGMENT_MAX for ats in made._ats)


def segment_first(made: Order, number: int) -> Place:
    return made._ats[number][0], made._names[number][0]


@pytest.mark.parametrize(
    ("before", "after", "cut"),
    [
        ((4, name(9)), (5, name(1)), (5, b"")),
        ((5, b"\x01" + bytes(15)), (5, b"\x02" + bytes(15)), (5, b"\x02")),
        ((5, bytes(16)), (5, bytes(15) + b"\x01"), (5, bytes(15) + b"\x01")),
        ((5, bytes(8) + b"\x01" * 8), (5, bytes(8) + b"\x02" * 8), (5, bytes(8) + b"\x02")),
    ],
)
def test_a_cut_is_as_short_as_can_be(before: Place, after: Place, cut: Place):
    assert between(before, after) == cut
    assert before < cut <= after


def test_places_up_to_a_moment_are_those_in_it_and_before():
    made = Order()
    assert made.to(9) == []
    places = [(3, name(2)), (5, name(1)), (5, name(3)), (6, name(0))]
    for place in places:
        made.add(*place)
    assert made.to(2) == []
    assert made.to(5) == places[:3]
    assert made.to(6) == places
