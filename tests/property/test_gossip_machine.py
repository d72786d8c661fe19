"""Gossip under any list of events: caps hold, nothing forged gets in, nothing good is burnt.

A model beside the machine knows which objects are true. Forgeries, copies with a bad nonce, twins
by their author, revokes true and false, losses of peers and failures of the disk come in any order.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from protocol import limits, work
from protocol.encoding import decode, encode
from protocol.errors import Reason
from protocol.ids import ObjectId, blake2b_256
from protocol.network.actions import (
    BlamePeer,
    DropObject,
    GossipAction,
    Notify,
    SendMessage,
    StoreObject,
    Timer,
    VerifyBatch,
)
from protocol.network.chance import Chance
from protocol.network.events import (
    CandidateReceived,
    GossipEvent,
    IdsReceived,
    MissingReceived,
    ObjectStored,
    PeerLost,
    PublishObject,
    SeekObject,
    Started,
    StemReceived,
    StoreFailed,
    TimerFired,
    VerifyFinished,
    WantReceived,
)
from protocol.network.gossip import Gossip
from protocol.network.live import prefix_of
from protocol.network.stem import Private
from protocol.objects.envelope import Verified, open_stored
from tests.parties import NET, Party, make_cast, make_profile, vendor_bo
from tests.unit.protocol.network.driver import NOW, Street, joined, later, make_revoke, opened, peer

PEERS = ("a", "b", "c", "d")
LIVE_MAX, PENDING_MAX, REJECTED_MAX = 6, 5, 3


@cache
def truths() -> tuple[Verified[Any], ...]:
    """True objects: casts, profiles, a revoke of one cast, and a stranger's claim on another."""
    casts = [make_cast(nonce=bytes([n] * 16)) for n in range(5)]
    others = [make_profile(), make_profile(by=Party("vendor_cy"))]
    return (*casts, *others, make_revoke(casts[0]), make_revoke(casts[1], by=vendor_bo))


@cache
def forgeries() -> tuple[bytes, ...]:
    """Each truth under a signature that is not its author's."""
    made = []
    for verified in truths():
        forged = bytes([verified.signature[0] ^ 1]) + verified.signature[1:]
        name = blake2b_256(verified.signed, forged)
        nonce = work.solve(name, verified.header.target, tries=1 << 20)
        made.append(encode([verified.signed, forged, nonce]))
    return tuple(made)


def lazy_copy(verified: Verified[Any]) -> bytes:
    """A true object without its work."""
    text, signature, _ = decode(verified.raw, bytes_max=limits.public_bytes_max)
    return encode([text, signature, None])


TRUTHS = st.integers(0, 8).map(lambda n: truths()[n])
WHO = st.sampled_from(PEERS)


