"""Reconciliation: what it costs, in bytes that were counted, and what liars can make of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise

import pytest

from protocol import limits
from protocol.channel.messages import RangesAnswer, RangesQuery, encode_message
from protocol.errors import MessageError, Reason
from protocol.network import reconciliation
from protocol.network.actions import Timer
from protocol.network.chance import Chance
from protocol.network.order import END, START, Order
from protocol.network.ranges import (
    Fingerprint,
    Later,
    Names,
    Range,
    Skip,
    decode_ranges,
    encode_ranges,
)
from protocol.network.reconciliation import Session, answer, opening, parts_of
from tests.unit.protocol.network.driver import NOW, peer
from tests.unit.protocol.network.pair import Node, Pair, Thing, things

SALT = bytes(16)
MANY = things(100_000, every_ms=500)
"""100,000 names of some 14 hours."""


def order_of(held: list[Thing]) -> Order:
    made = Order()
    for each in held:
        made.add(each.at, each.name)
    return made


def name(number: int) -> bytes:
    return number.to_bytes(16, "big")


def linked(mine: list[Thing], theirs: list[Thing]) -> Pair:
    pair = Pair(Node("one", mine), Node("two", theirs))
    pair.link()
    return pair


# --- what it costs -------------------------------------------------------------------------------


@cache
def many() -> Order:
    return order_of(MANY)


@dataclass(slots=True)
class Cost:
    rounds: int = 0
    bytes: int = 0
    lacking: int = 0


def cost_of(mine: Order, theirs: Order) -> Cost:
    """Compare two orders in one stretch; the bytes are those of the messages on the wire."""
    session, cost = Session(), Cost()
    session.begin(mine, SALT)
    while not session.is_done:
        ranges = session.question(mine)
        question = encode_message(RangesQuery(request=2**20, salt=SALT, ranges=ranges))
        raw = answer(theirs, ranges, SALT).raw
        found = session.take(mine, raw)
        cost.rounds += 1
        cost.bytes += len(question) + len(encode_message(RangesAnswer(request=2**20, ranges=raw)))
        cost.lacking += len(set(found.names) - set(mine.names(0, len(mine))))
    return cost


def test_nothing_missing_of_many_takes_one_round():
    cost = cost_of(many(), many())
    assert (cost.rounds, cost.lacking) == (1, 0)
    assert cost.bytes <= 300


def test_a_thousand_of_the_newest_missing_take_one_round():
    fewer = order_of(MANY[:-1_000])
    cost = cost_of(fewer, many())
    assert (cost.rounds, cost.lacking) == (1, 1_000)
    assert cost.bytes <= 16_500
    back = cost_of(many(), fewer)
    assert (back.rounds, back.lacking) == (2, 0)
    assert back.bytes <= 1_800


def test_a_thousand_of_the_newest_missing_come_whole_way():
    pair = linked(MANY[-11_000:-1_000], MANY[-11_000:])
    assert pair.count.bytes <= 16_500
    pair.run(5)
    assert pair.one.held == pair.other.held
    pair = linked(MANY[-11_000:], MANY[-11_000:-1_000])
    assert pair.count.bytes <= 1_800
    pair.run(5)
    assert pair.count.bytes <= 1_800 + 16_500
    assert pair.one.held == pair.other.held


def test_one_missing_anywhere_takes_three_rounds():
    cost = cost_of(order_of([*MANY[:31_415], *MANY[31_416:]]), many())
    assert (cost.rounds, cost.lacking) == (3, 1)
    assert cost.bytes <= 2_000


def test_many_scattered_take_stretches():
    pair = linked([each for n, each in enumerate(MANY[:20_000]) if n % 50], MANY[:20_000])
    assert pair.one.held != pair.other.held
    pair.run(30)
    assert pair.one.held == pair.other.held
    assert pair.count.bytes < 300_000


def test_a_question_has_its_size(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reconciliation, "_WINDOW", 2_048)
    mine, theirs = [each for n, each in enumerate(MANY[:40_000]) if n % 40], MANY[:40_000]
    session, ours, others = Session(), order_of(mine), order_of(theirs)
    found, longest = set[bytes](), 0
    for _ in range(60):
        session.begin(ours, SALT)
        while not session.is_done and session.rounds < limits.ranges_rounds_max:
            question = session.question(ours)
            longest = max(longest, len(question))
            found |= {*session.take(ours, answer(others, question, SALT).raw).names}
    assert limits.ranges_bytes_max - 100 < longest <= limits.ranges_bytes_max
    assert found >= {each.name for each in theirs} - {each.name for each in mine}


def test_an_empty_node_asks_by_naming_nothing():
    session = Session()
    session.begin(Order(), SALT)
    assert session.question(Order()) == encode_ranges([Names(upper=END, names=())])


@pytest.mark.parametrize("count", [0, 1, 4, 5, 6, 17, 100, 5_000])
def test_the_first_cuts_cover_everything_and_grow_with_age(count: int):
    order = order_of(MANY[:count])
    parts = opening(order, START)
    assert [parts[0][0], parts[-1][1], parts[-1][2]] == [0, count, END]
    assert all(before[1] == after[0] for before, after in pairwise(parts))
    assert parts[-1][1] - parts[-1][0] <= 4
    assert all(order.rank(upper) == stop for _, stop, upper in parts)
    assert len(parts) <= 12


def test_parts_are_as_long_as_each_other():
    order = order_of(MANY[:100])
    parts = parts_of(order, 10, 77, (MANY[77].at, b""))
    assert len(parts) == 16
    assert {stop - start for start, stop, _ in parts} == {4, 5}
    assert parts[-1][2] == (MANY[77].at, b"")


# --- the answerer --------------------------------------------------------------------------------


def said(held: list[Thing], *question: Range) -> list[Range]:
    return decode_ranges(answer(order_of(held), encode_ranges(list(question)), SALT).raw)


def test_small_ranges_that_differ_are_named():
    few = MANY[:31]
    assert said(few, Fingerprint(upper=END, digest=SALT)) == [
        Names(upper=END, names=tuple(sorted(each.name for each in few)))
    ]
    assert len(said(MANY[:32], Fingerprint(upper=END, digest=SALT))) == 16


def test_what_is_equal_is_left_out():
    order = order_of(MANY[:50])
    cut = (MANY[10].at, b"")
    first = Names(upper=cut, names=tuple(sorted(each.name for each in MANY[:10])))
    rest = Fingerprint(upper=END, digest=order.fingerprint(10, 50, SALT))
    assert said(MANY[:50], first, rest) == []
    other = Names(upper=cut, names=(*first.names[:-1], b"\xff" * 16))
    assert said(MANY[:50], other, rest) == [first]
    assert said(MANY[:50], Skip(upper=cut), replace(rest, digest=SALT))[0] == Skip(upper=cut)


def test_who_names_nothing_hears_that_there_is_nothing():
    assert said([], Names(upper=END, names=())) == [Names(upper=END, names=())]
    assert said([], Fingerprint(upper=END, digest=Order().fingerprint(0, 0, SALT))) == []


def test_an_answer_is_cut_where_its_room_ends():
    found = said(MANY[:3_000], Names(upper=END, names=()))
    assert isinstance(found[0], Names)
    assert found[1:] == [Later()]
    assert 1_015 <= len(found[0].names) <= 1_023
    ends = [(MANY[n * 40].at, b"") for n in range(1, 70)]
    found = said(MANY[:3_000], *(Fingerprint(upper=end, digest=SALT) for end in ends))
    assert found[-1] == Later()
    assert len(found) > 700


def test_an_answer_without_room_for_one_name_more_says_later():
    order, rests = order_of(MANY[:3_000]), set()
    for count in range(1_000, 1_024):
        cut = (MANY[count].at, b"")
        question = encode_ranges([Names(upper=cut, names=()), Names(upper=END, names=())])
        found = decode_ranges(answer(order, question, SALT).raw)
        assert found[-1] == Later()
        rests.add(len(found))
    assert rests == {2, 3}, "with some of the second range, and with none"


def test_a_question_puts_nothing_off():
    with pytest.raises(MessageError) as refused:
        said([], Later())
    assert refused.value.reason is Reason.BAD_SHAPE


def test_work_is_counted():
    order = order_of(MANY[:1_000])
    cheap = answer(order, encode_ranges([Skip(upper=(1, b"")), Names(upper=END, names=())]), SALT)
    dear = answer(order, encode_ranges([Fingerprint(upper=END, digest=SALT)]), SALT)
    assert cheap.work == 2 * 8_192 + 128 * len(cheap.raw)
    assert dear.work == 2 * 16 * 1_000 + 8_192 + 128 * len(dear.raw)


# --- the asker -----------------------------------------------------------------------------------


def begun(held: list[Thing]) -> tuple[Session, Order]:
    session, order = Session(), order_of(held)
    session.begin(order, SALT)
    session.question(order)
    return session, order


def test_an_empty_answer_settles_everything():
    session, order = begun(MANY[:100])
    assert session.take(order, b"").names == []
    assert session.is_done


def test_only_what_was_asked_about_is_taken():
    asked_to = (MANY[50].at, b"")
    rows: list[list[Range]] = [
        [Fingerprint(upper=END, digest=SALT)],
        [Names(upper=END, names=())],
        [Skip(upper=asked_to), Fingerprint(upper=END, digest=SALT)],
    ]
    for row in rows:
        session, order = begun(MANY[:100])
        with pytest.raises(MessageError) as refused:
            session.take(order, encode_ranges(row))
        assert refused.value.reason is Reason.UNEXPECTED


def test_behind_what_was_asked_nothing_is_taken():
    session, order = begun(MANY[:100])
    session.take(order, encode_ranges([Later()]))
    session.question(order)
    session.take(order, b"")
    with pytest.raises(MessageError):
        session.take(order, encode_ranges([Names(upper=END, names=())]))


def test_names_asked_for_are_to_be_named():
    session, order = begun([])
    with pytest.raises(MessageError) as refused:
        session.take(order, encode_ranges([Fingerprint(upper=END, digest=SALT)]))
    assert refused.value.reason is Reason.UNEXPECTED


def test_what_was_put_off_is_asked_again():
    session, order = begun(MANY[:100])
    before = session.place
    session.take(order, encode_ranges([Later()]))
    assert session.place == before
    question = session.question(order)
    assert answer(order, question, SALT).raw != b"", "small ranges are asked for by name now"
    session.take(order, answer(order, question, SALT).raw)
    assert session.is_done


# --- liars ---------------------------------------------------------------------------------------

Liar = Callable[[RangesQuery, Chance], bytes]


def never_equal(query: RangesQuery, chance: Chance) -> bytes:
    """Say of every range that it differs, and name made-up objects where names are asked for."""
    ranges: list[Range] = []
    for each in decode_ranges(query.ranges):
        match each:
            case Fingerprint(upper=upper):
                ranges.append(Fingerprint(upper=upper, digest=chance.octets(16)))
            case Names(upper=upper):
                ranges.append(Names(upper=upper, names=(chance.octets(16),)))
            case _:
                ranges.append(each)
    return encode_ranges(ranges)


def always_later(_query: RangesQuery, _chance: Chance) -> bytes:
    return encode_ranges([Later()])


def a_million(query: RangesQuery, chance: Chance) -> bytes:
    """Claim more objects than there can be, page after page, a little further each time."""
    asked = decode_ranges(query.ranges)
    last = asked[-1]
    assert not isinstance(last, Later)
    skips = [each for each in asked if isinstance(each, Skip)]
    lower = skips[-1].upper if skips else START
    names = tuple(sorted(chance.octets(16) for _ in range(1_000)))
    here: list[Range] = [Skip(upper=lower)] if lower > START else []
    if lower == START:
        # Claimed before the first range of all, whose end is the first bound of the question.
        return encode_ranges([Names(upper=(1, b""), names=names), Later()])
    return encode_ranges([*here, Names(upper=(lower[0] + 1, b""), names=names), Later()])


def wrong_names(query: RangesQuery, chance: Chance) -> bytes:
    """Name what nobody has in every range."""
    ranges: list[Range] = []
    for each in decode_ranges(query.ranges):
        match each:
            case Fingerprint(upper=upper) | Names(upper=upper):
                names = tuple(sorted(chance.octets(16) for _ in range(40)))
                ranges.append(Names(upper=upper, names=names))
            case _:
                ranges.append(each)
    return encode_ranges(ranges)


@pytest.mark.parametrize("liar", [never_equal, always_later, a_million, wrong_names])
def test_a_liar_costs_a_bounded_sum_and_hides_nothing(liar: Liar):
    """Eight rounds a stretch, few stretches, and an honest second peer gives what is missing."""
    everything = MANY[:5_000]
    victim = Node("victim", [each for n, each in enumerate(everything) if n % 5])
    honest = Node("honest", everything)
    chance = Chance(b"liar")
    victim.join("liar")
    rounds, bytes_said = lie(victim, liar, chance, seconds=120)
    assert rounds <= 40 * limits.ranges_rounds_max
    assert bytes_said <= 4 * 1024 * 1024
    assert victim.blamed == []
    victim.said.clear()
    victim.lose("liar")
    pair = Pair(victim, honest)
    pair.link()
    pair.run(30)
    assert victim.held >= {each.name for each in everything}


def lie(victim: Node, liar: Liar, chance: Chance, *, seconds: int) -> tuple[int, int]:
    """Answer everything the victim asks for a while, serving nothing."""
    rounds = said_bytes = heard = 0
    for second in range(seconds):
        stretch = 0
        while len(victim.said) > heard:
            message = victim.said[heard].message
            heard += 1
            if isinstance(message, RangesQuery):
                stretch += 1
                raw = liar(message, chance)
                said_bytes += len(raw) + len(message.ranges)
                victim.hear(peer("liar"), RangesAnswer(request=message.request, ranges=raw))
        assert stretch <= limits.ranges_rounds_max
        rounds += stretch
        if second % 10 == 9:
            # Nothing of what it named came: it broke its promise, as `Wanted` finds.
            victim.carried.wanted.lose(peer("liar"))
        victim.fire(Timer.HEARTBEAT, 1_000)
    return rounds, said_bytes


def test_wrong_fingerprints_of_a_questioner_cost_what_is_allowed():
    """A server works for one peer as much as it may, whatever is asked."""
    server = Node("server", MANY)
    server.join("greedy", outbound=False)
    cuts = [(each.at, b"") for each in MANY[::150]]
    question = encode_ranges([Fingerprint(upper=cut, digest=SALT) for cut in cuts[1:600]])
    answered = 0
    for number in range(200):
        server.hear(peer("greedy"), RangesQuery(request=number, salt=SALT, ranges=question))
        answered += isinstance(server.said[-1].message, RangesAnswer)
    assert 1 <= answered <= 40
    server.hear(peer("modest"), RangesQuery(salt=SALT, ranges=question))
    assert isinstance(server.said[-1].message, RangesAnswer)


@pytest.mark.parametrize("shared", [8, 15])
def test_names_made_to_look_alike_are_told_apart(shared: int):
    """Crafted names share a time and their beginning: bounds grow, nothing is missed."""
    crafted = [
        Thing(NOW.wall_ms, bytes([7] * shared) + n.to_bytes(16 - shared, "big")) for n in range(200)
    ]
    plain = MANY[:1_000]
    mine = [each for n, each in enumerate(crafted) if n % 3]
    theirs = [each for n, each in enumerate(crafted) if n % 7]
    pair = Pair(Node("one", plain + mine), Node("two", plain + theirs))
    pair.link()
    assert pair.count.rounds <= limits.ranges_rounds_max
    pair.run(5)
    assert pair.one.held == pair.other.held
    assert len(pair.one.held) >= 1_000 + len({*(e.name for e in mine), *(e.name for e in theirs)})


def test_two_objects_of_one_name_differ_for_ever_and_cost_little():
    """Sixteen bytes that collide name one object here and another there; the others are found."""
    mine = [*MANY[:500], Thing(MANY[100].at + 1, b"\x09" * 16)]
    theirs = [*MANY[:400], Thing(MANY[300].at + 1, b"\x09" * 16), *MANY[400:600]]
    pair = Pair(Node("one", mine), Node("two", theirs))
    pair.link()
    pair.run(5)
    assert pair.one.held == pair.other.held
    spent = pair.count.bytes
    pair.one.lose("two")
    pair.link()
    assert pair.count.bytes - spent < 4_000
    assert pair.count.rounds <= 2 * limits.ranges_rounds_max


def test_what_waits_is_bounded_and_nothing_is_left_out(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "ranges_waiting_max", 8)
    pair = linked([each for n, each in enumerate(MANY[:4_000]) if n % 40], MANY[:4_000])
    assert len(pair.one.comparison._talks) <= 1
    pair.run(40)
    assert pair.one.held == pair.other.held
