"""Events: every one is heard by some machine, and none can be changed on its way."""

from __future__ import annotations

import dataclasses
from typing import get_args

from protocol.network import events


def test_every_event_reaches_the_engine():
    heard = {*get_args(events.GossipEvent), *get_args(events.LinkEvent), events.MessageReceived}
    assert set(get_args(events.EngineEvent)) == heard
    named = {
        kind
        for kind in vars(events).values()
        if dataclasses.is_dataclass(kind) and kind.__module__ == events.__name__
    }
    assert named - heard == {events.Unverified, events.NodeMemory}


def test_events_are_frozen_records():
    for kind in get_args(events.EngineEvent):
        assert kind.__dataclass_params__.frozen
