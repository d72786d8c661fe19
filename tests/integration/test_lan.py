"""Two machines' worth of nodes on one wire: seen at once, linked after a yes, fooled by nobody.

Each machine is a network namespace with a daemon in a process of its own; the records go over the
wire as multicast DNS. Needs root; avahi's tools, which see the service as any other program would,
are used where they are installed.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from protocol import limits
from protocol.channel.noise import transport_key
from protocol.ids import blake2b_256, to_text
from tests.integration.machines import Document, Machine, Wire, until, why_not

WHY_NOT = why_not()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(150),
    pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "it can"),
]
SEEN_S = 30.0
STRANGER = to_text("node", transport_key(blake2b_256(b"somebody else's node")))
DRAFT: Document = {
    "title": "A camera for the snow",
    "category": "electronics/cameras/digital-cameras",
    "items": [{"name": "digital camera"}],
    "where": {"remote": True},
    "decide_by": "+14d",
}


@pytest.fixture
async def wire(tmp_path: Path) -> AsyncIterator[Wire]:
    found = Wire(tmp_path)
    try:
        await found.lay()
        yield found
    finally:
        await found.clear()


async def seen(machine: Machine, node: str) -> Document:
    """Wait until a machine's owner is shown a node."""

    async def look() -> Document | None:
        nodes = (await machine.ask("nearby"))["nodes"]
        return next((each for each in nodes if each["node"] == node and each["near"]), None)

    found: Document = await until(look, SEEN_S, f"{machine.name} sees {node[:24]}")
    return found


async def linked(machine: Machine) -> list[Document]:
    peers: list[Document] = (await machine.ask("peers"))["peers"]
    return peers


def stored_keys(machine: Machine) -> set[bytes]:
    """Which nodes a home has records of."""
    conn = sqlite3.connect(f"file:{machine.home / 'node.db'}?mode=ro", uri=True)
    try:
        return {row[0] for row in conn.execute("SELECT key FROM nodes")}
    finally:
        conn.close()


async def test_they_find_each_other_and_link_after_one_yes(wire: Wire):
    ana, bo = wire.machines
    one = await ana.up("--lan", "--listen", "0.0.0.0:0")
    two = await bo.up("--lan", "--relay", "--listen", f"{bo.address}:0")
    for here, there, machine in ((ana, two, bo), (bo, one, ana)):
        entry = await seen(here, there["node"])
        host, _, port = entry["addresses"][0].rpartition(":")
        assert (entry["state"], entry["linked"], host) == ("waiting", False, machine.address)
        assert port == there["listen"].rpartition(":")[2]
    # Nothing is dialled before the yes, however long it takes.
    await asyncio.sleep(3)
    assert await linked(ana) == await linked(bo) == []
    assert stored_keys(ana) == stored_keys(bo) == set()

    code, out, _ = await ana.say("nearby")
    handle = out.splitlines()[1].split()[0]
    assert (code, two["node"].startswith(handle)) == (0, True)
    found = (await ana.ask("nearby", "allow", handle))["neighbour"]
    assert (found["state"], found["linked"]) == ("kept", True)
    (peer,) = await linked(ana)
    assert (peer["node"], peer["direction"]) == (two["node"], "out")
    (peer,) = await linked(bo)
    assert (peer["node"], peer["direction"]) == (one["node"], "in")

    # A cast travels: the other machine has it from this one first.
    draft = ana.folder / "draft.json"
    draft.write_text(json.dumps(DRAFT), encoding="utf-8")
    await ana.ask("cast", str(draft), "--yes")

    async def travelled() -> bool:
        return [each["objects"] for each in await linked(bo)] == [1]

    await until(travelled, SEEN_S, "the cast is on the other machine")

    # The yes outlives a restart, and the node is found again where it is now.
    await asyncio.gather(ana.down(), bo.down())
    await bo.up("--lan", "--relay", "--listen", f"{bo.address}:0")
    await ana.up("--lan", "--listen", "0.0.0.0:0")

    async def back() -> bool:
        return [each["node"] for each in await linked(ana)] == [two["node"]]

    await until(back, SEEN_S, "linked again, at another port")


