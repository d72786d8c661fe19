"""A handle over a booth of the market: what a face would call, without sockets."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from node.config import Settings
from node.errors import TransportError
from node.runtime.chronicle import Signal
from node.runtime.handle import Handle, Rooms
from protocol.ids import NodeId
from protocol.network.independence import Dependence
from tests.parties import NET
from tests.unit.node.market.booth import Booth, ListNetwork


class FaceNetwork(ListNetwork):
    """A list of mailboxes, and of peers the test names."""

    def __init__(self) -> None:
        super().__init__()
        self.linked: list[Any] = ["relay"]
        self.port: int | None = None
        self.seen = 0
        self.offset_ms: int | None = None
        self.mode = "normal"
        self.detours = SimpleNamespace(document=lambda: {"mode": self.mode, "carriers": 0})
        self.told: list[str] | None = None
        self.kept: list[Any] = []
        self.common: Dependence | None = None

    def dependence(self) -> Dependence | None:
        return self.common

    def link_to(self, key: NodeId) -> str | None:
        return "link" if any(key == each for each in self.linked) else None

    def own_addresses(self) -> list[str]:
        return self.told if self.told is not None else [f"127.0.0.1:{self.port}"][: bool(self.port)]

    def roles(self) -> list[str]:
        return ["relay"] if self.own_addresses() else []

    def seen_at(self, _object_id: bytes) -> tuple[int, int]:
        return self.seen, len(self.linked)

    def peers(self) -> list[Any]:
        return [
            SimpleNamespace(document=lambda n=name, **_: {"address": n}) for name in self.linked
        ]

    def clock_median_ms(self) -> int | None:
        return self.offset_ms

    async def add_peer(self, address: str) -> None:
        if address == "nobody":
            raise TransportError("nobody answers")
        self.linked.append(address)


class FaceShop:
    """Says what it was asked for."""

    async def status(self) -> dict[str, Any]:
        return {"schema": "intentcast.vendor/1"}

    async def import_feed(self, data: Path, options: dict[str, Any]) -> dict[str, Any]:
        return {"schema": "intentcast.import/1", "data": str(data), "options": options}


def face_of(booth: Booth, home: Path) -> tuple[Handle, FaceNetwork]:
    """Put a handle over a booth's rooms."""
    network: Any = FaceNetwork()
    booth.network = network
    booth.desk.network = network
    signal = Signal()
    booth.desk.changed = signal.ring
    rooms = Rooms(
        desk=booth.desk,
        requests=booth.requests,
        buyer=booth.buyer,
        seller=booth.seller,
        withdrawal=booth.withdrawal,
        network=network,
        shop=FaceShop(),
    )
    handle = Handle(
        rooms,
        settings=Settings(net=NET),
        home=home,
        pid=7,
        signal=signal,
        notices=["A standing remark."],
    )
    return handle, network
