"""The book: whom it believes, where it puts them, who makes room."""

from __future__ import annotations

import pytest

from protocol import limits
from protocol.ids import NodeId, blake2b_256
from protocol.network import book as book_room
from protocol.network.addresses import NodeRecord, Role
from protocol.network.book import Book, Standing
from protocol.network.chance import Chance
from protocol.network.events import NodeMemory
from tests.unit.protocol.network.driver import NOW, peer, record_of

WALL = NOW.wall_ms
OWN = NodeId(peer("own"))


def key(name: str) -> NodeId:
    return NodeId(peer(name))


def made(**facts) -> Book:
    return Book(own=OWN, secret=b"secret" * 5, **facts)


def drawn(book: Book, wall_ms: int = WALL, **facts) -> set[NodeId]:
    return set(book.draws(Chance(b"draw"), wall_ms, **facts))


# --- what is believed ----------------------------------------------------------------------------


def test_the_newest_record_wins():
    book = made()
    old, new = record_of("one", seq=1), record_of("one", seq=2, addresses=["new.example:1"])
    assert book.add(new, proven=False, wall_ms=WALL)
    assert not book.add(old, proven=False, wall_ms=WALL)
    assert not book.add(new, proven=False, wall_ms=WALL)
    assert book.find(key("one"), WALL) == new
    assert len(book) == book.new_count == 1


def test_a_record_is_taken_and_handed_on_for_a_day():
    book = made()
    assert not book.add(
        record_of("old", at=WALL - limits.node_record_age_ms_max - 1), proven=True, wall_ms=WALL
    )
    assert not book.add(
        record_of("early", at=WALL + limits.skew_ms_max + 1), proven=True, wall_ms=WALL
    )
    record = record_of("one", at=WALL - limits.node_record_age_ms_max)
    assert book.add(record, proven=True, wall_ms=WALL)
    assert book.find(key("one"), WALL) == record
    assert book.find(key("one"), WALL + 1) is None
    assert book.sample(16, chance=Chance(b"s"), wall_ms=WALL + 1) == []


def test_a_node_is_dialled_for_a_month():
    book = made()
    book.add(record_of("one"), proven=False, wall_ms=WALL)
    assert drawn(book, WALL + limits.node_memory_ms_max) == {key("one")}
    assert drawn(book, WALL + limits.node_memory_ms_max + 1) == set()
    assert len(book) == book.new_count == 0, "then it is forgotten"


def test_our_own_record_never_stands_in_the_book():
    assert not made().add(record_of("own"), proven=True, wall_ms=WALL)


def test_hearsay_does_not_displace_what_was_proved():
    book = made()
    true = record_of("one", seq=1)
    forged = record_of("one", seq=9, seed=blake2b_256(b"liar"), addresses=["liar.example:1"])
    assert book.add(forged, proven=False, wall_ms=WALL)
    assert book.add(true, proven=False, wall_ms=WALL)
    assert book.records_of(key("one"), WALL) == [forged, true], "in the order they came"
    assert book.add(true, proven=True, wall_ms=WALL)
    assert book.records_of(key("one"), WALL) == [true]
    assert not book.add(forged, proven=False, wall_ms=WALL)
    newer = record_of("one", seq=2)
    assert book.add(newer, proven=False, wall_ms=WALL), "its own signer may still renew it"
    assert not book.add(true, proven=True, wall_ms=WALL), "older, and proved before"
    book.refute(key("one"), "one.example:7440", WALL)
    assert book.find(key("one"), WALL) == newer
    found = book.node(key("one"))
    assert found
    assert found.standing is Standing.PROVEN


