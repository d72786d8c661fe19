"""Invitations: links this node hands out, tokens that come back, and links it was handed.

Enters: what the owner wants; a link somebody sent; a token on a channel whose key is proved.
Leaves: a signed link, a guest, or a node to stay linked to. A token is used up in one change,
before its bearer hears so. Never here: a token on disk or in a log; a node that is kept although
another key signed the link.
Source: docs/protocol/09-invites.md.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

from node.address_text import fault_of_told
from node.clock import Clock
from node.crashpoint import crashpoint
from node.entropy import Entropy
from node.errors import RefusedError, StorageError
from node.network.connection import Connection
from node.runtime.views import iso
from node.storage import audit, invites, neighbours
from node.storage.database import Storage
from node.storage.invites import TokenState
from node.storage.neighbours import Neighbour, NeighbourSource, NeighbourStanding
from protocol import limits
from protocol.channel.messages import Join, Joined, Refused
from protocol.channel.priority import Priority
from protocol.errors import LocalProtocolError, Reason
from protocol.ids import NodeId, blake2b_256
from protocol.network.addresses import read_record
from protocol.network.invites import Invite, check_invite, read_invite, sign_invite

if TYPE_CHECKING:
    import sqlite3
    from asyncio import Task

_LOG = logging.getLogger(__name__)
JOIN_MS: Final = 10_000
"""How long the inviter may take over a token."""
FOR_MS_MIN: Final = 60_000
"""Shortest life of an invite that is asked for."""
_REFUSALS: Final = {
    TokenState.USED: Reason.DUPLICATE,
    TokenState.OVER: Reason.EXPIRED,
    TokenState.UNKNOWN: Reason.NOT_FOUND,
}
_ASK_AGAIN: Final = "Ask whoever sent it for a new one"


class Reaches(Protocol):
    """What is asked of the network."""

    port: int | None

    @property
    def node_id(self) -> NodeId:
        """This node's key."""
        ...

    def own_addresses(self) -> list[str]:
        """List where this node can be dialled."""
        ...

    def link_to(self, node_id: NodeId) -> Connection | None:
        """Give the open link to a node."""
        ...

    async def dial(self, address: str, node_id: NodeId) -> Connection:
        """Link to a node at an address."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class InviteWish:
    """What sort of invite the owner wants."""

    single: bool
    """Good for one node."""
    for_ms: int
    """How long."""
    address: str | None = None
    """`host:port` others shall dial; the node's own when None."""


