"""The person's own requests."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from functools import partial

import pytest

from node.errors import StorageError
from node.storage import bounds, casts
from node.storage.casts import OwnCast
from node.storage.database import Storage
from protocol.ids import blake2b_256, to_text
from protocol.market.cast import CastState

DRAFT = OwnCast(
    nonce=b"n" * 16,
    draft='{"title": "Caméra"}',
    local={"budget": {"cur": "USD", "minor": 30_000}, "fields": {"name": "Ana ☃"}},
    created_ms=5,
)
OPEN = replace(
    DRAFT,
    nonce=b"m" * 16,
    cast_id=blake2b_256(b"cast"),
    root_id=blake2b_256(b"root"),
    state=CastState.OPEN,
    decide_by=7,
    exp=9,
    note="for the trip",
    created_ms=4,
)


async def test_a_request_comes_back_as_it_was_saved(storage: Storage):
    for each in (DRAFT, OPEN):
        await storage.write(partial(casts.save, cast=each))
    assert await storage.read(casts.load_all) == [OPEN, DRAFT]
    assert await storage.read(lambda db: casts.load_cast(db, DRAFT.nonce)) == DRAFT
    assert await storage.read(lambda db: casts.load_by_root(db, OPEN.root_id or b"")) == OPEN
    assert await storage.read(lambda db: casts.load_cast(db, b"?" * 16)) is None
    assert await storage.read(lambda db: casts.load_by_root(db, b"?" * 32)) is None


def test_inside_a_change_it_is_found_by_its_nonce(conn: sqlite3.Connection):
    casts.save(conn, OPEN)
    assert casts.cast_of(conn, OPEN.nonce) == OPEN
    assert casts.cast_of(conn, b"?" * 16) is None


def test_saving_again_changes_all_but_its_beginning(conn: sqlite3.Connection):
    casts.save(conn, DRAFT)
    casts.save(conn, replace(OPEN, nonce=DRAFT.nonce, created_ms=99))
    assert casts.cast_of(conn, DRAFT.nonce) == replace(
        OPEN, nonce=DRAFT.nonce, created_ms=DRAFT.created_ms
    )


def test_states_move_and_select(conn: sqlite3.Connection):
    casts.save(conn, DRAFT)
    casts.save(conn, OPEN)
    assert casts.in_states(conn, [CastState.DRAFT, CastState.OPEN]) == [OPEN, DRAFT]
    assert casts.set_state(conn, OPEN.nonce, CastState.AWARDED)
    assert not casts.set_state(conn, b"?" * 16, CastState.AWARDED)
    assert casts.in_states(conn, [CastState.OPEN]) == []
    assert casts.in_states(conn, [CastState.AWARDED]) == [replace(OPEN, state=CastState.AWARDED)]


def test_only_drafts_are_thrown_away(conn: sqlite3.Connection):
    casts.save(conn, DRAFT)
    casts.save(conn, OPEN)
    assert casts.remove_draft(conn, DRAFT.nonce)
    assert not casts.remove_draft(conn, DRAFT.nonce)
    assert not casts.remove_draft(conn, OPEN.nonce)
    assert casts.cast_of(conn, OPEN.nonce) == OPEN


def test_two_requests_never_share_an_id(conn: sqlite3.Connection):
    casts.save(conn, OPEN)
    with pytest.raises(sqlite3.IntegrityError):
        casts.save(conn, replace(OPEN, nonce=b"x" * 16))


def test_there_is_a_cap_on_new_ones_only(conn: sqlite3.Connection, monkeypatch):
    monkeypatch.setattr(bounds, "casts_max", 1)
    casts.save(conn, DRAFT)
    casts.save(conn, replace(DRAFT, note="changed"))
    with pytest.raises(StorageError) as refused:
        casts.save(conn, OPEN)
    assert refused.value.code == "E-DB-QUOTA"


def test_local_values_are_plain(conn: sqlite3.Connection):
    with pytest.raises(TypeError):
        casts.save(conn, replace(DRAFT, local={"salt": b"bytes"}))


def test_damage_in_a_column_is_said(conn: sqlite3.Connection):
    casts.save(conn, DRAFT)
    conn.execute("UPDATE casts SET local = '{'")
    with pytest.raises(StorageError) as refused:
        casts.cast_of(conn, DRAFT.nonce)
    assert refused.value.code == "E-DB-DAMAGED"


async def test_handles_of_root_and_newest_form_find_it(storage: Storage):
    for each in (DRAFT, OPEN):
        await storage.write(partial(casts.save, cast=each))
    for name in (OPEN.root_id, OPEN.cast_id):
        handle = to_text("cast", name or b"")[:14]
        found = await storage.read(partial(casts.load_by_handle, prefix="cast", handle=handle))
        assert found == [OPEN]
    right = to_text("cast", OPEN.root_id or b"")
    mistyped = right[:-1] + ("0" if right[-1] != "0" else "1")
    for wrong in (to_text("cast", blake2b_256(b"another")), mistyped):
        question = partial(casts.load_by_handle, prefix="cast", handle=wrong)
        assert await storage.read(question) == []
