"""Every failure the API can answer with has the one form."""

from __future__ import annotations

import msgspec
import pytest

from node.api.documents.problem import Problem
from node.api.kinds import ErrorKind
from node.api.problems import GateError, document, status_of
from node.errors import RefusedError
from protocol.errors import IntentcastError, LocalProtocolError


@pytest.mark.parametrize(
    "error",
    [
        GateError(421, "no", code="E-HOST", fix="x", field="Host"),
        RefusedError("no", code="E-MUST", fix=""),
        LocalProtocolError("no", code="E-FIELD", fix="x", field="title"),
        IntentcastError("no", code="E-INTERNAL"),
    ],
)
def test_what_is_raised_fits(error: IntentcastError):
    found = msgspec.convert(document(error, status_of(error)), Problem)
    assert found.field == (error.field or None)
    assert found.kind in ErrorKind
