"""Loading: what the network machines must know at start, read from this home's database.

Leaves: entries of the live table, and signed node records. The bodies were verified before they
were stored; here only their fields are read, and rows that cannot be read are left out, so that a
peer's copy can take their place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from functools import partial
from typing import Any

from node.storage import nodes, objects, passing
from node.storage.database import Storage
from protocol import limits
from protocol.errors import RemoteProtocolError
from protocol.network.events import NodeMemory, Started
from protocol.network.live import NO_AIM, LiveEntry, aim_of, entry_of, surplus_of
from protocol.objects.envelope import (
    Verified,
    digest_of,
    open_stored,
    read_candidate,
    text_of,
)
from protocol.objects.header import Kind
from protocol.objects.intentcast import Intentcast
from protocol.objects.text import typed_body

_TOGETHER = 256
"""Bodies read between two turns of the loop."""


async def load_entries(storage: Storage, *, net: str, wall_ms: int) -> list[LiveEntry]:
    """Rebuild the entries of every live public object on disk, in the order they came."""

    def read(after: int) -> Coroutine[Any, Any, passing.Page]:
        question = partial(passing.load_page, after=after, now_ms=wall_ms, limit=_TOGETHER)
        return storage.read(question)

    async def look(page: passing.Page) -> list[LiveEntry]:
        return _entries_of(page, net)

    entries: list[LiveEntry] = []
    page = await read(0)
    while page.more:
        # The next page is on its way from the disk while this one is looked at.
        following, found = await asyncio.gather(read(page.last), look(page))
        entries += found
        page = following
    return entries + _entries_of(page, net)


def _entries_of(page: passing.Page, net: str) -> list[LiveEntry]:
    entries = []
    for raw, is_kept in page.raws:
        try:
            entries.append(_entry(raw, net, exempt=is_kept))
        except RemoteProtocolError:
            # Kept for another network, or by rules that have changed since.
            continue
    return entries


def _entry(raw: bytes, net: str, *, exempt: bool) -> LiveEntry:
    candidate = read_candidate(raw, peer=None, bytes_max=limits.public_bytes_max)
    text = text_of(candidate, net=net)
    header = text.header
    if header.kind is Kind.REVOKE:
        return entry_of(open_stored(raw, net=net), exempt=exempt)
    body = text.body or typed_body(header, text.tree)
    category, cell, radius_km = (
        aim_of(body.category, body.where) if isinstance(body, Intentcast) else NO_AIM
    )
    return LiveEntry(
        id=candidate.id,
        kind=header.kind,
        key=header.key,
        at=header.at,
        exp=header.exp,
        text=digest_of(candidate),
        category=category,
        cell=cell,
        radius_km=radius_km,
        exempt=exempt,
        surplus=surplus_of(header, len(candidate.signed)),
    )


async def load_casts(storage: Storage, *, net: str, wall_ms: int) -> list[Verified[Any]]:
    """Open every live intentcast on disk, in the order they came."""
    index = await storage.read(partial(objects.load_live_index, now_ms=wall_ms))
    ids = [entry.id for entry in index if entry.kind is Kind.INTENTCAST]
    casts: list[Verified[Any]] = []
    for start in range(0, len(ids), _TOGETHER):
        part = ids[start : start + _TOGETHER]
        raws = await storage.read(partial(objects.load_raws, ids=part), one_moment=False)
        for number, each in enumerate(part):
            if number % limits.verify_batch_max == 0:
                await asyncio.sleep(0)
            try:
                if each in raws:
                    casts.append(open_stored(raws[each], net=net))
            except RemoteProtocolError:
                continue
    return casts


async def load_start(storage: Storage, *, net: str, wall_ms: int) -> Started:
    """Read what the machines begin with: objects, known nodes, and what is remembered of them."""
    entries = await load_entries(storage, net=net, wall_ms=wall_ms)
    rows = await storage.read(nodes.load_newest)
    return Started(
        entries=tuple(entries),
        records=tuple(row.record for row in rows),
        memories={row.key: _memory(row) for row in rows},
        anchors=tuple(row.key for row in rows if row.is_anchor),
    )


def _memory(row: nodes.NodeRow) -> NodeMemory:
    is_proven = row.source is nodes.RecordSource.FIRST_HAND
    if row.reached is None:
        return NodeMemory(source=row.told_by, is_proven=is_proven)
    return NodeMemory(
        source=row.told_by,
        is_proven=is_proven,
        reached_ms=row.reached.at_ms,
        address=row.reached.address,
        group=row.reached.group,
    )
