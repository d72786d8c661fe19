"""A node as machines ask about it: is it ready, what does it count, what are its bounds.

Enters: questions of service managers and collectors of metrics. Leaves: yes or no by the name of a
check; numbers under closed sets of labels; a document of what this node is and takes. Never: a key
of anybody else, an id, a word of a peer.
"""

from __future__ import annotations

import asyncio
import contextlib
import platform
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from node.clock import Clock
from node.config import Settings
from node.errors import StorageError
from node.keystore import Keyring
from node.meters import Counts, Meters, Spread
from node.network.handshake import VERSIONS
from node.post.office import Post
from node.runtime.network import Network
from node.runtime.tasks import Tasks
from node.storage import casts, deals, outbox, sizes
from node.storage.database import Storage
from node.storage.health import engine
from node.version import VERSION
from protocol import limits
from protocol.ids import to_text
from protocol.network.flow import Flow
from protocol.network.invites import NODE_PREFIX
from protocol.network.standing import Standing
from protocol.objects.header import VERSION as OBJECT_VERSION
from protocol.objects.profile import Profile

if TYPE_CHECKING:
    import aiosqlite

Document = dict[str, Any]
_DATABASE_S: Final = 2.0
"""A database that takes longer to answer is not ready."""
_WAYS: Final = ("in", "out")
_SERVED: Final = {
    "served_boxes": "boxes",
    "served_letters": "letters",
    "served_receipts": "receipts",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What is surveyed."""

    settings: Settings
    clock: Clock
    storage: Storage
    network: Network
    post: Post
    keyring: Keyring
    tasks: Tasks
    meters: Meters
    shop: Callable[[], Profile | None]
    """What the shop says of itself, where there is one."""


class Survey:
    """One node, from outside."""

    def __init__(self, around: Surroundings) -> None:
        """Keep what is surveyed; the start is now."""
        self._around = around
        self._started_ms = around.clock.now().wall_ms
        self.is_stopping = False
        """Set by whoever stops the node."""

    # --- ready --------------------------------------------------------------------------------

    async def checks(self) -> dict[str, bool]:
        """Tell by name whether this node can do its work now."""
        return {
            "database": await self._has_database(),
            "network": self._around.network.is_up,
            "running": not self.is_stopping,
        }

    async def _has_database(self) -> bool:
        async def ask(db: aiosqlite.Connection) -> None:
            await outbox.load_next_try(db)

        with contextlib.suppress(StorageError, TimeoutError):
            async with asyncio.timeout(_DATABASE_S):
                await self._around.storage.read(ask, one_moment=False)
            return True
        return False

    # --- numbers ------------------------------------------------------------------------------

    async def census(self) -> Mapping[str, Counts | Spread]:
        """Count everything: the name of a metric -> its numbers.

        Raises:
            StorageError: the database cannot be read.
        """
        found: dict[str, Counts | Spread] = {}
        found |= self._of_this_program()
        found |= self._of_the_network()
        found |= await self._of_the_home()
        return found

    def _of_this_program(self) -> dict[str, Counts | Spread]:
        around = self._around
        build = (VERSION, platform.python_version(), engine().version)
        return {
            "build_info": {build: 1},
            "start_time_seconds": {(): self._started_ms / 1_000},
            "keys_locked": {(): int(around.keyring.is_locked)},
            "task_failures_total": {(): around.tasks.failures},
            "disk_waiting": {
                ("changes",): around.storage.waiting,
                ("objects",): around.network.gossip_counts()["storing"],
            },
        }

    def _of_the_network(self) -> dict[str, Counts | Spread]:
        network, meters = self._around.network, self._around.meters
        gossip = network.gossip_counts()
        offset_ms = network.clock_median_ms()
        age, latency = meters.object_age, meters.offer_latency
        found: dict[str, Counts | Spread] = {
            "known_nodes": {(): network.known_count()},
            "peers_dependent": {(): int(network.dependence() is not None)},
            "gossip_objects": {
                (state,): gossip[state] for state in ("live", "pending", "wanted", "rejected")
            },
            "messages_received_total": meters.messages(),
            "objects_received_total": {
                (verdict.value, "none" if reason is None else reason.value): count
                for (verdict, reason), count in network.verdicts().items()
            },
            "object_copies_total": meters.copies(),
            "objects_refused_total": {
                (rule.value,): count for rule, count in network.refused().items()
            },
            "object_age_seconds": age,
            "letters_received_total": meters.letters(),
            "offers_received_total": meters.offers(),
            "offer_latency_seconds": latency,
            "clock_offset_seconds": {},
        }
        if offset_ms is not None:
            found["clock_offset_seconds"] = {(): offset_ms / 1_000}
        return found | self._of_the_links() | self._of_the_detours()

    def _of_the_links(self) -> dict[str, Counts | Spread]:
        """Count the links, by what is thought of them."""
        network = self._around.network
        directions: Counter[str] = Counter()
        standings: Counter[Standing] = Counter()
        levels: Counter[tuple[str, Flow]] = Counter()
        narrow = 0
        for peer in network.peers():
            directions["out" if peer.outbound else "in"] += 1
            standings[peer.esteem.standing] += 1
            levels["out", peer.esteem.given] += 1
            if peer.esteem.supply is not None:
                levels["in", peer.esteem.supply.flow] += 1
            narrow += peer.esteem.narrows
        return {
            "peers": {(way,): directions[way] for way in _WAYS},
            "peers_standing": {(each.name.lower(),): standings[each] for each in Standing},
            "peers_narrow": {(): narrow},
            "link_levels": {
                (way, flow.name.lower()): levels[way, flow] for way in _WAYS for flow in Flow
            },
            "peer_bytes_total": {(way,): n for way, n in network.traffic.sums.items()},
        }

    def _of_the_detours(self) -> dict[str, Counts | Spread]:
        """Count how requests leave, and how mailboxes are reached."""
        detours = self._around.network.detours
        found = detours.document()
        return {
            "stem": {(what,): int(found[what]) for what in ("successors", "waiting")},
            "tunnels": {
                ("own",): detours.count,
                ("direct",): detours.direct_count,
                ("carried",): detours.carriage.carried_count,
            },
        }

    async def _of_the_home(self) -> dict[str, Counts | Spread]:
        storage = self._around.storage

        async def count(db: aiosqlite.Connection) -> dict[str, Counts | Spread]:
            own_casts, own_deals = await casts.load_counts(db), await deals.load_counts(db)
            letters, served = await outbox.load_counts(db), await sizes.load_sizes(db)
            held = {word: served[table] for table, word in _SERVED.items()}
            found: dict[str, Counts | Spread] = {
                "casts": {(state.value,): n for state, n in own_casts.items()},
                "deals": {(state.value,): n for state, n in own_deals.items()},
                "letters": {
                    **{(state.value,): n for state, n in letters.items()},
                    ("parked",): self._around.post.parked,
                },
                "mailbox_held": {(word,): size.rows for word, size in held.items()},
                "mailbox_held_bytes": {(word,): size.bytes for word, size in held.items()},
            }
            return found

        found = await storage.read(count)
        found["store_bytes"] = {
            (name,): size for name, size in (await storage.file_bytes()).items()
        }
        found["events_total"] = {(): storage.newest_event}
        return found

    # --- the document -------------------------------------------------------------------------

    def info(self) -> Document:
        """Say what this node is, which versions it speaks, and what it takes."""
        settings, shop = self._around.settings, self._around.shop()
        return {
            "schema": "intentcast.info/1",
            "name": shop.name if shop is not None else None,
            "software": "intentcast",
            "version": VERSION,
            "node": to_text(NODE_PREFIX, self._around.network.node_id),
            "net": settings.net,
            "roles": self._around.network.roles(),
            "protocol": {"channel": list(VERSIONS), "objects": [OBJECT_VERSION]},
            "limits": self._limits(),
            "shop": None if shop is None else _shop(shop),
        }

    def _limits(self) -> Document:
        is_main = self._around.settings.net == "main"
        return {
            "public_object_bytes": limits.public_bytes_max,
            "letter_bytes": limits.letter_bytes_max,
            "first_letter_bytes": limits.first_letter_bytes_max,
            "frame_bytes": limits.frame_bytes_max,
            "box_letters": limits.box_letters_max,
            "box_bytes": limits.box_bytes_max,
            "offers_per_cast": limits.offers_per_cast_max,
            "cast_life_ms": limits.cast_ttl_ms_max,
            "clock_skew_ms": limits.skew_ms_max,
            "work_bits": limits.pow_base_bits_main if is_main else limits.pow_base_bits_other,
            "box_work_bits": limits.box_open_bits_main if is_main else limits.box_open_bits_other,
        }


def _shop(shop: Profile) -> Document:
    """Say what a shop makes public of itself anyway."""
    return {
        "name": shop.name,
        "categories": list(shop.categories),
        "areas": [msgspec.to_builtins(area) for area in shop.areas],
        "terms": list(shop.terms),
    }
