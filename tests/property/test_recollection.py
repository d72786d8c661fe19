"""A deal's objects say where it stands: whatever two honest machines did, each finds itself again.

Two machines play one deal with any delays; every object that is signed is real and is kept by its
signer and, once read, by the other. Each side's state must then follow from the objects it has,
in any order. And a line of keys is never followed past a contradiction.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from protocol import limits
from protocol.errors import Reason
from protocol.market.deal import (
    NO_ACK_MS,
    AckOverdue,
    AgreedReceived,
    CancelReceived,
    Confirm,
    ConfirmedReceived,
    Deal,
    DealEvent,
    DealState,
    Refuse,
    RefusedReceived,
    Role,
    SignAgreed,
    SignCancelled,
    SignConfirmed,
    SignRefused,
    SignVoid,
    VoidDue,
    VoidReceived,
    step,
)
from protocol.market.lineage import Standing, follow
from protocol.market.recollection import recollect
from protocol.now import DAY_MS, MINUTE_MS, Now
from protocol.objects.envelope import Verified
from protocol.objects.event import Agreed, Cancelled, Confirmed, Refused, Void
from tests.parties import (
    Party,
    buyer_ana,
    make_acceptance,
    make_cast,
    make_event,
    make_offer,
    make_profile,
    vendor_bo,
)
from tests.successions import make_revocation, make_rotation

OFFER = make_offer(make_cast(), make_profile())
ACCEPTANCE = make_acceptance(OFFER)
CONFIRM_BY = ACCEPTANCE.body.confirm_by
EXPIRES = ACCEPTANCE.header.at + 100 * DAY_MS


@dataclass
class Side:
    """One machine, what it has on record, and what lies unread for it."""

    role: Role
    deal: Deal
    kept: list[Verified[Any]] = field(default_factory=list)
    unread: list[Verified[Any]] = field(default_factory=list)


class Play:
    """One deal between two honest sides, clocks alike."""

    def __init__(self) -> None:
        self.now_ms = ACCEPTANCE.header.at
        self.buyer = Side(
            Role.BUYER,
            Deal(role=Role.BUYER, state=DealState.ACCEPT_SENT, confirm_by=CONFIRM_BY),
        )
        self.vendor = Side(
            Role.VENDOR, Deal(role=Role.VENDOR, state=DealState.OFFERED, confirm_by=CONFIRM_BY)
        )

    def other(self, side: Side) -> Side:
        return self.vendor if side is self.buyer else self.buyer

    def move(self, side: Side, event: DealEvent) -> None:
        outcome = step(side.deal, event, Now(wall_ms=self.now_ms, mono_ms=self.now_ms))
        side.deal = outcome.deal
        for action in outcome.actions:
            body: Any
            match action:
                case SignConfirmed():
                    key = ACCEPTANCE.body.review_key
                    body = Confirmed(of=ACCEPTANCE.id, review_key=key)
                case SignRefused(reason=reason):
                    body = Refused(of=ACCEPTANCE.id, reason=reason.value)
                case SignCancelled():
                    body = Cancelled(of=ACCEPTANCE.id, reason="no_ack")
                case SignAgreed(confirmed_id=confirmed_id):
                    body = Agreed(of=confirmed_id, fields=ACCEPTANCE.body.fields)
                case SignVoid():
                    if any(isinstance(each.body, Void) for each in side.kept):
                        continue
                    body = Void(of=ACCEPTANCE.id)
                case _:
                    continue
            self.sign(side, body)

    def sign(self, side: Side, body: Any) -> None:
        buyer = side is self.buyer
        to = vendor_bo.key if buyer else buyer_ana.key
        header = {"at": self.now_ms, "exp": EXPIRES, "to": to}
        signed = make_event(buyer_ana if buyer else vendor_bo, body, ACCEPTANCE, header=header)
        side.kept.append(signed)
        if isinstance(body, Confirmed):
            side.deal = Deal(
                role=side.role,
                state=side.deal.state,
                confirm_by=CONFIRM_BY,
                confirmed_id=signed.id,
                confirmed_at=self.now_ms,
            )
        self.other(side).unread.append(signed)

    def read(self, side: Side) -> None:
        if not side.unread:
            return
        letter = side.unread.pop(0)
        side.kept.append(letter)
        match letter.body:
            case Confirmed():
                self.move(side, ConfirmedReceived(id=letter.id))
            case Refused(reason=reason):
                self.move(side, RefusedReceived(reason=reason))
            case Cancelled():
                waited = letter.header.at - ACCEPTANCE.header.at
                self.move(side, CancelReceived(waited_ms=waited))
            case Agreed():
                self.move(side, AgreedReceived())
            case _:
                self.move(side, VoidReceived(at=letter.header.at))

    def act(self, what: str) -> None:
        match what:
            case "minute":
                self.now_ms += MINUTE_MS
            case "past_confirm_by":
                self.now_ms = max(self.now_ms, CONFIRM_BY + limits.void_grace_ms + 1)
            case "week":
                self.now_ms += NO_ACK_MS + 1
            case "confirm":
                self.move(self.vendor, Confirm())
            case "refuse":
                self.move(self.vendor, Refuse(reason=Reason.OUT_OF_STOCK))
            case "leave":
                self.move(self.vendor, AckOverdue())
            case "void":
                read = None if self.buyer.unread else self.now_ms
                self.move(self.buyer, VoidDue(boxes_read_since_ms=read))
            case "buyer_reads":
                self.read(self.buyer)
            case _:
                self.read(self.vendor)


ACTS = (
    "minute", "past_confirm_by", "week", "confirm", "refuse", "leave", "void", "buyer_reads",
    "vendor_reads",
)  # fmt: skip


@given(acts=st.lists(st.sampled_from(ACTS), max_size=14), order=st.randoms(use_true_random=False))
def test_each_side_finds_itself_again(acts, order):
    play = Play()
    for act in acts:
        play.act(act)
        # Two objects of one moment could be told apart by nothing.
        play.now_ms += 1
    for side in (play.buyer, play.vendor):
        kept = list(side.kept)
        order.shuffle(kept)
        found = recollect(side.role, ACCEPTANCE, kept)
        assert found.state is side.deal.state, [type(each.body).__name__ for each in side.kept]
        if side.deal.state is DealState.AGREED:
            assert found.confirmed is not None
            assert found.confirmed.id == side.deal.confirmed_id
            assert found.agreed is not None


# --- lines of keys -------------------------------------------------------------------------------

PARTIES = [Party(f"key {number}") for number in range(4)]
FIRST = make_rotation(PARTIES[0], PARTIES[1])
STATEMENTS = [
    FIRST,
    make_rotation(PARTIES[0], PARTIES[2]),
    make_rotation(PARTIES[1], PARTIES[2], generation=2, after=FIRST.id),
    make_rotation(PARTIES[1], PARTIES[0], generation=2, after=FIRST.id),
    make_rotation(PARTIES[1], PARTIES[3], generation=2, after=FIRST.id),
    make_rotation(PARTIES[1], PARTIES[3], generation=3, after=FIRST.id),
    make_rotation(PARTIES[2], PARTIES[3]),
    make_revocation(PARTIES[0]),
    make_revocation(PARTIES[1]),
]


@given(recorded=st.lists(st.sampled_from(STATEMENTS), max_size=8), start=st.integers(0, 3))
def test_a_line_is_never_followed_past_a_contradiction(recorded, start):
    def of_key(key):
        return [each for each in recorded if each.header.key == key]

    found = follow(PARTIES[start].key, of_key)
    assert found.keys[0] == PARTIES[start].key
    assert len(set(found.keys)) == len(found.keys)
    for old, new in zip(found.keys, found.keys[1:], strict=False):
        counting = []
        for each in of_key(old):
            if not hasattr(each.body, "new"):
                break
            counting.append(each)
        assert any(each.body.new == new for each in counting)
    if found.standing is Standing.FROZEN:
        assert len(found.conflict) > 1
    if found.standing is Standing.REVOKED:
        assert any(not hasattr(each.body, "new") for each in of_key(found.key))
    # What was recorded later never brings back a key that a conflict froze.
    longer = follow(PARTIES[start].key, lambda key: [*of_key(key), *of_key(key)])
    assert longer.keys == found.keys
