"""One look at a time for a node, and a rest after one that found nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from node.clock import ManualClock
from node.errors import TransportError
from node.network.connection import Connection
from node.runtime import search as search_module
from node.runtime.search import REST_MS, REST_MS_MAX, Search
from node.runtime.tasks import Tasks
from protocol.ids import NodeId

KEY, OTHER = NodeId(b"\x01" * 32), NodeId(b"\x02" * 32)


class Country:
    """Where nodes are, or are not."""

    def __init__(self) -> None:
        self.looks: list[NodeId] = []
        self.known: dict[NodeId, list[str]] = {KEY: ["192.0.2.1:1"], OTHER: ["192.0.2.2:1"]}
        self.answer = asyncio.Event()
        self.links: dict[NodeId, Connection] = {}
        self.clock = ManualClock()
        self.tasks = Tasks()
        self.search = Search(
            self.find, known=self.known.get, clock=self.clock, spawn=self.tasks.spawn
        )

    async def find(self, key: NodeId) -> Connection:
        self.looks.append(key)
        await self.answer.wait()
        if key not in self.links:
            raise TransportError("not there", code="E-PEER-TIMEOUT", fix="Wait")
        return self.links[key]

    async def refused(self, key: NodeId = KEY) -> int:
        """Look in vain; gives how many looks that took."""
        before = len(self.looks)
        with pytest.raises(TransportError, match="not there"):
            await self.search.find(key)
        return len(self.looks) - before


@pytest.fixture
async def country() -> AsyncIterator[Country]:
    found = Country()
    yield found
    await found.tasks.close()


async def test_all_who_ask_wait_for_one_look(country: Country):
    link = country.links[KEY] = cast("Connection", object())
    asking = [asyncio.ensure_future(country.search.find(KEY)) for _ in range(50)]
    await asyncio.sleep(0)
    country.answer.set()
    assert await asyncio.gather(*asking) == [link] * 50
    assert country.looks == [KEY]
    # What was found once is looked for again when it is asked for again.
    assert await country.search.find(KEY) is link
    assert country.looks == [KEY, KEY]


async def test_all_who_ask_in_vain_are_told_why_each_by_an_error_of_its_own(country: Country):
    asking = [asyncio.ensure_future(country.search.find(KEY)) for _ in range(3)]
    await asyncio.sleep(0)
    country.answer.set()
    errors: list[Any] = await asyncio.gather(*asking, return_exceptions=True)
    assert {(each.sentence, each.code, each.fix) for each in errors} == {
        ("not there", "E-PEER-TIMEOUT", "Wait")
    }
    assert len({id(each) for each in errors}) == 3
    assert (country.looks, country.tasks.failures) == ([KEY], 0)


async def test_who_gives_up_does_not_end_the_look_of_others(country: Country):
    link = country.links[KEY] = cast("Connection", object())
    first, second = (asyncio.ensure_future(country.search.find(KEY)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    country.answer.set()
    assert await second is link
    assert country.looks == [KEY]


async def test_a_node_that_was_not_found_is_left_alone_ever_longer(country: Country):
    country.answer.set()
    assert [await country.refused() for _ in range(20)] == [1] + [0] * 19
    assert await country.refused(OTHER) == 1
    for rest_ms in (REST_MS, 2 * REST_MS, REST_MS_MAX, REST_MS_MAX):
        country.clock.advance(rest_ms - 1)
        assert await country.refused() == 0
        country.clock.advance(1)
        assert await country.refused() == 1
    country.links[KEY] = cast("Connection", object())
    country.clock.advance(REST_MS_MAX)
    await country.search.find(KEY)
    del country.links[KEY]
    # Found in between: it begins anew.
    assert [await country.refused(), await country.refused()] == [1, 0]
    country.clock.advance(REST_MS)
    assert await country.refused() == 1


async def test_news_of_where_it_is_ends_the_rest(country: Country):
    country.answer.set()
    assert [await country.refused(), await country.refused()] == [1, 0]
    country.known[KEY] = ["192.0.2.9:1", "192.0.2.1:1"]
    assert [await country.refused(), await country.refused()] == [1, 0]


async def test_what_nobody_knew_is_asked_for_each_time(country: Country):
    country.answer.set()
    country.known[KEY] = []
    assert [await country.refused() for _ in range(3)] == [1, 1, 1]


async def test_the_memory_of_failures_is_bounded(country: Country, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(search_module, "FAILED_MAX", 1)
    country.answer.set()
    await country.refused(KEY)
    await country.refused(OTHER)
    assert list(country.search._failed) == [OTHER]
    assert await country.refused(KEY) == 1
