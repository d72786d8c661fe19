"""Only `node/storage` speaks SQL: a change written elsewhere could be torn by a cancelled task."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]
STATEMENT = re.compile(
    r"^\s*(BEGIN(\s+(DEFERRED|IMMEDIATE|EXCLUSIVE|TRANSACTION))?\s*;?$|COMMIT\s*;?$|ROLLBACK\b"
    r"|SAVEPOINT\s|RELEASE\s+\w+\s*;?$|INSERT\s+(OR\s+\w+\s+)?INTO\s|REPLACE\s+INTO\s|UPDATE\s+\w+\s+SET\s"
    r"|DELETE\s+FROM\s|SELECT\s.+\sFROM\s|CREATE\s+(TABLE|INDEX|TRIGGER|VIEW)\s|DROP\s+TABLE\s"
    r"|ALTER\s+TABLE\s|PRAGMA\s)",
    re.IGNORECASE | re.DOTALL,
)
METHODS = {"commit", "rollback", "executescript", "executemany"}


def statements(source: str) -> list[int]:
    """Line numbers of SQL texts and of calls that end a transaction."""
    found = []
    tree = ast.parse(source)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if id(node) not in docstrings and STATEMENT.match(node.value):
                found.append(node.lineno)
        elif isinstance(node, ast.Attribute) and node.attr in METHODS:
            found.append(node.lineno)
    return found


def test_no_sql_outside_storage():
    modules = [*(ROOT / "node").rglob("*.py"), *(ROOT / "protocol").rglob("*.py")]
    outside = [path for path in modules if ROOT / "node" / "storage" not in path.parents]
    assert len(outside) > 20
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in outside
        for line in statements(path.read_text("utf-8"))
    ]
    assert found == []


def test_inside_storage_only_the_writer_its_reader_and_migrations_end_transactions():
    ends = {"BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE"}
    allowed = {"writer.py", "readers.py", "migrations.py", "salvage.py"}
    found = []
    for path in (ROOT / "node" / "storage").glob("*.py"):
        source = path.read_text("utf-8")
        lines = source.splitlines()
        for line in statements(source):
            if path.name not in allowed and any(word in lines[line - 1] for word in ends):
                found.append(f"{path.name}:{line}")
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        'db.execute("INSERT INTO x VALUES (1)")',
        'db.execute("begin immediate")',
        'db.execute("COMMIT")',
        'db.execute("""\n  UPDATE x SET a = 1""")',
        'db.execute(f"DELETE FROM {name}")',
        'db.execute("SELECT a FROM x")',
        "await db.commit()",
        "db.executescript(text)",
    ],
)
def test_this_test_sees_what_it_looks_for(source: str):
    assert statements(f"async def f(db, name, text):\n    {source}\n")


@pytest.mark.parametrize(
    "source",
    [
        '"""Release nothing."""',
        'say("Update the price")',
        'say("Begin here")',
        'say("Select one of them")',
    ],
)
def test_this_test_lets_plain_words_be(source: str):
    assert statements(source) == []
