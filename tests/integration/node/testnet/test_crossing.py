"""Every line of a testnet: doors by node, links by pair, faults by name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from node.entropy import SeededEntropy
from node.testnet import crossing as crossing_module
from node.testnet.crossing import Crossing
from node.testnet.fault import Change, Cut, Fault
from protocol.errors import LocalProtocolError
from tests.integration.node.testnet.conftest import Dialled, Echo, eventually

NAMES = ["relay-1", "relay-2", "shop", "buyer-1"]


@pytest.fixture
async def crossing(echo: Echo) -> AsyncIterator[Crossing]:
    found = Crossing(NAMES, lambda link: SeededEntropy(link, net="test"))
    found.listens("relay-1", echo.address)
    yield found
    await found.close()


async def dial(door: str, address: str) -> Dialled:
    host, _, port = door.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET http://{address}/peer HTTP/1.1\r\n\r\n".encode())
    return reader, writer


HEARD = b"GET /PEER HTTP/1.1\r\n\r\n"


async def test_a_link_is_known_by_both_its_ends(crossing: Crossing, echo: Echo):
    reader, writer = await dial(await crossing.door("buyer-1"), echo.address)
    assert await reader.readexactly(len(HEARD)) == HEARD
    assert [view.document() for view in crossing.views()] == [
        {
            "link": "buyer-1~relay-1",
            "connections": 1,
            "resets": 0,
            "words": "nothing is wrong",
            "held": None,
            "fault": Fault().document(),
        }
    ]
    writer.close()
    await eventually(lambda: not crossing.views())


async def test_a_stranger_goes_by_the_address(crossing: Crossing, echo: Echo):
    other = Echo()
    await other.open()
    reader, writer = await dial(await crossing.door("shop"), other.address)
    assert await reader.readexactly(len(HEARD)) == HEARD
    assert [(view.first, view.second) for view in crossing.views()] == [(other.address, "shop")]
    writer.close()
    await other.close()


async def test_who_was_dialled_before_it_was_known_is_on_its_link_from_then_on(
    crossing: Crossing, echo: Echo
):
    # In a town that comes up, a node is told of by others before its start has ended.
    other = Echo()
    await other.open()
    crossing.change(Change(link="relay-2~shop", cut=Cut.RESET))
    reader, writer = await dial(await crossing.door("shop"), other.address)
    assert await reader.readexactly(len(HEARD)) == HEARD
    crossing.listens("relay-2", other.address)
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(reader.read(), 5)
    assert [(view.first, view.second) for view in crossing.views()] == [("relay-2", "shop")]
    writer.close()
    await other.close()


async def test_what_passes_on_before_it_was_known_meets_later_faults(
    crossing: Crossing, echo: Echo
):
    other = Echo()
    await other.open()
    reader, writer = await dial(await crossing.door("shop"), other.address)
    assert await reader.readexactly(len(HEARD)) == HEARD
    crossing.listens("relay-2", other.address)
    crossing.change(Change(link="relay-2~shop", cut=Cut.SILENT, one_way=True))
    writer.write(b"held!")
    await eventually(lambda: bytes(other.heard[0]).endswith(b"held!"))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.readexactly(5), 0.2)
    crossing.change(Change(heal=True))
    assert await asyncio.wait_for(reader.readexactly(5), 5) == b"HELD!"
    writer.close()
    await other.close()


async def test_a_fault_meets_the_link_whoever_dialled(crossing: Crossing, echo: Echo):
    door = await crossing.door("buyer-1")
    crossing.change(Change(link="relay-1~buyer-1", cut=Cut.RESET))
    reader, writer = await dial(door, echo.address)
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(reader.read(), 5)
    writer.close()
    crossing.change(Change(heal=True))
    reader, writer = await dial(door, echo.address)
    assert await reader.readexactly(len(HEARD)) == HEARD
    writer.close()


async def test_patterns_mean_every_link_between_those_nodes(crossing: Crossing):
    found = crossing.change(Change(link="relay-*~buyer-1", delay_ms=10))
    assert {(view.first, view.second) for view in found} == {
        ("buyer-1", "relay-1"),
        ("buyer-1", "relay-2"),
    }
    assert len(crossing.change(Change(link="*~*", loss=0.5))) == 6
    healed = crossing.change(Change(heal=True))
    assert len(healed) == 6
    assert {view.fault for view in healed} == {Fault()}
    assert crossing.views() == []
    assert crossing.change(Change(heal=True)) == []


async def test_faults_of_a_link_add_up(crossing: Crossing):
    crossing.change(Change(link="shop~relay-1", delay_ms=10))
    crossing.change(Change(link="relay-1~shop", bytes_per_s=1_000))
    (view,) = crossing.views()
    assert view.fault == Fault(delay_ms=10, bytes_per_s=1_000)


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("buyer-1", "names no link"),
        ("buyer-1~relay-9", "'relay-9' is no node"),
        ("~", "is no node"),
        ("shop~shop", "no link to itself"),
        ("a" * 500 + "~shop", "is no node"),
    ],
)
async def test_links_that_are_none(crossing: Crossing, link: str, words: str):
    with pytest.raises(LocalProtocolError, match=words) as caught:
        crossing.change(Change(link=link, delay_ms=1))
    assert caught.value.code == "E-LINK"
    assert caught.value.fix
    assert crossing.views() == []


async def test_a_number_out_of_range_changes_nothing(crossing: Crossing):
    with pytest.raises(LocalProtocolError) as caught:
        crossing.change(Change(delay_ms=-1))
    assert caught.value.code == "E-FAULT"
    assert crossing.views() == []


async def test_the_weather_loses_connections(crossing: Crossing, echo: Echo, monkeypatch):
    monkeypatch.setattr(crossing_module, "_SECOND", 0.01)
    reader, writer = await dial(await crossing.door("buyer-1"), echo.address)
    assert await reader.readexactly(len(HEARD)) == HEARD
    weather = asyncio.ensure_future(crossing.weather())
    await asyncio.sleep(0.05)
    assert len(crossing.views()) == 1
    crossing.change(Change(link="buyer-1~relay-1", loss=0.5))
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(reader.read(), 5)
    assert crossing.views()[0].resets == 1
    writer.close()
    weather.cancel()
    with suppress(asyncio.CancelledError):
        await weather


async def test_luck_comes_from_the_seed():
    tosses = []
    for _ in range(2):
        found = Crossing(NAMES, lambda link: SeededEntropy(link, net="test"))
        found.change(Change(link="*~*", loss=0.5))
        link = found._link("shop", "relay-1")
        tosses.append([link.toss() for _ in range(30)])
    assert tosses[0] == tosses[1]
    assert len(set(tosses[0])) == 2


async def test_another_change_does_not_turn_a_one_way_cut_around(crossing: Crossing):
    crossing.change(Change(link="buyer-1~relay-1", cut=Cut.SILENT, one_way=True))
    [view] = crossing.change(Change(link="relay-1~buyer-1", delay_ms=10))
    link = crossing._link("buyer-1", "relay-1")
    assert link.is_held("buyer-1")
    assert not link.is_held("relay-1")
    assert (view.first, view.second, view.held) == ("buyer-1", "relay-1", "buyer-1")
    crossing.change(Change(link="relay-1~buyer-1", cut=Cut.SILENT, one_way=True))
    assert link.is_held("relay-1")
    assert not link.is_held("buyer-1")
    [view] = crossing.views()
    assert (view.document()["link"], view.held) == ("buyer-1~relay-1", "relay-1")
    assert view.document()["words"] == "delay 10 ms, cut one way, from relay-1"


async def test_a_link_has_one_spelling_and_the_list_one_order(crossing: Crossing):
    cut = crossing.change(Change(link="relay-*~*", cut=Cut.SILENT))
    listed = crossing.views()
    healed = crossing.change(Change(link="*~*", heal=True))
    names = [[(view.first, view.second) for view in views] for views in (cut, listed, healed)]
    assert names[0] == names[1] == names[2] == sorted(names[0])
    assert len(names[0]) == 5
    assert all(first < second for first, second in names[0])
