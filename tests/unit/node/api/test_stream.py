"""What streams refuse before they begin, and what ends them; the rest is told over real sockets."""

from __future__ import annotations

import asyncio
from typing import Any
from unittest.mock import Mock

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from node.api import stream
from node.api.guards import check_upgrade_origin
from node.api.problems import GateError
from node.api.stream import Patience, Streams
from node.api.voices import Ending
from node.errors import StorageError
from tests.unit.node.api.conftest import Asker, told
from tests.unit.node.api.fake_citizen import FakeChronicle, FakeCitizen

HOST = ("Host", "127.0.0.1:8420")


def asked(*pairs: tuple[str, str]) -> web.Request:
    return make_mocked_request("GET", "/v1/events/socket", headers=CIMultiDict([HOST, *pairs]))


@pytest.mark.parametrize(
    "pairs",
    [
        (),
        (("Cookie", "intentcast_8420=x"),),
        (("Origin", "null"), ("Authorization", "Bearer x")),
        (("Origin", "http://evil.example"), ("Authorization", "Bearer x")),
        (("Origin", "https://127.0.0.1:8420"),),
        (("Origin", "http://127.0.0.1:8421"),),
        (("Origin", "http://127.0.0.1:8420"), ("Origin", "http://127.0.0.1:8420")),
    ],
)
def test_an_upgrade_names_its_own_page_or_shows_a_token(pairs):
    with pytest.raises(GateError) as refused:
        check_upgrade_origin(asked(*pairs))
    assert refused.value.status in {400, 403}


@pytest.mark.parametrize(
    "pairs",
    [(("Origin", "http://127.0.0.1:8420"),), (("Authorization", "Bearer x"),)],
)
def test_an_honest_upgrade_passes(pairs):
    check_upgrade_origin(asked(*pairs))


async def test_a_question_without_an_upgrade_is_sent_on(asker: Asker):
    response = await asker.ask("GET", "/v1/events/socket")
    assert response.status == 426
    assert "/v1/events/stream" in told(response)["fix"]
    assert (await asker.ask("GET", "/v1/events/socket?after=1")).status == 422


@pytest.mark.parametrize("query", ["after=-1", "after=x", "after=9007199254740993", "from=1"])
async def test_bad_parameters(asker: Asker, query: str):
    assert (await asker.ask("GET", f"/v1/events/stream?{query}")).status == 422


@pytest.mark.parametrize("last", ["x", "-1", "9" * 40, "²", "9007199254740993"])
async def test_a_bad_last_event(asker: Asker, last: str):
    response = await asker.ask("GET", "/v1/events/stream", headers={"Last-Event-ID": last})
    assert (response.status, told(response)["field"]) == (422, "Last-Event-ID")


async def test_too_many(asker: Asker, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stream, "STREAMS_MAX", 0)
    response = await asker.ask("GET", "/v1/events/stream")
    assert (response.status, told(response)["code"]) == (503, "E-STREAMS")


# --- telling -------------------------------------------------------------------------------------


