"""Reconciliation of any two sets: afterwards both hold the same, whoever asked.

What only counts as held is served by nobody, and asked for in vain at most.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from protocol import limits
from protocol.errors import MessageError
from protocol.network.order import END, Order
from protocol.network.ranges import (
    Fingerprint,
    Later,
    Names,
    Range,
    Skip,
    decode_ranges,
    encode_ranges,
)
from protocol.network.reconciliation import Session, answer
from tests.unit.protocol.network.pair import Node, Pair, Thing, things

BASE = things(700)

# Few times and short alphabets: names that share a time, and long beginnings.
names = st.builds(
    lambda head, tail: head * 15 + tail,
    st.sampled_from([b"\x00", b"\x01", b"\xff"]),
    st.binary(min_size=1, max_size=1),
)
# An id has one time, which it covers.
crowded = names.map(lambda name: Thing(1_000 + name[-1] % 4, name))
base = st.sampled_from(BASE)
drawn = st.lists(crowded | base, max_size=60, unique_by=lambda each: each.name)


@st.composite
def sides(draw: st.DrawFn) -> tuple[list[Thing], list[Thing], list[Thing]]:
    """What one node has, what it declined, and what is common to both."""
    common = draw(st.integers(0, len(BASE)))
    begin = draw(st.integers(0, len(BASE) - common))
    mine = draw(drawn)
    declined = draw(st.lists(crowded | base, max_size=10, unique_by=lambda each: each.name))
    return mine, declined, BASE[begin : begin + common]


def unique(held: list[Thing]) -> list[Thing]:
    return list({each.name: each for each in held}.values())


@given(one=sides(), other=sides())
@settings(deadline=None)
def test_two_nodes_come_to_hold_the_same(one, other):
    # A name has one time: where it was drawn twice, the first counts.
    times: dict[bytes, Thing] = {}
    nodes = []
    for name, (mine, declined, common) in (("one", one), ("two", other)):
        node = Node(name)
        for each in unique([*mine, *common]):
            node.take(times.setdefault(each.name, each))
        for each in declined:
            if each.name not in node.carried.live:
                node.decline(times.setdefault(each.name, each))
        nodes.append(node)
    first, second = nodes
    held = first.held | second.held
    refused = [set(node.carried.declined._names) for node in nodes]
    pair = Pair(first, second)
    pair.link()
    pair.run(10)
    # And the other way round, as when the other end asks.
    first.lose("two")
    second.lose("one")
    Pair(second, first).link()
    assert first.held == held - refused[0]
    assert second.held == held - refused[1]
    assert pair.count.rounds <= 5 * limits.ranges_rounds_max


@given(mine=drawn, theirs=drawn)
def test_what_one_comparison_finds_is_the_difference(mine, theirs):
    ours, others = Order(), Order()
    for order, held in ((ours, mine), (others, theirs)):
        for each in held:
            order.add(each.at, each.name)
    session = Session()
    found = set[bytes]()
    for salt in range(4):
        session.begin(ours, salt.to_bytes(16, "big"))
        while not session.is_done and session.rounds < limits.ranges_rounds_max:
            raw = answer(others, session.question(ours), session.salt).raw
            found.update(session.take(ours, raw).names)
    held_here, held_there = ({each.name for each in held} for held in (mine, theirs))
    assert session.is_done
    assert held_there - held_here <= found <= held_there


@given(st.binary(max_size=200))
def test_any_bytes_are_a_row_of_one_form_or_refused(raw: bytes):
    try:
        found = decode_ranges(raw)
    except MessageError:
        return
    assert encode_ranges(found) == raw


@given(st.binary(max_size=120), st.lists(crowded, max_size=40, unique_by=lambda each: each.name))
def test_any_question_has_an_answer_or_is_refused(raw: bytes, held: list[Thing]):
    order = Order()
    for each in held:
        order.add(each.at, each.name)
    try:
        answered = answer(order, raw, bytes(16))
    except MessageError:
        return
    decode_ranges(answered.raw)
    assert len(answered.raw) <= limits.ranges_bytes_max


places = st.tuples(
    st.integers(0, 2**53 - 1), st.binary(max_size=16).map(lambda raw: raw.rstrip(b"\x00"))
)
kinds = st.sampled_from(["skip", "fingerprint", "names"])


@given(
    bounds=st.lists(places.filter(lambda place: place > (0, b"")), max_size=12, unique=True),
    said=st.lists(kinds, min_size=13, max_size=13),
    listed=st.lists(st.binary(min_size=16, max_size=16), max_size=5, unique=True),
    end=st.sampled_from(["none", "never", "later"]),
)
def test_what_is_written_is_read(bounds, said, listed, end):
    uppers = sorted(bounds) + ([END] if end == "never" else [])
    ranges: list[Range] = []
    for upper, kind in zip(uppers, said, strict=False):
        if kind == "skip" and upper != END and not (ranges and isinstance(ranges[-1], Skip)):
            ranges.append(Skip(upper=upper))
        elif kind == "fingerprint":
            ranges.append(Fingerprint(upper=upper, digest=bytes(16)))
        else:
            ranges.append(Names(upper=upper, names=tuple(sorted(listed))))
    if end == "later":
        ranges.append(Later())
    while ranges and isinstance(ranges[-1], Skip):
        ranges.pop()
    assert decode_ranges(encode_ranges(ranges)) == ranges