def test_hints_are_few_and_forgotten_when_a_dial_proves_them_false():
    book = made()
    for number in range(limits.hints_per_node_max + 2):
        book.add(record_of("one", seed=blake2b_256(bytes([number]))), proven=False, wall_ms=WALL)
    assert len(book.records_of(key("one"), WALL)) == limits.hints_per_node_max
    book.refute(key("one"), "elsewhere.example:7440", WALL)
    assert len(book.records_of(key("one"), WALL)) == limits.hints_per_node_max
    book.refute(key("one"), "one.example:7440", WALL)
    book.refute(key("never there"), "one.example:7440", WALL)
    assert book.find(key("one"), WALL) is None
    assert len(book) == book.new_count == 0


# --- what anybody can sign of anybody ------------------------------------------------------------


NAMES = [f"node{number}" for number in range(100)]


def lie(name: str, salt: bytes = b"", **facts) -> NodeRecord:
    """What anybody can sign of anybody else's transport key."""
    return record_of(
        name, **{"addresses": ["liar.example:1"], **facts}, seed=blake2b_256(b"l", salt)
    )


def hear(book: Book, *records: NodeRecord, source: str = "liar") -> list[bool]:
    return [book.add(each, proven=False, wall_ms=WALL, source=source) for each in records]


@pytest.mark.parametrize("addresses", [[], ["liar.example:1"]])
def test_lies_remove_nobody_from_the_new(addresses: list[str]):
    book = made()
    hear(book, *(record_of(name) for name in NAMES), source="honest")
    before = [name for name in NAMES if book.node(key(name))]
    assert len(before) > 80
    assert any(hear(book, *(lie(name, addresses=addresses) for name in NAMES))) == bool(addresses)
    for name in before:
        assert book.find(key(name), WALL) == record_of(name)
        found = book.node(key(name))
        assert found
        assert (found.group, found.is_confirmed) == (f"{name}.example", False)
    assert hear(book, lie("nobody", addresses=[])) == [False]


@pytest.mark.parametrize("is_proven", [True, False])
@pytest.mark.parametrize("addresses", [[], ["liar.example:1"]])
def test_lies_remove_and_move_nobody_of_the_tried_after_a_restart(addresses, is_proven: bool):
    book = made()
    for name in NAMES:
        address = f"{name}.example:7440"
        memory = NodeMemory(reached_ms=WALL - 1, address=address, is_proven=is_proven)
        book.restore(record_of(name), memory, WALL)
    before = book.tried_count
    assert before > 80
    news = hear(book, *(lie(name, addresses=addresses, seq=WALL + 9) for name in NAMES))
    assert book.tried_count == before
    assert any(news) == (bool(addresses) and not is_proven)
    assert all(book.find(key(name), WALL) in (record_of(name), None) for name in NAMES)
    assert sum(book.find(key(name), WALL) is not None for name in NAMES) >= before


def test_what_was_proved_in_an_earlier_run_is_renewed_by_its_signer_alone():
    book = made()
    book.restore(record_of("one", seq=1), NodeMemory(is_proven=True), WALL)
    newer = record_of("one", seq=2, addresses=["else.example:1"])
    assert hear(book, lie("one"), newer) == [False, True]
    assert book.records_of(key("one"), WALL) == [newer]
    book.restore(record_of("leaf", addresses=[]), NodeMemory(is_proven=True), WALL)
    assert book.node(key("leaf")) is None, "who cannot be dialled is met anew"


def test_liars_do_not_hide_where_a_mailbox_is():
    book = made()
    true = record_of("box", roles=[Role.MAILBOX])
    hear(book, true, source="honest")
    assert hear(book, *(lie("box", bytes([n])) for n in range(5))) == [True, True, *[False] * 3]
    assert book.records_of(key("box"), WALL)[0] == true
    assert hear(book, lie("box", b"\x00", seq=WALL + 1)) == [True], "by the same liar, in its place"
    assert book.records_of(key("box"), WALL)[0] == true
    assert hear(book, lie("box", b"\x00", seq=WALL)) == [False]


