"""The window serves each channel in its own right, and no channel without bound."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from node.post.mailbox import Session
from node.post.window import Window
from node.runtime.tasks import Tasks
from protocol import limits
from protocol.channel.messages import Message, Ping, Refused
from protocol.channel.post import BoxChallenge, BoxNonce, BoxRead, Letters
from protocol.errors import Reason
from protocol.ids import NodeId


def window_of(mailbox: Any, tasks: Tasks) -> Window:
    return Window(mailbox=mailbox, tasks=tasks)


class SlowMailbox:
    """Answers when told to."""

    def __init__(self) -> None:
        self.sessions: list[Session] = []
        self.go = asyncio.Event()

    async def answer(self, session: Session, ask: Any) -> Any:
        self.sessions.append(session)
        await self.go.wait()
        if isinstance(ask, BoxRead):
            return Letters(request=ask.request, letters=[b"l"])
        return BoxNonce(request=ask.request, challenge=bytes(32))


class Channel:
    peer_id = NodeId(b"p" * 32)
    handshake_hash = b"h" * 64

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.takes = True

    def send(self, message: Message) -> bool:
        if self.takes:
            self.sent.append(message)
        return self.takes

    async def request(self, ask: Any, timeout_ms: int) -> Any:
        raise NotImplementedError


@pytest.fixture
async def tasks():
    found = Tasks()
    yield found
    await found.close()
    assert found.failures == 0


def challenge(number: int) -> BoxChallenge:
    return BoxChallenge(request=number, reader=bytes(32))


def reading(number: int) -> BoxRead:
    return BoxRead(request=number, reader=bytes(32), signature=bytes(64), wait_ms=1)


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_answers_go_back_on_their_channel(tasks):
    mailbox = SlowMailbox()
    window = window_of(mailbox, tasks)
    one, two = Channel(), Channel()
    window.handle(one, challenge(1))
    window.handle(one, challenge(2))
    window.handle(two, challenge(3))
    window.handle(two, Ping(nonce=1))
    await turns()
    mailbox.go.set()
    await turns()
    assert [message.request for message in one.sent] == [1, 2]
    assert [message.request for message in two.sent] == [3]
    assert mailbox.sessions[0] is mailbox.sessions[1]
    assert mailbox.sessions[0] is not mailbox.sessions[2]
    assert mailbox.sessions[0].handshake_hash == one.handshake_hash


async def test_one_channel_asks_so_much_at_a_time(tasks):
    mailbox = SlowMailbox()
    window = window_of(mailbox, tasks)
    channel = Channel()
    for number in range(limits.post_questions_max + 1):
        window.handle(channel, challenge(number))
    assert channel.sent == [Refused(request=limits.post_questions_max, reason=Reason.OVER_BUDGET)]
    # a reading that waits takes nobody's place
    window.handle(channel, reading(500))
    other = Channel()
    window.handle(other, challenge(1))
    await turns()
    mailbox.go.set()
    await turns()
    assert len(channel.sent) == limits.post_questions_max + 2
    assert len(other.sent) == 1
    window.handle(channel, challenge(501))
    await turns()
    assert channel.sent[-1] == BoxNonce(request=501, challenge=bytes(32))


async def test_readings_have_a_bound_of_their_own(tasks, monkeypatch):
    monkeypatch.setattr("node.post.window._READS_MAX", 2)
    mailbox = SlowMailbox()
    window = window_of(mailbox, tasks)
    channel = Channel()
    for number in range(3):
        window.handle(channel, reading(number))
    assert channel.sent == [Refused(request=2, reason=Reason.OVER_BUDGET)]
    mailbox.go.set()
    await turns()
    window.handle(channel, reading(3))
    await turns()
    assert channel.sent[-1] == Letters(request=3, letters=[b"l"])


async def test_letters_that_could_not_leave_are_given_again(tasks):
    mailbox = SlowMailbox()
    window = window_of(mailbox, tasks)
    channel = Channel()
    channel.takes = False
    window.handle(channel, reading(1))
    await turns()
    mailbox.sessions[0].given[bytes(32)] = 7
    mailbox.go.set()
    await turns()
    assert mailbox.sessions[0].given[bytes(32)] == 0


async def test_a_session_goes_with_its_channel(tasks):
    mailbox = SlowMailbox()
    mailbox.go.set()
    window = window_of(mailbox, tasks)
    window.handle(Channel(), challenge(1))
    await turns()
    gc.collect()
    assert len(window._askers) == 0
