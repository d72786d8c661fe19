"""What the facts of a running node mean: the judgement of `doctor`, without a hand on anything.

Enters: facts, as plain values. Leaves: one finding for each question. Never here: asking for the
facts; a guess where they do not tell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median_low
from typing import Final

from node.numerals import plural
from node.runtime.findings import Finding, State, length_text, ok, skipped
from node.timekeeper import CLOCK_OFF_MS
from protocol import limits
from protocol.network.independence import Dependence

_SHOWN: Final = 3
"""Proofs of one finding; a screen is small."""
_FILES_ROOM: Final = 0.8
"""Share of the descriptors in use that is worth a warning; guess."""

_WHY_UNLINKED: Final[Mapping[str, tuple[str, str]]] = {
    "E-PEER-LOST": (
        "no node listens at the addresses this one dials",
        "Check the addresses, and that those nodes run:  intentcast peers",
    ),
    "E-PEER-TIMEOUT": (
        "the addresses this node dials do not answer",
        "Look whether those nodes are up, and whether a firewall stands between",
    ),
    "E-PEER-HANDSHAKE": (
        "whoever answers speaks another network or another version",
        "Both nodes need one `net` in config.toml, and versions that agree",
    ),
    "E-PEER-KEY": (
        "another node answers where a peer should be",
        "Ask the peer's owner for a new invite:  intentcast join LINK",
    ),
    "E-PEER-SELF": (
        "the only address this node dials is its own",
        "Name another node:  intentcast peers add HOST:PORT",
    ),
    "E-PEER-REFUSED": (
        "the peers this node dials refuse it",
        "Their reason stands above; name another:  intentcast peers add HOST:PORT",
    ),
}
_NO_PEER_FIX: Final = (
    "Follow an invite:  intentcast join LINK        or: intentcast peers add HOST:PORT"
)


DEPENDENT: Final[Mapping[Dependence, str]] = {
    Dependence.GROUP: "no independent source: all peers this node dialled are in one address group",
    Dependence.SOURCE: "no independent source: all peers this node dialled are those one address "
    "group told of, or in it",
    Dependence.STRANGERS: "no independent source: the peers this node had before are gone, and "
    "none of those it dialled has brought anything yet",
}
"""What all links in one hand would look like."""
DEPENDENT_FIX: Final = "Add a node of somebody else's:  intentcast peers add HOST:PORT"
CAREFUL: Final = (
    'too few relays for private = "careful": a request and its letters go to mailboxes through '
    "relays alone, and that needs links to three that this node dialled"
)
"""What a careful node without a carrier waits for; two of the three get its requests first."""
CAREFUL_FIX: Final = (
    "Link to more relays:  intentcast peers add HOST:PORT        "
    'or set private = "normal" in config.toml'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DialFact:
    """One peer to stay linked to."""

    address: str
    """Where it is dialled."""
    tries: int
    """Dials in a row that came to nothing."""
    code: str = ""
    """Why the last one failed; empty when it did not."""
    sentence: str = ""
    """The same in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkFact:
    """One link that is open."""

    host: str
    """IP address, or a name, of the other end."""
    outbound: bool
    """Whether this node dialled."""


def judge_peers(
    net: str,
    dials: Sequence[DialFact],
    links: Sequence[LinkFact],
    known: int,
    dependence: Dependence | None = None,
) -> Finding:
    """Tell whether this node has peers, and why it has none.

    Args:
        net: this node's network.
        dials: the peers it is told to stay linked to.
        links: the links it has.
        known: nodes whose addresses it knows.
        dependence: what all links it dialled have in common.
    """
    if not links:
        return _no_links(net, dials, known)
    out = [link.host for link in links if link.outbound]
    nodes = plural(known, "node")
    proof = f"{plural(len(links), 'link')}, {len(out)} dialled by this node; {nodes} known"
    if dependence is not None:
        return Finding(
            name="peers",
            state=State.WARN,
            cause=DEPENDENT[dependence],
            proof=f"{proof}; {', '.join(out[:_SHOWN])}",
            fix=DEPENDENT_FIX,
        )
    return ok("peers", "linked to others", proof)


