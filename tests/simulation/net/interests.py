"""What leaves want to hear of: drawn for a run, and judged apart from the product."""

from __future__ import annotations

from random import Random
from typing import Any

from protocol.channel.messages import Interest
from tests.simulation.net.casts import CATEGORIES


def drawn(chance: Random, count: int) -> Interest:
    """Draw what one leaf wants.

    Args:
        chance: the run's.
        count: so many categories, the common ones more often; one in four stands for its group.
    """
    weights = [1 / rank for rank in range(1, len(CATEGORIES) + 1)]
    chosen: dict[str, None] = {}
    while len(chosen) < count:
        path = chance.choices(CATEGORIES, weights)[0]
        chosen[path.partition("/")[0] if chance.random() < 0.25 else path] = None
    return Interest(categories=sorted(chosen), cells=None)


def wants(interest: Interest | None, body: Any) -> bool:
    """Tell whether an interest covers a cast; who has none wants all."""
    if interest is None or not interest.categories:
        return True
    path = body.category
    return any(path == each or path.startswith(f"{each}/") for each in interest.categories)
