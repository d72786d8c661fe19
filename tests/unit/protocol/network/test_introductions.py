"""Introductions: only what was asked for, in measure, and answers from those who are there."""

from __future__ import annotations

import pytest

from protocol import limits
from protocol.channel.messages import RecordsAnswer, RecordsQuery, Refused, WhoIs, WhoIsAnswer
from protocol.errors import RemoteProtocolError
from protocol.ids import NodeId
from protocol.network.actions import SaveRecord, SendMessage
from protocol.network.addresses import Role, read_record
from protocol.network.book import Book
from protocol.network.chance import Chance
from protocol.network.events import NodeAsked, RecordsAsked
from protocol.network.introductions import Introductions
from tests.parties import NET
from tests.unit.protocol.network.driver import NOW, later, peer, record_of

A = peer("a")


def made() -> Introductions:
    book = Book(own=NodeId(peer("own")), secret=b"s" * 32)
    return Introductions(book=book, chance=Chance(b"x"), read=lambda raw: read_record(raw, net=NET))


def number_of(action: object) -> int:
    assert isinstance(action, SendMessage)
    assert isinstance(action.message, RecordsQuery)
    return action.message.request


def asked(count: int) -> RecordsAsked:
    return RecordsAsked(peer=A, query=RecordsQuery(request=4, count=count))


def test_only_the_answer_to_the_last_question_is_read_once():
    talks = made()
    first = number_of(talks.joined(A, NOW))
    second = number_of(talks.ask(A))
    assert talks.accepted(A, RecordsAnswer(request=first, records=[b"x"]), NOW) == []
    assert talks.accepted(A, RecordsAnswer(request=second, records=[b"x"]), NOW) == [b"x"]
    assert talks.accepted(A, RecordsAnswer(request=second, records=[b"x"]), NOW) == []
    assert talks.accepted(peer("b"), RecordsAnswer(request=second, records=[b"x"]), NOW) == []
    talks.ask(A)
    assert talks.accepted(A, RecordsAnswer(request=0, records=[b"x"]), NOW) == []
    talks.lost(A)
    talks.lost(A)


def test_a_peer_tells_so_many_at_once_and_then_one_in_ten_seconds(monkeypatch):
    monkeypatch.setattr(limits, "records_first_max", 20)
    talks, now, taken = made(), NOW, []
    number = number_of(talks.joined(A, now))
    for _ in range(4):
        answer = RecordsAnswer(request=number, records=[b"x"] * 16)
        taken.append(len(talks.accepted(A, answer, now)))
        now = later(25_000, now)
        number = number_of(talks.ask(A))
    assert taken == [16, 6, 3, 2], "25 s bring two or three"
    now = later(3_600_000, now)
    assert talks.accepted(A, RecordsAnswer(request=number, records=[b"x"] * 16), now) == [b"x"] * 16
    number = number_of(talks.ask(A))
    assert len(talks.accepted(A, RecordsAnswer(request=number, records=[b"x"] * 16), now)) == 4


def test_a_record_is_first_hand_from_its_own_node_alone():
    talks = made()
    mine = record_of("a")
    (saved,) = talks.hear(mine.raw, NOW, source="s", first_hand=mine)
    assert saved == SaveRecord(record=mine, is_proven=True, source="s")
    (hint,) = talks.hear(record_of("b").raw, NOW, source="s", first_hand=mine)
    assert isinstance(hint, SaveRecord)
    assert not hint.is_proven
    assert talks.hear(record_of("b").raw, NOW, source="s", first_hand=None) == []
    lie = record_of("b", seed=b"l" * 32, addresses=["liar.example:1"])
    assert talks.hear(lie.raw, NOW, source="liar", first_hand=mine) == [], "no lie goes to disk"
    newer = record_of("a", seq=NOW.wall_ms + 1)
    (saved,) = talks.hear(newer.raw, NOW, source="s", first_hand=None)
    assert saved == SaveRecord(record=newer, is_proven=True, source="s"), "by the signer it proved"
    with pytest.raises(RemoteProtocolError):
        talks.hear(b"nonsense", NOW, source="s", first_hand=mine)


def test_half_of_an_answer_are_relays_that_are_linked():
    talks = made()
    talks.own = record_of("own")
    linked = [record_of(f"l{n}") for n in range(20)]
    linked += [record_of("leaf", addresses=[]), record_of("box", roles=[Role.MAILBOX])]
    linked += [record_of("a"), record_of("old", at=NOW.wall_ms - 2 * limits.node_record_age_ms_max)]
    known = [record_of(f"k{n}") for n in range(40)]
    for record in known:
        talks.take(record, NOW, source=record.addresses[0], is_proven=False)
    action = talks.answer(asked(16), linked, NOW)
    assert isinstance(action, SendMessage)
    assert isinstance(action.message, RecordsAnswer)
    records = [read_record(raw, net=NET) for raw in action.message.records]
    names = {record.key: record.addresses for record in records}
    assert len(names) == len(records) == 16
    assert records[0] == talks.own
    assert sum(record in linked[:20] for record in records) == 8
    assert sum(record in known for record in records) == 7


def test_a_peer_that_asks_too_often_is_refused():
    talks = made()
    talks.joined(A, NOW)
    first, again = talks.answer(asked(2), [], NOW), talks.answer(asked(2), [], NOW)
    assert isinstance(first, SendMessage)
    assert isinstance(again, SendMessage)
    assert isinstance(first.message, RecordsAnswer)
    assert isinstance(again.message, Refused)
    later_on = talks.answer(asked(2), [], later(limits.records_pause_ms))
    assert isinstance(later_on, SendMessage)
    assert isinstance(later_on.message, RecordsAnswer)


def test_who_is_linked_is_named_even_without_a_place_in_the_book():
    talks = made()
    linked = [record_of("b"), record_of("old", at=NOW.wall_ms - 2 * limits.node_record_age_ms_max)]
    for name, known in (("b", True), ("old", False), ("nobody", False)):
        ask = NodeAsked(peer=A, query=WhoIs(request=8, key=peer(name)))
        action = talks.answer(ask, linked, NOW)
        assert isinstance(action, SendMessage)
        raw = record_of(name).raw if known else None
        assert action.message == WhoIsAnswer(request=8, record=raw)
