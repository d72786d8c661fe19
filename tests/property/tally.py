"""A long run over every decoder: `python -m tests.property.tally [--cases N] [NAME ...]`.

Runs in parts of 20,000 cases, each with a seed of its own, and writes down after every part what
was done, so that a run that was stopped goes on where it stood. Leaves: a table of names, cases,
seconds and outcomes; exit code 1 when a case was neither read nor refused as it may.
"""

from __future__ import annotations

import argparse
import json
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.property.decoders import BENDS, CASES_NIGHT, SCRIPTS, Decoder, cases_of, decoders, judge

PART = 20_000
BOOK = Path(__file__).resolve().parents[2] / ".fuzz" / "decoders.json"


def run_part(decoder: Decoder, number: int, cases: int) -> Counter[str]:
    """Judge so many cases, ten of each script drawn; the number is the seed."""
    counts: Counter[str] = Counter()

    @seed(number)
    @settings(
        max_examples=cases // BENDS,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(SCRIPTS)
    def run(script: bytes) -> None:
        for case in cases_of(decoder, script):
            counts[judge(decoder, case)] += 1

    run()
    return counts


def fill(decoder: Decoder, page: dict[str, Any], cases: int, save: Any) -> bool:
    """Run the parts of one decoder that are still due; tells whether all went well."""
    while page["cases"] < cases:
        begun = time.monotonic()
        try:
            counts = run_part(decoder, page["parts"], min(PART, cases - page["cases"]))
        except Exception:  # noqa: BLE001 - a finding of any kind is written down
            page["finding"] = traceback.format_exc()[-4_000:]
            save()
            print(f"{decoder.name}: FINDING\n{page['finding']}", flush=True)
            return False
        page["parts"] += 1
        page["cases"] += counts.total()
        page["seconds"] = round(page["seconds"] + time.monotonic() - begun, 1)
        for outcome, count in counts.items():
            page["outcomes"][outcome] = page["outcomes"].get(outcome, 0) + count
        save()
    return True


def line(name: str, page: dict[str, Any]) -> str:
    """Show one decoder."""
    ranked = sorted(page["outcomes"].items(), key=lambda each: -each[1])
    shown = ", ".join(f"{outcome} {count}" for outcome, count in ranked[:5])
    more = f", {len(ranked) - 5} more" if len(ranked) > 5 else ""
    return f"{name:32} {page['cases']:>7} {page['seconds']:>7.1f} s  {shown}{more}"


def main() -> int:
    """Run what is due and print the table."""
    parser = argparse.ArgumentParser(prog="scripts/fuzz decoders")
    parser.add_argument("--cases", type=int, default=CASES_NIGHT)
    parser.add_argument("--book", type=Path, default=BOOK)
    parser.add_argument("names", nargs="*")
    chosen = parser.parse_args()
    book: dict[str, Any] = {}
    if chosen.book.is_file():
        book = json.loads(chosen.book.read_text("utf-8"))

    def save() -> None:
        chosen.book.parent.mkdir(parents=True, exist_ok=True)
        chosen.book.write_text(json.dumps(book, indent=1) + "\n", "utf-8")

    well = True
    for name, decoder in decoders().items():
        if chosen.names and not any(part in name for part in chosen.names):
            continue
        empty = {"cases": 0, "seconds": 0.0, "parts": 0, "outcomes": {}}
        page = book.setdefault(name, empty)
        page.pop("finding", None)
        well = fill(decoder, page, chosen.cases, save) and well
        print(line(name, page), flush=True)
    total = sum(page["cases"] for page in book.values())
    spent = sum(page["seconds"] for page in book.values())
    print(f"{len(book)} decoders, {total:,} cases, {spent:,.0f} s")
    return 0 if well else 1


if __name__ == "__main__":
    raise SystemExit(main())
