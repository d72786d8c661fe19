"""`categories` needs no node."""

from __future__ import annotations

from tests.unit.node.cli.conftest import Shell


def test_search(down: Shell):
    found = down.run("categories", "digital", "camera")
    assert found.out.splitlines()[1].startswith("electronics/cameras/digital-cameras")
    document = down.run("categories", "camera", "--json").document()
    assert document["schema"] == "intentcast.categories/1"
    assert set(document["categories"][0]) == {"path", "label"}


def test_the_top(down: Shell):
    found = down.run("categories")
    assert all("/" not in line.split()[0] for line in found.out.splitlines()[1:])


def test_one_with_its_attributes(down: Shell):
    found = down.run("categories", "electronics/cameras/digital-cameras")
    assert "resolution" in found.out
    document = down.run("categories", "electronics/cameras", "--json").document()
    assert document["schema"] == "intentcast.category/1"
    assert "electronics/cameras/digital-cameras" in document["below"]
    keys = {attribute["key"] for attribute in document["attributes"]}
    assert keys


def test_one_with_children(down: Shell):
    out = down.run("categories", "electronics/cameras").out
    assert "  electronics/cameras/digital-cameras" in out


def test_nothing_found(down: Shell):
    found = down.run("categories", "xyzzy")
    assert (found.code, found.out) == (7, "")
    assert "(E-NOT-FOUND)" in found.err
