"""A handle that keeps plain values, for the faces' tests alone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from node.api.citizen import Chronicler
from node.errors import KeystoreError, NotFoundError, RefusedError
from node.runtime.chronicle import Page
from protocol.errors import LocalProtocolError
from protocol.ids import to_text
from tests.unit.node.api.fake_doorkeeper import FakeDoorkeeper
from tests.unit.node.api.fake_holder import FakeHolder
from tests.unit.node.api.fake_neighbours import FakeNeighbours
from tests.unit.node.api.fake_people import FakePeople, FakeWelcome
from tests.unit.node.api.fake_recovery import FakeRecoverer, FakeRegistrar
from tests.unit.node.api.fake_shop import FakeShop
from tests.unit.node.api.fake_survey import FakeSurvey


def full(prefix: str, number: int = 0) -> str:
    """A whole id."""
    return to_text(prefix, number.to_bytes(32, "big"))


PUBLIC: dict[str, Any] = {
    "title": "Espresso machine, used is fine",
    "category": "home/kitchen/espresso",
    "items": [{"name": "machine", "qty": {"n": "1", "unit": "each"}}],
    "where": {"remote": True},
    "decide_by": "2027-03-01T23:59:59Z",
    "terms": ["PDC-INTENT"],
}
CAST: dict[str, Any] = {
    "id": full("cast", 1),
    "handle": "cast-7Q4M-K2XD",
    "form": full("cast", 2),
    "draft": "00112233445566778899aabbccddeeff",
    "title": "Espresso machine, used is fine",
    "category": "home/kitchen/espresso",
    "state": "open",
    "held": False,
    "public": {
        **PUBLIC,
        "nonce": "ABEiM0RVZneImaq7zN3u_w",
        "reply": {"box": "AA", "reader": "AA", "at": ["AA"], "until": 0},
    },
    "local": {"budget": "300.00 EUR", "disclose": ["name", "phone"]},
    "created": "2027-02-15T12:00:00Z",
    "decide_by": "2027-03-01T23:59:59Z",
    "expires": "2027-03-08T23:59:59Z",
    "offers": 2,
    "reach": {"seen_at": 2, "peers": 3},
    "note": "Signed and seen at 2 of your 3 peers; offers come in until the date.",
}

MUST = {
    "item": "machine",
    "key": "voltage",
    "label": "Voltage",
    "wanted": "230 V",
    "status": "met",
    "claimed": "met",
    "fact": "230 V",
    "why": "",
}


def line(name: str, kind: str, minor: int, basis: str) -> dict[str, Any]:
    text = f"{minor / 100:.2f} EUR"
    return {
        "name": name,
        "kind": kind,
        "qty": "1",
        "unit_text": text,
        "total": minor,
        "total_text": text,
        "basis": basis,
        "sku": None,
    }


def offer(position: int, **changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": full("offer", position),
        "handle": f"offer-AAA{position}-BBBB",
        "position": position,
        "vendor": {
            "name": f"vendor_{position}",
            "key": full("key", position),
            "handle": "key-0000-0000",
            "domain": None,
            "domain_checked": False,
            "trust": "first contact",
        },
        "cur": "EUR",
        "total": 24_900,
        "total_text": "249.00 EUR",
        "due_now_text": None,
        "lines": [
            line("Machine", "item", 22_900, "list price"),
            line("Parcel", "delivery", 2_000, ""),
        ],
        "options": [{"index": 2, **line("Grinder", "optional", 6_000, "")}],
        "slots": [{"index": 0, "start": "2027-03-02", "end": "2027-03-02", "tz": "Europe/Berlin"}],
        "valid_until": "2027-02-20T12:00:00Z",
        "firm": True,
        "state": "offered",
        "valid": True,
        "problems": [],
        "musts": [MUST],
        "prefers": [],
        "musts_met": 1,
        "musts_total": 1,
        "over_budget": False,
        "marks": [{"code": "pay_before", "sentence": "payment is due before delivery"}],
        "score": 900,
        "explain": [
            {
                "name": "total",
                "value": "249.00 EUR",
                "weight": 3,
                "points": 850,
                "words": "lowest",
                "best": True,
            }
        ],
        "fulfil": {
            "mode": "delivery",
            "window": {"start": "2027-03-02", "end": "2027-03-04", "tz": "Europe/Berlin"},
        },
        "pay": {"methods": ["card"], "when": "at"},
        "cancel": [{"until": "2027-02-25T12:00:00Z", "fee_text": "0.00 EUR"}],
        "terms": "PDC-INTENT",
        "terms_accepted": True,
        "warranty_months": None,
        "note": "Two years of use",
    }
    return found | changes


def deal(state: str = "agreed", **changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": full("deal"),
        "handle": "deal-9ABC-DEFG",
        "role": "buyer",
        "state": state,
        "cast_title": CAST["title"],
        "counterparty": "vendor_1",
        "offer": full("offer", 1),
        "total": 24_900,
        "total_text": "249.00 EUR",
        "lines": offer(1)["lines"],
        "due_now_text": None,
        "fulfil": offer(1)["fulfil"],
        "pay": offer(1)["pay"],
        "cancel": [],
        "confirm_by": "2027-02-20T12:15:00Z",
        "acknowledged": state == "agreed",
        "agreement_id": full("agreement") if state == "agreed" else None,
        "disclosed": ["name"] if state == "agreed" else [],
        "received": {},
        "history": [{"at": "2027-02-20T12:00:00Z", "what": "acceptance sent"}],
        "next": "Both hold the agreement; save it with --save FILE",
    }
    return found | changes


KEYS: dict[str, Any] = {
    "schema": "intentcast.keys/1",
    "locked": True,
    "passphrase": True,
    "words_confirmed": False,
    "auto_lock_minutes": 0,
    "newest_backup": "2027-02-20T12:00:00Z",
}
PASSPHRASE = "correct horse battery"


class FakeCustodian:
    """Knows one passphrase; `keys` is how it stands."""

    def __init__(self) -> None:
        self.keys = dict(KEYS)
        self.calls: list[tuple[Any, ...]] = []

    def _told(self, *call: Any, **changes: Any) -> dict[str, Any]:
        self.calls.append(call)
        self.keys |= changes
        return dict(self.keys)

    async def document(self):
        return self._told("document")

    async def unlock(self, passphrase):
        if passphrase != PASSPHRASE:
            raise KeystoreError("that is not it", code="E-PASSPHRASE-WRONG", fix="Try again")
        return self._told("unlock", locked=False)

    async def lock(self):
        return self._told("lock", locked=True)

    async def set_passphrase(self, old, new):
        return self._told("set_passphrase", old, new, passphrase=new is not None)

    async def backup(self, path):
        self.calls.append(("backup", path))
        return {
            "schema": "intentcast.backup/1",
            "path": path,
            "bytes": 397_312,
            "at": "2027-02-20T12:00:00Z",
            "net": "test",
            "holds": ["database", "settings"],
        }

    async def backups(self):
        self.calls.append(("backups",))
        return {
            "schema": "intentcast.backups/1",
            "folder": "/home/x/backups",
            "kept": 7,
            "backups": [
                {"path": "/home/x/backups/intentcast-2.icb", "at": "2027-02-20T12:00:00Z"},
                {"path": "/home/x/backups/intentcast-1.icb", "at": "2027-02-19T12:00:00Z"},
            ],
            "trouble": "",
        }

    async def prove(self, path):
        self.calls.append(("prove", path))
        if "other" in path:
            raise KeystoreError("another home made it", code="E-BACKUP-KEYS", fix="Take ours")
        return {
            "schema": "intentcast.backup-proof/1",
            "path": path,
            "bytes": 397_312,
            "at": "2027-02-20T12:00:00Z",
            "net": "test",
            "program": "intentcast 0.1.0",
            "files": ["node.db"],
            "casts": 2,
            "deals": 1,
            "agreements": 1,
            "checked": 12,
        }


class FakeExaminer:
    """Finds what it is told to find."""

    def __init__(self) -> None:
        self.states = {"peers": "ok", "clock": "skipped", "port": "ok", "mailboxes": "skipped"}
        self.damaged = False
        self.asked: list[bool] = []

    async def report(self, *, scrub):
        self.asked.append(scrub)
        checks = [
            {
                "name": name,
                "state": state,
                "cause": f"{state} so" if state != "skipped" else "not looked at",
                "proof": "4711 bytes" if state != "skipped" else "",
                "fix": "" if state == "ok" else "intentcast up",
                "damaged": self.damaged and state == "bad",
            }
            for name, state in self.states.items()
        ]
        return {
            "schema": "intentcast.doctor/1",
            "home": "/home/x",
            "up": True,
            "bad": sum(check["state"] == "bad" for check in checks),
            "warn": sum(check["state"] == "warn" for check in checks),
            "damaged": self.damaged,
            "checks": checks,
        }


class FakeChronicle:
    """Knows what it is told to know; `add` wakes whoever waits."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.oldest = 1
        self.fails: Exception | None = None
        self._added = asyncio.Event()

    @property
    def newest(self) -> int:
        return self.lines[-1]["n"] if self.lines else 0

    def add(self, what: str, *ids: str) -> None:
        n = self.newest + 1
        at = "2027-02-20T12:00:00Z"
        self.lines.append({"n": n, "at": at, "what": what, "ids": list(ids)})
        self._added.set()
        self._added = asyncio.Event()

    async def page(self, after: int) -> Page:
        if self.fails is not None:
            raise self.fails
        start = min(max(after, self.oldest - 1), self.newest)
        events = tuple(line for line in self.lines if line["n"] > start)[:3]
        cursor = events[-1]["n"] if events else start
        return Page(
            events=events,
            start=start,
            cursor=cursor,
            has_gap=start != after,
            is_last=cursor >= self.newest,
        )

    async def wait(self, after: int, timeout_s: float) -> int:
        added = self._added
        if self.newest <= after:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(added.wait(), timeout_s)
        return self.newest


