"""Errors compose their sentence, carry the next step, and weigh what a peer did."""

from __future__ import annotations

import pytest

from protocol.errors import (
    FrameError,
    IntentcastError,
    LocalProtocolError,
    MessageError,
    ObjectError,
    ProtocolError,
    Reason,
    RemoteProtocolError,
    Severity,
    SignatureError,
)


def test_a_sentence_ends_with_its_code_and_the_next_step():
    error = LocalProtocolError("'x' is no id", code="E-ID", fix="Copy it again", field="id")
    assert str(error) == "'x' is no id (E-ID). Copy it again"
    assert (error.sentence, error.code, error.fix, error.field) == (
        "'x' is no id",
        "E-ID",
        "Copy it again",
        "id",
    )


def test_without_a_next_step_it_stops_at_the_code():
    assert str(IntentcastError("it failed")) == "it failed (E-FAILED)"
    assert str(LocalProtocolError("it failed")) == "it failed (E-INPUT)"


def test_a_peers_error_names_the_reason_first():
    error = ObjectError(Reason.OUT_OF_RANGE, "is not the sum", field="total")
    assert str(error) == "out_of_range: total: is not the sum"
    assert (error.reason, error.field, error.code) == (Reason.OUT_OF_RANGE, "total", "E-PEER")
    assert str(ObjectError(Reason.NOT_YET)) == "not_yet: not yet"


@pytest.mark.parametrize("kind", [FrameError, MessageError, SignatureError, ObjectError])
def test_whatever_a_peer_sends_is_one_family(kind):
    assert issubclass(kind, RemoteProtocolError)
    assert not issubclass(kind, LocalProtocolError)
    assert issubclass(RemoteProtocolError, ProtocolError)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_weighs_one_of_four(reason):
    assert RemoteProtocolError(reason).severity in Severity


def test_only_what_is_provable_is_a_fault():
    assert RemoteProtocolError(Reason.BAD_SIGNATURE).severity is Severity.SIGNATURE
    assert RemoteProtocolError(Reason.NOT_CANONICAL).severity is Severity.MALFORMED
    assert RemoteProtocolError(Reason.EXPIRED).severity is Severity.NONE
    assert RemoteProtocolError(Reason.WRONG_NETWORK).severity is Severity.NONE
