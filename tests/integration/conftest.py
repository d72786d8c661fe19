"""A fair that is cleared away after each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.fair import Fair


@pytest.fixture
async def fair(tmp_path: Path) -> AsyncIterator[Fair]:
    folder = tmp_path / "fair"
    folder.mkdir()
    found = Fair(folder)
    yield found
    await found.close()