ANNOUNCE = """
import asyncio, sys
from zeroconf import IPVersion
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf
TYPE = "_intentcast._tcp.local."
async def main():
    own, address, port, node = sys.argv[1:]
    opened = AsyncZeroconf(interfaces=[own], ip_version=IPVersion.V4Only)
    info = AsyncServiceInfo(
        TYPE, f"liar.{TYPE}", port=int(port), server="liar.local.", parsed_addresses=[address],
        properties={"v": "1", "net": "wire", "node": node},
    )
    await (await opened.async_register_service(info))
    print("told", flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


async def announce(machine: Machine, address: str, port: int, node: str) -> None:
    """Let a machine announce a node that is not its own."""
    child = await machine.python(ANNOUNCE, machine.address, address, str(port), node)
    assert child.stdout is not None
    async with asyncio.timeout(SEEN_S):
        assert await child.stdout.readline() == b"told\n"


async def test_a_spoofed_record_leads_nowhere(wire: Wire):
    ana, mallory = wire.machines
    await ana.up("--lan", "look")
    evil = await mallory.up("--listen", "0.0.0.0:0")
    port = int(evil["listen"].rpartition(":")[2])
    await announce(mallory, mallory.address, port, STRANGER)
    entry = await seen(ana, STRANGER)
    assert entry["state"] == "waiting"

    found = (await ana.ask("nearby", "allow", STRANGER))["neighbour"]
    assert (found["state"], found["linked"], found["near"]) == ("kept", False, False)
    assert "another node answers" in found["trouble"]
    told = await ana.ask("nearby")
    assert told["ignored"]["spoofed"] >= 1
    assert any("was not there" in each for each in (await ana.ask("status"))["notices"])
    await asyncio.sleep(2)
    assert await linked(ana) == []
    assert stored_keys(ana) == set()
    # The key is said by the dialler in the last message of the handshake, which was never sent.
    assert await linked(mallory) == []
    assert stored_keys(mallory) == set()


FLOOD = """
import socket, struct, sys
own, host = sys.argv[1:]
TYPE = b"\\x0b_intentcast\\x04_tcp\\x05local\\0"
def name(label): return bytes([len(label)]) + label
def record(owner, kind, data): return owner + struct.pack("!HHIH", kind, 1, 120, len(data)) + data
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
out.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(own))
out.bind((own, 5353))
keys = sys.stdin.read().split()
for number, key in enumerate(keys):
    label = b"flood%d" % number
    owner, server = name(label) + TYPE, name(label) + b"\\x05local\\0"
    pairs = [b"v=1", b"net=wire", b"node=" + key.encode()]
    if number % 3 == 1: pairs = [b"\\xff\\xfe=\\x80"]
    if number % 3 == 2: pairs = [b"x" * 250] * 4
    txt = b"".join(bytes([len(pair)]) + pair for pair in pairs)
    # Three in four claim other machines, the rest this one alone.
    last = 10 + number % 200 if number % 4 else int(host.rpartition(".")[2])
    address = bytes([10, 77, 0, last])
    place = struct.pack("!HHH", 0, 0, 1 + number % 9) + server
    answers = [
        record(TYPE, 12, owner), record(owner, 33, place),
        record(owner, 16, txt), record(server, 1, address),
    ]
    head = struct.pack("!HHHHHH", 0, 0x8400, 0, len(answers), 0, 0)
    out.sendto(head + b"".join(answers), ("224.0.0.251", 5353))
