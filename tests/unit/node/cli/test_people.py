"""`people` lists shops and takes the owner's word."""

from __future__ import annotations

import pytest

from node.errors import NotFoundError
from tests.unit.node.api.fake_citizen import FakeCitizen
from tests.unit.node.api.fake_people import FakePeople, shop
from tests.unit.node.cli.conftest import Shell


@pytest.fixture
def registry(citizen: FakeCitizen) -> FakePeople:
    assert citizen.people is not None
    return citizen.people


def test_the_list(shell: Shell, registry: FakePeople):
    registry.shops.append(shop(name="vendor_cy's", handle="key-9TFA-WB3H", blocked=True))
    found = shell.run("people")
    rows = found.out.splitlines()
    assert rows[0].split() == ["shop", "key", "deals", "last", "heard", "state"]
    assert "vendor_bo's" in rows[1]
    assert rows[1].endswith("first contact")
    assert [row for row in rows if "vendor_cy's" in row] == [rows[2]]
    assert rows[2].endswith("blocked")
    assert shell.run("people", "--json").document()["schema"] == "intentcast.people/1"


def test_nobody(shell: Shell, registry: FakePeople):
    registry.shops, registry.blocked = [], []
    found = shell.run("people")
    assert (found.out, found.err) == ("", "No shop has sent an offer yet.\n")


def test_a_word(shell: Shell, registry: FakePeople):
    found = shell.run("people", "block", "key-7Q4M")
    assert (found.code, found.out) == (0, "")
    assert "1 shop in all" in found.err
    assert "Unblocked" in shell.run("people", "unblock", "key-7Q4M").err
    assert registry.calls == [("block", "key-7Q4M"), ("unblock", "key-7Q4M")]
    assert shell.run("people", "block", "key-7Q4M", "--json").document()["blocked"]
    assert shell.run("people", "unblock", "key-7Q4M", "--json").err == ""


def test_a_key_nobody_has(shell: Shell, registry: FakePeople):
    registry.fails = NotFoundError("no shop here goes by 'x'", fix="List: intentcast people")
    found = shell.run("people", "block", "key-0000")
    assert (found.code, "(E-NOT-FOUND)" in found.err) == (7, True)
