"""Only its author takes an object back, for as long as it would have lived."""

from __future__ import annotations

import msgspec
import pytest

from protocol.errors import ObjectError, Reason
from protocol.objects.header import Kind
from protocol.objects.revoke import Revoke
from tests.parties import make_cast, make_offer, make_profile

CAST = make_cast()
OFFER = make_offer(CAST, make_profile())


def revoke(target, **header):
    own = msgspec.structs.replace(
        target.header, kind=Kind.REVOKE, thread=target.header.thread or target.id
    )
    Revoke(target=target.id).check_target(
        msgspec.structs.replace(own, **header), target.id, target.header
    )


@pytest.mark.parametrize("target", [CAST, OFFER], ids=["public", "sealed"])
def test_it_fits_its_target(target):
    revoke(target)


@pytest.mark.parametrize("header", [{"exp": CAST.header.exp + 1}, {"to": b"\x01" * 32}])
def test_it_travels_and_lives_as_its_target(header):
    with pytest.raises(ObjectError) as caught:
        revoke(CAST, **header)
    assert (caught.value.reason, caught.value.field) == (Reason.MISMATCH, "target")


def test_it_names_its_target():
    with pytest.raises(ObjectError) as caught:
        Revoke(target=CAST.id).check_target(OFFER.header, OFFER.id, OFFER.header)
    assert caught.value.reason is Reason.MISMATCH


def test_nobody_else_takes_it_back():
    with pytest.raises(ObjectError) as caught:
        revoke(CAST, key=b"\x01" * 32)
    assert (caught.value.reason, caught.value.field) == (Reason.NOT_PARTY, "key")
