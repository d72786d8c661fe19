"""Actions: whatever a machine wants done, the engine's actions name it, blame aside."""

from __future__ import annotations

import dataclasses
from typing import get_args

from protocol.network import actions


def test_the_engine_passes_on_everything_but_blame():
    asked = {*get_args(actions.GossipAction), *get_args(actions.LinkAction)}
    assert asked - set(get_args(actions.EngineAction)) == {
        actions.BlamePeer,
        actions.TellNothingServed,
    }
    assert set(get_args(actions.EngineAction)) <= asked


def test_actions_are_frozen_records():
    for kind in get_args(actions.EngineAction):
        assert dataclasses.is_dataclass(kind)
        assert getattr(kind, "__dataclass_params__").frozen  # noqa: B009 - no stub names it