class FakeCitizen:
    """Answers like a node; `calls` keeps what was asked, `fails` raises instead."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.access: FakeDoorkeeper | None = None
        self.custody: FakeCustodian | None = FakeCustodian()
        self.recovery: FakeRecoverer | None = FakeRecoverer()
        self.identity: FakeRegistrar | None = FakeRegistrar()
        self.neighbours: FakeNeighbours | None = FakeNeighbours()
        self.people: FakePeople | None = FakePeople()
        self.welcome: FakeWelcome | None = FakeWelcome()
        self.holds: FakeHolder | None = FakeHolder()
        self.salesroom: FakeShop | None = FakeShop(
            [deal("offered", role="vendor", handle="deal-WAIT-ING1")]
        )
        self.examiner: FakeExaminer | None = FakeExaminer()
        self.chronicle: Chronicler = FakeChronicle()
        self.survey: FakeSurvey | None = FakeSurvey()
        self.fails: Exception | None = None
        self.offer_list = [offer(1), offer(2, total_text="275.00 EUR", total=27_500)]
        self.cast_list = [CAST]
        self.deal_states = ["agreed"]
        self.happened: list[dict[str, Any]] = []
        self.answers: dict[str, tuple[bytes, Any]] = {}
        self.letters: list[dict[str, Any]] = []

    def note(self, *call: Any) -> None:
        self.calls.append(call)
        if self.fails is not None:
            raise self.fails

    async def status(self):
        self.note("status")
        return {
            "schema": "intentcast.status/1",
            "version": "0.1.0",
            "net": "test",
            "node": full("node", 1),
            "home": "/home/x",
            "pid": 1,
            "uptime_s": 3_700,
            "peers": 2,
            "relay": False,
            "listen": None,
            "mailbox": False,
            "vendor": None,
            "casts": {"open": 1},
            "reach": {"cast": CAST["handle"], "seen_at": 2, "peers": 3},
            "deals": {},
            "locked": False,
            "outbox": {
                "pending": 0,
                "expired": 0,
                "refused": 0,
                "parked": 0,
                "notes": 0,
                "next_at": None,
            },
            "private": {
                "mode": "normal",
                "successors": 2,
                "waiting": 0,
                "carriers": 3,
                "tunnels": 6,
                "direct": 0,
            },
            "clock_offset_ms": 12,
            "notices": ["the key file is the key: keep a copy"],
        }

    async def create_cast(self, draft):
        self.note("create_cast", draft)
        return {"schema": "intentcast.cast/1", "cast": CAST}

    async def preview_cast(self, draft):
        self.note("preview_cast", draft)
        return {
            "schema": "intentcast.preview/1",
            "public": PUBLIC
            | {name: draft[name] for name in ("title", "category") if name in draft},
            "sees": [
                {"who": "Everyone on the network", "what": ["category", "area of ~5 km2"]},
                {"who": "Nobody", "what": ["your name", "your other casts"]},
            ],
        }

    async def casts(self):
        self.note("casts")
        return {"schema": "intentcast.casts/1", "casts": self.cast_list}

    async def cast(self, handle):
        self.note("cast", handle)
        if handle != CAST["handle"]:
            raise NotFoundError(f"no cast goes by '{handle}'", fix="List them: intentcast casts")
        return {"schema": "intentcast.cast/1", "cast": CAST}

    async def offers(self, cast_handle, *, weights=None):
        self.note("offers", cast_handle, weights)
        if cast_handle != CAST["handle"]:
            raise NotFoundError("no such cast", fix="List them: intentcast casts")
        return {"schema": "intentcast.offers/1", "cast": CAST, "offers": self.offer_list}

    async def weigh_acceptance(self, offer_handle, *, options, slot, disclose, anyway):
        if offer_handle == "offer-GONE":
            raise RefusedError("that offer ended", code="E-OFFER-EXPIRED", fix="Take another")
        return {
            "offer": offer_handle,
            "vendor": "vendor_1",
            "total_text": "210.00 EUR",
            "discloses": sorted(disclose or {}),
        }

    async def accept(self, offer_handle, *, options, slot, disclose, anyway):
        self.note("accept", offer_handle, list(options), slot, disclose, anyway)
        if offer_handle == "offer-GONE":
            raise RefusedError("that offer ended", code="E-OFFER-EXPIRED", fix="Take another")
        return self.deal_now()

    async def deals(self):
        self.note("deals")
        return {"schema": "intentcast.deals/1", "deals": [deal()]}

    async def deal(self, handle):
        self.note("deal", handle)
        return self.deal_now()

    def deal_now(self) -> dict[str, Any]:
        state = self.deal_states.pop(0) if len(self.deal_states) > 1 else self.deal_states[0]
        return {"schema": "intentcast.deal/1", "deal": deal(state)}

    async def decide_deal(self, handle, *, confirm, reason):
        self.note("decide_deal", handle, confirm, reason)
        state = "confirmed" if confirm else "declined"
        return {"schema": "intentcast.deal/1", "deal": deal(state, role="vendor")}

    async def agreement(self, handle):
        self.note("agreement", handle)
        return 'the "deal"\r\n.agreement', b"\x93bytes"

    async def revoke(self, handle):
        self.note("revoke", handle)
        return {"schema": "intentcast.revoke/1", "id": full("cast", 1)} | {
            "kind": "cast",
            "state": "revoked",
        }

    async def peers(self):
        self.note("peers")
        peer = {
            "node": full("node", 2),
            "address": "127.0.0.1:9401",
            "direction": "out",
            "roles": ["relay", "mailbox"],
            "agent": "intentcast",
            "rtt_ms": 3,
            "connected_s": 61,
            "bytes_in": 2_048,
            "bytes_out": 100,
            "objects": 4,
            "fault_points": 0,
            "explain": {
                "asked": "push",
                "given": "ids",
                "lag_ms": 12,
                "penalty_ms": 0,
                "merit": 4,
                "standing": "good",
                "news_left": 590,
                "news_per_s": 8,
                "pull_kib_left": 1_024,
                "over_budget": 0,
                "narrows": False,
                "why": "among those that bring what is new first",
            },
        }
        return {
            "schema": "intentcast.peers/1",
            "peers": [peer],
            "unlinked": [],
            "known": 5,
            "dependent_on": None,
        }

    async def add_peer(self, address):
        self.note("add_peer", address)
        return await self.peers()

    async def outbox(self):
        self.note("outbox")
        return {"schema": "intentcast.outbox/1", "letters": self.letters}

    async def vendor_status(self):
        self.note("vendor_status")
        return {
            "schema": "intentcast.vendor/1",
            "name": "Shop One",
            "key": full("key", 7),
            "mailboxes": 2,
            "categories": {"home/kitchen/espresso": 12},
            "rules_problem": None,
            "items": 12,
            "locked": False,
            "quoted": 3,
            "skipped": [{"cast": full("cast", 1), "reason": "no_match", "words": "nothing fits"}],
        }

    async def vendor_import(self, data: Path, options):
        self.note("vendor_import", await asyncio.to_thread(data.read_bytes), options)
        return {
            "schema": "intentcast.import/1",
            "source": options["source"],
            "form": "CSV (comma, UTF-8)",
            "applied": not options["dry_run"],
            "complete": True,
            "rows": 3,
            "added": 2,
            "changed": 0,
            "unchanged": 0,
            "removed": 0,
            "removals_held": 0,
            "refused": 1,
            "offered": 2,
            "warnings": 0,
            "problems": [
                {
                    "line": 3,
                    "column": "price",
                    "value": "19,99",
                    "code": "E-FEED-PRICE",
                    "sentence": "no currency",
                    "fix": '"19.99 EUR"',
                    "refused": True,
                }
            ],
            "mapped": {"price": "price"},
            "unmapped": ["colour2"],
        }

    async def events(self, after: int) -> AsyncIterator[dict[str, Any]]:
        for event in self.happened:
            if event["n"] > after:
                yield event

    async def wait_changed(self, after: int, timeout_s: float) -> int:
        self.note("wait_changed", after, timeout_s)
        return max([0, *(event["n"] for event in self.happened)])

    async def idempotent(self, key, body_hash, make):
        if key in self.answers:
            known, answer = self.answers[key]
            if known != body_hash:
                raise LocalProtocolError(
                    "that key was used for another request", code="E-IDEMPOTENCY", fix="A new key"
                )
            return answer
        answer = await make()
        self.answers[key] = (body_hash, answer)
        return answer
