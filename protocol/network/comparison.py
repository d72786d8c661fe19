"""The comparison of what two nodes hold: with whom, when, and what becomes of the outcome.

A stage of gossip beside the exchange of names. Whoever opened a link compares when it is open, and
everybody from time to time with a peer chosen at random. What a peer holds and we do not is wanted,
and takes the whole way in; what it lacks it finds by asking in turn, as does everybody whose answer
showed a difference. Enters: peers that come and go, their questions and answers, the time. Leaves:
questions and answers. Bounded: rounds, work a peer may cause, comparisons under way. Never here:
bytes of objects.
Source: docs/protocol/07-sync.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, assert_never

from protocol import limits
from protocol.channel.messages import RangesAnswer, RangesQuery, Refused
from protocol.channel.priority import Priority
from protocol.errors import MessageError, Reason
from protocol.ids import PeerId
from protocol.network.actions import GossipAction, SendMessage, SetTimer, Timer
from protocol.network.announcements import ids_messages
from protocol.network.carried import Carried, blame
from protocol.network.chance import Chance
from protocol.network.events import (
    PeerJoined,
    PeerLost,
    RangesAnswered,
    RangesAsked,
    RangesRefused,
)
from protocol.network.holdings import Narrow
from protocol.network.live import prefix_of
from protocol.network.order import SALT_BYTES, Order
from protocol.network.reconciliation import Session, answer
from protocol.now import Now

_NUMBERS: Final = 2**30
"""Questions for ranges are numbered below this, those for records above."""
_BACKLOG_PART: Final = 4
"""A comparison that paused for what is owed goes on when a quarter of it is left."""
_IN_SILENCE: Final = 16
"""A silent network is asked at so many links: any of them may be the honest one."""
_ABROAD: Final = 3
"""Every so many comparisons go to another address group."""


class Allowance:
    """The work that may be caused: so much at once, and so much a second; usually one peer's."""

    __slots__ = ("_left", "_mono_ms", "_most", "_per_s")

    def __init__(
        self,
        mono_ms: int,
        *,
        most: int | None = None,
        per_s: int | None = None,
    ) -> None:
        """Start with all of it.

        Args:
            mono_ms: the moment.
            most: at once; one peer's when None.
            per_s: a second; one peer's when None.
        """
        self._left = self._most = limits.ranges_work_max if most is None else most
        self._per_s = limits.ranges_work_per_s if per_s is None else per_s
        self._mono_ms = mono_ms

    def is_spent(self, mono_ms: int) -> bool:
        """Tell whether nothing is left at a moment."""
        grown = (mono_ms - self._mono_ms) * self._per_s // 1_000
        self._left = min(self._left + grown, self._most)
        self._mono_ms = mono_ms
        return self._left <= 0

    def spend(self, work: int) -> None:
        """Take off what something cost, which nobody knew before."""
        self._left -= work


@dataclass(slots=True, kw_only=True)
class _Talk:
    """One comparison with one peer."""

    due_ms: int
    """Monotonic ms of its next stretch; while a question is open, when the answer is late."""
    session: Session = field(default_factory=Session)
    """Where it stands."""
    request: int | None = None
    """Number of the open question."""
    idle: int = 0
    """Stretches in a row that settled nothing."""
    yields: bool = False
    """Whether it has not begun, and waits for the peer to have asked all it wants."""
    in_turn: bool = False
    """Whether it is because the peer asked: whoever asks can have that."""


@dataclass(slots=True)
class _Places:
    """Places of the comparisons under way: strangers that never answer must leave some."""

    taken: int = 0
    """By anybody."""
    inbound: int = 0
    """By who dialled us; one place is kept for whom we dialled."""
    in_turn: int = 0
    """By who dialled us and asked first; one at most."""

    def is_free(self, talk: _Talk, *, is_dialled: bool) -> bool:
        """Tell whether a comparison may begin."""
        if self.taken >= limits.comparisons_open_max:
            return False
        if is_dialled:
            return True
        return self.inbound < limits.comparisons_open_max - 1 and not (
            talk.in_turn and self.in_turn
        )

    def take(self, talk: _Talk, *, is_dialled: bool) -> None:
        """Count one."""
        self.taken += 1
        self.inbound += not is_dialled
        self.in_turn += talk.in_turn and not is_dialled


