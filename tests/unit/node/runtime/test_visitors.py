"""Scopes: each lets in for itself, and one for all."""

from __future__ import annotations

import pytest

from node.runtime.visitors import EVERY_SCOPE, Login, Scope, Visitor, VisitorKind


def visitor(*scopes: Scope) -> Visitor:
    return Visitor(id="token-1", name="a", kind=VisitorKind.TOKEN, scopes=frozenset(scopes))


@pytest.mark.parametrize("asked", Scope)
@pytest.mark.parametrize("given", Scope)
def test_a_scope_is_for_itself_and_admin_for_all(given: Scope, asked: Scope):
    assert visitor(given).may(asked) == (given in {asked, Scope.ADMIN})


def test_none_and_all():
    assert not any(visitor().may(each) for each in Scope)
    assert all(visitor(*EVERY_SCOPE).may(each) for each in Scope)


def test_a_login_is_a_plain_record():
    login = Login(link_path="/login#ACDEFGHJ", code="ACDE-FGHJ", expires_ms=1)
    assert login.code.replace("-", "") in login.link_path