print("sent", flush=True)
"""


async def test_a_flood_of_announcements_is_bounded_and_stops_nothing(wire: Wire):
    ana, mallory = wire.machines
    await ana.up("--lan", "look")
    keys = [to_text("node", blake2b_256(number.to_bytes(4, "big"))) for number in range(3_000)]
    flood = await mallory.begin(
        *(sys.executable, "-c", FLOOD, mallory.address, mallory.address),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )

    async def looks() -> Document | None:
        found = await ana.ask("nearby")
        return found if found["interfaces"] else None

    await until(looks, SEEN_S, "the local network is looked at")
    out, _ = await flood.communicate(" ".join(keys).encode())
    assert out == b"sent\n"

    async def many() -> Document | None:
        found = await ana.ask("nearby")
        return found if len(found["nodes"]) >= 20 else None

    found: Document = await until(many, SEEN_S, "many are shown")
    await asyncio.sleep(3)
    found = await ana.ask("nearby")
    assert len(found["nodes"]) <= limits.nearby_nodes_max
    hosts: dict[str, int] = {}
    for node in found["nodes"]:
        for host in {address.rpartition(":")[0] for address in node["addresses"]}:
            hosts[host] = hosts.get(host, 0) + 1
    assert max(hosts.values()) <= limits.nearby_per_host_max
    assert sum(found["ignored"].values()) > 100
    # Nobody was dialled, and the node still does what it is asked.
    assert await linked(ana) == []
    assert stored_keys(ana) == set()
    assert (await ana.ask("status"))["net"] == "wire"
    log = (ana.home / "node.log").read_text(encoding="utf-8")
    assert len(log) < 20_000


AVAHI = """
set -eu
mount -t tmpfs none /run
mkdir -p /run/dbus /run/avahi-daemon
cat > /run/bus.conf <<END
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
<type>system</type>
<listen>unix:path=/run/dbus/system_bus_socket</listen>
<policy context="default">
<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
</policy>
</busconfig>
END
cat > /run/avahi.conf <<END
[server]
host-name=watcher
use-ipv6=no
[publish]
disable-publishing=yes
END
export DBUS_SYSTEM_BUS_ADDRESS=unix:path=/run/dbus/system_bus_socket
dbus-daemon --config-file=/run/bus.conf --nofork --nopidfile &
for _ in $(seq 100); do [ -S /run/dbus/system_bus_socket ] && break; sleep 0.1; done
avahi-daemon -f /run/avahi.conf --no-drop-root --no-chroot --no-rlimits &
for _ in $(seq 100); do [ -S /run/avahi-daemon/socket ] && break; sleep 0.1; done
for _ in $(seq 10); do
  found=$(timeout 5 avahi-browse -rpt _intentcast._tcp || true)
  case "$found" in *=\\;*) break ;; esac
  sleep 0.5
done
echo "$found"
"""
TOOLS = ("avahi-daemon", "avahi-browse", "dbus-daemon", "unshare")
MISSING = [tool for tool in TOOLS if shutil.which(tool) is None]


@pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")
async def test_avahi_sees_the_service_and_nothing_of_its_owner(wire: Wire):
    ana, watcher = wire.machines
    ready = await ana.up("--lan", "--listen", "0.0.0.0:0")
    # Its own processes, mounts and sockets: all of it ends with the shell.
    apart = ("unshare", "-m", "-p", "-f", "--kill-child", "--mount-proc")
    code, out, err = await watcher.run(*apart, "sh", "-c", AVAHI, seconds=90)
    lines = [line.split(";") for line in out.splitlines() if line.startswith("=")]
    assert (code, len(lines)) == (0, 1), err
    (found,) = lines
    fields: dict[str, Any] = dict(
        part.strip('"').split("=", 1) for part in found[9].split('" "') if part
    )
    name = found[3]
    assert ready["node"].startswith(name)
    assert found[4:9] == [
        "_intentcast._tcp",
        "local",
        f"{name}.local",
        ana.address,
        ready["listen"].rpartition(":")[2],
    ]
    assert {each: value.strip('"') for each, value in fields.items()} == {
        "v": "1",
        "net": "wire",
        "node": ready["node"],
    }
