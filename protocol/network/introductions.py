"""Introductions: node records asked of peers, given to peers, and taken from them.

Enters: questions and answers, with the link they came over. Leaves: messages, and what the book
took. A peer may tell 250 records at once and one in 10 s after that; the rest is not read. Never
here: an answer nobody asked for, a record that is too old to be handed on.
Source: docs/protocol/06-gossip.md, "Node records".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from protocol import limits
from protocol.channel.messages import RecordsAnswer, RecordsQuery, Refused, WhoIsAnswer
from protocol.channel.priority import Priority
from protocol.errors import Reason
from protocol.ids import NodeId, PeerId
from protocol.network.actions import LinkAction, SaveRecord, SendMessage
from protocol.network.addresses import NodeRecord, Role, dialable
from protocol.network.book import Book, Standing
from protocol.network.chance import Chance
from protocol.network.events import NodeAsked, RecordsAsked
from protocol.now import Now

_QUESTIONS: Final = 2**30
"""Questions for records are numbered from here, those for pages below."""

Read: TypeAlias = Callable[[bytes], NodeRecord]
"""Reads a record and checks it; may raise RemoteProtocolError."""


@dataclass(slots=True)
class _Talk:
    """What is kept of one linked peer."""

    left: int
    """Records it may still tell."""
    filled_ms: int
    """Monotonic ms up to which `left` has grown."""
    question: int = 0
    """Number of our open question; 0 for none."""
    next_answer_ms: int = 0
    """Monotonic ms before which it is answered no other question."""


class Introductions:
    """Says who is where, and hears it."""

    def __init__(self, *, book: Book, chance: Chance, read: Read) -> None:
        """Start with nobody.

        Args:
            book: takes and gives the records.
            chance: which are given.
            read: opens what comes.
        """
        self._book = book
        self._chance = chance
        self._read = read
        self._talks: dict[PeerId, _Talk] = {}
        self._number = 0
        self.own: NodeRecord | None = None
        """What this node says of itself."""

    def joined(self, peer: PeerId, now: Now) -> LinkAction:
        """A link is open; its peer is asked whom it knows."""
        self._talks[peer] = _Talk(left=limits.records_first_max, filled_ms=now.mono_ms)
        return self.ask(peer)

    def lost(self, peer: PeerId) -> None:
        """A link has ended."""
        self._talks.pop(peer, None)

    # --- asking -------------------------------------------------------------------------------

    def ask(self, peer: PeerId) -> LinkAction:
        """Ask a linked peer for records."""
        self._number = self._number % (_QUESTIONS - 1) + 1
        self._talks[peer].question = _QUESTIONS + self._number
        query = RecordsQuery(request=_QUESTIONS + self._number, count=limits.records_per_answer_max)
        return SendMessage(peer=peer, message=query, priority=Priority.CONTROL)

    def accepted(self, peer: PeerId, answer: RecordsAnswer, now: Now) -> list[bytes]:
        """Give the records of an answer that are to be read: it was asked for, and in measure."""
        talk = self._talks.get(peer)
        if talk is None or not talk.question or talk.question != answer.request:
            return []
        talk.question = 0
        grown = (now.mono_ms - talk.filled_ms) // limits.records_pace_ms
        talk.filled_ms += grown * limits.records_pace_ms
        talk.left = min(limits.records_first_max, talk.left + grown)
        taken = answer.records[: talk.left]
        talk.left -= len(taken)
        return taken

    def hear(
        self, raw: bytes, now: Now, *, source: str, first_hand: NodeRecord | None
    ) -> list[LinkAction]:
        """Take a record: first hand when it is by the same node and signer as the peer's own.

        Args:
            raw: as it came.
            now: the moment.
            source: address group of the peer.
            first_hand: the record the peer gave of itself on this link.

        Raises:
            RemoteProtocolError: it is none.
        """
        record = self._read(raw)
        is_proven = first_hand is not None and (
            (record.key, record.sign_key) == (first_hand.key, first_hand.sign_key)
        )
        return self.take(record, now, source=source, is_proven=is_proven)

    def take(
        self, record: NodeRecord, now: Now, *, source: str, is_proven: bool
    ) -> list[LinkAction]:
        """Put a record into the book, and on disk where it is new and the best of its node."""
        is_new = self._book.add(record, proven=is_proven, wall_ms=now.wall_ms, source=source)
        node = self._book.node(record.key)
        if not is_new or node is None or node.record != record:
            return []
        by_its_signer = node.standing is Standing.PROVEN
        return [SaveRecord(record=record, is_proven=by_its_signer, source=source)]

    # --- answering ----------------------------------------------------------------------------

    def answer(
        self, event: RecordsAsked | NodeAsked, linked: Iterable[NodeRecord], now: Now
    ) -> LinkAction:
        """Answer a peer's question.

        Args:
            event: the question.
            linked: what the linked peers said of themselves.
            now: the moment.
        """
        message: RecordsAnswer | WhoIsAnswer | Refused
        request = event.query.request
        if isinstance(event, NodeAsked):
            found = self._find(NodeId(event.query.key), linked, now)
            message = WhoIsAnswer(request=request, record=found.raw if found else None)
            return SendMessage(peer=event.peer, message=message, priority=Priority.PULL)
        talk = self._talks.get(event.peer)
        if talk is not None and now.mono_ms < talk.next_answer_ms:
            message = Refused(request=request, reason=Reason.OVER_BUDGET)
        else:
            if talk is not None:
                talk.next_answer_ms = now.mono_ms + limits.records_pause_ms
            records = self._sample(NodeId(event.peer), event.query.count, linked, now)
            message = RecordsAnswer(request=request, records=[record.raw for record in records])
        return SendMessage(peer=event.peer, message=message, priority=Priority.PULL)

    def _find(self, key: NodeId, linked: Iterable[NodeRecord], now: Now) -> NodeRecord | None:
        if self.own is not None and key == self.own.key:
            return self.own
        found = self._book.find(key, now.wall_ms)
        if found is None:
            # Known here for as long as it is linked, though no place in the book was free.
            own_word = (r for r in linked if r.key == key and r.is_fresh(now.wall_ms))
            return next(own_word, None)
        return found

    def _sample(
        self, peer: NodeId, count: int, linked: Iterable[NodeRecord], now: Now
    ) -> list[NodeRecord]:
        """Choose records for a peer; our own leads, since the one of our `Hello` grows old.

        Half of the others are relays linked now, for they are surely there: after many have gone
        at once the book is full of the dead.
        """
        own = [self.own] if self.own is not None else []
        wanted = count - len(own)
        there = [
            self._book.find(record.key, now.wall_ms) or record
            for record in linked
            if record.key != peer and Role.RELAY in record.roles and dialable(record)
        ]
        there = [record for record in there if record.is_fresh(now.wall_ms)]
        chosen = self._chance.sample(there, (wanted + 1) // 2)
        known = {record.key for record in chosen}
        others = self._book.sample(wanted, chance=self._chance, wall_ms=now.wall_ms, without=peer)
        chosen += [record for record in others if record.key not in known]
        return own + chosen[:wanted]
