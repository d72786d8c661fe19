"""Proving a backup: everything in it is read, as a restore would, and nothing is kept.

Enters: a file and the keys it was made with. Leaves: a report, or the one sentence that says what
is wrong. Every block is authenticated, every file hashed, the database checked by SQLite and object
by object. What was laid open for that is removed again.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from node.backup.container import Head, newer, read_head, read_stream
from node.backup.contents import Manifest, unpack
from node.backup.folders import is_ours
from node.backup.maker import BACKUPS_FOLDER
from node.backup.threads import in_thread
from node.clock import Clock
from node.errors import KeystoreError, NotFoundError, RefusedError, StorageError
from node.home import DATABASE_FILE, LOCK_FILE
from node.keystore import Keyring
from node.numerals import plural
from node.storage.database import Storage
from node.storage.inventory import Inventory, load_inventory
from node.storage.lock import HomeLock
from node.storage.migrations import migrations
from node.storage.scrub import ScrubReport

_AT_ONCE: Final = sum(int(getattr(os, name, 0)) for name in ("O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))
_PREFIX: Final = ".proof-"
_INSIDE: Final = "home"
"""What was laid open, beside the lock of whoever looks into it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proved:
    """What a sound backup holds."""

    head: Head
    """What it says of itself, authenticated."""
    size: int
    """Bytes of the file."""
    files: tuple[str, ...]
    """Names of the files inside."""
    inventory: Inventory
    """What its database holds."""
    checked: int
    """Objects and letters whose hash was computed."""


def open_backup(file: Path) -> IO[bytes]:
    """Open a backup for reading.

    Raises:
        NotFoundError: E-FILE, also when it is a pipe, a device or a folder.
    """
    try:
        # Without waiting for whoever might write into a pipe of that name.
        descriptor = os.open(file, os.O_RDONLY | _AT_ONCE)
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return os.fdopen(descriptor, "rb")
        os.close(descriptor)
    except OSError as error:
        raise NotFoundError(
            f"the backup {file} cannot be read: {error.strerror}",
            code="E-FILE",
            fix="Check its name and who may read it",
        ) from error
    raise NotFoundError(
        f"the backup {file} is no file", code="E-FILE", fix="Name the file of a backup: NAME.icb"
    )


def head_of(file: Path) -> Head:
    """Read what a backup says of itself, which nothing proves yet.

    Raises:
        IntentcastError: as `open_backup` and `node.backup.container.read_head`.
    """
    with _failures_of(file, file.parent), open_backup(file) as stream:
        return read_head(stream)[0]


def read_backup(file: Path, folder: Path, keyring: Keyring, net: str | None) -> Head:
    """Lay everything in a backup open in an empty folder; call it from a thread.

    Args:
        file: the backup.
        folder: private, and ours.
        keyring: of the root it was made with.
        net: the only network it may be of; None takes any.

    Raises:
        NotFoundError: E-FILE.
        LocalProtocolError: E-BACKUP-FILE.
        KeystoreError: E-BACKUP-KEY, E-KEYS-LOCKED.
        RefusedError: E-BACKUP-NET, E-BACKUP-NEWER.
        StorageError: E-BACKUP-CUT, E-BACKUP-DAMAGED.
        OSError: the folder cannot take it.
    """
    with open_backup(file) as stream:
        head, prefix = read_head(stream)
        check_head(head, keyring, net)
        blocks = read_stream(stream, head, prefix, keyring.backup_seed(head.salt))
        manifest: Manifest = unpack(blocks, folder)
    del manifest
    return head


def check_head(head: Head, keyring: Keyring, net: str | None) -> None:
    """Say whether a backup can be of use here, before anything is written.

    Raises:
        KeystoreError: E-BACKUP-KEY, E-KEYS-LOCKED.
        RefusedError: E-BACKUP-NET, E-BACKUP-NEWER.
    """
    if head.key != keyring.backup_name():
        raise KeystoreError(
            "this backup was made with other keys than these",
            code="E-BACKUP-KEY",
            fix="Give the 24 words of the home it was made in",
        )
    if head.schema > len(migrations()):
        raise newer(
            f"version {head.program}: its schema is {head.schema}, this program knows "
            f"{len(migrations())}"
        )
    if net is not None and head.net != net:
        raise RefusedError(
            f"this backup is of the network '{head.net}', not of '{net}'",
            code="E-BACKUP-NET",
            fix=f"Use it with --net {head.net}, or take a backup of the network '{net}'",
        )


