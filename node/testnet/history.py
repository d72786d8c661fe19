"""What happened in a small network lately, all nodes in one list.

Enters: the doors of nodes, each with a log of its own. Leaves: the newest events of the market,
in the order of their moments, with the name of the node each happened at. A node that does not
answer is passed over and read on from where it was left. Never: more than a screen can show.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from node.testnet.door import Door
from node.web.texts import _, marked
from protocol.errors import IntentcastError

EVENTS_MAX: Final = 200
"""Events kept; the oldest go."""
_KINDS: Final = ("cast.", "offer", "deal.")
WORDS: Final = {
    "cast.draft": marked("wrote a request down"),
    "cast.open": marked("sent a request"),
    "cast.deciding": marked("may choose"),
    "cast.awarded": marked("has accepted an offer"),
    "cast.expired": marked("saw its request end"),
    "cast.revoked": marked("took its request back"),
    "offer": marked("received an offer"),
    "offer.sent": marked("sent an offer"),
    "offer.withdrawn": marked("saw an offer taken back"),
    "deal.accept_sent": marked("sent an acceptance"),
    "deal.offered": marked("received an acceptance"),
    "deal.confirmed": marked("holds the confirmation"),
    "deal.agreed": marked("holds the agreement"),
    "deal.declined": marked("holds a refusal"),
    "deal.voided": marked("saw an acceptance end without a word"),
    "deal.cancelled": marked("holds a cancellation"),
}
"""What an event is called; others go by their own name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One event at one node."""

    at: str
    """ISO 8601, UTC, whole seconds."""
    node: str
    """Name of the node."""
    what: str
    """As the node's log has it."""

    @property
    def words(self) -> str:
        """Say it as something the node did, in the reader's language."""
        known = WORDS.get(self.what)
        return _(known) if known else self.what.replace(".", ": ").replace("_", " ")


class History:
    """The newest events of all nodes."""

    def __init__(self) -> None:
        """Begin with none."""
        self._cursors: dict[str, int] = {}
        self._kept: list[Happening] = []
        self.count = 0
        """Events seen so far, also those that went."""

    @property
    def newest(self) -> list[Happening]:
        """List what is kept, the newest first."""
        return self._kept[::-1]

    async def look(self, doors: Mapping[str, Door]) -> None:
        """Read on in every node's log."""
        pages = await asyncio.gather(*(self._read(name, door) for name, door in doors.items()))
        new = [each for page in pages for each in page]
        self.count += len(new)
        # Nodes of one machine share its clock; within a second their order is that of the plan.
        together = sorted([*self._kept, *new], key=lambda each: each.at)
        self._kept = together[-EVENTS_MAX:]

    async def _read(self, name: str, door: Door) -> list[Happening]:
        """Read one node's log from where it was left; at first only its end."""
        found = []
        try:
            after = self._cursors.get(name)
            if after is None:
                after = max(0, await door.wait_changed(0, 0) - EVENTS_MAX)
            async for event in door.events(after):
                after = int(event["n"])
                if event["what"].startswith(_KINDS):
                    found.append(Happening(at=event["at"], node=name, what=event["what"]))
        except IntentcastError:
            # Out of reach; or stopping, its storage closed.
            return found
        self._cursors[name] = after
        return found
