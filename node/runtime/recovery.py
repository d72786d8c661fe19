"""What follows a restore, as the owner sees it: what was found, what is held, which copy goes on.

Puts together the rooms that look for what is ours, ask others after a loss, and know of other
copies of this home. Enters: handles as typed, yes or no. Leaves: documents and standing notices.
Nothing is decided here that `node/market` decides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from node.errors import RefusedError
from node.keystore import PROFILE_CONTEXT, is_profile
from node.market.copies import Copies
from node.market.desk import Desk
from node.market.recall import Recall
from node.market.reclaim import MoveCast, Reclaim
from node.market.reopening import Reopened, Reopening
from node.market.succession import Succession
from node.numerals import plural
from node.runtime import views
from node.runtime.lookups import PENDING, Lookups
from node.storage import casts, objects, restorations
from node.storage.deals import Deal as DealRow
from node.storage.restorations import Held, Restoration
from protocol import limits
from protocol.ids import short_text, to_text
from protocol.market.copies import Twinship
from protocol.market.deal import LIVE, Role
from protocol.market.lineage import Standing
from protocol.now import DAY_MS
from protocol.objects.envelope import Verified, open_stored

VENDOR = "vendor"
"""How the vendor identity is named where a request's handle may stand."""
PATIENCE_S = 15
"""How long answers are waited for, unless told otherwise."""
_FROM_WORDS = (
    "The words bring no offers and no deals back: an offer accepted before the loss is known here "
    "only if its shop was reached and told of it."
)
_SINCE_BACKUP = (
    "Offers that came after the backup are known here only if their shop was reached and told of "
    "them."
)
_HINT = (
    "A mailbox says that another computer has read your letters since this one began. "
    "That is a hint, no proof: if it is not yours, see  intentcast identity show"
)
Document = dict[str, Any]


