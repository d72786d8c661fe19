"""The shape the faces count on is the shape the real handle and the tests' one have."""

from __future__ import annotations

import inspect

import pytest

from node.api.citizen import Citizen
from node.runtime.handle import Handle
from tests.unit.node.api.fake_citizen import FakeCitizen

METHODS = [
    name for name, found in inspect.getmembers(Citizen, inspect.isfunction) if name[0] != "_"
]


def parameters(cls: type, name: str) -> list[tuple[str, inspect._ParameterKind]]:
    found = inspect.signature(getattr(cls, name)).parameters.values()
    return [(parameter.name, parameter.kind) for parameter in found]


@pytest.mark.parametrize("name", METHODS)
def test_the_fake_has_the_shape(name: str):
    assert parameters(FakeCitizen, name) == parameters(Citizen, name)


@pytest.mark.parametrize("name", METHODS)
def test_the_real_handle_has_the_shape(name: str):
    assert parameters(Handle, name)[: len(parameters(Citizen, name))] == parameters(Citizen, name)