def _no_links(net: str, dials: Sequence[DialFact], known: int) -> Finding:
    if not dials:
        return Finding(
            name="peers",
            state=State.BAD,
            cause="no peer is configured"
            if not known
            else "no peer is configured, and none of the nodes known from earlier answers",
            proof=f"config.toml names no peers; {plural(known, 'node')} known",
            fix=_NO_PEER_FIX,
        )
    wrong = [dial for dial in dials if dial.code]
    if not wrong:
        return Finding(
            name="peers",
            state=State.WARN,
            cause="no peer is linked yet",
            proof=f"dialling {plural(len(dials), 'address', 'addresses')} on the network {net}",
            fix="Ask again in a few seconds:  intentcast doctor",
        )
    code = Counter(dial.code for dial in wrong).most_common(1)[0][0]
    cause, fix = _WHY_UNLINKED.get(code, ("no peer can be linked", _NO_PEER_FIX))
    shown = [f"{each.address}: {each.sentence} ({each.code})" for each in wrong[:_SHOWN]]
    more = f"; {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
    return Finding(
        name="peers",
        state=State.BAD,
        cause=f"no peer is linked: {cause}",
        proof=f"network {net}; {'; '.join(shown)}{more}",
        fix=fix,
    )


def judge_clock(offsets_ms: Sequence[int]) -> Finding:
    """Hold this computer's clock against the peers' clocks.

    Args:
        offsets_ms: how far the clock of each peer with a vote is ahead of ours.
    """
    shown = ", ".join(length_text(each) for each in sorted(offsets_ms)[:10])
    count = len(offsets_ms)
    proof = f"clocks of {plural(count, 'peer')} against this one: {shown}" if count else ""
    is_off = bool(offsets_ms) and all(abs(each) > CLOCK_OFF_MS for each in offsets_ms)
    if count < limits.clock_peers_min:
        if is_off:
            return Finding(
                name="clock",
                state=State.WARN,
                cause=f"every such peer's clock differs; {count} are too few to say who is wrong",
                proof=proof,
                fix="Compare this computer's time with another source's",
            )
        return skipped("clock", f"needs {limits.clock_peers_min} peers dialled here, has {count}")
    median = median_low(offsets_ms)
    if abs(median) > CLOCK_OFF_MS:
        way = "behind" if median > 0 else "ahead of"
        return Finding(
            name="clock",
            state=State.BAD,
            cause=f"this computer's clock is {length_text(median)[1:]} {way} its peers'; "
            "nothing is signed until it is set",
            proof=proof,
            fix="Set the clock, best by the network:  timedatectl set-ntp true",
        )
    return ok("clock", "agrees with the peers'", f"median {length_text(median)}; {proof}")


_SILENT: Final = "it listens, but tells nobody where"
_SILENT_FIX: Final = "Name the address others should dial:  intentcast up --advertise HOST:PORT"


