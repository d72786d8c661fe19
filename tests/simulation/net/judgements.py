"""More checkers: of abused comparisons, of who asks often or says two things, of full stores.

As `checkers`: each takes a run and its bounds, and gives sentences about what does not hold.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from protocol import limits
from protocol.channel.messages import Message, RangesAnswer, RangesQuery
from protocol.network.flow import Flow
from protocol.network.live import prefix_of
from protocol.network.ranges import decode_ranges
from tests.simulation.net.checkers import NO_FAULT, SECOND_US, honest
from tests.simulation.net.wires import Wire
from tests.simulation.net.world import Observer

if TYPE_CHECKING:
    from tests.simulation.net.restarts import Restarts
    from tests.simulation.net.scenario import Run

_RANGE_WORK = 8_192
_BYTE_WORK = 128
"""Least work of an answer, by ranges asked and bytes said. Source: docs/protocol/07-sync.md."""


# --- comparisons ------------------------------------------------------------------------------


class _Comparisons(Observer):
    """Counts what honest nodes ask and answer those who abuse it."""

    def __init__(self) -> None:
        self.rounds: Counter[tuple[int, int, bytes]] = Counter()
        self.work: Counter[tuple[int, int]] = Counter()
        self._asked: dict[tuple[int, int, int], int] = {}

    def on_sent(self, wire: Wire, message: Message, size: int) -> None:
        if wire.src.is_honest == wire.dst.is_honest:
            return
        pair = wire.src.number, wire.dst.number
        match message:
            case RangesQuery(salt=salt) if wire.src.is_honest:
                self.rounds[(*pair, salt)] += 1
            case RangesQuery(request=request, ranges=ranges):
                asked = (pair[1], pair[0], request)
                self._asked[asked] = len(decode_ranges(ranges))
            case RangesAnswer(request=request, ranges=ranges) if wire.src.is_honest:
                count = self._asked.get((*pair, request), 0)
                self.work[pair] += _RANGE_WORK * count + _BYTE_WORK * len(ranges)
            case _:
                pass


def bounded_comparisons(run: Run, *, asking_s: float, rounds: int = 8) -> list[str]:
    """However a peer answers and asks, a stretch has few rounds, and it gets little work done.

    Args:
        run: the run.
        asking_s: for how long abusers ask.
        rounds: of one stretch, which has one salt.
    """
    seen: _Comparisons = run.observers["comparisons"]
    most = max(seen.rounds.values(), default=0)
    over = 0
    share = 0.0
    for work in seen.work.values():
        # An answer that was begun is finished, whatever it costs.
        bound = 2 * limits.ranges_work_max + limits.ranges_work_per_s * asking_s
        share = max(share, work / bound)
        over += work > bound
    run.notes |= {"rounds_most": most, "work_of_bound": share}
    found = []
    if not seen.rounds or not seen.work:
        found.append("nobody compared with an abuser")
    if most > rounds:
        found.append(f"a stretch had {most} rounds, at most {rounds} are allowed")
    if over:
        found.append(f"{over} abusers had more work done than they may, {share:.1f} x the bound")
    return found


def _watch_comparisons(run: Run, *, asking_s: float, rounds: int = 8) -> None:
    run.observers["comparisons"] = _Comparisons()
    run.world.watch.append(run.observers["comparisons"])


bounded_comparisons.watch = _watch_comparisons  # type: ignore[attr-defined]


# --- who asked --------------------------------------------------------------------------------


def no_intersection(run: Run, *, times: float = 2.0) -> list[str]:
    """Who watches many requests of one buyer knows little more than who watches one.

    Spies know, by other means, which requests belong together, and name whoever told them first of
    these and of least else. Each author's requests count as one buyer's.

    Args:
        run: the run.
        times: at most so many times the buyers are found as with one request each.
    """
    told: dict[int, Counter[int]] = defaultdict(Counter)
    of_all: Counter[int] = Counter()
    right = guesses = 0
    for name, peer in run.tally.told_spies.items():
        story = run.tally.by_name.get(name)
        if story is not None and story.is_measured:
            teller = run.world.by_key[peer].number
            told[story.author][teller] += 1
            of_all[teller] += 1
            guesses += 1
            right += teller == story.author
    found = 0
    for author, tellers in told.items():
        # Relays tell of much that is not theirs.
        suspect = max(tellers, key=lambda each: (tellers[each] / of_all[each], tellers[each]))
        found += suspect == author
    one = right / max(1, guesses)
    many = found / max(1, len(told))
    # One buyer more or less is chance.
    allowed = max(times * one, one + 1 / max(1, len(told)))
    run.notes |= {"buyers": len(told), "found_by_one": one, "found_by_many": many}
    if not guesses or many > allowed:
        return [f"{many:.3f} of the buyers are found by all they asked, {one:.3f} by one request"]
    return []


def reached(run: Run, *, node: int, within_s: float) -> list[str]:
    """One node got every object that counts so soon after its author let it go."""
    late = 0
    slowest = 0.0
    for story in run.tally.measured:
        after = dict(zip(story.nodes, story.after_us, strict=True)).get(node)
        late += after is None or after > within_s * SECOND_US
        slowest = max(slowest, (after or 0) / SECOND_US)
    run.notes["reached_after_s"] = slowest
    if late or not run.tally.measured:
        return [f"{late} of {len(run.tally.measured)} objects came late or never to node {node}"]
    return []


def both_held(run: Run, *, within_s: float = 30.0) -> list[str]:
    """Every form of a request is held by all who hold one, soon after the first was let go.

    So everybody has the proof that its author contradicts itself; and nobody is blamed for it.

    Args:
        run: the run.
        within_s: seconds from the moment at which the halves were told.
    """
    stories = run.tally.stories
    requests = [[stories[each] for each in ids] for ids in run.observers.get("forms", ())]
    nodes = honest(run)
    lacking = 0
    slowest_us = 0
    for forms in requests:
        came = [dict(zip(form.nodes, form.after_us, strict=True)) for form in forms]
        for node in nodes:
            latest_us = max(each.get(node.number, 1 << 62) for each in came)
            lacking += latest_us > within_s * SECOND_US
            slowest_us = max(slowest_us, latest_us if latest_us < 1 << 62 else 0)
    run.notes |= {"two_forms": len(requests), "both_after_s": slowest_us / SECOND_US}
    blamed = [
        f"{count} links with an author of two forms were ended: {why}"
        for (ours, theirs, why), count in sorted(run.tally.parted.items())
        if ours and not theirs and why not in NO_FAULT
    ]
    if lacking or not requests:
        asked = len(requests) * len(nodes)
        return [*blamed, f"{lacking} of {asked} times a node lacks a form after {within_s:g} s"]
    return blamed


# --- node records -----------------------------------------------------------------------------


def bounded_hearsay(run: Run, *, role: str, first: int = 250, pace_s: float = 10) -> list[str]:
    """No honest node's book holds more of what one peer told than it may tell.

    Args:
        run: the run.
        role: of those that tell too much.
        first: records one link may tell at once.
        pace_s: seconds until it may tell another one.
    """
    groups = {f"{n.group}.0.0/16": n.number for n in run.world.nodes if n.role == role}
    allowed = first + run.world.at_us / SECOND_US / pace_s
    most = heard = 0
    for node in honest(run):
        told: Counter[str] = Counter()
        for known in node.engine.links.book._nodes.values():
            if known.source in groups:
                told[known.source] += 1
        most = max(most, max(told.values(), default=0))
        heard = max(heard, sum(told.values()))
    run.notes |= {"told_by_one_most": most, "told_by_all_most": heard}
    found = []
    if not heard:
        found.append("nobody took a record of theirs")
    if most > allowed:
        found.append(f"a node holds {most} records told by one peer, {allowed:.0f} are allowed")
    return found


# --- one besieged -----------------------------------------------------------------------------


def not_surrounded(
    run: Run, *, part: float = 0.001, each: int | None = None, within_s: float = 600
) -> list[str]:
    """Few starts lead to hostile nodes only; after all others the node catches up.

    Args:
        run: the run.
        part: of the starts.
        each: hostile links of one start at most; None for any number.
        within_s: how long it may take until it holds what the network held when it started.
    """
    siege: Restarts = run.observers["restarts"]
    lives = siege.lives
    lost = [life for life in lives if life.is_eclipsed]
    late = [
        life
        for life in lives
        if not life.is_eclipsed and not (life.equal_s or within_s + 1) <= within_s
    ]
    links = sum(life.outbound for life in lives)
    run.notes |= {
        "starts": len(lives),
        "surrounded": len(lost),
        "surrounded_part": len(lost) / len(lives),
        "hostile_links": sum(life.hostile for life in lives) / max(1, links),
        "links": links / len(lives),
        "poison": sum(siege.poison) / len(lives),
        "poison_last": siege.poison[-1],
        "late": len(late),
        "slowest_s": max((life.equal_s or 0 for life in lives), default=0),
    }
    found = []
    if len(lost) > part * len(lives):
        found.append(
            f"{len(lost)} of {len(lives)} starts led to hostile nodes only, {part} is allowed"
        )
    most = max(life.hostile for life in lives)
    if each is not None and most > each:
        found.append(f"a start led to {most} hostile nodes, {each} are allowed")
    if late:
        found.append(f"{len(late)} of {len(lives)} starts did not bring the network's set in time")
    return found


def warned(run: Run, *, part: float = 1.0, falsely: float = 0.0) -> list[str]:
    """The node says by itself that it is surrounded, and does not say so without cause.

    Args:
        run: the run.
        part: of the starts that led to hostile nodes only, at least.
        falsely: part of all others, at most.
    """
    siege: Restarts = run.observers["restarts"]
    lost = [life for life in siege.lives if life.is_eclipsed]
    others = [life for life in siege.lives if not life.is_eclipsed]
    told = len([life for life in lost if life.warned])
    false = len([life for life in others if life.warned])
    run.notes |= {"starts": len(siege.lives), "surrounded": len(lost)}
    run.notes |= {"warned": told, "warned_falsely": false}
    found = []
    if told < part * len(lost):
        found.append(f"{told} of {len(lost)} starts among hostile nodes only gave a warning")
    if false > falsely * len(others):
        found.append(f"{false} of {len(others)} other starts gave a warning")
    return found


# --- stores -----------------------------------------------------------------------------------


def within_store(run: Run) -> list[str]:
    """No honest node holds more objects of others than it has room for; its own it holds all."""
    found = []
    most = 0
    for node in honest(run):
        live = node.engine.gossip.live
        most = max(most, live.of_others)
        if live.of_others > live.quota.entries_max:
            found.append(f"node {node.number} holds {live.of_others} objects of others")
    for story in run.tally.stories.values():
        node = run.world.nodes[story.author]
        if node.is_up and prefix_of(story.verified.id) not in node.engine.gossip.live:
            found.append(f"node {node.number} lost its own object {story.number}")
    run.notes["held_most"] = most
    return found[:5]


def pushing_within_slots(run: Run) -> list[str]:
    """No honest node pushes to more peers than it has slots, however often they ask."""
    found = []
    most = 0
    for node in honest(run):
        slots = node.engine.gossip._spread.slots
        pushing = sum(flow is Flow.PUSH for _, flow in slots)
        most = max(most, pushing)
        if pushing > slots.count:
            found.append(f"node {node.number} pushes to {pushing}, it has {slots.count} slots")
    run.notes["pushing_most"] = most
    return found[:5]


def asked_by_choice(run: Run, *, part: float) -> list[str]:
    """Of those whom honest relays ask to push or to name what is new, few are hostile.

    Args:
        run: the run.
        part: of them all, at most.
    """
    asked = hostile = 0
    for node in honest(run):
        if not node.is_relay:
            continue
        now = run.world.now_of(node)
        for peer, wire in node.wires.items():
            view = node.engine.gossip.supply_view(peer, now)
            if view is not None and view.flow is not Flow.QUIET:
                asked += 1
                hostile += not wire.dst.is_honest
    share = hostile / max(1, asked)
    run.notes["asked_hostile"] = share
    return [f"{share:.3f} of those asked are hostile, {part} is allowed"] if share > part else []


CHECKERS: dict[str, Callable[..., Any]] = {
    "asked by choice": asked_by_choice,
    "bounded comparisons": bounded_comparisons,
    "no intersection": no_intersection,
    "reached": reached,
    "both held": both_held,
    "bounded hearsay": bounded_hearsay,
    "not surrounded": not_surrounded,
    "warned": warned,
    "within store": within_store,
    "pushing within slots": pushing_within_slots,
}
"""By the name a scenario gives."""
