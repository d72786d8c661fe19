"""Scenarios of the keys' own commands: a backup, a restore and a new passphrase die on the way.

Each command is a process of its own that ends dead at its point; then it is run again. A file is
whole or not there, a home is whole or empty, a key is the old one or the new one.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from node.crashpoint import EXIT_CODE
from node.keyfile import read_root
from tests.faults.house import environment
from tests.faults.points import Cell
from tests.faults.street import Street
from tests.unit.node.cli.sealed import ROOT, WORDS, make_home

Found = tuple[int, list[str]]
_S = 60.0


async def intentcast(home: Path, *argv: str, crash: str = "", typed: str = "") -> int:
    """Run one command to its end; give its exit code."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "node.cli.main", "--home", str(home), *argv),
        env=environment(crash),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    async with asyncio.timeout(_S):
        await process.communicate(typed.encode())
    assert process.returncode is not None
    return process.returncode


def folder_of(folder: Path, *names: object) -> Path:
    made = folder / "-".join(str(name) for name in names)
    made.mkdir(parents=True)
    return made


async def backup_dies(folder: Path, point: str) -> Found:
    """Write a backup, dead at the point; what is there is sound, and the next one too."""
    home = folder / "home"
    await asyncio.to_thread(make_home, home)
    first, second = folder / "first.icb", folder / "second.icb"
    deaths = int(await intentcast(home, "backup", str(first), crash=point) == EXIT_CODE)
    faults = []
    if first.exists() and await intentcast(home, "backup", "verify", str(first)):
        faults.append("half a backup has a whole one's name")
    if await intentcast(home, "backup", str(second)):
        faults.append("no backup can be written afterwards")
    elif await intentcast(home, "backup", "verify", str(second)):
        faults.append("the next backup is not sound")
    if await asyncio.to_thread(lambda: list((home / "backups").iterdir())):
        faults.append("a copy of the database was left behind")
    return deaths, faults


async def restore_dies(folder: Path, point: str) -> Found:
    """Restore, dead at the point; the place is empty or a whole home, and then it is whole."""
    old, new, file = folder / "old", folder / "new", folder / "one.icb"
    await asyncio.to_thread(make_home, old)
    (old / "config.toml").write_text("backups_kept = 3\n")
    assert await intentcast(old, "backup", str(file)) == 0
    argv, words = ("restore", "--words", "--from", str(file)), " ".join(WORDS)
    deaths = int(await intentcast(new, *argv, crash=point, typed=words) == EXIT_CODE)
    faults = []
    is_gone = not await asyncio.to_thread(new.exists)
    if is_gone and await intentcast(new, *argv, typed=words):
        faults.append("it cannot be restored afterwards")
    if not await asyncio.to_thread(_is_whole, new):
        faults.append("half a home has a whole one's place")
    others = await asyncio.to_thread(lambda: {path.name for path in folder.iterdir()})
    if others != {"old", "new", "one.icb"}:
        faults.append(f"left behind: {others}")
    return deaths, faults


def _is_whole(home: Path) -> bool:
    names = {path.name for path in home.iterdir()}
    wanted = {"root.key", "node.key", "node.db", "config.toml"}
    return wanted <= names and read_root(home) == ROOT


async def backup(street: Street, cell: Cell) -> Found:
    """A backup dies."""
    folder = await asyncio.to_thread(folder_of, street.folder, cell.point, cell.seed)
    return await backup_dies(folder, cell.point)


async def restore(street: Street, cell: Cell) -> Found:
    """A restore dies."""
    folder = await asyncio.to_thread(folder_of, street.folder, cell.point, cell.seed)
    return await restore_dies(folder, cell.point)