class GossipMachine(RuleBasedStateMachine):
    """One node among four peers that do as they please."""

    @initialize()
    def begin(self) -> None:
        self.gossip = Gossip(
            net=NET,
            chance=Chance(b"property"),
            objects_max=LIVE_MAX,
            pending_max=PENDING_MAX,
            rejected_max=REJECTED_MAX,
            around=Street("a", "b"),
            private=Private.NORMAL,
        )
        self.now = NOW
        self.batch: tuple[Any, ...] = ()
        self.unwritten: list[Verified[Any]] = []
        self.stored: list[Verified[Any]] = []
        self.own: set[bytes] = set()
        self.feed(Started(entries=(), records=()))

    def feed(self, event: GossipEvent) -> list[GossipAction]:
        actions = self.gossip.handle(event, self.now)
        for action in actions:
            match action:
                case VerifyBatch(candidates=candidates):
                    assert not self.batch, "one batch at a time"
                    assert 0 < len(candidates) <= limits.verify_batch_max
                    self.batch = candidates
                case StoreObject(verified=verified):
                    self.check_true(verified)
                    self.unwritten.append(verified)
                case SendMessage(peer=to):
                    assert to in {peer(name) for name in PEERS}
                case _:
                    pass
        return actions

    @staticmethod
    def check_true(verified: Verified[Any]) -> None:
        """Whatever is stored opens again by the gate, from its bytes alone."""
        assert open_stored(verified.raw, net=NET) == verified
        assert any(verified.id == each.id for each in truths())

    # --- peers ------------------------------------------------------------------------------

    @rule(who=WHO)
    def join(self, who: str) -> None:
        self.feed(joined(who))

    @rule(who=WHO)
    def leave(self, who: str) -> None:
        self.feed(PeerLost(peer=peer(who)))

    @rule(who=WHO, verified=TRUTHS)
    def send_truth(self, who: str, verified: Verified[Any]) -> None:
        actions = self.feed(CandidateReceived(peer=peer(who), raw=verified.raw))
        assert not any(isinstance(action, BlamePeer) for action in actions)

    @rule(who=WHO, verified=TRUTHS)
    def send_by_stem(self, who: str, verified: Verified[Any]) -> None:
        actions = self.feed(StemReceived(peer=peer(who), raw=verified.raw))
        assert not any(isinstance(action, BlamePeer) for action in actions)

    @rule(who=WHO, number=st.integers(0, 8))
    def send_forgery_by_stem(self, who: str, number: int) -> None:
        self.feed(StemReceived(peer=peer(who), raw=forgeries()[number]))

    @rule(who=WHO, number=st.integers(0, 8))
    def send_forgery(self, who: str, number: int) -> None:
        self.feed(CandidateReceived(peer=peer(who), raw=forgeries()[number]))

    @rule(who=WHO, verified=TRUTHS)
    def send_lazy_copy(self, who: str, verified: Verified[Any]) -> None:
        self.feed(CandidateReceived(peer=peer(who), raw=lazy_copy(verified)))

    @rule(who=WHO, raw=st.binary(max_size=200))
    def send_noise(self, who: str, raw: bytes) -> None:
        actions = self.feed(CandidateReceived(peer=peer(who), raw=raw))
        assert [action.peer for action in actions if isinstance(action, BlamePeer)] == [peer(who)]

    @rule(who=WHO, chosen=st.lists(TRUTHS, max_size=4), noise=st.binary(min_size=16, max_size=16))
    def announce(self, who: str, chosen: list[Verified[Any]], noise: bytes) -> None:
        names = (*(prefix_of(each.id) for each in chosen), noise)
        self.feed(IdsReceived(peer=peer(who), ids=names))

    @rule(who=WHO, verified=TRUTHS)
    def miss(self, who: str, verified: Verified[Any]) -> None:
        self.feed(MissingReceived(peer=peer(who), ids=(prefix_of(verified.id),)))

    @rule(who=WHO, chosen=st.lists(TRUTHS, max_size=4))
    def want(self, who: str, chosen: list[Verified[Any]]) -> None:
        self.feed(WantReceived(peer=peer(who), ids=tuple(prefix_of(c.id) for c in chosen)))

    # --- this node --------------------------------------------------------------------------

    @precondition(lambda self: self.batch)
    @rule()
    def verify(self) -> None:
        batch, self.batch = self.batch, ()
        self.feed(VerifyFinished(outcomes=tuple(opened(each) for each in batch)))

    @precondition(lambda self: self.unwritten)
    @rule(works=st.booleans())
    def write(self, works: bool) -> None:
        verified = self.unwritten.pop(0)
        if not works:
            self.feed(StoreFailed(id=verified.id, reason=Reason.QUOTA))
            return
        told = [
            action.verified.id
            for action in self.feed(ObjectStored(id=verified.id, is_new=True))
            if isinstance(action, Notify)
        ]
        assert told in ([], [verified.id])

    @rule(verified=TRUTHS)
    def publish(self, verified: Verified[Any]) -> None:
        self.own.add(prefix_of(verified.id))
        self.feed(PublishObject(verified=verified))

    @rule(verified=TRUTHS)
    def seek(self, verified: Verified[Any]) -> None:
        self.feed(SeekObject(id=ObjectId(verified.id)))

    @rule(timer=st.sampled_from(Timer), ms=st.integers(0, 20_000))
    def wait(self, timer: Timer, ms: int) -> None:
        self.now = later(ms, self.now)
        self.feed(TimerFired(timer=timer))

    # --- what always holds -------------------------------------------------------------------

    @invariant()
    def caps_hold(self) -> None:
        assert self.gossip.pending_count <= PENDING_MAX + limits.verify_batch_max
        assert self.gossip.rejected_count <= REJECTED_MAX
        assert self.gossip.wanted_count <= limits.wanted_ids_max
        assert len(self.gossip.live) <= LIVE_MAX + len(self.own)

    @invariant()
    def what_travels_by_stem_is_true_and_not_public(self) -> None:
        stem = self.gossip.stem
        names = {prefix_of(verified.id) for verified in truths()}
        travelling = {name for name in names if name in stem}
        assert len(travelling) == len(stem)
        # Our own that came back from the relay it went to is live, and waits for another's word.
        assert not any(name in self.gossip.live for name in travelling - self.own)

    @invariant()
    def no_truth_is_burnt(self) -> None:
        assert not any(self.gossip.is_rejected(verified.id) for verified in truths())

    @invariant()
    def a_cast_and_its_revoke_are_never_both_live(self) -> None:
        cast, revoke = truths()[0], truths()[7]
        live = self.gossip.live
        assert not (prefix_of(cast.id) in live and prefix_of(revoke.id) in live)

    @invariant()
    def a_strangers_revoke_never_stands_beside_its_claim(self) -> None:
        cast, claim = truths()[1], truths()[8]
        live = self.gossip.live
        assert not (prefix_of(cast.id) in live and prefix_of(claim.id) in live)


