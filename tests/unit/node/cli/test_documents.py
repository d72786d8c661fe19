"""What `--json` prints is the document the node gave, as its record says, tag included."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract import misfit
from tests.unit.node.api.fake_citizen import CAST, PASSPHRASE, FakeCitizen, full
from tests.unit.node.cli.conftest import Shell

ASKED = {
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
    "add": ["peers", "add", "127.0.0.1:1"],
    "nearby": ["nearby"],
    "allow": ["nearby", "allow", "node-1"],
    "invite": ["invite"],
    "join": ["join", "intentcast://x"],
    "outbox": ["outbox"],
    "lock": ["lock"],
    "unlock": ["unlock", "--passphrase-file", "phrase"],
    "backup": ["backup", "home.icb"],
    "reopen": ["reopen", "--yes"],
    "identity": ["identity", "show"],
    "rotate": ["identity", "rotate", "--yes"],
    "vendor": ["vendor", "status"],
    "login-link": ["open"],
    "token": ["token", "new", "shop script"],
    "tokens": ["token", "list"],
    "token-revoked": ["token", "revoke", "token-7Q4M-K2XD"],
    "vendor-catalogue": ["vendor", "catalogue", "espresso"],
    "vendor-inbox": ["vendor", "inbox"],
    "vendor-offers": ["vendor", "offers"],
}


@pytest.mark.parametrize("name", ASKED)
def test_what_is_printed_fits_its_record(shell: Shell, citizen: FakeCitizen, name: str):
    citizen.letters = [
        {
            "kind": "offer",
            "to": full("key"),
            "state": "pending",
            "tries": 1,
            "mailboxes": 2,
            "put": 0,
            "next_at": "2027-02-20T12:00:00Z",
            "expires_at": "2027-02-22T12:00:00Z",
            "reason": "",
        }
    ]
    Path("phrase").write_text(PASSPHRASE)
    found = shell.run(*ASKED[name], "--json")
    assert found.code == 0
    assert misfit(found.document()) is None
