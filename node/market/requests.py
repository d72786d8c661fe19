"""Requests on their way out: kept as drafts, given boxes of their own, signed, published.

Enters: requests read from a person. Leaves: open casts. A draft is durable before anything of it
leaves; it goes out when the first mailbox opens a box for it. Two casts of one buyer share no key
and, while the network allows it, no set of mailboxes.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from node.crashpoint import crashpoint
from node.errors import KeystoreError, TransportError
from node.market.desk import Desk
from node.market.drafts import Request
from node.market.errand import settling
from node.market.lots import draw, groups_of, in_turn
from node.storage import boxes_own, casts
from node.storage.boxes_own import OwnBox
from node.storage.casts import OwnCast
from node.storage.idempotency import EffectKind
from protocol import limits, sealing, signing
from protocol.encoding import decode, encode
from protocol.ids import BoxKey, CastId, NodeId, SigningKey
from protocol.market import cast as cast_machine
from protocol.market.cast import CastEvent, CastState
from protocol.now import DAY_MS
from protocol.objects.header import Kind
from protocol.objects.intentcast import Intentcast
from protocol.objects.reply import Reply

if TYPE_CHECKING:
    import sqlite3

T = TypeVar("T")

_NONCE_BYTES = 16
_SETTLING_MS = 3_000
"""How long after the start a node that knows one mailbox waits for another; guess."""
_STEP_MS = 100
_DRAFT_NAME = re.compile(r"[0-9a-f]{32}")


class Requests:
    """Publishes the casts of one home."""

    def __init__(self, desk: Desk) -> None:
        """Keep the tools."""
        self._desk = desk
        self._publishing: set[bytes] = set()
        self._born_ms = desk.clock.now().mono_ms

    async def draft(self, request: Request, draft: Mapping[str, Any]) -> bytes:
        """Keep a request durably before anything of it leaves; gives its nonce."""
        nonce = self._desk.entropy.bytes(_NONCE_BYTES)
        row = OwnCast(
            nonce=nonce,
            cast_id=None,
            root_id=None,
            state=CastState.DRAFT,
            draft=json.dumps(dict(draft), ensure_ascii=False),
            local=write_local(request),
            created_ms=self._desk.wall_ms(),
            decide_by=request.fields["decide_by"],
            exp=request.expires,
            note="",
        )

        settle = settling(EffectKind.CAST)

        def txn(conn: sqlite3.Connection) -> None:
            casts.save(conn, row)
            self._desk.note(conn, "cast.draft", [nonce])
            settle(conn, nonce, row.created_ms)

        await self._desk.storage.write(txn)
        crashpoint("cast.after_draft_commit")
        return nonce

    async def publish(self, nonce: bytes) -> bool:
        """Try to open boxes for a draft, sign it and give it to the network.

        Returns:
            Whether it is out; False leaves the draft for the next try.
        """
        if nonce in self._publishing:
            return False
        self._publishing.add(nonce)
        try:
            return await self._publish(nonce)
        except KeystoreError:
            # Locked meanwhile; the draft is kept and goes out after the unlock.
            return False
        finally:
            self._publishing.discard(nonce)

    async def _publish(self, nonce: bytes) -> bool:
        row = await self._desk.storage.write(lambda conn: casts.cast_of(conn, nonce))
        if row is None or row.state is not CastState.DRAFT:
            return row is not None and row.state is not CastState.DRAFT
        await self._desk.arrived()
        chosen = await self._choose_mailboxes()
        if not chosen:
            return False
        local = read_local(row.local)
        until = _reply_until(local.body, row.exp or 0, self._desk.wall_ms())
        try:
            opened = await self._desk.post.open_box(nonce, chosen, until)
        except TransportError:
            # The draft is kept; the clockwork tries again.
            return False
        crashpoint("cast.after_box")
        reply = Reply(
            box=sealing.box_public_key(self._desk.keyring.box_seed(nonce)),
            reader=signing.public_key(self._desk.keyring.reader_seed(nonce)),
            at=list(opened),
            until=until,
        )
        body = msgspec.structs.replace(local.body, nonce=nonce, reply=reply)
        verified = await self._desk.pen.public(nonce, Kind.INTENTCAST, body, exp=row.exp or 0)
        box = _own_box(nonce, reply)

        def txn(conn: sqlite3.Connection) -> bool:
            current = casts.cast_of(conn, nonce)
            if current is None:
                return False
            moved = cast_machine.step(current.state, CastEvent.PUBLISHED)
            if moved.refused:
                return False
            self._desk.record(conn, verified)
            casts.save(
                conn,
                replace(
                    current,
                    cast_id=CastId(verified.id),
                    root_id=CastId(verified.id),
                    state=moved.state,
                ),
            )
            boxes_own.save(conn, box)
            self._desk.note(conn, "cast.open", [verified.id])
            crashpoint("cast.before_commit")
            return True

        if await self._desk.storage.write(txn):
            crashpoint("cast.after_commit")
            self._desk.network.publish(verified, verified.raw)
            crashpoint("cast.after_publish")
            await self._desk.post.watch(box)
            self._desk.changed()
        return True

    async def _choose_mailboxes(self) -> list[NodeId]:
        """Draw afresh for each cast, of different owners, never the set of another live cast."""
        await self._settled()
        drawn = self._drawn()
        boxes = await self._desk.storage.read(
            lambda db: boxes_own.load_open(db, self._desk.wall_ms())
        )
        taken = {frozenset(box.mailboxes) for box in boxes}
        groups = self._groups()
        return draw(drawn, groups, taken, self._order(groups))

    async def _settled(self) -> None:
        """Right after the start, wait a moment for a second mailbox: one alone may die."""
        for _ in range(int(_SETTLING_MS / _STEP_MS)):
            is_young = self._desk.clock.now().mono_ms - self._born_ms < _SETTLING_MS
            if not is_young or len(self._drawn()) != 1:
                return
            await asyncio.sleep(_STEP_MS / 1_000)

    def draw_others(self, places: Collection[NodeId], count: int) -> list[NodeId]:
        """Draw mailboxes for a box that moves: none it has or had, none that fails another.

        Of groups where it has none before others.
        """
        failing = self._desk.post.failing()
        groups = self._groups()
        known = {groups.get(NodeId(key)) for key in places}
        fit = [key for key in self._drawn() if key not in places and key not in failing]
        turns = in_turn(fit, groups, self._order(groups))
        return sorted(turns, key=lambda key: groups.get(key) in known)[:count]

    def _groups(self) -> dict[NodeId, str]:
        return groups_of(self._desk.network.mailboxes(), self._desk.net)

    def _order(self, groups: Mapping[NodeId, str]) -> list[str]:
        return self._shuffled(sorted(set(groups.values())))

    def _drawn(self) -> list[NodeId]:
        """List all mailboxes but our own in random order; those that fail now only if need be."""
        known = [NodeId(record.key) for record in self._desk.network.mailboxes()]
        others = [key for key in known if key != self._desk.network.node_id]
        failing = self._desk.post.failing()
        well = [key for key in others if key not in failing]
        is_enough = len(well) >= min(limits.put_mailboxes_min, len(others))
        return self._shuffled(well if is_enough else others)

    def _shuffled(self, keys: list[T]) -> list[T]:
        pool = list(keys)
        return [
            pool.pop(min(int(self._desk.entropy.jitter(0, len(pool))), len(pool) - 1)) for _ in keys
        ]


def _own_box(nonce: bytes, reply: Reply) -> OwnBox:
    at = tuple(NodeId(key) for key in reply.at)
    return OwnBox(
        reader=SigningKey(reply.reader),
        ctx=nonce,
        box=BoxKey(reply.box),
        mailboxes=at,
        until=reply.until,
        opened_at=at,
        closed=False,
    )


def draft_nonce(handle: str) -> bytes | None:
    """Read the name of a draft, its nonce in 32 hex digits; None when it is something else."""
    text = handle.strip().lower()
    return bytes.fromhex(text) if _DRAFT_NAME.fullmatch(text) else None


def last_day_ms(days: Sequence[str]) -> int:
    """Give the end of the last of these days, Unix ms; 0 days give one day after the epoch."""
    ends = [datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() for day in days]
    return int(max(ends, default=0)) * 1000 + DAY_MS


def _reply_until(body: Intentcast, exp: int, now_ms: int) -> int:
    """Whole days, so that the moment of casting does not show in it."""
    last = max(exp, last_day_ms([window.end for window in body.when]))
    until = min(last + limits.reply_margin_ms, now_ms + limits.box_until_ms_max - DAY_MS)
    return until - until % DAY_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Local:
    """What of a request stays at home."""

    body: Intentcast
    """The public body, still without nonce and way back."""
    budget_max: tuple[str, int] | None
    """(currency, minor units)."""
    budget_target: tuple[str, int] | None
    """(currency, minor units)."""
    disclose: Mapping[str, str]
    """Field -> value for the vendor of an agreement."""
    near: str = ""
    """The place as it was understood; only its coarse cell is public."""


def write_local(request: Request) -> dict[str, Any]:
    """Write the local part of a cast's row."""
    blank = Reply(box=bytes(32), reader=bytes(32), at=[bytes(32)], until=0)
    body = request.body(bytes(_NONCE_BYTES), blank)
    top, hope = request.budget.max, request.budget.target
    return {
        "body": encode(msgspec.to_builtins(body, builtin_types=(bytes,))).hex(),
        "budget_max": [top.cur, top.minor] if top else None,
        "budget_target": [hope.cur, hope.minor] if hope else None,
        "disclose": dict(request.disclose),
        "near": request.near,
    }


def read_budget(found: Mapping[str, Any]) -> tuple[str, int] | None:
    """Read the most the owner will pay: currency and minor units; None where it was not said."""
    return tuple(found["budget_max"]) if found.get("budget_max") else None


def read_local(found: Mapping[str, Any]) -> Local:
    """Read it back."""
    tree = decode(bytes.fromhex(found["body"]), bytes_max=limits.public_bytes_max)
    return Local(
        body=msgspec.convert(tree, Intentcast, strict=True),
        budget_max=read_budget(found),
        budget_target=tuple(found["budget_target"]) if found["budget_target"] else None,
        disclose=found["disclose"],
        near=found.get("near", ""),
    )
