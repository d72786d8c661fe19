"""Random kills under load: buyer, shop and mailboxes by turns, while requests and deals flow.

`INTENTCAST_LONG=1` strikes 500 times, else 12 times; `INTENTCAST_SEED` repeats a run's choices
(what the machine does between them differs). Killed as by `kill -9`: 20 to 1,500 ms after it was
ready, or in the middle of its start.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.faults.checker import ask_disk
from tests.faults.house import AnsweredError, House
from tests.faults.stories import Story, deal, revoke
from tests.faults.street import Street, Watch, random_of

IS_LONG = os.environ.get("INTENTCAST_LONG") == "1"
KILLS = int(os.environ.get("INTENTCAST_KILLS", "500" if IS_LONG else "12"))
SEED = int(os.environ.get("INTENTCAST_SEED", "7"))
PATRONS = 10
"""Stories told at a time."""
PATIENCE_S = 240.0
"""Longest wait for one step while kills go on; after them the bound of a street holds."""
KILL_AFTER_S = (0.02, 1.5)
_STARTS_STRUCK = 0.25
"""Share of kills that strike a node before it is ready."""
_STRUCK_TOGETHER = 0.2
"""Share of kills after which another node is struck before this one is up again."""
_REVOKED = 0.2
"""Share of requests that are taken back."""
_PROGRESS_KILLS = 25


@dataclass
class Storm:
    """Kills and trade on one street."""

    street: Street
    seed: int
    kills: Counter[str] = field(default_factory=Counter)
    struck_starting: int = 0
    told: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    is_over: bool = False

    async def rage(self, kills: int) -> None:
        """Trade and kill until so many were struck; then let every story come to its end."""
        watches = {house.name: Watch(house) for house in self.street.houses()}
        patrons = [asyncio.create_task(self._patron(number)) for number in range(PATRONS)]
        try:
            await self._strike(kills)
            self.is_over = True
            await asyncio.gather(*patrons)
        finally:
            self.is_over = True
            for patron in patrons:
                patron.cancel()
            for watch in watches.values():
                await watch.let_go()

    async def _strike(self, kills: int) -> None:
        lot = random_of("kill loop", self.seed)
        houses = self.street.houses()
        for number in range(kills):
            house = houses[number % len(houses)]
            wait_s = lot.uniform(*KILL_AFTER_S)
            await self._blow(house, wait_s)
            if lot.random() < _STARTS_STRUCK:
                await self._blow(house, lot.uniform(*KILL_AFTER_S), is_starting=True)
            if number % _PROGRESS_KILLS == 0:
                tell(f"{self.kills.total()} kills, told {dict(self.told)}")
            if self.kills.total() >= kills:
                return
            if lot.random() >= _STRUCK_TOGETHER:
                await house.is_up.wait()

    async def _blow(self, house: House, wait_s: float, *, is_starting: bool = False) -> None:
        """Wait, then kill; from the moment it is ready, or from the start of its process."""
        if is_starting:
            while house.process is None:
                await asyncio.sleep(0.005)
        else:
            await house.is_up.wait()
        await asyncio.sleep(wait_s)
        self.kills[house.name] += 1
        self.struck_starting += not house.is_up.is_set()
        await house.kill()

    async def _patron(self, number: int) -> None:
        lot = random_of("patron", self.seed, number)
        for count in range(1_000_000):
            if self.is_over:
                return
            is_revoked = lot.random() < _REVOKED
            story = Story(
                self.street,
                f"patron {number} wish {count}",
                pause_s=lot.uniform(0, 0.5),
                patience_s=PATIENCE_S,
            )
            try:
                await (revoke if is_revoked else deal)(story)
            except (AssertionError, AnsweredError, TimeoutError) as error:
                self.faults.append(f"{story.name}: {error!r}")
            self.told["revoked" if is_revoked else "agreed"] += 1


def agreements(street: Street) -> int:
    return len(ask_disk(street.buyer.home, "SELECT 1 FROM deals WHERE state = 'agreed'"))


@pytest.mark.slow
@pytest.mark.timeout(4 * 3600 if IS_LONG else 400)
async def test_random_kills_under_load_lose_nothing(tmp_path: Path):
    street = Street(tmp_path / "street")
    began = time.monotonic()
    try:
        await street.open()
        storm = Storm(street, SEED)
        await storm.rage(KILLS)
        found = storm.faults + await street.settled_verdict() + await street.changed_agreements()
        tell(
            f"seed {SEED}: {storm.kills.total()} kills {dict(storm.kills)}, "
            f"{storm.struck_starting} of them before the node was ready; "
            f"{agreements(street)} deals agreed, {storm.told['revoked']} requests taken back; "
            f"{len(found)} faults; {time.monotonic() - began:.0f} s"
        )
        assert not found, "\n".join(found)
        assert storm.told["agreed"] > 0
        assert storm.struck_starting > 0
        strange = {code for house in street.houses() for code in house.ended} - {-9}
        assert not strange, f"a process ended by itself with {strange}"
    finally:
        with contextlib.suppress(AssertionError):
            await street.close()


def tell(line: str) -> None:
    """Show progress of a long run at once, beside what pytest captures."""
    print(line, file=sys.__stderr__ if IS_LONG else sys.stdout, flush=True)
