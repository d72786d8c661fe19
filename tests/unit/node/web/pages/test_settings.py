"""Settings: keys, backups, who may come in; no secret stands on a page twice."""

from __future__ import annotations

import re

import pytest

from tests.unit.node.api.fake_citizen import PASSPHRASE, FakeCustodian
from tests.unit.node.api.fake_doorkeeper import TOKEN_SHOWN, FakeDoorkeeper
from tests.unit.node.web.conftest import Browser, Neighbour, text_of, words_of


@pytest.fixture
def custody(neighbour: Neighbour) -> FakeCustodian:
    assert neighbour.custody is not None
    return neighbour.custody


@pytest.fixture
def door(browser: Browser) -> FakeDoorkeeper:
    return browser.asker.door


def acts(custody: FakeCustodian) -> list[tuple[object, ...]]:
    return [call for call in custody.calls if call[0] not in {"document", "backups"}]


async def test_how_the_keys_are(browser: Browser, custody: FakeCustodian):
    text = words_of(await browser.get("/settings"))
    assert "locked: nothing is signed" in text
    assert "Change the passphrase" in text
    custody.keys |= {
        "locked": False,
        "passphrase": False,
        "words_confirmed": True,
        "auto_lock_minutes": 5,
    }
    text = words_of(await browser.get("/settings"))
    assert "none: whoever can copy the key file is you" in text
    assert "after 5 minutes without use" in text
    assert "Lock now" not in text
    assert "Remove the passphrase" not in text


async def test_the_words_never_come_to_a_browser(browser: Browser):
    text = words_of(await browser.get("/settings"))
    assert "never shown in a browser" in text
    assert "intentcast words --confirm" in text


async def test_unlocking_and_locking(browser: Browser, custody: FakeCustodian):
    done = await browser.post("/settings/unlock", passphrase=PASSPHRASE)
    assert (done.status, done.headers["Location"]) == (303, "/settings?done=unlock")
    assert "Unlocked." in words_of(await browser.get("/settings?done=unlock"))
    done = await browser.post("/settings/lock")
    assert done.headers["Location"] == "/settings?done=lock"
    found = await browser.post("/settings/unlock", passphrase="wrong passphrase")
    assert (found.status, "E-PASSPHRASE-WRONG" in text_of(found)) == (423, True)
    assert "wrong passphrase" not in text_of(found)


@pytest.mark.parametrize(
    ("fields", "call", "done"),
    [
        (
            {"new": " two words ", "again": " two words ", "do": "set"},
            ("set_passphrase", None, " two words "),
            "passphrase",
        ),
        (
            {"old": "the old one", "new": "the new one", "again": "the new one"},
            ("set_passphrase", "the old one", "the new one"),
            "passphrase",
        ),
        ({"old": "the old one", "do": "remove"}, ("set_passphrase", "the old one", None), "open"),
    ],
)
async def test_another_passphrase(
    browser: Browser,
    custody: FakeCustodian,
    fields: dict[str, str],
    call: tuple[object, ...],
    done: str,
):
    found = await browser.post("/settings/passphrase", **fields)
    assert (found.status, found.headers["Location"]) == (303, f"/settings?done={done}")
    assert acts(custody) == [call]


async def test_two_that_differ_change_nothing(browser: Browser, custody: FakeCustodian):
    found = await browser.post("/settings/passphrase", new="the new one", again="the now one")
    text = text_of(found)
    assert (found.status, "E-PASSPHRASE" in text, acts(custody)) == (422, True, [])
    assert "the new one" not in text
    assert "the now one" not in text


async def test_a_backup_is_written_and_then_proved(browser: Browser, custody: FakeCustodian):
    found = await browser.post("/settings/backup", target="/tmp/one.icb")
    text = text_of(found)
    assert "Written: /tmp/one.icb, 388 KiB." in text
    # What was written is what is offered to be checked.
    assert re.search(r'name="file"[^>]* value="/tmp/one\.icb"', text)
    text = words_of(await browser.post("/settings/verify", file="/tmp/one.icb"))
    assert "Sound. /tmp/one.icb" in text
    assert "2 requests, 1 deal, 1 agreement" in text
    assert acts(custody) == [("backup", "/tmp/one.icb"), ("prove", "/tmp/one.icb")]


