"""The judge: reads what is on disk, hears what was promised, and names whatever does not fit.

Enters: the databases of homes, read-only and without any code of `node`, and the answers their API
gave. Leaves: one sentence per fault; none means that nothing acknowledged is lost, nothing stands
half done, nothing is stuck, and both sides of every deal hold the same. It knows the promises of
docs/internals/invariants.md, not how they are kept.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from protocol import limits
from protocol.ids import blake2b_256, to_text
from protocol.objects.acceptance import Acceptance
from protocol.objects.envelope import Verified, open_stored
from protocol.objects.event import Agreed, Confirmed
from tests.faults.house import Ack, Document

TABLES = (
    *("objects", "casts", "threads", "deals", "offers_sent", "outbox", "boxes_own"),
    *("served_boxes", "served_letters", "served_receipts", "audit", "idempotency", "disclosed"),
    *("restorations", "copies", "sizes"),
)
HOLDS_NO_MORE = {"declined", "voided", "cancelled"}
Row = Mapping[str, Any]


@dataclass
class Disk:
    """One home's database at one moment."""

    name: str
    net: str
    tables: dict[str, list[Row]]
    damage: list[str]
    raws: dict[bytes, bytes] = field(default_factory=dict)
    """Object id -> envelope."""

    def __post_init__(self) -> None:
        self.raws = {row["id"]: row["raw"] for row in self.tables["objects"]}

    def rows(self, table: str, **equal: Any) -> list[Row]:
        """List the rows whose columns have these values."""
        return [
            row
            for row in self.tables[table]
            if all(row[column] == value for column, value in equal.items())
        ]

    def row(self, table: str, **equal: Any) -> Row | None:
        """Find the first such row."""
        return next(iter(self.rows(table, **equal)), None)

    def bodies(self, kind: type[Any]) -> Iterator[Verified[Any]]:
        """Open every object of ours or to us whose body is of a kind."""
        for row in self.tables["objects"]:
            if row["to_key"] is not None and row["raw"] is not None:
                verified = opened(row["raw"], self.net)
                if isinstance(verified.body, kind):
                    yield verified

    def was_noted(self, what: str, object_id: bytes) -> bool:
        """Whether the history has a line about an object."""
        name = object_id.hex()
        return any(row["what"] == what and name in row["ids"] for row in self.tables["audit"])


@lru_cache(maxsize=20_000)
def opened(raw: bytes, net: str) -> Verified[Any]:
    """Check an envelope's signature and read it; the same bytes give the same."""
    return open_stored(raw, net=net)


def read_disk(name: str, home: Path, net: str) -> Disk:
    """Copy every table that says something about promises, as of one moment."""
    uri = f"{(home / 'node.db').absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=10)) as conn:
        conn.row_factory = sqlite3.Row
        conn.execute("BEGIN")
        tables = {table: list(conn.execute(f"SELECT * FROM {table}")) for table in TABLES}
        said = [row[0] for row in conn.execute("PRAGMA integrity_check")]
        damage = [] if said == ["ok"] else said
        damage += [str(tuple(row)) for row in conn.execute("PRAGMA foreign_key_check")]
    return Disk(name, net, tables, damage)


def ask_disk(home: Path, sql: str, *parameters: Any) -> list[Row]:
    """Put one question to a home's database; for waiting until something is true."""
    uri = f"{(home / 'node.db').absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=10)) as conn:
        conn.row_factory = sqlite3.Row
        return list(conn.execute(sql, parameters))


# --- one home ------------------------------------------------------------------------------------


def check_bytes(disk: Disk) -> Iterator[str]:
    """Every byte is what was written: SQLite's own check, the hash of each object and letter."""
    yield from disk.damage
    for row in disk.tables["objects"]:
        verified = opened(row["raw"], disk.net)
        if verified.id != row["id"]:
            yield f"object {hexed(row['id'])} has other bytes"
    for table in ("outbox", "served_letters"):
        for row in disk.tables[table]:
            if blake2b_256(row["letter"]) != row["letter_hash"]:
                yield f"a letter in {table} has other bytes"


