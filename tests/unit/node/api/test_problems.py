"""Failures leave as RFC 9457 documents."""

from __future__ import annotations

import json
import logging

import pytest

from node.api.kinds import ErrorKind
from node.api.problems import STATUS, GateError, bug, problem, status_of
from node.errors import NotFoundError, RefusedError, StorageError
from protocol.errors import IntentcastError, LocalProtocolError


def test_every_kind_has_a_status():
    assert set(STATUS) == set(ErrorKind)
    assert {kind for kind, status in STATUS.items() if status == 500} == {ErrorKind.INTERNAL}


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (LocalProtocolError("x", code="E-JSON"), 400),
        (LocalProtocolError("x", code="E-MONEY"), 422),
        (LocalProtocolError("x", code="E-IDEMPOTENCY"), 409),
        (RefusedError("x"), 409),
        (NotFoundError("x"), 404),
        (StorageError("x", code="E-DISK-FULL"), 507),
        (GateError(421, "x", code="E-HOST", fix=""), 421),
    ],
)
def test_status(error: IntentcastError, status: int):
    assert status_of(error) == status


def test_document_carries_code_fix_field_and_kind():
    response = problem(
        LocalProtocolError("no currency", code="E-MONEY", fix="300EUR", field="budget")
    )
    assert response.content_type == "application/problem+json"
    assert isinstance(response.body, bytes)
    assert json.loads(response.body) == {
        "type": "urn:intentcast:problem:E-MONEY",
        "title": "no currency",
        "status": 422,
        "code": "E-MONEY",
        "kind": "input",
        "fix": "300EUR",
        "field": "budget",
    }


def test_missing_token_names_the_scheme():
    error = GateError(401, "x", code="E-TOKEN", fix="")
    assert problem(error).headers["WWW-Authenticate"] == "Bearer"


def test_a_bug_tells_its_log_line_and_nothing_of_itself(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.ERROR):
        response = problem(bug(ValueError("secret 4711"), "/v1/\x1bcasts"))
    assert response.status == 500
    assert isinstance(response.body, bytes)
    assert b"4711" not in response.body
    told = json.loads(response.body)
    log_id = told["title"].rsplit(" ", 1)[1].rstrip(")")
    assert log_id in caplog.text
    assert "4711" in caplog.text
    assert "\x1b" not in caplog.records[0].getMessage()
