"""`outbox` lists letters on their way."""

from __future__ import annotations

from tests.unit.node.api.fake_citizen import FakeCitizen
from tests.unit.node.cli.conftest import Shell


def test_outbox(shell: Shell, citizen: FakeCitizen):
    assert "No letter is on its way." in shell.run("outbox").err
    letter = {"kind": "acceptance", "to": "key" + "-7Q4M" * 14, "tries": 2, "reason": None}
    citizen.letters = [
        letter | {"state": "pending", "next_at": "2027-01-01T00:00:00Z"},
        letter | {"state": "refused", "next_at": None, "reason": "not_open"},
        letter | {"kind": "note", "state": "pending", "next_at": None},
    ]
    _, pending, refused, note = shell.run("outbox").out.splitlines()
    assert pending.split()[:3] == ["acceptance", "key-7Q4M-7Q4M", "pending"]
    assert "2026-12-31" in pending or "2027-01-01" in pending
    assert refused.split()[-2:] == ["-", "not_open"]
    assert note.endswith("for another copy of this home, if there is one")
