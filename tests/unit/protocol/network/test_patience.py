"""Patience: a place that many keys name is left alone as if one key named it."""

from __future__ import annotations

import pytest

from protocol import limits
from protocol.ids import NodeId
from protocol.network.patience import Patience

KEY = NodeId(b"k" * 32)
OTHER = NodeId(b"o" * 32)
PLACE = ("192.0.2.7:1", "192.0.0.0/16")
FIRST_MS = limits.dial_backoff_ms_min * 4 // 5


def test_each_dial_in_vain_doubles_the_wait_whoever_is_said_to_be_there():
    patience = Patience()
    assert patience.due_ms(KEY, *PLACE) == 0
    waits = []
    for _ in range(12):
        patience.tried(*PLACE, 1_000)
        waits.append(patience.due_ms(OTHER, *PLACE) - 1_000)
    assert waits[:4] == [FIRST_MS, 2 * FIRST_MS, 4 * FIRST_MS, 8 * FIRST_MS]
    assert waits[-1] == limits.dial_address_ms_max


def test_who_was_reached_there_waits_for_nobody():
    patience = Patience()
    patience.tried(*PLACE, 0)
    patience.reached(KEY, *PLACE)
    assert patience.due_ms(OTHER, *PLACE) == 0
    patience.tried(*PLACE, 0)
    assert patience.due_ms(KEY, *PLACE) == 0
    assert patience.due_ms(OTHER, *PLACE) == FIRST_MS
    assert patience.due_ms(KEY, "192.0.2.8:1", PLACE[1]) == 0


def test_a_group_is_left_alone_after_many_places_in_it():
    patience = Patience()
    waits = []
    for n in range(limits.dial_group_free + 6):
        patience.tried(f"192.0.3.{n}:1", PLACE[1], 0)
        waits.append(patience.due_ms(KEY, *PLACE))
    assert waits[: limits.dial_group_free] == [0] * limits.dial_group_free
    assert waits[limits.dial_group_free] == FIRST_MS
    assert waits[-1] == limits.dial_group_ms_max
    patience.reached(OTHER, "192.0.3.0:1", PLACE[1])
    assert patience.due_ms(KEY, *PLACE) == 0


def test_of_so_many_places_is_remembered(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "dial_places_max", 2)
    patience = Patience()
    for n in range(5):
        patience.tried(f"192.0.2.{n}:1", f"group {n}", 0)
        assert len(patience._places) == 2
    for n in range(5):
        patience.reached(KEY, f"192.0.2.{n}:1", f"group {n}")
    assert len(patience._reached) == 2
