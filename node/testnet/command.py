"""`testnet up`: relays, shops and asking buyers on this machine, until a goal, a time or Ctrl-C.

Enters: the options of the command. Leaves: what came about, as lines or one JSON document, every
number measured. Nothing of it outlives the command: no process, no port, no file.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from node.clock import Clock, SystemClock
from node.entropy import SeededEntropy, SystemEntropy
from node.errors import TransportError
from node.numerals import plural
from node.runtime.tasks import Tasks
from node.testnet import lines, remote
from node.testnet.board import OPEN_COMMAND
from node.testnet.bots import BuyerBot, Wishes
from node.testnet.control import within_reach
from node.testnet.crossing import Crossing
from node.testnet.dashboard import FILES, Dashboard, served
from node.testnet.goal import Counts, Goal, parse_goal
from node.testnet.interrupt import run_to_end
from node.testnet.nodes import Node
from node.testnet.plan import NodePlan, Part, Plan, make_plan
from node.testnet.scene import Scene
from node.testnet.shops import STREET, trades_of
from node.testnet.tally import Tally
from node.testnet.town import Town, allow_files, logged, running, town_folder

SCHEMA: Final = "intentcast.testnet/1"
_PAUSE_MS: Final = 5_000
"""Between two lines of counts, where a person reads them as they come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the command line asked for."""

    processes: bool = False
    """A process for each node."""
    headless: bool = False
    """Say nothing until the end."""
    dashboard: bool = False
    """Serve a page that shows it."""
    port: int | None = None
    """Where, and nowhere else; None takes the first free one."""
    faulty: bool = False
    """Let every link pass through our proxy, so that it can be made faulty."""
    goal: Goal | None = None
    """When to end; None runs on."""
    timeout_s: float | None = None
    """When to give up, counted from the start."""
    as_json: bool = False
    """One document at the end."""


def run(
    *,
    seed: int,
    relays: int,
    buyers: int,
    vendors: int,
    processes: bool,
    faulty: bool | None,
    headless: bool,
    dashboard: bool | None,
    port: int | None,
    until: str | None,
    timeout: float | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Run a testnet to its end.

    Args:
        seed: what all keys derive from.
        relays: how many.
        buyers: how many.
        vendors: how many.
        processes: a process for each node.
        faulty: let links be made faulty; None does so where somebody watches.
        headless: say nothing until the end.
        dashboard: serve a page that shows it; None does so unless headless.
        port: of that page.
        until: goal.
        timeout: in seconds.
        as_json: one document at the end.
        quiet: as headless, and no page either.

    Returns:
        0: the goal was reached, or nobody set one, or Ctrl-C ended it.

    Raises:
        LocalProtocolError: E-UNTIL or E-PLAN.
        RefusedError: E-FILES.
        ConfigError: E-PORT, of the page.
        TransportError: E-TIMEOUT, the goal was not reached in time.
        IntentcastError: a node could not come up.
    """
    is_watched = not (headless or quiet) if dashboard is None else dashboard
    wanted = Wanted(
        processes=processes,
        faulty=is_watched if faulty is None else faulty,
        headless=headless or quiet,
        dashboard=is_watched,
        port=port,
        goal=parse_goal(until) if until is not None else None,
        timeout_s=timeout,
        as_json=as_json,
    )
    plan = make_plan(
        net=f"testnet-{seed}",
        seed=seed,
        relays=relays,
        buyers=buyers,
        vendors=vendors,
        shops=STREET,
    )
    beside = FILES if wanted.dashboard else 0
    allow_files(plan, processes=processes, faulty=wanted.faulty, beside=beside)
    fair = Fair(plan, wanted)
    with town_folder(None) as folder, logged(folder):
        fair.came_to_its_end = run_to_end(fair.hold(folder))
    fair.report()
    return 0


