"""Where a key leads: followed, frozen, revoked, and what is not followed."""

from __future__ import annotations

import itertools

from protocol import limits
from protocol.market.lineage import Standing, follow, is_revoked
from tests.parties import Party
from tests.successions import later, make_revocation, make_rotation

FIRST, SECOND, THIRD, THIEF = (Party(name) for name in ("one", "two", "three", "thief"))


def recorded(*statements):
    """Everything one node has recorded, in order."""
    return lambda key: [each for each in statements if each.header.key == key]


def chain(*parties):
    """Rotations from each party to the next."""
    found, after = [], None
    for number, (old, new) in enumerate(itertools.pairwise(parties), 1):
        found.append(make_rotation(old, new, generation=number, after=after))
        after = found[-1].id
    return found


def test_a_key_nobody_speaks_of_is_itself():
    found = follow(FIRST.key, recorded())
    assert (found.key, found.standing, found.generation) == (FIRST.key, Standing.CURRENT, None)


def test_a_chain_is_followed_to_its_end():
    found = follow(FIRST.key, recorded(*chain(FIRST, SECOND, THIRD)), generation=0)
    assert found.keys == (FIRST.key, SECOND.key, THIRD.key)
    assert (found.generation, found.standing) == (2, Standing.CURRENT)


def test_whoever_meets_an_identity_later_follows_it_from_there():
    found = follow(SECOND.key, recorded(*chain(FIRST, SECOND, THIRD)))
    assert found.keys == (SECOND.key, THIRD.key)
    assert found.generation == 2


def test_two_successors_freeze_whichever_came_first():
    real, other = make_rotation(FIRST, SECOND), make_rotation(FIRST, THIEF)
    for order in ((real, other), (other, real)):
        found = follow(FIRST.key, recorded(*order))
        assert (found.key, found.standing) == (FIRST.key, Standing.FROZEN)
        assert set(found.conflict) == {real.id, other.id}


def test_a_conflict_further_on_freezes_there():
    first, second = chain(FIRST, SECOND, THIRD)
    other = make_rotation(SECOND, THIEF, generation=2, after=first.id)
    found = follow(FIRST.key, recorded(first, second, other))
    assert (found.key, found.standing) == (SECOND.key, Standing.FROZEN)


def test_the_same_said_twice_is_no_conflict():
    said = make_rotation(FIRST, SECOND)
    again = make_rotation(FIRST, SECOND, header={"at": said.header.at + 60_000})
    found = follow(FIRST.key, recorded(said, again))
    assert (found.key, found.standing) == (SECOND.key, Standing.CURRENT)


def test_a_number_left_out_is_not_followed():
    first = make_rotation(FIRST, SECOND)
    jump = make_rotation(SECOND, THIRD, generation=3, after=first.id)
    assert follow(FIRST.key, recorded(first, jump)).key == SECOND.key
    jump = make_rotation(FIRST, THIRD, generation=2, after=bytes(32))
    assert follow(FIRST.key, recorded(jump), generation=0).key == FIRST.key


def test_a_statement_that_hangs_on_another_chain_is_not_followed():
    first = make_rotation(FIRST, SECOND)
    loose = make_rotation(SECOND, THIRD, generation=2, after=bytes(32))
    assert follow(FIRST.key, recorded(first, loose)).key == SECOND.key


def test_a_circle_ends_before_it_closes():
    first = make_rotation(FIRST, SECOND)
    back = make_rotation(SECOND, FIRST, generation=2, after=first.id)
    assert follow(FIRST.key, recorded(first, back)).keys == (FIRST.key, SECOND.key)


def test_a_line_is_followed_so_far_and_no_further():
    parties = [Party(f"key {number}") for number in range(limits.lineage_max + 3)]
    found = follow(parties[0].key, recorded(*chain(*parties)))
    assert len(found.keys) == limits.lineage_max + 1


def test_what_is_said_after_a_revocation_does_not_count():
    revocation, rotation = make_revocation(FIRST), make_rotation(FIRST, THIEF)
    found = follow(FIRST.key, recorded(revocation, rotation))
    assert (found.key, found.standing) == (FIRST.key, Standing.REVOKED)


def test_what_was_said_before_it_stays():
    rotation, revocation = make_rotation(FIRST, SECOND), make_revocation(FIRST)
    found = follow(FIRST.key, recorded(rotation, revocation))
    assert (found.key, found.standing) == (SECOND.key, Standing.CURRENT)


def test_a_thief_who_rotates_after_the_revocation_makes_no_conflict():
    rotation, revocation = make_rotation(FIRST, SECOND), make_revocation(FIRST)
    found = follow(FIRST.key, recorded(rotation, revocation, make_rotation(FIRST, THIEF)))
    assert (found.key, found.standing) == (SECOND.key, Standing.CURRENT)


def test_a_successor_that_is_revoked_ends_the_line():
    rotation = make_rotation(FIRST, SECOND)
    found = follow(FIRST.key, recorded(rotation, make_revocation(SECOND)))
    assert (found.key, found.standing) == (SECOND.key, Standing.REVOKED)


def test_a_key_is_revoked_by_one_word_of_its_own():
    assert not is_revoked([make_rotation(FIRST, SECOND)])
    assert is_revoked([make_rotation(FIRST, SECOND), later(make_revocation(FIRST), 1, FIRST)])
