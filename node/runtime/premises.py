"""The checks of a home that need no running node: its disk, files, database, keys, ports.

Enters: a home, its settings, and whether its node runs. Leaves: findings. Only looks: what it
writes is one small file, gone again, to learn whether the disk takes it. Never here: a secret read
for more than whether it is there and whole.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shlex
import shutil
import socket
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from node.clock import Clock
from node.config import Settings
from node.errors import ConfigError, KeystoreError, StorageError
from node.home import ADDRESS_FILE, DATABASE_FILE, LOCK_FILE, TOKEN_FILE, check_folder
from node.keystore import is_sealed, words_confirmed
from node.numerals import plural
from node.runtime.findings import Finding, State, failed, ok, size_text, skipped
from node.storage import health
from node.storage.exchange import finish
from node.storage.faults import RESTORE_FIX, SCRUB_FIX, storage_error
from node.storage.health import Health
from node.storage.lock import HomeLock, other_holder
from node.storage.mending import scrub_closed
from node.storage.scrub import ScrubReport

FREE_BYTES_BAD: Final = 16 * 1024 * 1024
"""Below this the next large change may not fit: the log of changes alone may grow so far; guess."""
FREE_BYTES_WARN: Final = 512 * 1024 * 1024
"""Below this it is time to look; guess."""
_TRIAL_FILE: Final = "doctor.trial"
_TRIAL_BYTES: Final = 4_096
_OTHERS: Final = 0o077
_SECRETS: Final = ("node.key", TOKEN_FILE, DATABASE_FILE)
"""Private files but the root's, of which `keys` tells: one thing wrong is one finding."""
_DRAFT_AGE_S: Final = 60
"""A draft younger than this may be in somebody's hands."""
_SHOWN: Final = 4
_SENTENCE_CHARS: Final = 120
_MS: Final = 1_000

