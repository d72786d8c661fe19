"""The judge of the market: reads what both honest homes keep, and nothing of how they decide.

Enters: the database files of the homes, the secrets of every box, after each step. Leaves: a count
of the transitions seen, or `BrokenPromiseError` with one sentence. The tables of states below are
written down from docs/protocol/13-deal.md, not taken from the code that is judged.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nacl import bindings
from nacl.exceptions import CryptoError

from tests.simulation.papers import Paper, letter_parts, read_paper

WAIT_MS = 7 * 86_400_000 - 10 * 60_000
"""A buyer acts on no `cancelled` that was signed sooner after its acceptance."""

DEALS = {
    "buyer": {
        "": {"accept_sent"},
        "accept_sent": {"agreed", "declined", "voided"},
        "agreed": {"cancelled"},
        "declined": {"voided"},
    },
    "vendor": {
        # A void that came before its acceptance is carried out with it.
        "": {"offered", "declined", "voided"},
        "offered": {"confirmed", "declined", "voided"},
        "confirmed": {"agreed", "voided", "cancelled"},
        "declined": {"voided"},
        "cancelled": {"voided"},
    },
}
THREADS = {
    "": {"offered", "accepted"},
    "offered": {"accepted", "withdrawn", "closed"},
    "accepted": {"offered", "closed"},
    "withdrawn": {"offered", "closed"},
}
CASTS = {
    "": {"open"},
    "open": {"awarded", "deciding", "revoked", "expired"},
    "deciding": {"awarded", "revoked", "expired"},
    "awarded": {"deciding"},
}
LIVE = {"accept_sent", "offered", "confirmed", "agreed"}


class BrokenPromiseError(AssertionError):
    """A promise of the market does not hold."""


@dataclass
class Deal:
    """A row, as kept."""

    id: bytes
    role: str
    cast: bytes
    offer: bytes
    other: bytes
    state: str
    confirmed: bytes | None
    agreed: bytes | None
    promised: str
    """JSON: name -> [salt, value]."""

    @property
    def opened(self) -> dict[str, Any]:
        """The values promised for later."""
        found: dict[str, Any] = json.loads(self.promised)
        return found


@dataclass
class Watched:
    """One honest home, and what was seen of it before."""

    name: str
    path: Path
    papers: dict[bytes, Paper] = field(default_factory=dict)
    events: dict[bytes, list[Paper]] = field(default_factory=dict)
    """Events by what they answer."""
    deals: dict[bytes, Deal] = field(default_factory=dict)
    states: dict[tuple[str, bytes], str] = field(default_factory=dict)
    letters: set[bytes] = field(default_factory=set)
    secrets: dict[bytes, bytes] = field(default_factory=dict)
    """Value or salt -> the deal it was promised in."""
    last_object: int = 0

    def __post_init__(self) -> None:
        self.db = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)

    def has(self, object_id: bytes) -> bool:
        """Tell whether an object is on disk."""
        found = self.db.execute("SELECT 1 FROM objects WHERE id = ?", (object_id,)).fetchone()
        return found is not None


class Judge:
    """Looks at everything after every step."""

    def __init__(self, homes: list[Watched], threads_max: int) -> None:
        self.homes = homes
        self.boxes: dict[bytes, tuple[bytes, str]] = {}
        """X25519 key -> its secret, and whose it is."""
        self.people: dict[bytes, str] = {}
        """Signing key -> whose it is; a person may move letters between boxes of its own."""
        self.hits: Counter[tuple[str, str, str]] = Counter()
        self.disclosed = 0
        self._threads_max = threads_max

    def close(self) -> None:
        """Let go of the files."""
        for home in self.homes:
            home.db.close()

    def look(self) -> None:
        """Check every promise."""
        for home in self.homes:
            self._read_objects(home)
            self._read_deals(home)
            self._read_states(home)
            self._one_line(home)
            self._signed(home)
        for home in self.homes:
            self._letters(home)
            self._terms(home)
        self._both_sides()

    # --- what is read -----------------------------------------------------------------------------

    def _read_objects(self, home: Watched) -> None:
        rows = home.db.execute(
            "SELECT seq, id, raw FROM objects WHERE seq > ? ORDER BY seq", (home.last_object,)
        ).fetchall()
        for seq, object_id, raw in rows:
            paper = read_paper(raw)
            if paper is None or paper.id != object_id:
                raise BrokenPromiseError(
                    f"{home.name} keeps an object whose signature does not hold"
                )
            home.papers[paper.id] = paper
            home.last_object = seq
            if paper.kind == "event":
                home.events.setdefault(paper.body["of"], []).append(paper)

    def _read_deals(self, home: Watched) -> None:
        rows = home.db.execute(
            "SELECT deal_id, role, cast_id, offer_id, other_key, state, confirmed_id, agreed_id,"
            " opened FROM deals"
        ).fetchall()
        for row in rows:
            deal = Deal(*row)
            before = home.deals.get(deal.id)
            home.deals[deal.id] = deal
            self._moved(home, f"deal of a {deal.role}", deal.id, deal.state, DEALS[deal.role], 1)
            if before and (before.offer, before.cast, before.other) != (
                *(deal.offer, deal.cast, deal.other),
            ):
                raise BrokenPromiseError(f"a deal of {home.name} changed its parties")
            if before and before.agreed is not None and before.agreed != deal.agreed:
                raise BrokenPromiseError(f"{home.name} changed an acknowledgement it had recorded")
            if deal.role == "buyer":
                for salt, text in deal.opened.values():
                    home.secrets[bytes.fromhex(salt)] = deal.id
                    home.secrets[text.encode()] = deal.id

    def _read_states(self, home: Watched) -> None:
        threads = home.db.execute(
            "SELECT cast_id, own_ctx, other_key, role, state FROM threads"
        ).fetchall()
        known: Counter[bytes] = Counter()
        held: Counter[bytes] = Counter()
        for cast, ctx, other, role, state in threads:
            self._moved(home, f"thread of a {role}", cast + ctx + other, state, THREADS, 2)
            known[cast] += role == "buyer"
            held[cast] += role == "buyer" and state in {"offered", "accepted"}
        most = self._threads_max
        if max(held.values(), default=0) > most or max(known.values(), default=0) > 2 * most:
            raise BrokenPromiseError(f"{home.name} took more offers than its cast wants")
        for nonce, state in home.db.execute("SELECT nonce, state FROM casts").fetchall():
            self._moved(home, "cast", nonce, state, CASTS, 2)

    def _moved(
        self, home: Watched, what: str, name: bytes, state: str, table: Any, steps: int
    ) -> None:
        before = home.states.get((what, name), "")
        if before == state:
            return
        self.hits[(what, before or "-", state)] += 1
        home.states[(what, name)] = state
        reach = {before}
        for _ in range(steps):
            reach |= {after for each in reach for after in table.get(each, ())}
            if state in reach:
                return
        raise BrokenPromiseError(
            f"a {what} of {home.name} went from {before or 'nothing'} to {state}"
        )

    # --- promises ---------------------------------------------------------------------------------

    def _one_line(self, home: Watched) -> None:
        """One acceptance that may still hold, and one agreement, for each line."""
        live = [deal for deal in home.deals.values() if deal.state in LIVE]
        lines = Counter(deal.cast if deal.role == "buyer" else deal.offer for deal in live)
        if lines and max(lines.values()) > 1:
            raise BrokenPromiseError(f"{home.name} has two deals that may still hold for one line")
        for deal in home.deals.values():
            if deal.role != "buyer" or deal.agreed is None or deal.state == "agreed":
                continue
            accepted = home.papers[deal.id]
            ends = [
                paper
                for paper in home.events.get(deal.id, [])
                if (paper.what, paper.key) == ("cancelled", deal.other)
                and paper.at - accepted.at >= WAIT_MS
            ]
            if deal.state != "cancelled" or not ends:
                raise BrokenPromiseError(f"{home.name} left an agreement without the vendor's word")

    def _signed(self, home: Watched) -> None:
        """No two answers of one party that contradict each other."""
        for deal in home.deals.values():
            accepted = home.papers[deal.id]
            own = accepted.key if deal.role == "buyer" else accepted.to
            answers = [*home.events.get(deal.id, []), *home.events.get(deal.confirmed or b"", [])]
            words = {paper.what for paper in answers if paper.key == own}
            for pair in ({"agreed", "void"}, {"confirmed", "refused"}, {"refused", "cancelled"}):
                if pair <= words:
                    raise BrokenPromiseError(
                        f"{home.name} signed {' and '.join(sorted(pair))} of one deal"
                    )

    def _letters(self, home: Watched) -> None:
        """Open every letter that was put on its way; look for values promised for later."""
        rows = home.db.execute("SELECT letter_hash, to_key, envelope_id FROM outbox").fetchall()
        for name, to_key, envelope_id in rows:
            if name in home.letters:
                continue
            home.letters.add(name)
            (letter,) = home.db.execute(
                "SELECT letter FROM outbox WHERE letter_hash = ?", (name,)
            ).fetchone()
            plaintext, owner = self._unsealed(letter)
            if plaintext is None:
                # A modified client may name a box it has no key of: its own loss, told or not.
                if self.people.get(to_key) in {None, *(each.name for each in self.homes)}:
                    raise BrokenPromiseError(f"{home.name} sealed a letter to a box nobody has")
                if home.papers[envelope_id].what == "agreed":
                    self._disclosure(home, home.papers[envelope_id], self.people[to_key], set())
                continue
            envelope, opened = letter_parts(plaintext)
            paper = read_paper(envelope)
            if paper is None or paper.to != to_key:
                raise BrokenPromiseError(f"{home.name} sent an object to somebody it is not for")
            told = {deal for value, deal in home.secrets.items() if value in plaintext}
            if opened or told:
                self._disclosure(home, paper, owner, told)
            if any(value in envelope for value in home.secrets):
                raise BrokenPromiseError(
                    f"{home.name} signed a value that is to be told, not signed"
                )

    def _unsealed(self, letter: bytes) -> tuple[bytes | None, str]:
        for public, (secret, owner) in self.boxes.items():
            try:
                return bytes(bindings.crypto_box_seal_open(letter, public, secret)), owner
            except CryptoError:
                continue
        return None, ""

    def _disclosure(self, home: Watched, paper: Paper, owner: str, told: set[bytes]) -> None:
        """Values leave in `agreed` alone, after the confirmation is on disk, to its signer."""
        confirmed = home.papers.get(paper.body.get("of", b""))
        if paper.what != "agreed" or confirmed is None or confirmed.what != "confirmed":
            raise BrokenPromiseError(f"{home.name} told a value without a confirmation")
        deal = home.deals.get(confirmed.body["of"])
        accepted = home.papers.get(confirmed.body["of"])
        if deal is None or accepted is None or told - {deal.id}:
            raise BrokenPromiseError(f"{home.name} told a value of another deal")
        offer = home.papers[deal.offer]
        holds = (
            confirmed.key == offer.key == paper.to == deal.other
            and confirmed.to == accepted.key
            and confirmed.body["review_key"] == accepted.body["review_key"]
            and deal.confirmed == confirmed.id
            and home.has(confirmed.id)
        )
        if not holds:
            raise BrokenPromiseError(f"{home.name} told a value on a confirmation that is none")
        if owner != self.people[deal.other]:
            raise BrokenPromiseError(f"{home.name} told a value to a box of somebody else")
        self.disclosed += 1

    def _terms(self, home: Watched) -> None:
        """What a side calls agreed hangs together, object by object."""
        for deal in home.deals.values():
            if deal.state != "agreed":
                continue
            papers = [home.papers.get(each or b"") for each in (deal.offer, deal.id)]
            papers += [home.papers.get(each or b"") for each in (deal.confirmed, deal.agreed)]
            offer, accepted, confirmed, agreed = papers
            if not offer or not accepted or not confirmed or not agreed:
                raise BrokenPromiseError(f"an agreement of {home.name} lacks an object")
            _check_terms(home, offer, accepted)
            profile = home.papers.get(offer.body["profile"])
            chain = {
                "confirmed": (confirmed.what, confirmed.body["of"]) == ("confirmed", accepted.id),
                "agreed": (agreed.what, agreed.body["of"]) == ("agreed", confirmed.id),
                "fields": _fields(agreed) == _fields(accepted),
                "vendor": confirmed.key == offer.key,
                "buyer": agreed.key == accepted.key,
                "cast": offer.body["cast"] in home.papers,
                "profile": profile is not None and profile.key == offer.key,
            }
            if not all(chain.values()):
                wrong = [name for name, holds in chain.items() if not holds]
                raise BrokenPromiseError(
                    f"an agreement of {home.name} does not hang together: {wrong}"
                )

    def _both_sides(self) -> None:
        """Two honest sides of one deal never hold different terms, or ends that exclude."""
        first, second = self.homes
        for deal_id in first.deals.keys() & second.deals.keys():
            ours, theirs = first.deals[deal_id], second.deals[deal_id]
            buyer, vendor = (ours, theirs) if ours.role == "buyer" else (theirs, ours)
            if vendor.state == "agreed" and buyer.state not in {"agreed", "cancelled"}:
                raise BrokenPromiseError(f"the vendor agreed where the buyer is {buyer.state}")
            if {buyer.state, vendor.state} == {"agreed"}:
                for name in ("offer", "confirmed", "agreed"):
                    if getattr(ours, name) != getattr(theirs, name):
                        raise BrokenPromiseError(f"two sides of one agreement differ in {name}")


def _fields(paper: Paper) -> list[tuple[str, bytes]]:
    """What is promised; members of a newer program beside name and hash promise nothing."""
    return [(each["name"], each["hash"]) for each in paper.body.get("fields", [])]


def _qty(line: dict[str, Any]) -> tuple[str, str]:
    return line["qty"]["n"], line["qty"]["unit"]


def _check_terms(home: Watched, offer: Paper, accepted: Paper) -> None:
    """Add the offer up again, and hold the acceptance against it."""
    lines = offer.body["lines"]
    options = accepted.body.get("options", [])
    due = [i for i, line in enumerate(lines) if line["kind"] != "optional" or i in options]
    holds = (
        accepted.body["offer"] == offer.id
        and sorted(line["index"] for line in accepted.body["lines"]) == due
        and all(_qty(line) == _qty(lines[line["index"]]) for line in accepted.body["lines"])
        and accepted.body["total"] == sum(lines[i]["total"] for i in due)
        and accepted.body["cur"] == offer.body["cur"]
        and accepted.body["confirm_by"] == accepted.at + offer.body["confirm_within"]
        and (accepted.key, accepted.to) == (offer.to, offer.key)
        and accepted.thread == offer.thread
    )
    if not holds:
        raise BrokenPromiseError(f"an agreement of {home.name} has terms that were not offered")
