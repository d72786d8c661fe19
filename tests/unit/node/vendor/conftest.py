"""The shipped vocabulary, an open home and a maker of feed files."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from node.clock import ManualClock
from node.data.vocabulary import attribute_vocabulary, category_tree
from node.storage.database import Storage
from protocol.values.attributes import AttributeVocabulary
from protocol.values.category import CategoryTree
from tests.parties import NOW_MS


@pytest.fixture(scope="session")
def vocabulary() -> AttributeVocabulary:
    return attribute_vocabulary()


@pytest.fixture(scope="session")
def tree() -> CategoryTree:
    return category_tree()


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[Storage]:
    opened = await Storage.open(tmp_path / "home.db", clock=ManualClock(wall_ms=NOW_MS))
    yield opened
    await opened.close()


@pytest.fixture
def feed_file(tmp_path: Path) -> Callable[[bytes | str], Path]:
    """Write a feed and give its path."""

    def write(content: bytes | str, name: str = "feed.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write