class Invitations:
    """Both ends of every invite."""

    def __init__(
        self,
        network: Reaches,
        *,
        net: str,
        record_seed: bytes,
        clock: Clock,
        entropy: Entropy,
        storage: Storage,
        spawn: Callable[[Coroutine[Any, Any, Any], str], Task[Any]],
    ) -> None:
        """Keep the tools.

        Args:
            network: says where this node is, and dials.
            net: network id.
            record_seed: 32 bytes, the Ed25519 seed of this node's records.
            clock: the time.
            entropy: draws tokens.
            storage: the home's database.
            spawn: runs background tasks.
        """
        self._network = network
        self._net = net
        self._seed = record_seed
        self._clock = clock
        self._entropy = entropy
        self._storage = storage
        self._spawn = spawn
        self._at_work: set[NodeId] = set()

    # --- handing out ----------------------------------------------------------------------------

    async def make(self, wish: InviteWish) -> Invite:
        """Sign an invite to this node, and remember its token when it is for one.

        Raises:
            RefusedError: E-INVITE-NOWHERE, others cannot dial this node; E-INVITE-MANY.
            LocalProtocolError: E-INVITE-TIME, it would hold for too long or too short.
        """
        if not FOR_MS_MIN <= wish.for_ms <= limits.invite_ttl_ms_max:
            raise LocalProtocolError(
                "an invite holds from one minute to seven days",
                code="E-INVITE-TIME",
                fix="Write:  intentcast invite --for 7d",
                field="for",
            )
        address = self._address(wish.address)
        now_ms = self._clock.now().wall_ms
        token = self._entropy.bytes(limits.invite_token_bytes) if wish.single else None
        invite = sign_invite(
            net=self._net,
            key=self._network.node_id,
            address=address,
            until=now_ms + wish.for_ms,
            token=token,
            seed=self._seed,
        )
        if token is not None:
            add = partial(_add, token_hash=blake2b_256(token), until=invite.until, now_ms=now_ms)
            if not await self._storage.write(add):
                raise RefusedError(
                    f"{limits.invites_open_max} invites for one are waiting to be used already",
                    code="E-INVITE-MANY",
                    fix="Wait until some are over, or make one without --single",
                )
            crashpoint("invite.after_make_commit")
        return invite

    def _address(self, wished: str | None) -> str:
        if wished is not None:
            wished = wished.strip()
            if fault := fault_of_told(wished):
                raise LocalProtocolError(
                    f"'{wished[:80]}' is not an address: {fault.cause}",
                    code="E-ADDRESS",
                    fix=fault.fix,
                    field="address",
                )
            return wished
        if self._network.port is None:
            raise RefusedError(
                "nobody can dial this node: it does not listen, so an invite would lead nowhere",
                code="E-INVITE-NOWHERE",
                fix="Start it so:  intentcast up --listen 0.0.0.0:9401 --advertise YOUR-HOST:9401",
            )
        if addresses := self._network.own_addresses():
            return addresses[0]
        raise RefusedError(
            "this node listens, and does not know where others can dial it",
            code="E-INVITE-NOWHERE",
            fix="Say where:  intentcast invite --address YOUR-HOST:"
            f"{self._network.port}   or start it with --advertise",
        )

    # --- tokens that come back ------------------------------------------------------------------

    def handle_join(self, link: Connection, message: Join) -> None:
        """Take a token from a peer; one at a time from each."""
        peer = link.peer_id
        if peer in self._at_work:
            _refuse(link, message, Reason.OVER_BUDGET)
            return
        self._at_work.add(peer)
        _ = self._spawn(self._answer(link, message), "takes an invite")

    async def _answer(self, link: Connection, message: Join) -> None:
        try:
            state = await self._use(blake2b_256(message.token), link.peer_id)
        except StorageError as error:
            _LOG.warning("an invite could not be used: %s", error)
            _refuse(link, message, Reason.QUOTA)
            return
        finally:
            self._at_work.discard(link.peer_id)
        if state is TokenState.GOOD:
            link.send(Joined(request=message.request), Priority.CONTROL)
        else:
            _refuse(link, message, _REFUSALS[state])

    async def _use(self, token_hash: bytes, key: NodeId) -> TokenState:
        """Use a token up; what is no token costs no write."""
        now_ms = self._clock.now().wall_ms
        look = partial(invites.load_state, token_hash=token_hash, key=key, now_ms=now_ms)
        state = await self._storage.read(look)
        if state is not TokenState.GOOD:
            return state
        use = partial(_use_up, token_hash=token_hash, key=key, now_ms=now_ms)
        state = await self._storage.write(use)
        crashpoint("invite.after_use_commit")
        return state

    # --- joining --------------------------------------------------------------------------------

    def read(self, link: str, *, may_be_private: bool) -> Invite:
        """Read a link, and check that it may be followed now.

        Raises:
            LocalProtocolError: what `read_invite` and `check_invite` say.
        """
        invite = read_invite(link)
        check_invite(
            invite,
            net=self._net,
            own=self._network.node_id,
            wall_ms=self._clock.now().wall_ms,
            may_be_private=may_be_private,
        )
        return invite

    async def join(self, invite: Invite) -> Neighbour:
        """Link to the node of an invite, use its token, and write that it is kept.

        Raises:
            TransportError: it cannot be linked.
            LocalProtocolError: E-INVITE-SIGNATURE, another key than the node's signed the link.
            RefusedError: E-INVITE-USED, E-INVITE-REFUSED, E-NEIGHBOURS-FULL.
        """
        before = self._network.link_to(invite.key)
        link = await self._network.dial(invite.address, invite.key)
        try:
            self._check_signer(invite, link)
            if invite.token is not None:
                await _hand_in(link, invite.token)
        except BaseException:
            if link is not before:
                link.close(Reason.POLICY, "the invite does not hold")
            raise
        now_ms = self._clock.now().wall_ms
        neighbour = Neighbour(
            key=invite.key,
            standing=NeighbourStanding.KEPT,
            how=NeighbourSource.INVITE,
            address=invite.address,
            since_ms=now_ms,
            seen_ms=now_ms,
        )
        await keep(self._storage, neighbour)
        crashpoint("invite.after_join_commit")
        return neighbour

    def _check_signer(self, invite: Invite, link: Connection) -> None:
        record = read_record(link.remote_hello.record, net=self._net)
        if record.sign_key != invite.sign_key:
            raise LocalProtocolError(
                "this invite was not signed by the node it leads to",
                code="E-INVITE-SIGNATURE",
                fix=_ASK_AGAIN,
                field="link",
            )