def test_liars_of_one_group_who_came_first_make_room_for_another_source():
    book = made()
    hear(book, *(lie("box", bytes([n])) for n in range(3)))
    true = record_of("box", roles=[Role.MAILBOX])
    assert hear(book, true, source="honest") == [True]
    assert book.records_of(key("box"), WALL) == [lie("box", b"\x00"), lie("box", b"\x01"), true]
    assert hear(book, lie("box", b"\x07"), source="other liar") == [True]
    assert hear(book, lie("box", b"\x08"), source="third liar") == [False]
    assert true in book.records_of(key("box"), WALL)


def test_hints_whose_addresses_do_not_answer_make_room():
    failing: set[NodeId] = set()
    book = made(is_failing=failing.__contains__)
    lies = [lie("box", bytes([n]), addresses=[f"liar{n}.example:1"]) for n in range(3)]
    hear(book, *lies)
    true = record_of("box")
    assert hear(book, true) == [False]
    book.doubt(key("box"), "liar0.example:1")
    book.doubt(key("nobody"), "nowhere.example:1")
    assert book.records_of(key("box"), WALL) == [lies[1], lies[2], lies[0]], "tried in turn"
    failing.add(key("box"))
    assert hear(book, true) == [True]
    assert book.records_of(key("box"), WALL) == [lies[1], lies[2], true]
    for each in lies:
        book.refute(key("box"), each.addresses[0], WALL)
    assert book.records_of(key("box"), WALL) == [true]
    assert book.new_count == 1


def test_three_liars_of_three_groups_hide_nobody_whom_somebody_dials():
    book = made()
    lies = [lie("box", bytes([n]), addresses=[f"liar{n}.example:1"]) for n in range(3)]
    for number, each in enumerate(lies):
        assert hear(book, each, source=f"liar {number}") == [True]
    true = record_of("box")
    assert hear(book, true, source="honest") == [False], "nothing speaks against the three yet"
    book.doubt(key("box"), "liar1.example:1")
    assert hear(book, true, source="liar 0") == [False], "its own word counts once"
    assert hear(book, true, source="honest") == [True]
    assert book.records_of(key("box"), WALL) == [lies[0], lies[2], true]
    assert hear(book, lie("box", b"\x09"), source="fourth liar") == [False]


def test_a_tried_node_of_hearsay_is_moved_only_by_what_a_dial_found():
    book = made()
    memory = NodeMemory(reached_ms=WALL - 1, address="one.example:7440")
    book.restore(record_of("one"), memory, WALL)
    assert hear(book, lie("one")) == [True]
    book.doubt(key("one"), "one.example:7440")
    assert book.find(key("one"), WALL) == record_of("one")
    book.refute(key("one"), "liar.example:1", WALL)
    assert (book.new_count, book.tried_count) == (0, 1)
    hear(book, lie("one"))
    book.refute(key("one"), "one.example:7440", WALL)
    assert (book.new_count, book.tried_count) == (1, 0)
    assert book.records_of(key("one"), WALL) == [lie("one")]


def test_samples_hold_dialable_others():
    failing = {key("gone")}
    book = made(is_failing=failing.__contains__)
    for name in ("one", "two", "three", "gone"):
        book.add(record_of(name), proven=False, wall_ms=WALL)
    book.add(record_of("leaf", addresses=[], roles=[]), proven=True, wall_ms=WALL)
    chance = Chance(b"seed")
    found = book.sample(16, chance=chance, wall_ms=WALL, without=key("two"))
    assert {record.key for record in found} == {key("one"), key("three")}
    assert len(book.sample(1, chance=chance, wall_ms=WALL)) == 1


def test_nodes_are_found_by_role():
    book = made()
    book.add(record_of("relay"), proven=False, wall_ms=WALL)
    book.add(record_of("box", roles=[Role.MAILBOX, Role.RELAY]), proven=False, wall_ms=WALL)
    assert [record.key for record in book.with_role(Role.MAILBOX, WALL)] == [key("box")]
    assert len(book.with_role(Role.RELAY, WALL)) == 2
    assert book.with_role(Role.RELAY, WALL + limits.node_record_age_ms_max + 1) == []


