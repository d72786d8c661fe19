"""Those who lie before a node, in a process of their own: `python -m tests.siege.attackers`.

Enters: what to do, where, how much and how long. Leaves: one line of JSON on standard output with
what was sent and when each link was closed. Loopback only; everything is bounded by `--seconds`,
and ends when standard input ends: nobody is left behind.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from node.errors import TransportError
from protocol.channel.messages import Ids, Objects, Want
from protocol.channel.priority import Priority
from scripts.bench_node import Peer

BEGUN: Final = "begun"
"""First line on standard output."""
PEERS: Final = 5
_TOGETHER: Final = 15
_IDS: Final = 1_024
_TURN_S: Final = 0.01
_BACK_S: Final = 0.2


class Intruder(Peer):
    """A made-up peer that shows the socket beneath its link."""

    @property
    def transport(self) -> Any:
        """The TCP connection."""
        pipe: Any = self.link._pipe
        return pipe._socket._response.connection.transport

    @property
    def is_gone(self) -> bool:
        """Whether the node closed the link."""
        return self.ended is not None


async def joined(address: str) -> Intruder | None:
    """Link under a new key; None where the node lets nobody in."""
    peer = Intruder()
    try:
        async with asyncio.timeout(15):
            await peer.join(address)
    except (TransportError, TimeoutError):
        return None
    return peer


# --- what they do --------------------------------------------------------------------------------


async def forge(address: str, raws: Sequence[bytes], rate: float, until_s: float) -> dict[str, Any]:
    """Push envelopes that prove their work and bear no signature of their author; once a key."""

    async def one(number: int) -> dict[str, Any]:
        peer = await joined(address)
        if peer is None:
            return {"sent": 0, "gone_s": None}
        mine = raws[number::PEERS]
        began = time.monotonic()
        sent = 0
        while not peer.is_gone and sent < len(mine) and time.monotonic() < until_s:
            due = int((time.monotonic() - began) * rate / PEERS) + 1
            while sent < min(due, len(mine)) and not peer.is_gone:
                message = Objects(raws=list(mine[sent : sent + _TOGETHER]))
                if not peer.link.send(message, Priority.PUSH):
                    break
                sent += len(message.raws)
            await asyncio.sleep(_TURN_S)
        while not peer.is_gone and time.monotonic() < until_s:
            await asyncio.sleep(_TURN_S)
        gone_s = time.monotonic() - began if peer.is_gone else None
        await peer.leave()
        return {"sent": sent, "gone_s": gone_s}

    links = await asyncio.gather(*map(one, range(PEERS)))
    return {"sent": sum(each["sent"] for each in links), "links": links}


async def return_(
    address: str, raws: Sequence[bytes], rate: float, until_s: float
) -> dict[str, Any]:
    """Forge, and come back under new keys for as long as there are envelopes."""
    sent = keys = 0
    links: list[dict[str, Any]] = []
    while sent < len(raws) and time.monotonic() < until_s:
        seen = await forge(address, raws[sent:], rate, until_s)
        sent += seen["sent"]
        keys += PEERS
        links += [link for link in seen["links"] if link["sent"]]
        if not seen["sent"]:
            await asyncio.sleep(_BACK_S)
    slowest = max(links, key=lambda link: link["gone_s"] or 0.0, default=None)
    return {"sent": sent, "keys": keys, "links": [slowest] if slowest else []}


async def name(address: str, count: int, until_s: float) -> dict[str, Any]:
    """Announce ids nobody has, under new keys whenever a key is not wanted any more."""
    sent = keys = 0
    while sent < count and time.monotonic() < until_s:
        peer = await joined(address)
        if peer is None:
            await asyncio.sleep(_BACK_S)
            continue
        keys += 1
        while not peer.is_gone and sent < count and time.monotonic() < until_s:
            message = Ids(ids=[os.urandom(16) for _ in range(min(_IDS, count - sent))])
            if peer.link.send(message, Priority.PULL):
                sent += len(message.ids)
            await asyncio.sleep(0)
        # What the node takes of it, it takes before it closes.
        while not peer.is_gone and peer.link.bytes_waiting and time.monotonic() < until_s:
            await asyncio.sleep(_TURN_S)
        await peer.leave()
    return {"sent": sent, "keys": keys}


def _upgrade(address: str) -> bytes:
    return (
        f"GET /peer HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ).encode()


async def knock(address: str, count: int, until_s: float) -> dict[str, Any]:
    """Send pings of the WebSocket without end, under no key; come back when sent away."""
    host, _, port = address.rpartition(":")
    pings = b"\x89\x80\x00\x00\x00\x00" * 10_000
    sent = 0

    async def one() -> None:
        nonlocal sent
        while time.monotonic() < until_s:
            with contextlib.suppress(OSError):
                _reader, writer = await asyncio.open_connection(host, int(port))
                writer.write(_upgrade(address))
                try:
                    while time.monotonic() < until_s:
                        writer.write(pings)
                        async with asyncio.timeout(max(0.1, until_s - time.monotonic())):
                            await writer.drain()
                        sent += 10_000
                except TimeoutError:
                    pass
                finally:
                    writer.transport.abort()
            await asyncio.sleep(_BACK_S)

    await asyncio.gather(*(one() for _ in range(count)))
    return {"sent": sent}


async def drip(address: str, count: int, until_s: float) -> dict[str, Any]:
    """Begin a frame and send a byte of it now and then; some before, some after the handshake."""
    host, _, port = address.rpartition(":")
    head = _upgrade(address)
    begun = b"\x82\xfe\xea\x60" + bytes(4)  # a masked binary frame of 60,000 bytes

    async def raw() -> float | None:
        began = time.monotonic()
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(head + begun)
            while time.monotonic() < until_s and not reader.at_eof():
                writer.write(b"x")
                await writer.drain()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_BACK_S):
                        while await reader.read(4_096):
                            pass
            is_gone = reader.at_eof()
            writer.close()
            return time.monotonic() - began if is_gone else None
        return time.monotonic() - began

    async def linked() -> float | None:
        peer = await joined(address)
        if peer is None:
            return None
        began = time.monotonic()
        peer.transport.write(begun)
        while not peer.is_gone and time.monotonic() < until_s:
            peer.transport.write(b"x")
            await asyncio.sleep(_BACK_S)
        await peer.leave()
        return time.monotonic() - began if peer.is_gone else None

    gone = await asyncio.gather(
        *(raw() for _ in range(count)), *(linked() for _ in range(min(count, 10)))
    )
    return {"sent": len(gone), "gone_s": gone}


async def crowd(address: str, count: int, until_s: float) -> dict[str, Any]:
    """Open connections and say nothing; come back when sent away."""
    host, _, port = address.rpartition(":")
    opened = refused = 0

    async def one() -> None:
        nonlocal opened, refused
        while time.monotonic() < until_s:
            try:
                reader, writer = await asyncio.open_connection(host, int(port))
            except OSError:
                refused += 1
                await asyncio.sleep(_BACK_S)
                continue
            opened += 1
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(until_s - time.monotonic()):
                    await reader.read(1)
            refused += time.monotonic() < until_s
            writer.close()
            await asyncio.sleep(1.0)

    await asyncio.gather(*(one() for _ in range(count)))
    return {"sent": opened, "refused": refused}


async def deafen(address: str, raws: Sequence[bytes], count: int, until_s: float) -> dict[str, Any]:
    """Ask for everything again and again, and read nothing of it."""

    async def one() -> float | None:
        peer = await joined(address)
        if peer is None:
            return None
        began = time.monotonic()
        peer.transport.pause_reading()
        while not peer.is_gone and time.monotonic() < until_s:
            for start in range(0, len(raws), _IDS):
                with contextlib.suppress(RuntimeError):
                    peer.link.send(Want(ids=list(raws[start : start + _IDS])), Priority.PULL)
            await asyncio.sleep(_BACK_S)
            if peer.transport.is_closing():
                break
        gone = peer.is_gone or peer.transport.is_closing()
        await peer.leave()
        return time.monotonic() - began if gone else None

    gone = await asyncio.gather(*(one() for _ in range(count)))
    return {"sent": len(gone), "gone_s": gone}


# --- the process ---------------------------------------------------------------------------------


def _deeds(given: argparse.Namespace, until_s: float) -> dict[str, Callable[[], Awaitable[Any]]]:
    raws: list[bytes] = []
    if given.file is not None:
        raws = msgspec.msgpack.decode(Path(given.file).read_bytes())
    return {
        "forge": lambda: forge(given.address, raws, given.rate, until_s),
        "return": lambda: return_(given.address, raws, given.rate, until_s),
        "name": lambda: name(given.address, given.count, until_s),
        "drip": lambda: drip(given.address, given.count, until_s),
        "knock": lambda: knock(given.address, given.count, until_s),
        "crowd": lambda: crowd(given.address, given.count, until_s),
        "deafen": lambda: deafen(given.address, raws, given.count, until_s),
    }


async def _act(given: argparse.Namespace) -> dict[str, Any]:
    """Do it, unless whoever began it is gone."""
    loop = asyncio.get_running_loop()
    print(BEGUN, flush=True)
    deed = asyncio.ensure_future(_deeds(given, time.monotonic() + given.seconds)[given.deed]())
    loop.add_reader(sys.stdin.fileno(), lambda: os.read(sys.stdin.fileno(), 1) or deed.cancel())
    return await deed


def main() -> int:
    """Attack."""
    parser = argparse.ArgumentParser(prog="python -m tests.siege.attackers", description=__doc__)
    deeds = ["forge", "return", "name", "drip", "knock", "crowd", "deafen"]
    parser.add_argument("deed", choices=deeds)
    parser.add_argument("address", help="host:port of the node")
    parser.add_argument("--seconds", type=float, default=10.0, help="the longest it takes")
    parser.add_argument("--count", type=int, default=10, help="ids, or connections")
    parser.add_argument("--rate", type=float, default=25_000.0, help="envelopes a second")
    parser.add_argument("--file", help="envelopes or ids, a msgpack list of byte strings")
    with contextlib.suppress(asyncio.CancelledError):
        print(json.dumps(asyncio.run(_act(parser.parse_args()))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