def silent_notices(*, listens: bool, addresses: Sequence[str], is_announced: bool) -> list[str]:
    """Say of a node that listens and names no address that others see one that only dials.

    Args:
        listens: whether it has a port for peers.
        addresses: where others are told to dial.
        is_announced: whether the local network is told by multicast.
    """
    if not listens or addresses or is_announced:
        return []
    return [f"This node is no relay to others: {_SILENT}. {_SILENT_FIX}"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PortFact:
    """Where this node listens, and whether it reaches itself there."""

    listen: str | None
    """host:port it is bound to; None for a node that only dials."""
    advertised: Mapping[str, str]
    """Address others are told -> why this node does not reach itself there; empty when it does."""


def judge_port(fact: PortFact) -> Finding:
    """Tell whether others can probably dial this node."""
    if fact.listen is None:
        return ok("port", "only dials; nobody needs to reach it", "listen_port is not set")
    if not fact.advertised:
        return Finding(
            name="port",
            state=State.WARN,
            cause=_SILENT,
            proof=f"bound to {fact.listen}; no address to be dialled at",
            fix=_SILENT_FIX,
        )
    unreached = {address: why for address, why in fact.advertised.items() if why}
    proof = f"bound to {fact.listen}; told to others: {', '.join(fact.advertised)}"
    if unreached:
        shown = "; ".join(f"{address}: {why}" for address, why in list(unreached.items())[:_SHOWN])
        return Finding(
            name="port",
            state=State.WARN if len(unreached) < len(fact.advertised) else State.BAD,
            cause="bound, but not reachable from itself at the address others are told",
            proof=f"{proof}; {shown}",
            fix="Forward that port to this computer, or correct --advertise; some routers do not "
            "let a node reach itself: ask a friend to dial it",
        )
    return ok("port", "reaches itself at every address others are told", proof)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxFact:
    """One box of ours, and how it goes at its mailboxes."""

    name: str
    """What it belongs to."""
    read_ms: Mapping[str, int | None]
    """Mailbox -> how long ago it was last read to its end; None when not yet."""
    failing: frozenset[str]
    """Mailboxes that cannot be read now."""


def judge_mailboxes(boxes: Sequence[BoxFact], *, lacks_way: bool = False) -> Finding:
    """Tell whether letters for this node can reach it.

    Args:
        boxes: its own.
        lacks_way: whether the owner is careful, and no relay carries to any mailbox.
    """
    failing = {place for box in boxes for place in box.failing}
    if lacks_way and (failing or not boxes):
        return Finding(
            name="mailboxes",
            state=State.BAD if boxes else State.WARN,
            cause=CAREFUL,
            proof="no relay is linked that may carry",
            fix=CAREFUL_FIX,
        )
    if not boxes:
        return ok("mailboxes", "no box is open: nobody owes this node an answer")
    places = {place for box in boxes for place in box.read_ms}
    cut_off = [box for box in boxes if box.failing >= set(box.read_ms)]
    proof = f"{plural(len(boxes), 'box', 'boxes')} at {plural(len(places), 'mailbox', 'mailboxes')}"
    if not failing:
        return ok("mailboxes", "every box is read at all its mailboxes", proof)
    times = [_last_read(box, place) for box in cut_off or boxes for place in sorted(box.failing)]
    proof = f"{proof}; {'; '.join(times[:_SHOWN])}"
    if cut_off:
        return Finding(
            name="mailboxes",
            state=State.BAD,
            cause=f"letters may wait where this node cannot fetch them: none of the mailboxes of "
            f"{plural(len(cut_off), 'box', 'boxes')} answers",
            proof=proof,
            fix="It tries on by itself, and moves a box whose mailboxes stay away; check: "
            "intentcast peers",
        )
    return Finding(
        name="mailboxes",
        state=State.WARN,
        cause=f"{len(failing)} of {plural(len(places), 'mailbox', 'mailboxes')} "
        f"{'does' if len(failing) == 1 else 'do'} not answer; each box has another",
        proof=proof,
        fix="Nothing now; it tries on by itself",
    )


def _last_read(box: BoxFact, place: str) -> str:
    ago = box.read_ms.get(place)
    when = "not read since this node started" if ago is None else f"last read {_ago(ago)} ago"
    return f"{box.name} at {place}: {when}"


def _ago(ms: int) -> str:
    return length_text(max(0, ms))[1:]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesFact:
    """Descriptors of this process."""

    limit: int | None
    """What it may hold; None for no limit."""
    in_use: int | None
    """What it holds; None where the system does not tell."""
    guests: int
    """Of those, connections that came in."""
    guests_max: int
    """How many of those may be."""
    refused: int
    """Connections turned away since the start."""
    is_short: bool
    """Whether the system refused one when last asked."""
    shortages: int
    """How often it began to."""


def judge_files(fact: FilesFact) -> Finding:
    """Tell whether this process has descriptors to spare."""
    used = "?" if fact.in_use is None else str(fact.in_use)
    most = "no limit" if fact.limit is None else str(fact.limit)
    proof = (
        f"{used} in use of {most}; {fact.guests} of {fact.guests_max} incoming connections; "
        f"{fact.refused} turned away, {plural(fact.shortages, 'shortage')} since the start"
    )
    is_tight = fact.limit and fact.in_use and fact.in_use > _FILES_ROOM * fact.limit
    if fact.is_short:
        cause = "descriptors ran out: new connections wait"
    elif is_tight:
        cause = "few descriptors are left"
    elif fact.shortages:
        cause = "descriptors ran out earlier"
    elif fact.refused:
        cause = "connections were turned away for want of room"
    else:
        return ok("descriptors", "enough", proof)
    return Finding(
        name="descriptors",
        state=State.BAD if fact.is_short else State.WARN,
        cause=cause,
        proof=proof,
        fix="Allow more, then start it again:  ulimit -n 4096; intentcast up",
    )
