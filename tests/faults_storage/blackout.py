"""What a power cut leaves: every moment of a recorded run, with every fate of what was not synced.

Enters: a log of strace over a home that wrote. Leaves: rebuilt folders, each opened and held
against what had been told by then. A write that was not synced may have reached the disk, or not,
or in some of its sectors of 512 bytes; a name made or taken away counts from the next sync of its
folder. Run as a program: `blackout.py LOG FOLDER COUNT SEED PART PARTS CHECK`.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import shutil
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from node.clock import SystemClock
from node.errors import StorageError
from node.storage.database import Storage
from node.storage.examination import examine
from node.storage.objects import checksum

SECTOR = 512
DATABASE = "home.db"
FILES = (
    DATABASE,
    f"{DATABASE}-wal",
    f"{DATABASE}-sums",
    f"{DATABASE}-sums.new",
    f"{DATABASE}-journal",
)
ACKS = "acks"
OPENED_WHOLE_EVERY = 40


class Fate(StrEnum):
    """What becomes of writes that were not synced."""

    NONE = "none"
    ALL = "all"
    SOME = "some"
    TORN = "torn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing the disk was asked to do, or one thing that was told."""

    do: str
    name: str = ""
    other: str = ""
    at: int = 0
    data: bytes = b""


# --- reading the log of strace -------------------------------------------------------------------

_LINE = re.compile(r"^(\d+)\s+(.*)$")
_CALL = re.compile(r"^(\w+)\((.*)\)\s+=\s+(-?\d+)")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


def _bytes_in(text: str) -> list[bytes]:
    return [bytes.fromhex(found.replace("\\x", "")) for found in _TEXT.findall(text)]


def _calls(log: Path) -> Iterator[tuple[str, str, int]]:
    """Give finished calls in the order they ended."""
    begun: dict[str, str] = {}
    with log.open(encoding="ascii") as lines:
        for line in lines:
            pid, rest = _LINE.match(line).groups()  # type: ignore[union-attr]
            if rest.endswith("<unfinished ...>"):
                begun[pid] = rest[: -len("<unfinished ...>")].rstrip()
                continue
            if rest.startswith("<... "):
                rest = begun.pop(pid) + rest[rest.index(">") + 1 :].lstrip()
            if match := _CALL.match(rest):
                yield match[1], match[2], int(match[3])


