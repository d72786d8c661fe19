"""What a started node is made of is looked through no more."""

from __future__ import annotations

import gc

from node import collector


def test_what_is_there_is_looked_through_no_more():
    before = gc.get_threshold()
    assert gc.get_freeze_count() == 0
    try:
        collector.settle()
        assert gc.get_freeze_count() > 10_000
        assert gc.get_threshold()[0] > before[0]
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
