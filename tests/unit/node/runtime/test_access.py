"""The doorkeeper: who is let in, until when, and what a stranger can try."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from typing import Any

import pytest

from node.clock import ManualClock
from node.entropy import SeededEntropy
from node.errors import NotFoundError, RefusedError
from node.runtime.access import CODES_OPEN_MAX, WRONG_CODES_MAX, Access
from node.runtime.tasks import Tasks
from node.runtime.visitors import SESSION_MS, Scope, Visitor, VisitorKind
from node.storage import audit, bounds, tokens
from node.storage.database import Storage
from protocol.errors import IntentcastError
from protocol.now import DAY_MS, MINUTE_MS
from tests.parties import NET, NOW_MS

OWNER = "the text of api.token"


class Door:
    """A doorkeeper with a database of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = ManualClock(wall_ms=NOW_MS)
        self.entropy = SeededEntropy("access", net=NET)
        self.tasks = Tasks()
        self.changes = 0
        self.storage: Storage
        self.access: Access

    async def open(self) -> Access:
        self.storage = await Storage.open(self.folder / "node.db", clock=self.clock)
        self.access = Access(
            owner_token=OWNER,
            storage=self.storage,
            clock=self.clock,
            entropy=self.entropy,
            tasks=self.tasks,
            changed=self.changed,
        )
        await self.access.load()
        return self.access

    def changed(self) -> None:
        self.changes += 1

    async def close(self) -> None:
        await self.tasks.close()
        await self.storage.close()

    async def rows(self) -> list[tokens.TokenRow]:
        return await self.storage.read(tokens.load_all)

    async def session(self) -> str:
        secret = await self.access.enter(self.access.begin_login().code)
        assert secret is not None
        return secret


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    found = Door(tmp_path)
    await found.open()
    yield found
    await found.close()


async def code_of(awaitable: Awaitable[Any]) -> str:
    with pytest.raises(IntentcastError) as caught:
        await awaitable
    assert caught.value.fix
    return caught.value.code


# --- the owner and strangers ----------------------------------------------------------------------


def test_an_owner_without_a_token_would_be_everybody(door: Door):
    with pytest.raises(ValueError, match="no token"):
        Access(
            owner_token="",
            storage=door.storage,
            clock=door.clock,
            entropy=door.entropy,
            tasks=door.tasks,
            changed=door.changed,
        )


def test_the_owner_may_everything(door: Door):
    owner = door.access.visitor(OWNER, None)
    assert owner is not None
    assert (owner.id, owner.kind) == ("owner", VisitorKind.OWNER)
    assert all(owner.may(each) for each in Scope)


@pytest.mark.parametrize("token", ["", "x", OWNER + " ", OWNER[:-1], "é", "\udcff"])
def test_strangers_are_nobody(door: Door, token: str):
    assert door.access.visitor(token, None) is None
    assert door.access.visitor(None, token) is None
    assert door.access.visitor(None, None) is None


def test_the_owners_token_is_no_cookie(door: Door):
    assert door.access.visitor(None, OWNER) is None


# --- tokens ---------------------------------------------------------------------------------------


async def test_a_token_is_shown_once_and_kept_as_a_hash(door: Door):
    made = await door.access.create("shop", [Scope.DRAFT, Scope.READ, Scope.READ], 30)
    assert made["schema"] == "intentcast.token/1"
    secret = made["secret"]
    assert secret.startswith("ict_")
    assert len(secret) == 47
    [row] = await door.rows()
    assert secret not in repr(row)
    assert made["token"]["scopes"] == ["read", "draft"]
    visitor = door.access.visitor(secret, None)
    assert visitor == Visitor(
        id=made["token"]["handle"],
        name="shop",
        kind=VisitorKind.TOKEN,
        scopes=frozenset({Scope.READ, Scope.DRAFT}),
    )
    assert door.access.visitor(None, secret) is None
    assert secret not in str(await door.access.tokens(None))