def _add(conn: sqlite3.Connection, *, token_hash: bytes, until: int, now_ms: int) -> bool:
    if not invites.add(conn, token_hash, until=until, now_ms=now_ms):
        return False
    audit.append(conn, at=now_ms, what="invite_made", detail={"until": iso(until)})
    return True


def _use_up(conn: sqlite3.Connection, *, token_hash: bytes, key: NodeId, now_ms: int) -> TokenState:
    """Use a token up, and know its bearer as a guest, in one change."""
    state = invites.use(conn, token_hash, key=key, now_ms=now_ms)
    if state is not TokenState.GOOD:
        return state
    crashpoint("invite.before_use_commit")
    known = neighbours.neighbour_of(conn, key)
    if known is None or known.standing is not NeighbourStanding.KEPT:
        guest = Neighbour(
            key=key,
            standing=NeighbourStanding.GUEST,
            how=NeighbourSource.INVITE,
            address=None,
            since_ms=now_ms,
            seen_ms=now_ms,
        )
        neighbours.save(conn, guest)
    audit.append(conn, at=now_ms, what="invite_used", ids=[key])
    return state


async def keep(storage: Storage, neighbour: Neighbour) -> None:
    """Write that a node is kept.

    Raises:
        RefusedError: E-NEIGHBOURS-FULL.
    """

    def change(conn: sqlite3.Connection) -> bool:
        if not neighbours.save(conn, neighbour):
            return False
        audit.append(
            conn,
            at=neighbour.since_ms,
            what="neighbour_kept",
            ids=[neighbour.key],
            detail={"how": neighbour.how.value},
        )
        return True

    if not await storage.write(change):
        raise RefusedError(
            f"this node stays linked to {limits.neighbours_kept_max} neighbours already",
            code="E-NEIGHBOURS-FULL",
            fix="Let one go:  intentcast nearby forget KEY",
        )


async def _hand_in(link: Connection, token: bytes) -> None:
    answer = await link.request(Join(token=token), JOIN_MS)
    if not isinstance(answer, Refused):
        return
    match answer.reason:
        case Reason.DUPLICATE:
            sentence, code = (
                "somebody has used this invite already; it was for one",
                "E-INVITE-USED",
            )
        case Reason.EXPIRED:
            sentence, code = "this invite is over: its time has passed", "E-INVITE-EXPIRED"
        case Reason.NOT_FOUND:
            sentence = (
                "the node does not know this invite: it was made by another home, or long ago"
            )
            code = "E-INVITE-REFUSED"
        case _:
            sentence = f"the node does not take this invite now: {answer.reason.value}"
            code = "E-INVITE-REFUSED"
    raise RefusedError(sentence, code=code, fix=_ASK_AGAIN)


def _refuse(link: Connection, message: Join, reason: Reason) -> None:
    link.send(Refused(request=message.request, reason=reason), Priority.CONTROL)
