"""A party with a changed program: knows the protocol by heart, and keeps it only when it pays.

Plays vendor to honest casts and buyer to honest offers, under keys of its own. Enters: every public
object, and every letter sealed to one of its boxes. Leaves: envelopes for honest parties, right
ones and such as have one field changed, signed again. It can sign with no key but its own.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from nacl import bindings

from protocol import signing
from protocol.encoding import encode
from protocol.ids import blake2b_256
from protocol.market.disclosure import commit_fields
from protocol.now import DAY_MS, MINUTE_MS
from protocol.objects.acceptance import Acceptance, accepted_lines
from protocol.objects.event import Agreed, Cancelled, Closed, Confirmed, Moved, Refused, Void
from protocol.objects.header import Header, Kind
from protocol.objects.offer import Offer
from protocol.objects.revoke import Revoke
from tests.fuzz import bending
from tests.parties import NET, Party, cast_body, offer_body, tree_of
from tests.simulation.papers import Paper, read_paper

_ORDER = 2**252 + 27742317777372353535851937790883648493
_WORDS = [
    *("USD", "EUR", "1", "2", "0.5", "each", "item", "optional", "discount", "confirmed", "agreed"),
    *("void", "refused", "cancelled", "moved", "closed", "name", "address", "no_ack", "too_late"),
    *("offer", "acceptance", "event", "revoke", "test", "main", "met", "pickup", "card", "exact"),
]
"""Words of the protocol, to stand in each other's place."""
TOLD = {"address": "1 False Street", "name": "Mallory"}
_SALTS = {"address": bytes(16), "name": bytes(range(16))}


@dataclass(frozen=True, kw_only=True)
class Letter:
    """What it brings to an honest box."""

    envelope: bytes
    opened: Any = None
    to: bytes
    """The signing key of the box's owner."""
    words: str
    """For the story."""


@dataclass(kw_only=True)
class Plot:
    """One bargain with an honest party."""

    party: Party
    other: bytes
    """The honest key."""
    thread: bytes
    is_vendor: bool
    offer: bytes | None = None
    acceptance: bytes | None = None
    confirmed: bytes | None = None
    last: bytes | None = None
    """Our newest object: what `prev` should name."""
    papers: list[bytes] = field(default_factory=list)


