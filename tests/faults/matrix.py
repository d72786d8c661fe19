"""One cell of the matrix: a process dies at a named point in mid-story, and all is well.

Enters: a street that stands, a cell. Leaves: what happened, and every fault the judge found. Two
streets work through the cells side by side; a street on which something was found is left to be
looked at, and another is built.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from node.crashpoint import EXIT_CODE
from tests.faults import homes, lives
from tests.faults.checker import check_mailbox
from tests.faults.house import DiedError, House
from tests.faults.points import (
    ARRIVALS_PER_TURN,
    BUYER,
    RELAY,
    TURNS,
    VENDOR,
    Cell,
    arrivals_max,
    points,
)
from tests.faults.stories import STORIES, Story
from tests.faults.street import Street, Watch, random_of

CELL_S = 200.0
"""Longest a cell may take before it counts as stuck."""
_TELLINGS_MIN = 4
"""So often a story is told at least before its point counts as out of reach, ..."""
_TELLINGS_S = 45.0
"""... and for so long where a mailbox dies: one that comes up anew takes part once its peers have
dialled it, and deals are quicker than that."""


@dataclass
class Outcome:
    """What came of a cell."""

    cell: Cell
    deaths: int = 0
    recovery_deaths: int = 0
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def line(self) -> str:
        verdict = "; ".join(self.faults) or "ok"
        also = f" (+{self.recovery_deaths} during start-up)" if self.recovery_deaths else ""
        return f"{self.cell!s:44} {self.seconds:5.1f} s  deaths {self.deaths}{also}  {verdict}"


class Run:
    """One cell on its way."""

    def __init__(self, street: Street, cell: Cell) -> None:
        self.street = street
        self.cell = cell
        self.random = random_of(cell.point, cell.side, cell.seed, cell.turn)
        self.outcome = Outcome(cell)
        self.victim = self._house(cell.side)

    def _house(self, side: str) -> House:
        return {BUYER: self.street.buyer, VENDOR: self.street.vendor, RELAY: self.street.relay}[
            side
        ]

    def crash(self) -> str:
        """Name the point, and at which arrival: the first, or a later one in other seeds."""
        most = arrivals_max(self.cell.point)
        if most is not None:
            return f"{self.cell.point}:{min(self.cell.seed, most)}"
        arrival = {1: 1, 2: 2}.get(self.cell.seed) or self.random.randint(1, 4)
        if self.cell.point in TURNS:
            first = 1 + self.cell.turn * ARRIVALS_PER_TURN
            arrival = first + self.random.randrange(ARRIVALS_PER_TURN)
        return f"{self.cell.point}:{arrival}"

    def again(self) -> tuple[str, ...]:
        """Choose where the restarts die too; none in the first seed."""
        starts = [each for each in points() if each.startswith("start.")]
        return tuple(self.random.choice(starts) for _ in range(self.cell.seed - 1))

    async def told(self) -> None:
        """Tell the story with a victim that dies in it, to the end."""
        before = len(self.victim.ended)
        await (self.victim.kill() if self.cell.seed % 2 else self.victim.stop())
        before += 1
        with contextlib.suppress(DiedError):
            await self.victim.start(crash=self.crash())
        watch = Watch(self.victim, again=self.again(), on_death=self._died)
        other = Watch(self._other()) if self.cell.seed > 2 else None
        try:
            end = time.monotonic() + (_TELLINGS_S if self.cell.side == RELAY else 0.0)
            for number in itertools.count():
                await self._tell(number)
                is_late = number + 1 >= _TELLINGS_MIN and time.monotonic() >= end
                if is_late or EXIT_CODE in self.victim.ended[before:]:
                    break
            await self.victim.is_up.wait()
            self.outcome.faults += await self.street.settled_verdict()
        finally:
            await watch.let_go()
            if other is not None:
                await other.let_go()
            codes = self.victim.ended[before:]
            self.outcome.deaths = codes.count(EXIT_CODE)
            self.outcome.recovery_deaths = watch.recovery_deaths
        self._judge_ends(codes)

    async def _tell(self, number: int) -> None:
        story = Story(self.street, f"{self.cell} {number}", pause_s=self._pause_s())
        await STORIES[self.cell.story](story)
        if self.cell.story == "stop":
            # Its end in good order is where it dies; then it must come up and trade again.
            await self.victim.stop()
            await self.victim.is_up.wait()
            await STORIES["deal"](Story(self.street, f"{self.cell} {number} again"))
        await self.street.until(self.street.is_settled, f"{self.cell} has settled")

    def _pause_s(self) -> float:
        return 0.0 if self.cell.seed == 1 else self.random.uniform(0.0, 0.6)

    def _other(self) -> House:
        return self.street.vendor if self.cell.side == BUYER else self.street.buyer

    async def _died(self) -> None:
        """Look at a dead mailbox's disk; in the last seed the other party is struck as well."""
        if self.cell.side == RELAY:
            node = self.victim.ready["node"]
            senders = self.street.disks([*self.street.buyers, *self.street.vendors])
            self.outcome.faults += check_mailbox(self.street.disks([self.victim])[0], node, senders)
        if self.cell.seed > 2 and self.outcome.deaths == 0:
            self.outcome.deaths = 1
            await self._other().kill()

    def _judge_ends(self, codes: list[int]) -> None:
        if EXIT_CODE not in codes:
            self.outcome.faults.append("the point was never reached")
        strange = [code for code in codes if code not in (EXIT_CODE, 0)]
        if strange:
            self.outcome.faults.append(f"a process ended by itself with {strange}")


async def told(street: Street, cell: Cell) -> Outcome:
    """Run a cell within its bound."""
    run = Run(street, cell)
    began = time.monotonic()
    own = {**homes.SCENARIOS, **lives.SCENARIOS}.get(cell.story)
    try:
        async with asyncio.timeout(CELL_S):
            if own is None:
                await run.told()
            else:
                run.outcome.deaths, faults = await own(street, cell)
                run.outcome.faults += faults
    except Exception as error:  # noqa: BLE001 - one cell's failure leaves the others their turn
        run.outcome.faults.append(f"{type(error).__name__}: {error}")
    run.outcome.seconds = time.monotonic() - began
    return run.outcome


async def worked_through(
    folder: Path, cells: list[Cell], *, lanes: int, tell: Callable[[str], None]
) -> list[Outcome]:
    """Run all cells on some streets side by side."""
    waiting = list(reversed(cells))
    outcomes: list[Outcome] = []

    async def lane(number: int) -> None:
        street: Street | None = None
        built = 0
        try:
            while waiting:
                if street is None:
                    built += 1
                    street = Street(folder / f"street-{number}-{built}")
                    await street.open()
                outcome = await told(street, waiting.pop())
                outcomes.append(outcome)
                tell(f"{len(outcomes)}/{len(cells)} {outcome.line()}")
                if outcome.faults:
                    tell(f"    its disks stay in {street.folder}")
                    await street.close()
                    street = None
                else:
                    await street.revive()
            if street is not None and (changed := await street.changed_agreements()):
                outcomes[-1].faults += changed
        finally:
            if street is not None:
                await street.close()

    workers: list[Awaitable[None]] = [lane(number) for number in range(1, lanes + 1)]
    await asyncio.gather(*workers)
    return outcomes