def check_letters(disk: Disk) -> Iterator[str]:
    """What we signed for somebody and its letter are one: neither is there without the other."""
    sent = {row["envelope_id"]: row for row in disk.tables["outbox"]}
    for row in sent.values():
        if row["envelope_id"] not in disk.raws:
            yield f"a letter carries {hexed(row['envelope_id'])}, which is not on disk"
        if row["state"] == "acked" and not disk.was_noted("letter_acked", row["envelope_id"]):
            yield f"the receipt of {hexed(row['envelope_id'])} is not in the history"
    others = {(row["cast_id"], row["other_key"]) for row in disk.tables["threads"]}
    if disk.tables["restorations"]:
        # What an earlier life signed after its backup came back from others; its letters did not.
        return
    for row in disk.tables["objects"]:
        is_own = (row["thread"], row["to_key"]) in others and row["to_key"] is not None
        if is_own and row["id"] not in sent:
            yield f"{row['kind']} {hexed(row['id'])} was signed and never put into the outbox"


def check_kept(disk: Disk) -> Iterator[str]:
    """What we are bound by outlives its expiry: it is marked as ours on disk, or as pinned."""
    bound = {row["envelope_id"] for row in disk.tables["outbox"]}
    for row in disk.tables["deals"]:
        bound |= {row[f"{what}_id"] for what in ("deal", "offer", "confirmed", "agreed")}
    bound |= {row["cast_id"] for row in disk.tables["casts"]}
    for row in disk.tables["objects"]:
        if row["id"] in bound and not (row["own"] or row["pinned"]):
            yield f"{row['kind']} {hexed(row['id'])} would be let go when it expires"


def check_counts(disk: Disk) -> Iterator[str]:
    """What triggers count is there; a change that left half would show here."""
    for row in disk.tables["sizes"]:
        if row["rows"] != len(disk.tables[row["name"]]):
            yield f"{row['name']} counts {row['rows']} and holds {len(disk.tables[row['name']])}"
    letters = Counter(row["reader"] for row in disk.tables["served_letters"])
    for row in disk.tables["served_boxes"]:
        if row["letters"] != letters[row["reader"]]:
            yield f"a served box counts {row['letters']} and holds {letters[row['reader']]}"


_KEYS_KEPT_MS = 7 * 86_400_000
_ONCE = ("cast.open", "offer.sent", "deal.agreed", "deal.confirmed", "letter_acked")


def check_history(disk: Disk) -> Iterator[str]:
    """What happens once is told once."""
    told = Counter(
        (row["what"], row["ids"]) for row in disk.tables["audit"] if row["what"] in _ONCE
    )
    for (what, ids), count in told.items():
        if count > 1:
            yield f"the history tells '{what}' of {ids[:40]} {count} times"


def check_threads(disk: Disk) -> Iterator[str]:
    """A thread names only objects that are there."""
    for row in disk.tables["threads"]:
        for column in ("offer_id", "profile_id", "last_own_id", "last_other_id"):
            if row[column] is not None and row[column] not in disk.raws:
                yield f"a thread's {column} {hexed(row[column])} is not on disk"
    for row in disk.tables["offers_sent"]:
        if disk.row("threads", offer_id=row["offer_id"]) is None:
            yield f"offer {hexed(row['offer_id'])} counts as sent and has no thread"
        if not disk.was_noted("offer.sent", row["offer_id"]):
            yield f"offer {hexed(row['offer_id'])} is not in the history"
        if disk.row("outbox", envelope_id=row["offer_id"]) is None:
            yield f"offer {hexed(row['offer_id'])} counts as sent and has no letter"
    now_ms = max((row["at"] for row in disk.tables["audit"]), default=0)
    for row in disk.rows("outbox", kind="offer"):
        # What has expired may be forgotten.
        is_counted = disk.row("offers_sent", offer_id=row["envelope_id"]) is not None
        if not is_counted and row["expires_at"] > now_ms:
            yield f"offer {hexed(row['envelope_id'])} was sent and does not count as sent"


def check_casts(disk: Disk) -> Iterator[str]:
    """A draft has left no trace outside; a cast has its object, its box and its line of history."""
    for row in disk.tables["casts"]:
        name = f"the cast {hexed(row['cast_id'] or row['nonce'])} ({row['state']})"
        boxes = disk.rows("boxes_own", ctx=row["nonce"])
        if row["cast_id"] is None:
            if boxes or row["state"] not in ("draft", "expired"):
                yield f"{name} was never signed, and yet is more than a draft"
            continue
        if row["state"] != "revoked" and row["cast_id"] not in disk.raws:
            yield f"{name} is not on disk"
        if not boxes:
            yield f"{name} has no box"
        # One that a restored home found at a relay was opened in another life.
        if not any(disk.was_noted(what, row["root_id"]) for what in ("cast.open", "cast.found")):
            yield f"{name} is not in the history"
        yield from _line_faults(disk, row, name)