def test_a_word_of_another_group_confirms_and_ones_own_does_not():
    book = made()
    record = record_of("one")
    for source, proven, confirmed in (
        ("a", False, False),
        ("a", False, False),
        ("b", True, False),
        ("", False, False),
        ("b", False, True),
    ):
        book.add(record, proven=proven, wall_ms=WALL, source=source)
        found = book.node(key("one"))
        assert found
        assert (found.source, found.is_confirmed) == ("a", confirmed)


# --- apart ---------------------------------------------------------------------------------------


def test_whom_nobody_can_dial_stands_apart(monkeypatch):
    monkeypatch.setattr(limits, "nodes_apart_max", 2)
    book = made()
    assert not book.add(record_of("rumour", addresses=[]), proven=False, wall_ms=WALL)
    for name in ("leaf", "leaf2", "leaf3"):
        assert book.add(record_of(name, addresses=[]), proven=True, wall_ms=WALL)
    assert book.find(key("leaf"), WALL) is None, "the first made room"
    assert book.find(key("leaf3"), WALL) is not None
    assert drawn(book) == set()
    assert not book.reached(key("leaf3"), "leaf.example:1", WALL)
    book.forget(key("leaf3"))
    assert len(book) == 1


def test_on_main_a_neighbour_stands_apart_and_is_never_drawn():
    book = made()
    lan = record_of("lan", net="main", addresses=["192.168.1.7:7440"], roles=[Role.MAILBOX])
    assert book.add(lan, proven=True, wall_ms=WALL)
    assert book.with_role(Role.MAILBOX, WALL) == [lan]
    assert drawn(book) == set()


def test_a_node_moves_with_its_record():
    book = made()
    book.add(record_of("one", seq=1), proven=True, wall_ms=WALL)
    book.add(record_of("one", seq=2, addresses=[]), proven=True, wall_ms=WALL)
    assert (book.new_count, len(book)) == (0, 1)
    book.add(record_of("one", seq=3, addresses=[]), proven=True, wall_ms=WALL)
    book.add(record_of("one", seq=4, addresses=["else.example:1"]), proven=True, wall_ms=WALL)
    assert drawn(book) == {key("one")}
    found = book.node(key("one"))
    assert found
    assert found.group == "else.example"
    book.reached(key("one"), "else.example:1", WALL)
    book.add(record_of("one", seq=5, addresses=["else.example:1"]), proven=True, wall_ms=WALL)
    assert (book.new_count, book.tried_count) == (0, 1)
    book.add(record_of("one", seq=6, addresses=["third.example:1"]), proven=True, wall_ms=WALL)
    assert (book.new_count, book.tried_count) == (1, 0), "nobody has reached it there"


# --- the new -------------------------------------------------------------------------------------


def crowd(count: int, block: str = "203") -> list[NodeRecord]:
    return [record_of(f"{block}-{n}", addresses=[f"n{n}.{block}.example:1"]) for n in range(count)]


def test_a_taken_place_goes_only_from_the_worthless(monkeypatch):
    failing: set[NodeId] = set()
    book = made(is_failing=failing.__contains__)
    monkeypatch.setattr(book._places, "new", lambda *_: 7)
    one, two, three, four = crowd(4)
    assert book.add(one, proven=False, wall_ms=WALL)
    assert not book.add(two, proven=False, wall_ms=WALL)
    failing.add(one.key)
    assert book.add(two, proven=False, wall_ms=WALL), "one could never be reached"
    assert book.node(one.key) is None
    stale = WALL + limits.node_record_age_ms_max + 1
    fresh = record_of("fresh", at=stale)
    assert book.add(fresh, proven=False, wall_ms=stale), "of two nobody has heard for a day"
    found = book.node(fresh.key)
    assert found
    found.reached_ms = stale
    failing.add(fresh.key)
    assert not book.add(record_of("x", at=stale), proven=False, wall_ms=stale), "once reached"
    assert three.key != four.key


