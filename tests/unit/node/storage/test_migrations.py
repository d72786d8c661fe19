"""From older files to this program's, and never from a newer one's."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from node.errors import StorageError
from node.storage import bounds, migrations
from node.storage.connection import APPLICATION_ID, open_writer
from node.storage.migrations import Migration, copy_database, copy_path, migrate, version_of

STEPS = (
    Migration(version=1, name="0001_one.sql", sql="CREATE TABLE one (n INTEGER) STRICT;"),
    Migration(version=2, name="0002_two.sql", sql="ALTER TABLE one ADD COLUMN m INTEGER"),
    Migration(version=3, name="0003_three.sql", sql="INSERT INTO one VALUES (3, 3);"),
)


@pytest.fixture
def bare(path: Path):
    conn = open_writer(path)
    yield conn
    conn.close()


def test_shipped_steps_are_numbered_without_gaps():
    shipped = migrations.migrations()
    assert [step.version for step in shipped] == list(range(1, len(shipped) + 1))


@pytest.mark.parametrize("step", migrations.migrations(), ids=lambda step: step.name)
def test_shipped_steps_leave_the_transaction_to_the_runner(step: Migration):
    without_triggers = re.sub(r"CREATE TRIGGER.*?\nEND;", "", step.sql, flags=re.DOTALL)
    assert not re.search(r"^\s*(BEGIN|COMMIT|ROLLBACK|PRAGMA)\b", without_triggers, re.MULTILINE)


def test_a_new_file_gets_everything_and_no_copy(conn: sqlite3.Connection, path: Path):
    assert version_of(conn) == len(migrations.migrations())
    assert conn.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
    assert conn.execute("PRAGMA foreign_key_check").fetchall() == []
    assert migrate(conn, path) == []
    assert sorted(each.name for each in path.parent.iterdir() if "before" in each.name) == []


def test_every_table_is_strict(conn: sqlite3.Connection):
    rows = conn.execute("PRAGMA table_list").fetchall()
    ours = [row for row in rows if not row["name"].startswith("sqlite_")]
    assert len(ours) > 15
    assert [row["name"] for row in ours if not row["strict"]] == []


def test_a_copy_is_kept_before_each_step(bare: sqlite3.Connection, path: Path):
    assert migrate(bare, path, STEPS[:1]) == []
    bare.execute("INSERT INTO one VALUES (1)")
    copies = migrate(bare, path, STEPS)
    assert copies == [copy_path(path, 2), copy_path(path, 3)]
    assert bare.execute("SELECT n, m FROM one").fetchall()[0]["n"] == 1
    with sqlite3.connect(copies[0]) as old:
        assert old.execute("SELECT * FROM one").fetchall() == [(1,)]
        assert old.execute("PRAGMA user_version").fetchone() == (1,)
    old.close()
    assert copies[0].stat().st_mode & 0o777 == 0o600


def test_old_copies_go(bare: sqlite3.Connection, path: Path, monkeypatch):
    monkeypatch.setattr(bounds, "copies_kept", 1)
    migrate(bare, path, STEPS[:1])
    migrate(bare, path, STEPS)
    assert not copy_path(path, 2).exists()
    assert copy_path(path, 3).exists()


def test_a_failing_step_changes_nothing(bare: sqlite3.Connection, path: Path):
    migrate(bare, path, STEPS[:1])
    broken = Migration(
        version=2, name="0002_x.sql", sql="CREATE TABLE two (n INTEGER); INSERT INTO nowhere;"
    )
    with pytest.raises(sqlite3.Error):
        migrate(bare, path, (STEPS[0], broken))
    assert version_of(bare) == 1
    assert not bare.in_transaction
    names = [row["name"] for row in bare.execute("SELECT name FROM sqlite_schema")]
    assert names == ["one"]
    assert copy_path(path, 2).exists()


@pytest.mark.parametrize("sql", ["CREATE TABLE (", "ROLLBACK; CREATE TABLE ("])
def test_a_step_that_is_no_sql_changes_nothing(bare: sqlite3.Connection, path: Path, sql: str):
    broken = Migration(version=1, name="0001_x.sql", sql=sql)
    with pytest.raises(sqlite3.Error):
        migrate(bare, path, (broken,))
    assert version_of(bare) == 0


def test_a_newer_file_is_refused_by_name(bare: sqlite3.Connection, path: Path):
    migrate(bare, path, STEPS)
    with pytest.raises(StorageError) as refused:
        migrate(bare, path, STEPS[:2])
    assert refused.value.code == "E-DB-NEWER"
    assert str(path) in refused.value.sentence
    assert "schema is 3" in refused.value.sentence
    assert refused.value.fix
    assert version_of(bare) == 3


def test_an_incomplete_installation_says_so(tmp_path: Path, monkeypatch):
    (tmp_path / "schema").mkdir()
    (tmp_path / "schema" / "0002_two.sql").write_text("")
    (tmp_path / "schema" / "readme.txt").write_text("")
    monkeypatch.setattr("importlib.resources.files", lambda _package: tmp_path)
    migrations.migrations.cache_clear()
    try:
        with pytest.raises(StorageError) as refused:
            migrations.migrations()
    finally:
        migrations.migrations.cache_clear()
    assert refused.value.code == "E-DB-SCHEMA"


def test_a_failing_copy_leaves_nothing_behind(bare: sqlite3.Connection, path: Path):
    migrate(bare, path, STEPS[:1])
    target = path.with_name("copy.db")
    target.mkdir()
    with pytest.raises(OSError, match=r"copy\.db"):
        copy_database(bare, target)
    assert [each.name for each in path.parent.glob("*.partial")] == []


def test_a_copy_replaces_an_older_one(bare: sqlite3.Connection, path: Path):
    migrate(bare, path, STEPS)
    target = path.with_name("copy.db")
    target.write_text("old")
    target.with_name("copy.db.partial").write_text("left by a crash")
    copy_database(bare, target)
    copy = sqlite3.connect(target)
    assert copy.execute("SELECT * FROM one").fetchall() == [(3, 3)]
    copy.close()
    assert [each.name for each in path.parent.glob("copy.db-*")] == []
