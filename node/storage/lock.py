"""One home, one daemon: a lock on a file in the home, held as long as the process lives.

Leaves: a held lock, or the sentence that names who holds it. The operating system lets go of it
when the process dies, however it dies, so no stale lock is ever left.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from node.errors import StorageError

if sys.platform == "win32":
    import msvcrt

    _LOCKED_OFFSET = 4096

    def _try_lock(fd: int) -> None:
        os.lseek(fd, _LOCKED_OFFSET, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _try_lock(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


_PID_CHARS_MAX = 20
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)


class HomeLock:
    """The held lock of one home."""

    def __init__(self, fd: int) -> None:
        """Keep the descriptor; use `HomeLock.acquire`."""
        self._fd = fd

    @classmethod
    def acquire(cls, path: Path) -> HomeLock:
        """Take the lock, or say who has it.

        Args:
            path: the lock file; its folder exists. It stays when the lock is released.

        Raises:
            StorageError: E-HOME-IN-USE, with the other's process id; E-HOME when the file cannot
                be made.
        """
        try:
            # Not through a link: what it points to would be cut to nothing.
            fd = os.open(path, os.O_CREAT | os.O_RDWR | _NO_LINK, 0o600)
        except OSError as error:
            raise StorageError(
                f"the home cannot be used: {error}",
                code="E-HOME",
                fix=f"Check that you may write to {path.parent}, or name another home",
            ) from error
        try:
            _try_lock(fd)
        except OSError as error:
            holder = _pid_in(fd)
            os.close(fd)
            raise StorageError(
                f"the home {path.parent} is in use by pid {holder}",
                code="E-HOME-IN-USE",
                fix="Use that node (intentcast status), stop it, or name another INTENTCAST_HOME",
            ) from error
        os.ftruncate(fd, 0)
        os.lseek(fd, 0, os.SEEK_SET)
        os.write(fd, str(os.getpid()).encode())
        return cls(fd)

    def release(self) -> None:
        """Let go; may be called twice."""
        if self._fd >= 0:
            os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = -1


def other_holder(path: Path) -> int | None:
    """Give the process that says it holds a home, where it is another one and lives.

    Looks at the file alone: trying the lock would keep a node that begins to run from taking it.
    """
    try:
        text = path.read_bytes()[:_PID_CHARS_MAX].decode("ascii", "replace").strip()
        pid = int(text) if text.isascii() and text.isdigit() else 0
        if not pid or pid == os.getpid():
            return None
        if sys.platform != "win32":
            os.kill(pid, 0)
    except (OSError, OverflowError):
        # There is no such file or process, or it is somebody else's.
        return None
    return pid


def _pid_in(fd: int) -> str:
    os.lseek(fd, 0, os.SEEK_SET)
    text = os.read(fd, _PID_CHARS_MAX).decode("ascii", "replace").strip()
    return text if text.isdigit() else "unknown"
