"""The tables of a live engine, held against docs/internals/caps.md.

Walks through everything an engine holds, and compares the length of every collection that has a
line on that page with the caps the line names. Enters: an engine. Leaves: sentences about tables
that hold too much. A collection of a listed class that has no line is somebody else's failure
(`tests/test_caps.py`); one that is never met here is no failure either.
"""

from __future__ import annotations

import importlib
import re
from collections import deque
from pathlib import Path
from typing import Any

from node.storage import bounds
from protocol import limits

_PAGE = Path(__file__).resolve().parents[3] / "docs" / "internals" / "caps.md"
_LINKS = re.compile(r"links: ")
_TWICE = re.compile(r"twice|2 x", re.IGNORECASE)
_PRODUCT = re.compile(r"(\(?`\w+`( [+] `\w+`)*\)?) x `\w+`( [+] `\w+`)*")
"""A sum of constants, times one, plus more: as for the places of all buckets."""
_COLLECTIONS = (dict, set, list, deque)


def caps_of() -> dict[str, int | None]:
    """Give the largest cap named in each line of the network machines; None for a link each."""
    found: dict[str, int | None] = {}
    section = _PAGE.read_text("utf-8").split("## Network machines")[1].split("\n## ")[0]
    for line in section.splitlines():
        if not line.startswith("| `"):
            continue
        name, cap, *_ = (cell.strip() for cell in line.strip("|").split("|"))
        if cap.startswith("own:"):
            continue
        if _LINKS.match(cap):
            found[name.strip("`")] = None
            continue
        reckoned = _PRODUCT.match(cap)
        if reckoned is not None:
            found[name.strip("`")] = _reckon(reckoned.group())
            continue
        constants = re.findall(r"`([^`]+)`", cap)
        counts = [each for each in constants if "bytes" not in each] or constants
        if counts:
            most = max(_value(constant) for constant in counts)
            found[name.strip("`")] = most * (2 if _TWICE.search(cap) else 1)
    return found


def _reckon(product: str) -> int:
    first, _, rest = product.partition(" x ")
    times, *more = (_value(each) for each in re.findall(r"`(\w+)`", rest))
    return sum(_value(each) for each in re.findall(r"`(\w+)`", first)) * times + sum(more)


def _value(constant: str) -> int:
    module, _, plain = constant.rpartition(".")
    places = [importlib.import_module(module)] if module else [limits, bounds]
    return int(next(getattr(place, plain) for place in places if hasattr(place, plain)))


class Walker:
    """Walks engines.

    Attributes:
        seen: names of the collections met.
    """

    def __init__(self) -> None:
        """Read the page."""
        self._caps = caps_of()
        self.seen: dict[str, int] = {}

    def overfull(self, engine: Any, *, links: int, node: int) -> list[str]:
        """List what holds too much.

        Args:
            engine: a mind, masked or not.
            links: how many links its node has.
            node: its number.
        """
        found: list[str] = []
        waiting = [getattr(engine, "engine", engine)]
        known: set[int] = set()
        while waiting:
            owner = waiting.pop()
            if id(owner) in known:
                continue
            known.add(id(owner))
            for name in self._names(owner):
                value = getattr(owner, name, None)
                if isinstance(value, _COLLECTIONS):
                    found += self._judge(owner, name, len(value), links, node)
                    waiting += self._inside(value)
                elif type(value).__module__.startswith("protocol.") and not callable(value):
                    waiting.append(value)
        return found

    def _names(self, owner: Any) -> list[str]:
        slots = [name for kind in type(owner).__mro__ for name in getattr(kind, "__slots__", ())]
        return [*slots, *getattr(owner, "__dict__", ())]

    def _inside(self, value: Any) -> list[Any]:
        """Give the records a collection holds that may hold collections: a few, the last ones."""
        values = list(value.values())[-3:] if isinstance(value, dict) else []
        return [each for each in values if type(each).__module__.startswith("protocol.network")]

    def _judge(self, owner: Any, name: str, size: int, links: int, node: int) -> list[str]:
        kind = type(owner)
        full = f"{kind.__module__.rpartition('.')[2]}.py:{kind.__name__}.{name}"
        if full not in self._caps:
            return []
        self.seen[full] = max(size, self.seen.get(full, 0))
        cap = self._caps[full]
        most = links + limits.links_on_demand_max if cap is None else cap
        return [f"node {node}: {full} holds {size}, at most {most}"] if size > most else []