async def prove_backup(
    file: Path, keyring: Keyring, *, home: Path, clock: Clock, net: str | None = None
) -> Proved:
    """Read a whole backup as a restore would, and say what it holds.

    Args:
        file: the backup.
        keyring: of the root it was made with.
        home: what is read lies open in its folder of backups meanwhile; where that is not there,
            in the system's folder for such things.
        clock: of the database.
        net: the only network it may be of; None takes any.

    Raises:
        IntentcastError: as `read_backup`; StorageError E-BACKUP-CONTENT when what was backed up
            was damaged already, E-DISK-FULL, E-FILE.
    """
    parent = await asyncio.to_thread(_parent_of_work, home)
    with _failures_of(file, parent):
        work, lock = await in_thread(_work_folder, parent)
        try:
            inside = work / _INSIDE
            head = await in_thread(read_backup, file, inside, keyring, net)
            names = await asyncio.to_thread(lambda: sorted(path.name for path in inside.iterdir()))
            report, inventory = await _examined(inside / DATABASE_FILE, clock)
            size = (await asyncio.to_thread(file.stat)).st_size
        finally:
            await in_thread(shutil.rmtree, work, ignore_errors=True)
            lock.release()
    if not report.clean:
        bad = len(report.objects) + len(report.letters)
        raise _content(plural(bad, "record does not hold", "records do not hold"))
    return Proved(
        head=head,
        size=size,
        files=tuple(names),
        inventory=inventory,
        checked=report.checked,
    )


def _parent_of_work(home: Path) -> Path:
    folder = home / BACKUPS_FOLDER
    return folder if folder.is_dir() else Path(tempfile.gettempdir())


def _work_folder(parent: Path) -> tuple[Path, HomeLock]:
    """Give a folder of ours, held; those of checks that died go, since they lie open."""
    for old in parent.glob(f"{_PREFIX}*"):
        _forget_abandoned(old)
    work = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    lock = HomeLock.acquire(work / LOCK_FILE)
    (work / _INSIDE).mkdir(mode=0o700)
    return work, lock


def _forget_abandoned(folder: Path) -> None:
    # Others' folders in a place for everybody, and checks under way, are left alone. One that has
    # no lock yet is just being made.
    if not is_ours(folder) or not (folder / LOCK_FILE).is_file():
        return
    with contextlib.suppress(StorageError):
        lock = HomeLock.acquire(folder / LOCK_FILE)
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()


@contextlib.contextmanager
def _failures_of(file: Path, parent: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageError(
                f"there is no room to look into the backup: {error.strerror}",
                code="E-DISK-FULL",
                fix=f"Free some space on the disk that holds {parent}",
            ) from error
        raise StorageError(
            f"the backup cannot be looked into: {error.strerror or error}",
            code="E-FILE",
            fix=f"Check the disk that holds {file}, and the rights of {parent}",
        ) from error


async def _examined(path: Path, clock: Clock) -> tuple[ScrubReport, Inventory]:
    """Open a copy nobody else has, and look at every byte."""
    try:
        storage = await Storage.open(path, clock=clock)
        try:
            return await storage.scrub(), await storage.read(load_inventory)
        finally:
            await storage.close()
    except StorageError as error:
        if error.code != "E-DB-DAMAGED":
            raise
        raise _content("the database inside cannot be read") from error


def _content(what: str) -> StorageError:
    return StorageError(
        f"the backup is whole, but what was backed up was damaged already: {what}",
        code="E-BACKUP-CONTENT",
        fix="Look at the home it came from (intentcast doctor), or take an older backup",
    )
