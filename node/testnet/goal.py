"""When a run has reached what it was started for: `offers>=10`.

Enters: an expression as typed, counts. Leaves: yes or no. Only the named counts and six comparisons
are known; nothing typed is ever evaluated as code.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Final

from protocol.errors import LocalProtocolError

_NUMBER_MAX: Final = 1_000_000
_SHAPE: Final = re.compile(r"\s*([a-z]{1,20})\s*(>=|<=|==|!=|>|<)\s*([0-9]{1,7})\s*")
_COMPARE: Final[Mapping[str, Callable[[int, int], bool]]] = MappingProxyType(
    {
        ">=": operator.ge,
        "<=": operator.le,
        "==": operator.eq,
        "!=": operator.ne,
        ">": operator.gt,
        "<": operator.lt,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What has come about so far, over all buyers."""

    casts: int = 0
    """Requests that are out."""
    offers: int = 0
    """Offers received for them."""
    deals: int = 0
    """Acceptances sent."""
    agreements: int = 0
    """Deals both sides have signed."""

    def __add__(self, other: Counts) -> Counts:
        """Add up, name by name."""
        return Counts(**{name: getattr(self, name) + getattr(other, name) for name in NAMES})

    def document(self) -> dict[str, int]:
        """Write them for JSON."""
        return {name: getattr(self, name) for name in NAMES}


NAMES: Final = tuple(each.name for each in fields(Counts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One comparison."""

    name: str
    """Which count."""
    op: str
    """How it is compared."""
    number: int
    """With what."""

    def __str__(self) -> str:
        """Write it as it may be typed."""
        return f"{self.name}{self.op}{self.number}"

    def reached(self, counts: Counts) -> bool:
        """Tell whether it holds."""
        return _COMPARE[self.op](getattr(counts, self.name), self.number)


def parse_goal(text: str) -> Goal:
    """Read an expression.

    Raises:
        LocalProtocolError: E-UNTIL.
    """
    found = _SHAPE.fullmatch(text)
    if found is None or found[1] not in NAMES or int(found[3]) > _NUMBER_MAX:
        raise LocalProtocolError(
            f"--until '{text[:60]}' is not understood",
            code="E-UNTIL",
            fix=f'Write:  --until "offers>=10"        names: {", ".join(NAMES)}; up to a million',
            field="--until",
        )
    return Goal(name=found[1], op=found[2], number=int(found[3]))
