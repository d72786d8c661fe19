"""The folder of one node: its files, their rights, and who holds it.

Enters: a path. Leaves: the folder, made private; the API's token and address files. Two daemons
never hold one home. Nothing in here is secret but the token, which is written 0600.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import stat
from pathlib import Path

from node.crashpoint import crashpoint
from node.entropy import Entropy
from node.errors import ConfigError

DATABASE_FILE = "node.db"
TOKEN_FILE = "api.token"  # noqa: S105 - the name of a file
ADDRESS_FILE = "api.json"
LOCK_FILE = "node.lock"
LOG_FILE = "node.log"
LOGIN_FILE = "login.html"
_TOKEN_BYTES = 32


def check_folder(home: Path) -> None:
    """Require that no file stands where a home is, or is to be.

    Raises:
        ConfigError: E-HOME.
    """
    for place in (home, *home.parents):
        try:
            mode = place.stat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            # What else is in the way is told by whoever reads or writes there.
            return
        if not stat.S_ISDIR(mode):
            where = f"{home} is" if place == home else f"{home} would lie below {place},"
            raise ConfigError(
                f"the home {where} a file, not a folder",
                code="E-HOME",
                fix="Choose another:  --home DIR, or INTENTCAST_HOME",
            )
        return


def prepare_home(home: Path) -> Path:
    """Make the folder, private to its owner.

    Raises:
        ConfigError: E-HOME when it cannot be made or is not a folder.
    """
    check_folder(home)
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not home.is_dir() or not os.access(home, os.W_OK | os.X_OK):
            raise PermissionError(13, "not writable")
    except OSError as error:
        raise ConfigError(
            f"the home {home} cannot be used: {error.strerror}",
            code="E-HOME",
            fix="Choose another:  --home DIR, or INTENTCAST_HOME",
        ) from error
    return home


def private_write(path: Path, data: bytes) -> None:
    """Write a file only its owner can read, whole or not at all."""
    draft = path.with_name(path.name + ".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
        os.write(descriptor, data)
    finally:
        os.close(descriptor)
    crashpoint("file.before_replace")
    draft.replace(path)
    crashpoint("file.after_replace")


def api_token(home: Path, entropy: Entropy) -> str:
    """Give the API's token, made on first use."""
    path = home / TOKEN_FILE
    if path.exists():
        kept = path.read_text(encoding="ascii", errors="replace").strip()
        # An empty or cut-off file, as a full disk leaves it, would let anybody in.
        if len(kept) >= _TOKEN_BYTES:
            return kept
    token = base64.urlsafe_b64encode(entropy.bytes(_TOKEN_BYTES)).decode().rstrip("=")
    private_write(path, token.encode())
    return token


def remove_login(home: Path) -> None:
    """Take away what led a browser in; its code is over by now."""
    with contextlib.suppress(FileNotFoundError):
        (home / LOGIN_FILE).unlink()


def write_address(home: Path, url: str, pid: int) -> None:
    """Tell the command line where the API answers."""
    private_write(home / ADDRESS_FILE, json.dumps({"url": url, "pid": pid}).encode())


def remove_address(home: Path) -> None:
    """Take that back at the end."""
    with contextlib.suppress(FileNotFoundError):
        (home / ADDRESS_FILE).unlink()
