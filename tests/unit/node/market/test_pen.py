"""The pen signs under the right key, and what it gives has passed the gate everybody else uses."""

from __future__ import annotations

from typing import Any

import pytest

from node.clock import ManualClock
from node.errors import RefusedError
from node.keystore import PROFILE_CONTEXT, Keyring, profile_context
from node.market import pen as module
from node.market.pen import Pen
from protocol import limits, signing, work
from protocol.errors import LocalProtocolError
from protocol.now import DAY_MS, MINUTE_MS
from protocol.objects.envelope import open_envelope, read_candidate
from protocol.objects.event import Closed
from protocol.objects.header import Kind
from protocol.objects.succession import Revocation
from tests.parties import NET, NOW_MS, buyer_ana, cast_body, vendor_bo

CTX = bytes(16)


@pytest.fixture
def keyring() -> Keyring:
    return Keyring(bytes(32))


@pytest.fixture
def pen(keyring: Keyring) -> Pen:
    return Pen(net=NET, keyring=keyring, clock=ManualClock(wall_ms=NOW_MS + 12_345))


def sealed(pen: Pen, **changes: Any) -> Any:
    facts = {"to": vendor_bo.key, "thread": b"t" * 32, "prev": None, **changes}
    return pen.sealed(CTX, Kind.EVENT, Closed(of=b"o" * 32), **facts)


def test_every_context_has_its_own_key(pen: Pen, keyring: Keyring):
    assert pen.key(CTX) == signing.public_key(keyring.sign_seed(CTX))
    assert pen.profile_key() == pen.key(PROFILE_CONTEXT) != pen.key(CTX)


def test_a_sealed_object_names_recipient_thread_and_what_came_before(pen: Pen):
    found = sealed(pen, prev=b"p" * 32)
    header = found.header
    assert (header.key, header.to) == (pen.key(CTX), vendor_bo.key)
    assert (header.thread, header.prev, header.target) == (b"t" * 32, b"p" * 32, 0)
    assert (header.at, header.exp) == (NOW_MS + 12_345, NOW_MS + 12_345 + limits.long_ttl_ms_max)
    again = open_envelope(
        read_candidate(found.raw, peer=None, bytes_max=limits.sealed_bytes_max), net=NET
    )
    assert again.id == found.id


def test_times_may_be_given(pen: Pen):
    header = sealed(pen, at=NOW_MS, exp=NOW_MS + 5).header
    assert (header.at, header.exp) == (NOW_MS, NOW_MS + 5)


async def test_a_public_object_is_cut_to_the_minute_and_worked_for(pen: Pen):
    body = cast_body(nonce=CTX, reply=buyer_ana.reply())
    found = await pen.public(CTX, Kind.INTENTCAST, body, exp=NOW_MS + 14 * DAY_MS)
    assert found.header.at == NOW_MS
    assert found.header.at % MINUTE_MS == 0
    assert found.header.to is None
    assert found.header.target >= limits.pow_base_bits_other
    candidate = read_candidate(found.raw, peer=None, bytes_max=limits.public_bytes_max)
    assert open_envelope(candidate, net=NET).id == found.id


async def test_the_work_is_done_in_slices(pen: Pen, monkeypatch: pytest.MonkeyPatch):
    starts: list[int] = []
    solve = work.solve

    def slow(object_id: bytes, target: int, *, start: int, tries: int) -> bytes | None:
        starts.append(start)
        return solve(object_id, target, start=0, tries=1 << 20) if len(starts) == 3 else None

    monkeypatch.setattr(work, "solve", slow)
    await pen.public(CTX, Kind.INTENTCAST, cast_body(), exp=NOW_MS + 14 * DAY_MS)
    assert starts == [0, module._SLICE_TRIES, 2 * module._SLICE_TRIES]


async def test_work_that_is_never_found_is_an_error(pen: Pen, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "_TRIES_MAX", 2 * module._SLICE_TRIES)
    monkeypatch.setattr(work, "solve", lambda *_args, **_facts: None)
    with pytest.raises(LocalProtocolError) as failed:
        await pen.public(CTX, Kind.INTENTCAST, cast_body(), exp=NOW_MS + 14 * DAY_MS)
    assert failed.value.code == "E-WORK"


async def test_what_breaks_a_rule_is_not_signed(pen: Pen):
    with pytest.raises(LocalProtocolError) as refused:
        await pen.public(CTX, Kind.INTENTCAST, cast_body(), exp=NOW_MS - 1)
    assert refused.value.code == "E-OBJECT"
    with pytest.raises(LocalProtocolError):
        sealed(pen, to=b"short")


def test_a_halted_pen_signs_notes_and_statements_alone(pen: Pen):
    pen.halt = lambda: RefusedError("halted", code="E-TWO-COPIES")
    with pytest.raises(RefusedError, match="halted"):
        sealed(pen)
    assert sealed(pen, halted_too=True).header.key == pen.key(CTX)
    assert pen.has_signed


async def test_a_revoked_identity_signs_statements_alone(pen: Pen):
    pen.revoked = frozenset({CTX})
    with pytest.raises(RefusedError) as caught:
        sealed(pen)
    assert caught.value.code == "E-KEY-REVOKED"
    exp = NOW_MS + DAY_MS
    found = await pen.statement(CTX, Kind.REVOCATION, lambda _header: Revocation(), exp=exp)
    assert (found.header.key, found.header.exp) == (pen.key(CTX), exp)


def test_the_shop_has_a_key_for_each_generation(pen: Pen):
    first = pen.profile_key()
    pen.profile_ctx = profile_context(1)
    assert pen.profile_keys() == {first, pen.profile_key()}
    assert not pen.has_signed
