"""The same network once more, simulated: links as they were found among real processes.

Enters: who dialled whom, how much is published how fast. Leaves: the copies that each delivery took
there. Never here: a process, a socket, a figure of real nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.rig.fleet import Link
from tests.simulation.net.population import Population
from tests.simulation.net.scenario import Check, Drive, Run, Scenario


@dataclass(frozen=True, kw_only=True)
class Mirrored:
    """What a simulated network came to."""

    copies: float
    """Copies for each delivery."""
    share: float
    """Part of the deliveries there should be."""
    links: list[Link]
    """Links at the end."""
    seed: int
    trace: str


def mirrored(
    links: Sequence[Link], *, warm_up: int, casts: int, per_second: float, size: int, seed: int
) -> Mirrored:
    """Let casts spread over given links, limits open.

    Args:
        links: who dialled, and whom, by name; everybody stands in at least one.
        warm_up: casts that do not count.
        casts: casts that do.
        per_second: how fast they come.
        size: bytes of each.
        seed: everything else follows from it.
    """
    names = sorted({name for link in links for name in link})
    numbers = {name: number for number, name in enumerate(names)}
    scenario = Scenario(
        title="Links as they were found among real processes",
        terrain="loopback",
        seed=seed,
        population=Population(
            nodes=len(numbers),
            links="given",
            pairs=[(numbers[one], numbers[other]) for one, other in links],
            records=False,
            engine={"is_open": True},
        ),
        drive=Drive(warm_up=warm_up, objects=casts, per_second=per_second, bytes=size),
        settle_s=30,
        checks=[Check(check="delivered")],
    )
    run = Run(scenario).live()
    figures = run.tally.figures()
    return Mirrored(
        copies=figures["copies"],
        share=figures["deliveries"] / (casts * (len(numbers) - 1)),
        links=sorted(
            (names[node.number], names[wire.dst.number])
            for node in run.world.nodes
            for wire in node.wires.values()
            if wire.outbound
        ),
        seed=seed,
        trace=run.world.trace.digest(),
    )