def _line_faults(disk: Disk, row: Row, name: str) -> Iterator[str]:
    deals = disk.rows("deals", cast_id=row["root_id"], role="buyer")
    held = [each for each in deals if each["state"] not in HOLDS_NO_MORE]
    if len(held) > 1:
        yield f"{name}: {len(held)} deals hold its one line"
    if (row["state"] == "awarded") != bool(held):
        yield f"{name} has {len(held)} deals"


def check_deals(disk: Disk) -> Iterator[str]:
    """A deal's row, its objects, its letters and its history tell one story."""
    accepted = {verified.id for verified in disk.bodies(Acceptance)}
    rows = {row["deal_id"]: row for row in disk.tables["deals"]}
    for deal_id in accepted ^ set(rows):
        yield f"deal {hexed(deal_id)} has {'no row' if deal_id in accepted else 'no acceptance'}"
    for row in rows.values():
        name = f"deal {hexed(row['deal_id'])} ({row['role']}, {row['state']})"
        for fault in _deal_faults(disk, row):
            yield f"{name} {fault}"
    named = Counter(verified.body.of for verified in disk.bodies(Agreed))
    for confirmed_id, count in named.items():
        if count > 1:
            yield f"{count} acknowledgements of one confirmation {hexed(confirmed_id)}"
    confirmed = Counter(verified.body.of for verified in disk.bodies(Confirmed))
    for deal_id, count in confirmed.items():
        if count > 1:
            yield f"{count} confirmations of one deal {hexed(deal_id)}"


_NEEDS = {
    "agreed": ("confirmed_id", "agreed_id"),
    "confirmed": ("confirmed_id",),
    "voided": (),
    "declined": (),
    "cancelled": (),
    "offered": (),
    "accept_sent": (),
}
"""State -> what a deal's row must name."""
_SIGNED_BY = {"confirmed_id": "vendor", "agreed_id": "buyer"}


def _deal_faults(disk: Disk, row: Row) -> Iterator[str]:
    for column in _NEEDS[row["state"]]:
        if row[column] is None:
            yield f"has no {column}"
    for column in ("offer_id", "confirmed_id", "agreed_id", "ended_id"):
        if row[column] is not None and row[column] not in disk.raws:
            yield f"names a {column} that is not on disk"
    for column, signer in _SIGNED_BY.items():
        if row[column] is None or signer != row["role"]:
            continue
        if disk.row("outbox", envelope_id=row[column]) is None:
            yield f"has a {column} without a letter"
    first = "deal.accept_sent" if row["role"] == "buyer" else "deal.offered"
    for what in (first, f"deal.{row['state']}"):
        if not disk.was_noted(what, row["deal_id"]):
            yield f"has no line '{what}' in the history"


def check_disclosure(disk: Disk) -> Iterator[str]:
    """Committed values are told once per deal, after a confirmation, and only to its vendor."""
    told = Counter(
        (row["cast_id"], row["other_key"], row["field"])
        for row in disk.tables["disclosed"]
        if row["tier"] == 3
    )
    due: set[tuple[bytes, bytes, str]] = set()
    for row in disk.tables["deals"]:
        fields = json.loads(row["opened"])
        if row["role"] == "vendor":
            if fields and row["state"] not in ("agreed", "cancelled"):
                yield f"values are here for a deal that is {row['state']}"
            continue
        if row["agreed_id"] is not None:
            due |= {(row["cast_id"], row["other_key"], name) for name in fields}
    for line in due ^ set(told):
        verb = "was not entered into" if line in due else "stands wrongly in"
        yield f"{line[2]} {verb} the ledger"
    yield from (
        f"{line[2]} stands {count} times in the ledger" for line, count in told.items() if count > 1
    )


def check_home(disk: Disk) -> list[str]:
    """Hold one home against itself."""
    checks = (
        *(check_bytes, check_letters, check_threads),
        *(check_casts, check_deals, check_disclosure),
        *(check_kept, check_counts, check_history),
    )
    return [f"{disk.name}: {fault}" for check in checks for fault in check(disk)]


# --- between homes -------------------------------------------------------------------------------


