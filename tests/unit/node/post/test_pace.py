"""What is too much at once waits its turn; readings do not keep letters waiting."""

from __future__ import annotations

import asyncio
from typing import Any

from node.post.pace import PacedLink
from protocol import limits
from protocol.channel.post import BoxChallenge, BoxRead, Put, ReceiptQuery
from protocol.ids import NodeId

READER = b"r" * 32
CHALLENGE = BoxChallenge(reader=READER)
LETTER = Put(reader=READER, letter=b"sealed", work=bytes(8))
QUERY = ReceiptQuery(reader=READER, letter_hashes=[])
AT_ONCE = BoxRead(reader=READER, signature=bytes(64), wait_ms=0)
WAITING = BoxRead(reader=READER, signature=bytes(64), wait_ms=60_000)


class SlowWay:
    """Answers a question when it is told to."""

    peer_id = NodeId(b"m" * 32)
    handshake_hash = b"h" * 32

    def __init__(self) -> None:
        self.open: list[tuple[Any, asyncio.Future[Any]]] = []

    async def request(self, ask: Any, timeout_ms: int) -> Any:
        told: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.open.append((ask, told))
        return await told

    def count(self, *kinds: type[Any]) -> int:
        return sum(isinstance(ask, kinds) and not told.done() for ask, told in self.open)

    def answer_all(self) -> None:
        for _, told in self.open:
            if not told.done():
                told.set_result("answer")


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_it_is_the_same_channel():
    way = SlowWay()
    link = PacedLink(way)
    assert (link.peer_id, link.handshake_hash) == (way.peer_id, way.handshake_hash)


async def test_more_than_a_mailbox_answers_at_once_waits_and_is_asked_in_the_end():
    way = SlowWay()
    link = PacedLink(way)
    asks: list[Any] = [*[CHALLENGE] * 200, *[AT_ONCE] * 200, *[LETTER] * 200, *[QUERY] * 200]
    asked: list[Any] = [asyncio.ensure_future(link.request(ask, 1_000)) for ask in asks]
    most = 0
    while not all(each.done() for each in asked):
        await settle()
        most = max(most, way.count(BoxChallenge, BoxRead, Put, ReceiptQuery))
        way.answer_all()
    assert most < limits.post_questions_max
    assert [each.result() for each in asked] == ["answer"] * 800
    assert len(way.open) == 800


async def test_a_thousand_boxes_do_not_keep_a_letter_waiting():
    way = SlowWay()
    link = PacedLink(way)
    asked = [asyncio.ensure_future(link.request(CHALLENGE, 1_000)) for _ in range(1_000)]
    await settle()
    asked.append(asyncio.ensure_future(link.request(LETTER, 1_000)))
    await settle()
    assert way.count(Put) == 1
    for each in asked:
        each.cancel()
    await asyncio.gather(*asked, return_exceptions=True)


async def test_readings_that_wait_for_a_letter_take_no_place():
    way = SlowWay()
    link = PacedLink(way)
    asked = [asyncio.ensure_future(link.request(WAITING, 1_000)) for _ in range(300)]
    await settle()
    assert way.count(BoxRead) == 300
    asked.append(asyncio.ensure_future(link.request(CHALLENGE, 1_000)))
    await settle()
    assert way.count(BoxChallenge) == 1
    way.answer_all()
    await asyncio.gather(*asked)


async def test_who_gives_up_leaves_its_place_to_others():
    way = SlowWay()
    link = PacedLink(way)
    asked = [asyncio.ensure_future(link.request(CHALLENGE, 1_000)) for _ in range(100)]
    await settle()
    for each in asked:
        each.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
    last: Any = asyncio.ensure_future(link.request(CHALLENGE, 1_000))
    await settle()
    way.answer_all()
    assert await last == "answer"
