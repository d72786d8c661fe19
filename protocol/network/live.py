"""The live table: which public objects this node holds, and what a revoke does to them.

Bodies lie on disk; here stand names, times and authors. The table is the dedupe set of gossip and
the answer to "what do you hold?". Enters: entries of verified objects, revokes among them. Leaves:
whether an entry has a place, and which entries lost theirs. Never here: unverified bytes.
Source: docs/protocol/06-gossip.md, "Revokes" and "Bounds".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from sys import intern
from typing import Any, Final, TypeAlias

import msgspec

from protocol import limits, work
from protocol.channel.fields import ID_PREFIX_BYTES
from protocol.errors import ObjectError, Reason
from protocol.ids import ObjectId
from protocol.network.chance import Chance
from protocol.network.holdings import Holdings
from protocol.network.order import Order
from protocol.network.quota import SAMPLE, Quota
from protocol.objects.envelope import Verified
from protocol.objects.header import STATEMENT_KINDS, Header, Kind
from protocol.objects.intentcast import Intentcast
from protocol.objects.revoke import Revoke
from protocol.values.place import Where


def prefix_of(object_id: bytes) -> bytes:
    """Give the 16 bytes by which peers name an object."""
    return object_id[:ID_PREFIX_BYTES]


class LiveEntry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is kept in memory of one live object; the collector has no cycles to look for in it."""

    id: ObjectId
    """Its full id."""
    kind: Kind
    """One of the public kinds."""
    key: bytes
    """Its author, 32 bytes."""
    at: int
    """Signed time, Unix ms."""
    exp: int
    """Expiry, Unix ms."""
    text: bytes
    """`text_digest` of its signed text."""
    target: bytes | None = None
    """The object a revoke takes back, 32 bytes."""
    exempt: bool = False
    """Our own, or pinned: no quota turns it away."""
    category: str = ""
    """Of a cast, or of the cast a revoke took back where that is known; else empty."""
    cell: int = 0
    """Where that cast is to be met, an H3 cell; 0 where the place does not matter."""
    radius_km: int = 0
    """How far around it."""
    surplus: int = 0
    """Bits of work it was committed to beyond what was due."""

    def header(self, net: str) -> Header:
        """Give the part of the signed fields that a revoke is held against."""
        return Header(
            net=net, kind=self.kind, key=self.key, at=self.at, exp=self.exp,
            to=None, thread=None, prev=None, target=0,
        )  # fmt: skip


def entry_of(verified: Verified[Any], *, exempt: bool = False) -> LiveEntry:
    """Make the entry of a verified public object."""
    header, body = verified.header, verified.body
    is_cast = type(body) is Intentcast
    category, cell, radius_km = aim_of(body.category, body.where) if is_cast else NO_AIM
    return LiveEntry(
        id=verified.id,
        kind=header.kind,
        key=header.key,
        at=header.at,
        exp=header.exp,
        text=verified.digest,
        target=body.target if isinstance(body, Revoke) else None,
        exempt=exempt,
        category=category,
        cell=cell,
        radius_km=radius_km,
        surplus=surplus_of(header, len(verified.signed)),
    )


def surplus_of(header: Header, signed_bytes: int) -> int:
    """Give the bits of work an object was committed to beyond what was due."""
    due = work.required_bits(header.net, signed_bytes, header.exp - header.at)
    return max(0, header.target - due)


Aim: TypeAlias = tuple[str, int, int]
"""Category, cell and radius in kilometres, by which an object is wanted or not."""
NO_AIM: Final[Aim] = ("", 0, 0)
"""Of what concerns everybody."""


def aim_of(category: str, where: Mapping[str, Any] | Where) -> Aim:
    """Give the aim of a cast, from its body or from the tree its body is made of.

    Hundreds of thousands are kept: each category is kept once, and a cell met of late, too.
    """
    if isinstance(where, Where):
        return intern(category), _cell_number(where.cell or "0"), where.radius_km
    cell = where.get("cell")
    return intern(category), _cell_number(cell or "0"), int(where.get("radius_km", 0))


@lru_cache(maxsize=4_096)
def _cell_number(cell: str) -> int:
    """Read an H3 index; equal ones share one number while they are met often."""
    return int(cell, 16)


def _aimed_as(revoke: LiveEntry, target: LiveEntry) -> LiveEntry:
    """Have a revoke go where its target went, and nowhere else."""
    return msgspec.structs.replace(
        revoke, category=target.category, cell=target.cell, radius_km=target.radius_km
    )


