"""An honest buyer and an honest vendor beside a client with a changed program.

3,000 steps here; 100,000 with `INTENTCAST_LONG=1` or `scripts/fuzz market`. The run must reach
every end of a deal, or it proves nothing; and the judge must find faults that are planted.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

import node.market.deals
import node.market.seller
from node.errors import StorageError
from node.market.desk import Desk
from protocol.market import deal as machine
from protocol.market.deal import DealState, DealStep, SignAgreed
from protocol.objects.acceptance import Acceptance
from protocol.objects.event import Confirmed
from tests.simulation.day import DayFailedError, Tally, live, missing, watch_machine
from tests.simulation.judge import BrokenPromiseError
from tests.simulation.run import STEPS_A_DAY, days

IS_LONG = os.environ.get("INTENTCAST_LONG") == "1"
STEPS = 100_000 if IS_LONG else 3_000
ENDS = [
    *(("deal of a buyer", end) for end in ("agreed", "declined", "voided", "cancelled")),
    *(("deal of a vendor", end) for end in ("confirmed", "agreed", "declined", "voided")),
]


@pytest.mark.timeout(7_200 if IS_LONG else 180)
async def test_no_client_breaks_the_promises_of_the_market():
    tally = Tally()
    end = watch_machine(tally)
    try:
        await days(1, STEPS, tally)
    finally:
        end()
    assert tally.steps == STEPS
    assert tally.disclosed
    reached = {(what, after) for what, _, after in tally.hits}
    assert set(ENDS) <= reached, sorted(set(ENDS) - reached)
    if IS_LONG:
        assert not missing(tally)
        assert ("deal of a vendor", "cancelled") in reached


async def test_one_seed_gives_one_day():
    tallies = []
    for _ in range(2):
        tally = Tally()
        await live(7, 120, tally)
        tallies.append((tally.hits, tally.outcomes))
    assert tallies[0] == tallies[1]


# --- planted faults ------------------------------------------------------------------------------


def confirmations_are_not_checked(patch: pytest.MonkeyPatch) -> None:
    """A `confirmed` counts whatever it countersigns."""
    patch.setattr(Confirmed, "check_acceptance", lambda *_: None)


def a_confirmation_after_the_void_is_honoured(patch: pytest.MonkeyPatch) -> None:
    """The buyer agrees to a deal it has voided."""
    plain = machine.step

    def step(deal: Any, event: Any, now: Any) -> DealStep:
        if isinstance(event, machine.ConfirmedReceived) and deal.state is DealState.VOIDED:
            agreed = replace(deal, state=DealState.AGREED, confirmed_id=event.id)
            return DealStep(deal=agreed, actions=(SignAgreed(confirmed_id=event.id),))
        return plain(deal, event, now)

    patch.setattr(node.market.deals, "step", step)


def a_vendor_may_leave_an_agreement_at_once(patch: pytest.MonkeyPatch) -> None:
    """`cancelled` counts whenever it was signed."""
    patch.setattr(machine, "_cancel_received", lambda deal, _: _leave(deal))


def _leave(deal: Any) -> DealStep:
    return machine._moved(deal, machine.DealEventName.CANCEL_RECEIVED)


def any_fields_are_the_accepted_ones(patch: pytest.MonkeyPatch) -> None:
    """The vendor takes an `agreed` of whatever it names."""
    patch.setattr(node.market.seller, "_opened_values", lambda *_: {})


def values_leave_with_every_letter(patch: pytest.MonkeyPatch) -> None:
    """The acceptance already tells what it promises to tell."""
    plain = Desk.send

    def send(
        self: Any, conn: Any, thread: Any, kind: Any, body: Any, way: Any, **facts: Any
    ) -> Any:
        if type(body).__name__ == "Acceptance":
            frame = {"name": (bytes(range(1, 17)), "early")}
            facts = {**facts, "opened": frame}
        return plain(self, conn, thread, kind, body, way, **facts)

    patch.setattr(Desk, "send", send)


def an_acceptance_need_not_fit_the_offer(patch: pytest.MonkeyPatch) -> None:
    """The vendor takes any total for any lines."""
    patch.setattr(Acceptance, "check_offer", lambda *_: None)


FAULTS: dict[Callable[[pytest.MonkeyPatch], None], int] = {
    confirmations_are_not_checked: 22,
    a_confirmation_after_the_void_is_honoured: 7,
    a_vendor_may_leave_an_agreement_at_once: 4,
    any_fields_are_the_accepted_ones: 10,
    values_leave_with_every_letter: 3,
    an_acceptance_need_not_fit_the_offer: 5,
}
"""Each with the day to begin with: one on which it was found soon."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("plant", FAULTS, ids=lambda plant: plant.__name__)
async def test_the_judge_finds_what_is_planted(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
):
    plant(monkeypatch)
    with pytest.raises(DayFailedError) as caught:
        await days(FAULTS[plant], 40 * STEPS_A_DAY, Tally())
    # A unique index of the database is a judge of its own, and may be the first to speak.
    assert isinstance(caught.value.__cause__, BrokenPromiseError | StorageError)
