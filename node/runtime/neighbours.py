"""Neighbours: who is near, whom the owner said yes to, and who came by an invite.

Joins the local network, the standing links and the invitations into what faces call. A node that
announces itself waits here for a yes: it is shown, and nothing is dialled before. Enters: the
owner's words. Leaves: documents, and standing links. Never here: a decision of the owner's made for
them; a place in the local network trusted before a handshake proved the key.
Source: docs/guides/neighbours.md.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from node.clock import Clock
from node.config import Settings
from node.crashpoint import crashpoint
from node.entropy import Entropy
from node.errors import NotFoundError, TransportError
from node.network.connection import Connection
from node.network.lan import Lan, LanChoice
from node.network.vicinity import Nearby, Vicinity
from node.runtime.invitations import Invitations, InviteWish, keep
from node.runtime.standing import Standing, StandingLinks
from node.runtime.tasks import Tasks
from node.runtime.views import iso
from node.storage import audit, neighbours
from node.storage.database import Storage
from node.storage.neighbours import Neighbour, NeighbourSource, NeighbourStanding
from protocol.channel.messages import Join
from protocol.errors import IntentcastError, LocalProtocolError
from protocol.ids import NodeId, from_text, matches_handle, normalise, to_text
from protocol.network.invites import NODE_PREFIX, Invite

if TYPE_CHECKING:
    import sqlite3

    from node.runtime.network import Network

_LOG = logging.getLogger(__name__)
HANDLE_CHARS_MIN: Final = 8
"""Characters of a key that name a node nearby: who announces may choose the first few; guess."""
SETTLE_S: Final = 6.0
"""How long an answer waits for the first try of a link, s."""
JOIN_PAUSE_S_MAX: Final = 60.0
"""Longest pause between two tries to follow the invite of the start, s."""
_ID_CHARS: Final = 56
Document = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Surroundings:
    """What the neighbours are made of."""

    settings: Settings
    network: Network
    storage: Storage
    clock: Clock
    entropy: Entropy
    tasks: Tasks
    record_seed: bytes


class Neighbours:
    """One home's neighbours."""

    def __init__(self, around: Surroundings, *, changed: Callable[[], None]) -> None:
        """Put the parts together; `start` begins.

        Args:
            around: the rooms it leans on.
            changed: wakes whoever waits for news.
        """
        self._settings = around.settings
        self._network = around.network
        self._storage = around.storage
        self._clock = around.clock
        self._entropy = around.entropy
        self._tasks = around.tasks
        self._changed = changed
        self._rows: dict[NodeId, Neighbour] = {}
        self._links = StandingLinks(
            around.network,
            clock=around.clock,
            entropy=around.entropy,
            spawn=around.tasks.spawn,
            nearby=self._places_nearby,
            on_place=self._note_place,
            on_false=self._found_false,
        )
        self._invitations = Invitations(
            around.network,
            net=around.settings.net,
            record_seed=around.record_seed,
            clock=around.clock,
            entropy=around.entropy,
            storage=around.storage,
            spawn=around.tasks.spawn,
        )
        self._vicinity = Vicinity(
            is_wanted=lambda key: self._standing(key) is NeighbourStanding.KEPT,
            is_hidden=lambda key: self._standing(key) is NeighbourStanding.REFUSED,
        )
        self._lan: Lan | None = None
        self._join_notice = ""

    def _standing(self, key: NodeId) -> NeighbourStanding | None:
        row = self._rows.get(key)
        return row.standing if row else None

    def is_guest(self, key: NodeId) -> bool:
        """Tell whether a node came with one of our invites."""
        return self._standing(key) is NeighbourStanding.GUEST

    # --- start and stop -------------------------------------------------------------------------

    async def start(self) -> None:
        """Dial whom the owner keeps, look around if they want that, follow the start's invite.

        Raises:
            LocalProtocolError: E-INVITE, the invite of the start is none.
        """
        await self._load()
        for row in self._rows.values():
            if row.standing is NeighbourStanding.KEPT:
                self._links.keep(row.key, row.address)
        if self._settings.join:
            self._begin_to_join(self._settings.join)
        if self._settings.lan != "off":
            self._lan = self._look_around()
            self._lan.start()

    async def _load(self) -> None:
        rows = await self._storage.read(neighbours.load_all)
        self._rows = {row.key: row for row in rows}

    def _look_around(self) -> Lan:
        settings = self._settings
        choice = LanChoice(
            net=settings.net,
            key=self._network.node_id,
            announce=settings.lan == "on",
            listen_host=settings.listen_host,
            port=self._network.port,
            names=tuple(settings.lan_interfaces),
        )
        return Lan(
            choice,
            self._vicinity,
            clock=self._clock,
            spawn=self._tasks.spawn,
            on_seen=self._seen,
        )

    async def stop(self) -> None:
        """Look around no more, and dial nobody any more."""
        self._links.stop()
        if self._lan is not None:
            await self._lan.stop()

    # --- what the parts report ------------------------------------------------------------------

    def _seen(self, key: NodeId) -> None:
        self._links.wake(key)
        self._changed()

    def _places_nearby(self, key: NodeId) -> list[str]:
        return self._vicinity.addresses_of(key, self._clock.now().mono_ms)

    async def _note_place(self, key: NodeId, address: str) -> None:
        now_ms = self._clock.now().wall_ms
        note = partial(neighbours.note_place, key=key, address=address, now_ms=now_ms)
        await self._storage.write(note, promise=False)
        await self._load()

    def _found_false(self, key: NodeId, address: str) -> None:
        """Another node answered where this one was said to be: nothing of ours was sent to it."""
        if address in self._places_nearby(key):
            self._vicinity.distrust(key, address, self._clock.now().mono_ms)

    def handle_join(self, link: Connection, message: Join) -> None:
        """Take the token of an invite from a peer."""
        self._invitations.handle_join(link, message)

    def standing(self) -> list[Standing]:
        """List whom this node stays linked to on its owner's word, and how that goes."""
        return list(self._links.all.values())

    def notices(self) -> list[str]:
        """Tell what the owner should know, one sentence each."""
        found = [self._lan.notice] if self._lan and self._lan.notice else []
        if self._join_notice:
            found.append(self._join_notice)
        mono_ms = self._clock.now().mono_ms
        waiting = sum(1 for near in self._vicinity.nodes(mono_ms) if near.key not in self._rows)
        if waiting:
            nodes = "A node near you waits" if waiting == 1 else f"{waiting} nodes near you wait"
            found.append(f"{nodes} for your yes or no:  intentcast nearby")
        if any(why.value == "spoofed" for why in self._vicinity.ignored):
            found.append(
                "Somebody in the local network announced a node that was not there."
                " The link was closed before anything was said."
            )
        return found

    # --- what the owner asks --------------------------------------------------------------------

    async def nearby(self) -> Document:
        """List who is near and who was decided about: one node, one entry."""
        await self._load()
        mono_ms = self._clock.now().mono_ms
        near = {each.key: each for each in self._vicinity.nodes(mono_ms)}
        strangers = [key for key in near if key not in self._rows]
        return {
            "schema": "intentcast.nearby/1",
            "net": self._settings.net,
            "lan": self._settings.lan,
            "interfaces": [
                {"name": each.name, "address": each.address}
                for each in (self._lan.interfaces if self._lan else ())
            ],
            "nodes": [self._view(key, near.get(key)) for key in [*self._rows, *strangers]],
            "ignored": {why.value: n for why, n in sorted(self._vicinity.ignored.items())},
            "notice": self._lan.notice if self._lan else "",
        }

    def _view(self, key: NodeId, near: Nearby | None) -> Document:
        row = self._rows.get(key)
        link = self._network.link_to(key)
        standing = self._links.all.get(key)
        places = list(near.addresses) if near else []
        if not places and row and row.address:
            places = [row.address]
        return {
            "node": to_text(NODE_PREFIX, key),
            "state": row.standing.value if row else "waiting",
            "how": row.how.value if row else NeighbourSource.NEARBY.value,
            "linked": link is not None,
            "near": near is not None,
            "addresses": places,
            "net": self._settings.net,
            "since": iso(row.since_ms) if row else None,
            "trouble": _trouble(standing) if standing and link is None else "",
        }

    async def allow(self, handle: str) -> Document:
        """Stay linked to a node from now on, wherever it is.

        Raises:
            NotFoundError: E-NOT-FOUND, E-AMBIGUOUS.
            LocalProtocolError: E-ID, E-PEER-SELF.
            RefusedError: E-NEIGHBOURS-FULL.
        """
        key = self._named(handle)
        now_ms = self._clock.now().wall_ms
        neighbour = Neighbour(
            key=key,
            standing=NeighbourStanding.KEPT,
            how=NeighbourSource.NEARBY,
            address=None,
            since_ms=now_ms,
            seen_ms=now_ms,
        )
        await keep(self._storage, neighbour)
        crashpoint("invite.after_allow_commit")
        return await self._kept(key)

    async def _kept(self, key: NodeId) -> Document:
        await self._load()
        row = self._rows.get(key)
        self._links.keep(key, row.address if row else None)
        await self._links.settle(key, SETTLE_S)
        self._changed()
        return self._document(key)

    def _document(self, key: NodeId) -> Document:
        mono_ms = self._clock.now().mono_ms
        near = {each.key: each for each in self._vicinity.nodes(mono_ms)}
        return {"schema": "intentcast.neighbour/1", "neighbour": self._view(key, near.get(key))}

    async def refuse(self, handle: str) -> Document:
        """Show a node no more, and dial it no more on its owner's word.

        Raises:
            NotFoundError: E-NOT-FOUND, E-AMBIGUOUS.
            LocalProtocolError: E-ID, E-PEER-SELF.
        """
        key = self._named(handle)
        now_ms = self._clock.now().wall_ms
        neighbour = Neighbour(
            key=key,
            standing=NeighbourStanding.REFUSED,
            how=NeighbourSource.NEARBY,
            address=None,
            since_ms=now_ms,
            seen_ms=now_ms,
        )
        await self._storage.write(partial(_refuse, neighbour=neighbour))
        self._links.release(key)
        self._vicinity.forget(key)
        await self._load()
        self._changed()
        return self._document(key)

    async def forget(self, handle: str) -> Document:
        """Take back what was decided about a node.

        Raises:
            NotFoundError: E-NOT-FOUND, E-AMBIGUOUS.
            LocalProtocolError: E-ID, E-PEER-SELF.
        """
        key = self._named(handle, among=list(self._rows))
        await self._storage.write(partial(neighbours.remove, key=key))
        self._links.release(key)
        await self._load()
        if self._lan is not None:
            self._lan.look_again()
        self._changed()
        return await self.nearby()

    def _named(self, handle: str, among: list[NodeId] | None = None) -> NodeId:
        """Find the node a person means, by its whole key or the beginning of one that is known."""
        digits = normalise(NODE_PREFIX, handle)
        if len(digits) == _ID_CHARS:
            key = NodeId(from_text(NODE_PREFIX, handle))
            if key == self._network.node_id:
                raise LocalProtocolError("that is this node itself", code="E-PEER-SELF")
            if among is None or key in among:
                return key
        near = [each.key for each in self._vicinity.nodes(self._clock.now().mono_ms)]
        known = among if among is not None else list(dict.fromkeys([*self._rows, *near]))
        found = [key for key in known if matches_handle(NODE_PREFIX, key, handle)]
        if len(found) == 1 and len(digits) >= HANDLE_CHARS_MIN:
            return found[0]
        if found:
            raise NotFoundError(
                f"'{handle[:60]}' is too little to tell nodes apart",
                code="E-AMBIGUOUS",
                fix="Type more of the key, as its owner reads it to you",
            )
        raise NotFoundError(
            f"no neighbour goes by '{handle[:60]}'", fix="List them: intentcast nearby"
        )

    # --- invites --------------------------------------------------------------------------------

    async def invite(self, wish: InviteWish) -> Document:
        """Make a link that leads to this node.

        Raises:
            RefusedError: E-INVITE-NOWHERE, E-INVITE-MANY.
            LocalProtocolError: E-INVITE-TIME, E-ADDRESS.
        """
        invite = await self._invitations.make(wish)
        return {
            "schema": "intentcast.invite/1",
            "link": invite.link,
            "node": to_text(NODE_PREFIX, invite.key),
            "net": invite.net,
            "address": invite.address,
            "single": invite.token is not None,
            "until": iso(invite.until),
        }

    async def join(self, link: str, *, private: bool) -> Document:
        """Follow an invite: link to its node, and stay linked.

        Raises:
            LocalProtocolError: the link is none, or may not be followed now.
            RefusedError: its node does not take it.
            TransportError: its node cannot be reached.
        """
        return await self._join(self._invitations.read(link, may_be_private=private))

    async def _join(self, invite: Invite) -> Document:
        await self._invitations.join(invite)
        return await self._kept(invite.key)

    def _begin_to_join(self, link: str) -> None:
        """Follow the invite of the start in the background; one that is over is a notice."""
        try:
            invite = self._invitations.read(link, may_be_private=True)
        except LocalProtocolError as error:
            if error.code == "E-INVITE-EXPIRED":
                self._join_notice = f"The invite of the start was not followed: {error.sentence}."
                return
            raise
        if self._standing(invite.key) is not NeighbourStanding.KEPT:
            _ = self._tasks.spawn(self._keep_joining(invite), "follows an invite")

    async def _keep_joining(self, invite: Invite) -> None:
        """Try until the node takes the invite, refuses it, or the invite is over."""
        pause_s = 1.0
        while self._clock.now().wall_ms <= invite.until:
            try:
                await self._join(invite)
            except TransportError as error:
                self._join_notice = f"The invite of the start waits: {error.sentence}."
            except IntentcastError as error:
                self._join_notice = f"The invite of the start was not taken: {error.sentence}."
                return
            else:
                self._join_notice = ""
                return
            await asyncio.sleep(self._entropy.jitter(pause_s / 2, pause_s))
            pause_s = min(JOIN_PAUSE_S_MAX, pause_s * 2)
        self._join_notice = (
            "The invite of the start was not followed: its node did not answer in time, and now"
            " its time has passed."
        )


def _refuse(conn: sqlite3.Connection, *, neighbour: Neighbour) -> None:
    neighbours.save(conn, neighbour)
    audit.append(
        conn, at=neighbour.since_ms, what="neighbour_refused", ids=[neighbour.key], detail={}
    )


def _trouble(standing: Standing) -> str:
    return standing.error.sentence if standing.error else ""
