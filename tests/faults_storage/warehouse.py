"""A node in a process of its own, on a disk that can be made to fail.

Leaves: what its API answered, and what was told as done. Only the process started here is ended.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]
READY_S = 40.0
ANSWER_S = 30.0
DRAFT: dict[str, Any] = {
    "title": "A request kept on a poor disk",
    "category": "electronics/cameras",
    "items": [{"name": "camera"}],
    "where": {"remote": True},
    "decide_by": "+14d",
}


@dataclass(frozen=True)
class Said:
    """One answer of the API."""

    status: int
    document: dict[str, Any]

    @property
    def code(self) -> str:
        return str(self.document.get("code", ""))


def _words_of(cast: dict[str, Any]) -> str:
    return str(cast["public"]["text"]).split()[0]


@dataclass
class Warehouse:
    """The process, and the requests it said it kept."""

    home: Path
    wrapper: Sequence[str] = ()
    prepare: Callable[[], None] | None = None
    flags: Sequence[str] = ()
    kept: list[str] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None
    pid: int = 0
    listen: str = ""
    _address: str = ""
    _token: str = ""

    def open(self) -> None:
        """Start it; raises with what it said when it does not come up."""
        command = [*self.wrapper, sys.executable, "-P", "-m", "node.cli.main"]
        command += ["--home", str(self.home), "--json", "up", "--net", "poor"]
        command += ["--api-port", "0", *self.flags]
        names = ("COVERAGE_", "COV_", "INTENTCAST_")
        kept = {name: text for name, text in os.environ.items() if not name.startswith(names)}
        # Whatever it says goes to a disk that is well.
        with (self.home.parent / "stderr.txt").open("ab") as stderr:
            self.process = subprocess.Popen(
                command,
                env={**kept, "PYTHONPATH": str(ROOT)},
                stdout=subprocess.PIPE,
                stderr=stderr,
                stdin=subprocess.DEVNULL,
                preexec_fn=self.prepare,  # noqa: PLW1509 - sets one limit, takes no lock
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"it ended with {self.process.wait(READY_S)}: {self.stderr()}")
        ready = json.loads(line)
        self.listen = str(ready["listen"] or "")
        self._address = str(urlsplit(ready["api"]).netloc)
        self._token = (self.home / "api.token").read_text(encoding="ascii").strip()
        self.pid = int(json.loads((self.home / "api.json").read_text())["pid"])

    def stderr(self) -> str:
        return (self.home.parent / "stderr.txt").read_text(errors="replace")

    def ask(self, method: str, path: str, body: Any = None) -> Said:
        """Ask the API once."""
        link = http.client.HTTPConnection(self._address, timeout=ANSWER_S)
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        try:
            raw = None if body is None else json.dumps(body)
            link.request(method, path, body=raw, headers=headers)
            answer = link.getresponse()
            return Said(answer.status, json.loads(answer.read()))
        finally:
            link.close()

    def keep(self, number: int, words: int = 20) -> Said:
        """Ask it to keep one more request."""
        said = self.ask("POST", "/v1/casts", {**DRAFT, "text": f"{number} " * words})
        if said.status < 300:
            self.kept.append(_words_of(said.document["cast"]))
        return said

    def listed(self) -> list[str]:
        """Texts of the requests it has."""
        said = self.ask("GET", "/v1/casts")
        assert said.status == 200, said
        return [_words_of(each) for each in said.document["casts"]]

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def check(self) -> None:
        """What was told is here, nothing else is, and reading goes on."""
        assert self.is_alive(), self.stderr()
        assert sorted(self.listed()) == sorted(self.kept)
        assert self.ask("GET", "/v1/status").status == 200

    def close(self) -> int:
        """End it in order; gives its exit code."""
        if self.process is None:
            return 0
        if self.is_alive():
            os.kill(self.pid, signal.SIGTERM)
        try:
            return self.process.wait(READY_S)
        finally:
            self.kill()

    def kill(self) -> None:
        """End it at once."""
        if self.process is None:
            return
        if self.is_alive():
            os.kill(self.pid or self.process.pid, signal.SIGKILL)
        self.process.wait(READY_S)
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.process = None
