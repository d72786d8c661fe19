"""The node's part in multicast DNS: open in the background, on local networks, never in the way."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from zeroconf import NonUniqueNameException

from node.clock import ManualClock
from node.network import lan as module
from node.network.interfaces import Interface
from node.network.lan import Lan, LanChoice
from node.network.vicinity import Vicinity
from node.runtime.tasks import Tasks
from protocol.ids import NodeId, blake2b_256, to_text

KEY = NodeId(blake2b_256(b"own"))
HOME = Interface(name="eth0", address="10.77.0.1", network=ipaddress.IPv4Network("10.77.0.0/24"))
CAFE = Interface(
    name="wlan0", address="192.168.7.9", network=ipaddress.IPv4Network("192.168.7.0/24")
)


@dataclass
class Machine:
    """Stands in for the machine: its networks, and what was opened on them."""

    interfaces: tuple[Interface, ...] = (HOME,)
    opened: list[Any] = field(default_factory=list)
    failure: Exception | None = None
    on_register: Exception | None = None
    browsers: list[Any] = field(default_factory=list)


class NoRecords:
    """Stands in for zeroconf's records."""

    def entries_with_name(self, _name: str) -> list[Any]:
        return []


class Sockets:
    """Stands in for AsyncZeroconf."""

    machine: Machine

    def __init__(self, *, interfaces: list[str], ip_version: Any) -> None:
        if self.machine.failure:
            raise self.machine.failure
        self.interfaces = interfaces
        self.services: list[Any] = []
        self.is_open = True
        self.zeroconf = SimpleNamespace(async_wait_for_start=self.wait, cache=NoRecords())
        self.machine.opened.append(self)

    async def wait(self) -> None:
        pass

    async def async_register_service(self, info: Any, *, allow_name_change: bool) -> Any:
        assert allow_name_change
        if self.machine.on_register:
            raise self.machine.on_register
        self.services.append(info)
        return asyncio.sleep(0)

    async def async_close(self) -> None:
        self.is_open = False


class Browser:
    """Stands in for AsyncServiceBrowser."""

    def __init__(self, zeroconf: Any, type_: str, handlers: list[Any]) -> None:
        self.handlers = handlers
        self.is_open = True
        Sockets.machine.browsers.append(self)

    async def async_cancel(self) -> None:
        self.is_open = False


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    monkeypatch.setattr(Sockets, "machine", made, raising=False)
    monkeypatch.setattr(module, "AsyncZeroconf", Sockets)
    monkeypatch.setattr(module, "AsyncServiceBrowser", Browser)
    monkeypatch.setattr(module, "read_interfaces", lambda _names: made.interfaces)
    monkeypatch.setattr(module, "ROUND_S", 0)
    return made


@pytest.fixture
async def tasks() -> AsyncIterator[Tasks]:
    made = Tasks()
    yield made
    await made.close()
    assert made.failures == 0


def lan_of(tasks: Tasks, **changes: Any) -> Lan:
    given: dict[str, Any] = {
        "net": "main",
        "key": KEY,
        "announce": True,
        "listen_host": "0.0.0.0",  # noqa: S104 - nothing is bound here
        "port": 9401,
    }
    vicinity = Vicinity(is_wanted=lambda _key: False, is_hidden=lambda _key: False)
    return Lan(
        LanChoice(**given | changes),
        vicinity,
        clock=ManualClock(wall_ms=1),
        spawn=tasks.spawn,
        on_seen=lambda _key: None,
    )


async def until(holds: Any) -> None:
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0)


async def test_it_announces_its_key_and_nothing_of_its_owner(machine: Machine, tasks: Tasks):
    lan = lan_of(tasks)
    lan.start()
    await until(lambda: lan.interfaces)
    (sockets,) = machine.opened
    (service,) = sockets.services
    assert sockets.interfaces == ["10.77.0.1"]
    text = to_text("node", KEY)
    assert service.properties == {
        b"v": b"1",
        b"net": b"main",
        b"node": text.encode(),
    }
    assert text.startswith(service.name.partition(".")[0])
    assert service.server == f"{service.name.partition('.')[0]}.local."
    assert (service.port, service.parsed_addresses()) == (9401, ["10.77.0.1"])
    assert lan.notice == ""
    await lan.stop()
    assert not sockets.is_open
    assert not machine.browsers[0].is_open


