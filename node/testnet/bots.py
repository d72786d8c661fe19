"""Buyers without a person: they ask, wait a moment, and take the best offer that is good enough.

Enters: a seed, the trades that are open, a door to a node. Leaves: requests drawn from templates,
acceptances, counts. The vendors need no bots: their nodes quote by themselves.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Final

from node.clock import Clock
from node.entropy import Entropy
from node.testnet.door import Document, Door
from node.testnet.goal import Counts
from node.testnet.tally import Tally
from node.vendor.showcase import example_cast
from protocol.errors import IntentcastError

_LOG = logging.getLogger(__name__)
_PAUSE_S: Final = (1.0, 2.0)
"""Between the first requests of a buyer."""
_LATER_PAUSE_S: Final = (10.0, 20.0)
"""Between later ones: a network left alone must not wear out the machine."""
_EAGER: Final = 8
"""How many requests count as the first ones."""
_PONDER_MS: Final = 1_500
"""How long a buyer waits for further offers."""
_LOOK_S: Final = 1.0
"""Longest time between two looks at the offers."""
_OPEN: Final = ("open", "deciding")


class Wishes:
    """What one buyer asks for, request by request; the same for the same stream of entropy."""

    def __init__(self, entropy: Entropy, trades: Sequence[str]) -> None:
        """Keep the templates that a shop of these trades can answer.

        Args:
            entropy: seeded, so that a run can be repeated.
            trades: categories of the open shops; none takes every template.
        """
        known = {name: example_cast(name) for name in ("park-city", "camera")}
        fitting = [
            draft
            for draft in known.values()
            if not trades or any(draft["category"].startswith(trade) for trade in trades)
        ]
        self._entropy = entropy
        self._templates = fitting or list(known.values())
        self._count = 0

    def _among(self, low: int, high: int) -> int:
        return min(high, int(self._entropy.jitter(low, high + 1)))

    def next(self) -> Document:
        """Draw the next request."""
        start = self._count or self._among(0, len(self._templates) - 1)
        draft = dict(self._templates[start % len(self._templates)])
        self._count = start + 1
        return self._trip(draft) if "when" in draft else self._purchase(draft)

    def _trip(self, draft: Document) -> Document:
        """Choose days and clubs."""
        first = self._among(20, 200)
        days = self._among(2, 7)
        window = draft["when"][0] | {"start": f"+{first}d", "end": f"+{first + days}d"}
        clubs = self._among(0, len(draft["memberships"]))
        budget = draft["budget"] | {"max": f"{150 + 100 * days} USD"}
        changed = {"when": [window], "memberships": draft["memberships"][:clubs], "budget": budget}
        return draft | changed | {"title": f"4WD SUV for {days} days"}

    def _purchase(self, draft: Document) -> Document:
        """Choose a resolution and a budget."""
        least = self._among(8, 12)
        most = 50 * self._among(4, 7)
        item = draft["items"][0]
        attrs = [
            wish | {"value": str(least)} if wish["key"] == "resolution" else wish
            for wish in item["attrs"]
        ]
        return draft | {
            "title": f"Camera with {least} megapixels or more, at most {most} USD",
            "text": "",
            "items": [item | {"attrs": attrs}],
            "budget": draft["budget"] | {"max": f"{most} USD"},
        }


class BuyerBot:
    """One buyer."""

    def __init__(
        self,
        name: str,
        door: Door,
        wishes: Wishes,
        *,
        tally: Tally,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        """Prepare; then run `ask` and `look` side by side."""
        self._name = name
        self._door = door
        self._wishes = wishes
        self._tally = tally
        self._clock = clock
        self._entropy = entropy
        self._first_seen: dict[str, int] = {}
        self._done: set[str] = set()

    async def ask(self) -> None:
        """Send request after request; never ends by itself.

        Raises:
            IntentcastError: a template is not a request any more, or the node is gone.
        """
        sent = 0
        while True:
            self._tally.asking()
            await self._door.create_cast(self._wishes.next())
            sent += 1
            low, high = _PAUSE_S if sent < _EAGER else _LATER_PAUSE_S
            await asyncio.sleep(self._entropy.jitter(low, high))

    async def look(self) -> None:
        """Count, and take what is good; never ends by itself.

        Raises:
            IntentcastError: the node is gone.
        """
        cursor = 0
        while True:
            casts = (await self._door.casts())["casts"]
            self._tally.update(self._name, await self._counts(casts))
            for cast in casts:
                if self._is_ripe(cast):
                    await self._choose(cast["handle"])
            cursor = await self._door.wait_changed(cursor, _LOOK_S)

    async def _counts(self, casts: list[Document]) -> Counts:
        deals = (await self._door.deals())["deals"]
        return Counts(
            casts=sum(1 for cast in casts if cast["id"]),
            offers=sum(cast["offers"] for cast in casts),
            deals=len(deals),
            agreements=sum(1 for deal in deals if deal["agreement_id"]),
        )

    def _is_ripe(self, cast: Document) -> bool:
        """Tell whether a request has had its offers for a while."""
        handle = cast["handle"]
        if cast["state"] not in _OPEN or not cast["offers"] or handle in self._done:
            return False
        now_ms = self._clock.now().mono_ms
        return now_ms - self._first_seen.setdefault(handle, now_ms) >= _PONDER_MS

    async def _choose(self, handle: str) -> None:
        """Accept the best offer that is firm and good, if there is one; once per request."""
        self._done.add(handle)
        found = (await self._door.offers(handle))["offers"]
        best = next((offer for offer in found if offer["firm"] and is_good(offer)), None)
        if best is None:
            return
        try:
            await self._door.accept(
                best["handle"], options=[], slot=None, disclose=None, anyway=False
            )
        except IntentcastError as error:
            # An offer may end, or its article be sold, between the look and the yes.
            _LOG.warning("%s could not accept %s: %s", self._name, best["handle"], error)


def is_good(offer: dict[str, Any]) -> bool:
    """Tell whether an offer is open, valid, within budget, and meets every must."""
    return bool(
        offer["state"] == "offered"
        and offer["valid"]
        and not offer["over_budget"]
        and offer["musts_met"] == offer["musts_total"]
    )
