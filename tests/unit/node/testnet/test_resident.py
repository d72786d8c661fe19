"""The program of a spawned node: why it does not start, and when it stops."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from node.testnet import resident
from node.testnet.interrupt import run_to_end


def test_a_home_that_is_wrong_is_said_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "config.toml").write_text("nett = 1\n", encoding="utf-8")
    assert resident.main([str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "nett" in said
    assert len(said.splitlines()) == 1


def test_the_end_of_its_input_stops_it(monkeypatch: pytest.MonkeyPatch):
    read_end, write_end = os.pipe()
    told: list[int] = []

    async def main() -> None:
        import asyncio

        with os.fdopen(read_end) as stdin:
            monkeypatch.setattr(sys, "stdin", stdin)
            monkeypatch.setattr(os, "kill", lambda _pid, number: told.append(number))
            resident._stop_when_alone(None)  # type: ignore[arg-type]
            os.write(write_end, b"x")
            await asyncio.sleep(0)
            os.close(write_end)
            async with asyncio.timeout(5):
                while not told:
                    await asyncio.sleep(0)

    assert run_to_end(main())
    assert told == [signal.SIGTERM]
