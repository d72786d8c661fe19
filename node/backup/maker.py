"""Making a backup, at any time and beside all other work.

Enters: an open database, its home and the keys. Leaves: one whole file, or none and the reason.
Copying and sealing happen in threads; nothing waits for them but whoever asked.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from node.backup.container import SALT_BYTES, Head, write_stream
from node.backup.contents import gather, kind_of, list_files, pack
from node.backup.threads import in_thread, to_its_end
from node.crashpoint import crashpoint
from node.entropy import Entropy
from node.errors import NotFoundError, RefusedError, StorageError
from node.home import DATABASE_FILE
from node.keyfile import sync_folder
from node.keystore import Keyring
from node.storage.database import Storage
from node.storage.migrations import migrations
from node.version import VERSION
from protocol.errors import IntentcastError
from protocol.now import DAY_MS

BACKUPS_FOLDER: Final = "backups"
ENDING: Final = ".icb"
_WORK: Final = ".work"
_PARTIAL: Final = ".partial"
_NAME: Final = re.compile(r"^intentcast-(\d{8}T\d{6}Z)\.icb$")
_TIME: Final = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A backup that is on the disk."""

    path: Path
    """The file."""
    size: int
    """Its bytes."""
    head: Head
    """What it says of itself."""


async def make_backup(
    target: Path,
    *,
    home: Path,
    storage: Storage,
    keyring: Keyring,
    net: str,
    now_ms: int,
    entropy: Entropy,
) -> Made:
    """Write everything a home needs but its keys into one encrypted file.

    Only one at a time for a home, by whoever holds its lock.

    Args:
        target: the file; it must not be there.
        home: the node's folder.
        storage: its open database.
        keyring: unlocked.
        net: network id.
        now_ms: Unix ms.
        entropy: draws the file's salt.

    Raises:
        KeystoreError: E-KEYS-LOCKED.
        RefusedError: E-FILE-EXISTS, E-BACKUP-CONTENT.
        NotFoundError: E-FILE, its folder is not there.
        StorageError: E-DISK-FULL, E-BACKUP-WRITE; nothing was left behind.
    """
    salt = entropy.bytes(SALT_BYTES)
    key, name = keyring.backup_seed(salt), keyring.backup_name()
    with _failures_of(target):
        await in_thread(_check_target, target)
        work = await in_thread(_work_folder, home)
        try:
            crashpoint("backup.before_copy")
            await to_its_end(storage.copy_to(work / DATABASE_FILE))
            crashpoint("backup.after_copy")
            await in_thread(gather, home, work)
            head = Head(
                at=now_ms,
                net=net,
                schema=len(migrations()),
                program=VERSION,
                holds=[],
                size=0,
                salt=salt,
                key=name,
            )
            return await in_thread(_write, target, work, head, key)
        finally:
            await in_thread(shutil.rmtree, work, ignore_errors=True)


def _check_target(target: Path) -> None:
    if target.exists():
        raise RefusedError(
            f"{target} is there already", code="E-FILE-EXISTS", fix="Choose another name"
        )
    if not target.parent.is_dir():
        raise NotFoundError(
            f"there is no folder {target.parent}", code="E-FILE", fix="Make it, or name another"
        )


def _work_folder(home: Path) -> Path:
    """Give an empty folder of ours in the home; what a crash left in it goes."""
    folder = home / BACKUPS_FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    for path in folder.glob(f"*{ENDING}{_PARTIAL}"):
        # Of a daily backup in whose middle the node died; the next has another name.
        path.unlink(missing_ok=True)
    work = folder / _WORK
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(mode=0o700)
    return work


def _write(target: Path, work: Path, head: Head, key: bytes) -> Made:
    manifest = list_files(work)
    size, pieces = pack(work, manifest)
    holds = sorted({kind_of(entry.name) for entry in manifest.files})
    full = msgspec.structs.replace(head, holds=holds, size=size)
    partial = target.with_name(target.name + _PARTIAL)
    partial.unlink(missing_ok=True)
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            write_stream(file, full, key, pieces)
            file.flush()
            os.fsync(file.fileno())
            written = file.tell()
        crashpoint("backup.before_replace")
        partial.replace(target)
        crashpoint("backup.after_replace")
        _sync_name(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return Made(path=target, size=written, head=full)


def _sync_name(target: Path) -> None:
    try:
        sync_folder(target.parent)
    except OSError:
        # It may be gone after a power cut, and is told as not written.
        target.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def _failures_of(target: Path) -> Iterator[None]:
    try:
        yield
    except IntentcastError:
        raise
    except OSError as error:
        raise _unwritten(error, target) from error


def _unwritten(error: OSError, target: Path) -> StorageError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageError(
            "the disk is full; no backup was written",
            code="E-DISK-FULL",
            fix=f"Free some space, or write it to another disk than that of {target.parent}",
        )
    return StorageError(
        f"the backup {target.name} cannot be written: {error.strerror or error}",
        code="E-BACKUP-WRITE",
        fix=f"Check the rights of {target.parent}, or name another folder",
    )


# --- the daily ones -------------------------------------------------------------------------------


def daily_path(home: Path, now_ms: int) -> Path:
    """Name the automatic backup of a moment."""
    moment = datetime.fromtimestamp(now_ms / 1000, UTC)
    return home / BACKUPS_FOLDER / f"intentcast-{moment.strftime(_TIME)}{ENDING}"


def daily_backups(home: Path) -> list[tuple[int, Path]]:
    """List the automatic backups with their Unix ms, the oldest first."""
    folder = home / BACKUPS_FOLDER
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        if match := _NAME.match(path.name):
            with contextlib.suppress(ValueError):
                moment = datetime.strptime(match[1], _TIME).replace(tzinfo=UTC)
                found.append((int(moment.timestamp() * 1000), path))
    return sorted(found)


def is_due(home: Path, now_ms: int) -> bool:
    """Tell whether no automatic backup was made within a day of now.

    One from the future does not count: the clock was wrong, then or now.
    """
    return all(abs(now_ms - made_ms) >= DAY_MS for made_ms, _ in daily_backups(home))


def forget_old(home: Path, kept: int, now_ms: int) -> list[Path]:
    """Remove automatic backups beyond the newest `kept`, 1 or more; gives those that went.

    Those from the future go first: they would outlive every later one.
    """
    found = daily_backups(home)
    found.sort(key=lambda each: (each[0] < now_ms + DAY_MS, each[0]))
    old = [path for _, path in found][:-kept]
    for path in old:
        path.unlink(missing_ok=True)
    return old