class Comparison:
    """What one node says and asks about everything it holds."""

    def __init__(self, carried: Carried, *, chance: Chance) -> None:
        """Begin with no question open.

        Args:
            carried: the tables.
            chance: whom to compare with, and the salts.
        """
        self._carried = carried
        self._chance = chance
        self._talks: dict[PeerId, _Talk] = {}
        self._dialled: set[PeerId] = set()
        self._asked_ms: dict[PeerId, int] = {}
        self._allowances: dict[PeerId, Allowance] = {}
        self._pools: dict[bool, Allowance] = {}
        self._number = 0
        self._compared = 0
        self._group: str | None = None
        self._next_ms = 0
        self._wound_ms: int | None = None
        self._awake: Now | None = None
        self._came = 0
        self._came_ms = 0
        self._silence_ms = limits.silence_ms

    # --- messages -----------------------------------------------------------------------------

    def handle(
        self, event: RangesAsked | RangesAnswered | RangesRefused, now: Now
    ) -> list[GossipAction]:
        """Answer a question, or take an answer."""
        match event:
            case RangesAsked(peer=peer, query=query):
                return self._answer(peer, query, now)
            case RangesAnswered(peer=peer, answer=message):
                return [*self._take(peer, message, now), *self._turn(now)]
            case RangesRefused(peer=peer, request=request):
                talk = self._talks.get(peer)
                if talk is not None and talk.request == request:
                    self._pause(peer, talk, now, is_idle=True)
                return self._turn(now)
            case _:
                assert_never(event)

    def _answer(self, peer: PeerId, query: RangesQuery, now: Now) -> list[GossipAction]:
        """Answer from what is held at this moment; nothing is kept in mind but the cost."""
        allowance, pool = self._allowance(peer, now), self._pool(peer, now)
        is_spent = allowance.is_spent(now.mono_ms) or pool.is_spent(now.mono_ms)
        if not is_spent:
            cost = self._carried.live.holdings.cost(self._narrow(peer))
            allowance.spend(cost)
            pool.spend(cost)
        order = None if is_spent else self._order(peer, now)
        message: RangesAnswer | Refused
        if order is None:
            message = Refused(request=query.request, reason=Reason.OVER_BUDGET)
        else:
            try:
                answered = answer(order, query.ranges, query.salt)
            except MessageError as error:
                return blame(peer, error.reason)
            allowance.spend(answered.work)
            pool.spend(answered.work)
            message = RangesAnswer(request=query.request, ranges=answered.raw)
            if answered.raw:
                self._ask_in_turn(peer, now)
        return [SendMessage(peer=peer, message=message, priority=Priority.PULL), *self._wind(now)]

    def _ask_in_turn(self, peer: PeerId, now: Now) -> None:
        """Compare with a peer that differs, once it has finished; but not for ever in turn."""
        talk = self._talks.get(peer)
        asked_ms = self._asked_ms.get(peer)
        is_recent = asked_ms is not None and now.mono_ms - asked_ms < limits.comparison_again_ms
        if talk is not None and talk.yields:
            talk.due_ms = now.mono_ms + limits.comparison_turn_ms
        elif talk is None and peer in self._carried.peers and not is_recent:
            self._begin(peer, now)
            self._talks[peer].yields = self._talks[peer].in_turn = True
            self._talks[peer].due_ms = now.mono_ms + limits.comparison_turn_ms

    def _take(self, peer: PeerId, message: RangesAnswer, now: Now) -> list[GossipAction]:
        """Take an answer, and ask on while the stretch lasts."""
        talk = self._talks.get(peer)
        if talk is None or talk.request != message.request:
            return []
        talk.request = None
        self._carried.service.answered(peer)
        order = self._order(peer, now)
        if order is None:
            # What is compared with this peer changed since it was asked.
            self._pause(peer, talk, now, is_idle=True)
            return []
        before = talk.session.place
        try:
            found = talk.session.take(order, message.ranges)
        except MessageError as error:
            del self._talks[peer]
            return blame(peer, error.reason)
        if talk.session.place > before:
            talk.idle = 0
        allowance = self._allowance(peer, now)
        allowance.spend(found.work)
        self._carried.note_names(found.names, peer, now.mono_ms)
        actions: list[GossipAction] = []
        if talk.session.is_done:
            del self._talks[peer]
        elif (
            talk.session.rounds < limits.ranges_rounds_max
            and self._carried.wanted.waiting_at(peer) < limits.comparison_backlog_max
            and not allowance.is_spent(now.mono_ms)
        ):
            actions.append(self._ask(peer, talk, order, now))
        else:
            self._pause(peer, talk, now, is_idle=talk.session.place == before)
        return actions

    def _ask(self, peer: PeerId, talk: _Talk, order: Order, now: Now) -> SendMessage:
        self._number = (self._number + 1) % _NUMBERS
        talk.request = self._number
        talk.due_ms = now.mono_ms + self._patience_ms(peer)
        self._carried.service.asked(peer, now.mono_ms)
        ranges = talk.session.question(order)
        query = RangesQuery(request=talk.request, salt=talk.session.salt, ranges=ranges)
        return SendMessage(peer=peer, message=query, priority=Priority.CONTROL)

    def _patience_ms(self, peer: PeerId) -> int:
        """Give how long an answer may take: some round trips, since it is long and to be made."""
        rtt_ms = self._carried.rtts.get(peer, limits.rtt_unknown_ms)
        patience_ms = min(rtt_ms * limits.ranges_answer_rtts, limits.ranges_answer_ms_max)
        return max(patience_ms, limits.ranges_answer_ms_min)

    def _pause(self, peer: PeerId, talk: _Talk, now: Now, *, is_idle: bool) -> None:
        """End a stretch; the others have their turn first."""
        talk.request = None
        talk.idle = talk.idle + 1 if is_idle else 0
        del self._talks[peer]
        if talk.idle < limits.ranges_idle_max:
            talk.due_ms = now.mono_ms + limits.ranges_pause_ms
            self._talks[peer] = talk

    def _allowance(self, peer: PeerId, now: Now) -> Allowance:
        found = self._allowances.get(peer)
        if found is None:
            found = Allowance(now.mono_ms)
            if peer in self._carried.peers:
                self._allowances[peer] = found
        return found

    def _pool(self, peer: PeerId, now: Now) -> Allowance:
        """Give what all who dialled us share, or all we dialled.

        Whoever fills our places with keys of his own takes nothing from those this node chose.
        """
        is_dialled = peer in self._dialled
        if is_dialled not in self._pools:
            self._pools[is_dialled] = Allowance(
                now.mono_ms,
                most=limits.ranges_work_all_max,
                per_s=limits.ranges_work_all_per_s,
            )
        return self._pools[is_dialled]

    def _order(self, peer: PeerId, now: Now) -> Order | None:
        """Give what is compared with a peer; None while it is being made."""
        self._carried.live.retire(now.wall_ms)
        self._carried.declined.expire(now.wall_ms)
        return self._carried.live.holdings.view(self._narrow(peer), now.mono_ms)

    def _narrow(self, peer: PeerId) -> Narrow | None:
        """Tell what is compared with a peer: what a leaf wants, ours or its own."""
        interests = self._carried.interests
        found = interests.between(peer)
        if found.interest is None:
            return None
        return found.narrow(is_ours=found is interests.own)

    # --- peers --------------------------------------------------------------------------------

    def joined(self, event: PeerJoined, now: Now) -> list[GossipAction]:
        """Compare with a peer this node dialled; one that dialled begins by itself."""
        if not event.outbound:
            return []
        self._dialled.add(event.peer)
        self._begin(event.peer, now)
        return [*ids_messages(event.peer, self._apart(event.peer)), *self._turn(now)]

    def _apart(self, peer: PeerId) -> list[bytes]:
        """List what no comparison under our wish has, and nobody is known to hold.

        Casts of our own may be among it. They are named to one peer alone: whoever hears a leaf
        name what it does not want can guess who wrote it.
        """
        narrow = self._narrow(peer)
        if narrow is None or not narrow.is_ours:
            return []
        carried = self._carried
        order = carried.live.holdings.whole
        newest = order.names(max(0, len(order) - limits.view_slice_max), len(order))
        entries = [entry for name in newest if (entry := carried.live.get(name)) is not None]
        apart = [prefix_of(e.id) for e in entries if e.exempt and not narrow.wish(e)]
        unheard = [name for name in apart if not carried.holders.of(name)]
        for name in unheard[-limits.ids_per_message_max :]:
            carried.note_holder(name, peer)
        return unheard[-limits.ids_per_message_max :]

    def anew(self, now: Now) -> list[GossipAction]:
        """Compare with every peer: this node wants something else than before."""
        for peer in self._carried.peers:
            self._talks.pop(peer, None)
            self._begin(peer, now)
        return self._turn(now)

    def lost(self, event: PeerLost) -> None:
        """Forget what was open with a peer."""
        self._talks.pop(event.peer, None)
        self._dialled.discard(event.peer)
        self._asked_ms.pop(event.peer, None)
        self._allowances.pop(event.peer, None)

    def _begin(self, peer: PeerId, now: Now) -> None:
        self._asked_ms[peer] = now.mono_ms
        self._talks.setdefault(peer, _Talk(due_ms=now.mono_ms)).in_turn = False

    # --- time ---------------------------------------------------------------------------------

    def started(self, now: Now) -> list[GossipAction]:
        """Wind the clock."""
        self._awake = now
        self._came_ms = now.mono_ms
        self._next_ms = now.mono_ms + self._chance.around(limits.catch_up_ms)
        return self._wind(now)

    def timed(self, timer: Timer, now: Now) -> list[GossipAction]:
        """Compare with somebody from time to time, and after a sleep; go on where it is time."""
        if timer is Timer.SWEEP:
            self._carried.live.holdings.grow(now.mono_ms)
            return []
        if timer is not Timer.CATCH_UP and timer is not Timer.HEARTBEAT:
            return []
        if timer is Timer.CATCH_UP:
            self._wound_ms = None
        self._carried.live.holdings.grow(now.mono_ms)
        if self._has_slept(now):
            for peer in self._chance.sample(list(self._carried.peers), limits.comparisons_open_max):
                self._begin(peer, now)
        elif now.mono_ms >= self._next_ms:
            self._next_ms = now.mono_ms + self._chance.around(limits.catch_up_ms)
            self._compare_with_somebody(now)
        elif self._is_silent(now):
            for peer in self._chance.sample(list(self._carried.peers), _IN_SILENCE):
                self._begin(peer, now)
        return self._turn(now)

    def _is_silent(self, now: Now) -> bool:
        """Tell whether nothing came over any link for a while; the next one is twice as long.

        Where nobody has anything to say one comparison is cheap. Where all peers keep silent about
        what they hold it is how a node learns that it misses something.
        """
        came = sum(self._carried.verdicts.counts.values())
        if came != self._came:
            self._came, self._came_ms, self._silence_ms = came, now.mono_ms, limits.silence_ms
        if now.mono_ms - self._came_ms < self._silence_ms:
            return False
        self._came_ms = now.mono_ms
        self._silence_ms = min(2 * self._silence_ms, limits.catch_up_ms)
        return True

    def _has_slept(self, now: Now) -> bool:
        """Tell whether the wall clock went on while the other one stood still."""
        before, self._awake = self._awake, now
        if before is None:
            return False
        missing_ms = (now.wall_ms - before.wall_ms) - (now.mono_ms - before.mono_ms)
        return missing_ms >= limits.comparison_gap_ms

    def _compare_with_somebody(self, now: Now) -> None:
        """Choose a peer; every third time one of another address group than the one before."""
        peers = self._carried.peers
        self._compared += 1
        chosen = list(peers)
        if self._compared % _ABROAD == 0:
            chosen = [peer for peer, group in peers.items() if group != self._group] or chosen
        for peer in self._chance.sample(chosen, 1):
            self._group = peers[peer]
            self._begin(peer, now)

    def _turn(self, now: Now) -> list[GossipAction]:
        """End what is late, begin what is due, as far as so many may be under way."""
        actions: list[GossipAction] = []
        for peer, talk in list(self._talks.items()):
            if talk.request is not None and now.mono_ms >= talk.due_ms:
                self._pause(peer, talk, now, is_idle=True)
        places = _Places()
        for peer, talk in self._talks.items():
            if talk.request is not None:
                places.take(talk, is_dialled=peer in self._dialled)
        for peer, talk in list(self._talks.items()):
            is_dialled = peer in self._dialled
            if not places.is_free(talk, is_dialled=is_dialled):
                continue
            order = self._ready(peer, talk, now)
            if order is not None:
                talk.yields = False
                talk.session.begin(order, self._chance.octets(SALT_BYTES))
                actions.append(self._ask(peer, talk, order, now))
                places.take(talk, is_dialled=is_dialled)
        return [*actions, *self._wind(now)]

    def _ready(self, peer: PeerId, talk: _Talk, now: Now) -> Order | None:
        """Give what to compare with a peer, where a stretch with it may begin."""
        if talk.request is not None or now.mono_ms < talk.due_ms:
            return None
        owed = self._carried.wanted.waiting_at(peer)
        is_served = owed <= limits.comparison_backlog_max // _BACKLOG_PART
        if is_served and not self._allowance(peer, now).is_spent(now.mono_ms):
            order = self._order(peer, now)
            if order is not None:
                return order
        talk.due_ms = now.mono_ms + limits.ranges_pause_ms
        return None

    def _wind(self, now: Now) -> list[GossipAction]:
        """Set the timer to what comes first, unless it already is."""
        # What is due and did not begin waits for one under way to end.
        dues = [talk.due_ms for talk in self._talks.values() if talk.due_ms > now.mono_ms]
        if self._carried.live.holdings.is_growing:
            dues.append(now.mono_ms + limits.view_pause_ms)
        due_ms = max(min([self._next_ms, *dues]), now.mono_ms + 1)
        if self._wound_ms is not None and self._wound_ms <= due_ms:
            return []
        self._wound_ms = due_ms
        return [SetTimer(timer=Timer.CATCH_UP, delay_ms=due_ms - now.mono_ms)]
