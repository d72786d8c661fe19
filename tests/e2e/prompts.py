"""Answers questions a command asks at a terminal, as each is asked."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import termios
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_PATIENCE_S = 30.0
_SECRET = b": "
_ASKS = (b"] ", _SECRET)
"""How a question ends, the cursor behind it."""


def converse(line: str, typed: list[str], env: dict[str, str]) -> tuple[int, str]:
    """Run a line whose standard input is a terminal; give its exit code and what it showed."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        ["bash", "-c", line], cwd=ROOT, env=env, stdin=theirs, stdout=subprocess.PIPE
    )
    os.close(theirs)
    assert process.stdout is not None
    shown, answers = b"", [*typed]
    try:
        while select.select([process.stdout], [], [], _PATIENCE_S)[0]:
            piece = os.read(process.stdout.fileno(), 65_536)
            if not piece:
                break
            shown += piece
            if answers and shown.endswith(_ASKS):
                if shown.endswith(_SECRET):
                    _wait_for_silence(ours)
                os.write(ours, answers.pop(0).encode() + b"\n")
                shown += b"\n"
        return process.wait(timeout=_PATIENCE_S), shown.decode()
    finally:
        process.kill()
        _ = process.wait()
        process.stdout.close()
        os.close(ours)


def _wait_for_silence(terminal: int) -> None:
    """What is typed before the echo is off is thrown away."""
    deadline = time.monotonic() + _PATIENCE_S
    while termios.tcgetattr(terminal)[3] & termios.ECHO:
        assert time.monotonic() < deadline, "the echo stays on"
        time.sleep(0.005)