def test_one_group_takes_a_sixteenth_whoever_speaks_for_it(monkeypatch):
    monkeypatch.setattr(limits, "group_new_max", 3)
    book = made()
    for number in range(20):
        record = record_of(f"n{number}", addresses=[f"8.8.{number}.1:7440"])
        book.add(record, proven=False, wall_ms=WALL, source=f"source {number}")
    assert book.new_count == 3
    book.forget(next(iter(drawn(book))))
    again = record_of("again", addresses=["8.8.99.1:7440"])
    assert book.add(again, proven=False, wall_ms=WALL, source="else")


def test_a_large_book_is_drawn_from_not_walked(monkeypatch):
    monkeypatch.setattr(book_room, "DRAWS_MAX", 8)
    book = made()
    for record in crowd(20):
        book.add(record, proven=False, wall_ms=WALL, source=record.addresses[0])
    assert not book.is_small
    assert len(list(book.draws(Chance(b"d"), WALL))) == 8
    assert list(book.draws(Chance(b"d"), WALL + 2 * limits.node_memory_ms_max)) == []
    for _ in range(20):
        list(book.draws(Chance(b"e"), WALL + 2 * limits.node_memory_ms_max))
    assert len(book) < 20
    assert list(made().draws(Chance(b"d"), WALL)) == []


def test_a_book_that_empties_while_it_is_drawn_from(monkeypatch):
    monkeypatch.setattr(Book, "is_small", False)
    book = made()
    for record in crowd(2):
        book.add(record, proven=False, wall_ms=WALL, source=record.addresses[0])
    for each in book.draws(Chance(b"d"), WALL):
        book.forget(each)
    assert len(book) == 0


def test_whoever_leaves_while_all_are_walked_is_left_out():
    book = made()
    for record in crowd(2):
        book.add(record, proven=False, wall_ms=WALL)
    draws = book.draws(Chance(b"d"), WALL)
    first = next(draws)
    (other,) = drawn(book) - {first}
    book.forget(other)
    assert list(draws) == []


# --- the tried, and test before evict ------------------------------------------------------------


def two_for_one_place(monkeypatch, book: Book) -> tuple[NodeId, NodeId]:
    monkeypatch.setattr(book._places, "tried", lambda *_: 3)
    for name in ("holder", "rival"):
        book.add(record_of(name), proven=True, wall_ms=WALL)
    assert book.reached(key("holder"), "holder.example:7440", WALL)
    return key("holder"), key("rival")


def test_who_was_reached_is_tried():
    book = made()
    assert not book.reached(key("one"), "one.example:7440", WALL)
    book.add(record_of("one"), proven=True, wall_ms=WALL)
    assert book.reached(key("one"), "one.example:7440", WALL)
    assert (book.new_count, book.tried_count) == (0, 1)
    assert drawn(book, new_only=True) == set()
    assert book.reached(key("one"), "one.example:7440", WALL + 5)
    found = book.node(key("one"))
    assert found
    assert (found.reached_ms, found.address) == (WALL + 5, "one.example:7440")
    assert book.reached(key("one"), "one.example:7440", WALL, group="8.8.0.0/16")
    assert (found.group, found.reached_ms, book.tried_count) == ("8.8.0.0/16", WALL + 5, 1)
    book.forget(key("one"))
    assert len(book) == book.tried_count == 0


def test_the_same_place_in_another_group_is_no_contest(monkeypatch):
    book = made()
    holder, _ = two_for_one_place(monkeypatch, book)
    assert book.reached(holder, "holder.example:7440", WALL, group="8.8.0.0/16")
    assert book.contested() is None
    assert book.tried_count == 1


def test_whoever_was_reached_lately_keeps_its_place(monkeypatch):
    book = made()
    _, rival = two_for_one_place(monkeypatch, book)
    assert book.reached(rival, "rival.example:7440", WALL + limits.contest_ms)
    assert book.contested() is None
    assert (book.new_count, book.tried_count) == (1, 1)


