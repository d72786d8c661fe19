"""Minds that are not what they seem, by name, and who is chosen to have one."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from tests.simulation.net.nodes import Node

ROLES: dict[str, Callable[..., Any]] = {}
"""By the name a scenario gives."""


def drawn(nodes: list[Node], among: str, part: float, chance: Random) -> list[Node]:
    """Choose who takes a role."""
    kinds = {"all": (True, False), "relays": (True,), "leaves": (False,), "only relays": (True,)}
    pool = [node for node in nodes if node.is_honest and node.is_relay in kinds[among]]
    whole = len(nodes) if among == "only relays" else len(pool)
    return chance.sample(pool, min(len(pool), round(part * whole)))
