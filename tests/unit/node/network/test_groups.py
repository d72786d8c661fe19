"""Which addresses count as one."""

from __future__ import annotations

import pytest

from node.network.groups import group_of, is_one_group


@pytest.mark.parametrize(
    ("host", "group"),
    [
        ("8.8.4.4", "8.8.0.0/16"),
        ("8.8.200.1", "8.8.0.0/16"),
        ("2a01:4f8:1::7", "2a01:4f8::/32"),
        ("[2a01:4f8:2::7]", "2a01:4f8::/32"),
        ("::ffff:8.8.4.4", "8.8.0.0/16"),
        ("127.0.0.1", None),
        ("10.1.2.3", None),
        ("192.168.1.4", None),
        ("fe80::1%eth0", None),
        ("::1", None),
        ("relay.example", None),
        ("", None),
    ],
)
def test_group(host: str, group: str | None):
    assert group_of(host) == group


@pytest.mark.parametrize(
    ("hosts", "one"),
    [
        (["8.8.4.4", "8.8.8.8"], True),
        (["8.8.4.4", "9.9.9.9"], False),
        (["8.8.4.4", "127.0.0.1"], False),
        (["127.0.0.1", "127.0.0.1"], False),
        (["8.8.4.4"], False),
        ([], False),
    ],
)
def test_one_group(hosts: list[str], *, one: bool):
    assert is_one_group(hosts) is one
