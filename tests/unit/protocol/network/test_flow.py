"""The three levels, as they travel."""

from __future__ import annotations

from protocol.network.flow import Flow


def test_more_is_a_higher_number():
    assert [Flow(number) for number in range(3)] == [Flow.QUIET, Flow.IDS, Flow.PUSH]
