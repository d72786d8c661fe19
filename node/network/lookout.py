"""The lookout: turns what zeroconf hears into sightings, at a pace no neighbour can raise.

Enters: names of services that came, changed or went. Leaves: entries of the vicinity. Names wait in
a bounded line; each is looked at once in a while, however often it changes, and is asked after in
the network only when its records did not come along with it. Never here: sockets of our own, a
dial, trust.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from zeroconf import Error, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceInfo

from node.clock import Clock
from node.network.announcement import SERVICE_TYPE, Ignored, read_announcement
from node.network.vicinity import Vicinity
from protocol.ids import NodeId

LOOK_PAUSE_MS: Final = 10_000
"""Shortest time between two looks at one name; guess."""
AGAIN_MS: Final = 5 * 60_000
"""Age at which a known node is looked at again."""
ASK_MS: Final = 1_500
"""How long the records of a name may take."""
WAITING_MAX: Final = 256
"""Names that wait to be looked at; guess."""
ASKED_MAX: Final = 8
"""Names asked after in the network at a time; guess."""
PACE_S: Final = 0.01
"""Pause after each look, so that a flood leaves the loop to others."""
_LOOKED_MAX: Final = 1_024
_MISSED_AT_ONCE: Final = 64
_NAME_CHARS_MAX: Final = 255


class Lookout:
    """Looks at announcements, one after the other."""

    def __init__(
        self,
        vicinity: Vicinity,
        *,
        net: str,
        own: NodeId,
        clock: Clock,
        spawn: Callable[[Coroutine[Any, Any, Any], str], asyncio.Task[Any]],
        on_seen: Callable[[NodeId], None],
    ) -> None:
        """Prepare; `watch` begins.

        Args:
            vicinity: where sightings go.
            net: the network this node runs on.
            own: this node's key.
            clock: the time.
            spawn: runs background tasks.
            on_seen: hears of a node of which something new is known.
        """
        self._vicinity = vicinity
        self._net = net
        self._own = own
        self._clock = clock
        self._spawn = spawn
        self._on_seen = on_seen
        self._zeroconf: Zeroconf | None = None
        self._networks: Sequence[ipaddress.IPv4Network] = ()
        self._waiting: OrderedDict[str, None] = OrderedDict()
        self._later: OrderedDict[str, None] = OrderedDict()
        self._looked: OrderedDict[str, int] = OrderedDict()
        self._asked: dict[str, asyncio.Task[Any]] = {}
        self._ready = asyncio.Event()
        self._has_missed = False

    def watch(
        self, zeroconf: Zeroconf | None, networks: Sequence[ipaddress.IPv4Network] = ()
    ) -> None:
        """Look through these sockets from now on, or through none."""
        self._zeroconf = zeroconf
        self._networks = networks
        for task in self._asked.values():
            task.cancel()
        self._asked.clear()
        for names in (self._waiting, self._later, self._looked):
            names.clear()
        self._vicinity.clear()

    # --- what zeroconf reports ------------------------------------------------------------------

    def changed(
        self,
        zeroconf: Zeroconf,
        service_type: str,  # noqa: ARG002 - zeroconf names it
        name: str,
        state_change: ServiceStateChange,
    ) -> None:
        """Take a report; called in the loop, and cheap."""
        if zeroconf is not self._zeroconf or len(name) > _NAME_CHARS_MAX:
            return
        if state_change is ServiceStateChange.Removed:
            self._waiting.pop(name, None)
            self._vicinity.lose(name)
            return
        looked_ms = self._looked.get(name)
        if looked_ms is not None and self._clock.now().mono_ms - looked_ms < LOOK_PAUSE_MS:
            self._vicinity.ignore(Ignored.TOO_OFTEN)
            if len(self._later) < WAITING_MAX:
                self._later[name] = None
        elif name not in self._waiting and not self._line_up(name):
            self._vicinity.ignore(Ignored.FLOOD)
            self._has_missed = True

    def _line_up(self, name: str) -> bool:
        if len(self._waiting) >= WAITING_MAX:
            return False
        self._waiting[name] = None
        self._ready.set()
        return True

    def look_again(self) -> None:
        """Look at everything once more: the owner has changed their mind about somebody."""
        self._looked.clear()
        self._has_missed = True
        self.round()

    def round(self) -> None:
        """Line up what was put off, what has not been looked at for long, and what was missed."""
        mono_ms = self._clock.now().mono_ms
        for name in self._vicinity.names():
            if mono_ms - self._looked.get(name, mono_ms - AGAIN_MS) >= AGAIN_MS:
                self._line_up(name)
        while self._later and self._line_up(next(iter(self._later))):
            self._later.popitem(last=False)
        if self._has_missed:
            missed = self._unseen()
            self._has_missed = len(missed) > _MISSED_AT_ONCE
            for name in missed[:_MISSED_AT_ONCE]:
                self._line_up(name)

    def _unseen(self) -> list[str]:
        """List names zeroconf holds and nobody has looked at."""
        if self._zeroconf is None:
            return []
        pointers = self._zeroconf.cache.entries_with_name(SERVICE_TYPE)
        names = [getattr(pointer, "alias", "") for pointer in pointers]
        return [name for name in names if name and name not in self._looked]

    # --- looking --------------------------------------------------------------------------------

    async def run(self) -> None:
        """Look at names as they line up, until cancelled."""
        while True:
            await self._ready.wait()
            while self._waiting:
                name, _ = self._waiting.popitem(last=False)
                self._look(name)
                await asyncio.sleep(PACE_S)
            self._ready.clear()

    def _look(self, name: str) -> None:
        zeroconf = self._zeroconf
        if zeroconf is None:
            return
        self._looked.pop(name, None)
        self._looked[name] = self._clock.now().mono_ms
        if len(self._looked) > _LOOKED_MAX:
            self._looked.popitem(last=False)
        try:
            info = AsyncServiceInfo(SERVICE_TYPE, name)
        except Error:
            self._vicinity.ignore(Ignored.BAD_TXT, name)
            return
        if info.load_from_cache(zeroconf):
            self._take(name, info)
        elif len(self._asked) < ASKED_MAX and name not in self._asked:
            self._asked[name] = self._spawn(self._ask(zeroconf, name, info), "asks after a node")
        else:
            self._vicinity.ignore(Ignored.FLOOD)

    async def _ask(self, zeroconf: Zeroconf, name: str, info: AsyncServiceInfo) -> None:
        try:
            is_complete = await info.async_request(zeroconf, ASK_MS)
        except (Error, OSError):
            is_complete = False
        self._asked.pop(name, None)
        if zeroconf is not self._zeroconf:
            return
        if is_complete:
            self._take(name, info)
        else:
            self._vicinity.ignore(Ignored.SILENT, name)

    def _take(self, name: str, info: AsyncServiceInfo) -> None:
        sighting = read_announcement(
            info.text,
            info.parsed_addresses(),
            info.port,
            net=self._net,
            own=self._own,
            networks=self._networks,
        )
        if isinstance(sighting, Ignored):
            self._vicinity.ignore(sighting, name)
        elif self._vicinity.see(name, sighting, self._clock.now().mono_ms):
            self._on_seen(sighting.key)
