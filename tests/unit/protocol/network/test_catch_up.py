"""Walks through a peer's ids end, advance, pause and begin again."""

from __future__ import annotations

from protocol import limits
from protocol.channel.messages import IdsAnswer
from protocol.network import catch_up
from protocol.network.catch_up import CatchUp
from tests.unit.protocol.network.driver import peer

ONE = peer("one")


def nothing_waits(_peer: bytes) -> int:
    return 0


def name(number: int) -> bytes:
    return number.to_bytes(16, "big")


def ask(walks: CatchUp) -> tuple[int, int, bytes | None]:
    ((_, query),) = walks.queries(nothing_waits)
    return query.request, query.after_at, query.after_id


def test_a_walk_goes_page_by_page_to_the_end():
    walks = CatchUp()
    walks.begin(ONE)
    number, at, after = ask(walks)
    assert (at, after) == (0, None)
    assert walks.queries(nothing_waits) == []
    assert walks.take(ONE, IdsAnswer(request=number, ids=[name(1)], last_at=5, more=True))
    number, at, after = ask(walks)
    assert (at, after) == (5, name(1))
    assert walks.take(ONE, IdsAnswer(request=number, ids=[name(2)], last_at=5, more=False))
    assert walks.queries(nothing_waits) == []


def test_pages_not_asked_for_are_not_taken():
    walks = CatchUp()
    assert not walks.take(ONE, IdsAnswer(request=1, ids=[name(1)], last_at=5))
    walks.begin(ONE)
    number, _, _ = ask(walks)
    assert not walks.take(ONE, IdsAnswer(request=number + 1, ids=[name(1)], last_at=5))
    assert walks.take(ONE, IdsAnswer(request=number, ids=[]))
    assert not walks.take(ONE, IdsAnswer(request=number, ids=[]))


def test_pages_that_do_not_advance_end_the_walk():
    walks = CatchUp()
    walks.begin(ONE)
    number, _, _ = ask(walks)
    walks.take(ONE, IdsAnswer(request=number, ids=[name(3)], last_at=5, more=True))
    number, _, _ = ask(walks)
    assert walks.take(ONE, IdsAnswer(request=number, ids=[name(3)], last_at=5, more=True))
    assert walks.queries(nothing_waits) == []


def test_a_walk_ends_after_as_many_pages_as_a_table_has(monkeypatch):
    monkeypatch.setattr(catch_up, "_PAGES_MAX", 2)
    walks = CatchUp()
    walks.begin(ONE)
    for at in (1, 2):
        number, _, _ = ask(walks)
        walks.take(ONE, IdsAnswer(request=number, ids=[name(at)], last_at=at, more=True))
    assert walks.queries(nothing_waits) == []


def test_a_walk_pauses_while_much_is_owed():
    walks = CatchUp()
    walks.begin(ONE)
    assert walks.queries(lambda _peer: limits.ids_per_message_max) == []
    assert len(walks.queries(nothing_waits)) == 1


def test_a_walk_begins_again_and_is_forgotten():
    walks = CatchUp()
    walks.begin(ONE)
    old, _, _ = ask(walks)
    walks.begin(ONE)
    new, at, _ = ask(walks)
    assert (new != old, at) == (True, 0)
    assert not walks.take(ONE, IdsAnswer(request=old, ids=[name(1)], last_at=1, more=True))
    walks.lose(ONE)
    walks.lose(ONE)
    assert walks.queries(nothing_waits) == []


def test_a_refusal_ends_the_walk_it_answers():
    walks = CatchUp()
    walks.refused(ONE, 1)
    walks.begin(ONE)
    number, _, _ = ask(walks)
    walks.refused(ONE, number + 1)
    assert walks.take(ONE, IdsAnswer(request=number, ids=[name(1)], last_at=1, more=True))
    number, _, _ = ask(walks)
    walks.refused(ONE, number)
    assert walks.queries(nothing_waits) == []
