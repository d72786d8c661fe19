"""A fair that is cleared away after each test, and a loop in which nothing of ours may block."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from blockbuster import BlockBuster, blockbuster_ctx

from tests.contract import watched
from tests.integration.fair import Fair

MAY_BLOCK = {
    # Coming up and going down: keys, token, lock and shop files are read once, before anybody asks.
    "node/daemon.py": {"_start", "_serve", "stop", "run_daemon"},
    "node/logs.py": {"log_to_file"},
    # One look at the file's time per request; it is read only when the shopkeeper has changed it.
    "node/vendor/rules.py": {"current"},
    # Measured runs only: the tracer takes its lock wherever it meets a file or thread anew.
    "coverage/collector.py": {"lock_data"},
    # Commands of their own: no node runs in their loop.
    "node/backup/restore.py": {"restore_home"},
    "node/cli/backup.py": {"_proved"},
    # The test's own hands.
    "tests/integration/fair.py": {"disk", "stall", "close"},
}
"""Source file -> functions under which the loop may wait for a disk."""


@pytest.fixture(autouse=True)
def _nothing_blocks() -> Iterator[BlockBuster]:
    """Any call of `node` or `protocol` that would stop the loop raises; their threads may wait."""
    with blockbuster_ctx(scanned_modules=["node", "protocol"]) as found:
        for function in found.functions.values():
            for file, names in MAY_BLOCK.items():
                function.can_block_in(file, names)
        yield found


@pytest.fixture(autouse=True)
def _answers_fit() -> Iterator[None]:
    """Every document a node of a test gives must be as the description of the API says."""
    with watched() as misfits:
        yield
    assert not misfits, misfits


@pytest.fixture
async def fair(tmp_path: Path) -> AsyncIterator[Fair]:
    folder = tmp_path / "fair"
    folder.mkdir()
    found = Fair(folder)
    yield found
    await found.close()
