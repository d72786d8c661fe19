"""What was shown once is remembered, once."""

from __future__ import annotations

from functools import partial

from node.storage import shown
from node.storage.database import Storage


async def test_a_thing_is_news_once(storage: Storage):
    assert not await storage.read(lambda db: shown.load_is_shown(db, "steps"))
    found = [await storage.write(partial(shown.note, name="steps", now_ms=at)) for at in (5, 6)]
    assert found == [True, False]
    assert await storage.read(lambda db: shown.load_is_shown(db, "steps"))
    assert not await storage.read(lambda db: shown.load_is_shown(db, "other"))
