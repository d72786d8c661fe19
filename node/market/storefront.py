"""The vendor's public face: one signed profile, published and renewed.

Enters: what the shopkeeper wrote about the shop. Leaves: a profile object with boxes opened for
it, reused over restarts while it says the same. A vendor that can be dialled names its own node
and at least one other, so that buyer and vendor need never be online together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from node.crashpoint import crashpoint
from node.errors import TransportError
from node.market.desk import Desk, newest_box, reply_of
from node.market.lots import groups_of, in_turn
from node.storage import boxes_own, objects
from node.storage.boxes_own import OwnBox
from protocol import limits, sealing, signing
from protocol.ids import BoxKey, NodeId, SigningKey
from protocol.now import DAY_MS
from protocol.objects.envelope import Verified, open_stored
from protocol.objects.header import Kind
from protocol.objects.profile import Profile

if TYPE_CHECKING:
    import sqlite3

_PROFILE_LIFE_MS = 300 * DAY_MS
_RENEW_BEFORE_MS = 90 * DAY_MS
_PATIENCE_S = 3.0
_STEP_S = 0.1


class Storefront:
    """Publishes the profile of this home's vendor."""

    def __init__(self, desk: Desk, *, dialled: bool) -> None:
        """Keep the tools.

        Args:
            desk: the tools.
            dialled: whether others can dial this node, which then serves its own box.
        """
        self._desk = desk
        self._dialled = dialled

    async def publish(self, described: Profile) -> Verified[Profile]:
        """Give the current profile, signing a new one when what it says has changed.

        Args:
            described: what the shopkeeper wrote; its `reply` is ignored.
        """
        box = await self._desk.storage.write(self._open_box)
        kept = await self._kept()
        if kept is not None and box is not None and self._still_holds(kept, described, box):
            self._desk.network.publish(kept, kept.raw)
            await self._desk.post.watch(box)
            return kept
        return await self._renew(described, box)

    def _open_box(self, conn: sqlite3.Connection) -> OwnBox | None:
        box = newest_box(conn, self._desk.pen.profile_ctx)
        is_open = box is not None and not box.closed and box.until > self._desk.wall_ms()
        return box if is_open else None

    async def _kept(self) -> Verified[Profile] | None:
        key = self._desk.pen.key(self._desk.pen.profile_ctx)
        raw = await self._desk.storage.write(lambda conn: objects.newest_profile(conn, key))
        return None if raw is None else open_stored(raw, net=self._desk.net)

    def _still_holds(self, kept: Verified[Profile], described: Profile, box: OwnBox) -> bool:
        same = msgspec.structs.replace(described, reply=kept.body.reply) == kept.body
        lasts = min(kept.header.exp, kept.body.reply.until)
        is_there = kept.body.reply.at == list(box.mailboxes)
        return same and is_there and lasts > self._desk.wall_ms() + _RENEW_BEFORE_MS

    async def _renew(self, described: Profile, box: OwnBox | None) -> Verified[Profile]:
        until = self._desk.wall_ms() + _PROFILE_LIFE_MS
        until -= until % DAY_MS
        # Buyers have been told of the box there is: a new text is no reason to leave it.
        stays = await self._prolonged(box, until) if box is not None else None
        box = stays or await self._new_box(until, box)
        body = msgspec.structs.replace(described, reply=reply_of(box))
        exp = self._desk.clock.now().minute_ms() + _PROFILE_LIFE_MS
        verified = await self._desk.pen.public(box.ctx, Kind.PROFILE, body, exp=exp)
        await self._desk.storage.write(lambda conn: self._keep(conn, verified, box))
        crashpoint("profile.after_commit")
        self._desk.network.publish(verified, verified.raw)
        await self._desk.post.watch(box)
        return verified

    async def _prolonged(self, box: OwnBox, until: int) -> OwnBox | None:
        """Open the box for longer where it is; None when it would end soon and cannot be."""
        try:
            await self._desk.post.open_box(box.ctx, box.mailboxes, until)
        except TransportError:
            lasts = box.until > self._desk.wall_ms() + _RENEW_BEFORE_MS
            return box if lasts else None
        return replace(box, until=max(box.until, until))

    async def _new_box(self, until: int, left: OwnBox | None) -> OwnBox:
        """Open a box, waiting for mailboxes as long as it takes."""
        ctx = self._desk.pen.profile_ctx
        opened: list[NodeId] = []
        while not opened:
            chosen = await self._choose_mailboxes()
            try:
                opened = await self._desk.post.open_box(ctx, chosen, until)
            except TransportError:
                await asyncio.sleep(_STEP_S)
        places = left.places if left is not None else ()
        former = [each for each in places if each not in opened]
        return OwnBox(
            reader=SigningKey(signing.public_key(self._desk.keyring.reader_seed(ctx))),
            ctx=ctx,
            box=BoxKey(sealing.box_public_key(self._desk.keyring.box_seed(ctx))),
            mailboxes=tuple(opened),
            until=until,
            opened_at=tuple(opened),
            closed=False,
            former=tuple(former[: limits.former_mailboxes_max]),
        )

    def _keep(self, conn: sqlite3.Connection, verified: Verified[Any], box: OwnBox) -> None:
        self._desk.record(conn, verified)
        boxes_own.save(conn, box)
        self._desk.note(conn, "profile", [verified.id])

    async def _choose_mailboxes(self) -> list[NodeId]:
        """Own node first when it can be dialled, then others as they become known."""
        own = self._desk.network.node_id
        others: list[NodeId] = []
        records: Sequence[Any] = []
        failing = self._desk.post.failing()
        for _ in range(int(_PATIENCE_S / _STEP_S)):
            records = self._desk.network.mailboxes()
            found = (NodeId(record.key) for record in records)
            others = [key for key in found if key != own and key not in failing]
            if len(others) >= limits.mailboxes_per_reply_max - 1:
                break
            await asyncio.sleep(_STEP_S)
        start = int(self._desk.entropy.jitter(0, len(others))) if others else 0
        groups = groups_of(records, self._desk.net)
        drawn = in_turn(others[start:] + others[:start], groups)
        first = [own] if self._dialled else []
        return (first + drawn)[: limits.mailboxes_per_reply_max]
