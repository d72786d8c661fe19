"""From an open WebSocket to a proved peer: Noise XX, then one `Hello` each way.

Enters: a pipe, and the key the dialler expects there. Leaves: a `Channel`. Never here: any other
message; a peer that says anything else first is refused.
Source: docs/protocol/05-handshake.md.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from node.errors import TransportError
from node.network.endpoint import Endpoint
from node.network.pipe import Wire
from protocol import limits
from protocol.channel.frames import pack_frames, unpack_frame
from protocol.channel.messages import Bye, Hello, Message, decode_message, encode_message
from protocol.channel.noise import CipherState, HandshakeState, prologue_for
from protocol.errors import FrameError, MessageError, Reason, RemoteProtocolError
from protocol.ids import NodeId

VERSIONS: Final = (1,)
"""Protocol versions spoken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """What a finished handshake leaves."""

    peer_id: NodeId
    """The far end's proved transport key."""
    handshake_hash: bytes
    """64 bytes that name this channel and no other."""
    sending: CipherState
    """Encrypts frames to the peer."""
    receiving: CipherState
    """Opens frames from the peer."""
    hello: Hello
    """What the peer said of itself."""
    version: int
    """Protocol version both speak."""


def said(detail: str) -> str:
    """Make any text fit for the `detail` of a message: printable and short."""
    printable = "".join(c if c.isprintable() else "?" for c in detail)
    return printable[: limits.detail_chars_max]


class Handshake:
    """One attempt; used once."""

    def __init__(self, endpoint: Endpoint, pipe: Wire, expected: NodeId | None) -> None:
        """Prepare.

        Args:
            endpoint: our key, and who judges the peer's `Hello`.
            pipe: what carries its frames, open.
            expected: the key that must be there, when we dialled somebody in particular.
        """
        self._endpoint = endpoint
        self._pipe = pipe
        self._expected = expected
        self._bytes_left = limits.handshake_bytes_max

    async def run(self) -> Channel:
        """Carry it through; the caller sets the deadline.

        Raises:
            TransportError: E-PEER-LOST, E-PEER-KEY (another node lives there), E-PEER-SELF,
                E-PEER-REFUSED (the peer said goodbye).
            RemoteProtocolError: what the peer sent breaks a rule; it has been told why, if the
                keys were there already.
        """
        noise = HandshakeState(
            initiator=self._pipe.outbound,
            prologue=prologue_for(self._endpoint.net),
            static_secret=self._endpoint.static_secret,
            ephemeral_secret=self._endpoint.entropy.bytes(32),
        )
        peer_id = await (self._dial(noise) if self._pipe.outbound else self._answer(noise))
        sending, receiving = noise.split()
        mine = self._endpoint.hello()
        await self._send(peer_id, sending, mine)
        try:
            hello = self._hello_in(peer_id, receiving.decrypt(await self._receive()))
            version = _shared_version(mine, hello)
            self._endpoint.check_hello(hello, peer_id)
        except RemoteProtocolError as error:
            with suppress(TransportError):
                bye = Bye(reason=error.reason, detail=said(error.sentence))
                await self._send(peer_id, sending, bye)
            raise
        return Channel(
            peer_id=peer_id,
            handshake_hash=noise.handshake_hash,
            sending=sending,
            receiving=receiving,
            hello=hello,
            version=version,
        )

    async def _receive(self) -> bytes:
        data = await self._pipe.receive()
        self._bytes_left -= len(data)
        if self._bytes_left < 0:
            raise FrameError(Reason.TOO_LARGE, "too many bytes before the handshake ends")
        return data

    async def _read(self, noise: HandshakeState) -> None:
        if noise.read_message(await self._receive()):
            raise FrameError(Reason.BAD_HANDSHAKE, "handshake messages carry no payload")

    async def _dial(self, noise: HandshakeState) -> NodeId:
        await self._pipe.send(noise.write_message())
        await self._read(noise)
        # The right moment to leave: a stranger has not learnt who we are.
        peer_id = self._proved(noise)
        await self._pipe.send(noise.write_message())
        return peer_id

    async def _answer(self, noise: HandshakeState) -> NodeId:
        await self._read(noise)
        await self._pipe.send(noise.write_message())
        await self._read(noise)
        return self._proved(noise)

    def _proved(self, noise: HandshakeState) -> NodeId:
        peer_id = noise.remote_static
        if peer_id == self._endpoint.node_id:
            raise TransportError(
                "that address is this node's own",
                code="E-PEER-SELF",
                fix="Leave it out of the list of peers",
            )
        if self._expected not in {None, peer_id}:
            raise TransportError(
                "another node answers at that address: its key is not the expected one",
                code="E-PEER-KEY",
                fix="Ask the node's owner for a new invite link",
            )
        return peer_id

    async def _send(self, peer_id: NodeId, sending: CipherState, message: Message) -> None:
        for frame in pack_frames([encode_message(message)]):
            self._endpoint.show(peer_id, frame, inbound=False)
            await self._pipe.send(sending.encrypt(frame))

    def _hello_in(self, peer_id: NodeId, frame: bytes) -> Hello:
        self._endpoint.show(peer_id, frame, inbound=True)
        first, *others = [decode_message(raw) for raw in unpack_frame(frame)]
        if isinstance(first, Bye):
            raise TransportError(
                f"the peer refuses the link: {first.reason.value} {first.detail}".rstrip(),
                code="E-PEER-REFUSED",
            )
        if not isinstance(first, Hello) or others:
            raise MessageError(Reason.UNEXPECTED, "the first frame holds one Hello")
        return first


def _shared_version(mine: Hello, theirs: Hello) -> int:
    """Choose the highest version both speak.

    Raises:
        MessageError: WRONG_VERSION, naming the versions that would do.
    """
    shared = set(mine.versions) & set(theirs.versions)
    if not shared:
        wanted = ", ".join(map(str, sorted(mine.versions)))
        raise MessageError(Reason.WRONG_VERSION, f"this node needs protocol version {wanted}")
    return max(shared)