class Modified:
    """The modified client."""

    def __init__(self, rng: random.Random, wall_ms: int) -> None:
        self.rng = rng
        self.now_ms = wall_ms
        self.vendors = [Party("mallory's shop"), Party("mallory's other shop")]
        self.profiles: dict[bytes, Paper] = {}
        self.plots: list[Plot] = []
        self.raws: dict[bytes, bytes] = {}
        """Everything seen or made, by id."""
        self.bodies: dict[bytes, Any] = {}
        self.casts = 0

    # --- signing ----------------------------------------------------------------------------------

    def sign(self, fields: Sequence[Any], party: Party) -> bytes:
        """Sign any fields under one of our keys; no rule is asked."""
        text = bending.packed(list(fields))
        kind = fields[2] if len(fields) > 2 else None
        known = {each.value for each in Kind}
        tag = signing.Tag(kind) if isinstance(kind, str) and kind in known else signing.Tag.EVENT
        raw = encode([text, signing.sign(tag, text, party.seed("sign")), None])
        self._keep(raw)
        return raw

    def _keep(self, raw: bytes) -> Paper | None:
        try:
            paper = read_paper(raw)
        except (ValueError, TypeError, AttributeError, LookupError):
            return None
        if paper is not None:
            self.raws[paper.id] = raw
        return paper

    def fields(self, plot: Plot, kind: Kind, body: Any) -> list[Any]:
        """Give the right fields of an object of a plot."""
        header = Header(
            net=NET,
            kind=kind,
            key=plot.party.key,
            at=self.now_ms,
            exp=self.now_ms + 60 * DAY_MS,
            to=plot.other,
            thread=plot.thread,
            prev=plot.last,
            target=0,
        )
        return header.fields(tree_of(body))

    def bend(self, fields: list[Any], party: Party) -> list[Any]:
        """Change one field, and sign as ourselves all the same."""
        dice = bending.Dice(self.rng.getrandbits(48))
        if self.rng.random() < 0.7:
            path = bending.one_of(bending.places_of(fields)[1:], dice)
            bent = bending.changed_at(fields, path, self._sly)
        else:
            bent = bending.bend_tree(fields, dice)
        if isinstance(bent, list) and len(bent) > 3 and self.rng.random() < 0.9:
            bent = [*bent[:3], bytes(party.key), *bent[4:]]
        return bent if isinstance(bent, list) else [bent]

    def _sly(self, node: Any) -> Any:  # noqa: PLR0911 - one return a form
        """Put another value of the same form in the place of one: nothing for a shape to refuse."""
        choose = self.rng.choice
        if isinstance(node, bool):
            return not node
        if isinstance(node, bytes):
            known = [*self.raws, *(plot.other for plot in self.plots)]
            return choose(known or [node]) if len(node) == 32 else self.rng.randbytes(len(node))
        if isinstance(node, int):
            return node + choose([-DAY_MS, -MINUTE_MS, -1_000, -1, 1, 1_000, MINUTE_MS, DAY_MS])
        if isinstance(node, str):
            return choose([word for word in _WORDS if word != node])
        if isinstance(node, list) and node:
            at = self.rng.randrange(len(node))
            return choose([[*node[:at], *node[at + 1 :]], [*node, node[at]], node[::-1]])
        if isinstance(node, dict) and node:
            name = choose(sorted(node))
            return {key: value for key, value in node.items() if key != name}
        return choose(list(self.raws) or [None])

    def twin(self, raw: bytes, party: Party) -> bytes | None:
        """Sign the same text with another nonce: valid, and another id."""
        paper = self._keep(raw)
        if paper is None or paper.key != party.key:
            return None
        text = bending.unpacked(raw)[0]
        digest = hashlib.sha512(party.seed("sign")).digest()
        scalar = int.from_bytes(digest[:32], "little") & ((1 << 254) - 8) | (1 << 254)
        salt = self.rng.randbytes(8)
        nonce = int.from_bytes(hashlib.sha512(salt + text).digest(), "little") % _ORDER
        point = bindings.crypto_scalarmult_ed25519_base_noclamp(nonce.to_bytes(32, "little"))
        tagged = signing.Tag(paper.kind).prefix() + text
        hashed = hashlib.sha512(point + paper.key + tagged).digest()
        answer = (nonce + int.from_bytes(hashed, "little") * scalar) % _ORDER
        return encode([text, point + answer.to_bytes(32, "little"), None])

    # --- in public --------------------------------------------------------------------------------

    def profile(self, party: Party, *, bent: bool) -> bytes:
        """Publish a shop."""
        from tests.parties import make_profile

        body = make_profile().body
        body = msgspec.structs.replace(body, name=party.name, reply=party.reply())
        header = self._public(party, Kind.PROFILE, 300)
        fields = header.fields(tree_of(body))
        raw = self.sign(self.bend(fields, party) if bent else fields, party)
        if not bent:
            paper = self._keep(raw)
            assert paper is not None
            self.profiles[party.key] = paper
        return raw

    def cast(self, *, bent: bool) -> tuple[Party, bytes]:
        """Ask for something, as a buyer nobody has met."""
        self.casts += 1
        party = Party(f"mallory asks {self.casts}")
        body = cast_body(
            nonce=blake2b_256(party.name.encode())[:16],
            reply=party.reply(),
            decide_by=self.now_ms + 7 * DAY_MS,
        )
        fields = self._public(party, Kind.INTENTCAST, 14).fields(tree_of(body))
        raw = self.sign(self.bend(fields, party) if bent else fields, party)
        return party, raw

    def _public(self, party: Party, kind: Kind, days: int) -> Header:
        at = self.now_ms - self.now_ms % MINUTE_MS
        return Header(
            net=NET,
            kind=kind,
            key=party.key,
            at=at,
            exp=at + days * DAY_MS,
            to=None,
            thread=None,
            prev=None,
            target=0,
        )

    # --- a bargain --------------------------------------------------------------------------------

    def hear(self, party: Party, envelope: bytes) -> None:
        """Take a letter of an honest party."""
        paper = self._keep(envelope)
        if paper is None:
            return
        for plot in self.plots:
            if (plot.party, plot.thread, plot.other) == (party, paper.thread, paper.key):
                plot.papers.append(paper.id)
                if paper.what == "acceptance":
                    plot.acceptance = paper.id
                elif paper.what == "confirmed":
                    plot.confirmed = paper.id
                return
        if paper.kind == "offer" and paper.thread is not None:
            plot = Plot(
                party=party,
                other=paper.key,
                thread=paper.thread,
                is_vendor=False,
                offer=paper.id,
                papers=[paper.id],
            )
            self.plots.append(plot)

    def offer_for(self, cast: Paper, *, bent: bool) -> Letter | None:
        """Answer an honest cast."""
        party = self.rng.choice(self.vendors)
        profile = self.profiles.get(party.key)
        if profile is None:
            return None
        known = [p for p in self.plots if (p.party, p.thread) == (party, cast.id) and p.is_vendor]
        plot = (
            known[0] if known else Plot(party=party, other=cast.key, thread=cast.id, is_vendor=True)
        )
        if not known:
            self.plots.append(plot)
        again = plot.offer if known and self.rng.random() < 0.8 else None
        body = offer_body(
            cast.id,
            profile.id,
            reply=party.reply(),
            valid_until=self.now_ms + self.rng.choice([1, 2, 3]) * DAY_MS,
            supersedes=again,
            round=0 if again is None else self.rng.randrange(1, 5),
        )
        return self._send(plot, Kind.OFFER, body, "offer", bent=bent)

    def _send(
        self, plot: Plot, kind: Kind, body: Any, words: str, *, bent: bool, opened: Any = None
    ) -> Letter:
        fields = self.fields(plot, kind, body)
        raw = self.sign(self.bend(fields, plot.party) if bent else fields, plot.party)
        paper = self._keep(raw)
        if paper is not None and not bent:
            plot.last = paper.id
            plot.papers.append(paper.id)
            if kind is Kind.OFFER:
                plot.offer = paper.id
            elif kind is Kind.ACCEPTANCE:
                plot.acceptance = paper.id
            elif words == "confirmed":
                plot.confirmed = paper.id
        said = f"{'bent ' if bent else ''}{words}"
        return Letter(envelope=raw, opened=opened, to=plot.other, words=said)

    def next(self, *, bent: bool) -> Letter | None:
        """Do what is due in a plot, or with one field changed."""
        ready = [plot for plot in self.plots if plot.acceptance or not plot.is_vendor]
        if not ready:
            return None
        # The newest bargains are the ones still open.
        plot = self.rng.choice(ready[-4:] if self.rng.random() < 0.7 else ready)
        return self._sell(plot, bent) if plot.is_vendor else self._buy(plot, bent)

    def _sell(self, plot: Plot, bent: bool) -> Letter | None:
        if plot.acceptance is None:
            return None
        accepted = read_paper(self.raws[plot.acceptance])
        assert accepted is not None
        key = accepted.body["review_key"]
        word: Any = Confirmed(of=accepted.id, review_key=key)
        if self.rng.random() < 0.25:
            reason = self.rng.choice(["out_of_stock", "too_late", "withdrawn", "policy"])
            word = Refused(of=accepted.id, reason=reason)
        elif plot.confirmed is not None and self.rng.random() < 0.5:
            word = Cancelled(of=accepted.id, reason="no_ack")
        return self._send(plot, Kind.EVENT, word, tree_of(word)["type"], bent=bent)

    def _buy(self, plot: Plot, bent: bool) -> Letter | None:
        if plot.acceptance is None or self.rng.random() < 0.15:
            return self._accept(plot, bent)
        if plot.confirmed is not None and self.rng.random() < 0.7:
            fields = read_paper(self.raws[plot.acceptance])
            assert fields is not None
            commits = commit_fields(self._cast_of(plot), TOLD, _SALTS)
            body = Agreed(of=plot.confirmed, fields=commits)
            opened: Any = {name: (_SALTS[name], TOLD[name]) for name in TOLD}
            if self.rng.random() < 0.2:
                opened = self.rng.choice([None, {"name": (bytes(16), "x")}, {}])
            return self._send(plot, Kind.EVENT, body, "agreed", bent=bent, opened=opened)
        return self._send(plot, Kind.EVENT, Void(of=plot.acceptance), "void", bent=bent)

    def _offer_of(self, plot: Plot) -> Offer:
        paper = read_paper(self.raws[plot.offer or b""])
        assert paper is not None
        return msgspec.convert(paper.body, Offer, builtin_types=(bytes,))

    def _cast_of(self, plot: Plot) -> bytes:
        return self._offer_of(plot).cast

    def _accept(self, plot: Plot, bent: bool) -> Letter | None:
        if plot.offer is None:
            return None
        offer = self._offer_of(plot)
        options = self.rng.choice([[], offer.option_indexes()])
        body = Acceptance(
            offer=plot.offer,
            lines=accepted_lines(offer, options),
            options=options,
            slot=0,
            cur=offer.cur,
            total=offer.total_with(options),
            confirm_by=self.now_ms + offer.confirm_within,
            review_key=plot.party.key,
            fields=commit_fields(offer.cast, TOLD, _SALTS),
            reply=plot.party.reply(),
        )
        return self._send(plot, Kind.ACCEPTANCE, body, "acceptance", bent=bent)

    # --- mischief ---------------------------------------------------------------------------------

    def mischief(self, honest: Sequence[bytes]) -> Letter | None:
        """Say any word of any object to anybody."""
        if not self.plots:
            return None
        plot = self.rng.choice(self.plots)
        ids = [*self.raws, blake2b_256(b"nothing"), bytes(32)]
        of = self.rng.choice([plot.offer, plot.acceptance, plot.confirmed, self.rng.choice(ids)])
        of = of or self.rng.choice(ids)
        other = self.rng.choice(self.vendors)
        word: Any = self.rng.choice(
            [
                Confirmed(of=of, review_key=bytes(32)),
                Refused(of=of, reason="too_late"),
                Cancelled(of=of, reason="no_ack"),
                Void(of=of),
                Closed(of=of),
                Agreed(of=of),
                Moved(of=of, reply=other.reply()),
                Revoke(target=of),
            ]
        )
        kind = Kind.REVOKE if isinstance(word, Revoke) else Kind.EVENT
        fields = self.fields(plot, kind, word)
        turn = self.rng.random()
        if turn < 0.3:
            fields[8] = self.rng.choice([None, *ids])
        elif turn < 0.5:
            fields[4] += self.rng.choice([-30, -8, -1, 1, 8]) * DAY_MS
            fields[5] += self.rng.choice([-60, 0, 30]) * DAY_MS
        elif turn < 0.6:
            fields[7] = self.rng.choice(self.plots).thread
        if kind is Kind.REVOKE and of in self.raws:
            target = read_paper(self.raws[of])
            fields[5] = target.exp if target else fields[5]
        to = plot.other if self.rng.random() < 0.8 else self.rng.choice(list(honest))
        fields[6] = to
        raw = self.sign(fields, plot.party)
        words = "revoke" if kind is Kind.REVOKE else tree_of(word)["type"]
        return Letter(envelope=raw, to=to, words=f"mischievous {words}")

    def again(self, honest: Sequence[bytes]) -> Letter | None:
        """Send something old once more: as it was, signed a second time, or to somebody else."""
        if not self.raws:
            return None
        raw = self.raws[self.rng.choice(list(self.raws))]
        paper = read_paper(raw)
        if paper is None or type(paper.to) is not bytes:
            return None
        if self.rng.random() < 0.4:
            party = next((p.party for p in self.plots if p.party.key == paper.key), None)
            raw = (self.twin(raw, party) if party else None) or raw
        to = paper.to if self.rng.random() < 0.8 else self.rng.choice(list(honest))
        return Letter(envelope=raw, to=to, words=f"{paper.what} again")
