"""Lays siege to one node: `python -m tests.siege`, some minutes; `--short` as the tests do.

Leaves a table, and ends with 1 when a bound of `tests.siege.attacks` is broken.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.siege.attacks import LONG, SHORT, Result, run_all


def main() -> int:
    """Attack and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.siege", description=__doc__)
    parser.add_argument("--short", action="store_true", help="small sizes")
    parser.add_argument("names", nargs="*", help="attacks; all when none is named")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="intentcast-siege-") as folder:
        sizes = SHORT if given.short else LONG
        found: list[Result] = asyncio.run(run_all(sizes, Path(folder), given.names))
    print("| attack | honest casts | p50 / p99 before | p50 / p99 under it | memory | attackers |")
    print("|---|---|---|---|---|---|")
    broken = [fault for each in found for fault in each.faults()]
    for each in found:
        print(each.row())
    for fault in broken:
        print(f"broken: {fault}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
