"""Both ends of an invite."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from node.clock import ManualClock
from node.errors import RefusedError, StorageError, TransportError
from node.runtime.invitations import Invitations, InviteWish
from node.runtime.tasks import Tasks
from node.storage import audit, neighbours
from node.storage.database import Storage
from node.storage.neighbours import NeighbourStanding
from protocol import limits
from protocol.channel.messages import Join, Joined, Refused
from protocol.errors import IntentcastError, LocalProtocolError, Reason
from protocol.ids import blake2b_256
from protocol.network.invites import Invite, sign_invite
from protocol.now import DAY_MS, HOUR_MS
from tests.unit.node.runtime.lane import NET, Calm, Lane, LaneLink, key, seed, until

ANA_AT = "10.0.0.1:1"
TOKEN = b"t" * limits.invite_token_bytes


@dataclass
class Scene:
    lane: Lane
    clock: ManualClock
    storage: Storage
    tasks: Tasks
    invitations: Invitations

    async def answered(self, link: LaneLink, token: bytes) -> Any:
        before = len(link.said)
        any_link: Any = link
        self.invitations.handle_join(any_link, Join(request=7, token=token))
        await until(lambda: len(link.said) > before)
        return link.said[-1]

    async def standing(self, name: str) -> NeighbourStanding | None:
        rows = await self.storage.read(neighbours.load_all)
        return next((row.standing for row in rows if row.key == key(name)), None)

    async def happened(self) -> list[str]:
        return [
            line.what
            for line in await self.storage.read(lambda db: audit.load_after(db, 0, limit=99))
        ]


@pytest.fixture
async def scene(clock: ManualClock, storage: Storage) -> AsyncIterator[Scene]:
    tasks, lane = Tasks(), Lane()
    invitations = Invitations(
        lane,
        net=NET,
        record_seed=seed("own"),
        clock=clock,
        entropy=Calm(),
        storage=storage,
        spawn=tasks.spawn,
    )
    yield Scene(lane, clock, storage, tasks, invitations)
    await tasks.close()
    assert tasks.failures == 0


def wish(**changes: Any) -> InviteWish:
    return InviteWish(**{"single": False, "for_ms": DAY_MS} | changes)


async def code_of(awaitable: Any) -> str:
    with pytest.raises(IntentcastError) as caught:
        await awaitable
    assert caught.value.sentence
    return caught.value.code


# --- handing out ---------------------------------------------------------------------------------


async def test_an_invite_for_all_leaves_nothing_on_disk(scene: Scene):
    invite = await scene.invitations.make(wish())
    assert (invite.token, invite.address, invite.key) == (None, "10.0.0.9:9401", key("own"))
    assert invite.until == scene.clock.now().wall_ms + DAY_MS
    assert await scene.happened() == []


async def test_an_invite_for_one_leaves_the_hash_of_its_token(scene: Scene):
    invite = await scene.invitations.make(wish(single=True, address="Relay.example:1"))
    assert invite.address == "relay.example:1"
    assert invite.token is not None
    hashes = await scene.storage.read(lambda db: db.execute_fetchall("SELECT * FROM invites"))
    (row,) = list(hashes)
    assert row["token_hash"] == blake2b_256(invite.token)
    assert await scene.happened() == ["invite_made"]


@pytest.mark.parametrize("for_ms", [0, 59_999, limits.invite_ttl_ms_max + 1])
async def test_for_too_long_or_too_short(scene: Scene, for_ms: int):
    assert await code_of(scene.invitations.make(wish(for_ms=for_ms))) == "E-INVITE-TIME"


async def test_a_node_nobody_can_dial_invites_nobody(scene: Scene):
    scene.lane.own = []
    assert await code_of(scene.invitations.make(wish())) == "E-INVITE-NOWHERE"
    scene.lane.port = None
    assert await code_of(scene.invitations.make(wish())) == "E-INVITE-NOWHERE"
    assert await code_of(scene.invitations.make(wish(address="nowhere"))) == "E-ADDRESS"
    assert (await scene.invitations.make(wish(address="a.example:1"))).address == "a.example:1"


async def test_not_endlessly_many_wait(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "invites_open_max", 1)
    await scene.invitations.make(wish(single=True))
    assert await code_of(scene.invitations.make(wish(single=True))) == "E-INVITE-MANY"
    await scene.invitations.make(wish())


# --- tokens that come back -----------------------------------------------------------------------


async def test_the_first_to_bring_a_token_is_a_guest_and_nobody_after(scene: Scene):
    invite = await scene.invitations.make(wish(single=True))
    assert invite.token is not None
    ana, bo = LaneLink("ana"), LaneLink("bo")
    assert await scene.answered(ana, invite.token) == Joined(request=7)
    assert await scene.standing("ana") is NeighbourStanding.GUEST
    assert await scene.answered(bo, invite.token) == Refused(request=7, reason=Reason.DUPLICATE)
    assert await scene.standing("bo") is None
    # The answer may have been lost on the way.
    assert await scene.answered(ana, invite.token) == Joined(request=7)
    assert (await scene.happened()).count("invite_made") == 1


async def test_a_token_that_is_over_or_unknown(scene: Scene):
    invite = await scene.invitations.make(wish(single=True, for_ms=HOUR_MS))
    assert invite.token is not None
    link = LaneLink("ana")
    assert await scene.answered(link, TOKEN) == Refused(request=7, reason=Reason.NOT_FOUND)
    scene.clock.advance(2 * HOUR_MS)
    assert await scene.answered(link, invite.token) == Refused(request=7, reason=Reason.EXPIRED)
    assert await scene.standing("ana") is None


async def test_a_node_that_is_kept_stays_so(scene: Scene):
    scene.lane.at[ANA_AT] = LaneLink("ana")
    await scene.invitations.join(invite_of("ana", token=None))
    invite = await scene.invitations.make(wish(single=True))
    assert invite.token is not None
    assert await scene.answered(LaneLink("ana"), invite.token) == Joined(request=7)
    assert await scene.standing("ana") is NeighbourStanding.KEPT


async def test_one_token_at_a_time_from_each_peer(scene: Scene):
    link = LaneLink("ana")
    any_link: Any = link
    for _ in range(5):
        scene.invitations.handle_join(any_link, Join(request=7, token=TOKEN))
    await until(lambda: len(link.said) == 5)
    reasons = [message.reason for message in link.said if isinstance(message, Refused)]
    assert reasons == [Reason.OVER_BUDGET] * 4 + [Reason.NOT_FOUND]
    await asyncio.sleep(0)
    assert await scene.answered(link, TOKEN) == Refused(request=7, reason=Reason.NOT_FOUND)


async def test_a_disk_that_fails_uses_nothing_up(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    invite = await scene.invitations.make(wish(single=True))
    assert invite.token is not None

    async def full(*_args: Any, **_kwargs: Any) -> Any:
        raise StorageError("the disk is full", code="E-DISK-FULL")

    with monkeypatch.context() as patch:
        patch.setattr(scene.storage, "write", full)
        said = await scene.answered(LaneLink("ana"), invite.token)
    assert said == Refused(request=7, reason=Reason.QUOTA)
    assert await scene.answered(LaneLink("bo"), invite.token) == Joined(request=7)


# --- joining -------------------------------------------------------------------------------------


def invite_of(name: str, *, token: bytes | None = TOKEN, signer: str = "") -> Invite:
    return sign_invite(
        net=NET,
        key=key(name),
        address=ANA_AT,
        until=2_000_000_000_000,
        token=token,
        seed=seed(signer or name),
    )


async def test_joining_keeps_the_node(scene: Scene):
    link = scene.lane.at[ANA_AT] = LaneLink("ana")
    row = await scene.invitations.join(invite_of("ana"))
    assert (row.key, row.address) == (key("ana"), ANA_AT)
    assert await scene.standing("ana") is NeighbourStanding.KEPT
    assert [ask.token for ask in link.asked] == [TOKEN]
    assert await scene.happened() == ["neighbour_kept"]


async def test_an_invite_for_all_hands_nothing_in(scene: Scene):
    link = scene.lane.at[ANA_AT] = LaneLink("ana")
    await scene.invitations.join(invite_of("ana", token=None))
    assert link.asked == []


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (Reason.DUPLICATE, "E-INVITE-USED"),
        (Reason.EXPIRED, "E-INVITE-EXPIRED"),
        (Reason.NOT_FOUND, "E-INVITE-REFUSED"),
        (Reason.QUOTA, "E-INVITE-REFUSED"),
    ],
)
async def test_a_node_that_says_no_is_not_kept(scene: Scene, reason: Reason, code: str):
    link = scene.lane.at[ANA_AT] = LaneLink(
        "ana", answer=lambda ask: Refused(request=ask.request, reason=reason)
    )
    assert await code_of(scene.invitations.join(invite_of("ana"))) == code
    assert await scene.standing("ana") is None
    assert not link.is_open


async def test_a_link_that_stood_before_outlives_a_no(scene: Scene):
    link = LaneLink("ana", answer=lambda ask: Refused(request=ask.request, reason=Reason.QUOTA))
    scene.lane.links[key("ana")] = link
    assert await code_of(scene.invitations.join(invite_of("ana"))) == "E-INVITE-REFUSED"
    assert link.is_open


async def test_an_invite_somebody_else_signed(scene: Scene):
    link = scene.lane.at[ANA_AT] = LaneLink("ana")
    forged = invite_of("ana", signer="mallory")
    assert await code_of(scene.invitations.join(forged)) == "E-INVITE-SIGNATURE"
    assert await scene.standing("ana") is None
    assert not link.is_open
    assert link.asked == []


async def test_another_node_at_its_address(scene: Scene):
    scene.lane.at[ANA_AT] = LaneLink("mallory")
    with pytest.raises(TransportError) as caught:
        await scene.invitations.join(invite_of("ana"))
    assert caught.value.code == "E-PEER-KEY"
    assert await scene.standing("ana") is None


async def test_no_more_neighbours_than_fit(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "neighbours_kept_max", 0)
    scene.lane.at[ANA_AT] = LaneLink("ana")
    with pytest.raises(RefusedError) as caught:
        await scene.invitations.join(invite_of("ana"))
    assert caught.value.code == "E-NEIGHBOURS-FULL"


async def test_a_link_is_read_and_judged(scene: Scene):
    made = await scene.invitations.make(wish())
    with pytest.raises(LocalProtocolError) as caught:
        scene.invitations.read(made.link, may_be_private=True)
    assert caught.value.code == "E-PEER-SELF"
    until_ms = scene.clock.now().wall_ms + HOUR_MS
    good = sign_invite(
        net=NET, key=key("ana"), address=ANA_AT, until=until_ms, token=None, seed=seed("ana")
    )
    assert scene.invitations.read(good.link, may_be_private=False) == good