async def test_it_holds_over_a_restart_and_ends_in_time(door: Door):
    secret = (await door.access.create("shop", [Scope.READ], 1))["secret"]
    await door.close()
    await door.open()
    assert door.access.visitor(secret, None) is not None
    door.clock.advance(DAY_MS - 1)
    assert door.access.visitor(secret, None) is not None
    door.clock.advance(1)
    assert door.access.visitor(secret, None) is None
    assert (await door.access.tokens(None))["tokens"] == []


async def test_revoked_is_revoked_at_once_and_for_good(door: Door):
    made = await door.access.create("shop", [Scope.READ], 1)
    handle = made["token"]["handle"]
    assert (await door.access.revoke(handle))["handle"] == handle
    assert door.access.visitor(made["secret"], None) is None
    assert await code_of(door.access.revoke(handle)) == "E-NOT-FOUND"
    await door.close()
    await door.open()
    assert door.access.visitor(made["secret"], None) is None


async def test_what_the_disk_refuses_is_not_said(door: Door, monkeypatch: pytest.MonkeyPatch):
    made = await door.access.create("shop", [Scope.READ], 1)
    changes = door.changes

    async def full(*_args: Any, **_kwargs: Any) -> None:
        raise RefusedError("the disk is full", code="E-DISK-FULL", fix="Free some space")

    with monkeypatch.context() as patch:
        patch.setattr(door.storage, "write", full)
        assert await code_of(door.access.create("other", [Scope.READ], 1)) == "E-DISK-FULL"
        assert await code_of(door.access.revoke(made["token"]["handle"])) == "E-DISK-FULL"
        assert await code_of(door.access.enter(door.access.begin_login().code)) == "E-DISK-FULL"
    assert door.changes == changes
    # Not told as ended, so it has not ended.
    assert door.access.visitor(made["secret"], None) is not None
    assert len(await door.rows()) == 1


async def test_what_was_revoked_on_the_disk_is_let_in_no_more_though_nobody_waits(
    door: Door, monkeypatch: pytest.MonkeyPatch
):
    made = await door.access.create("shop", [Scope.READ], 1)
    write = door.storage.write
    committed, go_on = asyncio.Event(), asyncio.Event()

    async def slow(*args: Any, **kwargs: Any) -> Any:
        found = await write(*args, **kwargs)
        committed.set()
        await go_on.wait()
        return found

    monkeypatch.setattr(door.storage, "write", slow)
    revoking = asyncio.ensure_future(door.access.revoke(made["token"]["handle"]))
    await committed.wait()
    revoking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await revoking
    go_on.set()
    await settled(door)
    assert door.access.visitor(made["secret"], None) is None


async def test_there_is_a_cap_on_tokens(door: Door, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bounds, "tokens_max", 1)
    await door.access.create("one", [Scope.READ], 1)
    assert await code_of(door.access.create("two", [Scope.READ], 1)) == "E-TOKENS-MANY"


async def test_the_owners_own_is_a_file(door: Door):
    with pytest.raises(RefusedError) as caught:
        await door.access.revoke("owner")
    assert "remove that file" in caught.value.fix


async def test_the_list_says_what_an_owner_needs(door: Door):
    made = await door.access.create("shop", [Scope.READ], 1)
    cookie = await door.session()
    browser = door.access.visitor(None, cookie)
    listed = (await door.access.tokens(browser))["tokens"]
    assert [(each["kind"], each["current"]) for each in listed] == [
        ("session", True),
        ("token", False),
    ]
    assert listed[1]["handle"] == made["token"]["handle"]
    assert (listed[1]["used"], listed[1]["expires"][:4]) == (None, listed[1]["created"][:4])