class Reader:
    """Takes what it is told; may stop taking, or go."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.signs = 0
        self.is_gone = False
        self.takes = True
        self.breaks: Exception | None = None

    async def event(self, event: dict[str, Any]) -> None:
        if not self.takes:
            await asyncio.Event().wait()
        if self.breaks is not None:
            raise self.breaks
        self.heard.append(event["n"])

    async def word(self, name: str, word: dict[str, Any]) -> None:
        self.heard.append((name, word["cursor"]))

    async def sign(self) -> None:
        self.signs += 1

    async def end(self, ending: Ending) -> None:
        self.heard.append(ending)
        self.is_gone = True


class Told:
    """A chronicle, a reader, and a stream between them."""

    def __init__(self, **patience: float) -> None:
        self.chronicle = FakeChronicle()
        self.reader = Reader()
        self.is_welcome = True
        self.transport = Mock(
            **{
                "get_extra_info.return_value": None,
                "is_closing.return_value": False,
                "get_write_buffer_size.return_value": 0,
            }
        )
        self.request = make_mocked_request("GET", "/x", transport=self.transport)
        self.streams = Streams(
            lambda _request: self.is_welcome,
            Patience(**{"send_s": 0.05, "sign_s": 0.05, **patience}),
        )

    def begin(self, after: int | None = 0) -> asyncio.Task[None]:
        def talk(_verdict: asyncio.Future[Ending]) -> Any:
            return self.streams._tell(self.chronicle, self.reader, after, self.request)

        return asyncio.ensure_future(self.streams._serve(self.request, self.reader, talk))

    async def heard(self, count: int) -> list[Any]:
        async with asyncio.timeout(5):
            while len(self.reader.heard) < count:
                await asyncio.sleep(0)
        return self.reader.heard


async def test_events_come_page_by_page_then_as_they_happen():
    told = Told()
    for _ in range(8):
        told.chronicle.add("offer")
    task = told.begin()
    assert await told.heard(9) == [*range(1, 9), ("live", 8)]
    told.chronicle.add("offer")
    assert (await told.heard(10))[-1] == 9
    await told.streams.close()
    await task
    assert told.reader.heard[-1] is Ending.STOPPING
    assert len(told.reader.heard) == 11
    assert told.streams.count == 0


async def test_a_gap_is_told_before_and_in_the_midst():
    told = Told()
    for _ in range(8):
        told.chronicle.add("offer")
    told.chronicle.oldest = 6
    task = told.begin()
    assert await told.heard(5) == [("gap", 5), 6, 7, 8, ("live", 8)]
    for _ in range(8):
        told.chronicle.lines.append({"n": told.chronicle.newest + 1})
    told.chronicle.oldest = 12
    told.chronicle.add("offer")
    assert (await told.heard(13))[5:] == [("gap", 11), *range(12, 18), ("live", 17)]
    told.reader.is_gone = True
    told.chronicle.add("offer")
    await task


async def test_a_sign_of_life_comes_while_nothing_happens():
    told = Told(sign_s=0.01)
    task = told.begin(None)
    async with asyncio.timeout(5):
        while told.reader.signs < 2:
            await asyncio.sleep(0.005)
    await told.streams.close()
    await task


@pytest.mark.parametrize(
    ("breaks", "ending"),
    [
        (ConnectionResetError(), Ending.GONE),
        (StorageError("the log is damaged", code="E-DB-DAMAGED"), Ending.FAILED),
        (KeyError("bug"), Ending.FAILED),
    ],
)
async def test_what_breaks_ends_the_stream_alone(breaks: Exception, ending: Ending):
    told = Told()
    told.chronicle.add("offer")
    told.reader.breaks = breaks
    await told.begin()
    assert told.reader.heard == [ending]


async def test_a_reader_that_takes_nothing_is_let_go_without_a_word():
    told = Told()
    told.chronicle.add("offer")
    told.reader.takes = False
    told.transport.get_write_buffer_size.return_value = 1
    await told.begin()
    assert told.reader.heard == []
    told.transport.abort.assert_called_once_with()


async def test_who_is_no_longer_welcome_hears_nothing_more():
    told = Told()
    task = told.begin()
    await told.heard(1)
    told.is_welcome = False
    told.chronicle.add("offer")
    await task
    assert told.reader.heard == [("live", 0), Ending.UNWELCOME]


async def test_after_the_end_nothing_begins():
    told = Told()
    await told.streams.close()
    await told.begin()
    assert told.reader.heard == [Ending.STOPPING]


async def test_a_handler_that_is_cancelled_leaves_nothing():
    told = Told()
    task = told.begin()
    await told.heard(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert told.streams.count == 0


async def test_lost_connections_leave_their_places(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stream, "STREAMS_MAX", 1)
    told = Told()
    task = told.begin()
    await told.heard(1)
    assert not told.streams._has_room(told.request)
    told.transport.is_closing.return_value = True
    assert told.streams._has_room(told.request)
    await told.streams.close()
    await task


async def test_citizens_have_a_chronicle(asker: Asker, citizen: FakeCitizen):
    assert citizen.chronicle.newest == 0
    assert asker.app[stream.STREAMS].count == 0
    assert isinstance(asker.app, web.Application)
