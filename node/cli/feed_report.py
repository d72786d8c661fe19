"""What an import found, for a shopkeeper: counts first, then problems with their fix."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from node.cli.console import clean
from node.cli.session import Session
from node.cli.spoken import plural

_PROBLEMS_SHOWN = 10
_COLUMNS_SHOWN = 12


def print_report(session: Session, found: dict[str, Any], path: Path) -> None:
    """Print the report of one feed."""
    console = session.console
    console.data(f"{path.name}   {clean(found['form'])}, {plural(found['rows'], 'row')}")
    counts = ("added", "changed", "unchanged", "removed", "refused", "warnings")
    console.data("  " + "   ".join(f"{name} {found[name]:,}" for name in counts))
    for problem in found["problems"][:_PROBLEMS_SHOWN]:
        console.say(f"  {clean(_problem(problem))}")
    more = found["refused"] + found["warnings"] - _PROBLEMS_SHOWN
    if more > 0:
        console.say(f"  ... {more:,} more; all of them:  --report problems.csv")
    if found["unmapped"]:
        names = [clean(name) for name in found["unmapped"]]
        rest = f" and {len(names) - _COLUMNS_SHOWN} more" if len(names) > _COLUMNS_SHOWN else ""
        console.say(f"  Columns not used: {', '.join(names[:_COLUMNS_SHOWN])}{rest}")
    if not found["complete"]:
        console.alarm("  ! The feed was cut short: nothing was taken off the shelf.")
    if found["removals_held"]:
        console.alarm(
            f"  ! {_stay(found['removals_held'])} on offer; to let them go: --remove-most"
        )
    if not found["applied"]:
        console.say("  A dry run: nothing was changed.")
    elif nothing_usable(found):
        stay = f"; {found['offered']:,} on offer from before" if found["offered"] else ""
        console.alarm(console.cross(f"Every row was refused{stay}."))
    else:
        console.say(console.tick(f"{found['offered']:,} on offer, {found['refused']:,} refused."))


def nothing_usable(found: dict[str, Any]) -> bool:
    """Tell whether not one row of a feed could be used."""
    refused = int(found["refused"])
    return refused > 0 and (not found["offered"] or refused >= found["rows"])


def print_habits(session: Session, path: Path, given: dict[str, Any]) -> None:
    """Say how to keep what was said of a feed, so that the next import needs none of it."""
    from node.vendor.identity import feed_lines

    session.console.say("  To need no option the next time, write into vendor.toml:")
    for line in feed_lines(path.absolute(), given):
        session.console.say(f"    {line}")


def _stay(count: int) -> str:
    return plural(count, "article that left the feed stays", "articles that left the feed stay")


def _problem(problem: dict[str, Any]) -> str:
    column = problem["column"]
    # Only a cell can be left out of a row that stays.
    is_kept = column and not problem["refused"]
    parts = [f"line {problem['line']}"] if problem["line"] else []
    parts += [column, f'"{problem["value"]}"'] if column else []
    parts += [problem["code"], problem["sentence"] + (" (kept without it)" if is_kept else "")]
    parts += [f"fix: {problem['fix']}"] if problem["fix"] else []
    return "  ".join(parts)


def save_report(session: Session, name: str, found: dict[str, Any]) -> None:
    """Write the problems of one feed as CSV."""
    from node.vendor.catalogue import write_report
    from node.vendor.feed_rows import FeedProblem

    with Path(name).open("w", encoding="utf-8", newline="") as file:
        write_report(file, [FeedProblem(**problem) for problem in found["problems"]])
    session.console.say(f"  Problems written to {name}")