async def test_the_day_of_use_is_noted_once_a_day(door: Door, monkeypatch: pytest.MonkeyPatch):
    secret = (await door.access.create("shop", [Scope.READ], 9))["secret"]
    noted: list[int] = []
    note = tokens.note_use

    def counted(conn: Any, handle: str, day: int) -> None:
        noted.append(day)
        note(conn, handle, day)

    monkeypatch.setattr(tokens, "note_use", counted)
    for _ in range(3):
        door.access.visitor(secret, None)
    await settled(door)
    door.clock.advance(DAY_MS)
    door.access.visitor(secret, None)
    await settled(door)
    day = NOW_MS // DAY_MS
    assert noted == [day, day + 1]
    assert (await door.rows())[0].used_day == day + 1
    assert (await door.access.tokens(None))["tokens"][0]["used"] is not None


async def settled(door: Door) -> None:
    while door.tasks._tasks:
        await asyncio.gather(*door.tasks._tasks)


async def test_words_of_another_version_let_nobody_in(door: Door):
    made = await door.access.create("shop", [Scope.READ], 9)
    sql = """UPDATE tokens SET scopes = '["read", "teleport"]'"""
    await door.storage.write(lambda conn: conn.execute(sql).rowcount)
    await door.access.load()
    visitor = door.access.visitor(made["secret"], None)
    assert visitor is not None
    assert visitor.scopes == {Scope.READ}


async def test_every_change_stands_in_the_history(door: Door):
    made = await door.access.create("shop", [Scope.READ], 9)
    visitor = door.access.visitor(None, await door.session())
    assert visitor is not None
    await door.access.leave(visitor)
    await door.access.revoke(made["token"]["handle"])
    lines = await door.storage.read(lambda db: audit.load_after(db, 0, limit=9))
    assert [each.what for each in lines] == [
        "token.made",
        "session.opened",
        "session.ended",
        "token.revoked",
    ]
    assert door.changes == 4


# --- logins ---------------------------------------------------------------------------------------


def test_a_code_is_easy_to_type_and_stands_behind_the_hash(door: Door):
    login = door.access.begin_login()
    assert len(login.code) == 9
    assert login.code[4] == "-"
    assert not set(login.code) & set("0O1IL5SB8Z2U")
    path, _, secret = login.link_path.partition("#")
    assert (path, len(secret)) == ("/login", 24)
    assert set(secret) <= set("ACDEFGHJKMNPQRTVWXY34679")
    assert login.code.replace("-", "") not in secret
    assert login.expires_ms == NOW_MS + 5 * MINUTE_MS
    document = door.access.login_document("http://127.0.0.1:1")
    assert document["link"].startswith("http://127.0.0.1:1/login#")
    assert document["code"] != login.code


@pytest.mark.parametrize("typed", ["{}", " {} ", "{0}\t"])
async def test_a_code_lets_one_browser_in_once(door: Door, typed: str):
    code = door.access.begin_login().code
    secret = await door.access.enter(typed.format(code.lower()))
    assert secret is not None
    assert await door.access.enter(code) is None
    visitor = door.access.visitor(None, secret)
    assert visitor is not None
    assert visitor.kind is VisitorKind.SESSION
    assert all(visitor.may(each) for each in Scope)
    # What a cookie holds is no token: it would pass without a page of ours.
    assert door.access.visitor(secret, None) is None
    assert door.access.visitor("wrong", secret) is None


async def test_a_browser_has_a_name(door: Door):
    await door.access.enter(door.access.begin_login().code, "Firefox on Linux")
    assert (await door.access.tokens(None))["tokens"][0]["name"] == "Firefox on Linux"


async def test_a_code_is_over_after_five_minutes(door: Door):
    late, good = door.access.begin_login().code, door.access.begin_login().code
    door.clock.advance(5 * MINUTE_MS - 1)
    assert await door.access.enter(good) is not None
    door.clock.advance(1)
    assert await door.access.enter(late) is None


async def test_two_who_type_the_same_code_are_one(door: Door):
    code = door.access.begin_login().code
    found = await asyncio.gather(door.access.enter(code), door.access.enter(code))
    assert [each is None for each in found].count(True) == 1


async def test_a_few_codes_are_open_and_the_oldest_ends(door: Door):
    codes = [door.access.begin_login().code for _ in range(CODES_OPEN_MAX + 1)]
    assert await door.access.enter(codes[0]) is None
    assert all([await door.access.enter(code) is not None for code in codes[1:]])