class Recovery:
    """One per node."""

    def __init__(
        self,
        desk: Desk,
        *,
        live_casts: Callable[[], Awaitable[Sequence[Verified[Any]]]],
        move_cast: MoveCast,
        on_open: Callable[[bytes], None],
        on_rotated: Callable[[], None],
    ) -> None:
        """Put the rooms together; `begin` reads, `run` looks.

        Args:
            desk: the tools.
            live_casts: opens every live request that is carried.
            move_cast: takes a step of an own request inside a change.
            on_open: hears of each identity that promises again.
            on_rotated: hears that new threads are signed under another key.
        """
        self._desk = desk
        self._lookups = Lookups(desk)
        self.copies = Copies(desk)
        self.succession = Succession(desk, on_rotated)
        self.recall = Recall(desk, self.copies)
        self.reclaim = Reclaim(
            desk, self.copies, self.succession, live_casts=live_casts, move_cast=move_cast
        )
        self.reopening = Reopening(desk, self.recall, on_open)
        self._held: list[Held] = []
        self._restoration: Restoration | None = None

    async def begin(self) -> None:
        """Read what is known; before anything of the network or the post starts."""
        await self.copies.begin()
        await self.succession.begin()
        await self.reclaim.begin()
        if not self._desk.keyring.is_locked:
            await self.succession.unlocked()
        await self.look()

    async def run(self) -> None:
        """Catch up after a restore, then look at what comes, until cancelled."""
        await self._desk.keyring.until_unlocked()
        await self.succession.unlocked()
        await self._leave_word()
        await self.reopening.catch_up()
        await self.reclaim.run()

    async def _leave_word(self) -> None:
        """Say in the boxes of this home that it is here, where another copy may be.

        After a restore it is the newer one now; and where copies met, a choice of the owner may
        not have been told before the last end.
        """
        is_new = self._restoration is not None and bool(self._held)
        if is_new or await self.copies.have_met():
            await self.copies.leave_notes()

    def hear(self, verified: Verified[Any]) -> None:
        """Take note of a public object that was just stored."""
        self.reclaim.hear(verified)

    # --- notices --------------------------------------------------------------------------------

    async def look(self) -> None:
        """Read what the notices speak of."""
        self._restoration = await self._desk.storage.read(restorations.load_newest)
        held = await self._desk.storage.read(restorations.load_held)
        rows = await self._desk.storage.read(casts.load_all)
        ended = {row.nonce for row in rows if row.state not in PENDING}
        sells = await self._sells()
        self._held = [each for each in held if _is_waiting(each, ended, sells=sells)]

    async def _sells(self) -> bool:
        """Tell whether this home ever showed itself as a shop."""
        if self._desk.keyring.is_locked:
            return True
        key = self._desk.pen.profile_key()
        return (
            await self._desk.storage.read(lambda db: objects.load_newest_profile(db, key))
            is not None
        )

    def greeting(self) -> list[str]:
        """Say at a start what the owner should know; requests may not be found again yet."""
        restored = self._restoration
        is_fresh = restored is not None and restored.how == "words" and not self._held
        if restored is None or not is_fresh or self._age_ms(restored) > DAY_MS:
            return self.notices()
        line = (
            f"Restored from words on {_day(restored.restored_ms)}: what is found again promises "
            "nothing until:  intentcast reopen"
        )
        return [*self.notices(), line]

    def _age_ms(self, restored: Restoration) -> int:
        return self._desk.wall_ms() - restored.restored_ms

    def notices(self) -> list[str]:
        """Say what the owner should know, as of the last look."""
        found = [*self._copy_notices(), *self._identity_notices()]
        if self._held and self._restoration is not None:
            requests = sum(not is_profile(each.ctx) for each in self._held)
            who = [plural(requests, "request")] if requests else []
            who += ["the shop"] if requests < len(self._held) else []
            promises = "promise" if len(who) > 1 or requests > 1 else "promises"
            found.append(
                f"Restored on {_day(self._restoration.restored_ms)}: {' and '.join(who)} "
                f"{promises} nothing until:  intentcast reopen"
            )
        return found

    def _copy_notices(self) -> list[str]:
        own, seen = self.copies.own, self.copies.seen
        if seen is not None and self.copies.word is Twinship.OLDER:
            other = (
                "Two live copies of this identity: the other one signed something on "
                f"{_day(seen.sign.at)}. This one signs nothing. Stop the other, or go on "
                "here:  intentcast identity this-one"
            )
            return [other]
        if seen is not None and self.copies.word is Twinship.NEWEST:
            other = (
                "An older copy of this identity is alive elsewhere; it was told to sign nothing. "
                "Stop it: letters it takes never come here."
            )
            return [other]
        hinted = self._desk.post.other_read_ms > own.since_ms + limits.skew_ms_max
        return [_HINT] if hinted else []

    def _identity_notices(self) -> list[str]:
        found = []
        if self._desk.pen.revoked:
            found.append("The key of this shop was revoked: nothing it signs now counts.")
        frozen = [
            line for line in self.succession.troubled.values() if line.standing is Standing.FROZEN
        ]
        found += [
            f"Two successors were named for the key {short_text('key', line.key)} of somebody you "
            "dealt with; neither is followed. Ask them which is theirs."
            for line in frozen
        ]
        return found

    # --- reopening ------------------------------------------------------------------------------

    async def reopen(self, handle: str | None, *, sure: bool, wait_s: float) -> Document:
        """Ask who may know of promises, say what was learnt, and let promise again.

        Args:
            handle: a request of ours, `vendor`, or None for everything that is held.
            sure: take what stays unknown.
            wait_s: how long answers are waited for, s.

        Raises:
            NotFoundError: E-CAST-UNKNOWN or E-AMBIGUOUS.
            RefusedError: E-TWO-COPIES; E-NO-SHOP where there is none to reopen.
        """
        self._desk.keyring.check()
        if self._desk.pen.halt is not None:
            raise self._desk.pen.halt()
        await self.look()
        contexts = await self._contexts(handle)
        outcomes = await asyncio.gather(
            *(self.reopening.reopen(ctx, sure=sure, patience_s=wait_s) for ctx in contexts)
        )
        await self.look()
        restoration = self._restoration
        return {
            "schema": "intentcast.reopen/1",
            "restored": views.iso(restoration.restored_ms) if restoration else None,
            "backup": views.iso(restoration.backup_ms) if restoration else None,
            "open": all(each.is_open for each in outcomes),
            "identities": [await self._outcome(each) for each in outcomes],
            "still_held": [
                await self._about(each.ctx) for each in self._held if each.ctx not in contexts
            ],
        }

    async def _contexts(self, handle: str | None) -> list[bytes]:
        if handle is None:
            return [each.ctx for each in self._held]
        if handle.strip().lower() == VENDOR:
            if not await self._sells():
                raise RefusedError(
                    "this home has shown no shop; there is none to reopen",
                    code="E-NO-SHOP",
                    fix="See what is held: intentcast status",
                )
            return [PROFILE_CONTEXT]
        return [(await self._lookups.cast_row(handle)).nonce]

    async def _outcome(self, outcome: Reopened) -> Document:
        rows = [row for row in await self._lookups.all_deals() if self._is_of(row, outcome.ctx)]
        return {
            **await self._about(outcome.ctx),
            "was_held": outcome.was_held,
            "open": outcome.is_open,
            "asked": outcome.asked,
            "answered": [await self._name(key) for key in outcome.answered],
            "silent": [await self._name(key) for key in outcome.silent],
            "deals": [await self._deal(row) for row in rows if row.state in LIVE],
            "unknown": self._unknown(outcome),
        }

    async def _about(self, ctx: bytes) -> Document:
        if is_profile(ctx):
            return {"kind": VENDOR, "handle": VENDOR, "title": "", "offers": 0}
        row = await self._lookups.cast_row(ctx.hex())
        view = await self._lookups.cast_view(row, (0, 0))
        named = view["handle"] or view["draft"]
        return {"kind": "cast", "handle": named, **{k: view[k] for k in ("title", "offers")}}

    @staticmethod
    def _is_of(row: DealRow, ctx: bytes) -> bool:
        if is_profile(ctx):
            return row.role is Role.VENDOR
        return row.own_ctx == ctx

    async def _deal(self, row: DealRow) -> Document:
        view = await self._lookups.deal_view(row)
        return {name: view[name] for name in ("handle", "state", "counterparty")}

    async def _name(self, key: bytes) -> str:
        raw = await self._desk.storage.read(lambda db: objects.load_newest_profile(db, key))
        if raw is None:
            return to_text("key", key)[:13]
        return str(open_stored(raw, net=self._desk.net).body.name)

    def _unknown(self, outcome: Reopened) -> list[str]:
        if not outcome.was_held or self._restoration is None:
            return []
        found = []
        if outcome.silent:
            count = len(outcome.silent)
            found.append(
                f"{count} of those you dealt with {'has' if count == 1 else 'have'} not answered."
            )
        if not is_profile(outcome.ctx):
            is_words = self._restoration.how == "words"
            found.append(_FROM_WORDS if is_words else _SINCE_BACKUP)
        elif self._restoration.how == "words":
            found.append("Offers this shop made before the loss are not known here.")
        return found

    # --- which copy -----------------------------------------------------------------------------

    async def this_one(self) -> Document:
        """Let this copy go on, as the newest."""
        self._desk.keyring.check()
        await self.copies.choose()
        return {
            "schema": "intentcast.this-one/1",
            "since": views.iso(self.copies.own.since_ms),
            "standing": self.copies.word.value,
        }


def _is_waiting(held: Held, ended: set[bytes], *, sells: bool) -> bool:
    """Tell whether something that is held could promise anything yet."""
    return sells if is_profile(held.ctx) else held.ctx not in ended


def _day(wall_ms: int) -> str:
    return (views.iso(wall_ms) or "")[:10]
