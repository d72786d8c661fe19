"""People: the shops this home has heard, and those its owner wants to hear no more of.

Enters: the owner's words. Leaves: documents. A shop is whoever sent an offer to a request of ours;
what is said of it is what its own profile says and what was agreed here, no more. Never here: a
judgement of anybody's but the owner's.
Source: docs/reference/http-api.md, "Paths".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from node.errors import NotFoundError, RefusedError
from node.market.desk import Desk
from node.runtime import views
from node.runtime.lookups import Lookups
from node.storage import blocked, bounds, threads
from node.storage.blocked import Blocked
from node.storage.threads import Heard
from protocol.ids import from_text, matches_handle, normalise, short_text, to_text
from protocol.market.deal import Role

if TYPE_CHECKING:
    import sqlite3

_PREFIX: Final = "key"
_ID_CHARS: Final = 56
_THREADS_MAX: Final = 2_000
"""Threads looked through, the last touched first; guess."""
_SHOPS_MAX: Final = 500
"""Shops of one answer; guess."""
_NAME_CHARS_MAX: Final = 200
Document = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class _Shop:
    key: bytes
    profile_id: bytes | None
    requests: int = 0
    first_ms: int | None = None
    last_ms: int | None = None


class People:
    """The people of one home."""

    def __init__(self, desk: Desk) -> None:
        """Keep the tools."""
        self._desk = desk
        self._lookups = Lookups(desk)

    async def document(self) -> Document:
        """List shops, the last heard first, and who is blocked."""
        before = await self._lookups.deals_before()
        unheard = await self._lookups.unheard()
        shops = [
            await self._shop_view(shop, before[shop.key], is_blocked=shop.key in unheard)
            for shop in (await self._shops())[:_SHOPS_MAX]
        ]
        rows = await self._desk.storage.read(blocked.load_all)
        return {
            "schema": "intentcast.people/1",
            "shops": shops,
            "blocked": [_blocked_view(row) for row in rows],
        }

    async def _shops(self) -> list[_Shop]:
        heard = await self._desk.storage.read(
            lambda db: threads.load_heard(db, Role.BUYER, limit=_THREADS_MAX)
        )
        found: dict[bytes, _Shop] = {}
        for each in heard:
            shop = found.setdefault(each.key, _Shop(key=each.key, profile_id=each.profile_id))
            _add(shop, each)
        return sorted(found.values(), key=lambda shop: -(shop.last_ms or 0))

    async def _shop_view(self, shop: _Shop, deals: int, *, is_blocked: bool) -> Document:
        profile = await self._lookups.load(shop.profile_id)
        return views.vendor_view(profile, shop.key, deals) | {
            "deals": deals,
            "requests": shop.requests,
            "first_contact": views.iso(shop.first_ms),
            "last_heard": views.iso(shop.last_ms),
            "blocked": is_blocked,
        }

    async def block(self, handle: str) -> Document:
        """Hear a shop no more; deals that were begun go on.

        Args:
            handle: its whole key, or the beginning of one that has sent an offer.

        Raises:
            NotFoundError: E-NOT-FOUND, E-AMBIGUOUS.
            LocalProtocolError: E-ID.
            RefusedError: E-BLOCKED-FULL.
        """
        shops = await self._shops()
        key = _named(handle, [shop.key for shop in shops])
        profile_id = next((shop.profile_id for shop in shops if shop.key == key), None)
        profile = await self._lookups.load(profile_id)
        name = views.name_of(profile, key)[:_NAME_CHARS_MAX] if profile else ""
        row = Blocked(key=key, name=name, since_ms=self._desk.wall_ms())

        def txn(conn: sqlite3.Connection) -> bool:
            has_room = blocked.add(conn, row)
            if has_room:
                self._desk.note(conn, "shop.blocked", [key])
            return has_room

        if not await self._desk.storage.write(txn):
            raise RefusedError(
                f"{bounds.blocked_max} shops are blocked, and no more are kept",
                code="E-BLOCKED-FULL",
                fix="Unblock one that matters no more:  intentcast people",
            )
        self._desk.changed()
        return await self.document()

    async def unblock(self, handle: str) -> Document:
        """Hear a shop again; what it sent meanwhile is there.

        Raises:
            NotFoundError: E-NOT-FOUND, E-AMBIGUOUS.
            LocalProtocolError: E-ID.
        """
        rows = await self._desk.storage.read(blocked.load_all)
        key = _named(handle, [row.key for row in rows], only=True)

        def txn(conn: sqlite3.Connection) -> None:
            if blocked.remove(conn, key):
                self._desk.note(conn, "shop.unblocked", [key])

        await self._desk.storage.write(txn)
        self._desk.changed()
        return await self.document()


def _add(shop: _Shop, heard: Heard) -> None:
    shop.requests += 1
    if heard.first_ms is not None:
        shop.first_ms = min(shop.first_ms or heard.first_ms, heard.first_ms)
    if heard.last_ms is not None:
        shop.last_ms = max(shop.last_ms or heard.last_ms, heard.last_ms)


def _blocked_view(row: Blocked) -> Document:
    return {
        "name": row.name or "unknown",
        "key": to_text(_PREFIX, row.key),
        "handle": short_text(_PREFIX, row.key),
        "since": views.iso(row.since_ms),
    }


def _named(handle: str, known: list[bytes], *, only: bool = False) -> bytes:
    """Find the key a person means; with `only`, among the known ones alone."""
    if len(normalise(_PREFIX, handle)) == _ID_CHARS:
        key = from_text(_PREFIX, handle)
        if not only or key in known:
            return key
    found = [key for key in known if matches_handle(_PREFIX, key, handle)]
    if len(found) == 1:
        return found[0]
    if found:
        raise NotFoundError(
            f"'{handle[:60]}' means {len(found)} shops",
            code="E-AMBIGUOUS",
            fix="Type more of the key",
        )
    raise NotFoundError(f"no shop here goes by '{handle[:60]}'", fix="List: intentcast people")