class Placement(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of placing one entry."""

    refused: Reason | None = None
    """None when it has its place: DUPLICATE (a twin), WITHDRAWN, QUOTA, NOT_PARTY, MISMATCH."""
    replaced: ObjectId | None = None
    """The object whose place a revoke took."""
    removed: tuple[ObjectId, ...] = ()
    """Revokes that proved to be none, now that their target is known."""
    evicted: LiveEntry | None = None
    """Who gave way."""


_PLACED: Final = Placement()
_Claim: TypeAlias = tuple[bytes, int]
"""Author and expiry of a revoke: two of one target that share them say the same."""
"""It has its place, and nobody lost one."""


class LiveTable:
    """Entries by name, by signed text, by revoked target and by expiry.

    Attributes:
        holdings: what is compared with others; what is live and not expired stands there.
    """

    def __init__(
        self,
        *,
        net: str,
        entries_max: int = limits.objects_live_max,
        chance: Chance | None = None,
    ) -> None:
        """Start empty.

        Args:
            net: network id.
            entries_max: how many objects of others have a place.
            chance: among whom one is looked for that gives way.
        """
        self._net = net
        self._chance = chance or Chance(b"live")
        self._exempt = 0
        self.quota = Quota(entries_max)
        self._entries: dict[bytes, LiveEntry] = {}
        self._texts: set[bytes] = set()
        self._revokes: dict[bytes, dict[_Claim, bytes]] = {}
        self._firm: set[bytes] = set()
        self.holdings = Holdings(self._entries.get)
        self._expiries = Order()
        self._expired = Order()

    def __len__(self) -> int:
        """Count the live objects."""
        return len(self._entries)

    def __contains__(self, prefix: bytes) -> bool:
        """Tell whether an object of this 16-byte name is held."""
        return prefix in self._entries

    def get(self, prefix: bytes) -> LiveEntry | None:
        """Find an entry by its 16-byte name."""
        return self._entries.get(prefix)

    def has_text(self, text: bytes) -> bool:
        """Tell whether some object with this very signed text is held."""
        return text in self._texts

    @property
    def of_others(self) -> int:
        """Count what the quota counts: all but our own and what is pinned."""
        return len(self._entries) - self._exempt

    def place(self, entry: LiveEntry, *, wall_ms: int = 0, is_kept: bool = False) -> Placement:
        """Give an entry its place, or say why it has none.

        Args:
            entry: of a verified object.
            wall_ms: the moment, from which lives are reckoned where room is short.
            is_kept: it had its place in an earlier run, and has it again however full it is.
        """
        prefix = prefix_of(entry.id)
        if prefix in self._entries or entry.text in self._texts:
            return Placement(refused=Reason.DUPLICATE)
        if entry.kind is Kind.REVOKE:
            return self._place_revoke(entry, wall_ms, is_kept=is_kept)
        if prefix not in self._revokes:
            return self._settle(entry, wall_ms, is_kept=is_kept)
        blocked, false_revokes = self._judge_waiting(entry)
        for name in false_revokes:
            self._drop(name)
        removed = tuple(e.id for e in false_revokes.values())
        if blocked:
            return Placement(refused=Reason.WITHDRAWN, removed=removed)
        return self._settle(entry, wall_ms, removed, is_kept=is_kept)

    def _settle(
        self,
        entry: LiveEntry,
        wall_ms: int,
        removed: tuple[ObjectId, ...] = (),
        *,
        is_kept: bool,
    ) -> Placement:
        """Give an entry a place of its own, or that of somebody who stands lower."""
        count = self.of_others
        is_free = count < self.quota.entries_max and self.quota.is_sure(entry, count, wall_ms)
        if entry.exempt or is_kept or is_free:
            self._add(entry)
            return Placement(removed=removed) if removed else _PLACED
        lower = self.quota.gives_way(self._sample(), entry, count, wall_ms)
        if lower is None:
            return Placement(refused=Reason.QUOTA, removed=removed)
        self._drop(prefix_of(lower.id))
        self._add(entry)
        return Placement(removed=removed, evicted=lower)

    def _sample(self) -> list[LiveEntry]:
        """Draw some entries of others, each as likely as any other."""
        drawn = self._chance.sample_places(len(self._expiries), SAMPLE)
        found = [self._entries[self._expiries.at_rank(place)[1]] for place in drawn]
        return [entry for entry in found if not entry.exempt]

    def shrink(self, wall_ms: int, most: int) -> list[LiveEntry]:
        """Take out who stands low while there are too many, as after the quota was made smaller.

        Args:
            wall_ms: the moment.
            most: how many at a time.
        """
        gone: list[LiveEntry] = []
        while len(gone) < most and self.of_others > self.quota.entries_max:
            lowest = self.quota.lowest(self._sample(), wall_ms)
            if lowest is None:
                break
            gone.append(self._drop(prefix_of(lowest.id)))
        return gone

    def _judge_waiting(self, target: LiveEntry) -> tuple[bool, dict[bytes, LiveEntry]]:
        """Hold every revoke that came before its target against it."""
        waiting = self._revokes[prefix_of(target.id)]
        false_revokes: dict[bytes, LiveEntry] = {}
        for prefix in waiting.values():
            if self._misfit(self._entries[prefix], target) is not None:
                false_revokes[prefix] = self._entries[prefix]
            else:
                self._firm.add(prefix)
        return len(false_revokes) < len(waiting), false_revokes

    def _misfit(self, revoke: LiveEntry, target: LiveEntry) -> Reason | None:
        if target.kind is Kind.REVOKE or target.kind in STATEMENT_KINDS:
            # A revoke that could be revoked would bring back what its author took back, and whoever
            # stole a key would take back what was said of it.
            return Reason.MISMATCH
        body = Revoke(target=revoke.target or b"")
        try:
            body.check_target(revoke.header(self._net), target.id, target.header(self._net))
        except ObjectError as error:
            return error.reason
        return None

    def _place_revoke(self, revoke: LiveEntry, wall_ms: int, *, is_kept: bool) -> Placement:
        name = prefix_of(revoke.target or b"")
        target = self._entries.get(name)
        if target is not None:
            misfit = self._misfit(revoke, target)
            if misfit is not None:
                return Placement(refused=misfit)
            self._drop(name)
            self._add(_aimed_as(revoke, target))
            self._firm.add(prefix_of(revoke.id))
            return Placement(replaced=target.id)
        waiting = self._revokes.get(name, {})
        rival = waiting.get((revoke.key, revoke.exp))
        if rival is not None:
            return self._place_smaller(revoke, self._entries[rival])
        if len(waiting) < limits.revokes_waiting_max:
            placement = self._settle(revoke, wall_ms, is_kept=is_kept)
            if is_kept:
                # Perhaps it took its target's place in that run.
                self._firm.add(prefix_of(revoke.id))
            return placement
        if is_kept or revoke.exempt:
            return self._settle(revoke, wall_ms, is_kept=is_kept)
        return self._place_in_crowd(revoke, waiting)

    def _place_smaller(self, revoke: LiveEntry, other: LiveEntry) -> Placement:
        """Keep the smaller of two revokes that say the same, as every node does."""
        if other.id < revoke.id:
            return Placement(refused=Reason.DUPLICATE)
        prefix = prefix_of(other.id)
        if prefix in self._firm:
            self._firm.add(prefix_of(revoke.id))
        self._drop(prefix)
        self._add(_aimed_as(revoke, other))
        return Placement(removed=(other.id,))

    def _place_in_crowd(self, revoke: LiveEntry, waiting: Mapping[_Claim, bytes]) -> Placement:
        """Keep the smallest of many revokes of a target nobody knows, and whatever is firm.

        One that took its target's place must never give way to those that fit nothing, or the
        target could come back.
        """
        lax = [self._entries[each] for each in waiting.values() if each not in self._firm]
        largest = max(lax, key=lambda each: each.id, default=revoke)
        if largest.id <= revoke.id:
            return Placement(refused=Reason.QUOTA)
        self._drop(prefix_of(largest.id))
        self._add(revoke)
        return Placement(evicted=largest)

    def _add(self, entry: LiveEntry) -> None:
        prefix = prefix_of(entry.id)
        self._entries[prefix] = entry
        self._exempt += entry.exempt
        self._texts.add(entry.text)
        if entry.target is not None:
            claims = self._revokes.setdefault(prefix_of(entry.target), {})
            claims[entry.key, entry.exp] = prefix
            if entry.exempt:
                self._firm.add(prefix)
        self.holdings.add(entry.at, prefix)
        self._expiries.add(entry.exp, prefix)

    def _drop(self, prefix: bytes) -> LiveEntry:
        entry = self._entries.pop(prefix)
        self._exempt -= entry.exempt
        self._texts.discard(entry.text)
        if entry.target is not None:
            name = prefix_of(entry.target)
            del self._revokes[name][entry.key, entry.exp]
            self._firm.discard(prefix)
            if not self._revokes[name]:
                del self._revokes[name]
        self.holdings.remove(entry.at, prefix)
        self._expiries.remove(entry.exp, prefix)
        self._expired.remove(entry.exp, prefix)
        return entry

    def remove(self, prefix: bytes) -> LiveEntry | None:
        """Take an entry out, if it is there."""
        return self._drop(prefix) if prefix in self._entries else None

    def retire(self, wall_ms: int) -> None:
        """Compare no more what expired at or before a moment; it is known until `expire`."""
        for exp, prefix in self._expiries.to(wall_ms):
            self._expiries.remove(exp, prefix)
            self._expired.add(exp, prefix)
            self.holdings.remove(self._entries[prefix].at, prefix)

    def select(self, test: Callable[[LiveEntry], bool]) -> list[LiveEntry]:
        """List the objects of others for which a test holds."""
        return [entry for entry in self._entries.values() if not entry.exempt and test(entry)]

    def expire(self, wall_ms: int) -> list[LiveEntry]:
        """Take out what expired at or before a moment."""
        self.retire(wall_ms)
        return [self._drop(prefix) for _, prefix in self._expired.to(wall_ms)]
