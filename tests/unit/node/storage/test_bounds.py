"""Caps are whole numbers above zero, and those that lean on each other agree."""

from __future__ import annotations

from node.storage import bounds
from protocol import limits


def test_every_cap_is_a_number_above_zero():
    values = {name: value for name, value in vars(bounds).items() if name[0].islower()}
    numbers = {name: value for name, value in values.items() if isinstance(value, int)}
    assert len(numbers) > 15
    assert all(value > 0 for value in numbers.values())


def test_caps_that_lean_on_each_other_agree():
    assert bounds.group_changes_max < bounds.changes_waiting_max
    assert bounds.receipts_per_box_max >= limits.box_letters_max
    assert bounds.threads_max >= limits.offers_per_cast_max
