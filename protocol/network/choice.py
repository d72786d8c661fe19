"""The receiver's choice: which links push whole objects to us, which name them, which stay quiet.

Links push because they were soonest lately, one because it was drawn and is kept: whoever is
merely fast cannot hold every place. The next ones send names, the rest nothing. Enters: what each
link showed of accepted objects, broken promises, refusals, the moment. Leaves: the levels to ask
for. Never here: fault, which is judged elsewhere, and what a third party says.
Source: docs/protocol/06-gossip.md, "The way on".
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import msgspec

from protocol import limits
from protocol.ids import PeerId
from protocol.network.chance import Chance
from protocol.network.flow import Flow

_FINE = 8
"""Lags are kept in eighths of a millisecond: on one machine links differ by less than one."""


@dataclass(slots=True, kw_only=True)
class _Supply:
    """One link, as a source of objects."""

    group: str
    """Its address group."""
    order: int
    """Drawn once: decides between equals."""
    lag: int
    """How far behind the first it came lately, eighths of a ms; a guess until it was weighed."""
    is_weighed: bool = False
    """Whether any object showed how far behind it comes."""
    penalty_ms: int = 0
    """For promises it broke; halves with time."""
    penalty_at_ms: int = 0
    """When that was last reckoned."""
    flow: Flow | None = None
    """What we asked for; None before the first word."""
    refused_until_ms: int = 0
    """It would not push; asked again after this."""
    spare: int = 0
    """How many objects more it may be spared before it has to push one again."""


class _Arrival(msgspec.Struct, kw_only=True):
    """An object that came, while links may still show it."""

    first_ms: int
    """When it came."""
    pushed: dict[PeerId, int]
    """Lag of every link that sent it whole, ms."""
    named: dict[PeerId, int]
    """Lag of every link that named it, ms."""
    is_pushed: bool
    """Whether it came over a link that pushes."""
    told: frozenset[PeerId] = frozenset()
    """Links that were spared it: they heard that it is here."""
    is_accepted: bool = False
    """Whether it proved good; what did not counts for nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplyView:
    """What is thought of one link, for people."""

    flow: Flow
    """What we asked for."""
    lag_ms: int | None
    """How far behind the first it came lately, 0 or more; None before anything showed it."""
    penalty_ms: int
    """Added for promises it broke."""
    is_refusing: bool
    """Whether it lately would not push."""
    is_stable: bool
    """Whether it is the one that was drawn."""


