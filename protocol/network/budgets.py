"""Budgets: how much each link may bring, so that no key and no number of keys can flood a node.

Three of them. New objects, in number: those a peer pushes, or names and is then asked for. Bytes of
what a comparison found, which are asked for only as fast as this. Messages and bytes of the whole
connection, above which it is read more slowly. Enters: what came over which link, the moment.
Leaves: whether it may be taken or asked for now, and how long to wait. Nothing is lost for good:
what is beyond a budget is asked for later, or comes over another link. Never here: trust in a key,
which is free; a new budget for whoever links anew.
Source: docs/protocol/06-gossip.md, "Budgets".
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from protocol import limits
from protocol.ids import PeerId
from protocol.now import DAY_MS, HOUR_MS

_MILLI: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """What a bucket takes."""

    per_s: int
    """For ever, a second."""
    burst: int
    """At once, after a rest."""

    def times(self, factor: int) -> Rate:
        """Give so many times as much."""
        return Rate(per_s=self.per_s * factor, burst=self.burst * factor)


YOUNG: Final = Rate(per_s=limits.news_young_per_s, burst=limits.news_young_burst)
USUAL: Final = Rate(per_s=limits.news_per_s, burst=limits.news_burst)
TRUSTED: Final = USUAL.times(limits.news_lasting_factor)
PULLS: Final = Rate(per_s=limits.pull_bytes_per_s, burst=limits.pull_bytes_burst)
MESSAGES: Final = Rate(per_s=limits.messages_per_s, burst=limits.messages_burst)
BYTES: Final = Rate(per_s=limits.link_bytes_per_s, burst=limits.link_bytes_burst)


class Bucket:
    """Room that comes back with time; whole numbers, thousandths inside."""

    __slots__ = ("_at_ms", "_milli")

    def __init__(self, room: int, mono_ms: int) -> None:
        """Start with some room."""
        self._milli = room * _MILLI
        self._at_ms = mono_ms

    def left(self, rate: Rate, mono_ms: int) -> int:
        """Give the room there is, below 0 where more was taken than there was."""
        gained = max(0, mono_ms - self._at_ms) * rate.per_s
        self._milli = min(rate.burst * _MILLI, self._milli + gained)
        self._at_ms = max(self._at_ms, mono_ms)
        return self._milli // _MILLI

    def take(self, amount: int, rate: Rate, mono_ms: int) -> bool:
        """Take room if there is any; tells whether there was enough."""
        if self.left(rate, mono_ms) < amount:
            return False
        self._milli -= amount * _MILLI
        return True

    def put(self, amount: int) -> None:
        """Give room back; beyond the burst it is lost when it is looked at."""
        self._milli += amount * _MILLI

    def charge(self, amount: int, rate: Rate, mono_ms: int) -> int:
        """Take room whether there is any or not; gives the ms until nothing is owed."""
        self.left(rate, mono_ms)
        self._milli -= amount * _MILLI
        return max(0, -self._milli // rate.per_s)


class Pace:
    """How fast one connection is read: beyond its budget it waits, and its peer with it."""

    __slots__ = ("_bytes", "_is_open", "_messages")

    def __init__(self, mono_ms: int, *, is_open: bool = False) -> None:
        """Start rested; an open one never waits."""
        self._is_open = is_open
        self._messages = Bucket(MESSAGES.burst, mono_ms)
        self._bytes = Bucket(BYTES.burst, mono_ms)

    def took(self, messages: int, bytes_: int, mono_ms: int) -> int:
        """Note what was read; gives the ms to wait before reading on."""
        if self._is_open:
            return 0
        return max(
            self._messages.charge(messages, MESSAGES, mono_ms),
            self._bytes.charge(bytes_, BYTES, mono_ms),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetView:
    """What is left to one link, for people."""

    news_left: int
    """New objects it may bring now."""
    news_burst: int
    """Most it may bring at once after a rest."""
    news_per_s: int
    """And for ever, a second."""
    pull_bytes_left: int
    """Bytes that may be asked of it now, of what a comparison found."""
    refused: int
    """Objects it pushed beyond its budget."""


class Starts:
    """Room that links begin with; remembered longer than the links, or each new one would have it.

    A key has it once, an address group a few times, and both regain it as slowly as a link does.
    """

    def __init__(self) -> None:
        """Start with nobody."""
        self._buckets: OrderedDict[PeerId | str, Bucket] = OrderedDict()

    def take(self, peer: PeerId, group: str | None, start: Rate, mono_ms: int) -> int:
        """Take what a link begins with, which may be nothing.

        Args:
            peer: whose.
            group: its address group; None for one that says nothing of its owner.
            start: what one link begins with after a rest, and how fast that comes back.
            mono_ms: the moment.
        """
        shares: list[tuple[PeerId | str, Rate]] = [(peer, start)]
        if group is not None:
            shares.append((group, start.times(limits.news_starts_per_group)))
        buckets = [(self._bucket(who, rate, mono_ms), rate) for who, rate in shares]
        room = min(bucket.left(rate, mono_ms) for bucket, rate in buckets)
        for bucket, rate in buckets:
            bucket.take(room, rate, mono_ms)
        return room

    def give_back(self, peer: PeerId, group: str | None, room: int) -> None:
        """Put back what a link did not use: one that breaks and comes again is no other for it."""
        for who in (peer, group):
            if who is not None and who in self._buckets:
                self._buckets[who].put(room)

    def _bucket(self, who: PeerId | str, rate: Rate, mono_ms: int) -> Bucket:
        bucket = self._buckets.setdefault(who, Bucket(rate.burst, mono_ms))
        self._buckets.move_to_end(who)
        if len(self._buckets) > limits.news_starts_kept_max:
            self._buckets.popitem(last=False)
        return bucket


class _Link:
    __slots__ = ("blamed_ms", "group", "news", "peer", "pulls", "refused", "since_ms")

    def __init__(self, peer: PeerId, group: str | None, mono_ms: int) -> None:
        self.peer = peer
        self.group = group
        self.since_ms = mono_ms
        self.news: Bucket | None = None
        self.pulls: Bucket | None = None
        self.refused = 0
        self.blamed_ms: int | None = None


class Budgets:
    """The budgets of all links of one node."""

    def __init__(self, *, net: str, is_open: bool = False) -> None:
        """Start without links.

        Args:
            net: network id; only in `main` a new link has to earn its room.
            is_open: take whatever comes, for measurements.
        """
        self._is_main = net == "main"
        self._is_open = is_open
        self._links: dict[PeerId, _Link] = {}
        self._starts = Starts()

    @property
    def is_open(self) -> bool:
        """Whether whatever comes is taken."""
        return self._is_open

    def joined(self, peer: PeerId, mono_ms: int, group: str | None = None) -> None:
        """Begin with a new link; `group` is its address group, None where that tells nothing."""
        self.lost(peer, mono_ms)
        self._links[peer] = _Link(peer, group, mono_ms)

    def lost(self, peer: PeerId, mono_ms: int) -> None:
        """Forget a link."""
        link = self._links.get(peer)
        if link is not None and link.news is not None:
            room = link.news.left(self._rate(link, mono_ms), mono_ms)
            self._starts.give_back(peer, link.group, max(0, room))
        self._links.pop(peer, None)

    def _rate(self, link: _Link, mono_ms: int) -> Rate:
        age_ms = mono_ms - link.since_ms
        rate = USUAL
        if self._is_main and age_ms < HOUR_MS:
            rate = YOUNG
        elif age_ms >= DAY_MS:
            rate = TRUSTED
        # Who has few links hears everything over these few.
        return rate.times(max(1, limits.news_links // len(self._links)))

    def _take_news(self, link: _Link, mono_ms: int) -> bool:
        rate = self._rate(link, mono_ms)
        return self._news(link, mono_ms).take(1, rate, mono_ms)

    def _news(self, link: _Link, mono_ms: int) -> Bucket:
        """Give the bucket of new objects, made when it is first asked about."""
        if link.news is None:
            rate = self._rate(link, mono_ms)
            burst = limits.news_young_start if self._is_main else rate.burst
            start = Rate(per_s=rate.per_s, burst=burst)
            room = self._starts.take(link.peer, link.group, start, mono_ms)
            link.news = Bucket(room, link.since_ms)
        return link.news

    def may_push(self, peer: PeerId, mono_ms: int) -> bool:
        """Take room for one new object that a peer pushed; tells whether there was any."""
        link = self._links.get(peer)
        if self._is_open or link is None or self._take_news(link, mono_ms):
            return True
        link.refused += 1
        return False

    def is_fault(self, peer: PeerId, mono_ms: int) -> bool:
        """Tell whether a push beyond the budget is to be charged: once a second at most.

        A peer that was quick passes on a burst before it hears that it should push no more.
        """
        link = self._links.get(peer)
        if link is None:
            return False
        if link.blamed_ms is not None and mono_ms - link.blamed_ms < limits.over_budget_ms:
            return False
        link.blamed_ms = mono_ms
        return True

    def may_ask(self, peer: PeerId, mono_ms: int, *, is_found: bool) -> bool:
        """Take room for asking a peer for one object; tells whether there was any.

        Args:
            peer: whom.
            mono_ms: the moment.
            is_found: a comparison found it, or this node seeks it; else it was announced.
        """
        link = self._links.get(peer)
        if self._is_open or link is None:
            return True
        if not is_found:
            return self._take_news(link, mono_ms)
        if link.pulls is None:
            link.pulls = Bucket(PULLS.burst, mono_ms)
        return link.pulls.take(limits.object_bytes_usual, PULLS, mono_ms)

    def served(self, peer: PeerId, size: int, mono_ms: int) -> None:
        """Charge what a found object weighs beyond what was reckoned with when it was asked for."""
        link = self._links.get(peer)
        if link is not None and link.pulls is not None and size > limits.object_bytes_usual:
            link.pulls.charge(size - limits.object_bytes_usual, PULLS, mono_ms)

    def view(self, peer: PeerId, mono_ms: int) -> BudgetView | None:
        """Describe what is left to a link; None where there is no bound or no link."""
        link = self._links.get(peer)
        if self._is_open or link is None:
            return None
        rate = self._rate(link, mono_ms)
        return BudgetView(
            news_left=self._news(link, mono_ms).left(rate, mono_ms),
            news_burst=rate.burst,
            news_per_s=rate.per_s,
            pull_bytes_left=PULLS.burst if link.pulls is None else link.pulls.left(PULLS, mono_ms),
            refused=link.refused,
        )
