"""Effect and key are one: whichever change does what was asked writes down under which key."""

from __future__ import annotations

import asyncio
import contextlib

from node.market.errand import Errand, on_errand, settling
from node.storage import idempotency
from node.storage.idempotency import Done, Effect, EffectKind, Fresh
from tests.unit.node.market.booth import Booth

HASH = b"h" * 32


async def recalled(booth: Booth, key: str) -> idempotency.Recall:
    now_ms = booth.desk.wall_ms()
    return await booth.write(lambda conn: idempotency.recall(conn, key, HASH, now_ms))


async def settled(booth: Booth, name: bytes) -> None:
    settle = settling(EffectKind.CAST)
    await booth.write(lambda conn: settle(conn, name, booth.desk.wall_ms()))


async def test_a_call_with_a_key_leaves_its_row(buyer: Booth):
    with on_errand(Errand(key="key", body_hash=HASH)):
        await settled(buyer, b"one")
    assert await recalled(buyer, "key") == Done(effect=Effect(kind=EffectKind.CAST, id=b"one"))


async def test_a_call_without_a_key_leaves_none(buyer: Booth):
    await settled(buyer, b"one")
    with on_errand(Errand(key="key", body_hash=HASH)):
        pass
    await settled(buyer, b"two")
    assert await recalled(buyer, "key") == Fresh()


async def test_two_calls_at_once_keep_their_keys_apart(buyer: Booth):
    async def call(key: str) -> None:
        with on_errand(Errand(key=key, body_hash=HASH)):
            await asyncio.sleep(0)
            await settled(buyer, key.encode())

    await asyncio.gather(*(call(key) for key in "abc"))
    for key in "abc":
        expected = Effect(kind=EffectKind.CAST, id=key.encode())
        assert await recalled(buyer, key) == Done(effect=expected)


async def test_a_change_that_is_undone_takes_its_key_along(buyer: Booth):
    class UndoneError(Exception):
        pass

    with on_errand(Errand(key="key", body_hash=HASH)):
        settle = settling(EffectKind.DEAL)

        def txn(conn):
            settle(conn, b"deal", buyer.desk.wall_ms())
            raise UndoneError

        with contextlib.suppress(UndoneError):
            await buyer.write(txn)
    assert await recalled(buyer, "key") == Fresh()
