"""A home made anew: from the 24 words alone, or from them and a backup.

Enters: a root, perhaps a file, the place of a home that is not there. Leaves: a whole home, or the
place as it was. Everything is built in a folder beside and takes its place in one step. The new
home is the same identity and another node; what was promised after the backup is not known here, so
the database remembers that it was restored.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from node.backup.container import Head
from node.backup.folders import is_ours
from node.backup.proof import check_head, head_of, read_backup
from node.backup.threads import in_thread
from node.clock import Clock
from node.config import CONFIG_FILE, Settings
from node.crashpoint import crashpoint
from node.entropy import Entropy
from node.errors import RefusedError, StorageError
from node.home import DATABASE_FILE, LOCK_FILE, check_folder
from node.keyfile import NodeSeeds, SealedRoot, sync_folder, write_node, write_root
from node.keystore import Keyring, confirm_words
from node.storage import restorations
from node.storage.database import Storage
from node.storage.inventory import Inventory, load_inventory
from node.storage.lock import HomeLock

if TYPE_CHECKING:
    # Named in types only: SQL is spoken in `node.storage` alone.
    import sqlite3

_SHOWN: Final = 3
_LEFT_ALONE: Final = frozenset({LOCK_FILE})
"""What may lie in a home that counts as empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be restored."""

    home: Path
    """Where; empty, or not there."""
    root: bytes = field(repr=False)
    """32 bytes, from the words."""
    sealed: SealedRoot | None = None
    """The same root under a passphrase, for the disk; None keeps it plain."""
    file: Path | None = None
    """A backup; None makes a home with the identity alone."""
    net: str | None = None
    """The network it must be of, and the setting of a home that has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What came back."""

    head: Head | None
    """What the backup says of itself."""
    net: str
    """The network in the home's settings."""
    inventory: Inventory
    """What the database holds."""


async def restore_home(order: Order, *, clock: Clock, entropy: Entropy) -> Restored:
    """Make a home.

    Raises:
        RefusedError: E-HOME-NOT-EMPTY, and as `read_backup`.
        ConfigError: E-HOME.
        StorageError: E-HOME-IN-USE, E-RESTORE, and as `read_backup`; the place is as it was.
    """
    keyring = Keyring(order.root)
    with _failures_of(order.home):
        # Where it is a link, the home takes the place the link leads to.
        home = await asyncio.to_thread(order.home.resolve)
        await asyncio.to_thread(_check_order, order, home, keyring)
        build = home.parent / f".{home.name}.restoring"
        lock = await asyncio.to_thread(_begin, build)
        try:
            restored = await _fill(build, order, keyring, clock=clock, entropy=entropy)
            await in_thread(_take_place, build, home, lock)
        except BaseException:
            await in_thread(shutil.rmtree, build, ignore_errors=True)
            raise
        finally:
            lock.release()
    return restored


def _check_order(order: Order, home: Path, keyring: Keyring) -> None:
    """Refuse what cannot succeed, before anything is written."""
    check_empty(home)
    if order.file is not None:
        check_head(head_of(order.file), keyring, order.net)


def check_empty(home: Path) -> None:
    """Require a place where a home can be made.

    Raises:
        RefusedError: E-HOME-NOT-EMPTY.
        ConfigError: E-HOME, a file stands there.
        StorageError: E-RESTORE, it cannot be looked at.
    """
    with _failures_of(home):
        _check_empty(home)


def _check_empty(home: Path) -> None:
    check_folder(home)
    if not home.exists():
        return
    found = sorted(path.name for path in home.iterdir())
    if set(found) - _LEFT_ALONE:
        raise RefusedError(
            f"the home {home} is not empty: {_listed(found)} there",
            code="E-HOME-NOT-EMPTY",
            fix="Name another place with --home DIR, or move what is there away",
        )
    _check_ours(home.resolve())


def _listed(names: list[str]) -> str:
    """Name some files of a folder, with the verb that goes with them."""
    shown = names[:_SHOWN]
    more = len(names) - len(shown)
    told = ", ".join(shown) + (f" and {more:,} more" if more else "")
    return f"{told} {'is' if len(names) == 1 else 'are'}"


def _check_ours(folder: Path) -> None:
    if not is_ours(folder):
        raise StorageError(
            f"{folder} is not a folder of your own",
            code="E-RESTORE",
            fix="Remove it if you may, or name another place with --home DIR",
        )


def _begin(build: Path) -> HomeLock:
    """Give an empty folder of ours; what a crash left in it goes, what another holds does not."""
    build.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        build.mkdir(mode=0o700)
    _check_ours(build)
    build.chmod(0o700)
    lock = HomeLock.acquire(build / LOCK_FILE)
    for path in build.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != LOCK_FILE:
            path.unlink()
    return lock


async def _fill(
    build: Path, order: Order, keyring: Keyring, *, clock: Clock, entropy: Entropy
) -> Restored:
    head: Head | None = None
    if order.file is not None:
        head = await in_thread(read_backup, order.file, build, keyring, order.net)
        crashpoint("restore.after_unpack")
    storage = await Storage.open(build / DATABASE_FILE, clock=clock)
    try:
        await storage.write(_recorder(head, clock.now().wall_ms))
        inventory = await storage.read(load_inventory)
    finally:
        await storage.close()
    crashpoint("restore.after_record")
    net = await in_thread(_settle_net, build / CONFIG_FILE, order.net, head)
    await in_thread(_write_keys, build, order, entropy)
    return Restored(head=head, net=net, inventory=inventory)


def _recorder(head: Head | None, now_ms: int) -> Callable[[sqlite3.Connection], None]:
    if head is None:
        return partial(restorations.record, how="words", backup_ms=None, now_ms=now_ms)
    return partial(restorations.record, how="backup", backup_ms=head.at, now_ms=now_ms)


def _settle_net(config: Path, wanted: str | None, head: Head | None) -> str:
    """See to it that the home starts on its own network, as it did with an option of `up`."""
    raw = config.read_bytes() if config.exists() else b""
    # Settings that do not hold come back as they were; the start names what is wrong with them.
    with contextlib.suppress(tomllib.TOMLDecodeError, UnicodeDecodeError):
        kept = tomllib.loads(raw.decode()).get("net")
        if isinstance(kept, str):
            return kept
    net = wanted or (head.net if head else Settings().net)
    if net != Settings().net:
        # First, since what follows a table's heading belongs to that table.
        config.write_bytes(f'net = "{net}"\n'.encode() + raw)
    return net


def _write_keys(build: Path, order: Order, entropy: Entropy) -> None:
    write_node(build, NodeSeeds.drawn(entropy))
    confirm_words(build)
    write_root(build, order.root if order.sealed is None else order.sealed)


def _take_place(build: Path, home: Path, lock: HomeLock) -> None:
    """Put the finished home where it belongs, in one step."""
    other = HomeLock.acquire(home / LOCK_FILE) if home.exists() else None
    try:
        for path in build.iterdir():
            _sync_file(path)
        (build / LOCK_FILE).unlink()
        sync_folder(build)
        check_empty(home)
        if other is not None:
            (home / LOCK_FILE).unlink()
        crashpoint("restore.before_rename")
        os.rename(build, home)  # noqa: PTH104 - takes the place of an empty folder, too
        crashpoint("restore.after_rename")
        sync_folder(home.parent)
    finally:
        lock.release()
        if other is not None:
            other.release()


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _failures_of(home: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"the home {home} cannot be made: {error.strerror or error}",
            code="E-RESTORE",
            fix=f"Check space and rights of {home.parent}, or name another place with --home DIR",
        ) from error
