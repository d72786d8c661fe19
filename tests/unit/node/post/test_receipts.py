"""Receipts get to every mailbox, once each at a time, and are not carried for ever."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from node.entropy import SystemEntropy
from node.errors import TransportError
from node.post.receipts import Receipts
from node.post.retry import Backoff
from node.runtime.tasks import Tasks
from node.storage.boxes_own import OwnBox
from protocol.channel.messages import Refused
from protocol.channel.post import Receipt, ReceiptStored
from protocol.errors import Reason
from protocol.ids import BoxKey, LetterHash, NodeId, SigningKey
from tests.unit.node.post.town import eventually

NAME = LetterHash(b"l" * 32)
READER = b"r" * 32
ONE, TWO = b"1" * 32, b"2" * 32
BOX = OwnBox(
    reader=SigningKey(READER),
    ctx=b"n" * 16,
    box=BoxKey(b"b" * 32),
    mailboxes=(NodeId(ONE), NodeId(TWO)),
    until=1,
    opened_at=(),
    closed=False,
)
STORED = ReceiptStored(request=1)


class Mailboxes:
    """Plays carrier and links; answers from a list, the last one for ever."""

    def __init__(self) -> None:
        self.answers: dict[bytes, list[Any]] = {ONE: [STORED], TWO: [STORED]}
        self.asked: list[tuple[bytes, Receipt]] = []

    async def link(self, mailbox: bytes, ctx: bytes) -> Any:
        assert ctx == BOX.ctx
        boxes = self

        class Link:
            async def request(self, ask: Any, timeout_ms: int) -> Any:
                boxes.asked.append((mailbox, ask))
                answers = boxes.answers[mailbox]
                answer = answers.pop(0) if len(answers) > 1 else answers[0]
                if isinstance(answer, Exception):
                    raise answer
                return answer

        return Link()


@pytest.fixture
async def tasks():
    found = Tasks()
    yield found
    await found.close()
    assert found.failures == 0


def carrying(mailboxes: Any, tasks: Tasks, jitter_ms: int = 0) -> Receipts:
    return Receipts(
        carrier=mailboxes,
        entropy=SystemEntropy(),
        tasks=tasks,
        jitter_ms=jitter_ms,
        backoff=Backoff(base_ms=1, cap_ms=2),
    )


async def test_every_mailbox_gets_it(tasks):
    mailboxes = Mailboxes()
    carrying(mailboxes, tasks, jitter_ms=2).leave(BOX, NAME, b"sealed", [ONE, TWO])
    await eventually(lambda: len(mailboxes.asked) == 2)
    message = Receipt(reader=READER, letter_hash=NAME, receipt=b"sealed")
    assert sorted(mailboxes.asked, key=lambda pair: pair[0]) == [(ONE, message), (TWO, message)]


async def test_a_lost_link_or_a_missing_proof_is_tried_again(tasks):
    mailboxes = Mailboxes()
    not_yet = Refused(request=1, reason=Reason.NOT_PARTY)
    mailboxes.answers[ONE] = [TransportError("gone"), not_yet, STORED]
    receipts = carrying(mailboxes, tasks)
    receipts.leave(BOX, NAME, b"sealed", [ONE])
    await eventually(lambda: len(mailboxes.asked) == 3 and not receipts._leaving)


@pytest.mark.parametrize("reason", [Reason.OVER_BUDGET, Reason.QUOTA])
async def test_a_mailbox_that_cannot_just_now_is_asked_again(tasks, reason: Reason):
    mailboxes = Mailboxes()
    mailboxes.answers[ONE] = [Refused(request=1, reason=reason), STORED]
    receipts = carrying(mailboxes, tasks)
    receipts.leave(BOX, NAME, b"sealed", [ONE])
    await eventually(lambda: len(mailboxes.asked) == 2 and not receipts._leaving)


async def test_a_closed_box_is_not_asked_again(tasks):
    mailboxes = Mailboxes()
    mailboxes.answers[ONE] = [Refused(request=1, reason=Reason.NOT_OPEN)]
    receipts = carrying(mailboxes, tasks)
    receipts.leave(BOX, NAME, b"", [ONE])
    await eventually(lambda: not receipts._leaving)
    assert len(mailboxes.asked) == 1


async def test_nobody_carries_for_ever(tasks):
    mailboxes = Mailboxes()
    mailboxes.answers[ONE] = [TransportError("gone")]
    receipts = carrying(mailboxes, tasks)
    receipts.leave(BOX, NAME, b"sealed", [ONE])
    await eventually(lambda: not receipts._leaving)
    assert len(mailboxes.asked) == 8


async def test_the_same_way_is_walked_once_and_their_number_is_bounded(tasks, monkeypatch):
    monkeypatch.setattr("node.post.receipts._LEAVING_MAX", 1)
    mailboxes = Mailboxes()
    receipts = carrying(mailboxes, tasks, jitter_ms=60_000)
    receipts.leave(BOX, NAME, b"sealed", [ONE, ONE, TWO])
    assert receipts._leaving == {ONE: {(READER, NAME)}, TWO: {(READER, NAME)}}
    receipts.leave(BOX, LetterHash(b"m" * 32), b"sealed", [ONE])
    assert receipts._leaving[ONE] == {(READER, NAME)}
    await asyncio.sleep(0)
    assert mailboxes.asked == []


async def test_letting_go_waits_for_nothing(tasks):
    mailboxes = Mailboxes()
    carrying(mailboxes, tasks, jitter_ms=60_000).leave(BOX, NAME, b"", [ONE])
    await eventually(lambda: mailboxes.asked)
