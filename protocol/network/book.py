"""The book of known nodes: whose record says what, and where in the buckets each of them stands.

A record proves that its signing key wrote it; that it speaks for the transport key is proved by a
handshake with that key and by nothing else: anybody can sign one for anybody. So a hint never
displaces a proven record, and hints of different signing keys for one transport key stand side by
side, as they came, until a dial of our own settles it: a later one moves nobody and hides nobody.
Whom nobody could dial stands *apart*: a node of the local network, known at first hand, not drawn.

Enters: records, with who told them, and nodes that were reached. Leaves: fresh records to hand on,
and keys to dial, drawn from buckets. Never here: dials, waits; a look at every node for one event.
Source: docs/protocol/06-gossip.md, "The book"; Bitcoin Core, addrman.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from protocol import limits
from protocol.ids import NodeId
from protocol.network.addresses import NodeRecord, Role, dialable
from protocol.network.buckets import Places, Table
from protocol.network.chance import Chance
from protocol.network.events import NodeMemory
from protocol.network.groups import group_of

DRAWS_MAX = 64
"""Draws for one choice; a book of no more nodes is looked through as a whole."""


class Standing(StrEnum):
    """What stands behind a record in the book."""

    PROVEN = "proven"
    """A handshake proved the transport key; this record, or an older one of its signer, came over
    it, now or in an earlier run."""
    HINT = "hint"
    """A third party handed it on."""


@dataclass(slots=True, kw_only=True)
class Node:
    """What is known of one node; to be read only outside this module."""

    records: tuple[NodeRecord, ...]
    """One where it is proven; else the newest by each signing key, in the order of their signers,
    save that one whose addresses did not answer goes to the end."""
    tellers: tuple[str, ...]
    """Address group of whoever told of each signer first."""
    standing: Standing
    """How the first of them came."""
    source: str
    """Address group of whoever told of it first; empty for its owner or this node's."""
    is_confirmed: bool = False
    """Whether somebody of another group told of it, too."""
    doubted: frozenset[bytes] = frozenset()
    """Signers whose hints led to nobody: these give way to others."""
    group: str = ""
    """Address group it stands under in its table."""
    place: int = -1
    """Place in its table; -1 apart from both."""
    address: str = ""
    """Where it was reached; empty for a node among the new."""
    reached_ms: int = 0
    """When it was reached last, Unix ms; 0 for never."""

    @property
    def record(self) -> NodeRecord:
        """The best record."""
        return self.records[0]

    @property
    def is_tried(self) -> bool:
        """Whether it stands among the tried."""
        return self.address != ""


