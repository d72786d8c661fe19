"""A face is what has pages, headers and a way to say no."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from node.api.faces import Face, PageRoute
from node.runtime.visitors import Scope
from tests.unit.node.api.fake_face import FakeFace


def test_the_fake_face_has_the_shape():
    face: Face = FakeFace()
    paths = [(each.method, each.path, each.scope) for each in face.routes()]
    assert ("GET", "/", Scope.READ) in paths
    assert ("GET", "/login", None) in paths
    assert face.headers["Referrer-Policy"] == "same-origin"


def test_a_route_does_not_change():
    route: PageRoute = FakeFace().routes()[0]
    with pytest.raises(FrozenInstanceError):
        route.scope = None  # type: ignore[misc]
