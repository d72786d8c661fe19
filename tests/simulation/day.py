"""A day at the market: an honest buyer, an honest vendor, a modified client, and a bad post.

Everything follows from one seed. The homes are whole (database, keys, rooms, an outbox of sealed
letters); the post brings their letters in any order, late, twice, or never, and reads the clocks as
it likes. After every step the judge looks at both databases.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from node.clock import ManualClock
from node.entropy import SeededEntropy
from node.keystore import PROFILE_CONTEXT
from node.market import deals
from node.market.buyer import Choice
from node.market.withdrawal import Withdrawal
from node.post.letters import Discard, Letter, Parked
from node.storage import boxes_own, casts
from node.storage.casts import OwnCast
from node.storage.database import Storage
from protocol import sealing
from protocol.errors import IntentcastError, Reason
from protocol.ids import CastId, LetterHash, blake2b_256, to_text
from protocol.market.cast import CastState
from protocol.market.deal import TRANSITIONS, DealEventName
from protocol.now import DAY_MS, HOUR_MS, MINUTE_MS
from protocol.objects.envelope import Verified, open_stored
from protocol.objects.header import Kind
from protocol.post.letters import Opened, open_letter
from tests.integration.counter import MAILBOX, Home
from tests.parties import NET, NOW_MS, Party, cast_body
from tests.simulation import modified
from tests.simulation.judge import BrokenPromiseError, Judge, Watched
from tests.simulation.modified import Modified
from tests.simulation.papers import Paper, read_paper

OFFERS_MAX = 3
"""Offers a cast of the honest buyer takes."""
ASKED_MAX = 10
"""Requests of the honest buyer in one day, and of the modified client."""
_ANSWERS_MAX = 3
"""Letters one step may put on their way, the closing of threads aside."""


@dataclass(kw_only=True)
class Tally:
    """What all days together reached."""

    steps: int = 0
    days: int = 0
    hits: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    machine: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    disclosed: int = 0


def _letters_after(after: int, conn: Any) -> list[Any]:
    asked = "SELECT id, letter, to_key, kind FROM outbox WHERE id > ? ORDER BY id"
    found: list[Any] = conn.execute(asked, (after,)).fetchall()
    return found


class Stall(Home):
    """A home with a name, whose requests may be made at any time."""

    async def ask(self, number: int) -> Verified[Any]:
        """Publish a request of ours."""
        nonce = blake2b_256(self.name.encode(), number.to_bytes(4, "big"))[:16]
        now = self.desk.wall_ms()
        body = cast_body(
            nonce=nonce,
            reply=self._reply(nonce),
            decide_by=now + 3 * DAY_MS,
            max_offers=OFFERS_MAX,
        )
        verified = await self.desk.pen.public(nonce, Kind.INTENTCAST, body, exp=now + 20 * DAY_MS)
        row = OwnCast(
            nonce=nonce,
            cast_id=CastId(verified.id),
            root_id=CastId(verified.id),
            state=CastState.OPEN,
            draft="{}",
            local={"body": "", "budget_max": None, "budget_target": None, "disclose": {}},
            created_ms=now,
            decide_by=body.decide_by,
            exp=verified.header.exp,
            note="",
        )

        def keep(conn: Any) -> None:
            self.desk.record(conn, verified)
            casts.save(conn, row)
            boxes_own.save(conn, self.box(nonce))

        await self.storage.write(keep)
        return verified

    def read_boxes(self, contexts: list[bytes]) -> None:
        """Pretend that all our boxes were read this moment."""
        for ctx in contexts:
            self.post.read_since[(bytes(self._reply(ctx).reader), MAILBOX)] = self.desk.wall_ms()


@dataclass(frozen=True, kw_only=True)
class Sealed:
    """A letter of an honest home on its way."""

    letter: bytes
    to: bytes
    kind: str


class Day:
    """One seed, from an empty market to the end of its steps."""

    def __init__(self, seed: int, tally: Tally) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.tally = tally
        self.story: deque[str] = deque(maxlen=60)
        self.contexts: dict[bytes, tuple[Stall, bytes]] = {}
        self.waiting: list[Sealed] = []
        self.delivered: list[Sealed] = []
        self.public: dict[bytes, Verified[Any]] = {}
        self.answered: set[bytes] = set()
        self.asked = 0
        self.secrets = 0
        self.last_letter: dict[str, int] = {}

    async def open(self) -> None:
        """Build the market."""
        memory = Path("/dev/shm")
        self.folder = Path(
            tempfile.mkdtemp(prefix="market-day-", dir=memory if memory.is_dir() else None)
        )
        self.buyer = await self._home("buyer_ana")
        self.vendor = await self._home("vendor_bo")
        self.mallory = Modified(self.rng, NOW_MS + HOUR_MS)
        homes = [
            Watched(name=home.name, path=self.folder / f"{home.name}.db")
            for home in (self.buyer, self.vendor)
        ]
        self.judge = Judge(homes, OFFERS_MAX)
        await self.vendor.sell()
        self._own(self.vendor, PROFILE_CONTEXT)
        for party in self.mallory.vendors:
            self._box(party)
            await self._spread(self.mallory.profile(party, bent=False))
        profile = self.vendor.seller.profile
        assert profile is not None
        await self._spread(profile.raw)

    async def _home(self, name: str) -> Stall:
        clock = ManualClock(wall_ms=NOW_MS + HOUR_MS)
        storage = await Storage.open(self.folder / f"{name}.db", clock=clock)
        entropy = SeededEntropy(f"{name} {self.seed}", net=NET)
        return Stall(storage=storage, clock=clock, name=name, entropy=entropy)

    async def close(self) -> None:
        """Put everything away."""
        self.judge.close()
        await self.buyer.close()
        await self.vendor.close()
        shutil.rmtree(self.folder)
        self.tally.days += 1
        self.tally.hits += self.judge.hits
        self.tally.disclosed += self.judge.disclosed

    def _own(self, home: Stall, ctx: bytes) -> None:
        key = bytes(home.desk.pen.key(ctx))
        self.contexts[key] = (home, ctx)
        secret = home.keyring.box_seed(ctx)
        self.judge.boxes[bytes(sealing.box_public_key(secret))] = (secret, home.name)
        self.judge.people[key] = home.name

    def _box(self, party: Party) -> None:
        self.judge.boxes[bytes(party.box)] = (party.seed("box"), "mallory")
        self.judge.people[party.key] = "mallory"

    async def _spread(self, raw: bytes) -> Verified[Any] | None:
        """Let everybody have a public object, if it is one."""
        try:
            verified = open_stored(raw, net=NET)
        except IntentcastError:
            self.tally.outcomes[("public object", "refused at the gate")] += 1
            return None
        if not verified.header.public:
            return None
        self.public[verified.id] = verified
        self.mallory.raws[verified.id] = raw
        for home in (self.buyer, self.vendor):
            await home.learn(verified)
        return verified

    # --- one step ---------------------------------------------------------------------------------

    async def step(self) -> None:
        """Do one thing, then let the judge look."""
        acts: list[tuple[int, Callable[[], Awaitable[str]]]] = [
            (3 if self.asked < ASKED_MAX else 0, self.ana_asks),
            (8 if len(self.answered) < self._casts_known() else 0, self.bo_answers),
            (8, self.ana_accepts),
            (26 if self.waiting else 0, self.a_letter_arrives),
            (4 if self.delivered else 0, self.a_letter_comes_again),
            (6, self.bo_decides),
            (6, self.a_clock_ticks),
            (6, self.time_passes),
            (6, self.mallory_offers),
            (11, self.mallory_goes_on),
            (8, self.mallory_bends),
            (6, self.mallory_means_mischief),
            (4, self.mallory_repeats),
            (2 if self.mallory.casts < ASKED_MAX else 0, self.mallory_asks),
            (1, self.somebody_takes_back),
        ]
        weights = [weight for weight, _ in acts]
        _, act = self.rng.choices(acts, weights)[0]
        self.story.append(await act())
        self.tally.steps += 1
        await self._collect()
        self.judge.look()

    def _casts_known(self) -> int:
        return sum(each.header.kind is Kind.INTENTCAST for each in self.public.values())

    async def _collect(self) -> None:
        """Find what the honest homes put into their outboxes."""
        for home in (self.buyer, self.vendor):
            after = self.last_letter.get(home.name, 0)
            rows = await home.storage.write(partial(_letters_after, after))
            for row in rows:
                self.last_letter[home.name] = row[0]
                self.waiting.append(Sealed(letter=row[1], to=row[2], kind=row[3]))

    # --- honest people ----------------------------------------------------------------------------

    async def ana_asks(self) -> str:
        """The buyer publishes a request."""
        self.asked += 1
        cast = await self.buyer.ask(self.asked)
        self._own(self.buyer, cast.body.nonce)
        await self._spread(cast.raw)
        return f"ana asks {cast.id.hex()[:6]}"

    async def bo_answers(self) -> str:
        """The vendor quotes a request it has not looked at."""
        open_casts = [
            each
            for each in self.public.values()
            if each.header.kind is Kind.INTENTCAST and each.id not in self.answered
        ]
        cast = self.rng.choice(open_casts)
        self.answered.add(cast.id)
        with suppress(IntentcastError):
            await self.vendor.seller._answer(cast)
        return f"bo answers {cast.id.hex()[:6]}"

    async def ana_accepts(self) -> str:
        """The buyer accepts any offer it knows, in time or not."""
        rows = await self.buyer.storage.write(
            lambda conn: conn.execute(
                "SELECT offer_id FROM threads WHERE role = 'buyer' AND offer_id IS NOT NULL"
            ).fetchall()
        )
        if not rows:
            return "ana has no offer"
        offer_id = self.rng.choice(rows)[0]
        self.secrets += 1
        told = {name: f"secret {name} {self.seed}-{self.secrets}." for name in ("name", "address")}
        choice = Choice(offer_id=offer_id, slot=0, disclose=told)
        try:
            await self.buyer.buyer.accept(choice)
        except IntentcastError as error:
            self.tally.outcomes[("ana accepts", error.code)] += 1
            return f"ana may not accept {offer_id.hex()[:6]}: {error.code}"
        self.tally.outcomes[("ana accepts", "sent")] += 1
        return f"ana accepts {offer_id.hex()[:6]}"

    async def bo_decides(self) -> str:
        """The vendor's rules look at what waits; now and then they say no, or leave it to bo."""
        shop = self.vendor.shop
        shop.by_itself = self.rng.random() < 0.85
        shop.answer = self.rng.choice([None, None, None, Reason.OUT_OF_STOCK])
        waiting = await self.vendor.seller._waiting_deals()
        for row in waiting:
            await self.vendor.seller._decide_one(row)
            if not shop.by_itself:
                yes = self.rng.random() < 0.5
                await self.vendor.seller.decide(row.deal_id, confirm=yes, reason=Reason.POLICY)
        return f"bo decides {len(waiting)}"

    async def somebody_takes_back(self) -> str:
        """A request or an offer is revoked."""
        home = self.rng.choice([self.buyer, self.vendor])
        table = "casts" if home is self.buyer else "threads"
        column = "cast_id" if home is self.buyer else "offer_id"
        rows = await home.storage.write(
            lambda conn: conn.execute(
                f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL"
            ).fetchall()
        )
        if not rows:
            return "nothing to take back"
        prefix = "cast" if home is self.buyer else "offer"
        handle = to_text(prefix, self.rng.choice(rows)[0])
        try:
            await Withdrawal(home.desk, home.clockwork).revoke(handle)
        except IntentcastError as error:
            self.tally.outcomes[("revoke", error.code)] += 1
            return f"{home.name} may not take back: {error.code}"
        self.tally.outcomes[("revoke", "sent")] += 1
        return f"{home.name} takes back {handle[:12]}"

    async def a_clock_ticks(self) -> str:
        """What time alone brings about, at one home; its boxes read before, or not."""
        home = self.rng.choice([self.buyer, self.vendor])
        if self.rng.random() < 0.7:
            home.read_boxes([ctx for owner, ctx in self.contexts.values() if owner is home])
        await home.clockwork.tick()
        return f"{home.name} looks at the clock"

    async def time_passes(self) -> str:
        """Both clocks go on; now and then one of them alone jumps."""
        steps = [1_000, MINUTE_MS, 3 * MINUTE_MS, 18 * MINUTE_MS, HOUR_MS, 5 * HOUR_MS, DAY_MS]
        ms = self.rng.choice(steps) if self.rng.random() < 0.9 else 8 * DAY_MS
        for home in (self.buyer, self.vendor):
            home.clock.advance(ms)
        self.mallory.now_ms += ms
        if self.rng.random() < 0.1:
            home = self.rng.choice([self.buyer, self.vendor])
            jump = self.rng.choice([-2, -1, 1, 2]) * MINUTE_MS
            home.clock.jump_wall(jump)
            return f"{ms} ms pass, and {home.name}'s clock jumps {jump} ms"
        return f"{ms} ms pass"

    # --- the post ---------------------------------------------------------------------------------

    async def a_letter_arrives(self) -> str:
        """Any letter that is on its way is read, whatever was sent before it."""
        if not self.waiting:
            return "nothing is on its way"
        late = self.rng.random() < 0.5
        at = self.rng.randrange(len(self.waiting)) if late else 0
        sealed = self.waiting.pop(at)
        words = await self._deliver(sealed)
        if words == "parked":
            self.waiting.append(sealed)
        else:
            self.delivered.append(sealed)
        return f"{sealed.kind} arrives: {words}"

    async def a_letter_comes_again(self) -> str:
        """A letter that was read is read again."""
        if not self.delivered:
            return "nothing was read yet"
        sealed = self.rng.choice(self.delivered)
        return f"{sealed.kind} comes again: {await self._deliver(sealed)}"

    async def _deliver(self, sealed: Sealed) -> str:
        found = self.contexts.get(sealed.to)
        if found is None:
            return self._to_mallory(sealed)
        home, ctx = found
        contents = open_letter(sealed.letter, home.keyring.box_seed(ctx))
        return await self._hand_in(home, ctx, contents.envelope, contents.opened, sealed.kind)

    def _to_mallory(self, sealed: Sealed) -> str:
        parties = [*self.mallory.vendors, *(plot.party for plot in self.mallory.plots)]
        parties += [Party(f"mallory asks {n}") for n in range(1, self.mallory.casts + 1)]
        owner = next(party for party in parties if party.key == sealed.to)
        for party in parties:
            with suppress(IntentcastError):
                contents = open_letter(sealed.letter, party.seed("box"))
                self.mallory.hear(owner, contents.envelope)
                return "read by mallory"
        return "lost in a box mallory has no key of"

    async def _hand_in(
        self, home: Stall, ctx: bytes, envelope: bytes, opened: Opened | None, words: str
    ) -> str:
        letter = Letter(
            hash=LetterHash(blake2b_256(envelope)),
            envelope=envelope,
            opened=opened,
            mailbox=MAILBOX,
            reader=home.box(ctx).reader,
        )
        before = self.last_letter.get(home.name, 0)
        outcome = await home.letters.on_letter(home.box(ctx), letter)
        await self._collect()
        if self.last_letter.get(home.name, 0) - before > _ANSWERS_MAX:
            raise BrokenPromiseError(f"one letter made {home.name} write more than {_ANSWERS_MAX}")
        name = words.removeprefix("bent ").removeprefix("mischievous ")
        if isinstance(outcome, Discard):
            self.tally.outcomes[(name, f"discarded: {outcome.reason}")] += 1
            return outcome.reason
        if isinstance(outcome, Parked):
            self.tally.outcomes[(name, "parked")] += 1
            return "parked"
        self.tally.outcomes[(name, type(outcome).__name__.lower())] += 1
        watched = next(each for each in self.judge.homes if each.name == home.name)
        if not watched.has(outcome.envelope_id):
            raise BrokenPromiseError(f"{home.name} would receipt what is not on disk")
        return type(outcome).__name__.lower()

    # --- the modified client ----------------------------------------------------------------------

    async def _bring(self, letter: modified.Letter | None) -> str:
        if letter is None:
            return "mallory has nothing to say"
        found = self.contexts.get(letter.to)
        if found is None:
            return "mallory writes to nobody"
        opened = letter.opened or None
        words = await self._hand_in(*found, letter.envelope, opened, letter.words)
        return f"mallory's {letter.words}: {words}"

    def _honest_casts(self) -> list[Paper]:
        found = [read_paper(each.raw) for each in self.public.values()]
        return [
            paper
            for paper in found
            if paper
            and paper.kind == "intentcast"
            and self.contexts.get(paper.key, (None,))[0] is self.buyer
        ]

    async def mallory_offers(self) -> str:
        """Answers a request of the honest buyer."""
        casts_known = self._honest_casts()
        if not casts_known:
            return "mallory hears nobody"
        cast = self.rng.choice(casts_known)
        return await self._bring(self.mallory.offer_for(cast, bent=self.rng.random() < 0.3))

    async def mallory_goes_on(self) -> str:
        """Does what is due in one of its bargains."""
        return await self._bring(self.mallory.next(bent=False))

    async def mallory_bends(self) -> str:
        """Does it with one field changed."""
        return await self._bring(self.mallory.next(bent=True))

    async def mallory_means_mischief(self) -> str:
        """Says any word of anything."""
        return await self._bring(self.mallory.mischief(list(self.contexts)))

    async def mallory_repeats(self) -> str:
        """Sends something old again."""
        return await self._bring(self.mallory.again(list(self.contexts)))

    async def mallory_asks(self) -> str:
        """Publishes a request, right or bent."""
        party, raw = self.mallory.cast(bent=self.rng.random() < 0.3)
        self._box(party)
        found = await self._spread(raw)
        return "mallory asks" if found else "mallory asks in vain"