def check_receipts(sender: Disk, others: Iterable[Disk]) -> Iterator[str]:
    """A receipt is the recipient's word that it holds the object: then it does."""
    held: set[bytes] = set()
    for other in others:
        # Of a note from another copy only the sign is kept.
        held |= set(other.raws) | {row["object_id"] for row in other.tables["copies"]}
    for row in sender.tables["outbox"]:
        if row["state"] == "acked" and row["envelope_id"] not in held:
            name = f"{row['kind']} {hexed(row['envelope_id'])}"
            yield f"{sender.name}: {name} has a receipt and nobody holds it"


def check_sides(buyer: Disk, vendors: Iterable[Disk]) -> Iterator[str]:
    """Both sides hold the same agreement, of the same bytes, or none."""
    theirs = {row["deal_id"]: (disk, row) for disk in vendors for row in disk.tables["deals"]}
    for row in buyer.tables["deals"]:
        name = f"deal {hexed(row['deal_id'])}"
        vendor, other = theirs.get(row["deal_id"], (None, None))
        if vendor is None or other is None:
            if row["state"] == "agreed":
                yield f"{name} is agreed here and unknown there"
            continue
        if (row["state"] == "agreed") != (other["state"] == "agreed"):
            yield f"{name} is {row['state']} here and {other['state']} there"
        if row["state"] != "agreed":
            continue
        for column in ("offer_id", "deal_id", "confirmed_id", "agreed_id", "cast_id"):
            same = row[column] == other[column]
            if not same or buyer.raws.get(row[column]) != vendor.raws.get(other[column]):
                yield f"{name}: the sides hold different {column}"
        mine, told = json.loads(row["opened"]), json.loads(other["opened"])
        if mine != told:
            yield f"{name}: {sorted(mine)} was promised and {sorted(told)} arrived"


def check_lines(vendors: Iterable[Disk], buyers: Iterable[Disk]) -> Iterator[str]:
    """No cast has two agreements, whoever the vendors are."""
    agreed = Counter(
        row["cast_id"]
        for disk in (*vendors, *buyers)
        for row in disk.rows("deals", state="agreed")
        if row["role"] == "vendor"
    )
    for cast_id, count in agreed.items():
        if count > 1:
            yield f"the one line of cast {hexed(cast_id)} has {count} agreements"


def check_stuck(disk: Disk, ended_casts: set[bytes]) -> Iterator[str]:
    """Nothing waits any more, but offers to requests that have ended: those wait out their time."""
    for row in disk.rows("outbox", state="pending"):
        if row["kind"] == "offer" and row["thread"] in ended_casts:
            continue
        if row["kind"] == "note":
            # To another copy of this home, if there is one.
            continue
        name = f"{row['kind']} {hexed(row['envelope_id'])}"
        yield f"{disk.name}: {name} is on its way after {row['tries']} tries"
    for row in disk.rows("outbox", state="expired"):
        if row["kind"] not in ("offer", "note"):
            yield f"{disk.name}: {row['kind']} {hexed(row['envelope_id'])} never arrived"
    for row in disk.rows("outbox", state="refused"):
        yield f"{disk.name}: {row['kind']} was refused: {row['reason']}"
    for row in disk.rows("casts", state="draft"):
        yield f"{disk.name}: the draft {hexed(row['nonce'])} never went out"
    for row in disk.tables["deals"]:
        if row["state"] not in ("agreed", *HOLDS_NO_MORE):
            yield f"{disk.name}: deal {hexed(row['deal_id'])} is still {row['state']}"


def check_mailbox(relay: Disk, node: str, senders: Iterable[Disk]) -> Iterator[str]:
    """What a mailbox said it holds, it holds, or has the receipt for it."""
    held = {row["letter_hash"] for row in relay.tables["served_letters"]}
    held |= {row["letter_hash"] for row in relay.tables["served_receipts"]}
    for sender in senders:
        for row in sender.rows("outbox", state="pending"):
            places = [to_text("node", bytes.fromhex(key)) for key in json.loads(row["put_at"])]
            # What its reader could not use is let go without a receipt: offers that came too late.
            if node in places and row["letter_hash"] not in held and row["kind"] != "offer":
                yield f"{relay.name}: took a {row['kind']} of {sender.name} and holds it no more"


# --- what was said -------------------------------------------------------------------------------


def check_shown(disk: Disk, shown: set[str]) -> Iterator[str]:
    """What a person has seen does not vanish."""
    for offer in shown - names(disk.rows("objects", kind="offer"), "offer", "id"):
        yield f"{disk.name}: {offer} was shown and is gone"


