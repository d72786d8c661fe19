"""Buyer and vendors on a bad day: whatever the wire and the clocks do, one line has one agreement.

The wire keeps, delays and repeats letters as mailboxes do: a letter lies at its sender, then in a
mailbox, then it is read; it may be read again at any time; a letter waits for those its sender
wrote before it in the same deal. Clocks of buyer and vendors differ by up to two minutes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from protocol import limits
from protocol.errors import Reason
from protocol.market.deal import (
    FAILED,
    LIVE,
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
    ReleaseLine,
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
from protocol.now import DAY_MS, HOUR_MS, MINUTE_MS, Now

S = DealState
BUYER, VENDOR = Role.BUYER, Role.VENDOR
SKEW_MS = 2 * MINUTE_MS


@dataclass
class Letter:
    """One signed object on its way."""

    by: Role
    what: str
    at: int
    """By its signer's clock."""
    id: bytes
    reason: str = ""
    put: bool = False
    read: bool = False


@dataclass
class Bargain:
    """One acceptance, as both sides and the wire see it."""

    number: int
    accepted_at: int
    skew_ms: int
    buyer: Deal
    vendor: Deal | None = None
    letters: list[Letter] = field(default_factory=list)
    disclosed: bool = False

    @property
    def confirmed_was_read(self) -> bool:
        return any(each.what == "confirmed" and each.read for each in self.letters)