async def test_link_and_code_are_one_way_in(door: Door):
    for first in (True, False):
        login = door.access.begin_login()
        ways = [login.link_path.partition("#")[2], login.code]
        assert await door.access.enter(ways[first]) is not None
        assert await door.access.enter(ways[not first]) is None


async def test_only_where_guessing_would_come_to_something_none_is_taken_for_a_while(door: Door):
    # Nobody guesses what is not there, however often.
    for _ in range(2 * WRONG_CODES_MAX):
        assert await door.access.enter("ACDEFGHJ") is None
    login, other = door.access.begin_login(), door.access.begin_login()
    good = login.code
    for _ in range(WRONG_CODES_MAX):
        # What a page of another site may have a browser send: never the length of a typed code.
        assert await door.access.enter("ACDEFGHJ" * 3) is None
    for _ in range(WRONG_CODES_MAX):
        assert await door.access.enter("ACDEFGHJ") is None
        door.clock.advance(10)
    with pytest.raises(RefusedError) as caught:
        await door.access.enter(good)
    assert caught.value.code == "E-LOGIN-PAUSE"
    assert "wait 55 seconds" in caught.value.fix
    # The link is good all the same.
    assert await door.access.enter(other.link_path.partition("#")[2]) is not None
    door.clock.advance(55_000)
    # A minute after the first one there is one try again, and the next wrong one pauses again.
    assert await door.access.enter("ACDEFGHX") is None
    assert await code_of(door.access.enter(good)) == "E-LOGIN-PAUSE"
    door.clock.advance(MINUTE_MS)
    assert await door.access.enter(good) is not None


async def test_a_browser_stays_for_thirty_days(door: Door):
    cookie = await door.session()
    door.clock.advance(SESSION_MS - 1)
    assert door.access.visitor(None, cookie) is not None
    door.clock.advance(1)
    assert door.access.visitor(None, cookie) is None


async def test_who_was_let_in_is_welcome_until_it_ends(door: Door):
    owner = door.access.visitor(OWNER, None)
    assert owner is not None
    assert door.access.is_welcome(owner)
    token = door.access.visitor((await door.access.create("a", [Scope.ACCEPT], 1))["secret"], None)
    browser = door.access.visitor(None, await door.session())
    assert token is not None
    assert browser is not None
    assert door.access.is_welcome(token)
    assert door.access.is_welcome(browser)
    await door.access.leave(browser)
    assert not door.access.is_welcome(browser)
    door.clock.advance(DAY_MS)
    assert not door.access.is_welcome(token)


async def test_a_browser_leaves_alone(door: Door):
    first, second = await door.session(), await door.session()
    visitor = door.access.visitor(None, first)
    assert visitor is not None
    await door.access.leave(visitor)
    assert door.access.visitor(None, first) is None
    assert door.access.visitor(None, second) is not None


async def test_others_do_not_leave_by_logging_out(door: Door):
    secret = (await door.access.create("shop", [Scope.READ], 9))["secret"]
    for each in (door.access.visitor(secret, None), door.access.visitor(OWNER, None)):
        assert each is not None
        await door.access.leave(each)
    assert door.access.visitor(secret, None) is not None


async def test_a_session_is_revoked_like_a_token(door: Door):
    cookie = await door.session()
    visitor = door.access.visitor(None, cookie)
    assert visitor is not None
    await door.access.revoke(visitor.id)
    assert door.access.visitor(None, cookie) is None


async def test_the_oldest_browser_has_to_log_in_again(door: Door, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bounds, "sessions_max", 2)
    cookies = [await door.session() for _ in range(3)]
    known = [door.access.visitor(None, cookie) is not None for cookie in cookies]
    assert known == [False, True, True]


async def test_nothing_goes_by_no_name(door: Door):
    with pytest.raises(NotFoundError):
        await door.access.revoke("session-0000-0000")
