"""A yes that waits, and may be taken back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from node.entropy import SeededEntropy
from node.errors import NotFoundError, RefusedError
from node.runtime.holds import HOLDS_MAX, Holds
from node.runtime.tasks import Tasks
from node.runtime.visitors import Scope, Visitor, VisitorKind

ANA = Visitor(id="token-1", name="ana", kind=VisitorKind.TOKEN, scopes=frozenset({Scope.ACCEPT}))
BO = replace(ANA, id="session-1", kind=VisitorKind.SESSION)


@pytest.fixture
async def tasks() -> AsyncIterator[Tasks]:
    found = Tasks()
    yield found
    await found.close()


@pytest.fixture
def gone() -> set[str]:
    return set()


@pytest.fixture
def holds(tasks: Tasks, gone: set[str]) -> Holds:
    return Holds(tasks, SeededEntropy("holds", net="test"), lambda each: each.id not in gone)


def terms(offer: str) -> dict:
    return {"offer": offer, "vendor": "vendor_1", "total_text": "1.00 EUR", "discloses": []}


class Act:
    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.count = 0

    async def __call__(self):
        self.count += 1
        if self.error:
            raise self.error
        return {"deal": {"handle": "deal-1"}}


async def ended(holds: Holds, name: str) -> dict:
    async with asyncio.timeout(5):
        while (found := holds.look(name))["state"] in {"held", "signing"}:
            await asyncio.sleep(0.005)
    return found


async def test_when_its_time_is_over_it_is_signed_once(holds: Holds):
    act = Act()
    begun = holds.begin(terms("offer-1"), {}, 0.01, act, ANA)
    assert (begun["state"], act.count) == ("held", 0)
    assert 0 <= begun["left_ms"] <= 10
    done = await ended(holds, begun["id"])
    assert (done["state"], done["deal"], done["left_ms"], act.count) == ("done", "deal-1", 0, 1)
    with pytest.raises(RefusedError) as caught:
        holds.undo(begun["id"])
    assert caught.value.code == "E-HOLD-OVER"


async def test_what_is_undone_is_never_signed(holds: Holds):
    act = Act()
    begun = holds.begin(terms("offer-1"), {}, 0.02, act, ANA)
    assert holds.undo(begun["id"])["state"] == "undone"
    assert holds.undo(begun["id"])["state"] == "undone"
    await asyncio.sleep(0.04)
    assert (holds.look(begun["id"])["state"], act.count) == ("undone", 0)
    assert holds.begin(terms("offer-1"), {}, 0.01, act, ANA)["state"] == "held"


async def test_whoever_is_no_longer_let_in_signs_nothing(holds: Holds, gone: set[str]):
    act = Act()
    begun = holds.begin(terms("offer-1"), {}, 0.02, act, ANA)
    gone.add(ANA.id)
    assert (await ended(holds, begun["id"]))["state"] == "undone"
    assert act.count == 0
    # Another who said the same yes, and is let in still, gets what they asked for.
    begun = holds.begin(terms("offer-2"), {}, 0.02, act, ANA)
    assert holds.begin(terms("offer-2"), {}, 0.02, act, BO)["id"] == begun["id"]
    assert (await ended(holds, begun["id"]))["state"] == "done"
    assert act.count == 1


async def test_what_is_refused_says_why(holds: Holds):
    begun = holds.begin(
        terms("offer-1"),
        {},
        0,
        Act(RefusedError("it ended", code="E-X", fix="Choose")),
        ANA,
    )
    found = await ended(holds, begun["id"])
    assert found["state"] == "refused"
    assert found["problem"] == {"code": "E-X", "sentence": "it ended", "fix": "Choose"}
    assert holds.undo(begun["id"])["state"] == "refused"


@pytest.mark.filterwarnings("ignore")
async def test_a_bug_is_said_as_not_known(holds: Holds, caplog: pytest.LogCaptureFixture):
    begun = holds.begin(terms("offer-1"), {}, 0, Act(ZeroDivisionError()), ANA)
    found = await ended(holds, begun["id"])
    assert (found["state"], found["problem"]["code"]) == ("refused", "E-INTERNAL")


async def test_a_node_that_stops_has_signed_nothing(holds: Holds, tasks: Tasks):
    act = Act()
    holds.begin(terms("offer-1"), {}, 10, act, ANA)
    await tasks.close()
    assert act.count == 0


async def test_one_at_a_time_for_an_offer_and_few_in_all(holds: Holds):
    act = Act()
    begun = holds.begin(terms("offer-0"), {"options": []}, 10, act, ANA)
    again = holds.begin(terms("offer-0"), {"options": []}, 10, act, ANA)
    assert again["id"] == begun["id"]
    with pytest.raises(RefusedError) as caught:
        holds.begin(terms("offer-0"), {"options": [1]}, 10, act, ANA)
    assert caught.value.code == "E-HOLD"
    for number in range(1, HOLDS_MAX):
        holds.begin(terms(f"offer-{number}"), {}, 10, act, ANA)
    with pytest.raises(RefusedError):
        holds.begin(terms("offer-more"), {}, 10, act, ANA)


async def test_ended_ones_make_room(holds: Holds):
    act = Act()
    first = holds.begin(terms("offer-0"), {}, 10, act, ANA)["id"]
    holds.undo(first)
    for number in range(HOLDS_MAX - 1):
        holds.begin(terms(f"offer-{number}"), {}, 10, act, ANA)
    holds.begin(terms("offer-last"), {}, 10, act, ANA)
    with pytest.raises(NotFoundError) as caught:
        holds.look(first)
    assert caught.value.code == "E-HOLD-UNKNOWN"