_TROUBLES: Final = {
    "missing": "the database is gone, though this home had one",
    "foreign": "the database is another home's",
    "lost": "changes that were recorded are not in the database any more",
    "pages": "pages of the database are not what was written",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Premises:
    """A home to look at."""

    home: Path
    """Its folder."""
    settings: Settings
    """What its node would run with."""
    is_up: bool
    """Whether its node runs."""
    wall_ms: int
    """Now, Unix ms."""
    holder_of: Callable[[int], str] = lambda _port: ""
    """Names the program that listens on a port."""


def check_home(home: Path) -> Finding:
    """Tell whether the folder is there and belongs to its owner alone."""
    try:
        check_folder(home)
        about = home.stat()
    except ConfigError as error:
        return failed("home", error)
    except OSError as error:
        return Finding(
            name="home",
            state=State.BAD,
            cause="there is no home here yet"
            if error.errno == errno.ENOENT
            else f"the home cannot be looked into: {error.strerror}",
            proof=str(home),
            fix="Make one by starting the node:  intentcast up        or name another with --home",
        )
    if about.st_mode & _OTHERS:
        return Finding(
            name="home",
            state=State.WARN,
            cause="other users of this computer may look into the home",
            proof=f"{home} has rights {stat.S_IMODE(about.st_mode):o}",
            fix=f"chmod 700 {shlex.quote(str(home))}",
        )
    return ok("home", "is there, for its owner alone", str(home))


def check_disk(premises: Premises) -> Finding:
    """Tell whether the home's disk takes what will be written."""
    home = premises.home
    free = shutil.disk_usage(home).free
    held = sum(_bytes_of(path) for path in home.glob(f"{DATABASE_FILE}*"))
    proof = f"{free:,} bytes free ({size_text(free)}); the database takes {size_text(held)}"
    if (error := _try_to_write(home)) is not None:
        is_read_only = error.errno in (errno.EROFS, errno.EACCES, errno.EPERM)
        return Finding(
            name="disk",
            state=State.BAD,
            cause="the home cannot be written to" if is_read_only else "the disk takes no more",
            proof=f"{error.strerror}; {proof}",
            fix=f"Let its owner write to {home}"
            if is_read_only
            else f"Free some space on the disk that holds {home}",
        )
    low = free < max(FREE_BYTES_WARN, held)
    if not low:
        return ok("disk", "has room", proof)
    return Finding(
        name="disk",
        state=State.BAD if free < FREE_BYTES_BAD else State.WARN,
        cause="the disk is nearly full"
        if free < FREE_BYTES_WARN
        else "a backup of the database would not fit the disk any more",
        proof=proof,
        fix=f"Free some space on the disk that holds {home}",
    )


def _bytes_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _try_to_write(home: Path) -> OSError | None:
    trial = home / _TRIAL_FILE
    try:
        with trial.open("wb") as file:
            file.write(b"\0" * _TRIAL_BYTES)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return error
    finally:
        with contextlib.suppress(OSError):
            trial.unlink()
    return None


# --- the database -------------------------------------------------------------------------------


async def check_database(premises: Premises, *, clock: Clock, scrub: bool) -> list[Finding]:
    """Look at the database of a home whose node is down; nobody else may open it meanwhile.

    Args:
        premises: where.
        clock: the time, for what is mended.
        scrub: look at every stored byte first, and mend what can be mended.
    """
    try:
        lock = await asyncio.to_thread(HomeLock.acquire, premises.home / LOCK_FILE)
    except StorageError as error:
        if error.code == "E-HOME-IN-USE":
            return [failed("database", error)]
        # A disk that cannot be written to can still be read.
        lock = None
    try:
        return await _look_into(premises.home / DATABASE_FILE, clock, scrub=scrub, held=lock)
    except StorageError as error:
        return [failed("database", error, damaged=error.code == "E-DB-DAMAGED")]
    finally:
        if lock is not None:
            lock.release()


async def _look_into(
    path: Path, clock: Clock, *, scrub: bool, held: HomeLock | None
) -> list[Finding]:
    contents = []
    if held is not None:
        await asyncio.to_thread(_finish, path)
    if scrub and held is None:
        contents = [skipped("contents", "the home cannot be written to, so nothing can be mended")]
    elif scrub and await asyncio.to_thread(path.exists):
        contents = [judge_scrub(await scrub_closed(path, clock=clock))]
    # After the mending: what is told of the file is how it is now.
    try:
        found = await asyncio.to_thread(health.look, path)
    except StorageError as error:
        return [_unread(error, has_scrubbed=bool(contents)), *contents]
    if found is None:
        return [skipped("database", "there is none yet", "intentcast up")]
    return [judge_health(found, has_scrubbed=bool(contents)), *contents]


def _finish(path: Path) -> None:
    """End a mending that was interrupted, as the next start would.

    Raises:
        StorageError: E-DB-WRITE.
    """
    try:
        finish(path)
    except OSError as error:
        raise storage_error(error, path) from error


def _unread(error: StorageError, *, has_scrubbed: bool) -> Finding:
    finding = failed("database", error, damaged=error.code == "E-DB-DAMAGED")
    is_done = has_scrubbed and error.fix == SCRUB_FIX
    return replace(finding, fix=RESTORE_FIX) if is_done else finding


def judge_health(found: Health, *, has_scrubbed: bool = False) -> Finding:
    """Tell what a look at the database means.

    Args:
        found: what was seen.
        has_scrubbed: whether all that can be mended has been, a moment ago.
    """
    proof = (
        f"{size_text(found.file_bytes)} and a log of {size_text(found.log_bytes)}; "
        f"schema {found.schema} of {found.newest}"
    )
    if found.trouble == "mending":
        return Finding(
            name="database",
            state=State.WARN,
            cause="a mending was interrupted; the next start finishes it",
            proof="a new database lies ready beside the damaged one",
            fix="Let its owner write to the home, then:  intentcast up",
        )
    if found.trouble:
        pages = f"; {plural(found.pages, 'damaged page')}" if found.pages else ""
        is_mendable = found.trouble == "pages" and not has_scrubbed
        cause = _TROUBLES.get(found.trouble, found.trouble)
        return _damaged(cause, proof + pages, is_mendable=is_mendable)
    if not found.is_ours:
        return _damaged("the database is another program's", proof, is_mendable=False)
    if found.schema > found.newest:
        return Finding(
            name="database",
            state=State.BAD,
            cause="a newer intentcast wrote the database",
            proof=proof,
            fix="Install the newer intentcast again, or restore a backup made with this one",
        )
    if found.said:
        said = f"{proof}; {'; '.join(found.said)}"
        return _damaged("SQLite finds the database broken", said, is_mendable=not has_scrubbed)
    return ok("database", "reads well", proof)


def _damaged(cause: str, proof: str, *, is_mendable: bool) -> Finding:
    return Finding(
        name="database",
        state=State.BAD,
        cause=cause,
        proof=proof,
        # No node starts on such a file: what can be mended is mended by the scrub.
        fix="Stop the node, keep a copy of the home, then:  intentcast doctor --scrub"
        if is_mendable
        else RESTORE_FIX,
        damaged=True,
    )


def judge_scrub(found: ScrubReport) -> Finding:
    """Tell what a look at every stored byte found, and what of it was mended."""
    proof = (
        f"{plural(found.checked, 'object and letter', 'objects and letters')} compared with their "
        f"hashes, {plural(found.pages, 'page')} with their sums"
    )
    if found.clean:
        return ok("contents", "every byte is what was written", proof)
    left = [each for each in found.damages if not each.mended]
    shown = left or list(found.damages)
    told = [str(each)[:_SENTENCE_CHARS] for each in shown[:_SHOWN]]
    if len(shown) > _SHOWN:
        told.append(f"{len(shown) - _SHOWN} more")
    if not left:
        return Finding(
            name="contents",
            state=State.WARN,
            cause=f"{plural(len(shown), 'damaged thing was', 'damaged things were')} mended, or "
            "asked for again",
            proof=f"{proof}: {'; '.join(told)}",
            fix="Let the node run until nothing is asked for any more; keep an eye on the disk",
        )
    fixes = [each.fix for each in left if each.fix and each.fix != SCRUB_FIX]
    return Finding(
        name="contents",
        state=State.BAD,
        cause=f"{plural(len(left), 'thing')} stored here cannot be mended",
        proof=f"{proof}: {'; '.join(told)}",
        # Whoever reads this has just scrubbed.
        fix=fixes[0] if fixes else RESTORE_FIX,
        damaged=True,
    )


def check_sqlite() -> Finding:
    """Tell whether this Python's SQLite will do."""
    found = health.engine()
    proof = f"SQLite {found.version}"
    if not found.is_new_enough:
        return Finding(
            name="sqlite",
            state=State.BAD,
            cause="this Python's SQLite is too old; 3.37 is needed",
            proof=proof,
            fix="Use a newer Python",
        )
    if found.can_lose_commits:
        return ok(
            "sqlite",
            "will do: it can lose commits of two connections that write at once (corrected in "
            "3.51.3), and this node writes over one",
            proof,
        )
    return ok("sqlite", "will do", proof)


# --- keys and other files -----------------------------------------------------------------------


def check_keys(premises: Premises, *, is_locked: bool | None) -> Finding:
    """Tell how the keys lie in the home.

    Args:
        premises: where.
        is_locked: whether the running node has them locked; None while it is down.
    """
    home = premises.home
    try:
        sealed = is_sealed(home)
    except KeystoreError as error:
        if error.code == "E-KEYS-NONE" and not (home / DATABASE_FILE).exists():
            return skipped("keys", "there are none yet", "intentcast up")
        return failed("keys", error, damaged=error.code == "E-KEYS-DAMAGED")
    except OSError as error:
        return Finding(
            name="keys",
            state=State.BAD,
            cause="the key file cannot be read",
            proof=str(error),
            fix=f"Look at the rights of {home}",
        )
    confirmed = words_confirmed(home)
    proof = (
        f"{'under a passphrase' if sealed else 'a plain file only its owner can read'}; "
        f"words {'confirmed' if confirmed else 'never confirmed'}"
    )
    if is_locked:
        cause, fix = "the keys are locked: nothing is signed", "intentcast unlock"
    elif not confirmed:
        cause = "nobody has shown to have the 24 words: a lost disk would be a lost identity"
        fix = "Write them down and confirm them:  intentcast words"
    else:
        return ok("keys", "are there, and the words too", proof)
    return Finding(name="keys", state=State.WARN, cause=cause, proof=proof, fix=fix)


def check_files(premises: Premises) -> Finding:
    """Look for files others may read, and for what an interrupted run left behind."""
    home = premises.home
    open_ones = [
        name
        for name in _SECRETS
        if (path := home / name).exists() and path.stat().st_mode & _OTHERS
    ]
    if open_ones:
        return Finding(
            name="files",
            state=State.BAD,
            cause="other users of this computer may read what is private",
            proof=", ".join(open_ones),
            fix=f"chmod 600 {_typed(home / name for name in open_ones)}",
        )
    stale = _stale(premises)
    if stale:
        return Finding(
            name="files",
            state=State.WARN,
            cause="an interrupted run left files behind",
            proof=", ".join(path.name for path in stale[:_SHOWN]),
            fix=f"They are of no use:  rm {_typed(stale[:_SHOWN])}",
        )
    return ok("files", "nothing is left over, nothing lies open")


def _typed(paths: Iterable[Path]) -> str:
    """Write paths as a shell reads them."""
    return shlex.join(map(str, paths))


def _stale(premises: Premises) -> list[Path]:
    home = premises.home
    # A node that starts or stops answers nothing yet, or no more, and its files are in its hands.
    is_in_use = premises.is_up or other_holder(home / LOCK_FILE) is not None
    young = premises.wall_ms / _MS - _DRAFT_AGE_S
    drafts = [*home.glob("*.new"), *home.glob("*.partial"), *home.glob(_TRIAL_FILE)]
    found = [path for path in drafts if not is_in_use or _changed_s(path) < young]
    if not is_in_use and (home / ADDRESS_FILE).exists():
        found.append(home / ADDRESS_FILE)
    return sorted(found)


def _changed_s(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return float("inf")


# --- ports --------------------------------------------------------------------------------------


def check_ports(premises: Premises) -> list[Finding]:
    """Tell whether the ports of a node that is down could be had now."""
    settings = premises.settings
    findings = [_check_port(premises, "API port", settings.api_host, settings.api_port)]
    if settings.listen_port is not None:
        findings.append(_check_port(premises, "port", settings.listen_host, settings.listen_port))
    bad = [each for each in findings if each.state is not State.OK]
    proof = "; ".join(each.proof for each in findings)
    return bad or [ok("port", "can be had", proof)]


def _check_port(premises: Premises, what: str, host: str, port: int) -> Finding:
    if port == 0:
        return ok("port", "can be had", f"{what}: any free one")
    option = "--api-port N" if what == "API port" else "--listen HOST:N"
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM)[0]
        socket.create_server(found[4][:2], family=found[0]).close()
    except OSError as error:
        proof = f"{what} {host}:{port}: {error.strerror or error}"
        if error.errno == errno.EADDRINUSE:
            holder = premises.holder_of(port)
            cause = f"the {what} {port} is taken by another program"
            proof += f"; {holder}" if holder else ""
        elif error.errno == errno.EACCES:
            cause = f"this user may not listen on the {what} {port}: it is below 1024"
        else:
            cause = f"the {what} {port} cannot be had at {host}"
        return Finding(
            name="port",
            state=State.BAD,
            cause=cause,
            proof=proof,
            fix=f"Choose another:  intentcast up {option}",
        )
    return ok("port", "can be had", f"{what} {host}:{port} is free")
