"""The custodian of one home's keys: locks and unlocks them, seals them, keeps copies of the rest.

Enters: a person's words through a face, and time. Leaves: whether the keys are here, notices on
what the owner should still do, backup files. Whatever takes a processor's or a disk's while happens
in threads. Never: a passphrase kept, a key in an answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from node.backup.maker import (
    Made,
    daily_backups,
    daily_path,
    forget_old,
    is_due,
    make_backup,
)
from node.backup.proof import Proved, prove_backup
from node.backup.threads import in_thread
from node.clock import Clock
from node.config import Settings
from node.entropy import Entropy
from node.errors import KeystoreError, StorageError
from node.keyfile import MODERATE, Cost, Passphrase, given_passphrase
from node.keystore import (
    Keyring,
    change_passphrase,
    is_sealed,
    open_root_bytes,
    words_confirmed,
)
from node.runtime import views
from node.storage import audit
from node.storage.database import Storage
from protocol.errors import IntentcastError
from protocol.now import MINUTE_MS

if TYPE_CHECKING:
    import sqlite3

_LOG = logging.getLogger(__name__)
_LOOK_S: Final = 5.0
"""How often the lock that closes by itself is thought of."""
_LOOKS_PER_BACKUP: Final = 12
"""Backups are thought of once a minute, the first time a minute after the start."""
_LOCKED_NOTICE: Final = "Locked: nothing is signed, opened or quoted here until:  intentcast unlock"
_PLAIN_NOTICE: Final = (
    "Your key is a file in the home folder; whoever can copy it is you. "
    "Protect it:  intentcast passphrase set"
)
_WORDS_NOTICE: Final = (
    "Your 24 words were never written down; without them a lost disk is a lost identity. "
    "Show them:  intentcast words"
)
Document = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """How the home's files were at the last look."""

    sealed: bool = False
    confirmed: bool = False
    newest_ms: int | None = None
    trouble: str = ""


