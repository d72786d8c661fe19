"""What is of no use is read within a bound; what is of use costs nothing."""

from __future__ import annotations

import pytest

from node.post import allowance as module
from node.post.allowance import USELESS_BYTES_MAX, Allowance
from protocol.ids import LetterHash

AGAIN_MS = 80_000


def letter(number: int) -> LetterHash:
    return LetterHash(number.to_bytes(32, "big"))


def test_junk_is_read_within_the_bound_and_again_and_again():
    spent = Allowance()
    spent.note(letter(1), USELESS_BYTES_MAX, is_junk=True, now_ms=0)
    assert spent.rest_ms(0) == 0
    spent.note(letter(2), USELESS_BYTES_MAX // 2, is_junk=True, now_ms=0)
    assert spent.rest_ms(0) == AGAIN_MS // 2 + 1
    assert spent.rest_ms(AGAIN_MS // 4) == AGAIN_MS // 4 + 1
    assert spent.rest_ms(AGAIN_MS // 2 + 1) == 0
    spent.note(letter(3), 2 * USELESS_BYTES_MAX, is_junk=True, now_ms=9 * AGAIN_MS)
    assert spent.rest_ms(9 * AGAIN_MS) == AGAIN_MS + 1


def test_a_letter_of_use_costs_nothing_until_it_is_shown_again():
    spent = Allowance()
    spent.note(letter(1), 2 * USELESS_BYTES_MAX, is_junk=False, now_ms=0)
    assert spent.rest_ms(0) == 0
    spent.note(letter(1), 2 * USELESS_BYTES_MAX, is_junk=False, now_ms=0)
    assert spent.rest_ms(0) == AGAIN_MS + 1


def test_letters_of_a_busy_box_are_not_shown_in_turn_for_nothing():
    spent = Allowance()
    for number in range(3_000):
        spent.note(letter(number % 1_000), 1_000, is_junk=False, now_ms=0)
    assert spent.rest_ms(0) > AGAIN_MS


def test_what_was_shown_is_remembered_within_a_bound(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "_SHOWN_MAX", 2)
    spent = Allowance()
    for number in (1, 2, 1, 3):
        spent.note(letter(number), 1, is_junk=False, now_ms=0)
    assert list(spent._shown) == [letter(1), letter(3)]
