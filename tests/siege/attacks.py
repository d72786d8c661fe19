"""The attacks, their sizes and the bounds a node has to keep under each.

Every attack has a node of its own: first honest service alone, then the same while it lasts. Bounds
are those of the design: all honest casts come through, their 99th part takes at most twice as long,
memory grows by 64 MiB at most, and links that are provably at fault are closed within a second.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from protocol import limits
from protocol.network.live import prefix_of
from protocol.objects.envelope import open_stored
from scripts.bench_casts import make_cast
from scripts.bench_node import pid_of, rss_bytes
from scripts.rates import NET
from tests.siege.attackers import PEERS
from tests.siege.siege import Service, Siege, attack, forgeries, laid, written

MIB: Final = 1024 * 1024
GROWTH_MAX: Final = 64 * MIB
SLOWER_MAX: Final = 2.0
GONE_S: Final = 1.0
_NAMES_PER_S: Final = limits.messages_per_s * limits.ids_per_message_max
_KEPT: Final = 300
_KEPT_FROM: Final = 5_000_000
"""Number of the first cast that the deaf ask for."""


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How much each attack is."""

    seconds: float
    """Honest service before, and under it."""
    forged: int
    rate: int
    ids: int
    drips: int
    connections: int
    deaf: int
    noise_ms: float
    """Delays below this are the machine's, which the attackers share."""


SHORT: Final = Sizes(
    seconds=1.0,
    forged=600,
    rate=25_000,
    ids=100_000,
    drips=20,
    connections=200,
    deaf=2,
    noise_ms=1_000.0,
)
LONG: Final = Sizes(
    seconds=20.0,
    forged=25_000,
    rate=25_000,
    ids=10_000_000,
    drips=200,
    connections=1_000,
    deaf=10,
    noise_ms=50.0,
)


@dataclass(frozen=True, kw_only=True)
class Result:
    """What one attack came to."""

    name: str
    before: Service
    under: Service
    rss_before: int
    seen: dict[str, Any]
    noise_ms: float
    gone_s: list[float | None] = field(default_factory=list)
    """When links at fault were closed; empty where none is provably at fault."""

    def faults(self) -> list[str]:
        """Name the bounds that were broken."""
        found = []
        if self.under.share < 1:
            found.append(f"{self.name}: {self.under.share:.1%} of honest casts")
        bound_ms = max(SLOWER_MAX * self.before.p99_ms, self.noise_ms)
        if self.under.delays_s and self.under.p99_ms > bound_ms:
            found.append(f"{self.name}: p99 {self.under.p99_ms:.0f} ms, at most {bound_ms:.0f}")
        if self.under.rss_max > self.rss_before + GROWTH_MAX:
            found.append(f"{self.name}: memory {self._growth()}")
        # Where other work shares the machine, that they go is asked, and not how soon.
        gone_s = max(GONE_S, self.noise_ms / 100)
        if any(each is None or each > gone_s for each in self.gone_s):
            found.append(f"{self.name}: attackers stayed, {self.gone_s}")
        return found

    def _growth(self) -> str:
        return f"+{(self.under.rss_max - self.rss_before) / MIB:.0f} MiB"

    def row(self) -> str:
        """Write a line of the table."""
        before, under = self.before, self.under
        gone = "" if not self.gone_s else f"; gone after {max(x or 99 for x in self.gone_s):.2f} s"
        return (
            f"| {self.name} | {under.share:.1%} | {before.p50_ms:.0f} / {before.p99_ms:.0f} ms "
            f"| {under.p50_ms:.0f} / {under.p99_ms:.0f} ms | {self._growth()} "
            f"| {self.seen.get('sent', 0):,} sent{gone} |"
        )


async def _besiege(
    name: str, siege: Siege, before: Service, sizes: Sizes, deed: str, **options: Any
) -> Result:
    """Serve under an attack that lasts a little longer."""
    casts = siege.casts(int(sizes.seconds / siege.every_s))
    rss = rss_bytes(pid_of(siege.node))
    async with attack(deed, siege.address, seconds=sizes.seconds + 1, **options) as told:
        under = await siege.serve(sizes.seconds, casts)
        seen = await told
    gone = [link["gone_s"] for link in seen.get("links", [])]
    return Result(
        name=name,
        before=before,
        under=under,
        rss_before=rss,
        seen=seen,
        gone_s=gone,
        noise_ms=sizes.noise_ms,
    )


async def _forge(siege: Siege, before: Service, sizes: Sizes, folder: Path) -> Result:
    file = await forgeries(siege, folder, sizes.forged)
    name = f"{sizes.rate:,} forged signatures a second from 5 peers"
    return await _besiege(name, siege, before, sizes, "forge", file=file, rate=sizes.rate)


async def _return(siege: Siege, before: Service, sizes: Sizes, folder: Path) -> Result:
    file = await forgeries(siege, folder, sizes.forged)
    name = f"{sizes.forged:,} forged signatures from 5 peers, under new keys again and again"
    return await _besiege(name, siege, before, sizes, "return", file=file, rate=sizes.rate)


async def _name(siege: Siege, before: Service, sizes: Sizes, _folder: Path) -> Result:
    name = f"{sizes.ids:,} ids nobody has"
    return await _besiege(name, siege, before, sizes, "name", count=sizes.ids)


async def _drip(siege: Siege, before: Service, sizes: Sizes, _folder: Path) -> Result:
    name = f"{sizes.drips} frames sent byte by byte"
    return await _besiege(name, siege, before, sizes, "drip", count=sizes.drips)


async def _knock(siege: Siege, before: Service, sizes: Sizes, _folder: Path) -> Result:
    name = f"{PEERS} who send pings of the WebSocket without end"
    return await _besiege(name, siege, before, sizes, "knock", count=PEERS)


async def _crowd(siege: Siege, before: Service, sizes: Sizes, _folder: Path) -> Result:
    name = f"{sizes.connections:,} connections that say nothing"
    return await _besiege(name, siege, before, sizes, "crowd", count=sizes.connections)


async def _deafen(siege: Siege, before: Service, sizes: Sizes, folder: Path) -> Result:
    kept = [make_cast(_KEPT_FROM + number, siege.minute) for number in range(_KEPT)]
    await siege.sender.push(kept)
    names = [prefix_of(open_stored(raw, net=NET).id) for raw in kept]
    file = written(folder / "wanted", names)
    name = f"{sizes.deaf} peers that ask and do not read"
    return await _besiege(name, siege, before, sizes, "deafen", file=file, count=sizes.deaf)


ATTACKS: Final = {
    "forge": _forge,
    "return": _return,
    "name": _name,
    "drip": _drip,
    "knock": _knock,
    "crowd": _crowd,
    "deafen": _deafen,
}


SETTINGS: Final[dict[str, dict[str, Any]]] = {"name": {"limits": "usual", "every_s": 1.2}}
"""How the node is set, and how often an honest cast comes, where an attack alone is not enough."""


async def run(name: str, sizes: Sizes, folder: Path) -> Result:
    """Lay one siege to a node of its own."""
    setting = SETTINGS.get(name, {})
    if "limits" in setting:
        # As slow as a young link may be, and long enough for all messages of another.
        sizes = replace(sizes, seconds=max(sizes.seconds, sizes.ids / _NAMES_PER_S))
    async with laid(folder, **setting) as siege:
        before = await siege.serve(sizes.seconds)
        return await ATTACKS[name](siege, before, sizes, folder)
