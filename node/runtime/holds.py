"""Ten seconds to change one's mind: a yes that waits before it is signed.

Enters: what was said yes to, and how long it may still be taken back. Leaves: documents of
holds. Nothing of a hold is on record or on its way: until its time is over nothing was signed, and
a node that stops meanwhile has signed nothing. Never: a signature for somebody whose token or
session ended meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from contextvars import Context
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from node.entropy import Entropy
from node.errors import NotFoundError, RefusedError
from node.runtime.tasks import Tasks
from node.runtime.visitors import Visitor
from protocol.errors import IntentcastError

HOLDS_MAX: Final = 16
"""Kept at a time, those that ended included; the oldest of these leave. Guess."""
HOLD_S_MAX: Final = 60
"""Longest a hold may last."""
_ID_BYTES: Final = 8
_UNKNOWN: Final = {
    "code": "E-INTERNAL",
    "sentence": "it is not known whether that was signed",
    "fix": "See whether there is a deal: intentcast deal",
}
Document = dict[str, Any]


class HoldState(StrEnum):
    """What became of a hold."""

    HELD = "held"
    """It may still be taken back."""
    SIGNING = "signing"
    """Its time is over."""
    DONE = "done"
    """Signed and on record; `deal` names it."""
    UNDONE = "undone"
    """Taken back, or whoever said yes is no longer let in; nothing was signed."""
    REFUSED = "refused"
    """It could not be signed; `problem` says why."""


_RUNNING: Final = frozenset({HoldState.HELD, HoldState.SIGNING})


@dataclass(slots=True)
class _Hold:
    id: str
    terms: Document
    choice: Document
    ends_mono: float
    visitors: set[Visitor] = field(default_factory=set)
    state: HoldState = HoldState.HELD
    deal: str | None = None
    problem: Document | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class Holds:
    """All holds of this run."""

    def __init__(
        self, tasks: Tasks, entropy: Entropy, is_welcome: Callable[[Visitor], bool]
    ) -> None:
        """Keep the tools.

        Args:
            tasks: own what waits.
            entropy: draws names.
            is_welcome: tells whether a visitor's token or session still holds.
        """
        self._tasks = tasks
        self._entropy = entropy
        self._is_welcome = is_welcome
        self._all: dict[str, _Hold] = {}

    def begin(
        self,
        terms: Document,
        choice: Document,
        seconds: float,
        act: Callable[[], Awaitable[Document]],
        visitor: Visitor,
    ) -> Document:
        """Hold a yes for a while, then carry it out; the same yes twice is one.

        Whoever says it has to be let in still when its time is over; of several, one of them.

        Args:
            terms: what is accepted: `offer`, its handle; `vendor`, `total_text`, `discloses`.
            choice: what was chosen of it.
            seconds: how long, 0-60.
            act: accepts; gives the document of the deal.
            visitor: who says yes.

        Raises:
            RefusedError: E-HOLD when this offer is held with another choice, or too many are.
        """
        running = [each for each in self._all.values() if each.state in _RUNNING]
        for each in running:
            if each.terms["offer"] == terms["offer"] and each.choice == choice:
                each.visitors.add(visitor)
                return self._document(each)
            if each.terms["offer"] == terms["offer"]:
                raise RefusedError(
                    "that offer is being accepted already, with another choice",
                    code="E-HOLD",
                    fix="Wait until its time is over, or undo it",
                )
        if len(running) >= HOLDS_MAX:
            raise RefusedError(
                f"{HOLDS_MAX} offers are being accepted already",
                code="E-HOLD",
                fix="Wait some seconds, until one of them is signed",
            )
        self._make_room()
        loop = asyncio.get_running_loop()
        hold = _Hold(
            id=self._entropy.bytes(_ID_BYTES).hex(),
            terms=terms,
            choice=choice,
            ends_mono=loop.time() + seconds,
            visitors={visitor},
        )
        self._all[hold.id] = hold
        # Apart from whoever asks: an idempotency key is for its answer, not for what follows later.
        _ = Context().run(self._tasks.spawn, self._run(hold, act), "a yes is held")
        return self._document(hold)

    def _make_room(self) -> None:
        over = [each for each in self._all.values() if each.state not in _RUNNING]
        while len(self._all) >= HOLDS_MAX and over:
            del self._all[over.pop(0).id]

    async def _run(self, hold: _Hold, act: Callable[[], Awaitable[Document]]) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(hold.ends_mono):
                await hold.changed.wait()
        if hold.state is HoldState.UNDONE:
            return
        if not any(self._is_welcome(each) for each in hold.visitors):
            hold.state = HoldState.UNDONE
            return
        hold.state = HoldState.SIGNING
        try:
            hold.deal = (await act())["deal"]["handle"]
            hold.state = HoldState.DONE
        except IntentcastError as error:
            hold.problem = {"code": error.code, "sentence": error.sentence, "fix": error.fix}
            hold.state = HoldState.REFUSED
        finally:
            if hold.state is HoldState.SIGNING:
                # A bug, which the owner of the tasks logs; or the node stops.
                hold.problem = dict(_UNKNOWN)
                hold.state = HoldState.REFUSED

    def look(self, hold_id: str) -> Document:
        """Tell how a hold stands.

        Raises:
            NotFoundError: E-HOLD-UNKNOWN.
        """
        return self._document(self._find(hold_id))

    def undo(self, hold_id: str) -> Document:
        """Take a yes back; one that was refused stays as it is, since nothing was signed.

        Raises:
            NotFoundError: E-HOLD-UNKNOWN.
            RefusedError: E-HOLD-OVER when it was signed, or is being.
        """
        hold = self._find(hold_id)
        if hold.state is HoldState.HELD:
            hold.state = HoldState.UNDONE
            hold.changed.set()
        if hold.state in {HoldState.SIGNING, HoldState.DONE}:
            raise RefusedError(
                "it is too late to undo: the acceptance is signed",
                code="E-HOLD-OVER",
                fix="See the deal: intentcast deal",
            )
        return self._document(hold)

    def _find(self, hold_id: str) -> _Hold:
        found = self._all.get(hold_id)
        if found is None:
            raise NotFoundError(
                "nothing is held under that name",
                code="E-HOLD-UNKNOWN",
                fix="See the deals: intentcast deal",
            )
        return found

    @staticmethod
    def _document(hold: _Hold) -> Document:
        left = hold.ends_mono - asyncio.get_running_loop().time()
        is_held = hold.state is HoldState.HELD
        return {
            "schema": "intentcast.hold/1",
            "id": hold.id,
            **hold.terms,
            "state": hold.state.value,
            "left_ms": max(0, round(left * 1000)) if is_held else 0,
            "deal": hold.deal,
            "problem": hold.problem,
        }
