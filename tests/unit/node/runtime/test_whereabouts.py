"""Finding a node: its book, then whoever is asked, and no place kept from those who were met."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from node.clock import ManualClock
from node.entropy import SystemEntropy
from node.errors import TransportError
from node.network.connection import Connection
from node.network.errands import Errand
from node.runtime import whereabouts as module
from node.runtime.whereabouts import Whereabouts
from protocol import limits
from protocol.channel.messages import Refused, WhoIsAnswer
from protocol.errors import Reason
from protocol.ids import NodeId, blake2b_256
from protocol.network.addresses import NodeRecord, Role, sign_record
from protocol.network.book import Book
from protocol.network.events import DialOutcome, NodeMissed, RecordFound

NET = "test"
KEY = NodeId(b"\x01" * 32)
TRUE = "true.example:1"
WALL = 1_800_000_000_000


class Peer:
    """A linked peer who knows a record, or says nothing."""

    def __init__(self, name: str, record: NodeRecord | None = None, *, refuses: bool = False):
        self.peer_id = NodeId(blake2b_256(name.encode(), b""))
        self.record = record
        self.refuses = refuses

    async def request(self, _ask: Any, _within_ms: int) -> Any:
        if self.refuses:
            return Refused(request=0, reason=Reason.QUOTA)
        if self.record is None:
            raise TransportError("silent", code="E-PEER-TIMEOUT")
        return WhoIsAnswer(record=self.record.raw)


class Country:
    """A book, peers to ask, and addresses of which some answer."""

    def __init__(self) -> None:
        self.clock = ManualClock(wall_ms=WALL)
        self.book = Book(own=NodeId(bytes(32)), secret=bytes(16))
        self.peers: list[Peer] = []
        self.chosen: set[NodeId] = set()
        self.there: set[str] = {TRUE}
        self.wrong: set[str] = set()
        self.late: set[str] = set()
        self.silent: set[str] = set()
        self.dialled: list[str] = []
        self.reached: list[tuple[NodeId, str]] = []
        self.fed: list[Any] = []
        self.dialling = 0
        engine = SimpleNamespace(book=self.book, relies_on=lambda peer: peer in self.chosen)
        self.whereabouts = Whereabouts(
            cast("Any", engine),
            net=NET,
            links=cast("Any", self.peers),
            dialer=cast("Any", self),
            clock=self.clock,
            entropy=SystemEntropy(),
            feed=self.fed.append,
            on_reached=lambda key, address: self.reached.append((key, address)),
        )

    def says(
        self, address: str, signer: int = 0, *, key: NodeId = KEY, at: int | None = None
    ) -> NodeRecord:
        wall_ms = self.clock.now().wall_ms if at is None else at
        return sign_record(
            net=NET, key=key, addresses=[address], roles=[Role.MAILBOX], seq=1, at=wall_ms,
            seed=blake2b_256(b"signer", bytes([signer])),
        )  # fmt: skip

    def knows(self, *records: NodeRecord, proven: bool = False) -> None:
        wall_ms = self.clock.now().wall_ms
        for number, record in enumerate(records):
            source = f"5.{number}.0.0/16"
            assert self.book.add(record, proven=proven, wall_ms=wall_ms, source=source)

    async def dial(
        self, address: str, _key: NodeId, *, errand: Errand, within_ms: int | None
    ) -> Connection:
        assert (within_ms == limits.dial_ms_post) == (errand is Errand.POST)
        self.dialled.append(address)
        self.dialling += 1
        if address in self.silent:
            await asyncio.Event().wait()
        await asyncio.sleep(0)
        self.dialling -= 1
        if address in self.late:
            raise TransportError("no answer in time", code="E-PEER-TIMEOUT")
        if address in self.wrong:
            raise TransportError("another node answers", code="E-PEER-KEY")
        if address not in self.there:
            raise TransportError("nobody there", code="E-PEER-LOST")
        return cast("Connection", object())

    async def find(self, key: NodeId = KEY, errand: Errand = Errand.POST) -> Connection:
        return await self.whereabouts.find(key, errand, lambda: None)

    def missed(self) -> Sequence[tuple[str, DialOutcome]]:
        return [(e.address, e.outcome) for e in self.fed if isinstance(e, NodeMissed)]


async def test_who_is_in_the_book_is_dialled_and_nobody_asked():
    country = Country()
    country.knows(country.says(TRUE))
    country.peers.append(Peer("a", country.says("other.example:1")))
    await country.find()
    assert country.dialled == [TRUE]
    assert country.reached == [(KEY, TRUE)]
    assert country.fed == []


async def test_lies_that_fill_the_book_hide_nobody_whom_a_peer_knows():
    country = Country()
    lies = [f"liar{number}.example:1" for number in range(limits.hints_per_node_max)]
    country.wrong.add(lies[0])
    country.knows(*(country.says(each, number + 1) for number, each in enumerate(lies)))
    true = country.says(TRUE)
    wall_ms = country.clock.now().wall_ms
    assert not country.book.add(true, proven=False, wall_ms=wall_ms, source="9.9.0.0/16")
    country.peers += [Peer("silent"), Peer("deaf", refuses=True), Peer("honest", true)]
    await country.find()
    assert country.dialled == [*lies, TRUE]
    assert country.missed()[0] == (lies[0], DialOutcome.OTHER_NODE)
    assert {outcome for _, outcome in country.missed()[1:]} == {DialOutcome.UNREACHABLE}
    assert [e.raw for e in country.fed if isinstance(e, RecordFound)] == [true.raw]


async def test_what_chosen_peers_say_comes_first_and_all_of_it_is_bounded():
    country = Country()
    liars = [Peer(f"liar{n}", country.says(f"liar{n}.example:1", n)) for n in range(40)]
    honest = Peer("honest", country.says("honest.example:1"))
    country.peers += [*liars, honest]
    country.chosen.add(honest.peer_id)
    with pytest.raises(TransportError, match="nobody there"):
        await country.find()
    assert country.dialled[0] == "honest.example:1"
    assert len(country.dialled) == limits.lookup_addresses_max


async def test_a_guest_makes_this_node_ask_few():
    country = Country()
    country.peers += [Peer(f"p{n}", country.says(f"p{n}.example:1", n)) for n in range(9)]
    with pytest.raises(TransportError):
        await country.find(errand=Errand.GUEST)
    assert len(country.dialled) == limits.lookup_peers_max


async def test_a_guests_dial_that_waited_too_long_speaks_against_nobody():
    country = Country()
    country.late.add("slow.example:1")
    country.knows(country.says("slow.example:1"))
    for errand, count in ((Errand.GUEST, 0), (Errand.POST, 1)):
        with pytest.raises(TransportError):
            await country.find(errand=errand)
        assert len(country.missed()) == count


async def test_no_other_nodes_record_is_used_no_old_one_and_no_noise():
    country = Country()
    noise = Peer("noise", country.says(TRUE))
    noise.record = cast("NodeRecord", SimpleNamespace(raw=b"noise"))
    country.peers += [
        Peer("other", country.says(TRUE, key=NodeId(b"\x02" * 32))),
        Peer("old", country.says(TRUE, at=0)),
        noise,
    ]
    with pytest.raises(TransportError) as caught:
        await country.find()
    assert caught.value.code == "E-PEER-UNKNOWN"
    assert country.dialled == []


async def test_silent_addresses_keep_nobody_waiting_who_was_met():
    country = Country()
    looks = []
    for number in range(40):
        key = NodeId(blake2b_256(b"silent", bytes([number])))
        address = f"5.{number}.0.1:1"
        country.silent.add(address)
        record = country.says(address, number, key=key)
        country.book.add(record, proven=False, wall_ms=WALL, source=f"6.{number}.0.0/16")
        looks.append(asyncio.ensure_future(country.find(key)))
    country.knows(country.says(TRUE), proven=True)
    await asyncio.sleep(0)
    assert country.dialling == limits.dials_post_unproven_max
    async with asyncio.timeout(5):
        await country.find()
    for look in looks:
        look.cancel()
    await asyncio.gather(*looks, return_exceptions=True)


async def test_a_look_ends(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "LOOK_S", -1.0)
    country = Country()
    country.knows(country.says("slow.example:1"))
    with pytest.raises(TransportError):
        await country.find()
    assert country.dialled == []
