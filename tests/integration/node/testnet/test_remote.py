"""The testnet that runs in another terminal: found by its word, believed only if ours and alive."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from node.entropy import SeededEntropy
from node.testnet import remote
from node.testnet.control import within_reach
from node.testnet.crossing import Crossing
from node.testnet.fault import CONTROL_FILE, FOLDER_PREFIX, Change
from protocol.errors import IntentcastError
from tests.integration.node.testnet.conftest import NET


async def ask(at: str | None = None, change: Change | None = None) -> dict[str, Any]:
    return await asyncio.to_thread(remote.ask, at, change)


async def refused(at: str | None = None, change: Change | None = None) -> IntentcastError:
    with pytest.raises(IntentcastError) as caught:
        await ask(at, change)
    assert caught.value.fix
    return caught.value


async def test_after_its_end_nobody_answers(folder: Path):
    crossing = Crossing(["relay-1"], lambda link: SeededEntropy(link, net="test"))
    async with within_reach(crossing, NET, folder):
        await ask()
    assert (await refused()).code == "E-NO-TESTNET"


async def test_none_and_several(folder: Path, tmp_path: Path):
    assert (await refused()).code == "E-NO-TESTNET"
    assert (await refused(str(tmp_path))).code == "E-NO-TESTNET"
    other = tmp_path / f"{FOLDER_PREFIX}def"
    other.mkdir()
    crossing = Crossing(["relay-1"], lambda link: SeededEntropy(link, net="test"))
    async with within_reach(crossing, NET, folder), within_reach(crossing, "testnet-4", other):
        error = await refused()
        assert error.code == "E-TESTNETS"
        assert str(folder) in error.fix
        assert str(other) in error.fix
        assert (await ask(str(other)))["net"] == "testnet-4"


@pytest.mark.parametrize(
    "change",
    [
        {"pid": 2**22 + 1},
        {"pid": "x"},
        {"pid": 10**30},
        {"url": "http://198.51.100.7:80"},
        {"token": "ä"},
    ],
    ids=str,
)
async def test_a_word_that_is_not_whole_is_not_believed(
    crossing: Crossing, folder: Path, change: dict[str, Any]
):
    file = folder / CONTROL_FILE
    file.write_text(json.dumps(json.loads(file.read_text()) | change), encoding="utf-8")
    assert (await refused()).code == "E-NO-TESTNET"


async def test_a_word_others_could_have_written_is_not_believed(crossing: Crossing, folder: Path):
    (folder / CONTROL_FILE).chmod(0o666)
    assert (await refused()).code == "E-NO-TESTNET"


async def test_another_program_on_its_port(folder: Path):
    async def mumble(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        writer.close()

    server = await asyncio.start_server(mumble, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    file = folder / CONTROL_FILE
    word = {"url": f"http://127.0.0.1:{port}", "token": "t", "pid": os.getpid(), "net": NET}
    file.write_text(json.dumps(word), encoding="utf-8")
    file.chmod(0o600)
    assert (await refused()).code == "E-NO-TESTNET"
    server.close()
    await server.wait_closed()


async def test_a_pipe_of_that_name_holds_nobody_up(folder: Path, tmp_path: Path):
    other = tmp_path / f"{FOLDER_PREFIX}pipe"
    other.mkdir()
    os.mkfifo(other / CONTROL_FILE, 0o600)
    async with asyncio.timeout(5):
        assert (await refused()).code == "E-NO-TESTNET"


async def test_a_link_to_another_word_is_not_a_testnet(
    crossing: Crossing, folder: Path, tmp_path: Path
):
    other = tmp_path / f"{FOLDER_PREFIX}link"
    other.mkdir()
    (other / CONTROL_FILE).symlink_to(folder / CONTROL_FILE)
    assert (await ask())["net"] == NET


async def test_the_home_of_nobody_is_no_testnet():
    assert (await refused("~nobody-of-that-name/x")).code == "E-NO-TESTNET"


@pytest.mark.parametrize("status", [200, 400])
async def test_another_program_at_its_port_is_not_believed(folder: Path, status: int):
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 2\r\n\r\n[]".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    word = {"url": f"http://127.0.0.1:{port}", "token": "x", "pid": os.getpid(), "net": NET}
    file = folder / CONTROL_FILE
    file.write_text(json.dumps(word), encoding="utf-8")
    file.chmod(0o600)
    async with server:
        assert (await refused()).code == "E-NO-TESTNET"
