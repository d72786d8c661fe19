"""A village of nodes that only pretend, for those who look at a testnet."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from node.clock import ManualClock
from node.entropy import SeededEntropy
from node.errors import TransportError
from node.testnet.crossing import Crossing
from node.testnet.nodes import Facts
from node.testnet.plan import NodePlan, Plan, make_plan
from node.testnet.scene import Scene
from node.testnet.tally import Tally
from node.testnet.town import Town

NET = "testnet-7"


class FakeDoor:
    """Tells what it was given; `is_gone` lets it answer no more."""

    def __init__(self) -> None:
        self.linked: list[str] = []
        self.log: list[dict[str, Any]] = []
        self.is_gone = False
        self.looks = 0

    def happens(self, what: str, at: str = "2027-02-20T12:00:00Z") -> None:
        self.log.append({"n": len(self.log) + 1, "at": at, "what": what, "ids": []})

    def _check(self) -> None:
        if self.is_gone:
            raise TransportError("gone", code="E-NODE-DOWN")

    async def peers(self) -> dict[str, Any]:
        self._check()
        self.looks += 1
        return {"peers": [{"node": name} for name in self.linked], "known": 1}

    async def wait_changed(self, after: int, timeout_s: float) -> int:
        self._check()
        return len(self.log)

    async def events(self, after: int) -> AsyncIterator[dict[str, Any]]:
        self._check()
        for event in self.log:
            if event["n"] > after:
                yield event


class FakeNode:
    """A node that is up."""

    def __init__(self, plan: NodePlan) -> None:
        self.plan = plan
        self.door: Any = FakeDoor()
        self.home = Path("/nowhere") / plan.name
        listen = None if plan.name.startswith("buyer") else f"at-{plan.name}"
        self.facts = Facts(node=f"node-{plan.name}", api=f"http://{plan.name}", listen=listen)

    async def login(self) -> dict[str, Any]:
        return {"link": f"{self.facts.api}/login#ACDEFGHJ", "code": "ACDE-FGHJ", "expires": "x"}


class Village:
    """Two relays, a shop and a buyer, all of whom pretend."""

    def __init__(self, *, faulty: bool = True) -> None:
        self.plan: Plan = make_plan(
            net=NET, seed=7, relays=2, buyers=1, vendors=1, shops=["alpine-wheels"]
        )
        self.clock = ManualClock()
        self.tally = Tally(self.clock)
        self.town = Town(self.plan, Path("/nowhere"))
        for plan in self.plan.nodes:
            self.town.nodes[plan.name] = FakeNode(plan)  # type: ignore[assignment]
        names = [plan.name for plan in self.plan.nodes]
        entropy = lambda link: SeededEntropy(link, net=NET)  # noqa: E731 - one line of a fixture
        self.crossing = Crossing(names, entropy) if faulty else None
        self.scene = Scene(self.town, self.crossing, self.tally, self.clock)

    def door(self, name: str) -> FakeDoor:
        found: FakeDoor = self.town.nodes[name].door  # type: ignore[assignment]
        return found

    def link(self, first: str, second: str) -> None:
        self.door(first).linked.append(f"node-{second}")
        self.door(second).linked.append(f"node-{first}")