class Book:
    """Known nodes: proven before hinted, newest first, in buckets that nobody fills alone."""

    def __init__(
        self,
        *,
        own: NodeId,
        secret: bytes,
        is_failing: Callable[[NodeId], bool] = lambda _key: False,
    ) -> None:
        """Start empty.

        Args:
            own: our transport key, which never stands in the book.
            secret: 16..64 bytes that choose the places.
            is_failing: tells of a node that could not be reached several times in a row; one that
                never was makes room, and none is handed on.
        """
        self._own = own
        self._places = Places(secret)
        self._is_failing = is_failing
        self._nodes: dict[NodeId, Node] = {}
        self._new = Table()
        self._tried = Table()
        self._new_of: Counter[str] = Counter()
        self._apart: OrderedDict[NodeId, None] = OrderedDict()
        self._contests: OrderedDict[NodeId, NodeId] = OrderedDict()

    def __len__(self) -> int:
        """Count the known nodes."""
        return len(self._nodes)

    @property
    def new_count(self) -> int:
        """Nodes that were heard of and not reached."""
        return len(self._new)

    @property
    def tried_count(self) -> int:
        """Nodes that were reached."""
        return len(self._tried)

    def node(self, key: NodeId) -> Node | None:
        """Give what is known of a node; to be read only."""
        return self._nodes.get(key)

    # --- taking records -----------------------------------------------------------------------

    def add(self, record: NodeRecord, *, proven: bool, wall_ms: int, source: str = "") -> bool:
        """Take a record; tells whether the book changed.

        Args:
            record: read and signature-checked.
            proven: it came over a channel whose static key is `record.key`.
            wall_ms: for freshness.
            source: address group of whoever told it.
        """
        if not record.is_fresh(wall_ms):
            return False
        return self._take(record, proven=proven, wall_ms=wall_ms, source=source)

    def restore(self, record: NodeRecord, memory: NodeMemory, wall_ms: int) -> None:
        """Take a record of an earlier run, which may be older than what others may tell.

        Args:
            record: read and signature-checked.
            memory: what else was known of the node.
            wall_ms: the moment.
        """
        is_over = wall_ms - max(record.at, memory.reached_ms) > limits.node_memory_ms_max
        if is_over or record.at > wall_ms + limits.skew_ms_max:
            return
        is_proven = memory.is_proven and bool(dialable(record))
        self._take(record, proven=is_proven, wall_ms=wall_ms, source=memory.source)
        node = self._nodes.get(record.key)
        if memory.reached_ms > 0 and node is not None and memory.address in dialable(node.record):
            reached_ms = min(memory.reached_ms, wall_ms)
            self.reached(record.key, memory.address, reached_ms, group=memory.group)

    def _take(self, record: NodeRecord, *, proven: bool, wall_ms: int, source: str) -> bool:
        if record.key == self._own:
            return False
        node = self._nodes.get(record.key)
        if node is None:
            standing = Standing.PROVEN if proven else Standing.HINT
            node = Node(records=(record,), tellers=(source,), standing=standing, source=source)
            return self._enter(node, wall_ms)
        is_by_the_same = record.sign_key == node.record.sign_key
        if source and source != node.source and not proven and is_by_the_same:
            # Its own word confirms nothing, nor does another word.
            node.is_confirmed = True
        if proven or node.standing is Standing.PROVEN:
            is_new = self._prove(node, record, proven=proven, source=source)
        else:
            is_new = self._hint(node, record, source)
        if is_new and len(node.records) == 1:
            # Where signers disagree, nobody's word moves it.
            self._settle(node, wall_ms)
        return is_new

    def _prove(self, node: Node, record: NodeRecord, *, proven: bool, source: str) -> bool:
        """Take what the owner says of a node: what other signers say is false; tells of news."""
        before = node.records, node.standing
        same = next((r for r in node.records if r.sign_key == record.sign_key), None)
        if proven or same is not None:
            newest = same if same is not None and record.age_rank <= same.age_rank else record
            node.records, node.tellers, node.standing = (newest,), (source,), Standing.PROVEN
        return (node.records, node.standing) != before

    def _hint(self, node: Node, record: NodeRecord, source: str) -> bool:
        """Let one more word stand beside the others; tells whether it does."""
        if not dialable(record):
            return False
        records, tellers = list(node.records), list(node.tellers)
        for place, other in enumerate(records):
            if other.sign_key == record.sign_key:
                records[place] = max(other, record, key=lambda each: each.age_rank)
                break
        else:
            if len(records) == limits.hints_per_node_max:
                going = self._superfluous(node, source)
                if going is None:
                    return False
                del records[going], tellers[going]
            records.append(record)
            tellers.append(source)
        is_new = tuple(records) != node.records
        node.records, node.tellers = tuple(records), tuple(tellers)
        return is_new

    def _superfluous(self, node: Node, source: str) -> int | None:
        """Give the place of a hint that may go for one of another source; the first never does."""
        last = len(node.records) - 1
        if self._is_failing(node.record.key):
            return last
        if source in node.tellers:
            return None
        doubtful = [place for place, r in enumerate(node.records) if r.sign_key in node.doubted]
        if doubtful:
            return doubtful[-1]
        twice = [
            place for place, teller in enumerate(node.tellers) if teller in node.tellers[:place]
        ]
        return twice[-1] if twice else None

    def _enter(self, node: Node, wall_ms: int) -> bool:
        """Give a node its first place; tells whether there is one."""
        key = node.record.key
        addresses = dialable(node.record)
        if not addresses:
            return self._enter_apart(node)
        group = group_of(addresses[0], node.record.net)
        if self._new_of[group] >= limits.group_new_max:
            return False
        place = self._places.new(key, group, node.source)
        other = self._new.at(place)
        if other is not None:
            if not self._is_worthless(other, wall_ms):
                return False
            self.forget(other)
        node.group, node.place, node.address = group, place, ""
        self._new.put(place, key)
        self._new_of[group] += 1
        self._nodes[key] = node
        return True

    def _enter_apart(self, node: Node) -> bool:
        if node.standing is Standing.HINT:
            # What nobody can dial and nobody has met is of no use to anybody.
            return False
        if len(self._apart) >= limits.nodes_apart_max:
            self.forget(next(iter(self._apart)))
        node.group, node.place, node.address = "", -1, ""
        self._apart[node.record.key] = None
        self._nodes[node.record.key] = node
        return True

    def _settle(self, node: Node, wall_ms: int) -> None:
        """Move a node whose newest record says that it is elsewhere now."""
        addresses = dialable(node.record)
        if node.is_tried:
            is_same = node.address in addresses
        elif addresses:
            is_same = node.place >= 0 and group_of(addresses[0], node.record.net) == node.group
        else:
            is_same = node.place < 0
        if not is_same:
            self.forget(node.record.key)
            self._enter(node, wall_ms)

    def _is_worthless(self, key: NodeId, wall_ms: int) -> bool:
        """Tell whether a node among the new may go for another."""
        node = self._nodes[key]
        if node.reached_ms:
            return self._is_over(node, wall_ms)
        return self._is_failing(key) or not node.record.is_fresh(wall_ms)

    def _is_over(self, node: Node, wall_ms: int) -> bool:
        return wall_ms - max(node.record.at, node.reached_ms) > limits.node_memory_ms_max

    # --- forgetting ---------------------------------------------------------------------------

    def forget(self, key: NodeId) -> None:
        """Drop a node."""
        node = self._nodes.pop(key)
        self._contests.pop(key, None)
        if node.place < 0:
            del self._apart[key]
        elif node.is_tried:
            self._tried.free(node.place)
        else:
            self._leave_new(node)

    def _leave_new(self, node: Node) -> None:
        self._new.free(node.place)
        self._new_of[node.group] -= 1
        if not self._new_of[node.group]:
            del self._new_of[node.group]

    def refute(self, key: NodeId, address: str, wall_ms: int) -> None:
        """Drop what third parties said of a key, after a dial found another key at an address."""
        node = self._nodes.get(key)
        if node is None or node.standing is Standing.PROVEN:
            return
        pairs = zip(node.records, node.tellers, strict=True)
        left = [(record, teller) for record, teller in pairs if address not in record.addresses]
        if not left:
            self.forget(key)
            return
        node.records = tuple(record for record, _ in left)
        node.tellers = tuple(teller for _, teller in left)
        if node.is_tried and node.address == address:
            self.forget(key)
            self._enter(node, wall_ms)

    def doubt(self, key: NodeId, address: str) -> None:
        """Let other signers' words come first, after nobody answered at an address.

        They may all be of one who would hide the node by three lies; so what led to nobody gives
        way to what somebody else tells.
        """
        node = self._nodes.get(key)
        if node is None or node.standing is Standing.PROVEN:
            return
        pairs = list(zip(node.records, node.tellers, strict=True))
        liars = {each.sign_key for each in node.records if address in each.addresses}
        signers = {each.sign_key for each in node.records}
        node.doubted = node.doubted.intersection(signers).union(liars)
        if not node.is_tried:
            pairs.sort(key=lambda pair: pair[0].sign_key in liars)
            node.records = tuple(record for record, _ in pairs)
            node.tellers = tuple(teller for _, teller in pairs)

    # --- reached, and who has to make room for it ---------------------------------------------

    def reached(self, key: NodeId, address: str, wall_ms: int, *, group: str = "") -> bool:
        """Note that a dial reached a node; tells whether it is known here.

        It moves to the tried. Where another holds its place, it waits among the new until a dial
        has shown whether that one is still there: test before evict.

        Args:
            key: which.
            address: where it was dialled.
            wall_ms: when.
            group: address group it was found in, where that shows more than the address.
        """
        node = self._nodes.get(key)
        if node is None or node.place < 0:
            return False
        node.reached_ms = max(node.reached_ms, wall_ms)
        group = group or group_of(address, node.record.net)
        if node.is_tried and node.group == group:
            node.address = address
            return True
        place = self._places.tried(key, group)
        other = self._tried.at(place)
        if other is None or other == key:
            self._promote(node, place, group, address)
        elif wall_ms - self._nodes[other].reached_ms > limits.contest_ms:
            self._contest(key, other)
        return True

    def _promote(self, node: Node, place: int, group: str, address: str) -> None:
        key = node.record.key
        if node.is_tried:
            self._tried.free(node.place)
        else:
            self._leave_new(node)
        self._contests.pop(key, None)
        node.group, node.place, node.address = group, place, address
        self._tried.put(place, key)

    def _contest(self, key: NodeId, holder: NodeId) -> None:
        if key not in self._contests and len(self._contests) < limits.contests_max:
            self._contests[key] = holder

    def contested(self) -> NodeId | None:
        """Give the holder of a tried place that should be looked after first."""
        while self._contests:
            key, holder = next(iter(self._contests.items()))
            if key in self._nodes and holder in self._nodes:
                return holder
            del self._contests[key]
        return None

    def decide(self, holder: NodeId, *, is_there: bool, wall_ms: int) -> None:
        """Settle the contests for a place by what a dial of its holder found."""
        rivals = [key for key, held in self._contests.items() if held == holder]
        for key in rivals:
            del self._contests[key]
        node = self._nodes.get(holder)
        if is_there or not rivals or node is None or not node.is_tried:
            return
        self.forget(holder)
        self._enter(node, wall_ms)
        rival = self._nodes.get(rivals[0])
        if rival is not None and rival.place >= 0:
            address = rival.address or dialable(rival.record)[0]
            self.reached(rivals[0], address, rival.reached_ms)

    # --- looking up ---------------------------------------------------------------------------

    def find(self, key: NodeId, wall_ms: int) -> NodeRecord | None:
        """Give the best fresh record of a key."""
        found = self.records_of(key, wall_ms)
        return found[0] if found else None

    def records_of(self, key: NodeId, wall_ms: int) -> list[NodeRecord]:
        """Give every fresh record of a key, the best first; a dialler tries them in turn."""
        node = self._nodes.get(key)
        records = node.records if node is not None else ()
        return [record for record in records if record.is_fresh(wall_ms)]

    def with_role(self, role: Role, wall_ms: int) -> list[NodeRecord]:
        """List the best fresh record of every node that offers a role, in the order of keys.

        It looks at every node: for rare questions of this node's own, never for a peer's.
        """
        found = [self.find(key, wall_ms) for key in sorted(self._nodes)]
        return [record for record in found if record and role in record.roles]

    # --- drawing ------------------------------------------------------------------------------

    @property
    def is_small(self) -> bool:
        """Whether `draws` looks at every node."""
        return len(self._new) + len(self._tried) <= DRAWS_MAX

    def draws(self, chance: Chance, wall_ms: int, *, new_only: bool = False) -> Iterator[NodeId]:
        """Draw keys of nodes that can be dialled, at most `DRAWS_MAX`; one may come twice.

        A coin chooses the table, then a bucket is drawn, then a place: so neither many addresses
        of one group nor many among the new outweigh the few that were reached.
        """
        tables = [self._new] if new_only else [self._tried, self._new]
        tables = [table for table in tables if len(table)]
        drawn = self._all(tables, chance) if self.is_small else self._some(tables, chance)
        for key in drawn:
            node = self._nodes.get(key)
            if node is not None and self._is_over(node, wall_ms):
                self.forget(key)
            elif node is not None:
                yield key

    def _all(self, tables: list[Table], chance: Chance) -> Iterator[NodeId]:
        """Give every key once, in an order that gives both tables the same weight."""
        left = [list(table) for table in tables]
        while left:
            keys = left[chance.below(len(left))]
            place = chance.below(len(keys))
            keys[place], keys[-1] = keys[-1], keys[place]
            yield keys.pop()
            left = [keys for keys in left if keys]

    def _some(self, tables: list[Table], chance: Chance) -> Iterator[NodeId]:
        for _ in range(DRAWS_MAX):
            full = [table for table in tables if len(table)]
            if not full:
                break
            yield full[chance.below(len(full))].draw(chance)

    def sample(
        self, count: int, *, chance: Chance, wall_ms: int, without: NodeId | None = None
    ) -> list[NodeRecord]:
        """Choose fresh records of nodes that can be dialled.

        Args:
            count: at most this many.
            chance: the choice; an answer that followed an order would favour its first.
            wall_ms: for freshness.
            without: the one who asks need not hear of itself.
        """
        found: dict[NodeId, NodeRecord] = {}
        for key in self.draws(chance, wall_ms):
            if len(found) >= count:
                break
            record = self.find(key, wall_ms)
            if record is not None and key != without and not self._is_failing(key):
                found[key] = record
        return list(found.values())
