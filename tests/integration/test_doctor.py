"""`doctor` with every cause made for real: ports, peers, clocks, disks, mailboxes, bytes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from node.clock import ManualClock, SystemClock
from node.config import Settings
from node.daemon import Daemon
from node.home import DATABASE_FILE
from node.runtime.examiner import examine_closed
from tests.integration.fair import HOST, NET, Fair, cast, eventually

ROOT = Path(__file__).resolve().parents[2]
SCREEN_LINES = 45


def settings(**changes: Any) -> Settings:
    return Settings(**{"net": NET, "api_port": 0, **changes})


@asynccontextmanager
async def running(
    home: Path, clock: ManualClock | None = None, **changes: Any
) -> AsyncIterator[Any]:
    daemon = Daemon(home, settings(**changes), clock=clock)
    await daemon.start()
    try:
        yield daemon
    finally:
        await daemon.stop()


async def check(daemon: Daemon, name: str, *, scrub: bool = False) -> dict[str, Any]:
    examiner = daemon.handle.examiner
    assert examiner is not None
    return named(await examiner.report(scrub=scrub), name)


def named(report: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in report["checks"] if each["name"] == name)
    return found


async def becomes(daemon: Daemon, name: str, state: str, words: str) -> dict[str, Any]:
    async def there() -> dict[str, Any] | None:
        found = await check(daemon, name)
        return found if found["state"] == state and words in told(found) else None

    found: dict[str, Any] = await eventually(there, f"{name} is {state}: {words}")
    assert found["fix"] or state in {"ok", "skipped"}
    return found


def told(found: dict[str, Any]) -> str:
    return f"{found['cause']} {found['proof']} {found['fix']}"


@contextmanager
def taken_port() -> Iterator[int]:
    with socket.create_server((HOST, 0)) as taken:
        yield taken.getsockname()[1]


def free_port() -> int:
    with taken_port() as port:
        return port


# --- with the node up -----------------------------------------------------------------------------


async def test_a_sound_node_is_found_sound(fair: Fair):
    for name in ("relay_1", "relay_2", "relay_3"):
        await fair.relay(name)
    buyer = await fair.visitor("buyer_ana")
    await cast(buyer)
    await becomes(buyer.up, "mailboxes", "ok", "1 box at 3 mailboxes")
    examiner = buyer.up.handle.examiner
    assert examiner is not None
    report = await examiner.report(scrub=True)
    states = {each["name"]: each["state"] for each in report["checks"]}
    assert states.pop("keys") == "warn"  # nobody has written the words of a test down
    assert set(states.values()) == {"ok"}
    assert "3 links, 3 dialled" in named(report, "peers")["proof"]
    assert "clocks of 3 peers" in named(report, "clock")["proof"]
    assert (report["bad"], report["damaged"]) == (0, False)
    relay = fair.houses[0].up
    await becomes(relay, "port", "ok", f"{HOST}:{relay.network.port}")


async def test_no_peers_and_why(tmp_path: Path):
    async with running(tmp_path / "alone") as daemon:
        await becomes(daemon, "peers", "bad", "no peer is configured")
    address = f"{HOST}:{free_port()}"
    async with running(tmp_path / "refused", peers=[address]) as daemon:
        found = await becomes(daemon, "peers", "bad", "no node listens")
        assert address in found["proof"]


async def test_another_network_answers(tmp_path: Path):
    async with running(tmp_path / "other", net="elsewhere", listen_port=0) as other:
        address = f"{HOST}:{other.network.port}"
        async with running(tmp_path / "home", peers=[address]) as daemon:
            found = await becomes(daemon, "peers", "bad", "another network or another version")
            assert f"network {NET}" in found["proof"]


async def test_the_only_peer_is_the_node_itself(tmp_path: Path):
    port = free_port()
    async with running(tmp_path, listen_port=port, peers=[f"{HOST}:{port}"]) as daemon:
        await becomes(daemon, "peers", "bad", "its own")


async def test_a_clock_that_is_off(fair: Fair, tmp_path: Path):
    for name in ("relay_1", "relay_2", "relay_3"):
        await fair.relay(name)
    peers = [f"{HOST}:{relay.port}" for relay in fair.houses]
    slow = ManualClock(SystemClock(), wall_ms=-7 * 60_000)
    async with running(tmp_path / "slow", slow, peers=peers) as daemon:
        found = await becomes(daemon, "clock", "bad", "7 min behind")
        assert found["proof"].count("+7 min") == 3
    await fair.houses[2].close()
    async with running(tmp_path / "two", slow, peers=peers[:2]) as daemon:
        await becomes(daemon, "clock", "warn", "too few to say who is wrong")


async def test_an_address_that_leads_elsewhere(tmp_path: Path):
    dead = f"{HOST}:{free_port()}"
    async with running(tmp_path / "dead", listen_port=0, advertise=[dead]) as daemon:
        found = await becomes(daemon, "port", "bad", "not reachable from itself")
        assert dead in found["proof"]
    async with running(tmp_path / "other", listen_port=0) as other:
        wrong = f"{HOST}:{other.network.port}"
        async with running(tmp_path / "wrong", listen_port=0, advertise=[wrong]) as daemon:
            await becomes(daemon, "port", "bad", "another node answers")


async def test_mailboxes_that_were_killed(fair: Fair):
    relays = [await fair.relay(name) for name in ("relay_1", "relay_2", "relay_3")]
    buyer = await fair.visitor("buyer_ana")
    await cast(buyer)
    await becomes(buyer.up, "mailboxes", "ok", "1 box at 3 mailboxes")
    await relays[0].close()
    await becomes(buyer.up, "mailboxes", "warn", "1 of 3 mailboxes does not answer")
    for relay in relays[1:]:
        await relay.close()
    found = await becomes(buyer.up, "mailboxes", "bad", "none of the mailboxes of 1 box")
    assert "last read" in found["proof"]
    await becomes(buyer.up, "peers", "bad", "no node listens")


async def test_damage_under_a_running_node(fair: Fair):
    await fair.relay("relay_1")
    buyer = await fair.visitor("buyer_ana")
    await cast(buyer)

    def overwrite(conn: Any) -> None:
        conn.execute("UPDATE objects SET raw = zeroblob(length(raw))")

    await buyer.up.desk.storage.write(overwrite)
    found = await check(buyer.up, "contents", scrub=True)
    # It is the node's own request, which the others carry: it was asked for again.
    assert found["state"] == "warn"
    assert "mended" in found["cause"]
    assert "is damaged" in found["proof"]


# --- with the node down ---------------------------------------------------------------------------


async def closed(home: Path, **changes: Any) -> dict[str, Any]:
    def furnish() -> None:
        home.mkdir(mode=0o700, exist_ok=True)
        lines = [f"{name} = {json.dumps(value)}\n" for name, value in changes.items()]
        (home / "config.toml").write_text("".join(lines))

    await asyncio.to_thread(furnish)
    return await examine_closed(
        home, clock=SystemClock(), scrub=True, holder_of=lambda _port: "mail, pid 7"
    )


@pytest.mark.parametrize("setting", ["listen_port", "api_port"])
async def test_a_port_that_is_taken(tmp_path: Path, setting: str):
    with taken_port() as port:
        report = await closed(tmp_path / "home", **{"api_port": 0, setting: port})
    found = named(report, "port")
    assert found["state"] == "bad"
    assert f"{port} is taken by another program" in found["cause"]
    assert "mail, pid 7" in found["proof"]
    free = await closed(tmp_path / "home", **{"api_port": 0, setting: port})
    assert named(free, "port")["state"] == "ok"


async def test_an_address_that_is_not_this_machines(tmp_path: Path):
    report = await closed(tmp_path, api_port=0, listen_host="192.0.2.1", listen_port=9_401)
    assert "cannot be had at 192.0.2.1" in named(report, "port")["cause"]


async def test_settings_that_are_not_understood(tmp_path: Path):
    report = await closed(tmp_path, listen_prot=9_401)
    found = named(report, "settings")
    assert (found["state"], found["proof"]) == ("bad", "E-CONFIG")
    assert "listen_port" in found["fix"]
    assert "port" not in {each["name"] for each in report["checks"]}


# --- as people see it: real processes -------------------------------------------------------------


def doctor(home: Path, *flags: str, **how: Any) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "node.cli.main", "doctor", "--home", str(home), *flags],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=25,
        **how,
    )
    assert "Traceback" not in done.stdout + done.stderr
    assert len(done.stdout.splitlines()) <= SCREEN_LINES or "--json" in flags
    return done


@contextmanager
def started(home: Path) -> Iterator[subprocess.Popen[bytes]]:
    home.mkdir(mode=0o700)
    (home / "config.toml").write_text('net = "dev"\napi_port = 0\n')
    process = subprocess.Popen(
        [sys.executable, "-m", "node.testnet.resident", str(home)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdin is not None
    try:
        for _ in range(1_000):
            if (home / "api.json").exists():
                break
            assert process.poll() is None
            asyncio.run(asyncio.sleep(0.02))
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait(15)
        process.stdin.close()


@pytest.mark.timeout(90)
def test_up_stuck_down_and_damaged(tmp_path: Path):
    home = tmp_path / "home"
    with started(home) as process:
        done = doctor(home)
        assert done.returncode == 1
        assert "no peer is configured" in done.stdout
        process.send_signal(signal.SIGSTOP)
        done = doctor(home)
        assert done.returncode == 1
        assert f"in use by pid {process.pid}" in done.stdout
        assert "did not answer within" in done.stdout
    done = doctor(home, "--scrub")
    assert done.returncode == 0, done.stdout
    assert "every byte is what was written" in done.stdout
    with (home / DATABASE_FILE).open("r+b") as file:
        file.seek(5 * 4_096 + 2_000)
        file.write(b"\xff" * 2_000)
    done = doctor(home, "--json")
    assert done.returncode == 8
    found = named(json.loads(done.stdout), "database")
    assert found["damaged"] is True


root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser may do this")


def fill(path: Path) -> None:
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(b"\0" * 4_096)


@contextmanager
def small_disk(place: Path) -> Iterator[Path]:
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs", str(place)], check=False
    )
    if made.returncode != 0:
        pytest.skip("this machine lets nobody mount a small disk")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


@root_only
def test_a_disk_that_is_full_and_one_that_is_read_only(tmp_path: Path):
    with small_disk(tmp_path / "disk") as disk:
        home = disk / "home"
        home.mkdir(mode=0o700)
        (home / "config.toml").write_text("api_port = 0\n")
        filling = disk / "filling"
        fill(filling)
        found = named(json.loads(doctor(home, "--json").stdout), "disk")
        assert (found["state"], found["cause"]) == ("bad", "the disk takes no more")
        assert "No space left on device; 0 bytes free" in found["proof"]
        filling.unlink()
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        found = named(json.loads(doctor(home, "--json").stdout), "disk")
        assert (found["state"], found["cause"]) == ("bad", "the home cannot be written to")
        assert "Read-only file system" in found["proof"]


@root_only
def test_a_port_that_needs_rights(tmp_path: Path):
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "config.toml").write_text("api_port = 0\nlisten_port = 81\n")
    script = (
        "import asyncio, json, os, socket, sys\n"
        "from pathlib import Path\n"
        "from node.config import Settings\n"
        "from node.runtime.premises import Premises, check_ports\n"
        "'loaded while it may be read'.encode('idna')\n"
        "os.setresuid(65534, 65534, 65534)\n"
        "place = Premises(home=Path('/'), settings=Settings(api_port=0, listen_port=81),"
        " is_up=False, wall_ms=0)\n"
        "print(json.dumps([each.document() for each in check_ports(place)]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    (found,) = json.loads(done.stdout)
    if found["state"] == "ok":
        pytest.skip("this machine lets everybody listen below 1024")
    assert "may not listen" in found["cause"]
    assert "--listen" in found["fix"]