@pytest.mark.parametrize("is_there", [True, False])
def test_a_place_is_contested_until_its_holder_was_looked_after(monkeypatch, is_there: bool):
    book = made()
    holder, rival = two_for_one_place(monkeypatch, book)
    after = WALL + limits.contest_ms + 1
    assert book.reached(rival, "rival.example:7440", after)
    assert book.reached(rival, "rival.example:7440", after), "twice is one contest"
    assert book.contested() == holder
    assert (book.new_count, book.tried_count) == (1, 1)
    book.decide(holder, is_there=is_there, wall_ms=after)
    assert book.contested() is None
    winner = book.node(holder if is_there else rival)
    assert winner
    assert winner.is_tried
    assert book.tried_count == 1
    assert len(book) == 2
    book.decide(holder, is_there=False, wall_ms=after)
    assert len(book) == 2, "nobody contests it"


def test_contests_are_few_and_end_with_whoever_goes(monkeypatch):
    monkeypatch.setattr(limits, "contests_max", 1)
    book = made()
    holder, rival = two_for_one_place(monkeypatch, book)
    book.add(record_of("late"), proven=True, wall_ms=WALL)
    after = WALL + limits.contest_ms + 1
    book.reached(rival, "rival.example:7440", after)
    book.reached(key("late"), "late.example:7440", after)
    book.decide(holder, is_there=True, wall_ms=after)
    assert book.contested() is None, "one contest was noted"
    book.reached(rival, "rival.example:7440", after)
    book.forget(rival)
    assert book.contested() is None
    book.reached(key("late"), "late.example:7440", after)
    book.forget(holder)
    assert book.contested() is None


def test_a_rival_that_has_gone_meanwhile_gets_nothing(monkeypatch):
    book = made()
    holder, rival = two_for_one_place(monkeypatch, book)
    after = WALL + limits.contest_ms + 1
    book.reached(rival, "rival.example:7440", after)
    # Its newest record names no address any more.
    book.add(record_of("rival", seq=WALL + 1, addresses=[]), proven=True, wall_ms=WALL)
    book._contests[rival] = holder
    book.decide(holder, is_there=False, wall_ms=after)
    assert (book.new_count, book.tried_count) == (1, 0)


# --- earlier runs --------------------------------------------------------------------------------


def test_what_was_reached_in_an_earlier_run_is_tried():
    book = made()
    day = 86_400_000
    record = record_of("one", at=WALL - 5 * day)
    memory = NodeMemory(reached_ms=WALL - 4 * day, address="one.example:7440", group="8.8.0.0/16")
    book.restore(record, memory, WALL)
    found = book.node(key("one"))
    assert found
    assert (found.is_tried, found.group, found.reached_ms) == (True, "8.8.0.0/16", WALL - 4 * day)
    assert book.find(key("one"), WALL) is None, "too old to be handed on"
    assert drawn(book) == {key("one")}


def test_what_was_only_heard_of_comes_back_with_its_source():
    book = made()
    book.restore(record_of("one"), NodeMemory(source="9.9.0.0/16"), WALL)
    elsewhere = NodeMemory(reached_ms=WALL, address="left.example:1")
    book.restore(record_of("two"), elsewhere, WALL)
    book.restore(record_of("three", addresses=[]), elsewhere, WALL)
    found = book.node(key("one"))
    assert found
    assert found.source == "9.9.0.0/16"
    assert (book.new_count, book.tried_count, len(book)) == (2, 0, 2)


def test_what_is_over_or_not_yet_does_not_come_back():
    book = made()
    old = WALL - limits.node_memory_ms_max - 1
    book.restore(record_of("old", at=old), NodeMemory(reached_ms=old), WALL)
    book.restore(record_of("early", at=WALL + limits.skew_ms_max + 1), NodeMemory(), WALL)
    assert len(book) == 0