def watch_machine(tally: Tally) -> Callable[[], None]:
    """Count which transition of the deal's table every step takes; gives what ends the counting."""
    plain = vars(deals)["step"]
    names = {name.value.replace("_", ""): name for name in DealEventName}

    def counted(deal: Any, event: Any, now: Any) -> Any:
        found = plain(deal, event, now)
        word = type(event).__name__.lower()
        word = {"voiddue": "void", "ackoverdue": "cancel"}.get(word, word)
        state = (
            found.deal.state.value if found.refusal is None else f"refused {found.refusal.value}"
        )
        tally.machine[(deal.state.value, str(names.get(word, word)), state)] += 1
        return found

    setattr(deals, "step", counted)  # noqa: B010 - the name it is called by

    def end() -> None:
        setattr(deals, "step", plain)  # noqa: B010

    return end


class DayFailedError(Exception):
    """A step went wrong: says how to see it again."""

    def __init__(self, day: Day, step: int) -> None:
        """Keep the story."""
        tale = "\n  ".join(day.story)
        super().__init__(f"seed {day.seed}, step {step}; what led there:\n  {tale}")


async def live(seed: int, steps: int, tally: Tally) -> None:
    """Live through one day.

    Raises:
        DayFailedError: a promise was broken, or something raised what it may not; see its cause.
    """
    day = Day(seed, tally)
    await day.open()
    try:
        for step in range(steps):
            try:
                await day.step()
            except Exception as error:
                raise DayFailedError(day, step) from error
    finally:
        await day.close()


MUTE: frozenset[tuple[str, str]] = frozenset({("agreed", "confirmed_received")})
"""In the machine's table, and met by nobody here: a letter that comes again is known before it."""


def missing(tally: Tally) -> list[str]:
    """List the transitions of the deal's table that no step took."""
    seen = {(state, event) for state, event, after in tally.machine if "refused" not in after}
    seen |= {
        (state, "lapse" if after == "voided" else event)
        for state, event, after in tally.machine
        if event == "confirm"
    }
    lapsed = {
        (state, "lapsed_received")
        for state, event, after in tally.machine
        if event == "refused_received" and after == "voided"
    }
    table = {(state.value, event.value) for state, row in TRANSITIONS.items() for event in row}
    return sorted(f"{state} {event}" for state, event in table - seen - lapsed - MUTE)
