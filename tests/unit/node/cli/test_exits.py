"""Exit codes are a promise to scripts."""

from __future__ import annotations

from node.api.kinds import ErrorKind
from node.cli.exits import EXIT_OF_KIND, Exit


def test_the_numbers_never_change():
    assert {code.name: code.value for code in Exit} == {
        "OK": 0,
        "FAILED": 1,
        "USAGE": 2,
        "NODE_DOWN": 3,
        "LOCKED": 4,
        "REFUSED": 5,
        "TIMEOUT": 6,
        "NOT_FOUND": 7,
        "DAMAGED": 8,
    }


def test_every_kind_of_error_has_one():
    assert set(EXIT_OF_KIND) == set(ErrorKind)
    assert Exit.OK not in EXIT_OF_KIND.values()
