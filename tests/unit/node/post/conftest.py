"""A town per test, gone afterwards, none of its tasks failed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.node.post.town import Town


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    found = Town(tmp_path)
    try:
        yield found
    finally:
        await found.close()
