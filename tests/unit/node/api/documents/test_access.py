"""Who may ask: a list never holds a secret, and a scope is one of five."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from node.api.documents.access import TokensDocument

TOKEN: dict[str, Any] = {
    "handle": "token-7Q4M-K2XD",
    "kind": "token",
    "name": "shop script",
    "scopes": ["read", "draft"],
    "created": "2027-02-20T12:00:00Z",
    "expires": "2028-02-20T12:00:00Z",
    "used": None,
    "current": False,
}


def tokens(**changes: Any) -> dict[str, Any]:
    return {"schema": "intentcast.tokens/1", "tokens": [TOKEN | changes]}


def test_a_token_may_be_unused():
    assert msgspec.convert(tokens(), TokensDocument).tokens[0].used is None
    assert msgspec.convert(tokens(used="2027-02-21"), TokensDocument).tokens[0].used


@pytest.mark.parametrize("change", [{"secret": "x"}, {"scopes": ["all"]}, {"kind": "owner"}])
def test_what_the_list_cannot_hold(change: dict[str, Any]):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(tokens(**change), TokensDocument)
