"""Checkers: what must hold of a run, apart from whoever drives it.

Each takes a run and its bounds, and gives sentences about what does not hold; what it measured goes
into the run's notes. One with `watch` is called before the run, too, to look while it lasts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from protocol.network.live import prefix_of
from tests.simulation.net import tables
from tests.simulation.net.nodes import Node
from tests.simulation.net.tally import Story, percentile

if TYPE_CHECKING:
    from tests.simulation.net.scenario import Run

SECOND_US = 1_000_000


NO_FAULT = ("quota", "duplicate", "shutdown", "closed")
"""Reasons to end a link that blame nobody; `closed` ends feelers, and links given up for others."""

# --- who is there -----------------------------------------------------------------------------


def honest(run: Run) -> list[Node]:
    """List the honest nodes that are up."""
    return [node for node in run.world.nodes if node.is_honest and node.is_up]


def parts_of(nodes: list[Node]) -> list[list[Node]]:
    """Split nodes into parts that are linked within themselves, the largest first."""
    left = {node.number: node for node in nodes}
    parts: list[list[Node]] = []
    while left:
        number, first = next(iter(left.items()))
        del left[number]
        part = [first]
        for node in part:
            for wire in node.wires.values():
                other = left.pop(wire.dst.number, None)
                if other is not None:
                    part.append(other)
        parts.append(part)
    return sorted(parts, key=len, reverse=True)


def reachable(run: Run) -> set[int]:
    """Number the honest nodes in the largest part that honest links make."""
    parts = parts_of(honest(run))
    return {node.number for node in parts[0]} if parts else set()


# --- deliveries -------------------------------------------------------------------------------


def _missing(run: Run, nodes: list[Node], stories: list[Story]) -> tuple[int, int, list[str]]:
    """Count (wanted, got) of some objects at some nodes, and name a few that lack."""
    wanted = got = 0
    lacking: list[str] = []
    for story in stories:
        have = {*story.nodes, story.author}
        for node in nodes:
            if not run.wants(node, story):
                continue
            wanted += 1
            if node.number in have:
                got += 1
            elif len(lacking) < 5:
                lacking.append(f"object {story.number} at node {node.number} ({node.role})")
    return wanted, got, lacking


def is_delivered(run: Run) -> bool:
    """Tell whether every honest node has every measured object it is interested in."""
    nodes = [node for node in honest(run) if node.settled_us < run.tally.first_us]
    for story in run.tally.measured:
        wanting = [n for n in nodes if n.number != story.author and run.wants(n, story)]
        if len(story.nodes) < len(wanting):
            return False
        have = set(story.nodes)
        if any(node.number not in have for node in wanting):
            return False
    return True


def delivered(
    run: Run,
    *,
    part: float = 1.0,
    linked_only: bool = False,
    quick_only: bool = False,
    clocks_within_s: float = 0.0,
) -> list[str]:
    """Every honest node has every measured object it is interested in, at the end of the run.

    Args:
        run: the run.
        part: of those deliveries that have to be made.
        linked_only: ask only of nodes that honest links join to the others.
        quick_only: ask only of nodes that are reached at full speed.
        clocks_within_s: ask only of nodes whose clock, and whose author's, is that near; 0 for all.
    """
    nodes = [node for node in honest(run) if node.settled_us < run.tally.first_us]
    linked = reachable(run)
    run.notes["cut_off"] = len([node for node in nodes if node.number not in linked])
    if linked_only:
        nodes = [node for node in nodes if node.number in linked]
    if quick_only:
        nodes = [node for node in nodes if not node.is_slow]
    stories = run.tally.measured
    if clocks_within_s:
        nodes = [node for node in nodes if abs(node.skew_ms) <= clocks_within_s * 1_000]
        numbers = run.world.nodes
        stories = [s for s in stories if abs(numbers[s.author].skew_ms) <= clocks_within_s * 1_000]
    wanted, got, lacking = _missing(run, nodes, stories)
    run.notes["delivered"] = got / wanted if wanted else 0.0
    if not wanted or got < part * wanted:
        return [f"{got} of {wanted} deliveries; missing: {', '.join(lacking)}"]
    return []


def at_once(
    run: Run, *, within_s: float = 5.0, part: float = 1.0, quick_only: bool = False
) -> list[str]:
    """Nodes with a way of honest links got every object so soon after it was public.

    Args:
        run: the run.
        within_s: seconds: less than what only a comparison would bring.
        part: of those deliveries that have to be made.
        quick_only: ask only of nodes that are reached at full speed.
    """
    linked = run.linked_before or reachable(run)
    if quick_only:
        linked = {number for number in linked if not run.world.nodes[number].is_slow}
    wanted = got = 0
    for story in run.tally.measured:
        soon = {
            number
            for number, after in zip(story.nodes, story.after_public_us(), strict=True)
            if after <= within_s * SECOND_US
        }
        for number in linked:
            if number != story.author and run.wants(run.world.nodes[number], story):
                wanted += 1
                got += int(number in soon)
    run.notes["at_once"] = got / wanted if wanted else 0.0
    if not wanted or got < part * wanted:
        return [f"{got} of {wanted} deliveries within {within_s:g} s where an honest link leads"]
    return []


def within(run: Run, **bounds: float) -> list[str]:
    """Figures of the tally, and notes of other checkers, do not exceed their bounds."""
    figures = {**run.tally.figures(), **run.notes}
    return [
        f"{name} is {figures[name]:.3f}, at most {most} is allowed"
        for name, most in bounds.items()
        if figures[name] > most
    ]


def _p99(stories: list[Story]) -> float:
    return percentile(sorted(v for s in stories for v in s.after_public_us()), 0.99) / 1_000


def recovered(
    run: Run, *, at_s: float, after_s: float = 5.0, times: float = 1.5, most_s: float = 2.0
) -> list[str]:
    """Some seconds after a blow the slowest deliveries are as quick as they ever get again.

    Args:
        run: the run.
        at_s: the moment of the blow.
        after_s: seconds from it.
        times: the steady p99, which is that of the last third.
        most_s: no delivery takes longer.
    """
    stories = [story for story in run.tally.stories.values() if story.at_us >= at_s * SECOND_US]
    steady = _p99(stories[-len(stories) // 3 :])
    span = [s for s in stories if after_s <= s.at_us / SECOND_US - at_s < 2 * after_s]
    first = [s for s in stories if s.at_us / SECOND_US - at_s < after_s]
    slowest = max((v for s in stories for v in s.after_public_us()), default=0) / SECOND_US
    run.notes |= {
        "steady_p99_ms": steady,
        "blow_p99_ms": _p99(first),
        "after_p99_ms": _p99(span),
        "times_steady": _p99(span) / steady if steady else 0.0,
        "slowest_s": slowest,
    }
    found = []
    if run.notes["times_steady"] > times:
        found.append(
            f"p99 is {run.notes['times_steady']:.2f} x its steady value after {after_s:g} s"
        )
    if slowest > most_s:
        found.append(f"a delivery took {slowest:.2f} s, at most {most_s:g} s is allowed")
    return found


# --- standing ---------------------------------------------------------------------------------


def no_quarrel(run: Run) -> list[str]:
    """No honest node ended a link with an honest one for a fault."""
    return [
        f"{count} links between honest nodes were ended: {why}"
        for (ours, theirs, why), count in sorted(run.tally.parted.items())
        if ours and theirs and why not in NO_FAULT
    ]


def fair_slots(run: Run, *, role: str, times: float = 1.2, sole: int = 0) -> list[str]:
    """Troublemakers have about as many of the links that honest nodes dialled as they are relays.

    Args:
        run: the run.
        role: theirs.
        times: of their share.
        sole: honest nodes all of whose links lead to them.
    """
    relays = [node for node in run.world.nodes if node.is_relay and node.is_up]
    share = len([node for node in relays if node.role == role]) / len(relays)
    slots = theirs = alone = 0
    for node in honest(run):
        out = [wire.dst for wire in node.wires.values() if wire.outbound]
        slots += len(out)
        theirs += len([each for each in out if each.role == role])
        alone += bool(node.wires) and all(w.dst.role == role for w in node.wires.values())
    part = theirs / max(1, slots)
    run.notes |= {"slots_share": part, "slots_times": part / share, "sole_supplier": alone}
    found = []
    if part > times * share:
        found.append(f"{part:.3f} of the slots are theirs, {share:.3f} of the relays are")
    if alone > sole:
        found.append(f"{alone} honest nodes have no other supplier")
    return found


def honest_links(run: Run, *, least: int = 3) -> list[str]:
    """Every honest node dialled so many honest ones, and has them still."""
    counts = [
        len([w for w in node.wires.values() if w.outbound and w.dst.is_honest])
        for node in honest(run)
    ]
    run.notes["honest_links_min"] = min(counts)
    if min(counts) < least:
        few = len([count for count in counts if count < least])
        return [f"{few} honest nodes have fewer than {least} outbound links to honest ones"]
    return []


def accepted_once(run: Run) -> list[str]:
    """No honest node took any object twice, however often it came."""
    worst = 0
    for node in honest(run):
        verdicts = node.engine.gossip.verdicts
        taken = sum(count for (verdict, _), count in verdicts.items() if verdict == "accepted")
        worst = max(worst, taken - len(run.tally.stories) - len(run.tally.spam_ids))
    return [f"a node accepted {worst} objects more than there are"] if worst > 0 else []


def spam_held_back(run: Run, *, part: float) -> list[str]:
    """Of what spammers published, honest nodes hold a part only.

    Args:
        run: the run.
        part: the rest was beyond the budgets of the links it came over.
    """
    names = [prefix_of(each) for each in run.tally.spam_ids]
    most = 0
    for node in honest(run):
        live = node.engine.gossip.live
        most = max(most, len([name for name in names if name in live]))
    share = most / max(1, len(names))
    run.notes |= {"spam_published": len(names), "spam_share": share}
    return (
        [f"a node holds {share:.2f} of all spam, at most {part} is allowed"] if share > part else []
    )


def served_seldom(run: Run, *, most: int = 3) -> list[str]:
    """Nobody was sent one object by one honest peer more often, pushed or asked for.

    Args:
        run: the run; who asks too much counts what it gets.
        most: times.
    """
    times = run.notes.get("served_most", 0)
    return [f"an object went {times:g} times to one that asked"] if times > most else []


def real_ones_live(run: Run) -> list[str]:
    """No honest node thinks badly of an object because of a forged copy of it."""
    bad = 0
    for node in honest(run):
        is_bad = node.engine.gossip.is_rejected
        bad += len([1 for story in run.tally.stories.values() if is_bad(story.verified.id)])
    return [f"{bad} good objects are remembered as bad"] if bad else []


def unknown_origin(run: Run, *, part: float) -> list[str]:
    """Whoever told a spy first is seldom the author."""
    guessed = right = 0
    for name, peer in run.tally.told_spies.items():
        story = run.tally.by_name.get(name)
        if story is not None:
            guessed += 1
            right += run.world.by_key[peer].number == story.author
    run.notes["origin_accuracy"] = right / max(1, guessed)
    run.notes["origin_guesses"] = guessed
    if run.boxes is not None:
        run.notes |= run.boxes.judge()
    if not guessed or right > part * guessed:
        return [f"{right} of {guessed} authors were guessed, at most {part} is allowed"]
    return []


# --- sets -------------------------------------------------------------------------------------


def equal_sets(run: Run, *, by_s: float = 0.0) -> list[str]:
    """All honest nodes hold the same objects.

    Args:
        run: the run.
        by_s: moment of the run by which it is so; the end of the run when 0.
    """
    if by_s:
        if run.equal_at_us is None or run.equal_at_us > by_s * SECOND_US:
            return [f"sets are not equal at {by_s:g} s"]
        return []
    first, *others = [run.held(node) for node in honest(run)]
    differing = len([each for each in others if each != first])
    return [f"{differing} of {len(others) + 1} nodes hold something else"] if differing else []


def _watch_equal(run: Run, *, by_s: float = 0.0, from_s: float = 0.0) -> None:
    def look() -> None:
        nodes = honest(run)
        first = run.held(nodes[0])
        if all(len(node.engine.gossip.live) == len(first) for node in nodes) and all(
            run.held(node) == first for node in nodes
        ):
            run.equal_at_us = run.world.at_us
            run.notes["equal_after_s"] = run.world.at_us / SECOND_US - run.healed_s
            return
        run.world.later(run.world.at_us + SECOND_US, look)

    if by_s:
        healed = [f.settings["until_s"] for f in run.scenario.faults if "until_s" in f.settings]
        run.healed_s = max(healed, default=0.0)
        run.world.later(int(run.healed_s * SECOND_US) + 1, look)


equal_sets.watch = _watch_equal  # type: ignore[attr-defined]


# --- links ------------------------------------------------------------------------------------


def one_component(run: Run, *, at_s: float, beats: int) -> list[str]:
    """The survivors of a blow are linked with each other again.

    Args:
        run: the run.
        at_s: the moment of the blow.
        beats: heartbeats that may pass.
    """
    took = run.notes.get("whole_after", -1)
    if took < 0 or took > beats:
        sizes = [len(part) for part in parts_of(honest(run))][:4]
        return [f"one component after {took:g} heartbeats, {beats} are allowed; at the end {sizes}"]
    return []


def _watch_component(run: Run, *, at_s: float, beats: int) -> None:
    def look(beat: int) -> None:
        parts = parts_of(honest(run))
        if not beat:
            run.notes["largest_at_once"] = len(parts[0]) / sum(map(len, parts))
        if len(parts) == 1:
            run.notes.setdefault("whole_after", beat)
        elif beat < 3 * beats:
            run.world.later(run.world.at_us + SECOND_US, lambda: look(beat + 1))

    run.world.later(int(at_s * SECOND_US) + 1, lambda: look(0))


one_component.watch = _watch_component  # type: ignore[attr-defined]


# --- tables -----------------------------------------------------------------------------------


def caps(run: Run, *, nodes: int = 20) -> list[str]:
    """No table of any node ever held more than its cap.

    Args:
        run: the run.
        nodes: how many are looked at, every second.
    """
    return run.overfull


def _watch_caps(run: Run, *, nodes: int = 20) -> None:
    walker = tables.Walker()
    step = max(1, len(run.world.nodes) // nodes)

    def look() -> None:
        for node in run.world.nodes[::step]:
            if node.is_up and node.is_honest:
                links = node.inbound + node.outbound
                run.overfull += walker.overfull(node.mind, links=links, node=node.number)
        del run.overfull[20:]
        run.notes["tables_walked"] = len(walker.seen)
        run.world.later(run.world.at_us + SECOND_US, look)

    run.world.later(SECOND_US, look)


caps.watch = _watch_caps  # type: ignore[attr-defined]

CHECKERS: dict[str, Callable[..., Any]] = {
    "delivered": delivered,
    "at once": at_once,
    "within": within,
    "recovered": recovered,
    "no quarrel": no_quarrel,
    "fair slots": fair_slots,
    "honest links": honest_links,
    "accepted once": accepted_once,
    "spam held back": spam_held_back,
    "served seldom": served_seldom,
    "real ones live": real_ones_live,
    "unknown origin": unknown_origin,
    "equal sets": equal_sets,
    "one component": one_component,
    "caps": caps,
}
"""By the name a scenario gives."""
