"""The crash points of the product, read from its source, and the story that reaches each.

A point without a way here fails the test that lists them: whoever adds a new kind of point says in
one line which story passes it, and on whose side.
"""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from pathlib import Path

from tests.faults.house import ROOT

_CALL = re.compile(r"""\bcrashpoint\(\s*["']([a-z_]+\.[a-z_]+)["']""")
_LOOSE = re.compile(r"\bcrashpoint\((?!name\b)")
BUYER, VENDOR, RELAY = "buyer", "vendor", "relay"
PARTIES = (BUYER, VENDOR)
ALL = (BUYER, VENDOR, RELAY)


@dataclass(frozen=True)
class Way:
    """How a point is reached."""

    story: str
    """A story of `tests/faults/stories.py`."""
    sides: tuple[str, ...]
    """Whose process passes it."""


WAYS = {
    "accept": Way("deal", (BUYER,)),
    "api": Way("deal", (BUYER,)),
    "backup": Way("backup", (BUYER,)),
    "cast": Way("deal", (BUYER,)),
    "copies": Way("two_copies", (BUYER,)),
    "deal": Way("deal", PARTIES),
    "decide": Way("deal", (VENDOR,)),
    "disclose": Way("deal", (BUYER,)),
    "exchange": Way("damaged_home", (BUYER,)),
    "ends": Way("ends", (BUYER,)),
    "file": Way("deal", ALL),
    "idempotency": Way("deal", (BUYER,)),
    "import": Way("feed", (VENDOR,)),
    "invite": Way("invite", (RELAY,)),
    "keys": Way("first_run", PARTIES),
    "letter": Way("deal", PARTIES),
    "migrate": Way("older_home", (BUYER,)),
    "move": Way("move", PARTIES),
    "offer": Way("deal", (VENDOR,)),
    "post": Way("deal", PARTIES),
    "profile": Way("first_run", (VENDOR,)),
    "reclaim": Way("reclaim", (BUYER,)),
    "relay": Way("deal", (RELAY, VENDOR)),
    "reopen": Way("reopen", (BUYER,)),
    "restore": Way("restore", (BUYER,)),
    "revoke": Way("revoke", (BUYER,)),
    "start": Way("deal", ALL),
    "stop": Way("stop", ALL),
    "storage": Way("deal", ALL),
    "void": Way("void", (BUYER,)),
    # Single points that another story or side reaches.
    "copies.after_begin": Way("first_run", PARTIES),
    "decide.after_human_commit": Way("by_hand", (VENDOR,)),
    "identity.after_commit": Way("end_key", (VENDOR,)),
    "identity.after_rotation": Way("rotate", (VENDOR,)),
    "invite.after_allow_commit": Way("invite", (BUYER,)),
    "invite.after_join_commit": Way("invite", (BUYER,)),
    "move.after_cast_commit": Way("move", (BUYER,)),
    "move.before_cast_commit": Way("move", (BUYER,)),
    "reclaim.after_revoke": Way("reclaim_revoke", (BUYER,)),
    "revoke.after_offer_commit": Way("offer_revoke", (VENDOR,)),
    "post.after_open_commit": Way("deal", (RELAY,)),
    "post.after_put_commit": Way("deal", (RELAY,)),
    "post.before_put_commit": Way("deal", (RELAY,)),
    "post.before_receipt_commit": Way("deal", (RELAY,)),
    "post.after_receipt_commit": Way("deal", (RELAY,)),
}
"""A point, or the part of its name before the dot -> the way to it."""


TURNS = {"storage.before_commit": 4, "storage.after_commit": 4}
"""Points passed at every change, and in how many stretches of a run they are struck."""
ARRIVALS_PER_TURN = 7
ARRIVALS_MAX = {
    "file": 1,
    "keys": 2,
    "start": 1,
    "storage.after_checkpoint": 1,
    "storage.before_checkpoint": 1,
}
"""A point, or the first part of its name -> how often a process passes it at most."""


@dataclass(frozen=True)
class Cell:
    """One run: a point, whose process dies there, and a seed for all that may vary."""

    point: str
    side: str
    seed: int
    story: str
    turn: int = 0
    """Which stretch of a run it dies in, for points that are passed many times."""

    def __str__(self) -> str:
        turn = f".{self.turn}" if self.turn else ""
        return f"{self.point} {self.side} seed {self.seed}{turn}"


def sources() -> list[Path]:
    return sorted((ROOT / "node").rglob("*.py"))


def points() -> list[str]:
    """List every point, as the source has them.

    Raises:
        AssertionError: a call does not name its point in plain text, so that it cannot be found.
    """
    found = set()
    for path in sources():
        text = path.read_text(encoding="utf-8")
        if path.name == "crashpoint.py":
            continue
        names = _CALL.findall(text)
        assert len(names) == len(_LOOSE.findall(text)), (
            f"{path}: a crash point without a plain name"
        )
        found |= set(names)
    return sorted(found)


def way_of(point: str) -> Way:
    """Find how a point is reached.

    Raises:
        LookupError: nobody has said it.
    """
    way = WAYS.get(point) or WAYS.get(point.partition(".")[0])
    if way is None:
        raise LookupError(
            f"no story reaches the crash point {point}: add its first word to WAYS "
            "in tests/faults/points.py, with a story and the sides that pass it"
        )
    return way


def arrivals_max(point: str) -> int | None:
    """Tell how often a process passes a point at most; None when a story decides it."""
    return ARRIVALS_MAX.get(point) or ARRIVALS_MAX.get(point.partition(".")[0])


def cells(seeds: tuple[int, ...], pattern: str = "*") -> list[Cell]:
    """List every run: all points of some patterns, on all their sides, for all seeds."""
    return [
        Cell(point, side, seed, way_of(point).story, turn)
        for seed in seeds
        for point in points()
        if any(fnmatch.fnmatch(point, each) for each in pattern.split(","))
        for side in way_of(point).sides
        for turn in range(TURNS.get(point, 1))
    ]


def one_of_each(every: list[Cell], turn: int) -> list[Cell]:
    """Choose one run of each point; another one at the next turn, until all had theirs."""
    found: dict[str, list[Cell]] = {}
    for cell in every:
        found.setdefault(cell.point, []).append(cell)
    return [runs[turn % len(runs)] for runs in found.values()]
