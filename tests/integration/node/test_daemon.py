"""One node comes up, goes down, and comes up again with everything it had promised."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
from pathlib import Path

import pytest

from node.clock import SystemClock
from node.config import Settings
from node.daemon import Daemon, Ready, run_daemon
from node.errors import ConfigError, TransportError
from node.home import ADDRESS_FILE, DATABASE_FILE, LOG_FILE, TOKEN_FILE
from node.logs import log_to_file
from node.storage.database import Storage
from protocol.errors import IntentcastError
from protocol.market.deal import DealState
from tests.integration.fair import DRAFT, HOST, NET, Fair, accept, cast, eventually, offers

QUIET = Settings(net=NET, api_port=0)


def accepts(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex((HOST, port)) == 0


async def test_it_says_where_it_is_and_leaves_nothing_behind(tmp_path: Path):
    home = tmp_path / "home"
    daemon = Daemon(home, Settings(net=NET, api_port=0, listen_port=0))
    ready = await daemon.start()
    assert ready.made_identity
    assert ready.vendor is None
    address = json.loads((home / ADDRESS_FILE).read_text())
    assert address == {"url": ready.api_url, "pid": os.getpid()}
    assert ready.listen == f"{HOST}:{daemon.network.port}"
    ports = [int(each.rsplit(":", 1)[1]) for each in (ready.api_url, ready.listen)]
    assert all([await asyncio.to_thread(accepts, port) for port in ports])
    await daemon.stop()
    assert not any([await asyncio.to_thread(accepts, port) for port in ports])
    assert not (home / ADDRESS_FILE).exists()
    assert daemon.desk.tasks.failures == 0
    await daemon.stop()


async def test_a_restart_keeps_the_identity(tmp_path: Path):
    nodes = []
    for made in (True, False):
        daemon = Daemon(tmp_path, QUIET)
        ready = await daemon.start()
        nodes.append(ready.node)
        assert ready.made_identity is made
        assert ready.listen is None
        await daemon.stop()
    assert nodes[0] == nodes[1]


async def test_a_start_counts_the_relays_it_knows_from_before(tmp_path: Path):
    relay = Daemon(
        tmp_path / "relay",
        Settings(net=NET, api_port=0, listen_port=0, mailbox=True, bootstrap=True),
    )
    address = (await relay.start()).listen
    assert address is not None
    known = []
    for _ in range(2):
        daemon = Daemon(tmp_path / "me", QUIET)
        known.append((await daemon.start()).known_peers)
        if known == [0]:
            await daemon.handle.add_peer(address)
            await eventually(daemon.network.known_count, "the relay is known")
        await daemon.stop()
    await relay.stop()
    assert known == [0, 1]


async def test_a_second_daemon_on_one_home_is_refused_and_harms_nothing(tmp_path: Path):
    first, second = Daemon(tmp_path, QUIET), Daemon(tmp_path, QUIET)
    ready = await first.start()
    with pytest.raises(IntentcastError, match=str(os.getpid())):
        await second.start()
    assert json.loads((tmp_path / ADDRESS_FILE).read_text())["url"] == ready.api_url
    assert (await first.handle.status())["schema"] == "intentcast.status/1"
    await first.stop()


async def test_a_home_that_lost_its_root_gets_no_new_identity(tmp_path: Path):
    # A feed may be imported before the first run: that database is nobody's yet.
    await (await Storage.open(tmp_path / DATABASE_FILE, clock=SystemClock())).close()
    daemon = Daemon(tmp_path, QUIET)
    assert (await daemon.start()).made_identity
    await daemon.stop()
    for name in ("root.key", TOKEN_FILE):
        (tmp_path / name).unlink()
    with pytest.raises(IntentcastError) as refused:
        await Daemon(tmp_path, QUIET).start()
    assert refused.value.code == "E-KEYS-NONE"
    assert not (tmp_path / "root.key").exists()


@pytest.mark.parametrize("setting", ["listen_port", "api_port"])
async def test_what_fails_on_the_way_up_is_undone(tmp_path: Path, setting: str):
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        settings = Settings(net=NET, **{"api_port": 0, setting: port})
        with pytest.raises((ConfigError, TransportError)) as refused:
            await Daemon(tmp_path, settings).start()
        assert refused.value.code == "E-PORT"
        assert str(port) in str(refused.value)
    # The home is free again, and so is everything that had come up before.
    daemon = Daemon(tmp_path, QUIET)
    await daemon.start()
    await daemon.stop()


async def test_a_damaged_shop_does_not_open(tmp_path: Path):
    (tmp_path / "vendor.toml").write_text("name = 7\n")
    with pytest.raises(ConfigError) as refused:
        await Daemon(tmp_path, QUIET).start()
    assert refused.value.code == "E-VENDOR"
    (tmp_path / "vendor.toml").unlink()
    daemon = Daemon(tmp_path, QUIET)
    await daemon.start()
    await daemon.stop()


async def test_a_killed_node_says_no_goodbye_and_starts_again(fair: Fair):
    relay = await fair.relay("relay_0")
    buyer = await fair.visitor("buyer_ana")
    dead, buyer.daemon = buyer.up, None
    await dead.kill()
    await eventually(lambda: not relay.up.network.peers(), "the relay has noticed")
    await buyer.open()
    assert (await buyer.handle.status())["peers"] == 1


async def test_a_draft_waits_for_a_mailbox_even_over_a_restart(
    fair: Fair, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("node.runtime.handle._PUBLISH_PATIENCE_S", 0.2)
    buyer = await fair.visitor("buyer_ana")
    document = await buyer.handle.create_cast(DRAFT)
    assert document["cast"]["state"] == "draft"
    assert document["cast"]["handle"] is None
    assert "go out" in document["cast"]["note"]
    await buyer.close()
    relay = await fair.relay("relay_0")
    buyer.relays = [relay]
    await buyer.open()

    async def is_open() -> bool:
        return bool((await buyer.handle.casts())["casts"][0]["state"] == "open")

    await eventually(is_open, "the draft is out")
    await relay.until_casts([DRAFT["title"]])


async def test_the_boxes_of_an_open_cast_are_read_after_a_restart(fair: Fair):
    for number in range(2):
        await fair.relay(f"relay_{number}")
    buyer = await fair.visitor("buyer_ana")
    handle = await cast(buyer)
    await buyer.close()
    vendor = await fair.stall("vendor_bo")
    await vendor.until_put("offer")
    await buyer.open()
    assert len(await offers(buyer, handle)) == 1
    await vendor.until_acked()


async def test_a_vendor_decides_after_a_restart_what_it_had_only_recorded(fair: Fair):
    for number in range(2):
        await fair.relay(f"relay_{number}")
    vendor = await fair.stall("vendor_bo")
    buyer = await fair.visitor("buyer_ana")
    handle = await cast(buyer)
    found = (await offers(buyer, handle))[0]
    vendor.handle._rooms.shop.confirms_by_itself = lambda _offer: False
    await accept(buyer, found)
    await vendor.until_deal(DealState.OFFERED)
    await vendor.close()
    await vendor.open()
    await vendor.until_deal(DealState.AGREED)
    await buyer.until_deal(DealState.AGREED)


async def test_a_profile_is_kept_over_a_restart_while_it_says_the_same(fair: Fair):
    for number in range(2):
        await fair.relay(f"relay_{number}")
    vendor = await fair.stall("vendor_bo", listens=True)
    first = vendor.up.seller.profile
    assert first is not None
    assert first.body.reply.at[0] == vendor.up.network.node_id
    assert len(first.body.reply.at) == 3
    await vendor.close()
    await vendor.open()
    await eventually(lambda: vendor.up.seller.profile, "the shop is open again")
    assert vendor.up.seller.profile is not None
    assert vendor.up.seller.profile.id == first.id
    await vendor.close()
    shop = vendor.home / "vendor.toml"
    shop.write_text(shop.read_text().replace("vendor_bo", "vendor_bo and daughter"))
    await vendor.open()
    await eventually(lambda: vendor.up.seller.profile, "the shop is open once more")
    assert vendor.up.seller.profile.body.name == "vendor_bo and daughter"
    assert vendor.shop_key() == first.header.key


async def test_it_runs_until_it_is_told_to_stop(tmp_path: Path):
    ready: list[Ready] = []
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    running = asyncio.create_task(run_daemon(tmp_path, QUIET, on_ready=ready.append))
    try:
        await eventually(lambda: ready, "it is up")
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(running, 5)
    finally:
        root.setLevel(level)
        for handler in set(root.handlers) - set(handlers):
            root.removeHandler(handler)
            handler.close()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().remove_signal_handler(number)
    assert not (tmp_path / ADDRESS_FILE).exists()


async def test_a_home_never_changes_its_network(tmp_path: Path):
    tutorial = Settings(net="tutorial", api_port=0)
    first = Daemon(tmp_path, tutorial)
    await first.start()
    await first.stop()
    main = Daemon(tmp_path, Settings(api_port=0))
    with pytest.raises(ConfigError) as refused:
        await main.start()
    assert refused.value.code == "E-HOME-NET"


def test_its_log_is_bounded(tmp_path: Path):
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    try:
        log_to_file(tmp_path / LOG_FILE, QUIET.log_level)
        logging.getLogger("node.test").warning("something happened")
        assert "WARNING node.test something happened" in (tmp_path / LOG_FILE).read_text()
        for number in range(1_000):
            logging.getLogger("node.test").error("stranger said %d", number)
        assert len((tmp_path / LOG_FILE).read_text().splitlines()) < 10
    finally:
        root.setLevel(level)
        for handler in set(root.handlers) - set(handlers):
            root.removeHandler(handler)
            handler.close()
