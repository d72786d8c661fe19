"""Events of all nodes in one list: in order, capped, and no node holds up the others."""

from __future__ import annotations

from typing import Any

import pytest

from node.errors import StorageError
from node.testnet import history as module
from node.testnet.history import History
from tests.unit.node.testnet.village import FakeDoor


def doors(**found: Any) -> dict[str, Any]:
    return found


def moment(second: int) -> str:
    return f"2027-02-20T12:00:{second:02}Z"


async def test_events_of_several_nodes_stand_in_the_order_of_their_moments():
    ana, bo = FakeDoor(), FakeDoor()
    ana.happens("cast.open", moment(1))
    bo.happens("offer.sent", moment(2))
    ana.happens("offer", moment(3))
    found = History()
    await found.look(doors(ana=ana, bo=bo))
    told = [(each.node, each.words) for each in found.newest]
    assert told == [
        ("ana", "received an offer"),
        ("bo", "sent an offer"),
        ("ana", "sent a request"),
    ]
    bo.happens("deal.offered", moment(4))
    await found.look(doors(ana=ana, bo=bo))
    assert (found.newest[0].what, found.count, len(found.newest)) == ("deal.offered", 4, 4)


async def test_what_is_not_of_the_market_is_left_out():
    ana = FakeDoor()
    for what in ("letter_put", "session.opened", "thread.moved", "deal.values_lost"):
        ana.happens(what)
    found = History()
    await found.look(doors(ana=ana))
    assert [each.words for each in found.newest] == ["deal: values lost"]


async def test_only_the_newest_are_kept(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "EVENTS_MAX", 3)
    ana = FakeDoor()
    for second in range(5):
        ana.happens("offer", moment(second))
    found = History()
    await found.look(doors(ana=ana))
    assert [each.at for each in found.newest] == [moment(4), moment(3), moment(2)]
    for second in range(5, 9):
        ana.happens("offer", moment(second))
    await found.look(doors(ana=ana))
    assert [each.at for each in found.newest] == [moment(8), moment(7), moment(6)]
    assert found.count == 7


async def test_a_node_that_is_stopping_is_passed_over(monkeypatch: pytest.MonkeyPatch):
    async def closed(_after: int, _timeout_s: float) -> int:
        raise StorageError("closed", code="E-DB-CLOSED")

    ana, bo = FakeDoor(), FakeDoor()
    bo.happens("offer.sent", moment(2))
    found = History()
    monkeypatch.setattr(ana, "wait_changed", closed)
    await found.look(doors(ana=ana, bo=bo))
    assert [each.node for each in found.newest] == ["bo"]


async def test_a_node_that_is_gone_is_read_on_when_it_is_back():
    ana, bo = FakeDoor(), FakeDoor()
    found = History()
    ana.is_gone = True
    ana.happens("cast.open", moment(1))
    bo.happens("offer.sent", moment(2))
    await found.look(doors(ana=ana, bo=bo))
    assert [each.node for each in found.newest] == ["bo"]
    ana.is_gone = False
    await found.look(doors(ana=ana, bo=bo))
    assert [each.node for each in found.newest] == ["bo", "ana"]
