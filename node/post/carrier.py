"""What the post needs of the rooms around it, and the way to any mailbox, our own included.

Enters: a mailbox's node id. Leaves: a `Link` to ask it questions over. Never here: sockets,
addresses, or a special rule for the mailbox that happens to be ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, Protocol, TypeAlias
from weakref import WeakValueDictionary

from node.errors import TransportError
from node.keystore import is_profile
from node.post.mailbox import Mailbox, Session
from node.post.pace import PacedLink
from protocol.channel.messages import Answer, Ask, Message
from protocol.ids import NodeId

ASK_MS: Final = 20_000
"""How long a mailbox may take to answer a question that does not wait; guess."""
_CONNECT_MS: Final = 30_000
"""How long a way to a mailbox may take to find; guess."""
_MS: Final = 1_000


class Link(Protocol):
    """A channel to one mailbox; `node.network.connection.Connection` is one."""

    @property
    def peer_id(self) -> NodeId:
        """The far end's proved key."""
        ...

    @property
    def handshake_hash(self) -> bytes:
        """Names this channel and no other."""
        ...

    async def request(self, ask: Ask, timeout_ms: int) -> Answer:
        """Ask, and wait for the answer.

        Raises:
            TransportError: no answer, or no link any more.
        """
        ...


class Network(Protocol):
    """Whatever can reach a node by its key."""

    @property
    def node_id(self) -> NodeId:
        """Our own transport key."""
        ...

    async def connect(self, node_id: NodeId) -> Link:
        """Give a link to a node, dialling it when there is none.

        Raises:
            TransportError: it cannot be reached.
        """
        ...


class Channel(Link, Protocol):
    """A link somebody asks us questions over."""

    def send(self, message: Message) -> bool:
        """Queue a message; False when it will not leave."""
        ...


class Running(Protocol):
    """A background task."""

    def cancel(self) -> bool:
        """Ask it to end."""
        ...

    def done(self) -> bool:
        """Tell whether it has ended."""
        ...


class Spawner(Protocol):
    """The owner of background tasks; `node.runtime.tasks.Tasks` is one."""

    def spawn(self, coro: Coroutine[Any, Any, Any], name: str) -> Running:
        """Run a coroutine in the background."""
        ...


class Keys(Protocol):
    """The seeds the post works with; refused with a `KeystoreError` while locked."""

    @property
    def is_locked(self) -> bool:
        """Whether every seed is refused now."""
        ...

    async def until_unlocked(self) -> None:
        """Wait until none is."""
        ...

    def box_seed(self, ctx: bytes) -> bytes:
        """X25519 secret of a context's box."""
        ...

    def reader_seed(self, ctx: bytes) -> bytes:
        """Ed25519 seed that may read a context's box."""
        ...


Approach: TypeAlias = Callable[[NodeId, bytes], Awaitable[Link]]
"""Gives a channel to a mailbox for one identity context, without showing whose it is."""


class LocalLink:
    """A link to our own mailbox: the same questions under the same rules, without a socket."""

    def __init__(self, mailbox: Mailbox, channel: bytes) -> None:
        """Open it.

        Args:
            mailbox: the service.
            channel: fresh random bytes in place of a handshake hash.
        """
        self._mailbox = mailbox
        self._session = Session(peer_id=mailbox.node_id, handshake_hash=channel)

    @property
    def peer_id(self) -> NodeId:
        """Our own transport key."""
        return self._session.peer_id

    @property
    def handshake_hash(self) -> bytes:
        """The bytes drawn for this link."""
        return self._session.handshake_hash

    async def request(self, ask: Ask, timeout_ms: int) -> Answer:
        """Ask our own mailbox.

        Raises:
            TransportError: E-PEER-TIMEOUT, as over a socket.
        """
        try:
            async with asyncio.timeout(timeout_ms / _MS):
                return await self._mailbox.answer(self._session, ask)
        except TimeoutError as error:
            raise TransportError(
                "our own mailbox did not answer in time", code="E-PEER-TIMEOUT"
            ) from error


class Carrier:
    """Gives links to mailboxes."""

    def __init__(
        self,
        network: Network,
        mailbox: Mailbox,
        channel: bytes,
        *,
        approach: Approach | None = None,
    ) -> None:
        """Keep both ways.

        Args:
            network: to every other node.
            mailbox: ours, if it serves anybody.
            channel: fresh random bytes for the local link.
            approach: the way for whoever is not to be known there; as everybody when None.
        """
        self._network = network
        self._approach = approach
        self._local = LocalLink(mailbox, channel) if mailbox.serves_somebody else None
        # Kept while somebody asks over it: whoever asks at the same time shares its queues. One of
        # these holds its channel, so that no other has the same number meanwhile.
        self._paced: WeakValueDictionary[int, PacedLink] = WeakValueDictionary()

    @property
    def node_id(self) -> NodeId:
        """Our own transport key."""
        return self._network.node_id

    async def link(self, mailbox: NodeId, ctx: bytes) -> Link:
        """Give a link to a mailbox.

        Args:
            mailbox: which.
            ctx: whose box or letter it is for: our profile comes as this node, a request as nobody.

        Raises:
            TransportError: it cannot be reached.
        """
        if mailbox != self._network.node_id:
            return await self._dial(mailbox, ctx)
        if self._local is None:
            raise TransportError(
                "this node serves no boxes",
                code="E-MAILBOX-OFF",
                fix="Set mailbox = true in config.toml, or name another mailbox",
            )
        return self._local

    async def _dial(self, mailbox: NodeId, ctx: bytes) -> Link:
        link: Link
        try:
            async with asyncio.timeout(_CONNECT_MS / _MS):
                if self._approach is None or is_profile(ctx):
                    link = await self._network.connect(mailbox)
                else:
                    link = await self._approach(mailbox, ctx)
        except TimeoutError as error:
            raise TransportError(
                "no way to the mailbox was found in time", code="E-PEER-TIMEOUT"
            ) from error
        paced = self._paced.get(id(link))
        if paced is None:
            paced = self._paced[id(link)] = PacedLink(link)
        return paced
