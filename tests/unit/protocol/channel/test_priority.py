"""Priorities: what somebody waits for goes before what nobody asked for."""

from __future__ import annotations

from protocol.channel.messages import Bye, Ids, Message, Objects, WhoIs
from protocol.channel.post import Letters, Put
from protocol.channel.priority import Priority, priority_of
from protocol.errors import Reason


def test_order_of_sending():
    messages: list[Message] = [
        Objects(raws=[b"x"]),
        Ids(ids=[]),
        Put(reader=bytes(32), letter=b"x", work=bytes(8)),
        Bye(reason=Reason.SHUTDOWN),
    ]
    assert [priority_of(message) for message in messages] == [
        Priority.PUSH,
        Priority.PULL,
        Priority.LETTERS,
        Priority.CONTROL,
    ]
    assert sorted(messages, key=priority_of)[0] == messages[-1]


def test_questions_are_urgent_and_letters_bulky():
    assert priority_of(WhoIs(key=bytes(32))) is Priority.CONTROL
    assert priority_of(Letters(letters=[])) is Priority.LETTERS
