"""Repeated requests get the answer given once."""

from __future__ import annotations

import sqlite3

import pytest

from node.errors import StorageError
from node.storage import bounds, idempotency
from node.storage.idempotency import Conflict, Done, Effect, EffectKind, Fresh, Replay
from protocol.ids import blake2b_256

BODY, OTHER = blake2b_256(b"body"), blake2b_256(b"other")


def test_the_same_request_gets_the_same_answer(conn: sqlite3.Connection):
    assert idempotency.recall(conn, "key", BODY, 5) == Fresh()
    idempotency.remember(conn, "key", BODY, b"answer", 5)
    assert idempotency.recall(conn, "key", BODY, 6) == Replay(answer=b"answer")
    assert idempotency.recall(conn, "key", OTHER, 6) == Conflict()
    assert idempotency.recall(conn, "another", OTHER, 6) == Fresh()


def test_after_seven_days_a_key_is_free_again(conn: sqlite3.Connection):
    idempotency.remember(conn, "key", BODY, b"answer", 5)
    end = 5 + bounds.idempotency_ms
    assert idempotency.recall(conn, "key", OTHER, end - 1) == Conflict()
    assert idempotency.recall(conn, "key", OTHER, end) == Fresh()
    idempotency.remember(conn, "key", OTHER, b"new", end)
    assert idempotency.recall(conn, "key", OTHER, end) == Replay(answer=b"new")


def test_old_answers_go(conn: sqlite3.Connection, monkeypatch):
    idempotency.remember(conn, "key", BODY, b"answer", 5)
    assert idempotency.sweep(conn, 5 + bounds.idempotency_ms - 1) == 0
    assert idempotency.sweep(conn, 5 + bounds.idempotency_ms) == 1
    monkeypatch.setattr(bounds, "idempotency_rows_max", 2)
    for key in "abc":
        idempotency.remember(conn, key, BODY, b"answer", 5)
    answers = [idempotency.recall(conn, key, BODY, 5) for key in "abc"]
    assert answers == [Fresh(), Replay(answer=b"answer"), Replay(answer=b"answer")]


@pytest.mark.parametrize("kind", EffectKind)
def test_what_was_done_is_known_before_its_answer(conn: sqlite3.Connection, kind: EffectKind):
    effect = Effect(kind=kind, id=b"\x00\xff" * 8)
    idempotency.settle(conn, "key", BODY, effect, 5)
    assert idempotency.recall(conn, "key", BODY, 6) == Done(effect=effect)
    assert idempotency.recall(conn, "key", OTHER, 6) == Conflict()
    idempotency.remember(conn, "key", BODY, b"answer", 6)
    assert idempotency.recall(conn, "key", BODY, 7) == Replay(answer=b"answer")


@pytest.mark.parametrize("text", ["", "cast", "cast:", "cast:xy", "feast:00"])
def test_a_row_that_says_nothing_is_damage(conn: sqlite3.Connection, text: str):
    idempotency.settle(conn, "key", BODY, Effect(kind=EffectKind.CAST, id=b"1"), 5)
    conn.execute("UPDATE idempotency SET effect = ?", (text,))
    with pytest.raises(StorageError) as refused:
        idempotency.recall(conn, "key", BODY, 6)
    assert refused.value.code == "E-DB-DAMAGED"


def test_what_a_request_said_is_never_kept_in_place_of_its_hash(conn: sqlite3.Connection):
    effect = Effect(kind=EffectKind.CAST, id=b"c")
    for plain in (b"", b"a name and a budget", BODY * 2):
        with pytest.raises(ValueError, match="no hash"):
            idempotency.remember(conn, "key", plain, b"answer", 5)
        with pytest.raises(ValueError, match="no hash"):
            idempotency.settle(conn, "key", plain, effect, 5)
    assert idempotency.recall(conn, "key", BODY, 6) == Fresh()
