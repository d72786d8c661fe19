"""Checkers: what must hold of a run, apart from whoever drives it.

Each takes a run and its bounds, and gives sentences about what does not hold. One with `watch` is
also called before the run, to look while it lasts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.net.scenario import Run


def delivered(run: Run, *, part: float = 1.0) -> list[str]:
    """Every honest node that is up has every measured object."""
    honest = [node for node in run.world.nodes if node.is_honest and node.is_up]
    wanted = got = 0
    missing: list[str] = []
    for story in run.tally.measured:
        have = set(story.nodes)
        have.add(story.author)
        for node in honest:
            wanted += 1
            if node.number in have:
                got += 1
            elif len(missing) < 5:
                missing.append(f"object {story.number} at node {node.number}")
    run.notes["delivered"] = got / wanted if wanted else 0.0
    if not wanted or got < part * wanted:
        return [f"{got} of {wanted} deliveries; missing: {', '.join(missing)}"]
    return []


def within(run: Run, **bounds: float) -> list[str]:
    """Figures of the tally, or notes of others, do not exceed their bounds."""
    figures = {**run.tally.figures(), **run.notes}
    return [
        f"{name} is {figures[name]:.3f}, at most {most} is allowed"
        for name, most in bounds.items()
        if figures[name] > most
    ]


def no_quarrel(run: Run) -> list[str]:
    """No honest node ended a link with an honest one for a fault."""
    return [
        f"{count} links between honest nodes were ended: {why}"
        for (ours, theirs, why), count in sorted(run.tally.parted.items())
        if ours and theirs
    ]


CHECKERS: dict[str, Callable[..., list[str]]] = {
    "delivered": delivered,
    "within": within,
    "no quarrel": no_quarrel,
}
"""By the name a scenario gives."""
