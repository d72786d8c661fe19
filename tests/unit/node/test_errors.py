"""Errors of one node: a sentence, a stable code, the next step."""

from __future__ import annotations

import pytest

from node import errors
from protocol.errors import IntentcastError

KINDS = {
    errors.TransportError: "E-PEER-LOST",
    errors.StorageError: "E-STORAGE",
    errors.KeystoreError: "E-KEYS",
    errors.ConfigError: "E-CONFIG",
    errors.RefusedError: "E-REFUSED",
    errors.NotFoundError: "E-NOT-FOUND",
}


def test_every_error_of_the_module_is_listed_here():
    made = {kind for kind in vars(errors).values() if isinstance(kind, type)}
    assert made - {IntentcastError} == set(KINDS)


@pytest.mark.parametrize(("kind", "code"), KINDS.items(), ids=str)
def test_each_has_a_code_of_its_own(kind: type[IntentcastError], code: str):
    error = kind("the disk is full", fix="Make room")
    assert isinstance(error, IntentcastError)
    assert error.code == code
    assert "the disk is full" in str(error)
    assert error.fix == "Make room"
    assert kind("x", code="E-OTHER").code == "E-OTHER"
