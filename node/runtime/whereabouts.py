"""Where a node is: its addresses in the book are dialled, and peers are asked when none answers.

Whoever would hide a node tells lies about it, and the book has room for few. So what peers name
when they are asked is dialled at once, whether the book takes it or not; where nobody was goes into
the book as doubt. A node nobody here has met has no claim to all places: silent addresses cost
nothing, and those who answered before are not to wait behind them. Enters: keys. Leaves: links.
Never here: an address from anything but signed records, a look that goes on for ever.
Source: docs/protocol/06-gossip.md, "Node records".
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from itertools import chain, zip_longest
from typing import Final

from node.clock import Clock
from node.entropy import Entropy
from node.errors import TransportError
from node.network.connection import Connection
from node.network.dialer import Dialer
from node.network.errands import Errand
from node.network.links import Links
from protocol import limits
from protocol.channel.messages import WhoIs, WhoIsAnswer
from protocol.errors import RemoteProtocolError
from protocol.ids import NodeId, PeerId
from protocol.network.addresses import dialable, read_record
from protocol.network.book import Standing
from protocol.network.events import DialOutcome, NodeMissed, RecordFound
from protocol.network.links import Links as Peers

WHO_IS_MS: Final = 5_000
"""How long a peer may take to say where a node is."""
LOOK_S: Final = 30.0
"""How long one look may dial, s; then the next one goes on. Guess."""
_MISSED: Final = {
    "E-PEER-KEY": DialOutcome.OTHER_NODE,
    "E-PEER-LOST": DialOutcome.UNREACHABLE,
    "E-PEER-TIMEOUT": DialOutcome.UNREACHABLE,
}


class Whereabouts:
    """The looks of one node; `Search` sees to it that there is one at a time for a key."""

    def __init__(
        self,
        peers: Peers,
        *,
        net: str,
        links: Links,
        dialer: Dialer,
        clock: Clock,
        entropy: Entropy,
        feed: Callable[[RecordFound | NodeMissed], None],
        on_reached: Callable[[NodeId, str], None],
    ) -> None:
        """Prepare.

        Args:
            peers: the engine's book and links; to be read only.
            net: the network this node runs on.
            links: whom to ask.
            dialer: makes links.
            clock: for the age of records.
            entropy: whom to ask first.
            feed: hears what was told, and where nobody was.
            on_reached: hears where a node was reached.
        """
        self._peers = peers
        self._net = net
        self._links = links
        self._dialer = dialer
        self._clock = clock
        self._entropy = entropy
        self._feed = feed
        self._on_reached = on_reached
        self._unproven = asyncio.Semaphore(limits.dials_post_unproven_max)

    async def find(
        self, key: NodeId, errand: Errand, linked: Callable[[], Connection | None]
    ) -> Connection:
        """Link to a node.

        Args:
            key: its transport key.
            errand: for whom: our own post, or a guest's tunnel.
            linked: gives a link that the node itself made meanwhile.

        Raises:
            TransportError: E-PEER-UNKNOWN, nobody knows where it is; or why the last of its
                addresses did not answer.
        """
        before = self._known(key)
        try:
            return await self._dial(key, before, errand)
        except TransportError as error:
            told = await self._ask(key, errand)
            # It may have come to us meanwhile.
            if link := linked():
                return link
            fresh = [each for each in [*self._known(key), *told] if each not in before]
            if not fresh:
                raise error from None
        return await self._dial(key, list(dict.fromkeys(fresh)), errand)

    def _known(self, key: NodeId) -> list[str]:
        wall_ms = self._clock.now().wall_ms
        records = self._peers.book.records_of(key, wall_ms)
        return [address for record in records for address in dialable(record)]

    async def _dial(self, key: NodeId, addresses: Iterable[str], errand: Errand) -> Connection:
        """Try one address after the other."""
        failure = TransportError(
            "nobody here knows where that node is",
            code="E-PEER-UNKNOWN",
            fix="It is asked for again; check that this node has peers",
        )
        node = self._peers.book.node(key)
        is_met = node is not None and node.standing is Standing.PROVEN
        within_ms = limits.dial_ms_post if errand is Errand.POST else None
        loop = asyncio.get_running_loop()
        until = loop.time() + LOOK_S
        for address in addresses:
            if loop.time() > until:
                break
            place = nullcontext() if is_met or errand is not Errand.POST else self._unproven
            try:
                async with place:
                    link = await self._dialer.dial(address, key, errand=errand, within_ms=within_ms)
            except TransportError as error:
                failure = error
                self._note(key, address, error, errand)
            else:
                self._on_reached(key, address)
                return link
        raise failure

    def _note(self, key: NodeId, address: str, error: TransportError, errand: Errand) -> None:
        """Have the book doubt what led to nobody; a guest's dial may have ended in the line."""
        outcome = _MISSED.get(error.code)
        if outcome and not (errand is Errand.GUEST and error.code == "E-PEER-TIMEOUT"):
            self._feed(NodeMissed(key=key, address=address, outcome=outcome))

    async def _ask(self, key: NodeId, errand: Errand) -> list[str]:
        """Ask peers for a node's record; gives where they say it is, each one's first word first.

        Those this node chose come before those who chose it.
        """
        peers = [link for link in self._links if link.peer_id != key]
        peers.sort(key=lambda _link: self._entropy.jitter(0, 1))
        if errand is Errand.GUEST:
            del peers[limits.lookup_peers_max :]
        peers.sort(key=lambda link: not self._peers.relies_on(PeerId(link.peer_id)))
        told = await asyncio.gather(*(self._ask_one(link, key) for link in peers))
        in_turn = chain.from_iterable(zip_longest(*told))
        return list(dict.fromkeys(each for each in in_turn if each))[: limits.lookup_addresses_max]

    async def _ask_one(self, link: Connection, key: NodeId) -> list[str]:
        try:
            answer = await link.request(WhoIs(key=key), WHO_IS_MS)
        except TransportError:
            return []
        if not isinstance(answer, WhoIsAnswer) or answer.record is None:
            return []
        self._feed(RecordFound(peer=PeerId(link.peer_id), raw=answer.record, key=key))
        try:
            record = read_record(answer.record, net=self._net)
        except RemoteProtocolError:
            # The engine blames whoever sent it.
            return []
        is_of_it = record.key == key and record.is_fresh(self._clock.now().wall_ms)
        return list(dialable(record)) if is_of_it else []
