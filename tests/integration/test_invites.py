"""Invites over real sockets: joined once, kept over restarts, refused by name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from node.config import Settings
from node.daemon import Daemon
from node.runtime.invitations import InviteWish
from node.runtime.neighbours import Neighbours
from protocol.errors import IntentcastError
from protocol.ids import to_text
from protocol.network.invites import read_invite, sign_invite
from protocol.now import HOUR_MS
from tests.integration.hamlet import until

NET = "invites"


class Homes:
    """Daemons of one test, each in a home of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.up: dict[str, Daemon] = {}
        self.ports: dict[str, int] = {}

    async def start(self, name: str, *, listens: bool = False, **more: Any) -> Daemon:
        port = self.ports.get(name, 0) if listens else None
        settings = Settings(net=NET, api_port=0, listen_port=port, **more)
        daemon = Daemon(self.folder / name, settings)
        await daemon.start()
        self.up[name] = daemon
        if daemon.network.port:
            self.ports[name] = daemon.network.port
        return daemon

    async def stop(self, name: str) -> None:
        await self.up.pop(name).stop()


@pytest.fixture
async def homes(tmp_path: Path) -> AsyncIterator[Homes]:
    found = Homes(tmp_path)
    yield found
    for daemon in found.up.values():
        await daemon.stop()
        assert daemon.desk.tasks.failures == 0


def hood(daemon: Daemon) -> Neighbours:
    return daemon.neighbours


async def states(daemon: Daemon) -> dict[str, tuple[str, bool]]:
    nodes = (await hood(daemon).nearby())["nodes"]
    return {each["node"]: (each["state"], each["linked"]) for each in nodes}


def name_of(daemon: Daemon) -> str:
    return to_text("node", daemon.network.node_id)


async def code_of(awaitable: Any) -> str:
    with pytest.raises(IntentcastError) as caught:
        await awaitable
    assert caught.value.fix
    return caught.value.code


async def test_one_joins_once_and_both_remember(homes: Homes):
    relay = await homes.start("relay", listens=True)
    ana, bo = await homes.start("ana"), await homes.start("bo")
    link = (await hood(relay).invite(InviteWish(single=True, for_ms=HOUR_MS)))["link"]
    found = (await hood(ana).join(link, private=False))["neighbour"]
    assert (found["node"], found["linked"]) == (name_of(relay), True)
    assert await states(relay) == {name_of(ana): ("guest", True)}
    # Nobody else may use it; the one who did may say it again.
    assert await code_of(hood(bo).join(link, private=False)) == "E-INVITE-USED"
    assert await states(bo) == {}
    await until(lambda: len(relay.network.peers()) == 1)
    assert (await hood(ana).join(link, private=False))["neighbour"]["linked"]

    # Both forget nothing when they restart, and the link comes back by itself.
    for name in ("ana", "relay"):
        await homes.stop(name)
    relay = await homes.start("relay", listens=True)
    ana = await homes.start("ana")
    await until(lambda: len(ana.network.peers()) == 1)
    assert await states(ana) == {name_of(relay): ("kept", True)}
    assert (await states(relay))[name_of(ana)][0] == "guest"
    assert await code_of(hood(bo).join(link, private=False)) == "E-INVITE-USED"


async def test_an_invite_for_all_is_good_for_all(homes: Homes):
    relay = await homes.start("relay", listens=True)
    link = (await hood(relay).invite(InviteWish(single=False, for_ms=HOUR_MS)))["link"]
    for name in ("ana", "bo"):
        joined = await hood(await homes.start(name)).join(link, private=False)
        assert joined["neighbour"]["linked"]
    assert await states(relay) == {}


async def test_refusals_by_name(homes: Homes):
    relay = await homes.start("relay", listens=True)
    other = await homes.start("other", listens=True)
    ana = await homes.start("ana")
    assert await code_of(hood(ana).invite(InviteWish(single=False, for_ms=HOUR_MS))) == (
        "E-INVITE-NOWHERE"
    )
    made = await hood(relay).invite(InviteWish(single=True, for_ms=HOUR_MS))
    good = read_invite(made["link"])
    assert await code_of(hood(relay).join(made["link"], private=False)) == "E-PEER-SELF"
    assert await code_of(hood(ana).join(made["link"][:-1], private=False)) == "E-INVITE"

    def forged(**changes: Any) -> str:
        given: dict[str, Any] = {
            "net": NET,
            "key": good.key,
            "address": good.address,
            "until": good.until,
            "token": good.token,
            "seed": bytes(32),
        }
        return sign_invite(**given | changes).link

    # Somebody else signed it: the node that answers does not stand behind it.
    assert await code_of(hood(ana).join(forged(), private=False)) == "E-INVITE-SIGNATURE"
    # Another node lives at the address it gives.
    elsewhere = f"127.0.0.1:{other.network.port}"
    assert await code_of(hood(ana).join(forged(address=elsewhere), private=False)) == "E-PEER-KEY"
    # Nobody lives there.
    assert await code_of(hood(ana).join(forged(address="127.0.0.1:9"), private=False)) == (
        "E-PEER-LOST"
    )
    assert await code_of(hood(ana).join(forged(net="else"), private=False)) == "E-INVITE-NET"
    assert await code_of(hood(ana).join(forged(until=1), private=False)) == "E-INVITE-EXPIRED"
    assert await states(ana) == {}
    await until(lambda: ana.network.peers() == [])
    # None of this used it up.
    assert (await hood(ana).join(made["link"], private=False))["neighbour"]["linked"]


async def test_a_token_of_another_home_is_not_taken(homes: Homes):
    relay = await homes.start("relay", listens=True)
    made = await hood(relay).invite(InviteWish(single=True, for_ms=HOUR_MS))
    await homes.stop("relay")
    for file in (homes.folder / "relay").glob("node.db*"):
        file.unlink()
    relay = await homes.start("relay", listens=True)
    ana = await homes.start("ana")
    assert await code_of(hood(ana).join(made["link"], private=False)) == "E-INVITE-REFUSED"
    assert await states(ana) == {}


async def test_the_invite_of_the_start_waits_for_its_node(homes: Homes):
    relay = await homes.start("relay", listens=True)
    made = await hood(relay).invite(InviteWish(single=True, for_ms=HOUR_MS))
    await homes.stop("relay")
    ana = await homes.start("ana", join=made["link"])
    await until(lambda: bool(hood(ana).notices()))
    relay = await homes.start("relay", listens=True)
    await until(lambda: len(relay.network.peers()) == 1)
    await until(lambda: hood(ana).notices() == [])
    assert await states(ana) == {name_of(relay): ("kept", True)}
    # The same settings at the next start change nothing.
    await homes.stop("ana")
    ana = await homes.start("ana", join=made["link"])
    await until(lambda: len(ana.network.peers()) == 1)
    assert hood(ana).notices() == []
