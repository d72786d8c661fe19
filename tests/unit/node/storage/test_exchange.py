"""One file in the place of another: whole or not at all, whenever it is cut."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.storage.exchange import (
    draft_path,
    exchange,
    finish,
    forget_draft,
    is_begun,
    kept_path,
    note_path,
)
from node.storage.journal import index_path, journal_path
from node.storage.page_sums import sums_path


@pytest.fixture
def both(path: Path) -> Path:
    path.write_bytes(b"old")
    draft_path(path).write_bytes(b"new")
    for beside in (journal_path(path), sums_path(path)):
        beside.write_bytes(b"of the old one")
    return path


def assert_new(path: Path) -> None:
    assert path.read_bytes() == b"new"
    assert kept_path(path).read_bytes() == b"old"
    assert kept_path(path).name == "home.damaged.db"
    left = {each.name for each in path.parent.iterdir()}
    assert left == {"home.db", "home.damaged.db", "home.damaged.db-wal"}
    assert journal_path(kept_path(path)).read_bytes() == b"of the old one"


def test_the_new_file_takes_the_place_of_the_old(both: Path):
    exchange(both)
    assert_new(both)


def test_what_was_begun_is_ended(both: Path):
    note_path(both).touch()
    both.replace(kept_path(both))
    finish(both)
    assert_new(both)
    finish(both)
    assert_new(both)


@pytest.mark.parametrize("step", range(5))
def test_wherever_it_was_cut_it_is_ended(both: Path, step: int):
    note_path(both).touch()
    assert is_begun(both)
    if step > 0:
        both.replace(kept_path(both))
    if step > 1:
        journal_path(both).replace(journal_path(kept_path(both)))
    if step > 2:
        sums_path(both).unlink()
    if step > 3:
        draft_path(both).replace(both)
        assert not is_begun(both)
    finish(both)
    assert_new(both)


def test_a_log_kept_before_does_not_stand_beside_another_file(both: Path):
    journal_path(both).unlink()
    journal_path(kept_path(both)).write_bytes(b"of one long ago")
    index_path(kept_path(both)).write_bytes(b"of one long ago")
    exchange(both)
    assert {each.name for each in both.parent.iterdir()} == {"home.db", "home.damaged.db"}


def test_what_was_not_begun_is_not_ended(both: Path):
    finish(both)
    assert both.read_bytes() == b"old"
    forget_draft(both)
    assert not draft_path(both).exists()
    assert both.read_bytes() == b"old"


def test_a_note_without_a_draft_is_of_an_exchange_that_ended(both: Path):
    draft_path(both).unlink()
    note_path(both).touch()
    finish(both)
    assert both.read_bytes() == b"old"
    assert sums_path(both).exists()
    assert not note_path(both).exists()
