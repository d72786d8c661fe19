"""Statements about a key: signed by whom, chained how, and what is refused."""

from __future__ import annotations

import msgspec
import pytest

from protocol import limits
from protocol.encoding import decode, encode
from protocol.errors import LocalProtocolError, Reason, RemoteProtocolError
from protocol.now import DAY_MS
from protocol.objects.envelope import open_stored, sign_envelope
from protocol.objects.header import Kind
from protocol.objects.succession import Revocation, consent_text
from tests.parties import NET, NOW_MS, Party, forged, tree_of
from tests.successions import (
    make_revocation,
    make_rotation,
    rotation_body,
    statement_header,
)

OLD, NEW, THIEF = Party("vendor_bo"), Party("vendor_bo again"), Party("thief")


def opened(body, *, by: Party = OLD, kind: Kind = Kind.ROTATION, **header):
    return open_stored(forged(kind, tree_of(body), by, target=12, **header), net=NET)


def reason_of(body, **facts) -> Reason:
    with pytest.raises(RemoteProtocolError) as caught:
        opened(body, **facts)
    return caught.value.reason


def test_a_rotation_is_signed_by_both_keys():
    found = make_rotation(OLD, NEW)
    assert found.header.key == OLD.key
    assert found.body.new == NEW.key
    assert found.header.public
    assert consent_text(found.header, found.body) == encode(
        [NET, OLD.key, NEW.key, 1, None, found.header.at, found.header.exp]
    )


def test_a_later_one_names_the_one_before():
    first = make_rotation(OLD, NEW)
    second = make_rotation(NEW, THIEF, generation=2, after=first.id)
    assert second.body.after == first.id


def test_the_old_key_alone_names_nobody():
    body = msgspec.structs.replace(rotation_body(OLD, NEW), consent=bytes(64))
    assert reason_of(body) is Reason.BAD_SIGNATURE


def test_the_new_key_alone_takes_nothing():
    body = rotation_body(OLD, NEW)
    raw = forged(Kind.ROTATION, tree_of(body), THIEF, target=12, key=OLD.key)
    with pytest.raises(RemoteProtocolError) as caught:
        open_stored(raw, net=NET)
    assert caught.value.reason is Reason.BAD_SIGNATURE


@pytest.mark.parametrize("changes", [{"new": THIEF.key}, {"generation": 2, "after": bytes(32)}])
def test_consent_covers_every_word(changes):
    body = msgspec.structs.replace(rotation_body(OLD, NEW), **changes)
    assert reason_of(body) is Reason.BAD_SIGNATURE


@pytest.mark.parametrize("header", [{"at": NOW_MS + 60_000}, {"exp": NOW_MS + 2 * DAY_MS}])
def test_consent_covers_the_times(header):
    body = rotation_body(OLD, NEW, header=statement_header(OLD, Kind.ROTATION, at=NOW_MS))
    assert reason_of(body, **header) is Reason.BAD_SIGNATURE


def test_consent_given_to_one_key_is_none_to_another():
    assert reason_of(rotation_body(OLD, NEW), by=THIEF) is Reason.BAD_SIGNATURE


def test_consent_is_of_one_network():
    head = statement_header(OLD, Kind.ROTATION, net="main")
    assert reason_of(rotation_body(OLD, NEW, header=head)) is Reason.BAD_SIGNATURE


def test_a_key_does_not_succeed_itself():
    assert reason_of(rotation_body(OLD, OLD)) is Reason.OUT_OF_RANGE


@pytest.mark.parametrize("changes", [{"generation": 2}, {"generation": 1, "after": bytes(32)}])
def test_the_first_follows_nothing_and_every_other_something(changes):
    assert reason_of(rotation_body(OLD, NEW, **changes)) is Reason.BAD_SHAPE


def test_generations_are_counted_from_one_in_32_bits():
    assert reason_of(rotation_body(OLD, NEW, generation=0)) is Reason.BAD_SHAPE
    assert reason_of(rotation_body(OLD, NEW, generation=2**32, after=bytes(32))) is Reason.BAD_SHAPE


def test_a_weak_key_succeeds_nobody():
    weak = bytes.fromhex("01" + "00" * 31)
    body = msgspec.structs.replace(rotation_body(OLD, NEW), new=weak)
    assert reason_of(body) is Reason.BAD_KEY


def test_a_revocation_says_why_or_not():
    assert make_revocation(OLD).body.reason == "stolen"
    assert make_revocation(OLD, "unspecified").body == Revocation()


def test_nobody_revokes_anothers_key():
    raw = forged(Kind.REVOCATION, {}, THIEF, target=12, key=OLD.key)
    with pytest.raises(RemoteProtocolError) as caught:
        open_stored(raw, net=NET)
    assert caught.value.reason is Reason.BAD_SIGNATURE


@pytest.mark.parametrize("kind", [Kind.ROTATION, Kind.REVOCATION])
@pytest.mark.parametrize("header", [{"to": NEW.key}, {"thread": bytes(32)}])
def test_statements_are_public_and_stand_in_no_thread(kind, header):
    body = rotation_body(OLD, NEW) if kind is Kind.ROTATION else Revocation()
    head = statement_header(OLD, kind, **header)
    with pytest.raises(LocalProtocolError) as caught:
        sign_envelope(head, body, OLD.seed("sign"))
    assert caught.value.code == "E-OBJECT"


def test_statements_live_for_years():
    long = NOW_MS + limits.statement_ttl_ms_max
    assert make_revocation(OLD, exp=long).header.exp == long
    with pytest.raises(LocalProtocolError):
        make_revocation(OLD, exp=long + 1)


def test_a_signature_of_one_kind_is_none_of_another():
    revocation = make_revocation(OLD)
    fields = decode(revocation.signed, bytes_max=limits.sealed_bytes_max)
    relabelled = encode([*fields[:2], "profile", *fields[3:]])
    with pytest.raises(RemoteProtocolError):
        open_stored(encode([relabelled, revocation.signature, None]), net=NET)


def test_signing_a_rotation_without_consent_is_our_own_mistake():
    head = statement_header(OLD, Kind.ROTATION)
    body = msgspec.structs.replace(rotation_body(OLD, NEW), consent=bytes(64))
    with pytest.raises(LocalProtocolError) as caught:
        sign_envelope(msgspec.structs.replace(head), body, OLD.seed("sign"))
    assert caught.value.code == "E-OBJECT"
