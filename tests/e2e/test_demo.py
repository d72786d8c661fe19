"""The demo and the testnet as a person runs them: whole programs, from outside, and nothing left.

What is promised is read from their one JSON document; what must be gone is looked for on the disk,
at the ports, and among the processes of this machine.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from node.errors import TransportError
from node.testnet import nodes
from node.testnet.nodes import ProcessNode
from node.testnet.plan import NodePlan, Part
from protocol.objects.agreement import read_bundle

ROOT = Path(__file__).resolve().parents[2]
RESIDENT = b"node.testnet.resident"


class Run:
    """Programs started with a temporary folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.temp = folder / "temp"
        self.temp.mkdir()
        self.started: list[subprocess.Popen[bytes]] = []
        self.environ = os.environ | {"TMPDIR": str(self.temp), "HOME": str(folder)}

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        program = subprocess.Popen(
            [sys.executable, "-m", "node.cli.main", *words],
            cwd=ROOT,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.started.append(program)
        return program

    def end_all(self) -> None:
        """End what a failed test left running."""
        for program in self.started:
            with program:
                program.kill()

    def finished(self, *words: str) -> tuple[int, bytes, bytes]:
        program = self.start(*words)
        out, err = program.communicate(timeout=80)
        return program.returncode, out, err

    def document(self, *words: str) -> dict[str, Any]:
        code, out, err = self.finished(*words)
        assert code == 0, err.decode()
        found: dict[str, Any] = json.loads(out)
        return found

    def residents(self) -> list[int]:
        """Processes of nodes whose homes lie in our temporary folder."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    words = (entry / "cmdline").read_bytes()
                except OSError:
                    continue
                if RESIDENT in words and os.fsencode(self.temp) in words:
                    found.append(int(entry.name))
        return found


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """A way to run programs; afterwards nothing of them may be left."""
    found = Run(tmp_path)
    yield found
    found.end_all()
    assert list(found.temp.iterdir()) == []
    if Path("/proc/self/cmdline").exists():
        assert found.residents() == []


def refuses(address: str) -> bool:
    host, _, port = address.removeprefix("http://").rpartition(":")
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex((host, int(port))) != 0


@pytest.mark.timeout(90)
@pytest.mark.parametrize("how", [(), ("--processes",)], ids=["in process", "processes"])
def test_the_story_happens(run: Run, how: tuple[str, ...]):
    found = run.document("demo", "--json", *how)
    assert found["schema"] == "intentcast.demo/1"
    assert found["verified"] is True
    assert [step["name"] for step in found["steps"]] == [
        *("up", "cast", "kill", "offers", "compare", "accept", "stop", "verify"),
    ]
    assert found["elapsed_ms"] < 60_000
    roles = [node["role"] for node in found["nodes"]]
    assert [roles.count(role) for role in ("relay", "vendor", "buyer")] == [5, 4, 1]
    check_offers(found)
    killed = found["killed"]
    assert killed["was_mailbox"] is True
    assert killed["name"] in found["cast"]["mailboxes"]
    assert len(found["cast"]["mailboxes"]) > 1
    for node in found["nodes"]:
        assert node["listen"] is None or refuses(node["listen"])


def check_offers(found: dict[str, Any]) -> None:
    offers = found["offers"]
    assert len({offer["vendor"]["key"] for offer in offers}) >= 3
    assert [offer["position"] for offer in offers] == list(range(1, len(offers) + 1))
    for offer in offers:
        assert sum(line["total"] for line in offer["lines"]) == offer["total"]
    [failed] = found["failed_musts"]
    assert failed["vendor"] == "Pine Motors (example)"
    assert (failed["key"], failed["status"]) == ("insurance-required", "unmet")
    best = offers[0]
    assert best["musts_met"] == best["musts_total"]
    assert found["accepted"]["offer"] == best["id"]
    assert found["agreement"]["total"] == best["total"]
    assert found["agreement"]["received"] == found["agreement"]["disclosed"] == ["name", "phone"]


def test_the_story_is_told_and_its_file_can_be_kept(run: Run, tmp_path: Path):
    folder = tmp_path / "kept"
    code, out, err = run.finished("demo", "--keep", str(folder))
    text = out.decode()
    assert code == 0, err.decode()
    for words in ("is killed", "Pine Motors (example) fails a must", "   verified\n", "It took"):
        assert words in text
    raw = (folder / "park-city.agreement").read_bytes()
    assert read_bundle(raw).id is not None
    assert (folder / "buyer-1" / "node.db").exists()
    again = run.finished("demo", "--keep", str(folder))
    assert again[0] == 5
    assert b"E-FILE-EXISTS" in again[2]


@pytest.mark.timeout(90)
def test_ten_offers_and_the_first_within_three_seconds(run: Run):
    words = ("testnet", "up", "--headless", "--until", "offers>=10", "--timeout", "60", "--json")
    found = run.document(*words)
    assert found["schema"] == "intentcast.testnet/1"
    assert found["reached"] is True
    assert found["counts"]["offers"] >= 10
    assert found["first_offer_ms"] < 3_000
    assert len(found["nodes"]) == 12
    for node in found["nodes"]:
        assert refuses(node["api"])
        assert node["listen"] is None or refuses(node["listen"])


def test_a_goal_out_of_reach_ends_in_time_with_its_own_exit_code(run: Run):
    words = ("testnet", "up", "--headless", "--until", "offers>=1000", "--timeout", "1", "--json")
    code, out, err = run.finished(*words)
    assert code == 6
    assert json.loads(out)["reached"] is False
    assert b"E-TIMEOUT" in err


@pytest.mark.timeout(90)
@pytest.mark.parametrize("how", [(), ("--processes",)], ids=["in process", "processes"])
def test_ctrl_c_ends_everything(run: Run, how: tuple[str, ...]):
    program = run.start("testnet", "up", "--relays", "2", "--buyers", "1", "--vendors", "1", *how)
    assert program.stdout is not None
    for line in program.stdout:
        if re.search(rb"offers [1-9]", line):
            break
    program.send_signal(signal.SIGINT)
    program.send_signal(signal.SIGINT)
    out, err = program.communicate(timeout=30)
    assert (program.returncode, err) == (0, b"")
    assert re.search(rb"[1-9]\d* offers?", out)


@pytest.mark.timeout(60)
@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs Linux's /proc")
def test_processes_end_when_whoever_started_them_is_killed(run: Run):
    program = run.start(
        *("testnet", "up", "--processes", "--relays", "1", "--buyers", "0", "--vendors", "0")
    )
    assert program.stdout is not None
    for line in program.stdout:
        if b"all nodes are up" in line:
            break
    assert len(run.residents()) == 1
    program.kill()
    program.communicate(timeout=10)
    deadline = time.monotonic() + 10
    while run.residents() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert run.residents() == []
    # A killed program cannot tidy its folder; that is the one thing left.
    for home in run.temp.iterdir():
        for path in sorted(home.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        home.rmdir()


def test_too_few_files_are_said_at_once(run: Run):
    limited = 'ulimit -n 80; exec "$@"'
    done = subprocess.run(
        ["bash", "-c", limited, "bash", sys.executable, "-m", "node.cli.main", "demo"],
        cwd=ROOT,
        env=run.environ,
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 5
    assert b"(E-FILES)" in done.stderr
    assert b"ulimit -n" in done.stderr


def relay_at(home: Path, config: str) -> ProcessNode:
    home.mkdir()
    (home / "config.toml").write_text(config, encoding="utf-8")
    return ProcessNode(NodePlan(name="relay-1", part=Part.RELAY, wave=0), home)


async def test_a_process_that_cannot_start_says_why(tmp_path: Path):
    node = relay_at(tmp_path / "relay-1", 'nett = "demo"\n')
    with pytest.raises(TransportError) as caught:
        await node.start()
    assert "relay-1 did not start" in caught.value.sentence
    assert "nett" in caught.value.sentence
    await node.stop()
    assert node.pid is None


async def test_a_process_that_is_not_up_in_time_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(nodes, "START_S", 0.0)
    node = relay_at(tmp_path / "relay-1", 'net = "demo"\napi_port = 0\n')
    with pytest.raises(TransportError) as caught:
        await node.start()
    assert caught.value.code == "E-TIMEOUT"
    pid = node.pid
    assert pid is not None
    await node.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
