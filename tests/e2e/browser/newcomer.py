"""A person who has just installed the program: one home that was not there, and its commands.

Enters: a folder. Leaves: a node that runs as `intentcast up` starts it, and what commands print.
It is ended, by its own id, with the block.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from tests.e2e.browser.tab import Address
from tests.parties import NET

COMMAND = str(Path(sys.executable).with_name("intentcast"))
START_S = 30.0
END_S = 15.0
_READY = b"Ready."
_CODE = re.compile(r"^Code +(\S+)", re.MULTILINE)


class Newcomer:
    """A home, its node, and a terminal."""

    def __init__(self, home: Path) -> None:
        self._env = os.environ | {"INTENTCAST_HOME": str(home), "INTENTCAST_NET": NET}
        self._home = home

    @classmethod
    @asynccontextmanager
    async def moving_in(cls, home: Path) -> AsyncIterator[Newcomer]:
        """Start the node for the length of a block."""
        found = cls(home)
        node = await asyncio.create_subprocess_exec(
            COMMAND,
            *("up", "--no-browser", "--api-port", "0"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=found._env,
        )
        try:
            assert node.stdout is not None
            async with asyncio.timeout(START_S):
                said = await node.stdout.readuntil(_READY)
            assert b"Traceback" not in said
            yield found
        finally:
            with suppress(ProcessLookupError):
                node.terminate()
                with suppress(TimeoutError):
                    async with asyncio.timeout(END_S):
                        await node.communicate()
            with suppress(ProcessLookupError):
                node.kill()
            await node.wait()

    @property
    def address(self) -> Address:
        """Where the node answers its owner."""
        return Address.of(self._home)

    async def run(self, *words: str) -> str:
        """Run one command to its end; gives what it printed. It must not be refused."""
        process = await asyncio.create_subprocess_exec(
            COMMAND,
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=self._env,
        )
        said = (await process.communicate())[0].decode()
        assert process.returncode == 0, said
        return said

    async def code(self) -> str:
        """Ask for the code that lets one browser in."""
        found = _CODE.search(await self.run("open", "--no-browser"))
        assert found
        return found[1]
