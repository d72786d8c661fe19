"""One real process under siege: honest peers are served, memory is bounded, who is at fault goes.

The sizes are small and all attacks meet one node; `INTENTCAST_LONG=1` takes the design's sizes,
each against a node of its own, as `python -m tests.siege` does.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.options import ENDED, ENDED_TEXT
from tests.siege.attacks import ATTACKS, LONG, SHORT, run
from tests.siege.siege import Service, Siege, laid

ROOT = Path(__file__).resolve().parents[2]
IS_LONG = os.environ.get("INTENTCAST_LONG") == "1"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def siege(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Siege, Service]]:
    """A node that serves honest peers, and how it did before anything happened."""
    async with laid(tmp_path_factory.mktemp("siege")) as laid_siege:
        yield laid_siege, await laid_siege.serve(SHORT.seconds)


@pytest.mark.skipif(IS_LONG, reason="the long form is asked for")
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", ATTACKS)
async def test_honest_peers_are_served(siege: tuple[Siege, Service], tmp_path: Path, name: str):
    besieged, before = siege
    found = await ATTACKS[name](besieged, before, SHORT, tmp_path)
    print(found.row())
    assert found.faults() == []
    assert found.seen["sent"]


@pytest.mark.skipif(not IS_LONG, reason="INTENTCAST_LONG=1 asks for the long form")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ATTACKS)
async def test_honest_peers_are_served_for_long(tmp_path: Path, name: str):
    found = await run(name, LONG, tmp_path)
    print(found.row())
    assert found.faults() == []


# --- the command ---------------------------------------------------------------------------------


def test_an_unknown_attack_is_refused_with_the_names_of_all():
    said = subprocess.run(
        [sys.executable, "-m", "tests.siege", "nonesuch"],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert said.returncode == 2
    assert f"invalid choice: 'nonesuch' (choose from {', '.join(ATTACKS)})" in said.stderr


def using(folder: Path, node: str) -> list[str]:
    """Say which processes use a folder, or speak to a node."""
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            said = each.read_bytes().decode(errors="replace")
            found += [said] if f"\0{folder}/" in said or f"\0{node}\0" in said else []
    return found


def attackers_in(folder: Path) -> list[str]:
    return [said for said in using(folder, "-") if "tests.siege.attackers" in said]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("word", [signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_when_it_is_told_to_end(tmp_path: Path, word: signal.Signals):
    with subprocess.Popen(
        [sys.executable, "-m", "tests.siege", "--short", "forge", "forge", "name"],
        cwd=ROOT, env=os.environ | {"TMPDIR": str(tmp_path)}, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    ) as siege:  # fmt: skip
        while not attackers_in(tmp_path):
            assert siege.poll() is None
            time.sleep(0.05)
        [attackers] = attackers_in(tmp_path)
        siege.send_signal(word)
        _, said = siege.communicate(timeout=60)
    assert (siege.returncode, said.splitlines()) == (ENDED, ["1 of 2: forge", ENDED_TEXT])
    assert using(tmp_path, attackers.split("\0")[4]) == []
    assert list(tmp_path.iterdir()) == []