class Custody:
    """One per node."""

    def __init__(
        self,
        *,
        home: Path,
        keyring: Keyring,
        storage: Storage,
        settings: Settings,
        clock: Clock,
        entropy: Entropy,
        on_change: Callable[[], None],
        cost: Cost = MODERATE,
    ) -> None:
        """Keep what it looks after.

        Args:
            home: the node's folder.
            keyring: everybody's.
            storage: what is backed up.
            settings: network, patience, number of backups.
            clock: both clocks.
            entropy: draws salts.
            on_change: called after each lock and unlock.
            cost: of passphrases set from now on.
        """
        self._home = home
        self._keyring = keyring
        self._storage = storage
        self._settings = settings
        self._clock = clock
        self._entropy = entropy
        self._on_change = on_change
        self._cost = cost
        # One at a time: a guess takes 256 MiB, a backup the disk.
        self._turn = asyncio.Lock()
        self._backing = asyncio.Lock()
        self._seen = _Seen()
        self._backup_trouble = ""
        self._uses = keyring.uses
        self._idle_since_ms = clock.now().mono_ms

    # --- how it is --------------------------------------------------------------------------------

    async def look(self) -> None:
        """Look at the home's files again; `notices` tells what was seen."""
        self._seen = await asyncio.to_thread(self._look)

    def _look(self) -> _Seen:
        backups = daily_backups(self._home)
        newest_ms = backups[-1][0] if backups else None
        confirmed = words_confirmed(self._home)
        try:
            sealed, trouble = is_sealed(self._home), ""
        except KeystoreError as error:
            sealed, trouble = False, f"{error.sentence}. {error.fix}"
        return _Seen(sealed=sealed, confirmed=confirmed, newest_ms=newest_ms, trouble=trouble)

    def notices(self) -> list[str]:
        """Tell what the owner should know or do, as of the last look."""
        found = []
        if self._keyring.is_locked:
            found.append(_LOCKED_NOTICE)
        if self._seen.trouble:
            found.append(self._seen.trouble)
        elif not self._seen.sealed:
            found.append(_PLAIN_NOTICE)
        if not self._seen.confirmed:
            found.append(_WORDS_NOTICE)
        if self._backup_trouble:
            found.append(f"The daily backup was not written: {self._backup_trouble}")
        return found

    async def document(self) -> Document:
        """Tell how the keys are kept."""
        await self.look()
        newest = self._seen.newest_ms
        return {
            "schema": "intentcast.keys/1",
            "locked": self._keyring.is_locked,
            "passphrase": self._seen.sealed,
            "words_confirmed": self._seen.confirmed,
            "auto_lock_minutes": self._settings.auto_lock_minutes,
            "newest_backup": views.iso(newest) if newest is not None else None,
        }

    # --- lock and unlock --------------------------------------------------------------------------

    async def unlock(self, passphrase: str) -> Document:
        """Take the root back into memory.

        Raises:
            KeystoreError: E-PASSPHRASE-WRONG, E-KEYS-DAMAGED, E-KEYS-OPEN.
        """
        given = given_passphrase(passphrase)
        async with self._turn:
            if self._keyring.is_locked:
                root = await in_thread(open_root_bytes, self._home, given)
                await self._unlocked(root)
        return await self.document()

    async def _unlocked(self, root: bytes) -> None:
        self._keyring.unlock(root)
        self._idle_since_ms = self._clock.now().mono_ms
        self._on_change()
        await self._note("keys.unlocked")

    async def lock(self) -> Document:
        """Drop the root and everything that derives from it.

        Raises:
            KeystoreError: E-PASSPHRASE-STATE, the home has no passphrase to unlock it with.
        """
        async with self._turn:
            if not await asyncio.to_thread(is_sealed, self._home):
                raise KeystoreError(
                    "this home has no passphrase that could unlock it again, so it stays open",
                    code="E-PASSPHRASE-STATE",
                    fix="Give it one first:  intentcast passphrase set",
                )
            if not self._keyring.is_locked:
                self._keyring.lock()
                self._on_change()
                await self._note("keys.locked")
        return await self.document()

    async def set_passphrase(self, old: str | None, new: str | None) -> Document:
        """Seal the root anew; without a new passphrase, lay it open.

        Args:
            old: the one that holds; None where there is none.
            new: the next one; None for none.

        Raises:
            KeystoreError: E-PASSPHRASE-WRONG, E-PASSPHRASE-STATE, E-KEYS.
            LocalProtocolError: E-PASSPHRASE, of the next one.
        """
        before = None if old is None else given_passphrase(old)
        after = None if new is None else Passphrase(new)
        async with self._turn:
            root = await in_thread(
                change_passphrase, self._home, before, after, self._entropy, cost=self._cost
            )
            if after is None and self._keyring.is_locked:
                # Nothing is left to unlock it with.
                await self._unlocked(root)
            await self._note("keys.passphrase")
        return await self.document()

    async def _note(self, what: str) -> None:
        """Note what was done; on a full disk it was done all the same, and is not denied."""
        now_ms = self._clock.now().wall_ms

        def note(conn: sqlite3.Connection) -> None:
            audit.append(conn, at=now_ms, what=what, ids=[], detail={})

        try:
            await self._storage.write(note, promise=False)
        except StorageError as error:
            _LOG.error("%s was not noted: %s", what, error)

    # --- backups ----------------------------------------------------------------------------------

    async def backup(self, path: str) -> Document:
        """Write a backup to a new file.

        Args:
            path: absolute.

        Raises:
            IntentcastError: as `node.backup.maker.make_backup`.
        """
        self._keyring.check()
        made = await self._make(Path(path))
        return {
            "schema": "intentcast.backup/1",
            "path": str(made.path),
            "bytes": made.size,
            "at": views.iso(made.head.at),
            "net": made.head.net,
            "holds": made.head.holds,
        }

    async def backups(self) -> Document:
        """List the daily backups, the newest first."""
        found = await asyncio.to_thread(daily_backups, self._home)
        return {
            "schema": "intentcast.backups/1",
            "folder": str(daily_path(self._home, 0).parent),
            "kept": self._settings.backups_kept,
            "backups": [
                {"path": str(path), "at": views.iso(at_ms)} for at_ms, path in reversed(found)
            ],
            "trouble": self._backup_trouble,
        }

    async def prove(self, path: str) -> Document:
        """Read a backup to its last byte with this home's keys; nothing of the home changes.

        Args:
            path: absolute.

        Raises:
            IntentcastError: as `node.backup.proof.prove_backup`; E-KEYS-LOCKED.
        """
        self._keyring.check()
        # One at a time: it unpacks the whole of it beside the home.
        async with self._backing:
            proved = await prove_backup(
                Path(path), self._keyring, home=self._home, clock=self._clock
            )
        await self._note("backup.proved")
        return proof_document(Path(path), proved)

    async def _make(self, target: Path) -> Made:
        async with self._backing:
            made = await make_backup(
                target,
                home=self._home,
                storage=self._storage,
                keyring=self._keyring,
                net=self._settings.net,
                now_ms=self._clock.now().wall_ms,
                entropy=self._entropy,
            )
            await self._note("backup")
            return made

    async def back_up_if_due(self) -> bool:
        """Write the daily backup when the newest is a day old; tell whether one was written.

        While locked none is: a locked node records nothing of its own that a backup would miss.

        Raises:
            IntentcastError: it could not be written.
        """
        kept = self._settings.backups_kept
        if kept == 0 or self._keyring.is_locked:
            return False
        now_ms = self._clock.now().wall_ms
        if not await asyncio.to_thread(is_due, self._home, now_ms):
            return False
        target = daily_path(self._home, now_ms)
        await asyncio.to_thread(lambda: target.parent.mkdir(mode=0o700, exist_ok=True))
        await self._make(target)
        await asyncio.to_thread(forget_old, self._home, kept, now_ms)
        return True

    # --- time -------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Lock after the patience set, and back up by the day, until cancelled."""
        looks = 0
        while True:
            await asyncio.sleep(_LOOK_S)
            looks += 1
            await self.lock_if_idle()
            if looks % _LOOKS_PER_BACKUP == 0:
                await self._try_backup()

    async def _try_backup(self) -> None:
        try:
            await self.back_up_if_due()
            self._backup_trouble = ""
        except (IntentcastError, OSError) as error:
            if self._backup_trouble != str(error):
                self._backup_trouble = str(error)
                _LOG.error("the daily backup was not written: %s", error)

    async def lock_if_idle(self) -> bool:
        """Lock when nothing was signed by hand for as long as the setting says."""
        minutes = self._settings.auto_lock_minutes
        now_ms = self._clock.now().mono_ms
        if self._keyring.uses != self._uses:
            self._uses, self._idle_since_ms = self._keyring.uses, now_ms
        is_due = now_ms - self._idle_since_ms >= minutes * MINUTE_MS
        if not minutes or not is_due or self._keyring.is_locked:
            return False
        try:
            await self.lock()
        except KeystoreError:
            # No passphrase: there would be no way back.
            return False
        return True


def proof_document(path: Path, proved: Proved) -> Document:
    """Tell what a backup was found to hold."""
    return {
        "schema": "intentcast.backup-proof/1",
        "path": str(path),
        "bytes": proved.size,
        "at": views.iso(proved.head.at),
        "net": proved.head.net,
        "program": proved.head.program,
        "files": list(proved.files),
        "casts": proved.inventory.casts,
        "deals": proved.inventory.deals,
        "agreements": proved.inventory.agreements,
        "checked": proved.checked,
    }
