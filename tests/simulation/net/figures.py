"""Every figure the network has to reach in the simulator, measured and held against its bound.

Each row names a scenario, what is changed of it, and where the figure stands. Rows that belong to
real processes are named, too, with where they are measured. Enters: a number of nodes and a seed.
Leaves: a table, JSON, a drawing of how objects spread.
Source: docs/reference/performance.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.net import pairs
from tests.simulation.net.scenario import Run, commit, load

MORE = {"warm_up": 60, "objects": 30}


@dataclass(frozen=True, kw_only=True)
class Bound:
    """One number of a row."""

    name: str
    """What it is."""
    key: str
    """Its name among the figures and notes of a run."""
    must: float
    """The bound."""
    stretch: float | None = None
    """A better one."""
    least: bool = False
    """Whether more is better."""
    digits: int = 2
    """Behind the point."""

    def holds(self, value: float, bound: float | None) -> bool | None:
        """Tell whether a value keeps to a bound; None where there is none."""
        if bound is None:
            return None
        return value >= bound - 1e-9 if self.least else value <= bound + 1e-9


@dataclass(frozen=True, kw_only=True)
class Row:
    """One thing that is measured."""

    name: str
    """For people, and for `--only`."""
    scenario: str = ""
    """Which one."""
    changes: dict[str, Any] = field(default_factory=dict)
    """In place of its own."""
    bounds: tuple[Bound, ...] = ()
    """What is read off it."""
    elsewhere: str = ""
    """Where it is measured, when not here."""
    special: Callable[[int], dict[str, float]] | None = None
    """Gives its figures from a seed, where it is no scenario."""


@dataclass(kw_only=True)
class Result:
    """A row, measured."""

    row: Row
    seed: int
    nodes: int
    values: dict[str, float]
    failures: list[str]
    curve: list[tuple[float, float]] = field(default_factory=list)


def _all(key: str = "delivered", name: str = "delivered") -> Bound:
    return Bound(name=name, key=key, must=1.0, least=True, digits=6)


def _ms(must: float, stretch: float | None = None, key: str = "p99_ms") -> Bound:
    return Bound(
        name=key.removesuffix("_ms") + ", ms", key=key, must=must, stretch=stretch, digits=0
    )


def _beats(must: float, stretch: float) -> tuple[Bound, ...]:
    whole = Bound(
        name="heartbeats until one component",
        key="whole_after",
        must=must,
        stretch=stretch,
        digits=0,
    )
    return (whole, _all())


ROWS: tuple[Row, ...] = (
    Row(
        name="honest, K = 3",
        scenario="honest",
        changes=MORE,
        bounds=(
            _all(),
            Bound(name="copies per delivery", key="copies", must=3.0, stretch=2.6),
            Bound(name="wire bytes per delivery, x payload", key="wire", must=3.6, stretch=2.8),
            _ms(250, 180, "p50_ms"),
            _ms(450, 350),
            _ms(700, 450, "max_ms"),
            Bound(
                name="payloads a node sends, p99", key="upload_p99", must=32, stretch=24, digits=0
            ),
            Bound(name="payloads a node sends, most", key="upload_max", must=32, digits=0),
        ),
    ),
    Row(
        name="honest, K = 2",
        scenario="metered",
        changes=MORE,
        bounds=(_all(), Bound(name="copies per delivery", key="copies", must=1.9, stretch=1.7)),
    ),
    *(
        Row(
            name=f"every category, {part} % relays",
            scenario="categories",
            changes={**MORE, "relays": part / 100},
            bounds=(_all(),),
        )
        for part in (10, 15, 25)
    ),
    Row(name="2 % of frames lost", scenario="loss", changes=MORE, bounds=(_all(),)),
    Row(
        name="20 % mute",
        scenario="mute",
        changes=MORE,
        bounds=(_all("at_once", "at once, honest link"), _all(), _ms(600, 450)),
    ),
    Row(
        name="33 % teasers",
        scenario="teasers",
        changes=MORE,
        bounds=(_all("at_once", "at once, honest link"), _all(), _ms(900, 600)),
    ),
    Row(
        name="20 % mute, all relays",
        scenario="mute-relays",
        changes=MORE,
        bounds=(_all("at_once", "at once, honest link"), _all(name="all within 2 min")),
    ),
    Row(
        name="33 % teasers, all relays",
        scenario="teaser-relays",
        changes=MORE,
        bounds=(_all("at_once", "at once, honest link"), _all(name="all within 2 min")),
    ),
    Row(
        name="covert flash of 33 %",
        scenario="flash",
        changes={"objects": 120},
        bounds=(
            _all(),
            Bound(name="p99 after 5 s, x steady", key="times_steady", must=1.5),
            Bound(name="slowest, s", key="slowest_s", must=2.0),
        ),
    ),
    Row(
        name="50 a second, narrow lines",
        scenario="burst",
        bounds=(_all(), _ms(600), Bound(name="wire, x payload", key="wire", must=3.3, stretch=2.8)),
    ),
    Row(name="50 % sudden death", scenario="death-50", bounds=_beats(3, 1)),
    Row(name="80 % sudden death", scenario="death-80", bounds=_beats(8, 3)),
    Row(name="90 % sudden death", scenario="death-90", bounds=_beats(15, 7)),
    Row(name="90 % of relays", scenario="death-relays", bounds=_beats(30, 7)),
    Row(
        name="10 % of relays lie",
        scenario="liars",
        bounds=(
            Bound(name="slots, x their share", key="slots_times", must=1.2),
            Bound(name="sole supplier of nodes", key="sole_supplier", must=0, digits=0),
        ),
    ),
    Row(
        name="1,000 newest of 100,000 missing",
        special=pairs.newest,
        bounds=(
            Bound(name="round trips", key="rounds", must=3, digits=0),
            Bound(name="bytes", key="bytes", must=32_000, stretch=20_000, digits=0),
            _all("equal", "equal sets"),
        ),
    ),
    Row(
        name="nothing missing of 100,000",
        special=pairs.nothing,
        bounds=(
            Bound(name="round trips", key="rounds", must=1, digits=0),
            Bound(name="bytes", key="bytes", must=400, digits=0),
            _all("equal", "equal sets"),
        ),
    ),
    Row(
        name="partition",
        scenario="partition",
        bounds=(
            Bound(name="equal sets after, s", key="equal_after_s", must=60, stretch=30, digits=0),
            _all(),
        ),
    ),
    *(
        Row(
            name=f"origin, {part} % spies",
            scenario="spies",
            changes={"part": part / 100},
            bounds=(
                Bound(
                    name="authors found",
                    key="origin_accuracy",
                    must=must,
                    stretch=part / 100,
                    digits=3,
                ),
                Bound(
                    name="with boxes and tunnels, reckoned", key="origin_all", must=wide, digits=3
                ),
            ),
        )
        for part, must, wide in ((5, 0.07, 0.09), (10, 0.13, 0.17), (20, 0.23, 0.30))
    ),
    Row(
        name="eclipse by one /16 with 10,000 keys",
        special=pairs.eclipse,
        bounds=(
            Bound(name="outbound slots", key="slots", must=1, digits=0),
            Bound(name="part of new", key="new_part", must=0.0625, digits=4),
            Bound(name="part of tried", key="tried_part", must=0.0625, digits=4),
        ),
    ),
    Row(name="letters receipted end to end", elsewhere="whole nodes: tests/integration"),
    Row(name="flood of bad signatures", elsewhere="a real process: scripts/bench"),
    Row(name="memory under 10^7 hostile ids", elsewhere="a real process: scripts/bench"),
)


def measure(
    row: Row, *, nodes: int, seed: int, each: Callable[[int, int], None] | None = None
) -> Result:
    """Measure one row."""
    if row.elsewhere:
        return Result(row=row, seed=seed, nodes=0, values={}, failures=[])
    if row.special is not None:
        values = row.special(seed)
        return Result(row=row, seed=seed, nodes=2, values=values, failures=[])
    run = Run(load(row.scenario, seed=seed, nodes=nodes, **row.changes)).live(each=each)
    values = {**run.tally.figures(), **run.notes}
    spies = [h.part for h in run.scenario.hostile if h.role == "spy"]
    if spies:
        values["origin_all"] = with_boxes(values["origin_accuracy"], spies[0])
    return Result(
        row=row, seed=seed, nodes=nodes, values=values, failures=run.failures, curve=curve_of(run)
    )


def with_boxes(found: float, spies: float, boxes: int = 3) -> float:
    """Reckon how many authors are found when spies are tunnels and mailboxes, too.

    Whoever opens a box through a tunnel is known to the tunnel, and what is opened to the box: both
    have to be spies. The tunnel is no stem successor, so the two ways are independent.
    """
    both = spies * (1 - (1 - spies) ** boxes)
    return found + (1 - found) * both


def curve_of(run: Run, points: int = 200) -> list[tuple[float, float]]:
    """Give (ms since public, part of deliveries made by then), evenly spread over the parts."""
    after = sorted(value for story in run.tally.measured for value in story.after_public_us())
    if not after:
        return []
    places = [min(len(after) - 1, len(after) * step // points) for step in range(points + 1)]
    return [(after[place] / 1_000, (place + 1) / len(after)) for place in places]


def command_of(result: Result) -> str:
    """Give the command that measures a row again."""
    size = f" --nodes {result.nodes}" if result.nodes > 2 else ""
    return f'scripts/simulate figures --only "{result.row.name}"{size} --seed {result.seed}'


def lines_of(result: Result) -> Iterable[tuple[str, ...]]:
    """Give the lines of a table: what, figure, must, stretch, measured, mark, seed."""
    if result.row.elsewhere:
        yield result.row.name, result.row.elsewhere, "", "", "", "", ""
    name = result.row.name
    for bound in result.row.bounds:
        value = result.values.get(bound.key)
        shown = "-" if value is None else f"{value:,.{bound.digits}f}"
        stretch = "" if bound.stretch is None else f"{bound.stretch:,g}"
        yield (
            name,
            bound.name,
            f"{bound.must:,g}",
            stretch,
            shown,
            mark_of(bound, value),
            str(result.seed),
        )
        name = ""


def mark_of(bound: Bound, value: float | None) -> str:
    """Say in a word how a value stands to its bound."""
    if value is None or not bound.holds(value, bound.must):
        return "MISSED"
    return "stretch" if bound.holds(value, bound.stretch) else "must"


def document_of(results: list[Result]) -> dict[str, Any]:
    """Give all results as plain data."""
    return {
        "schema": "intentcast.figures.1",
        "commit": commit(),
        "rows": [
            {
                "name": result.row.name,
                "seed": result.seed,
                "nodes": result.nodes,
                "elsewhere": result.row.elsewhere or None,
                "command": command_of(result),
                "bounds": [
                    {
                        "name": bound.name,
                        "must": bound.must,
                        "stretch": bound.stretch,
                        "measured": result.values.get(bound.key),
                        "mark": mark_of(bound, result.values.get(bound.key)),
                    }
                    for bound in result.row.bounds
                ],
                "values": result.values,
                "failures": result.failures,
            }
            for result in results
        ],
    }
