"""The examiner: looks a node over and says, for each thing, how it is, why, and what to do.

Enters: a running node's rooms, or a home whose node is down. Leaves: one report. A check that fails
by itself is a finding too, never the end of the report. Nothing is changed here but by a scrub,
which mends what it can.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from node import descriptors
from node.clock import Clock
from node.config import Settings, load_settings
from node.errors import TransportError
from node.home import DATABASE_FILE
from node.runtime import diagnosis, policing, premises, views
from node.runtime.diagnosis import BoxFact, DialFact, FilesFact, LinkFact, PortFact
from node.runtime.findings import Document, Finding, State, failed, ok, report, skipped
from node.runtime.premises import Premises
from node.storage.database import Storage
from node.storage.health import look_while_open
from node.storage.mending import mend
from node.storage.origin import check_net
from protocol.errors import IntentcastError
from protocol.ids import short_text

if TYPE_CHECKING:
    from node.keystore import Keyring
    from node.post.office import Post
    from node.runtime.network import Network
    from node.runtime.policing import Policing
    from node.runtime.standing import Standing

_LOG = logging.getLogger(__name__)
_DOWN_FIX: Final = "intentcast up"
_REACH_S: Final = 5.0
"""How long this node may take to reach itself."""
_LIVE_ONLY: Final = ("peers", "clock", "descriptors", "mailboxes")
"""Checks that only a running node can answer."""

_Check = Callable[[], Awaitable[Sequence[Finding]]]


class Examiner:
    """Examines the node it belongs to, while it runs."""

    def __init__(
        self,
        *,
        home: Path,
        settings: Settings,
        clock: Clock,
        storage: Storage,
        network: Network,
        post: Post,
        keyring: Keyring,
        standing: Callable[[], Sequence[Standing]],
        policing: Policing,
    ) -> None:
        """Keep the rooms it looks into.

        Args:
            home: the node's folder.
            settings: what it runs with.
            clock: both clocks.
            storage: its database.
            network: its links.
            post: its boxes.
            keyring: its keys; only whether they are locked is asked.
            standing: lists whom it stays linked to on its owner's word.
            policing: what it does not carry.
        """
        self._settings = settings
        self._clock = clock
        self._storage = storage
        self._network = network
        self._post = post
        self._keyring = keyring
        self._standing = standing
        self._policing = policing
        self._home = home
        # A scrub reads the whole file: one at a time.
        self._turn = asyncio.Lock()

    async def report(self, *, scrub: bool) -> Document:
        """Look at everything.

        Args:
            scrub: compare every stored byte, too; takes a while on a large home.
        """
        checks: dict[str, _Check] = {
            "home": _in_thread(lambda: premises.check_home(self._home)),
            "peers": self._peers,
            "clock": self._clock_check,
            "port": self._port,
            "descriptors": self._files,
            "mailboxes": self._mailboxes,
            "policy": self._policy,
            "disk": _in_thread(lambda: premises.check_disk(self._premises())),
            "database": self._database,
            "keys": _in_thread(
                lambda: premises.check_keys(self._premises(), is_locked=self._keyring.is_locked)
            ),
            "sqlite": _in_thread(premises.check_sqlite),
            "files": _in_thread(lambda: premises.check_files(self._premises())),
        }
        async with self._turn:
            if scrub:
                checks["contents"] = self._contents
            return report(str(self._home), await _run(checks), is_up=True)

    def _premises(self) -> Premises:
        return Premises(
            home=self._home,
            settings=self._settings,
            is_up=True,
            wall_ms=self._clock.now().wall_ms,
        )

    # --- the network --------------------------------------------------------------------------

    async def _peers(self) -> Sequence[Finding]:
        network = self._network
        dials = [
            DialFact(
                address=str(kept.address),
                tries=kept.failures,
                code=kept.error.code if kept.error else "",
                sentence=kept.error.sentence if kept.error else "",
            )
            for kept in network.kept
        ]
        dials += map(_dial_of, self._standing())
        links = [LinkFact(host=host, outbound=out) for host, out in network.link_hosts()]
        found = diagnosis.judge_peers(
            self._settings.net, dials, links, network.known_count(), network.dependence()
        )
        return [found]

    async def _clock_check(self) -> Sequence[Finding]:
        return [diagnosis.judge_clock(self._network.clock_offsets_ms())]

    async def _port(self) -> Sequence[Finding]:
        network, settings = self._network, self._settings
        if network.port is None:
            return [diagnosis.judge_port(PortFact(listen=None, advertised={}))]
        addresses = network.own_addresses()
        why = await asyncio.gather(*map(self._why_not_reached, addresses))
        fact = PortFact(
            listen=f"{settings.listen_host}:{network.port}",
            advertised=dict(zip(addresses, why, strict=True)),
        )
        return [diagnosis.judge_port(fact)]

    async def _why_not_reached(self, address: str) -> str:
        """Dial an address of our own; empty when we answer there ourselves."""
        try:
            async with asyncio.timeout(_REACH_S):
                await self._network.dial(address, self._network.node_id)
        except TransportError as error:
            return "" if error.code == "E-PEER-SELF" else error.sentence
        except TimeoutError:
            return f"no answer within {_REACH_S:.0f} s"
        return ""

    async def _files(self) -> Sequence[Finding]:
        door = self._network.door
        in_use = await asyncio.to_thread(descriptors.in_use)
        fact = FilesFact(
            limit=descriptors.limit(),
            in_use=in_use,
            guests=door.open,
            guests_max=door.most,
            refused=door.refused,
            is_short=door.is_short,
            shortages=door.shortages,
        )
        return [diagnosis.judge_files(fact)]

    # --- the post -----------------------------------------------------------------------------

    async def _mailboxes(self) -> Sequence[Finding]:
        post, now_ms = self._post, self._clock.now().wall_ms
        boxes = []
        for box in post.boxes:
            places = {place: short_text("node", place) for place in box.mailboxes}
            read = {
                name: None if since is None else now_ms - since
                for place, name in places.items()
                for since in [post.read_since.get((box.reader, place))]
            }
            failing = frozenset(
                name for place, name in places.items() if (box.reader, place) in post.failing_since
            )
            owner = "the shop's box" if box.ctx.startswith(b"profile") else "a request's box"
            boxes.append(BoxFact(name=owner, read_ms=read, failing=failing))
        detours = self._network.detours
        lacks_way = views.lacks_way(detours.document())
        return [diagnosis.judge_mailboxes(boxes, lacks_way=lacks_way)]

    async def _policy(self) -> Sequence[Finding]:
        return [self._policing.finding()]

    # --- the disk -----------------------------------------------------------------------------

    async def _database(self) -> Sequence[Finding]:
        path = self._storage.path
        found = await self._storage.read(lambda db: look_while_open(db, path), one_moment=False)
        return [premises.judge_health(found)]

    async def _contents(self) -> Sequence[Finding]:
        found = await self._storage.scrub()
        mended = await mend(self._storage, found, self._clock.now().wall_ms)
        return [premises.judge_scrub(mended)]


def _dial_of(standing: Standing) -> DialFact:
    """Tell of a neighbour as of a peer; it may be known by its key alone."""
    error, address = standing.error, standing.address
    if error is None and address is None and standing.turned.is_set():
        error = TransportError("nobody knows where it is", code="E-PEER-LOST")
    return DialFact(
        address=address or short_text("node", standing.key),
        tries=standing.failures,
        code=error.code if error else "",
        sentence=error.sentence if error else "",
    )


async def examine_closed(
    home: Path,
    *,
    clock: Clock,
    scrub: bool,
    holder_of: Callable[[int], str],
    why_down: str = "the node is down",
) -> Document:
    """Examine a home whose node does not run.

    Args:
        home: its folder.
        clock: the time.
        scrub: compare every stored byte, too.
        holder_of: names the program that listens on a port.
        why_down: what is said of the checks that only a running node can answer.
    """
    found = [await asyncio.to_thread(premises.check_home, home)]
    if found[0].state is State.BAD:
        return report(str(home), found, is_up=False)
    settings, judged = await asyncio.to_thread(_settings_of, home)
    place = Premises(
        home=home,
        settings=settings,
        is_up=False,
        wall_ms=clock.now().wall_ms,
        holder_of=holder_of,
    )

    async def ports() -> Sequence[Finding]:
        return await asyncio.to_thread(premises.check_ports, place)

    async def database() -> Sequence[Finding]:
        return await premises.check_database(place, clock=clock, scrub=scrub)

    checks: dict[str, _Check] = {
        "port": ports,
        "policy": _in_thread(lambda: policing.check_file(home)),
        "disk": _in_thread(lambda: premises.check_disk(place)),
        "database": database,
        "keys": _in_thread(lambda: premises.check_keys(place, is_locked=None)),
        "sqlite": _in_thread(premises.check_sqlite),
        "files": _in_thread(lambda: premises.check_files(place)),
    }
    if judged.state is State.BAD:
        del checks["port"]
    found += [judged, *(skipped(name, why_down, _DOWN_FIX) for name in _LIVE_ONLY)]
    return report(str(home), [*found, *await _run(checks)], is_up=False)


def _settings_of(home: Path) -> tuple[Settings, Finding]:
    try:
        settings = load_settings(home)
    except IntentcastError as error:
        return Settings(), failed("settings", error)
    try:
        check_net(home / DATABASE_FILE, settings.net)
    except IntentcastError as error:
        return settings, failed("settings", error)
    return settings, ok("settings", "are understood")


def _in_thread(check: Callable[[], Finding]) -> _Check:
    async def run() -> Sequence[Finding]:
        return [await asyncio.to_thread(check)]

    return run


async def _run(checks: dict[str, _Check]) -> list[Finding]:
    """Run checks one after the other; what stops one is its answer."""
    found: list[Finding] = []
    for name, check in checks.items():
        try:
            found += await check()
        except IntentcastError as error:
            found.append(failed(name, error, damaged=error.code == "E-DB-DAMAGED"))
        except OSError as error:
            reason = error.strerror or type(error).__name__
            found.append(
                Finding(
                    name=name,
                    state=State.BAD,
                    cause=f"this could not be looked at: {reason}",
                    proof=str(error.filename or ""),
                    fix="Look at the rights of the home and at the disk",
                )
            )
    return found