class Fair:
    """One run: a town, its bots, and what came of them."""

    def __init__(self, plan: Plan, wanted: Wanted, clock: Clock | None = None) -> None:
        """Prepare; then `hold`, then `report`."""
        self._plan = plan
        self._wanted = wanted
        self._clock = clock or SystemClock()
        shops = dict.fromkeys(node.shop for node in plan.nodes if node.shop)
        trades = [trade for shop in shops for trade in trades_of(shop)]
        self._wishes = {node.name: self._wishes_of(node, trades) for node in plan.of(Part.BUYER)}
        self._tally = Tally(self._clock, self._changed)
        self._nodes: list[dict[str, Any]] = []
        self._up_ms: int | None = None
        self._ended_ms: int | None = None
        self._is_reached = False
        self._has_offer = False
        self._told_ms: int | None = None
        self._is_behind = False
        self._dashboard: Dashboard | None = None
        self._stream = None if wanted.headless else lines.talk(as_json=wanted.as_json)
        self._folder = Path()
        self.came_to_its_end = False

    def _wishes_of(self, node: NodePlan, trades: Sequence[str]) -> Wishes:
        seed = f"{self._plan.seed}/{node.name}/wishes"
        return Wishes(SeededEntropy(seed, net=self._plan.net), trades)

    async def hold(self, folder: Path) -> None:
        """Run town and bots until the goal, the time, or cancellation."""
        crossing = self._crossing() if self._wanted.faulty else None
        town = Town(
            self._plan,
            folder,
            processes=self._wanted.processes,
            crossing=crossing,
            on_up=self._came_up,
        )
        self._say(f"{self._plan.net}: anybody can compute these keys; homes in {folder}")
        self._say_who_else_runs(await asyncio.to_thread(remote.running))
        reach = within_reach(crossing, self._plan.net, folder) if crossing else nullcontext()
        page = self._page(town, crossing, folder) if self._wanted.dashboard else nullcontext()
        try:
            async with (
                asyncio.timeout(self._wanted.timeout_s),
                reach,
                page as self._dashboard,
                running(town),
            ):
                self._note(town)
                self._say_up()
                await self._trade(town)
        except TimeoutError:
            self._say("Time is up.")

    def _page(
        self, town: Town, crossing: Crossing | None, folder: Path
    ) -> AbstractAsyncContextManager[Dashboard]:
        return served(
            Scene(town, crossing, self._tally, self._clock),
            folder,
            clock=self._clock,
            entropy=SystemEntropy(),
            port=self._wanted.port,
        )

    def _crossing(self) -> Crossing:
        plan = self._plan
        return Crossing(
            [node.name for node in plan.nodes],
            lambda link: SeededEntropy(f"{plan.seed}/{link}/faults", net=plan.net),
        )

    def _note(self, town: Town) -> None:
        """Keep what the report tells of the nodes, and say that all are up."""
        self._up_ms = self._tally.elapsed_ms()
        for name, node in town.nodes.items():
            self._nodes.append(
                {
                    "name": name,
                    "role": node.plan.part.value,
                    "shop": node.plan.shop,
                    "node": node.facts.node,
                    "listen": node.facts.listen,
                    "api": node.facts.api,
                    "home": str(node.home),
                    "words": " ".join(town.words[name]),
                }
            )
        self._folder = town.folder

    async def _trade(self, town: Town) -> None:
        """Let the bots ask until the goal is reached; the first failure ends it."""
        tasks = Tasks()
        try:
            at_work = [tasks.spawn(self._end(), "goal"), tasks.spawn(self._catch_up(), "tells")]
            for bot in self._bots(town):
                at_work += [tasks.spawn(bot.ask(), "asks"), tasks.spawn(bot.look(), "looks")]
            done, _ = await asyncio.wait(at_work, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            self._ended_ms = self._tally.elapsed_ms()
            await tasks.close()

    async def _end(self) -> None:
        """Wait for the goal; for ever, where there is none."""
        if self._wanted.goal is None:
            await asyncio.Event().wait()
        else:
            await self._tally.reach(self._wanted.goal)
            self._is_reached = True

    def _bots(self, town: Town) -> list[BuyerBot]:
        return [
            BuyerBot(
                node.plan.name,
                node.door,
                self._wishes[node.plan.name],
                tally=self._tally,
                clock=self._clock,
                entropy=SystemEntropy(),
            )
            for node in town.of(Part.BUYER)
        ]

    # --- telling ----------------------------------------------------------------------------

    def _say(self, text: str) -> None:
        lines.say(text, self._stream)

    def _say_who_else_runs(self, others: Sequence[remote.Word]) -> None:
        for word in others:
            self._say(
                f"Another testnet runs: {word.net} in {word.folder}."
                f"  Look at it:  {OPEN_COMMAND} --at {word.folder}"
            )

    def _say_up(self) -> None:
        """Say who there is, how long it took, and where to look."""
        plan = self._plan
        parts = ", ".join(
            plural(len(plan.of(part)), part.value) for part in (Part.RELAY, Part.BUYER, Part.VENDOR)
        )
        where = "in a process each" if self._wanted.processes else "in one process"
        nodes = plural(len(plan.nodes), "node")
        up = lines.seconds(self._up_ms or 0)
        self._say(f"Seed {plan.seed}   {parts}: {nodes} {where}, all nodes are up in {up}")
        if self._dashboard is not None:
            # Also without a word otherwise: whoever asked for the page needs the way in.
            stream = self._stream or sys.stderr
            found = self._dashboard.login()
            lines.say(f"Dashboard   {found['link']}   code {found['code']}", stream)
            self._say(f"  good once, for five minutes; another one:  {OPEN_COMMAND}")
            if self._dashboard.passed_over:
                self._say(f"  {self._dashboard.passed_over}: the next free one was taken.")
        self._say("Ctrl-C ends all of it.")

    def _say_first_offer(self) -> None:
        after = self._tally.first_offer_ms
        if after is None or self._has_offer:
            return
        self._has_offer = True
        buyer = next(iter(self._wishes), None)
        self._say(
            f"First offer {lines.seconds(after)} after the first request."
            f"  Try:  intentcast --home {self._folder}/{buyer} casts"
        )

    def _came_up(self, node: Node) -> None:
        listen = node.facts.listen or "dials only"
        name = f"{node.plan.part.value:<7}{node.plan.name:<16}"
        self._say(f"  {name}{listen:<17}{node.facts.api:<24}{node.facts.node}")

    def _changed(self, _counts: Counts) -> None:
        """Tell each change; on a terminal only now and then, so that the rest stays in sight."""
        told = self._told_ms
        is_soon = told is not None and self._tally.elapsed_ms() - told < _PAUSE_MS
        if is_soon and self._stream is not None and self._stream.isatty():
            self._is_behind = True
        else:
            self._say_counts()
        self._say_first_offer()

    def _say_counts(self) -> None:
        self._told_ms, self._is_behind = self._tally.elapsed_ms(), False
        counts = self._tally.counts.document()
        told = "  ".join(f"{name} {number}" for name, number in counts.items())
        self._say(f"{lines.seconds(self._told_ms):>9}  {told}")

    async def _catch_up(self) -> None:
        """Tell what was left untold when no other change came since."""
        while True:
            await asyncio.sleep(_PAUSE_MS / 1_000)
            if self._is_behind:
                self._say_counts()

    def document(self) -> dict[str, Any]:
        """Tell everything, for JSON; lengths of time in ms."""
        goal = self._wanted.goal
        return {
            "schema": SCHEMA,
            "net": self._plan.net,
            "seed": self._plan.seed,
            "processes": self._wanted.processes,
            "faulty": self._wanted.faulty,
            "until": str(goal) if goal else None,
            "reached": self._is_reached if goal else None,
            "counts": self._tally.counts.document(),
            "up_ms": self._up_ms,
            "first_cast_ms": self._tally.first_cast_ms,
            "first_offer_ms": self._tally.first_offer_ms,
            "elapsed_ms": self._ended_ms or self._tally.elapsed_ms(),
            "dashboard": self._dashboard.url if self._dashboard else None,
            "nodes": self._nodes,
        }

    def report(self) -> None:
        """Print what came of it.

        Raises:
            TransportError: E-TIMEOUT, time was up before the goal was reached.
        """
        found = self.document()
        counts = ", ".join(
            plural(number, name.removesuffix("s"), name) for name, number in found["counts"].items()
        )
        if self._wanted.as_json:
            lines.say(json.dumps(found, indent=2), sys.stdout)
        else:
            lines.say(f"{counts}, in {lines.seconds(found['elapsed_ms'])}", sys.stdout)
            if found["first_offer_ms"] is not None:
                after = lines.seconds(found["first_offer_ms"])
                lines.say(f"first offer {after} after the first request", sys.stdout)
        if found["reached"] is False and self.came_to_its_end:
            raise TransportError(
                f"{found['until']} was not reached within {self._wanted.timeout_s:g} s: {counts}",
                code="E-TIMEOUT",
                fix="Allow more with --timeout SECONDS",
            )
