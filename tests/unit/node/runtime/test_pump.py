"""The pump performs every action, in order, and lets the loop turn between runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from node.clock import ManualClock
from node.runtime import pump
from node.runtime.pump import Pump
from node.runtime.tasks import Tasks
from node.storage.database import Storage
from protocol.channel.messages import Ids, Objects, RecordsQuery, WhoIsAnswer
from protocol.engine import Engine
from protocol.errors import MessageError, Reason
from protocol.ids import NodeId, PeerId
from protocol.network.actions import DialPeer, SetTimer, Timer
from protocol.network.events import (
    CandidateReceived,
    IdsReceived,
    MessageReceived,
    Started,
    WantReceived,
)
from protocol.network.live import prefix_of
from protocol.objects import envelope
from protocol.objects.envelope import Verified
from tests.parties import NET, make_cast, make_profile
from tests.unit.node.runtime.links import QuietLink
from tests.unit.protocol.network.driver import badly_signed, joined, peer, record_of


class Station:
    """A pump between an engine and links that stand still."""

    def __init__(self, storage: Storage, clock: ManualClock, verify_processes: int = 0) -> None:
        self.links: dict[PeerId, QuietLink] = {}
        self.dials: list[DialPeer] = []
        self.heard: list[Verified[Any]] = []
        self.tasks = Tasks()
        link_of: Any = self.links.get
        self.engine = Engine(
            net=NET, own=NodeId(peer("own")), seed=b"seed", runs=1 + verify_processes
        )
        self.pump = Pump(
            self.engine,
            net=NET,
            clock=clock,
            tasks=self.tasks,
            storage=storage,
            link_of=link_of,
            dial=self.dials.append,
            on_object=self.heard.append,
            verify_processes=verify_processes,
        )

    def join(self, name: str, link: QuietLink | None = None) -> QuietLink:
        self.links[peer(name)] = link or QuietLink()
        self.pump.feed(joined(name))
        return self.links[peer(name)]

    def receive(self, name: str, raw: bytes) -> None:
        self.pump.feed(CandidateReceived(peer=peer(name), raw=raw))


@pytest.fixture
async def station(storage: Storage, clock: ManualClock):
    opened = Station(storage, clock)
    opened.pump.start()
    opened.pump.feed(Started(entries=(), records=()))
    yield opened
    await opened.pump.stop()
    await opened.tasks.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(3):
        while not condition():
            await asyncio.sleep(0.002)


async def test_an_object_goes_all_the_way(station: Station):
    listener = station.join("b")
    cast = make_cast()
    station.receive("a", cast.raw)
    assert listener.messages(Objects) == [], "not before the loop has turned"
    await until(lambda: bool(station.heard))
    assert [verified.id for verified in station.heard] == [cast.id]
    assert [each.raws for each in listener.messages(Objects)] == [[cast.raw]]
    asker = station.join("c")
    station.pump.feed(WantReceived(peer=peer("c"), ids=(prefix_of(cast.id),)))
    await until(lambda: bool(asker.messages(Objects)))


async def test_a_party_that_fails_at_one_object_hears_of_the_next(
    station: Station, caplog: pytest.LogCaptureFixture
):
    casts = [make_cast(title=f"Cast {number}") for number in range(2)]
    heard = []

    def fail_at_first(verified: Verified[Any]) -> None:
        heard.append(verified.id)
        if len(heard) == 1:
            raise RuntimeError("this party is broken")

    station.pump._on_object = fail_at_first
    for cast in casts:
        station.receive("a", cast.raw)
    await until(lambda: len(heard) == len(casts))
    assert heard == [cast.id for cast in casts]
    assert "a party of this node failed" in caplog.text


async def test_payload_that_finds_no_room_becomes_an_announcement(station: Station):
    station.join("a")
    full = station.join("full", QuietLink(takes=False))
    cast = make_cast()
    station.receive("a", cast.raw)
    await until(lambda: bool(station.heard))
    assert full.messages(Objects) == []
    assert [each.ids for each in full.messages(Ids)] == [[prefix_of(cast.id)]]


async def test_messages_to_peers_that_left_are_dropped(station: Station):
    station.pump.feed(joined("ghost"))
    station.pump.feed(IdsReceived(peer=peer("ghost"), ids=(bytes(16),)))
    station.receive("ghost", b"nonsense")


async def test_forged_objects_close_the_link(station: Station):
    rogue = station.join("rogue")
    good = make_cast()
    bad = good.raw.replace(good.signature, bytes(64))
    for _ in range(5):
        station.receive("rogue", bad)
    assert set(rogue.closed) == {Reason.BAD_WORK}
    station.receive("rogue", good.raw)
    await until(lambda: bool(station.heard))


async def test_a_bad_signature_is_a_verdict_not_an_accident(station: Station):
    station.join("rogue")
    forged = badly_signed(make_profile())
    station.receive("rogue", forged)
    await until(lambda: station.engine.gossip.rejected_count == 1)
    assert station.heard == []


async def test_relays_are_dialled(station: Station):
    record = record_of("relay")
    station.pump.feed(Started(entries=(), records=(record.raw,)))
    assert station.dials == [
        DialPeer(address="relay.example:7440", key=record.key, within_ms=2_000)
    ]


async def test_a_message_without_business_is_the_senders_fault(station: Station):
    with pytest.raises(MessageError):
        station.pump.feed(MessageReceived(peer=peer("a"), message=WhoIsAnswer()))


async def test_timers_come_back(station: Station, monkeypatch: pytest.MonkeyPatch):
    link = station.join("a")
    before = len(link.messages(RecordsQuery))
    station.pump._perform_rare(SetTimer(timer=Timer.SWEEP, delay_ms=1))
    await until(lambda: len(link.messages(RecordsQuery)) > before)


async def test_after_the_stop_nothing_begins(storage: Storage, clock: ManualClock):
    station = Station(storage, clock)
    await station.pump.stop()
    station.pump.feed(Started(entries=(), records=(record_of("relay").raw,)))
    assert station.dials == []
    assert station.pump.waiting_for_disk == 0


async def test_an_accident_with_one_object_stops_no_other(station: Station, monkeypatch):
    odd, good = make_profile(), make_cast()
    open_envelope = envelope.open_envelope

    def stumbles(candidate, *, net, is_signed):
        assert is_signed is None
        if candidate.id == odd.id:
            raise KeyError("nobody thought of this")
        return open_envelope(candidate, net=net)

    monkeypatch.setattr(pump, "open_envelope", stumbles)
    station.join("a")
    station.receive("a", odd.raw)
    station.receive("a", good.raw)
    await until(lambda: [each.id for each in station.heard] == [good.id])
