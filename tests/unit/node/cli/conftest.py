"""Runs command lines in this process: the CLI asks the API, the API a fake handle; no socket."""

from __future__ import annotations

import asyncio
import io
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from node.cli import client
from node.cli.client import Answer
from node.cli.main import main
from tests.unit.node.api.conftest import TOKEN, Asker
from tests.unit.node.api.fake_citizen import FakeCitizen


class Terminal(io.StringIO):
    """A stream somebody may sit at."""

    def __init__(self, text: str = "", *, tty: bool = False) -> None:
        super().__init__(text)
        self._tty = tty

    def isatty(self) -> bool:
        return self._tty


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one command line did."""

    code: int
    out: str
    err: str

    def document(self) -> Any:
        return json.loads(self.out)


@dataclass(kw_only=True)
class Shell:
    """A person at a prompt, in a home of their own."""

    home: Path
    monkeypatch: pytest.MonkeyPatch

    def run(self, *argv: str, tty: bool = False, typed: str = "") -> Run:
        out, err = Terminal(tty=tty), Terminal(tty=tty)
        with self.monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", Terminal(typed, tty=tty))
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "stderr", err)
            code = main(argv)
        return Run(code=int(code), out=out.getvalue(), err=err.getvalue())

    def up(self, pid: int | None = None, url: str = "http://127.0.0.1:8420") -> None:
        """Pretend a node runs for this home."""
        self.home.mkdir(exist_ok=True)
        address = {"url": url, "pid": os.getpid() if pid is None else pid}
        (self.home / "api.json").write_text(json.dumps(address))
        (self.home / "api.token").write_text(TOKEN)


def in_process(citizen: FakeCitizen) -> type:
    """A transport that hands requests to the API's application."""

    class InProcess:
        def __init__(self, *, host: str, port: int) -> None:
            self.host = host
            self.port = port

        def __call__(
            self, method: str, path: str, headers: Mapping[str, str], body: Any, timeout_s: float
        ) -> Answer:
            raw = body if isinstance(body, bytes | None) else b"".join(body)
            given = {name: text for name, text in headers.items() if name != "Transfer-Encoding"}

            async def ask() -> Answer:
                asker = Asker(citizen)
                response = await asker.ask(method, path, raw, given, token=None)
                assert isinstance(response.body, bytes)
                return Answer(
                    status=response.status, media=response.content_type, body=response.body
                )

            return asyncio.run(ask())

    return InProcess


@pytest.fixture
def citizen() -> FakeCitizen:
    return FakeCitizen()


@pytest.fixture
def down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A shell whose node does not run."""
    home = tmp_path / "home"
    monkeypatch.setenv("INTENTCAST_HOME", str(home))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(tmp_path)
    return Shell(home=home, monkeypatch=monkeypatch)


@pytest.fixture
def shell(down: Shell, citizen: FakeCitizen, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A shell whose node is the fake."""
    monkeypatch.setattr(client, "HttpTransport", in_process(citizen))
    down.up()
    return down