class Recording:
    """Turns system calls into steps."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._names: dict[int, str] = {}
        self._places: dict[int, int] = {}
        self.steps: list[Step] = []

    def read(self, log: Path) -> list[Step]:
        for call, arguments, result in _calls(log):
            if result >= 0:
                self._take(call, arguments, result)
        return self.steps

    def _name(self, raw: bytes) -> str:
        path = raw.decode()
        return "" if path == self._folder else Path(path).name

    def _take(self, call: str, arguments: str, result: int) -> None:
        if call == "openat":
            self._names[result] = self._name(_bytes_in(arguments)[0])
            self._places[result] = 0
            if "O_CREAT" in arguments:
                self.steps.append(Step(do="make", name=self._names[result]))
            if "O_TRUNC" in arguments:
                self.steps.append(Step(do="cut", name=self._names[result]))
        elif call in ("unlink", "rename"):
            names = [self._name(raw) for raw in _bytes_in(arguments)]
            self.steps.append(Step(do=call, name=names[0], other=names[-1]))
        else:
            self._take_open(call, arguments, result)

    def _take_open(self, call: str, arguments: str, result: int) -> None:
        number = int(arguments.split(",", maxsplit=1)[0])
        name = self._names.get(number)
        if name is None:
            return
        match call:
            case "lseek":
                self._places[number] = result
            case "write":
                data = _bytes_in(arguments)[0][:result]
                if name == ACKS:
                    self.steps.append(Step(do="told", at=int(data)))
                else:
                    self.steps.append(
                        Step(do="write", name=name, at=self._places[number], data=data)
                    )
                    self._places[number] += result
            case "pwrite64":
                at = int(arguments.rsplit(",", 1)[1])
                data = _bytes_in(arguments)[0][:result]
                self.steps.append(Step(do="write", name=name, at=at, data=data))
            case "fsync" | "fdatasync":
                self.steps.append(Step(do="sync", name=name))
            case "ftruncate":
                self.steps.append(Step(do="cut", name=name, at=int(arguments.split(",")[1])))
            case "close":
                del self._names[number]
            case _:
                raise ValueError(call)


# --- the disk --------------------------------------------------------------------------------


@dataclass
class File:
    """What is on disk for certain, and what may be."""

    kept: bytearray = field(default_factory=bytearray)
    open: list[Step] = field(default_factory=list)

    def sync(self) -> None:
        for step in self.open:
            apply(self.kept, step)
        self.open.clear()

    def after(self, fate: Fate, dice: random.Random) -> bytes:
        content = bytearray(self.kept)
        for step in self.open:
            if fate is Fate.ALL or (fate is Fate.SOME and dice.random() < 0.5):
                apply(content, step)
            elif fate is Fate.TORN:
                for part in sectors(step):
                    if dice.random() < 0.5:
                        apply(content, part)
        return bytes(content)


def apply(content: bytearray, step: Step) -> None:
    if step.do == "cut":
        del content[step.at :]
        content.extend(bytes(step.at - len(content)))
        return
    content.extend(bytes(max(0, step.at - len(content))))
    content[step.at : step.at + len(step.data)] = step.data


def sectors(step: Step) -> Iterator[Step]:
    if step.do == "cut":
        yield step
        return
    place, end = step.at, step.at + len(step.data)
    while place < end:
        border = min(end, (place // SECTOR + 1) * SECTOR)
        yield Step(
            do="write", name=step.name, at=place, data=step.data[place - step.at : border - step.at]
        )
        place = border


class Disk:
    """The folder, as certain as it is."""

    def __init__(self) -> None:
        self.files: dict[str, File] = {}
        self._names: list[Step] = []
        self._before: dict[str, File] = {}

    def take(self, step: Step) -> None:
        match step.do:
            case "make":
                if step.name not in self.files:
                    self.settle_names()
                    self.files[step.name] = File()
            case "unlink":
                self.settle_names()
                self._before = dict(self.files)
                del self.files[step.name]
            case "rename":
                self.settle_names()
                self._before = dict(self.files)
                self.files[step.other] = self.files.pop(step.name)
            case "sync" if step.name == "":
                self.settle_names()
            case "sync":
                self.files[step.name].sync() if step.name in self.files else None
            case "write" | "cut":
                if step.name in self.files:
                    self.files[step.name].open.append(step)
            case _:
                raise ValueError(step.do)

    def settle_names(self) -> None:
        self._before = {}

    def is_open(self) -> bool:
        return bool(self._before) or any(each.open for each in self.files.values())

    def after(self, fate: Fate, dice: random.Random) -> dict[str, bytes]:
        """Give what the folder holds after a cut now."""
        old_names = self._before and (
            fate is Fate.NONE or (fate is not Fate.ALL and dice.random() < 0.5)
        )
        names = self._before if old_names else self.files
        return {name: each.after(fate, dice) for name, each in names.items()}


# --- the verdict -----------------------------------------------------------------------------


def judge(folder: Path, told: set[int], *, check_guard: bool) -> str:
    """Open what is left and say what is wrong with it; empty when nothing is."""
    database = folder / DATABASE
    if check_guard:
        found = examine(database)
        if found.trouble is not None:
            return f"the guard calls it {found.trouble}"
        if found.are_sums_damaged:
            return "the guard does not believe its sums"
    if not database.exists():
        return "lost: the file" if told else ""
    try:
        with closing(sqlite3.connect(database)) as conn:
            return _judge_rows(conn, told)
    except sqlite3.Error as error:
        return "" if not told and "no such table" in str(error) else f"does not open: {error}"


def _judge_rows(conn: sqlite3.Connection, told: set[int]) -> str:
    names = {}
    for object_id, raw, known in conn.execute("SELECT id, raw, checksum FROM objects"):
        if checksum(object_id, raw) != known:
            return "wrong bytes in an object"
        names[object_id] = True
    lines = Counter(conn.execute("SELECT at, what, ids FROM audit"))
    letters = {row[0]: row[1] for row in conn.execute("SELECT envelope_id, next_at FROM outbox")}
    begun = {at: ids for at, what, ids in lines if what == "begun"}
    done = {at: ids for at, what, ids in lines if what == "done"}
    whole = {bytes.fromhex(json.loads(ids)[0]): at for at, ids in begun.items()}
    if begun != done or letters != whole or set(names) != set(whole):
        return "half a story"
    (rows, size), (letters_now, size_now) = (
        conn.execute("SELECT rows, bytes FROM sizes WHERE name = 'outbox'").fetchone(),
        conn.execute("SELECT count(*), coalesce(sum(length(letter)), 0) FROM outbox").fetchone(),
    )
    if (rows, size) != (letters_now, size_now):
        return "counters do not fit"
    missing = told - set(begun)
    return f"lost: {sorted(missing)}" if missing else ""


def rebuild(folder: Path, left: dict[str, bytes]) -> None:
    """Put what a cut left into an empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, content in left.items():
        (folder / name).write_bytes(content)


