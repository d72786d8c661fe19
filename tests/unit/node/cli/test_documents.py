"""Golden shapes: what a program reads from `--json` today it reads tomorrow.

The files hold names and types. A member may be added with its golden file; one that goes or
changes its type needs a new number in its schema.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.node.api.fake_citizen import CAST, PASSPHRASE, FakeCitizen
from tests.unit.node.cli.conftest import Shell

GOLDEN = Path(__file__).parent / "golden"
READS = {
    "status": ["status"],
    "casts": ["casts"],
    "cast": ["cast", "espresso machine", "--category", "x", "--yes"],
    "offers": ["offers", CAST["handle"]],
    "deals": ["deal"],
    "deal": ["deal", "deal-9ABC"],
    "accept": ["accept", "offer-1", "--yes"],
    "revoke": ["revoke", "cast-1", "--yes"],
    "doctor": ["doctor"],
    "peers": ["peers"],
    "outbox": ["outbox"],
    "paths": ["paths"],
    "lock": ["lock"],
    "unlock": ["unlock", "--passphrase-file", "phrase"],
    "backup": ["backup", "home.icb"],
    "categories": ["categories", "digital", "camera"],
    "category": ["categories", "electronics/cameras/digital-cameras"],
    "vendor": ["vendor", "status"],
    "login-link": ["open"],
    "token": ["token", "new", "shop script"],
    "tokens": ["token", "list"],
    "token-revoked": ["token", "revoke", "token-7Q4M-K2XD"],
}


def shape(value: Any) -> Any:
    """Names and types of a document; the schema's own text stays."""
    if isinstance(value, dict):
        return {name: child if name == "schema" else shape(child) for name, child in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return "null" if value is None else type(value).__name__


@pytest.mark.parametrize("name", READS)
def test_shape(shell: Shell, citizen: FakeCitizen, name: str):
    citizen.letters = [
        {
            "kind": "offer",
            "to": "key",
            "state": "pending",
            "tries": 1,
            "next_at": "x",
            "reason": None,
        }
    ]
    Path("phrase").write_text(PASSPHRASE)
    found = shell.run(*READS[name], "--json")
    assert found.code == 0
    document = found.document()
    assert document["schema"].startswith("intentcast.")
    golden = json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))
    assert shape(document) == golden


def test_no_golden_file_is_left_over():
    assert {path.stem for path in GOLDEN.iterdir()} == set(READS)
