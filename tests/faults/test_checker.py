"""The judge itself is tried: each thing a crash could leave wrong is put on the disks by hand."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.house import House
from tests.faults.stories import Story, deal, revoke
from tests.faults.street import Street


@dataclass(frozen=True)
class Wrong:
    """One thing put wrong, and what the judge must say of it."""

    side: str
    sql: str
    says: str


LAST_EVENT = "(SELECT max(id) FROM outbox WHERE kind = 'event')"
WRONGS = (
    Wrong("buyer", "DELETE FROM outbox WHERE kind = 'acceptance'", "never put into the outbox"),
    Wrong("vendor", "DELETE FROM outbox WHERE kind = 'offer'", "has no letter"),
    Wrong("buyer", "DELETE FROM audit WHERE what = 'deal.agreed'", "no line 'deal.agreed'"),
    Wrong("buyer", "DELETE FROM audit WHERE what = 'letter_acked'", "not in the history"),
    Wrong("buyer", "DELETE FROM disclosed WHERE field = 'name'", "not entered into the ledger"),
    Wrong("buyer", "DELETE FROM deals", "has no row"),
    Wrong("buyer", "UPDATE deals SET agreed_id = NULL", "has no agreed_id"),
    Wrong(
        "buyer", "UPDATE deals SET state = 'accept_sent'", "is accept_sent here and agreed there"
    ),
    Wrong("buyer", "UPDATE casts SET state = 'open' WHERE state = 'awarded'", "has 1 deals"),
    Wrong("buyer", "UPDATE casts SET state = 'awarded' WHERE state = 'revoked'", "not revoked"),
    Wrong("buyer", "DELETE FROM casts WHERE state = 'awarded'", "the cast is gone"),
    Wrong("buyer", "DELETE FROM boxes_own", "has no box"),
    Wrong(
        "buyer",
        "INSERT INTO casts (nonce, state, draft, local, created_ms, note) "
        "SELECT x'00112233445566778899aabbccddeeff', 'draft', draft, local, created_ms, '' "
        "FROM casts LIMIT 1",
        "it did so 2 times",
    ),
    Wrong("buyer", "DELETE FROM objects WHERE kind = 'offer'", "was shown and is gone"),
    Wrong("vendor", "DELETE FROM objects WHERE kind = 'acceptance'", "has a receipt and nobody"),
    Wrong("vendor", "UPDATE deals SET opened = '{}'", "was promised and [] arrived"),
    Wrong("vendor", "UPDATE deals SET state = 'confirmed'", "values are here for a deal that is"),
    Wrong("vendor", "UPDATE deals SET state = 'confirmed'", "is still confirmed"),
    Wrong("vendor", "DELETE FROM offers_sent", "does not count as sent"),
    Wrong(
        "vendor",
        f"UPDATE outbox SET state = 'pending' WHERE id = {LAST_EVENT}",
        "is on its way after",
    ),
    Wrong("buyer", "UPDATE objects SET own = 0 WHERE kind = 'offer'", "would be let go"),
    Wrong("buyer", "UPDATE objects SET own = 0 WHERE kind = 'intentcast'", "would be let go"),
    Wrong("vendor", "UPDATE sizes SET rows = rows + 1 WHERE name = 'outbox'", "outbox counts"),
    Wrong(
        "buyer",
        "INSERT INTO audit (at, what, ids, detail) "
        "SELECT at, what, ids, detail FROM audit WHERE what = 'deal.agreed'",
        "the history tells 'deal.agreed'",
    ),
    Wrong("buyer", "DELETE FROM idempotency", "does not know its key"),
    Wrong("buyer", "UPDATE idempotency SET answer = x''", "does not know its key"),
    Wrong(
        "vendor", f"UPDATE outbox SET state = 'expired' WHERE id = {LAST_EVENT}", "never arrived"
    ),
    Wrong("vendor", f"UPDATE outbox SET letter = x'00' WHERE id = {LAST_EVENT}", "other bytes"),
    Wrong("vendor", "UPDATE threads SET last_other_id = zeroblob(32)", "is not on disk"),
    Wrong(
        "buyer",
        "UPDATE objects SET raw = (SELECT raw FROM objects WHERE kind = 'offer' LIMIT 1) "
        "WHERE kind = 'acceptance'",
        "has other bytes",
    ),
)


def struck(folder: Path, whole: Street, wrong: Wrong) -> Street:
    """Copy the disks of a street and put one thing wrong on one of them."""
    copy = Street(folder)
    for houses, copies in (
        (whole.relays, copy.relays),
        (whole.vendors, copy.vendors),
        (whole.buyers, copy.buyers),
    ):
        for house in houses:
            shutil.copytree(house.home, folder / house.name)
            copies.append(
                House(house.name, folder / house.name, {}, acks=house.acks, shown=house.shown)
            )
    victim = copy.buyer if wrong.side == "buyer" else copy.vendor
    with closing(sqlite3.connect(victim.home / "node.db")) as conn:
        conn.execute("PRAGMA foreign_keys = OFF")
        conn.execute("PRAGMA ignore_check_constraints = ON")
        assert conn.execute(wrong.sql).rowcount > 0, f"nothing was put wrong by {wrong.sql}"
        conn.commit()
    return copy


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_the_judge_sees_everything_that_is_put_wrong(tmp_path: Path):
    street = Street(tmp_path / "street")
    try:
        await street.open()
        await deal(Story(street, "a wish"))
        await revoke(Story(street, "a wish taken back"))
        assert await street.settled_verdict() == []
    finally:
        await street.close()
    missed = []
    for number, wrong in enumerate(WRONGS):
        found = struck(tmp_path / f"wrong-{number}", street, wrong).verdict()
        if not any(wrong.says in fault for fault in found):
            missed.append(f"{wrong.sql}: {found}")
    assert not missed, "\n".join(missed)
