"""Every figure the network has to reach in the simulator, measured and held against its bound.

Each row names a scenario, what is changed of it, and where the figure stands. Rows that belong to
real processes are named, too, with where they are measured. Enters: a number of nodes and a seed.
Leaves: a table, JSON, a drawing of how objects spread.
Source: docs/reference/performance.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.simulation import junk, letters
from tests.simulation.net import hearsay, pairs
from tests.simulation.net.scenario import Run, Scenario, commit, load

_VERDICTS = {"must": "met", "stretch": "met, stretch too", "MISSED": "not measured"}
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
    note: str = ""
    """Why a bound is out of reach, and what was tried."""
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
    took_s: float = 0.0
    """Seconds it took to measure."""
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


def _origin(name: str, part: int, musts: tuple[float, float], engine: dict[str, Any]) -> Row:
    """Spies as peers; then also as mailboxes and carriers of tunnels, that compare notes."""
    keys = (
        ("authors found by peers", "origin_accuracy", musts[0], part / 100),
        ("with both ends of a tunnel", "origin_joined", musts[1], None),
        ("with whom a carrier was asked for", "origin_moment", musts[1], None),
    )
    return Row(
        name=name,
        scenario="spies",
        changes={"part": part / 100, "engine": engine},
        bounds=tuple(
            Bound(name=what, key=key, must=must, stretch=stretch, digits=3)
            for what, key, must, stretch in keys
        ),
    )


ROWS: tuple[Row, ...] = (
    Row(
        name="honest, the usual K",
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
            Bound(name="payloads a node pushes, most", key="push_max", must=32, digits=0),
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
        _origin(f"origin, {part} % spies", part, bounds, {})
        for part, bounds in ((5, (0.07, 0.09)), (10, (0.13, 0.17)), (20, (0.23, 0.30)))
    ),
    _origin("origin, 10 % spies, careful", 10, (0.13, 0.17), {"private": "careful"}),
    Row(
        name="eclipse by one /16 with 10,000 keys",
        special=pairs.eclipse,
        bounds=(
            Bound(name="outbound slots", key="slots", must=1, digits=0),
            Bound(name="part of new", key="new_part", must=0.0625, digits=4),
            Bound(name="part of tried", key="tried_part", must=0.0625, digits=4),
        ),
    ),
    Row(
        name="eclipse over 1,000 restarts, book half poisoned",
        scenario="eclipse",
        changes={
            "hostile": [{"role": "mute", "part": 0.5}],
            "faults": [
                {"fault": "restarts", "at_s": 0, "settings": {"lives": 1_000, "poisoned": 0.5}}
            ],
        },
        bounds=(
            Bound(name="part that led to hostile only", key="surrounded_part", must=1e-3, digits=4),
            Bound(name="not equal within 10 min", key="late", must=0, digits=0),
        ),
    ),
    Row(
        name="10^6 made-up node records",
        special=hearsay.flood,
        bounds=(
            Bound(name="tables beyond their cap", key="overfull", must=0, digits=0),
            Bound(name="honest links of ten", key="honest_links", must=10, least=True, digits=0),
            Bound(name="known of those told, at most", key="known", must=8_448, digits=0),
            Bound(name="memory, MiB", key="peak_mib", must=32, stretch=16, digits=1),
            Bound(name="told past all measure, MiB", key="peak_poured_mib", must=32, digits=1),
        ),
    ),
    Row(
        name="letters, one box of three bad",
        special=letters.measure,
        bounds=(
            Bound(
                name="receipted, each side a day away",
                key="receipted",
                must=0.9999,
                stretch=1.0,
                least=True,
                digits=6,
            ),
            Bound(name="shown twice", key="shown_twice", must=0, digits=0),
        ),
    ),
    Row(
        name="10,000 junk letters to one box",
        special=junk.measure,
        bounds=(
            _all("receipted", "genuine ones receipted"),
            Bound(name="shown twice", key="shown_twice", must=0, digits=0),
            Bound(name="junk held at once", key="held_letters", must=256, digits=0),
            Bound(name="bytes the buyer fetched", key="fetched_bytes", must=2**21, digits=0),
        ),
    ),
    Row(name="flood of bad signatures", elsewhere="one process: python -m tests.siege forge"),
    Row(name="memory under 10^7 hostile ids", elsewhere="one process: python -m tests.siege name"),
    Row(name="casts a second, processor time", elsewhere="real processes: scripts/bench"),
)


def rows_of(names: Sequence[str] = ()) -> list[Row]:
    """Choose rows, in their order; all when no name is given.

    Args:
        names: each of one row, or else a part of the names of some.

    Raises:
        LookupError: a name is part of none; the sentence lists all rows.
    """
    chosen: set[str] = set()
    for name in names:
        known = [row.name for row in ROWS]
        found = {name} if name in known else {each for each in known if name in each}
        if not found:
            raise LookupError("\n  ".join([f"no row is named {name!r}; there are:", *known]))
        chosen |= found
    return [row for row in ROWS if row.name in chosen or not names]


def lack_of(scenario: Scenario, nodes: int) -> str:
    """Say what a scenario needs more of; nothing when it can be tried among so many."""
    least = scenario.nodes_min
    return f"needs {least} nodes or more, not {nodes}" if nodes < least else ""


def measure(
    row: Row, *, nodes: int, seed: int, each: Callable[[int, int], None] | None = None
) -> Result:
    """Measure one row."""
    if row.elsewhere:
        return Result(row=row, seed=seed, nodes=0, values={}, failures=[])
    begun = time.perf_counter()
    if row.special is not None:
        values = row.special(seed)
        took_s = time.perf_counter() - begun
        return Result(row=row, seed=seed, nodes=2, values=values, failures=[], took_s=took_s)
    run = Run(load(row.scenario, seed=seed, nodes=nodes, **row.changes)).live(each=each)
    values = {**run.tally.figures(), **run.notes}
    return Result(
        row=row,
        seed=seed,
        nodes=nodes,
        values=values,
        failures=run.failures,
        took_s=time.perf_counter() - begun,
        curve=curve_of(run),
    )


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
    """Say in a few words how a value stands to its bound."""
    if value is None:
        return "MISSED"
    if not bound.holds(value, bound.must):
        return f"MISSED by {abs(value - bound.must):,.{bound.digits}f}"
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
                "took_s": round(result.took_s, 1),
                "note": result.row.note or None,
                "nodes": result.nodes,
                "elsewhere": result.row.elsewhere or None,
                "command": command_of(result),
                "bounds": [
                    {
                        "name": bound.name,
                        "must": bound.must,
                        "digits": bound.digits,
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


def page_of(document: dict[str, Any]) -> str:
    """Write results as a table of a page, from what `document_of` gave."""
    lines = [
        "| what | figure | must | stretch | measured | verdict | seconds |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in document["rows"]:
        if row["elsewhere"]:
            lines.append(f"| {row['name']} | {row['elsewhere']} | | | | | |")
        name, took_s = row["name"], f"{row['took_s']:,.0f}"
        for bound in row["bounds"]:
            value = bound["measured"]
            shown = "-" if value is None else f"{value:,.{bound['digits']}f}"
            stretch = "" if bound["stretch"] is None else f"{bound['stretch']:,.10g}"
            verdict = _VERDICTS.get(bound["mark"], bound["mark"].replace("MISSED", "not met,"))
            cells = (name, bound["name"], f"{bound['must']:,.10g}", stretch, shown, verdict, took_s)
            lines.append(f"| {' | '.join(cells)} |")
            name = took_s = ""
        notes = [*row["failures"], *filter(None, [row["note"]])]
        lines += [f"| | {note} | | | | | |" for note in notes]
    sizes = {row["nodes"] for row in document["rows"] if row["nodes"] > 2}
    size = f" --nodes {sizes.pop()}" if len(sizes) == 1 else ""
    seed = min(row["seed"] for row in document["rows"])
    told = f"Seed {seed}, commit {document['commit']}; each row again with"
    again = f'`scripts/simulate figures{size} --seed {seed} --only "NAME"`'
    return "\n".join([*lines, "", f"{told} {again}."])
