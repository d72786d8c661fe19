"""One real process under siege: honest peers are served, memory is bounded, who is at fault goes.

The sizes are small and all attacks meet one node; `INTENTCAST_LONG=1` takes the design's sizes,
each against a node of its own, as `python -m tests.siege` does.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.siege.attacks import ATTACKS, LONG, SHORT, run
from tests.siege.siege import Service, Siege, laid

IS_LONG = os.environ.get("INTENTCAST_LONG") == "1"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def siege(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Siege, Service]]:
    """A node that serves honest peers, and how it did before anything happened."""
    async with laid(tmp_path_factory.mktemp("siege")) as laid_siege:
        yield laid_siege, await laid_siege.serve(SHORT.seconds)


@pytest.mark.skipif(IS_LONG, reason="the long form is asked for")
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", ATTACKS)
async def test_honest_peers_are_served(siege: tuple[Siege, Service], tmp_path: Path, name: str):
    besieged, before = siege
    found = await ATTACKS[name](besieged, before, SHORT, tmp_path)
    print(found.row())
    assert found.faults() == []
    assert found.seen["sent"]


@pytest.mark.skipif(not IS_LONG, reason="INTENTCAST_LONG=1 asks for the long form")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ATTACKS)
async def test_honest_peers_are_served_for_long(tmp_path: Path, name: str):
    found = await run(name, LONG, tmp_path)
    print(found.row())
    assert found.faults() == []
