"""Who lives in a small network, and who dials whom.

Enters: numbers and a seed. Leaves: a plan, the same for the same input. Nothing is started here and
nothing is drawn at random: what looks drawn is a hash of seed and names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from typing import Any, Final

from protocol.errors import LocalProtocolError
from protocol.ids import blake2b_256

RELAYS_MAX: Final = 50
"""One machine's worth; guess."""
PARTIES_MAX: Final = 50
"""Buyers, and vendors likewise; guess."""
_RELAY_DIALS: Final = 3
"""Earlier relays a relay dials; the address exchange finds the others."""
_PARTY_DIALS: Final = 5
"""Relays a buyer or a vendor dials, so that several may die."""
_RETRY_BASE_MS: Final = 200
"""First retry of a letter: links on one machine break for good or not at all."""
_RETRY_MAX_MS: Final = 5_000
"""Longest wait between two tries of a letter."""
_FILES_BESIDE: Final = 64
"""Descriptors a Python process holds for itself, with room."""
_FILES_PER_NODE: Final = 20
"""Database, lock, log, listening sockets; 17 counted on Linux."""
_FILES_PER_LINK: Final = 2
"""Both ends of a link are in one process."""


class Part(StrEnum):
    """What a node is there for."""

    RELAY = "relay"
    """Passes on and keeps letters."""
    VENDOR = "vendor"
    """Quotes from a catalogue."""
    BUYER = "buyer"
    """Asks; cannot be dialled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePlan:
    """One node to be."""

    name: str
    """Unique; also the name of its folder."""
    part: Part
    """What it is there for."""
    wave: int
    """Nodes of one wave start together, after those they dial."""
    dials: tuple[str, ...] = ()
    """Names of nodes of earlier waves."""
    shop: str | None = None
    """Example shop a vendor runs."""
    number: int = 1
    """Which copy of that shop it is, from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A whole small network."""

    net: str
    """Network id; never `main`."""
    seed: int | None
    """What test keys derive from; None draws real ones."""
    nodes: tuple[NodePlan, ...]
    """In the order of starting."""

    def waves(self) -> list[list[NodePlan]]:
        """Group the nodes that start together."""
        last = max(node.wave for node in self.nodes)
        return [[node for node in self.nodes if node.wave == wave] for wave in range(last + 1)]

    def of(self, part: Part) -> list[NodePlan]:
        """List the nodes of one part."""
        return [node for node in self.nodes if node.part is part]

    def files_needed(self, *, processes: bool, faulty: bool = False, beside: int = 0) -> int:
        """Say how many file descriptors this process will need, on the safe side.

        Args:
            processes: whether the nodes run elsewhere.
            faulty: whether every link passes through a proxy in this process.
            beside: what else this process will open.
        """
        relays = len(self.of(Part.RELAY))
        links = sum(min(relays, 2 * _PARTY_DIALS) for _ in self.nodes)
        # A door for each node, and both ends of each link once more.
        proxied = beside + (len(self.nodes) + _FILES_PER_LINK * links if faulty else 0)
        if processes:
            # Three pipes and a connection to its API each.
            return _FILES_BESIDE + 4 * len(self.nodes) + proxied
        return _FILES_BESIDE + _FILES_PER_NODE * len(self.nodes) + _FILES_PER_LINK * links + proxied

    def settings(self, node: NodePlan, addresses: Sequence[str]) -> dict[str, Any]:
        """Give a node's settings, as its `config.toml` holds them.

        Args:
            node: one of this plan.
            addresses: host:port of the nodes it dials.
        """
        found: dict[str, Any] = {
            "net": self.net,
            "api_port": 0,
            "receipt_jitter_ms": 0,
            "retry_base_ms": _RETRY_BASE_MS,
            "retry_max_ms": _RETRY_MAX_MS,
            "peers": list(addresses),
        }
        if node.part is not Part.BUYER:
            found |= {"listen_host": "127.0.0.1", "listen_port": 0}
        if node.part is Part.RELAY:
            found["mailbox"] = True
        return found


def make_plan(
    *, net: str, seed: int | None, relays: int, buyers: int, vendors: int, shops: Sequence[str]
) -> Plan:
    """Plan a network; vendors take the shops in turn.

    Raises:
        LocalProtocolError: E-PLAN when a number is out of range.
    """
    _in_range("relays", relays, 1, RELAYS_MAX)
    _in_range("buyers", buyers, 0, PARTIES_MAX)
    _in_range("vendors", vendors, 0, PARTIES_MAX)
    found = _relays(seed, relays)
    names = [node.name for node in found]
    last = found[-1].wave + 1
    for i, name in zip(range(vendors), _shop_names(shops), strict=False):
        found.append(
            NodePlan(
                name=name,
                part=Part.VENDOR,
                wave=last,
                dials=_drawn(seed, name, names, _PARTY_DIALS),
                shop=shops[i % len(shops)],
                number=i // len(shops) + 1,
            )
        )
    for i in range(1, buyers + 1):
        name = f"buyer-{i}"
        dials = _drawn(seed, name, names, _PARTY_DIALS)
        found.append(NodePlan(name=name, part=Part.BUYER, wave=last, dials=dials))
    return Plan(net=net, seed=seed, nodes=tuple(found))


def _in_range(what: str, number: int, low: int, high: int) -> None:
    if not low <= number <= high:
        raise LocalProtocolError(
            f"{number} {what} cannot be run", code="E-PLAN", fix=f"Choose {low} to {high}"
        )


def _relays(seed: int | None, total: int) -> list[NodePlan]:
    """Start relays in waves that double, each dialling some of those before it."""
    found: list[NodePlan] = []
    for wave in count():
        earlier = [node.name for node in found]
        for i in range(len(found), min(2 * len(found) + 1, total)):
            name = f"relay-{i + 1}"
            dials = _drawn(seed, name, earlier, _RELAY_DIALS)
            found.append(NodePlan(name=name, part=Part.RELAY, wave=wave, dials=dials))
        if len(found) == total:
            break
    return found


def _drawn(seed: int | None, name: str, among: Sequence[str], most: int) -> tuple[str, ...]:
    """Choose as if by lot, and the same for the same seed."""
    lots = {other: blake2b_256(f"{seed}/{name}/{other}".encode()) for other in among}
    return tuple(sorted(among, key=lots.__getitem__)[:most])


def _shop_names(shops: Sequence[str]) -> list[str]:
    rounds = PARTIES_MAX // max(1, len(shops)) + 1
    return [shop if r == 1 else f"{shop}-{r}" for r in range(1, rounds + 1) for shop in shops]
