"""Names of strangers: where they lead is judged, and only what is public is given."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from node.network.resolver import PublicResolver


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as made:
        yield made


@pytest.fixture
def answers(monkeypatch) -> list[str]:
    """What the machine's resolver answers, whatever it is asked."""
    found: list[str] = []

    def resolve(_name: str, port: int, *_rest: object) -> list[tuple[object, ...]]:
        return [
            (family, socket.SOCK_STREAM, 6, "", (host, port, 0, 0)[: 4 if ":" in host else 2])
            for host in found
            for family in [socket.AF_INET6 if ":" in host else socket.AF_INET]
        ]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return found


async def test_what_is_not_public_is_left_out(threads, answers: list[str]):
    answers += ["127.0.0.1", "fe80::1%eth0", "8.8.8.8", "64:ff9b::7f00:1", "2606:4700::1"]
    found = await PublicResolver(threads).resolve("relay.example", 7440)
    assert [(each["host"], each["port"], each["family"]) for each in found] == [
        ("8.8.8.8", 7440, socket.AF_INET),
        ("2606:4700::1", 7440, socket.AF_INET6),
    ]
    assert {each["hostname"] for each in found} == {"relay.example"}


async def test_a_name_that_leads_nowhere_else_is_refused(threads, answers: list[str]):
    answers += ["127.0.0.1", "10.0.0.1", "::1", "ff02::1"]
    with pytest.raises(OSError, match="no public address"):
        await PublicResolver(threads).resolve("relay.example", 7440)


async def test_a_name_with_many_addresses_makes_two_dials_at_most(threads, answers: list[str]):
    answers += [f"8.8.8.{n}" for n in range(1, 100)] + [f"2606:4700::{n}" for n in range(1, 100)]
    found = await PublicResolver(threads).resolve("relay.example", 7440)
    assert [each["host"] for each in found] == ["8.8.8.1", "2606:4700::1"]


async def test_nothing_is_asked_once_the_node_stops(threads, answers: list[str]):
    answers.append("8.8.8.8")
    resolver = PublicResolver(threads)
    threads.shutdown()
    with pytest.raises(OSError, match="stopping"):
        await resolver.resolve("relay.example", 7440)
    await resolver.close()
