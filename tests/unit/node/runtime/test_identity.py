"""The shop's identity as its owner sees it, and certificates as text."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node.clock import ManualClock
from node.errors import KeystoreError, RefusedError
from node.runtime.identity import HEAD, Identity, read_certificate, write_certificate
from protocol import limits
from protocol.errors import LocalProtocolError
from protocol.ids import to_text
from tests.parties import Party
from tests.successions import make_revocation
from tests.unit.node.market.aftermath import Aftermath
from tests.unit.node.market.booth import START_MS, Booth


@pytest.fixture
async def rooms(tmp_path: Path) -> AsyncIterator[Aftermath]:
    booth = await Booth.open(tmp_path, "vendor_bo", ManualClock(wall_ms=START_MS))
    yield await Aftermath.of(booth)
    await booth.close()


@pytest.fixture
def identity(rooms: Aftermath) -> Identity:
    return Identity(rooms.booth.desk, rooms.succession, rooms.copies)


CERTIFICATE = make_revocation(Party("vendor_bo"))


def test_a_certificate_is_text_for_a_sheet_of_paper():
    text = write_certificate(CERTIFICATE)
    lines = text.splitlines()
    assert lines[0] == HEAD
    assert lines[1:3] == ["net: test", f"key: {to_text('key', CERTIFICATE.header.key)}"]
    assert max(map(len, lines)) <= 80
    assert read_certificate(text) == CERTIFICATE.raw


def test_spaces_and_line_ends_do_not_matter():
    text = write_certificate(CERTIFICATE)
    typed = "\r\n".join(
        f"  {line[:30]} {line[30:]}  " if ":" not in line else line
        for line in text.splitlines()[1:]
    )
    assert read_certificate(f"{HEAD}\r\n\r\n{typed}") == CERTIFICATE.raw


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing of the kind",
        HEAD,
        f"{HEAD}\nnet: test\n",
        f"{HEAD}\n####\n",
        f"{HEAD}\nabc\n",
        f"{HEAD}\n" + "A" * 4 * limits.public_bytes_max,
        write_certificate(CERTIFICATE).removeprefix("intent"),
        f"{HEAD}\n" + "AAAA\n" * 500,
    ],
)
def test_any_other_text_is_refused(text: str):
    with pytest.raises(LocalProtocolError) as caught:
        read_certificate(text)
    assert caught.value.code == "E-CERTIFICATE"


async def test_the_identity_is_shown(identity: Identity, rooms: Aftermath):
    found = await identity.document()
    assert found["schema"] == "intentcast.identity/1"
    assert found["key"] == found["followed"] == to_text("key", rooms.booth.desk.pen.profile_key())
    assert (found["generation"], found["standing"]) == (0, "current")
    assert found["copy"]["standing"] == "alone"
    assert found["copy"]["met"] is None


async def test_a_rotation_names_the_generation_it_leaves(identity: Identity):
    found = await identity.rotate(0)
    assert found["generation"] == 1
    assert len(found["keys"]) == 2
    with pytest.raises(RefusedError) as caught:
        await identity.rotate(0)
    assert caught.value.code == "E-GENERATION"


async def test_a_certificate_made_and_used(identity: Identity, rooms: Aftermath):
    made = await identity.certificate("lost")
    assert rooms.booth.network.published == []
    found = await identity.revoke(made["certificate"], "unspecified")
    assert found == {"schema": "intentcast.revoked/1", "key": made["key"], "ours": True}
    assert (await identity.document())["standing"] == "revoked"


async def test_without_a_certificate_our_own_key_ends_once(identity: Identity, rooms: Aftermath):
    assert (await identity.revoke(None, "retired"))["ours"]
    assert (await identity.revoke(None, "lost"))["ours"]
    first, again = rooms.booth.network.published
    assert first.body.reason == "retired"
    assert again == first


@pytest.mark.parametrize("reason", ["", "Two Words", "x" * 41, "1st"])
async def test_a_reason_is_one_word(identity: Identity, reason: str):
    for call in (identity.certificate(reason), identity.revoke(None, reason)):
        with pytest.raises(LocalProtocolError) as caught:
            await call
        assert caught.value.code == "E-REASON"


async def test_locked_nothing_is_shown_or_done(identity: Identity, rooms: Aftermath):
    rooms.booth.keyring.lock()
    for call in (
        identity.document(),
        identity.rotate(0),
        identity.certificate("lost"),
        identity.revoke(None, "lost"),
    ):
        with pytest.raises(KeystoreError) as caught:
            await call
        assert caught.value.code == "E-KEYS-LOCKED"
