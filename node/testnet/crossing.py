"""Every line of a testnet: who dials through which door, what is wrong between whom.

Enters: the names of nodes, where they listen, and changes a person wants. Leaves: a door for each
node, and a link for each pair that ever spoke, with its fault. Faults and their luck derive from
the testnet's seed. Never here: the nodes themselves.
"""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final

from node.entropy import Entropy
from node.testnet.fault import Change, Cut, Fault
from node.testnet.passage import Link
from node.testnet.proxy import Proxy, by_head
from protocol.errors import LocalProtocolError

_SECOND: Final = 1.0
_NAME_CHARS: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkView:
    """One link, for people."""

    first: str
    """A node: of the two names the one that comes first, so that a link has one spelling."""
    second: str
    """The other."""
    connections: int
    """Open now."""
    resets: int
    """Reset here so far."""
    fault: Fault
    """What is wrong with it."""
    held: str = ""
    """Whose bytes alone are held, where it is cut one way."""

    def document(self) -> dict[str, Any]:
        """Write it for JSON."""
        return {
            "link": f"{self.first}~{self.second}",
            "connections": self.connections,
            "resets": self.resets,
            "words": self.fault.words(self.held),
            "held": self.held or None,
            "fault": self.fault.document(),
        }


class Crossing:
    """The lines between the nodes of one testnet."""

    def __init__(self, names: Iterable[str], entropy_of: Callable[[str], Entropy]) -> None:
        """Prepare; nothing listens yet.

        Args:
            names: of all nodes there will be.
            entropy_of: gives the luck of a link by its name.
        """
        self.names = list(names)
        """Of all nodes, in the order of the plan."""
        self._entropy_of = entropy_of
        self._doors: dict[str, Proxy] = {}
        self._name_at: dict[str, str] = {}
        self._links: dict[frozenset[str], Link] = {}

    # --- nodes ------------------------------------------------------------------------------

    async def door(self, name: str) -> str:
        """Open the door a node dials through; gives host:port."""
        proxy = Proxy(name, by_head(lambda where: self._link_to(name, where)))
        self._doors[name] = proxy
        return await proxy.open()

    def listens(self, name: str, address: str) -> None:
        """Note where a node listens; whoever dialled it before we knew is on its links now."""
        self._name_at[address] = name
        for pair in [pair for pair in self._links if address in pair]:
            (other,) = pair - {address}
            self._links.pop(pair).hand_over(self._link(other, name))

    async def close(self) -> None:
        """Close every door."""
        doors = list(self._doors.values())
        self._doors.clear()
        await asyncio.gather(*(door.close() for door in doors))

    async def weather(self) -> None:
        """Let links lose connections, second by second; never ends by itself."""
        while True:
            await asyncio.sleep(_SECOND)
            for link in self._links.values():
                for passage in list(link.passages):
                    if link.toss():
                        passage.reset()

    def _link_to(self, dialler: str, where: str) -> Link:
        # Whoever is not of this testnet goes by the address.
        return self._link(dialler, self._name_at.get(where, where))

    def _link(self, first: str, second: str) -> Link:
        pair = frozenset((first, second))
        link = self._links.get(pair)
        if link is None:
            low, high = min(first, second), max(first, second)
            link = self._links[pair] = Link(low, high, self._entropy_of(f"{low}~{high}"))
        return link

    # --- faults -----------------------------------------------------------------------------

    def change(self, change: Change) -> list[LinkView]:
        """Change the faults of every link that is meant; gives those worth looking at.

        Raises:
            LocalProtocolError: E-LINK, no such link; E-FAULT, a number is out of range.
        """
        change.check()
        found = []
        for first, second in self._meant(change.link):
            link = self._link(first, second)
            before = link.fault
            if change.one_way or not before.one_way:
                # A one-way cut holds what the first one named sends, until another is asked for.
                link.first, link.second = first, second
            link.set(change.apply(before))
            if link.passages or link.fault != Fault() or before != link.fault:
                found.append(link)
        return _views(found)

    def views(self) -> list[LinkView]:
        """Describe every link that is in use or that something is wrong with."""
        return _views(
            link for link in self._links.values() if link.passages or link.fault != Fault()
        )

    def _meant(self, text: str) -> list[tuple[str, str]]:
        left, tilde, right = text.partition("~")
        if not tilde:
            raise _no_link(
                f"'{text[:_NAME_CHARS]}' names no link", "Write two names:  buyer-1~relay-2"
            )
        firsts, seconds = self._named(left), self._named(right)
        pairs: dict[frozenset[str], tuple[str, str]] = {}
        for first in firsts:
            for second in seconds:
                if first != second:
                    pairs.setdefault(frozenset((first, second)), (first, second))
        if not pairs:
            raise _no_link("a node has no link to itself", "Write two names:  buyer-1~relay-2")
        return list(pairs.values())

    def _named(self, pattern: str) -> list[str]:
        found = [name for name in self.names if fnmatchcase(name, pattern.strip())]
        if not found:
            near = difflib.get_close_matches(pattern, self.names, 1)
            fix = f"Did you mean {near[0]}?" if near else f"Nodes: {', '.join(self.names)}"
            raise _no_link(f"'{pattern[:_NAME_CHARS]}' is no node of this testnet", fix)
        return found


def _views(links: Iterable[Link]) -> list[LinkView]:
    """Describe links, each under its one name and in one order, whoever asks."""
    return sorted(map(_view, links), key=lambda view: (view.first, view.second))


def _view(link: Link) -> LinkView:
    first, second = sorted((link.first, link.second))
    return LinkView(
        first=first,
        second=second,
        held=link.first if link.fault.cut is Cut.SILENT and link.fault.one_way else "",
        connections=len(link.passages),
        resets=link.resets,
        fault=link.fault,
    )


def _no_link(sentence: str, fix: str) -> LocalProtocolError:
    return LocalProtocolError(sentence, code="E-LINK", fix=fix, field="--link")
