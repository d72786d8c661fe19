"""The server binds loopback, or says in one sentence why not. No port is opened here."""

from __future__ import annotations

import errno

import pytest

from node.api.server import ApiServer
from node.config import Settings
from node.errors import ConfigError
from tests.unit.node.api.fake_citizen import FakeCitizen
from tests.unit.node.api.fake_doorkeeper import FakeDoorkeeper


@pytest.mark.parametrize(
    ("number", "words"), [(errno.EADDRINUSE, "is taken"), (errno.EACCES, "cannot be used")]
)
async def test_a_port_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch, number: int, words: str):
    def refuse(*_args, **_kwargs):
        raise OSError(number, "system says no")

    monkeypatch.setattr("socket.create_server", refuse)
    server = ApiServer(FakeCitizen(), Settings(api_port=65_535), FakeDoorkeeper("t"))
    with pytest.raises(ConfigError) as caught:
        await server.start()
    assert caught.value.code == "E-PORT"
    assert words in caught.value.sentence
    assert "--api-port 0" in caught.value.fix
    await server.stop()
