"""What was found damaged, and how often the other party was asked."""

from __future__ import annotations

from node.storage import wanted
from node.storage.database import Storage
from node.storage.wanted import Asking, Wanted

ONE, TWO, DEAL = b"1" * 32, b"2" * 32, b"d" * 32


async def test_what_is_wanted_is_listed_until_it_is_here(storage: Storage):
    first = Wanted(id=ONE, deal_id=DEAL, found_ms=1)
    second = Wanted(id=TWO, deal_id=None, found_ms=2)

    def note(conn):
        for each in (first, second, Wanted(id=ONE, deal_id=None, found_ms=9)):
            wanted.want(conn, each)
        assert wanted.is_wanted(conn, ONE)
        assert wanted.of_deal(conn, DEAL) == [first]
        return wanted.all_of(conn, limit=10)

    assert await storage.write(note) == [first, second]
    assert await storage.read(lambda db: wanted.load_all(db, limit=9, after=1)) == [second]
    assert await storage.read(lambda db: wanted.load_all(db, limit=1)) == [first]
    await storage.write(lambda conn: wanted.settle(conn, ONE))
    assert await storage.read(lambda db: wanted.load_all(db, limit=9)) == [second]
    assert not await storage.write(lambda conn: wanted.is_wanted(conn, ONE))


async def test_who_holds_it_may_be_learnt_later(storage: Storage):
    def note(conn):
        for deal_id in (None, DEAL, b"e" * 32, None):
            wanted.want(conn, Wanted(id=ONE, deal_id=deal_id, found_ms=1))
        return wanted.all_of(conn, limit=10)

    assert await storage.write(note) == [Wanted(id=ONE, deal_id=DEAL, found_ms=1)]


async def test_questions_are_counted_by_deal(storage: Storage):
    def ask(conn):
        assert wanted.asking_of(conn, DEAL) == Asking(deal_id=DEAL)
        for n in (1, 2):
            wanted.save_asking(conn, Asking(deal_id=DEAL, asked_ms=n * 10, asks=n))
        return wanted.asking_of(conn, DEAL)

    assert await storage.write(ask) == Asking(deal_id=DEAL, asked_ms=20, asks=2)