TestGossipMachine = GossipMachine.TestCase
TestGossipMachine.settings = settings(max_examples=60, stateful_step_count=50)


@given(order=st.permutations(range(9)), who=st.lists(WHO, min_size=9, max_size=9))
def test_the_order_of_arrival_does_not_matter(order: list[int], who: list[str]):
    gossip = Gossip(net=NET, chance=Chance(b"order"))
    dropped: set[bytes] = set()
    events: list[GossipEvent] = [Started(entries=(), records=())]
    for number, name in zip(order, who, strict=True):
        events.append(CandidateReceived(peer=peer(name), raw=forgeries()[number]))
        events.append(CandidateReceived(peer=peer(name), raw=truths()[number].raw))
    while events:
        for action in gossip.handle(events.pop(0), NOW):
            match action:
                case VerifyBatch(candidates=candidates):
                    events.append(VerifyFinished(outcomes=tuple(map(opened, candidates))))
                case StoreObject(verified=verified):
                    events.append(ObjectStored(id=verified.id, is_new=True))
                case DropObject(id=object_id):
                    dropped.add(object_id)
                case _:
                    pass
    kept = [truths()[n] for n in (1, 2, 3, 4, 5, 6, 7)]
    whole = gossip.live.holdings.whole
    assert set(whole.names(0, len(whole))) == {prefix_of(verified.id) for verified in kept}
    assert dropped <= {truths()[8].id}


@given(data=st.data())
def test_the_same_events_give_the_same_actions(data: st.DataObject):
    events: list[GossipEvent] = [Started(entries=(), records=())]
    for _ in range(data.draw(st.integers(1, 25))):
        who = data.draw(WHO)
        verified = data.draw(TRUTHS)
        events.append(
            data.draw(
                st.sampled_from(
                    [
                        joined(who),
                        PeerLost(peer=peer(who)),
                        CandidateReceived(peer=peer(who), raw=verified.raw),
                        CandidateReceived(peer=peer(who), raw=lazy_copy(verified)),
                        IdsReceived(peer=peer(who), ids=(prefix_of(verified.id),)),
                        VerifyFinished(outcomes=(verified,)),
                        ObjectStored(id=verified.id, is_new=True),
                        PublishObject(verified=verified),
                        TimerFired(timer=Timer.CATCH_UP),
                        TimerFired(timer=Timer.HEARTBEAT),
                    ]
                )
            )
        )
    runs = []
    for _ in range(2):
        gossip = Gossip(net=NET, chance=Chance(b"same"))
        runs.append([gossip.handle(event, NOW) for event in events])
    assert runs[0] == runs[1]
