"""Handshakes over real sockets: who is let in, and what the others are told."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from node.errors import TransportError
from node.network.endpoint import Bounds
from node.network.handshake import said
from protocol import limits
from protocol.channel.frames import pack_frames
from protocol.channel.messages import Bye, Hello, Ping, encode_message
from protocol.channel.noise import HandshakeState, prologue_for, transport_key
from protocol.errors import Reason, SignatureError

OTHER_KEY = transport_key(b"\x09" * 32)


async def failure(town, **settings) -> TransportError:
    """Let ana dial bo, who has these settings, and give what ana is told."""
    ana, bo = town("ana"), await town("bo", **settings).listen()
    with pytest.raises(TransportError) as caught:
        await ana.dialer.dial(bo.address)
    assert ana.opened == bo.opened == []
    assert ana.closed == bo.closed == []
    return caught.value


async def test_another_key_than_expected(town):
    ana, bo = town("ana"), await town("bo").listen()
    with pytest.raises(TransportError, match="not the expected one") as caught:
        await ana.dialer.dial(bo.address, OTHER_KEY)
    assert caught.value.code == "E-PEER-KEY"
    assert caught.value.fix
    # The stranger has not learnt who dialled: no frame of ours was ever opened.
    assert bo.frames == []


async def test_own_address(town):
    ana = await town("ana").listen()
    with pytest.raises(TransportError, match="this node's own") as caught:
        await ana.dialer.dial(ana.address)
    assert caught.value.code == "E-PEER-SELF"


async def test_another_net(town):
    error = await failure(town, net="main")
    assert error.code == "E-PEER-HANDSHAKE"
    assert "same net" in str(error)
    assert "this one is on 'test'" in error.fix


async def test_no_common_version_names_the_one_needed(town):
    error = await failure(town, versions=[2, 3])
    assert "needs protocol version" in str(error)


async def test_highest_common_version_is_used(town):
    ana, bo = town("ana", versions=[1, 2, 5]), await town("bo", versions=[2, 1, 9]).listen()
    link = await ana.dialer.dial(bo.address)
    await bo.until(lambda: bo.opened)
    assert (link.version, bo.opened[0].version) == (2, 2)


async def test_hello_that_does_not_hold(town):
    def refuse(_hello: Hello) -> None:
        raise SignatureError(Reason.BAD_SIGNATURE, "the record's signature does not hold")

    # The refusing end has its Hello out already, so the other may take the link for open.
    ana, bo = town("ana"), await town("bo", welcome=refuse).listen()
    link = await ana.dialer.dial(bo.address)
    await link.wait_closed()
    assert link.ending.reason is Reason.BAD_SIGNATURE
    assert link.ending.by_peer
    assert bo.opened == []

    cy = town("cy", welcome=refuse)
    dora = await town("dora").listen()
    with pytest.raises(TransportError, match="signature does not hold") as caught:
        await cy.dialer.dial(dora.address)
    assert caught.value.code == "E-PEER-HANDSHAKE"


async def test_goodbye_instead_of_hello(town, stranger):
    bo = await town("bo").listen()
    one = await stranger(bo)
    await one.shake(pack_frames([encode_message(Bye(reason=Reason.POLICY, detail="no"))])[0])
    await one.hear()
    assert await one.is_cut()
    assert bo.opened == []


async def serve_once(answer):
    """A WebSocket server of somebody else's; gives its address and a way to stop it."""

    async def handle(request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await answer(socket)
        return socket

    runner = web.ServerRunner(web.Server(handle, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    return f"127.0.0.1:{runner.addresses[0][1]}", runner


async def test_dialler_is_told_why_it_is_refused(town):
    async def answer(socket):
        noise = HandshakeState(
            initiator=False,
            prologue=prologue_for("test"),
            static_secret=b"\x09" * 32,
            ephemeral_secret=b"\x0a" * 32,
        )
        noise.read_message(await socket.receive_bytes())
        await socket.send_bytes(noise.write_message())
        noise.read_message(await socket.receive_bytes())
        bye = encode_message(Bye(reason=Reason.QUOTA, detail="full house"))
        await socket.send_bytes(noise.split()[0].encrypt(pack_frames([bye])[0]))
        await socket.receive()

    address, runner = await serve_once(answer)
    with pytest.raises(TransportError, match="quota full house") as caught:
        await town("ana").dialer.dial(address, OTHER_KEY)
    assert caught.value.code == "E-PEER-REFUSED"
    await runner.cleanup()


@pytest.mark.parametrize(
    ("said_first", "code"),
    [
        (bytes(96), "E-PEER-HANDSHAKE"),
        (bytes(3), "E-PEER-HANDSHAKE"),
        (b"", "E-PEER-HANDSHAKE"),
        (bytes(limits.handshake_bytes_max + 1), "E-PEER-HANDSHAKE"),
        ("text", "E-PEER-HANDSHAKE"),
        (None, "E-PEER-LOST"),
    ],
    ids=["zeros", "short", "empty", "large", "text", "gone"],
)
async def test_dialler_meets_something_else(town, said_first, code):
    async def answer(socket):
        if said_first is None:
            await socket.close()
        elif isinstance(said_first, str):
            await socket.send_str(said_first)
        else:
            await socket.send_bytes(said_first)
        await socket.receive()

    address, runner = await serve_once(answer)
    with pytest.raises(TransportError) as caught:
        await town("ana").dialer.dial(address)
    assert caught.value.code == code
    await runner.cleanup()


@pytest.mark.parametrize("silent_after", ["upgrade", "handshake"])
async def test_deadline(town, stranger, silent_after: str):
    bo = await town("bo", bounds=Bounds(handshake_ms=100)).listen()
    slow = await stranger(bo)
    if silent_after == "handshake":
        await slow.prove()
        assert isinstance((await slow.hear())[0], Hello)
    assert await slow.is_cut()
    assert bo.opened == []


async def test_dialler_has_a_deadline_too(town):
    waiting = asyncio.Event()
    address, runner = await serve_once(lambda _socket: waiting.wait())
    ana = town("ana", bounds=Bounds(handshake_ms=100))
    with pytest.raises(TransportError, match="took too long") as caught:
        await ana.dialer.dial(address)
    assert caught.value.code == "E-PEER-TIMEOUT"
    waiting.set()
    await runner.cleanup()


@pytest.mark.parametrize("large", ["one message", "several"])
async def test_bytes_before_the_hello_are_counted(town, stranger, large: str):
    bo = await town("bo").listen()
    one = await stranger(bo)
    if large == "one message":
        await one.socket.send_bytes(bytes(limits.handshake_bytes_max + 1))
    else:
        hello = Hello(versions=[1], record=bytes(1024), clock_ms=0)
        await one.shake(pack_frames([encode_message(hello)] * 8)[0])
        assert (await one.farewell()).reason is Reason.TOO_LARGE
    assert await one.is_cut()
    assert bo.opened == []


@pytest.mark.parametrize(
    "first", [[Ping(nonce=1)], [Hello(versions=[1], record=b"r", clock_ms=0)] * 2]
)
async def test_first_frame_is_one_hello(town, stranger, first: list):
    bo = await town("bo").listen()
    one = await stranger(bo)
    await one.shake(pack_frames(map(encode_message, first))[0])
    assert (await one.farewell()).reason is Reason.UNEXPECTED
    assert bo.opened == []


async def test_handshake_messages_carry_nothing(town, stranger):
    bo = await town("bo").listen()
    one = await stranger(bo)
    noise = HandshakeState(
        initiator=True,
        prologue=prologue_for("test"),
        static_secret=b"\x01" * 32,
        ephemeral_secret=b"\x02" * 32,
    )
    await one.socket.send_bytes(noise.write_message(b"a payload"))
    assert await one.is_cut()


async def test_handshake_replayed_from_a_recording(town, stranger):
    """The first message alone may be repeated; what follows depends on the answer to it."""
    bo = await town("bo").listen()
    honest = await stranger(bo)
    sent = []
    send = honest.socket.send_bytes

    async def record(data):
        sent.append(data)
        await send(data)

    honest.socket.send_bytes = record
    await honest.shake()
    await bo.until(lambda: len(bo.opened) == 1)
    replay = await stranger(bo)
    await replay.socket.send_bytes(sent[0])
    await replay.socket.receive_bytes()
    for data in sent[1:]:
        await replay.socket.send_bytes(data)
    assert await replay.is_cut()
    assert len(bo.opened) == 1


def test_details_are_printable_and_short():
    assert said("fine") == "fine"
    assert said("a\nb\u202ec\x00") == "a?b?c?"
    assert said("x" * 500) == "x" * limits.detail_chars_max