def check_acks(disk: Disk, acks: Iterable[Ack]) -> Iterator[str]:
    """Whatever the API answered with success is true for ever, and known under its key."""
    answered = {row["key"] for row in disk.tables["idempotency"] if row["answer"]}
    for ack in acks:
        # A second life knows those of its backup alone.
        if _keeps_its_key(disk, ack) and ack.key not in answered:
            yield f"{disk.name}: answered {ack.path}, and does not know its key"
        for fault in _ack_faults(disk, ack):
            yield f"{disk.name}: answered {ack.path}, and {fault}"


def _keeps_its_key(disk: Disk, ack: Ack) -> bool:
    """Whether it is about a request, an offer or a deal, and no week has gone by on this disk."""
    answer: Document = ack.answer
    moments = [row["at"] for row in disk.tables["audit"]]
    is_young = max(moments, default=0) - min(moments, default=0) < _KEYS_KEPT_MS
    is_of_the_market = {"cast", "deal"} & answer.keys() or answer.get("kind") in ("cast", "offer")
    return is_young and not disk.tables["restorations"] and bool(is_of_the_market)


def _ack_faults(disk: Disk, ack: Ack) -> Iterator[str]:
    answer = ack.answer
    if "cast" in answer:
        yield from _cast_ack_faults(disk, ack)
    elif "deal" in answer:
        if answer["deal"]["id"] not in names(disk.tables["deals"], "deal", "deal_id"):
            yield "the deal is gone"
    elif answer.get("kind") == "cast":
        rows = disk.rows("casts", state="revoked")
        if not any(answer["id"] in names_of_cast(row) for row in rows):
            yield "the cast is not revoked"
    elif answer.get("kind") == "offer":
        rows = disk.rows("threads", state="withdrawn") + disk.rows("threads", state="closed")
        if answer["id"] not in names(rows, "offer", "offer_id"):
            yield "the offer still stands"


def names(rows: Iterable[Row], prefix: str, column: str) -> set[str]:
    """Write a column as the API does."""
    return {to_text(prefix, row[column]) for row in rows if row[column] is not None}


def _cast_ack_faults(disk: Disk, ack: Ack) -> Iterator[str]:
    told = ack.answer["cast"]
    row = disk.row("casts", nonce=bytes.fromhex(told["draft"]))
    if row is None:
        yield "the cast is gone"
    elif told["id"] is not None and told["id"] not in names_of_cast(row):
        yield "the cast is another one now"
    titles = [json.loads(each["draft"]).get("title") for each in disk.tables["casts"]]
    if titles.count(ack.body["title"]) != 1:
        yield f"it did so {titles.count(ack.body['title'])} times"


def names_of_cast(row: Row) -> set[str]:
    """Give both names of a cast: it keeps its first when it is published again."""
    return names([row], "cast", "cast_id") | names([row], "cast", "root_id")


def hexed(value: bytes) -> str:
    return value.hex()[:12]


@dataclass
class Evidence:
    """Everything a verdict rests on, read when all are up and nothing moves any more."""

    buyers: list[Disk]
    vendors: list[Disk]
    relays: list[Disk]
    acks: list[Ack]
    shown: dict[str, set[str]] = field(default_factory=dict)
    """Name of a buyer -> ids of the offers its API has shown."""
    elsewhere: list[Disk] = field(default_factory=list)
    """Homes that hold what they were sent and are not judged: the dead, and other copies."""

    def verdict(self) -> list[str]:
        """Name every fault; an empty list acquits."""
        parties = [*self.buyers, *self.vendors]
        found: list[str] = []
        for disk in [*parties, *self.relays]:
            found += check_home(disk)
            found += check_acks(disk, [ack for ack in self.acks if ack.house == disk.name])
        ended = {
            row["root_id"]
            for buyer in self.buyers
            for row in buyer.tables["casts"]
            if row["state"] in ("revoked", "expired")
        }
        for disk in parties:
            holders = [other for other in (*parties, *self.elsewhere) if other is not disk]
            found += check_receipts(disk, holders)
            found += check_stuck(disk, ended)
        for buyer in self.buyers:
            found += check_sides(buyer, self.vendors)
            found += check_shown(buyer, self.shown.get(buyer.name, set()))
        return found + list(check_lines(self.vendors, self.buyers))


assert limits.offers_per_cast_max > 1, "the checks of lines expect casts with one award"