async def test_a_backup_that_will_not_do(browser: Browser, custody: FakeCustodian):
    for path, fields in (
        ("/settings/backup", {"target": "one.icb"}),
        ("/settings/verify", {"file": "../one.icb"}),
        ("/settings/verify", {}),
    ):
        found = await browser.post(path, **fields)
        assert (found.status, "E-FIELD" in text_of(found)) == (422, True)
    found = await browser.post("/settings/verify", file="/tmp/other.icb")
    assert "E-BACKUP-KEYS" in text_of(found)
    assert 'value="/tmp/other.icb"' in text_of(found)


async def test_the_drill_says_how_old_the_newest_is(browser: Browser, custody: FakeCustodian):
    text = words_of(await browser.get("/settings"))
    assert "Newest daily one: 20 Feb 2027, 12:00 UTC. 7 are kept." in text
    assert "/home/x/backups/intentcast-1.icb" in text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"backups": []}, "No daily backup yet"),
        ({"backups": [], "kept": 0}, "Daily backups are off"),
        ({"trouble": "the disk is full"}, "was not written: the disk is full"),
    ],
)
async def test_backups_that_are_missing(
    browser: Browser,
    custody: FakeCustodian,
    changes: dict[str, object],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
):
    whole = await custody.backups()

    async def backups() -> object:
        return whole | changes

    monkeypatch.setattr(custody, "backups", backups)
    assert said in words_of(await browser.get("/settings"))


async def test_a_token_is_shown_once(browser: Browser, door: FakeDoorkeeper):
    found = await browser.post(
        "/settings/tokens", name=" shop ", scope=["read", "draft"], days="30"
    )
    assert "ict_secret" in text_of(found)
    assert ("create", "shop", ["read", "draft"], 30) in door.calls
    assert "ict_secret" not in text_of(await browser.get("/settings"))


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "", "scope": "read"},
        {"name": "x" * 41, "scope": "read"},
        {"name": "shop"},
        {"name": "shop", "scope": "all"},
        {"name": "shop", "scope": "read", "days": "0"},
        {"name": "shop", "scope": "read", "days": "4000"},
        {"name": "shop", "scope": "read", "days": "many"},
        {"name": "\u202e", "scope": "read"},
    ],
)
async def test_a_token_that_will_not_do(
    browser: Browser, door: FakeDoorkeeper, fields: dict[str, str]
):
    found = await browser.post("/settings/tokens", **fields)
    assert (found.status, "E-FIELD" in text_of(found)) == (422, True)
    assert not [call for call in door.calls if call[0] == "create"]


async def test_who_may_come_in(
    browser: Browser, door: FakeDoorkeeper, monkeypatch: pytest.MonkeyPatch
):
    session = TOKEN_SHOWN | {
        "handle": "session-1",
        "kind": "session",
        "name": "browser",
        "current": True,
        "used": None,
    }

    async def tokens(_current: object) -> object:
        return {"schema": "intentcast.tokens/1", "tokens": [session, TOKEN_SHOWN]}

    monkeypatch.setattr(door, "tokens", tokens)
    text = words_of(await browser.get("/settings"))
    assert "browser this one" in text
    assert "shop script token-7Q4M-K2XD program read, draft 20 Feb 2027 21 Feb 2027" in text
    done = await browser.post("/settings/tokens/revoke", handle="token-7Q4M-K2XD")
    assert (done.status, done.headers["Location"]) == (303, "/settings?done=revoke")
    assert (await browser.post("/settings/tokens/revoke", handle="token-0000")).status == 404


async def test_where_things_are(browser: Browser):
    text = words_of(await browser.get("/settings"))
    for name in ("root.key", "node.db", "config.toml", "api.token", "node.log"):
        assert f"/{name}" in text


async def test_a_node_without_keys(browser: Browser, neighbour: Neighbour):
    neighbour.custody = None
    found = await browser.get("/settings", Accept="text/html")
    assert (found.status, "E-NOT-FOUND" in text_of(found)) == (404, True)