class Choice:
    """The choice of one node, over all its links."""

    def __init__(
        self,
        *,
        chance: Chance,
        pushers: Callable[[], int] = lambda: limits.push_links,
        is_trusted: Callable[[PeerId, int], bool] = lambda _peer, _ms: True,
    ) -> None:
        """Start without links.

        Args:
            chance: which link is drawn.
            pushers: counts the links that shall push; 1 or more, the last of several is drawn.
            is_trusted: whether a link may push at a moment, for what it did wrong.
        """
        self._chance = chance
        self._pushers = pushers
        self._is_trusted = is_trusted
        self._supplies: dict[PeerId, _Supply] = {}
        self._arrivals: OrderedDict[bytes, _Arrival] = OrderedDict()
        self._untold: list[bytes] = []
        self._stable: PeerId | None = None
        self._redraw_ms = 0
        self._is_stale = False

    # --- links --------------------------------------------------------------------------------

    def joined(self, peer: PeerId, group: str, *, is_chosen: bool = True) -> None:
        """A link is open.

        Args:
            peer: its transport key.
            group: its address group.
            is_chosen: whether this node or its owner chose it. Who came by itself may be a leaf,
                which has only what it wants, or one of many keys of one hand, whatever it says it
                is: it starts behind, and has to show that it is quick.
        """
        lag_ms = limits.lag_unknown_ms if is_chosen else limits.lag_silent_ms
        order = self._chance.below(1 << 32)
        self._supplies[peer] = _Supply(group=group, order=order, lag=lag_ms * _FINE)
        self._is_stale = True

    def lost(self, peer: PeerId) -> None:
        """A link has ended."""
        if self._supplies.pop(peer, None) is not None:
            self._is_stale = True
            if self._stable == peer:
                self._stable = None

    def refused(self, peer: PeerId, given: Flow, mono_ms: int) -> None:
        """A link gives less than we asked: the next best is asked in its place."""
        supply = self._supplies.get(peer)
        if supply is None or supply.flow is not Flow.PUSH or given is Flow.PUSH:
            return
        supply.refused_until_ms = mono_ms + limits.push_refused_ms
        supply.flow = given
        self._is_stale = True

    # --- what links show ----------------------------------------------------------------------

    def arrived(
        self, prefix: bytes, peer: PeerId, announcers: Iterable[tuple[PeerId, int]], mono_ms: int
    ) -> None:
        """A new object came over a link; others had named it before, at these moments."""
        lead_ms = -limits.lag_lead_ms_max
        self._arrivals[prefix] = _Arrival(
            first_ms=mono_ms,
            pushed={peer: 0},
            named={each: max(named_ms - mono_ms, lead_ms) for each, named_ms in announcers},
            is_pushed=self._has_pushed(peer),
        )
        if len(self._arrivals) > limits.arrivals_watched_max:
            self._arrivals.popitem(last=False)

    def _has_pushed(self, peer: PeerId) -> bool:
        """Tell whether a link was asked for what it sent whole; it may be spared some then."""
        supply = self._supplies.get(peer)
        if supply is None or supply.flow is not Flow.PUSH:
            return False
        supply.spare = limits.push_spared_max
        return True

    def accepted(self, prefix: bytes) -> None:
        """It proved good: who showed it counts, and who has not yet may be spared it."""
        arrival = self._arrivals.get(prefix)
        if arrival is not None:
            arrival.is_accepted = True
            if arrival.is_pushed and len(self._untold) < limits.arrivals_watched_max:
                self._untold.append(prefix)

    @property
    def has_untold(self) -> bool:
        """Whether links may be spared anything."""
        return bool(self._untold)

    def spared(self) -> list[tuple[PeerId, bytes]]:
        """Name who is to hear of what, so that it need not push it.

        A link that pushed lately and has not shown an object yet will be late with it. It is spared
        a few in a row and not judged by them; then it has to push one to be spared again, so that
        a link that has gone silent is found out.
        """
        untold, self._untold = self._untold, []
        found = []
        for prefix in untold:
            arrival = self._arrivals.get(prefix)
            if arrival is not None:
                found += [(peer, prefix) for peer in self._spare(arrival)]
        return found

    def _spare(self, arrival: _Arrival) -> list[PeerId]:
        peers = [
            peer
            for peer, supply in self._supplies.items()
            if supply.flow is Flow.PUSH
            and supply.spare
            and peer not in arrival.pushed
            and peer not in arrival.named
        ]
        for peer in peers:
            self._supplies[peer].spare -= 1
        arrival.told = arrival.told.union(peers)
        return peers

    def pushed(self, prefix: bytes, peer: PeerId, mono_ms: int) -> None:
        """A link sent a known object whole."""
        arrival = self._arrivals.get(prefix)
        if arrival is not None and peer not in arrival.pushed:
            arrival.pushed[peer] = mono_ms - arrival.first_ms
            self._has_pushed(peer)

    def named(self, prefix: bytes, peer: PeerId, mono_ms: int) -> None:
        """A link named a known object."""
        arrival = self._arrivals.get(prefix)
        if arrival is not None:
            arrival.named.setdefault(peer, mono_ms - arrival.first_ms)

    def broke(self, peer: PeerId, mono_ms: int) -> None:
        """A link did not serve in time what it had named."""
        supply = self._supplies.get(peer)
        if supply is not None:
            self._punish(supply, mono_ms)

    def _punish(self, supply: _Supply, mono_ms: int) -> None:
        penalty_ms = self._penalty(supply, mono_ms) + limits.promise_penalty_ms
        supply.penalty_ms = min(penalty_ms, limits.penalty_ms_max)
        supply.penalty_at_ms = mono_ms
        self._is_stale = True

    def _penalty(self, supply: _Supply, mono_ms: int) -> int:
        halvings = (mono_ms - supply.penalty_at_ms) // limits.penalty_half_life_ms
        return supply.penalty_ms >> min(halvings, 62)

    # --- the turn -----------------------------------------------------------------------------

    def turn(self, mono_ms: int) -> list[tuple[PeerId, Flow]]:
        """Weigh what came since, and give the levels that change, best links first."""
        self._weigh(mono_ms)
        if not self._is_stale:
            return []
        self._is_stale = False
        changes = []
        for peer, flow in self._wanted(mono_ms).items():
            supply = self._supplies[peer]
            if supply.flow is not flow:
                supply.flow = flow
                changes.append((peer, flow))
        return changes

    def _weigh(self, mono_ms: int) -> None:
        """Take samples of objects old enough that whoever has them has shown them."""
        settled = 0
        while self._arrivals:
            prefix, arrival = next(iter(self._arrivals.items()))
            if mono_ms - arrival.first_ms < limits.arrival_window_ms:
                break
            del self._arrivals[prefix]
            settled += arrival.is_accepted
            if arrival.is_accepted and settled <= limits.arrivals_weighed_max:
                self._sample(arrival, mono_ms)
        self._is_stale = self._is_stale or settled > 0

    def _sample(self, arrival: _Arrival, mono_ms: int) -> None:
        for peer, supply in self._supplies.items():
            if supply.flow is Flow.QUIET and peer not in arrival.pushed:
                continue
            lag_ms = arrival.pushed.get(peer)
            if lag_ms is None and peer in arrival.told:
                continue
            if lag_ms is None:
                lag_ms = arrival.named.get(peer)
                if lag_ms is not None and supply.flow is Flow.PUSH:
                    # It names what it promised to push: as good as silent, and a broken word.
                    lag_ms = None
                    self._punish(supply, mono_ms)
            sample_ms = (
                limits.lag_silent_ms if lag_ms is None else min(lag_ms, limits.lag_silent_ms)
            )
            step = (sample_ms * _FINE - supply.lag) * limits.lag_step_percent
            supply.lag += step // 100
            supply.is_weighed = True

    def _wanted(self, mono_ms: int) -> dict[PeerId, Flow]:
        """Give every link its level, the best links first."""
        ranked = sorted(
            self._supplies, key=lambda peer: (self._score(peer, mono_ms), self._order(peer))
        )
        willing = [peer for peer in ranked if self._is_willing(peer, mono_ms)]
        count = self._pushers()
        pushers = self._best(willing, count, mono_ms)
        stable = self._stable_of(willing, pushers, count, mono_ms)
        if stable is not None:
            pushers.append(stable)
        flows = dict.fromkeys(pushers, Flow.PUSH)
        rest = [peer for peer in ranked if peer not in flows]
        # Whoever names already goes on: a link that is quiet shows nothing by which to rank it.
        named = sorted(rest, key=lambda peer: self._supplies[peer].flow is Flow.QUIET)
        flows.update(dict.fromkeys(named[: limits.ids_links], Flow.IDS))
        flows.update(dict.fromkeys(named[limits.ids_links :], Flow.QUIET))
        return flows

    def _order(self, peer: PeerId) -> int:
        return self._supplies[peer].order

    def _score(self, peer: PeerId, mono_ms: int) -> int:
        """How good a link is, lower is better; one that pushes already is left in peace."""
        supply = self._supplies[peer]
        patience = limits.choice_hysteresis_ms * _FINE if supply.flow is Flow.PUSH else 0
        return supply.lag + self._penalty(supply, mono_ms) * _FINE - patience

    def _is_willing(self, peer: PeerId, mono_ms: int) -> bool:
        return self._supplies[peer].refused_until_ms <= mono_ms and self._is_trusted(peer, mono_ms)

    def _best(self, willing: list[PeerId], wanted: int, mono_ms: int) -> list[PeerId]:
        """Take the soonest, preferring among equals one of another address group."""
        count = wanted if len(willing) <= wanted else max(1, wanted - 1)
        rest = [peer for peer in willing if peer != self._stable or len(willing) <= wanted]
        chosen: list[PeerId] = []
        groups: set[str] = set()
        while rest and len(chosen) < count:
            tie = self._score(rest[0], mono_ms) + limits.choice_tie_ms * _FINE
            equals = [peer for peer in rest if self._score(peer, mono_ms) <= tie]
            fresh = [peer for peer in equals if self._supplies[peer].group not in groups]
            peer = (fresh or equals)[0]
            rest.remove(peer)
            chosen.append(peer)
            groups.add(self._supplies[peer].group)
        return chosen

    def _stable_of(
        self, willing: list[PeerId], pushers: list[PeerId], wanted: int, mono_ms: int
    ) -> PeerId | None:
        """Keep the drawn link while it shows anything, or draw another of those not chosen."""
        if len(pushers) >= wanted or len(willing) <= wanted:
            self._stable = None
            return None
        others = [peer for peer in willing if peer not in pushers]
        is_idle = self._stable is not None and self._is_useless(self._stable, mono_ms)
        if self._stable not in others or (is_idle and mono_ms >= self._redraw_ms):
            useful = [peer for peer in others if not self._is_useless(peer, mono_ms)]
            self._stable = self._chance.sample(useful or others, 1)[0]
            self._redraw_ms = mono_ms + limits.redraw_ms
        return self._stable

    def _is_useless(self, peer: PeerId, mono_ms: int) -> bool:
        """Tell whether a link shows hardly anything, or broke its word of late."""
        supply = self._supplies[peer]
        is_silent = supply.lag * 10 >= limits.lag_silent_ms * _FINE * 7
        return is_silent or self._penalty(supply, mono_ms) >= limits.promise_penalty_ms

    # --- what others may ask ------------------------------------------------------------------

    def view(self, peer: PeerId, mono_ms: int) -> SupplyView | None:
        """Tell what is thought of a link; None for one that is not there."""
        supply = self._supplies.get(peer)
        if supply is None:
            return None
        return SupplyView(
            flow=Flow.IDS if supply.flow is None else supply.flow,
            lag_ms=max(0, supply.lag // _FINE) if supply.is_weighed else None,
            penalty_ms=self._penalty(supply, mono_ms),
            is_refusing=mono_ms < supply.refused_until_ms,
            is_stable=peer == self._stable,
        )

    def is_quiet(self, peer: PeerId) -> bool:
        """Tell whether a link was asked to be quiet."""
        supply = self._supplies.get(peer)
        return supply is not None and supply.flow is Flow.QUIET

    def penalty_ms(self, peer: PeerId, mono_ms: int) -> int:
        """Tell what broken promises add to a link's lag; 0 for a stranger."""
        supply = self._supplies.get(peer)
        return self._penalty(supply, mono_ms) if supply is not None else 0

    @property
    def watched(self) -> int:
        """Count the objects whose showing is still watched."""
        return len(self._arrivals)
