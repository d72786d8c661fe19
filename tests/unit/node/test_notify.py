"""Word to the service manager, by a file's name or an abstract one; silence where nobody asked."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from node.notify import Notifier

ours = str(os.getpid())


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_states_arrive(tmp_path: Path, kind: str):
    if kind == "abstract" and sys.platform != "linux":
        pytest.skip("abstract sockets are Linux's own")
    name = str(tmp_path / "n") if kind == "path" else f"@intentcast-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name.replace("@", "\0", 1) if kind == "abstract" else name)
        notifier = Notifier.of_environment({"NOTIFY_SOCKET": name})
        assert notifier.tell("READY=1", "STATUS=up")
        assert manager.recv(100) == b"READY=1\nSTATUS=up"


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1"}])
def test_nobody_asked(environ: dict[str, str]):
    notifier = Notifier.of_environment(environ | {"WATCHDOG_USEC": "1000000"})
    assert not notifier.tell("READY=1")
    assert notifier.watchdog_s is None


def test_a_manager_that_is_gone_is_no_failure(tmp_path: Path):
    assert not Notifier(str(tmp_path / "gone")).tell("READY=1")


@pytest.mark.parametrize(
    ("facts", "seconds"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": ours}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "1"}, 0.1),
        ({"WATCHDOG_USEC": "-5"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_a_watchdog_is_read(facts: dict[str, str], seconds: float | None):
    assert Notifier.of_environment({"NOTIFY_SOCKET": "/x", **facts}).watchdog_s == seconds
