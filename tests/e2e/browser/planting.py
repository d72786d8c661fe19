"""Hostile texts in every field a stranger may sign, and in one's own, as valid objects.

Enters: a home that is up, a supply of texts. Leaves: casts, profiles, offers and events in that
home, recorded by the rooms that record all others. The signatures are right, the sums add up, every
cap is kept: there is no reason but the words to refuse them.
"""

from __future__ import annotations

from typing import Any

from node.post.letters import Discard, Letter, Recorded
from node.storage import objects
from node.storage.boxes_own import OwnBox
from node.storage.outbox import OutgoingState
from protocol.ids import blake2b_256, from_text
from protocol.now import DAY_MS, MINUTE_MS
from protocol.objects.envelope import Verified, open_stored
from protocol.objects.event import Confirmed, Refused
from protocol.objects.intentcast import Intentcast, Item, Membership
from protocol.objects.offer import Answer, CancelTerm, Fulfilment, Line, LineKind, Offer, Payment
from protocol.objects.profile import Contact, Profile
from protocol.post.letters import letter_hash
from protocol.values.quantity import Quantity
from tests.e2e.browser.hostile import Supply
from tests.integration.fair import House
from tests.parties import (
    NET,
    SHOP,
    Party,
    make_cast,
    make_event,
    make_offer,
    make_profile,
)

LINES = 24
_TRIES = 20
"""Draws of other texts, where those of one offer are together too long to be sent."""
"""Lines of an offer here; 50 are allowed."""
CATEGORY = "travel/car-rental"


