"""Names in batches, and news for those left quiet."""

from __future__ import annotations

from typing import Any

import pytest

from protocol import limits
from protocol.network.announcements import Announcements, ids_messages
from tests.unit.protocol.network.driver import peer

ONE, TWO = peer("one"), peer("two")


def name(number: int) -> bytes:
    return number.to_bytes(16, "big")


def nobody_knows(_name: bytes) -> bool:
    return False


def names_in(messages: list[Any]) -> list[bytes]:
    return [each for message in messages for each in message.message.ids]


def test_many_names_fit_their_messages():
    names = [name(n) for n in range(limits.ids_per_message_max + 1)]
    messages: list[Any] = ids_messages(ONE, names)
    assert [len(each.message.ids) for each in messages] == [limits.ids_per_message_max, 1]
    assert ids_messages(ONE, []) == []


def test_a_batch_holds_what_waited_for_each_peer():
    said = Announcements()
    assert not said.is_waiting
    said.add(ONE, name(1))
    said.add(TWO, name(1))
    said.add(ONE, name(2))
    said.add(TWO, name(9))
    said.lost(TWO)
    assert said.is_waiting
    [message] = said.flush()
    assert message.peer == ONE
    assert names_in([message]) == [name(1), name(2)]
    assert not said.is_waiting
    assert said.flush() == []


def test_a_quiet_peer_hears_each_piece_of_news_once():
    said = Announcements()
    said.happened(name(1), 0)
    said.happened(name(2), 5)
    assert names_in(said.news_for(ONE, lambda each: each == name(2))) == [name(1)]
    assert said.news_for(ONE, nobody_knows) == []
    said.happened(name(3), 9)
    assert names_in(said.news_for(ONE, nobody_knows)) == [name(3)]
    assert names_in(said.news_for(TWO, nobody_knows)) == [name(1), name(2), name(3)]
    said.lost(ONE)
    assert names_in(said.news_for(ONE, nobody_knows)) == [name(1), name(2), name(3)]


def test_news_grows_old():
    said = Announcements()
    said.happened(name(1), 0)
    said.happened(name(2), 1)
    said.forget(limits.recent_ids_ms)
    assert len(said) == 1
    assert names_in(said.news_for(ONE, nobody_knows)) == [name(2)]


def test_there_is_a_cap(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "recent_ids_max", 2)
    said = Announcements()
    for number in range(5):
        said.happened(name(number), number)
    assert names_in(said.news_for(ONE, nobody_knows)) == [name(3), name(4)]
