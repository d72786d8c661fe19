"""Admission: what is asked before a signature, and what each refusal means."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from protocol import limits
from protocol.errors import ObjectError, Reason
from protocol.network.admission import (
    PUBLIC_KINDS,
    Memory,
    check_admissible,
    memory_of,
    points_of,
)
from protocol.objects.envelope import Candidate, read_candidate
from protocol.objects.header import Kind
from tests.parties import NET, NOW_MS, make_cast, make_offer, make_profile
from tests.unit.protocol.network.driver import NOW, make_revoke


def candidate_of(raw: bytes) -> Candidate:
    return read_candidate(raw, peer=None, bytes_max=limits.sealed_bytes_max)


def refusal(candidate: Candidate, **facts: Any) -> Reason:
    asked: dict[str, Any] = {"net": NET, "wall_ms": NOW.wall_ms, "kinds": PUBLIC_KINDS}
    with pytest.raises(ObjectError) as caught:
        check_admissible(candidate, **{**asked, **facts})
    return caught.value.reason


def test_public_kinds_are_admitted():
    cast = make_cast()
    for verified in (cast, make_profile(), make_revoke(cast)):
        header = check_admissible(
            candidate_of(verified.raw), net=NET, wall_ms=NOW.wall_ms, kinds=PUBLIC_KINDS
        )
        assert header == verified.header


def test_what_is_not_for_us_is_told_apart():
    cast = candidate_of(make_cast().raw)
    assert refusal(cast, net="other") is Reason.WRONG_NETWORK
    assert refusal(cast, kinds=frozenset({Kind.PROFILE})) is Reason.POLICY
    assert refusal(cast, wall_ms=NOW_MS - limits.skew_ms_max - 1) is Reason.NOT_YET
    assert refusal(cast, wall_ms=make_cast().header.exp) is Reason.EXPIRED


def test_a_sealed_object_does_not_belong_here():
    offer = make_offer(make_cast(), make_profile())
    assert refusal(candidate_of(offer.raw)) is Reason.UNEXPECTED


def test_work_is_asked_for():
    unpaid = msgspec.structs.replace(candidate_of(make_cast().raw), pow=None)
    assert refusal(unpaid) is Reason.BAD_WORK


@pytest.mark.parametrize(
    ("reason", "memory", "points"),
    [
        (Reason.BAD_SIGNATURE, Memory.REJECTED, 10),
        (Reason.BAD_SHAPE, Memory.REJECTED, 20),
        (Reason.UNEXPECTED, Memory.REJECTED, 20),
        (Reason.BAD_WORK, Memory.NOTHING, 20),
        (Reason.EXPIRED, Memory.NOTHING, 0),
        (Reason.NOT_YET, Memory.NOTHING, 0),
        (Reason.WRONG_NETWORK, Memory.DECLINED, 0),
        (Reason.UNKNOWN_KIND, Memory.DECLINED, 0),
        (Reason.QUOTA, Memory.DECLINED, 0),
        (Reason.DUPLICATE, Memory.DECLINED, 0),
        (Reason.WITHDRAWN, Memory.DECLINED, 0),
    ],
)
def test_refusals_mean_what_the_design_says(reason: Reason, memory: Memory, points: int):
    assert memory_of(reason) is memory
    assert points_of(reason) == points