async def open_whole(folder: Path) -> str:
    """Open it as the product does, and look through all of it."""
    try:
        storage = await Storage.open(folder / DATABASE, clock=SystemClock())
    except StorageError as error:
        return f"does not open: {error}"
    report = await storage.scrub()
    await storage.close()
    return "" if report.clean else f"scrub: {report}"


def moments(steps: list[Step]) -> Iterator[tuple[Disk, set[int], Fate]]:
    """Give every moment and fate, in order; what is told is told for good."""
    disk = Disk()
    told: set[int] = set()
    for step in steps:
        if step.do == "told":
            told.add(step.at)
            continue
        disk.take(step)
        fates = list(Fate) if disk.is_open() else [Fate.ALL]
        for fate in fates:
            yield disk, told, fate


def run(
    log: Path, folder: Path, *, count: int, seed: int, part: int, parts: int, check_guard: bool
) -> dict[str, int]:
    """Rebuild and judge a share of all states; gives how many, and how many of what was wrong."""
    steps = Recording(log.parent).read(log)
    total = sum(1 for _ in moments(steps))
    chosen = set(random.Random(seed).sample(range(total), min(count, total)))
    found: Counter[str] = Counter()
    for number, (disk, told, fate) in enumerate(moments(steps)):
        if number not in chosen or number % parts != part:
            continue
        dice = random.Random(f"{seed} {number}")
        left = disk.after(fate, dice)
        wrong = ""
        if check_guard and number % OPENED_WHOLE_EVERY < parts:
            rebuild(folder, left)
            wrong = asyncio.run(open_whole(folder))
            found["opened whole"] += 1
        rebuild(folder, left)
        wrong = wrong or judge(folder, told, check_guard=check_guard)
        found["states"] += 1
        if wrong:
            found["lost" if wrong.startswith("lost") else "wrong"] += 1
            sys.stderr.write(f"state {number}, {fate}: {wrong}\n")
    found["moments"] = total
    found["told"] = len(told)
    return dict(found)


def main() -> None:
    """Judge one share and print the figures."""
    log, folder, count, seed, part, parts, check = sys.argv[1:]
    figures = run(
        Path(log),
        Path(folder),
        count=int(count),
        seed=int(seed),
        part=int(part),
        parts=int(parts),
        check_guard=check == "guard",
    )
    sys.stdout.write(json.dumps(figures) + "\n")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