class Bargaining(RuleBasedStateMachine):
    """One line, one buyer, any number of vendors."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ms = 1_000 * DAY_MS
        self.bargains: list[Bargain] = []
        self.line_is_free = True
        self.boxes_read_ms: int | None = None
        self.ids = 0

    # --- what people and clocks do -------------------------------------------------------------

    @precondition(lambda self: self.line_is_free and len(self.bargains) < 4)
    @rule(
        within=st.sampled_from([MINUTE_MS, 15 * MINUTE_MS, DAY_MS]),
        skew_ms=st.integers(-SKEW_MS, SKEW_MS),
    )
    def accept(self, within: int, skew_ms: int) -> None:
        deal = Deal(role=BUYER, state=S.ACCEPT_SENT, confirm_by=self.now_ms + within)
        found = Bargain(len(self.bargains), self.now_ms, skew_ms, deal)
        self.bargains.append(found)
        self.line_is_free = False
        self.write(found, BUYER, "acceptance")

    @rule(
        ms=st.sampled_from(
            [1, MINUTE_MS, 2 * MINUTE_MS, 17 * MINUTE_MS, HOUR_MS, DAY_MS, NO_ACK_MS]
        )
    )
    def time_passes(self, ms: int) -> None:
        self.now_ms += ms

    @precondition(lambda self: self.bargains)
    @rule(pick=st.integers(0, 3), yes=st.booleans())
    def vendor_decides(self, pick: int, *, yes: bool) -> None:
        bargain = self.bargains[pick % len(self.bargains)]
        if bargain.vendor is not None:
            self.vendor_step(bargain, Confirm() if yes else Refuse(reason=Reason.OUT_OF_STOCK))

    @precondition(lambda self: self.bargains)
    @rule(pick=st.integers(0, 3))
    def vendor_loses_patience(self, pick: int) -> None:
        bargain = self.bargains[pick % len(self.bargains)]
        if bargain.vendor is not None and bargain.vendor.state is S.CONFIRMED:
            self.vendor_step(bargain, AckOverdue())

    @rule()
    def buyer_reads_all_its_boxes(self) -> None:
        for bargain in self.bargains:
            for letter in bargain.letters:
                if letter.by is VENDOR and letter.put and not letter.read:
                    self.read(bargain, letter)
        self.boxes_read_ms = self.now_ms

    @rule()
    def buyers_timer_rings(self) -> None:
        for bargain in self.bargains:
            self.buyer_step(bargain, VoidDue(boxes_read_since_ms=self.boxes_read_ms))

    # --- what the wire does --------------------------------------------------------------------

    def waiting(self) -> list[tuple[Bargain, Letter]]:
        return [(b, letter) for b in self.bargains for letter in b.letters if not letter.read]

    @precondition(lambda self: self.waiting())
    @rule(pick=st.integers(0, 63))
    def a_letter_is_put(self, pick: int) -> None:
        found = self.waiting()
        found[pick % len(found)][1].put = True

    @precondition(lambda self: self.waiting())
    @rule(pick=st.integers(0, 63))
    def a_letter_is_read(self, pick: int) -> None:
        found = self.waiting()
        bargain, letter = found[pick % len(found)]
        if letter.put:
            self.read(bargain, letter)

    @precondition(lambda self: any(each.read for b in self.bargains for each in b.letters))
    @rule(pick=st.integers(0, 63))
    def a_letter_comes_again(self, pick: int) -> None:
        old = [(b, letter) for b in self.bargains for letter in b.letters if letter.read]
        bargain, letter = old[pick % len(old)]
        before = (bargain.buyer, bargain.vendor, len(bargain.letters), self.line_is_free)
        self.take(bargain, letter, again=True)
        assert before == (bargain.buyer, bargain.vendor, len(bargain.letters), self.line_is_free)

    def write(self, bargain: Bargain, by: Role, what: str, reason: str = "") -> None:
        self.ids += 1
        skew_ms = bargain.skew_ms if by is VENDOR else 0
        name = self.ids.to_bytes(32, "big")
        bargain.letters.append(Letter(by, what, self.now_ms + skew_ms, name, reason))

    def read(self, bargain: Bargain, letter: Letter) -> None:
        """Take a letter, unless it is parked behind one its sender wrote before."""
        for earlier in bargain.letters[: bargain.letters.index(letter)]:
            if earlier.by is letter.by and not earlier.read:
                return
        letter.read = True
        self.take(bargain, letter)

    def take(self, bargain: Bargain, letter: Letter, *, again: bool = False) -> None:
        match letter.what:
            case "acceptance":
                if not again:
                    bargain.vendor = Deal(
                        role=VENDOR, state=S.OFFERED, confirm_by=bargain.buyer.confirm_by
                    )
            case "confirmed":
                self.buyer_step(bargain, ConfirmedReceived(id=letter.id))
            case "refused":
                self.buyer_step(bargain, RefusedReceived(reason=letter.reason))
            case "cancelled":
                waited_ms = letter.at - bargain.accepted_at
                self.buyer_step(bargain, CancelReceived(waited_ms=waited_ms))
            case "agreed":
                self.vendor_step(bargain, AgreedReceived())
            case _:
                self.vendor_step(bargain, VoidReceived(at=letter.at))

    # --- the two machines ----------------------------------------------------------------------

    def buyer_step(self, bargain: Bargain, event: DealEvent) -> None:
        now = Now(wall_ms=self.now_ms, mono_ms=self.now_ms)
        outcome = step(bargain.buyer, event, now)
        if outcome.refusal is not None:
            assert outcome.deal == bargain.buyer
            assert outcome.actions == ()
            return
        before, bargain.buyer = bargain.buyer, outcome.deal
        for action in outcome.actions:
            match action:
                case SignAgreed():
                    assert bargain.confirmed_was_read
                    assert not bargain.disclosed
                    bargain.disclosed = True
                    self.write(bargain, BUYER, "agreed")
                case SignVoid():
                    if before.state is S.ACCEPT_SENT:
                        assert self.now_ms > before.confirm_by + limits.void_grace_ms
                        assert self.boxes_read_ms is not None
                        assert self.boxes_read_ms > before.confirm_by + limits.void_grace_ms
                    if not any(letter.what == "void" for letter in bargain.letters):
                        self.write(bargain, BUYER, "void")
                case ReleaseLine():
                    assert not self.line_is_free
                    self.line_is_free = True
                case _:
                    raise AssertionError(f"a buyer does not {action}")

    def vendor_step(self, bargain: Bargain, event: DealEvent) -> None:
        assert bargain.vendor is not None
        wall_ms = self.now_ms + bargain.skew_ms
        outcome = step(bargain.vendor, event, Now(wall_ms=wall_ms, mono_ms=self.now_ms))
        if outcome.refusal is not None:
            assert outcome.deal == bargain.vendor
            return
        bargain.vendor = outcome.deal
        for action in outcome.actions:
            match action:
                case SignConfirmed():
                    assert wall_ms <= bargain.vendor.confirm_by
                    self.write(bargain, VENDOR, "confirmed")
                case SignRefused():
                    self.write(bargain, VENDOR, "refused", action.reason.value)
                case SignCancelled():
                    self.write(bargain, VENDOR, "cancelled", "no_ack")
                case ReleaseLine():
                    assert bargain.vendor.state in FAILED
                case _:
                    raise AssertionError(f"a vendor does not {action}")

    # --- what always holds ---------------------------------------------------------------------

    @invariant()
    def one_line_has_one_agreement(self) -> None:
        agreed = [b for b in self.bargains if S.AGREED in states_of(b)]
        assert len(agreed) <= 1
        assert len([b for b in self.bargains if b.buyer.state in LIVE]) <= 1

    @invariant()
    def a_vendor_agrees_only_with_a_buyer_that_agreed(self) -> None:
        for bargain in self.bargains:
            if bargain.vendor is not None and bargain.vendor.state is S.AGREED:
                assert bargain.buyer.state is S.AGREED
                assert bargain.disclosed

    @invariant()
    def what_is_disclosed_was_confirmed(self) -> None:
        for bargain in self.bargains:
            assert bargain.confirmed_was_read or not bargain.disclosed

    @invariant()
    def the_line_is_free_when_no_deal_holds_it(self) -> None:
        assert self.line_is_free == all(b.buyer.state in FAILED for b in self.bargains)

    def teardown(self) -> None:
        """Let everything arrive and every timer ring: both sides come to one end."""
        for _ in range(12):
            for _, letter in self.waiting():
                letter.put = True
            for bargain, letter in self.waiting():
                self.read(bargain, letter)
            for bargain in self.bargains:
                if bargain.vendor is not None and bargain.vendor.state is S.OFFERED:
                    self.vendor_step(bargain, Confirm())
            self.buyer_reads_all_its_boxes()
            self.buyers_timer_rings()
            self.one_line_has_one_agreement()
            self.a_vendor_agrees_only_with_a_buyer_that_agreed()
            self.now_ms += HOUR_MS * 30
        assert self.waiting() == []
        for bargain in self.bargains:
            ours, theirs = states_of(bargain)
            assert theirs is ours
            assert ours in FAILED | {S.AGREED}


def states_of(bargain: Bargain) -> tuple[DealState, DealState]:
    """Both ends; an acceptance nobody has read counts as offered."""
    return bargain.buyer.state, bargain.vendor.state if bargain.vendor else S.OFFERED


TestBargaining = Bargaining.TestCase
TestBargaining.settings = settings(stateful_step_count=60, deadline=None)


def test_the_model_reaches_an_agreement_a_void_and_a_cancellation():
    """The machine above would prove nothing if its rules never led anywhere."""
    ends = set()
    for plan in ("agree", "void", "decline", "cancel"):
        play = Bargaining()
        play.accept(within=15 * MINUTE_MS, skew_ms=0)
        bargain = play.bargains[0]
        if plan != "void":
            bargain.letters[0].put = True
            play.read(bargain, bargain.letters[0])
            play.vendor_decides(0, yes=plan != "decline")
        if plan == "void":
            play.now_ms += HOUR_MS
        else:
            bargain.letters[1].put = True
        play.buyer_reads_all_its_boxes()
        play.buyers_timer_rings()
        if plan == "cancel":
            play.now_ms += NO_ACK_MS + 1
            play.vendor_loses_patience(0)
        play.teardown()
        ends.add(states_of(bargain))
    assert ends == {(end, end) for end in (S.AGREED, S.VOIDED, S.DECLINED, S.CANCELLED)}
