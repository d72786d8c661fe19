"""Errors of the file in a person's words."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from node.storage import faults

HOME = Path("/somewhere/home.db")


def error_of(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("as SQLite says it")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (sqlite3.SQLITE_FULL, "E-DISK-FULL"),
        (sqlite3.SQLITE_IOERR, "E-DB-WRITE"),
        (sqlite3.SQLITE_IOERR_WRITE, "E-DB-WRITE"),
        (sqlite3.SQLITE_READONLY_DBMOVED, "E-DB-WRITE"),
        (sqlite3.SQLITE_CANTOPEN, "E-DB-WRITE"),
        (sqlite3.SQLITE_CORRUPT, "E-DB-DAMAGED"),
        (sqlite3.SQLITE_NOTADB, "E-DB-DAMAGED"),
        (sqlite3.SQLITE_BUSY, "E-DB-BUSY"),
    ],
)
def test_each_fault_of_the_file_has_a_code_and_a_next_step(code: int, told: str):
    error = error_of(code)
    assert faults.loses_group(error)
    said = faults.storage_error(error, HOME)
    assert said.code == told
    assert said.fix
    assert "\n" not in str(said)


def test_a_broken_rule_of_a_row_is_no_fault_of_the_file():
    error = error_of(sqlite3.SQLITE_CONSTRAINT_UNIQUE)
    assert not faults.loses_group(error)
    assert faults.storage_error(error, HOME).code == "E-STORAGE"
    assert not faults.loses_group(KeyError())


def test_errors_of_the_file_system_are_write_errors():
    assert faults.storage_error(PermissionError("no"), HOME).code == "E-DB-WRITE"


def test_text_that_is_none_any_more_is_damage():
    error = sqlite3.OperationalError("Could not decode to UTF-8 column 'state' with text 'x'")
    assert faults.storage_error(error, Path("home.db")).code == "E-DB-DAMAGED"