@pytest.mark.parametrize(
    ("changes", "is_announced", "has_notice"),
    [
        ({"announce": False}, False, False),
        ({"port": None}, False, False),
        ({"listen_host": "127.0.0.1"}, False, True),
        ({"listen_host": "10.77.0.1"}, True, False),
        ({"listen_host": "::"}, True, False),
    ],
)
async def test_only_who_can_be_dialled_is_announced(
    machine: Machine, tasks: Tasks, changes: dict[str, Any], is_announced: bool, has_notice: bool
):
    lan = lan_of(tasks, **changes)
    lan.start()
    await until(lambda: lan.interfaces)
    assert bool(machine.opened[0].services) is is_announced
    assert len(machine.browsers) == 1
    assert ("does not listen" in lan.notice) is has_notice
    await lan.stop()


async def test_no_local_network_is_one_notice(machine: Machine, tasks: Tasks):
    machine.interfaces = ()
    lan = lan_of(tasks)
    lan.start()
    await until(lambda: lan.notice)
    assert "in no local network" in lan.notice
    assert machine.opened == []
    await lan.stop()


@pytest.mark.parametrize("failure", [OSError("no multicast"), RuntimeError("no interface")])
async def test_sockets_that_do_not_open_are_one_notice_and_tried_again(
    machine: Machine, tasks: Tasks, failure: Exception, caplog: pytest.LogCaptureFixture
):
    machine.failure = failure
    lan = lan_of(tasks)
    lan.start()
    await until(lambda: lan.notice)
    for _ in range(20):
        await asyncio.sleep(0.001)
    assert "cannot be searched" in lan.notice
    assert len(caplog.records) == 1
    machine.failure = None
    await until(lambda: lan.interfaces)
    assert lan.notice == ""
    await lan.stop()


async def test_a_machine_that_does_not_tell_its_networks_is_asked_again(
    machine: Machine, tasks: Tasks, monkeypatch: pytest.MonkeyPatch
):
    asked: list[object] = []

    def short(names: object) -> tuple[Interface, ...]:
        asked.append(names)
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(module, "read_interfaces", short)
    lan = lan_of(tasks)
    lan.start()
    await until(lambda: lan.notice)
    assert "cannot be searched" in lan.notice
    monkeypatch.setattr(module, "read_interfaces", lambda _names: machine.interfaces)
    await until(lambda: lan.interfaces == (HOME,))
    monkeypatch.setattr(module, "read_interfaces", short)
    asked.clear()
    await until(lambda: len(asked) > 1)
    # What is open stays open.
    assert lan.interfaces == (HOME,)
    assert machine.opened[0].is_open
    assert lan.notice == ""
    await lan.stop()


async def test_a_name_somebody_else_defends_is_no_failure(machine: Machine, tasks: Tasks):
    machine.on_register = NonUniqueNameException()
    lan = lan_of(tasks)
    lan.start()
    await until(lambda: lan.notice)
    await lan.stop()
    assert all(not sockets.is_open for sockets in machine.opened)


async def test_it_follows_the_machine_to_other_networks(machine: Machine, tasks: Tasks):
    lan = lan_of(tasks)
    lan.start()
    await until(lambda: lan.interfaces == (HOME,))
    machine.interfaces = (CAFE,)
    await until(lambda: lan.interfaces == (CAFE,))
    assert [sockets.is_open for sockets in machine.opened] == [False, True]
    assert machine.opened[1].interfaces == ["192.168.7.9"]
    lan.look_again()
    await lan.stop()


async def test_stopping_what_never_began(machine: Machine, tasks: Tasks):
    lan = lan_of(tasks)
    await lan.stop()
    assert machine.opened == []
    assert lan.interfaces == ()
