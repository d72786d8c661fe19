"""Real networks of real processes: as many copies as simulated, nothing lost, found again.

The sizes are small; `INTENTCAST_LONG=1` takes the whole ones, as `python -m tests.rig` does. Those
with machines of their own need root and `ip`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from tests.rig.forty import Found, Sizes
from tests.rig.land import laid, socket_in, why_not
from tests.rig.mirror import mirrored
from tests.rig.rigs import RIGS, run

ROOT = Path(__file__).resolve().parents[2]
IS_LONG = os.environ.get("INTENTCAST_LONG") == "1"
WHY_NOT = why_not()


def spaces() -> list[str]:
    shown = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True)
    return [line.split()[0] for line in shown.stdout.splitlines()]


@pytest.mark.slow
@pytest.mark.timeout(3_600 if IS_LONG else 240)
@pytest.mark.parametrize("name", RIGS)
async def test_a_network_holds(tmp_path: Path, name: str):
    if name != "forty" and WHY_NOT:
        pytest.skip(WHY_NOT)
    found = await run(name, tmp_path, is_long=IS_LONG, seed=1)
    for row in found.rows():
        print(f"{name}: {row}")
    assert found.faults() == []


async def visit(seen: list[str]) -> None:
    """Make two machines, cut and mend their wire, and go down with all of it."""
    async with laid() as land:
        await land.switch("hub")
        wires = []
        for number, name in enumerate(("one", "two"), 1):
            await land.space(name)
            wires.append(await land.plug(name, "hub", f"10.80.0.{number}/24"))
        seen += [name for name in spaces() if name.startswith(land.name(""))]
        with socket_in(land.name("two"), (socket.AF_INET, socket.SOCK_STREAM, 0)) as door:
            door.bind(("10.80.0.2", 0))
            door.listen()
            address = f"10.80.0.2:{door.getsockname()[1]}"
            assert await land.listens("two") == [address]
            assert land.reaches("one", address, 5)
            await land.cut("hub", wires[0])
            assert not land.reaches("one", address, 0.2)
            await land.mend("hub", wires[0])
            assert land.reaches("one", address, 5)
        raise RuntimeError("no more of this")


@pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "it can")
async def test_machines_are_joined_cut_and_gone_whatever_happens():
    seen: list[str] = []
    with pytest.raises(RuntimeError, match="no more"):
        await visit(seen)
    assert len(seen) == 3
    assert not set(seen) & set(spaces())


def homes_of(folder: Path) -> list[str]:
    """Say which processes use a home in a folder."""
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            said = each.read_bytes().decode(errors="replace")
            found += [said] if f"\0{folder}/" in said else []
    return found


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "it can")
@pytest.mark.parametrize("word", [signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_when_it_is_told_to_end(tmp_path: Path, word: signal.Signals):
    with subprocess.Popen(
        [sys.executable, "-m", "tests.rig", "parted", "--short"],
        cwd=ROOT, env=os.environ | {"TMPDIR": str(tmp_path)}, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    ) as rig:  # fmt: skip
        mine = f"icr{rig.pid}"
        while not (homes_of(tmp_path) and any(each.startswith(mine) for each in spaces())):
            assert rig.poll() is None
            time.sleep(0.1)
        rig.send_signal(word)
        _, said = rig.communicate(timeout=60)
    assert (rig.returncode, said.strip()) == (130, "ended before its time")
    assert homes_of(tmp_path) == []
    assert not [each for each in spaces() if each.startswith(mine)]
    assert list(tmp_path.iterdir()) == []


def test_links_are_simulated_as_they_are_given():
    relays, leaves = [f"relay-{n}" for n in range(4)], [f"leaf-{n}" for n in range(6)]
    links = [(one, other) for one, other in pairwise([*relays, relays[0]])]
    links += [(leaf, relays[(n + k) % 4]) for n, leaf in enumerate(leaves) for k in range(3)]
    sizes = {"warm_up": 2, "casts": 5, "per_second": 2, "size": 900}
    found = [mirrored(links, **sizes, seed=seed) for seed in (1, 1, 2)]
    assert [each.share for each in found] == [1.0, 1.0, 1.0]
    assert found[0] == found[1] != found[2]
    assert found[0].links == sorted(links)
    assert 1 <= found[0].copies <= 4


def test_a_rig_without_its_sizes_is_named_broken():
    sizes = Sizes(
        relays=1, leaves=1, warm_up=0, measured=10, per_second=1, casts=1, load_per_second=1,
        killed=1, after=1, patience_s=1,
    )  # fmt: skip
    found = Found(sizes=sizes, seed=1, lacking={"leaf-1": 1}, after_lacking={"relay-1": 1})
    assert len(found.faults()) == 4


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["fifty"], "invalid choice: 'fifty' (choose from forty, parted, dialonly)"),
        (["--seed", "-1"], "'-1' is no whole number from 0"),
        (["--json", "/nonexist/x.json"], "/nonexist/x.json cannot be written: No such file"),
    ],
)
def test_words_it_cannot_follow_are_refused_before_anything_runs(words: list[str], told: str):
    said = subprocess.run(
        [sys.executable, "-m", "tests.rig", *words],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert (said.returncode, said.stdout) == (2, "")
    assert told in said.stderr.splitlines()[-1]


def test_the_rigs_are_named_and_nothing_else():
    said = subprocess.run(
        [sys.executable, "-m", "tests.rig", "--help"],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    assert "[{forty,parted,dialonly} ...]" in said.stdout
    assert "[]" not in said.stdout
