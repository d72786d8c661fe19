"""Two live copies: what is a sign of another, and which copy stops."""

from __future__ import annotations

import pytest

from protocol import limits
from protocol.market.copies import Copy, Sign, Twinship, counts, judge

BEGAN_MS = 1_800_000_000_000
LATER_MS = BEGAN_MS + limits.skew_ms_max + 1
OWN = Copy(instance=b"a" * 16, created_ms=BEGAN_MS)
OTHER = b"b" * 16


def sign(at: int = LATER_MS, **facts) -> Sign:
    return Sign(at=at, **facts)


def test_without_a_sign_this_copy_is_alone():
    assert judge(OWN, []) is Twinship.ALONE


@pytest.mark.parametrize("at", [0, BEGAN_MS, BEGAN_MS + limits.skew_ms_max])
def test_what_the_life_before_a_restore_signed_is_no_sign(at: int):
    assert not counts(OWN, sign(at))
    assert judge(OWN, [sign(at)]) is Twinship.ALONE


def test_an_object_of_ours_that_we_never_wrote_stops_us():
    assert judge(OWN, [sign()]) is Twinship.OLDER


@pytest.mark.parametrize(
    ("since_ms", "word"),
    [
        (BEGAN_MS - 1, Twinship.NEWEST),
        (BEGAN_MS, Twinship.OLDER),
        (BEGAN_MS + 1, Twinship.OLDER),
    ],
)
def test_the_newest_goes_on_and_equals_both_stop(since_ms: int, word: Twinship):
    assert judge(OWN, [sign(instance=OTHER, since_ms=since_ms)]) is word


def test_a_copy_that_was_never_restored_believes_any_note_of_another():
    """Nothing signed before it can be of a life before this one."""
    first = Copy(instance=OWN.instance, created_ms=BEGAN_MS, is_first=True)
    soon = sign(BEGAN_MS + 1, instance=OTHER, since_ms=BEGAN_MS + 1)
    assert judge(first, [soon]) is Twinship.OLDER
    assert judge(OWN, [soon]) is Twinship.ALONE
    # Its own lost rows, or an object that names nobody, prove no more than before.
    assert not counts(first, sign(BEGAN_MS + 1))
    chosen = Copy(instance=OWN.instance, created_ms=BEGAN_MS, chosen_ms=BEGAN_MS + 2, is_first=True)
    assert judge(chosen, [soon]) is Twinship.ALONE


def test_an_answer_to_our_own_note_counts_however_soon_it_comes():
    answer = sign(BEGAN_MS, instance=OTHER, since_ms=BEGAN_MS - 1, answers=True)
    assert judge(OWN, [answer]) is Twinship.NEWEST


def test_our_own_name_in_a_note_is_no_other_copy():
    assert judge(OWN, [sign(instance=OWN.instance, since_ms=BEGAN_MS)]) is Twinship.ALONE


def test_a_nameless_sign_beside_a_named_one_is_taken_for_its_work():
    named = sign(instance=OTHER, since_ms=BEGAN_MS - 1)
    assert judge(OWN, [sign(), named]) is Twinship.NEWEST


def test_the_newest_of_several_named_copies_decides():
    older = sign(instance=OTHER, since_ms=BEGAN_MS - 1)
    newer = sign(instance=b"c" * 16, since_ms=BEGAN_MS + 1)
    assert judge(OWN, [older, newer]) is Twinship.OLDER


def test_the_owners_choice_answers_every_sign_up_to_it_and_none_after():
    chosen = Copy(instance=OWN.instance, created_ms=BEGAN_MS, chosen_ms=LATER_MS)
    assert judge(chosen, [sign(LATER_MS)]) is Twinship.ALONE
    assert judge(chosen, [sign(LATER_MS + limits.skew_ms_max + 1)]) is Twinship.OLDER