class Planting:
    """What strangers, and the owner, put into one home."""

    def __init__(self, house: House, supply: Supply | None = None) -> None:
        self.house = house
        self.supply = supply or Supply()
        self.vendors: dict[bytes, Party] = {}
        """By key."""

    def _text(self, chars: int) -> str:
        return self.supply.text(chars)

    def _now(self) -> int:
        return self.house.clock.now().wall_ms

    # --- words of one's own ----------------------------------------------------------------------

    async def cast(self, **changes: Any) -> str:
        """Send a request whose every free field is hostile; gives its handle."""
        draft: dict[str, Any] = {
            "title": self._text(120),
            "text": self._text(1000),
            "category": CATEGORY,
            "items": [
                {
                    "name": self._text(120),
                    "attrs": [
                        {"key": "body", "op": "match", "value": self._text(80), "level": "prefer"},
                        {"key": "hostile", "op": "eq", "value": self._text(120), "level": "prefer"},
                    ],
                }
                for _ in range(4)
            ],
            "where": {"near": "Park City, UT", "radius_km": 25},
            "budget": {"max": "600 USD", "visibility": "public"},
            "memberships": [
                {"programme": self._text(60), "tier": self._text(40)} for _ in range(12)
            ],
            "max_offers": 256,
            "disclose": {name: self._text(200) for name in ("name", "phone", "address")},
        }
        found = await self.house.handle.create_cast(draft | changes)
        assert found["cast"]["state"] == "open", found["cast"]["note"]
        return str(found["cast"]["handle"])

    # --- words of vendors ------------------------------------------------------------------------

    async def offers(self, handle: str, count: int) -> list[Verified[Offer]]:
        """Let so many vendors, each under a key and a hostile name of its own, answer a cast."""
        cast, box = await self._asked(handle)
        found = []
        for _ in range(count):
            party = Party(f"hostile vendor {len(self.vendors)} of {self.house.name}")
            self.vendors[party.key] = party
            profile = self._profile(party)
            await self._learn(profile)
            for _ in range(_TRIES):
                offer = self._offer(party, cast, profile)
                if await self._deliver(box, offer):
                    found.append(offer)
                    break
        return found

    def _profile(self, party: Party) -> Verified[Profile]:
        now = self._now()
        return make_profile(
            by=party,
            header={"at": now - now % MINUTE_MS, "exp": now + 300 * DAY_MS},
            name=self._text(80),
            categories=[],
            areas=[],
            hours=self._text(160),
            capabilities=[self._text(40) for _ in range(8)],
            contact=Contact(
                email=self._text(120),
                phone=self._text(40),
                web=self._text(160),
                street=self._text(160),
            ),
        )

    def _lines(self) -> list[Line]:
        kinds: tuple[LineKind, ...] = ("item", "tax", "fee", "delivery", "optional")
        return [
            Line(
                name=self._text(160),
                kind=kinds[i % len(kinds)],
                qty=Quantity(n="1", unit="each"),
                unit=100 + i,
                total=100 + i,
                sku=self._text(80),
                mpn=self._text(80),
                basis=self._text(160),
            )
            for i in range(LINES)
        ]

    def _offer(
        self, party: Party, cast: Verified[Intentcast], profile: Verified[Profile]
    ) -> Verified[Offer]:
        now = self._now()
        lines = self._lines()
        return make_offer(
            cast,
            profile,
            by=party,
            header={"at": now, "exp": now + 60 * DAY_MS},
            valid_until=now + 8 * DAY_MS,
            lines=lines,
            total=sum(line.total for line in lines if line.kind != "optional"),
            answers=[
                Answer(
                    item=i,
                    attr=a,
                    status="met",
                    value=self._text(120) if a else [self._text(80) for _ in range(5)],
                    unit=self._text(12),
                )
                for i, a, _ in cast.body.constraints()
            ],
            fulfil=Fulfilment(mode="pickup", window=None, place=SHOP),
            cancel_terms=[CancelTerm(until=now + DAY_MS, fee=1)],
            pay=Payment(
                methods=[self._text(40) for _ in range(8)],
                when="at",
                link="https://evil.test/<script>alert(1)</script>'\"",
            ),
            note=self._text(1000),
        )

    # --- what follows an acceptance --------------------------------------------------------------

    async def confirm(self) -> None:
        """Let the vendor of the newest acceptance of this home say yes."""
        acceptance = await self._acceptance()
        yes = Confirmed(of=acceptance.id, review_key=acceptance.body.review_key)
        await self._answer(acceptance, yes)

    async def refuse(self) -> None:
        """Let it say no, for a hostile reason."""
        acceptance = await self._acceptance()
        text = self.supply.text(40)
        await self._answer(acceptance, Refused(of=acceptance.id, reason=text))

    async def _acceptance(self) -> Verified[Any]:
        rows = [
            row
            for state in (OutgoingState.PENDING, OutgoingState.REFUSED)
            for row in await self.house.letters(state)
            if row.kind == "acceptance"
        ]
        assert rows, "no acceptance went out"
        return await self._object(rows[-1].envelope_id)

    async def _answer(self, acceptance: Verified[Any], body: Any) -> None:
        party = self.vendors[acceptance.header.to or b""]
        now = self._now()
        event = make_event(
            party, body, acceptance, header={"at": now, "exp": now + 60 * DAY_MS, "prev": None}
        )
        offer = await self._object(acceptance.body.offer)
        _, box = await self._asked_id(offer.body.cast)
        assert await self._deliver(box, event)

    # --- words of buyers, for a shop -------------------------------------------------------------

    async def inbox(self, count: int) -> None:
        """Let so many strangers ask this home's shop, in hostile words."""
        now = self._now()
        for number in range(count):
            party = Party(f"hostile buyer {number} of {self.house.name}")
            asked = make_cast(
                by=party,
                header={"at": now - now % MINUTE_MS, "exp": now + 14 * DAY_MS},
                title=self._text(120),
                text=self._text(1000),
                category=CATEGORY,
                items=[Item(name=self._text(120), qty=Quantity(n="1", unit="each"))],
                memberships=[
                    Membership(programme=self._text(60), tier=self._text(40)) for _ in range(8)
                ],
                decide_by=now + 7 * DAY_MS,
                nonce=blake2b_256(party.name.encode())[:16],
                when=[],
                reply=party.reply(),
            )
            await self._learn(asked)
            self.house.up._heard(asked)

    # --- the way in ------------------------------------------------------------------------------

    async def _learn(self, verified: Verified[Any]) -> None:
        """Have a public object, as if gossip had brought it."""
        now = self._now()
        await self.house.up.desk.storage.write(
            lambda conn: objects.insert(conn, verified, own=False, now_ms=now)
        )

    async def _object(self, object_id: bytes) -> Verified[Any]:
        raw = await self.house.read(lambda db: objects.load_raw(db, object_id))
        return open_stored(raw, net=NET)

    async def _asked(self, handle: str) -> tuple[Verified[Intentcast], OwnBox]:
        found = await self.house.handle.cast(handle)
        return await self._asked_id(from_text("cast", found["cast"]["form"]))

    async def _asked_id(self, cast_id: bytes) -> tuple[Verified[Intentcast], OwnBox]:
        cast = await self._object(cast_id)
        [box] = [
            each
            for each in self.house.up.post.boxes
            if bytes(each.reader) == bytes(cast.body.reply.reader)
        ]
        return cast, box

    async def _deliver(self, box: OwnBox, verified: Verified[Any]) -> bool:
        """Read a letter out of one of this home's boxes; False where its texts are too long."""
        letter = Letter(
            hash=letter_hash(verified.raw),
            envelope=verified.raw,
            opened=None,
            mailbox=box.mailboxes[0],
            reader=box.reader,
        )
        outcome = await self.house.up._letter_came(box, letter)
        if outcome == Discard(reason="too_large"):
            return False
        assert isinstance(outcome, Recorded), outcome
        return True
