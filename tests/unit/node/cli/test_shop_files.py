"""The files of a shop, and imports with and without a running node."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.storage.lock import HomeLock
from tests.unit.node.cli.conftest import Shell

FEED = "id,title,price,category\n1,Camera,200.00 EUR,electronics/cameras/digital-cameras\n"


@pytest.fixture
def shop(down: Shell) -> Shell:
    assert down.run("vendor", "init", "--name", "Shop One").code == 0
    return down


@pytest.mark.parametrize(
    ("argv", "code", "exit_code"),
    [
        (["--name", ""], "E-VENDOR", 2),
        (["--name", "x" * 100], "E-VENDOR", 2),
        (["--name", "x", "--area", "Berlin"], "E-PLACE", 2),
        (["--name", "x", "--area", "Berlin 20parsec"], "E-DISTANCE", 2),
        (["--name", "x", "--area", "Xyzzyville 20km"], "E-PLACE", 2),
        (["--name", "x", "--category", "xyz"], "E-CATEGORY", 2),
        (["--name", "x", "--currency", "QQQ"], "E-MONEY", 2),
    ],
)
def test_answers_that_are_none(down: Shell, argv: list[str], code: str, exit_code: int):
    found = down.run("vendor", "init", *argv)
    assert (found.code, f"({code})" in found.err) == (exit_code, True)
    assert not (down.home / "vendor.toml").exists()


def test_files_that_are_there_are_kept(shop: Shell):
    before = (shop.home / "vendor.toml").read_text()
    assert shop.run("vendor", "init", "--name", "y").code == 2
    refused = shop.run("vendor", "init", "--name", "y", tty=True, typed="n\n")
    assert (refused.code, "(E-FILE-EXISTS)" in refused.err) == (5, True)
    assert (shop.home / "vendor.toml").read_text() == before


def test_a_home_that_is_a_file(down: Shell):
    down.home.write_text("")
    found = down.run("vendor", "init", "--name", "x")
    assert (found.code, "(E-HOME)" in found.err) == (2, True)


def test_import_into_a_home_whose_node_is_down(shop: Shell, tmp_path: Path):
    (tmp_path / "feed.csv").write_text(FEED)
    found = shop.run("vendor", "import", "feed.csv", "--json").document()
    assert (found["added"], found["source"]) == (1, "feed.csv")
    again = shop.run("vendor", "import", "feed.csv", "--json").document()
    assert (again["added"], again["unchanged"]) == (0, 1)
    dry = shop.run("vendor", "import", "feed.csv", "--dry-run", "--json").document()
    assert dry["applied"] is False


def test_feeds_the_shop_names(shop: Shell):
    with (shop.home / "vendor.toml").open("a") as file:
        file.write('\n[[feed]]\nfile = "stock.csv"\nsource = "stock"\ncurrency = "EUR"\n')
    missing = shop.run("vendor", "import")
    assert (missing.code, "(E-FILE)" in missing.err) == (7, True)
    (shop.home / "stock.csv").write_text(FEED.replace(" EUR", ""))
    found = shop.run("vendor", "import", "--json").document()
    assert (found["source"], found["added"]) == ("stock", 1)


@pytest.mark.parametrize(
    ("argv", "code", "exit_code"),
    [([], "E-NO-FEED", 5), (["none.csv"], "E-FILE", 7), ([".."], "E-FILE", 7)],
)
def test_no_feed(shop: Shell, argv: list[str], code: str, exit_code: int):
    found = shop.run("vendor", "import", *argv)
    assert (found.code, f"({code})" in found.err) == (exit_code, True)


def test_a_feed_that_cannot_be_read(shop: Shell, tmp_path: Path):
    (tmp_path / "feed.csv").write_bytes(b"PK\x03\x04zip")
    found = shop.run("vendor", "import", "feed.csv")
    assert (found.code, "(E-FEED-FORMAT)" in found.err) == (2, True)


def test_a_home_without_a_shop_is_probably_the_wrong_one(down: Shell, tmp_path: Path):
    (tmp_path / "feed.csv").write_text(FEED)
    found = down.run("vendor", "import", "feed.csv")
    assert (found.code, "(E-NO-SHOP)" in found.err) == (5, True)
    assert str(down.home) in found.err


def test_a_home_somebody_holds(shop: Shell, tmp_path: Path):
    (tmp_path / "feed.csv").write_text(FEED)
    lock = HomeLock.acquire(shop.home / "node.lock")
    try:
        found = shop.run("vendor", "import", "feed.csv")
    finally:
        lock.release()
    assert (found.code, "(E-HOME-IN-USE)" in found.err) == (4, True)


def test_other_troubles_than_a_node_that_is_down_are_told(shop: Shell, tmp_path: Path):
    (tmp_path / "feed.csv").write_text(FEED)
    (shop.home / "rules.toml").write_text("currency = 7\n")
    found = shop.run("vendor", "import", "feed.csv")
    assert (found.code, "(E-RULES)" in found.err) == (2, True)


def test_an_example_shop_is_whole(down: Shell):
    made = down.run("vendor", "init", "--example", "camera-corner")
    assert made.code == 0
    assert (down.home / "vendor.toml").exists()
    found = down.run("vendor", "import", "--json").document()
    assert found["added"] > 0
    assert found["refused"] == 0


def test_no_such_example(down: Shell):
    found = down.run("vendor", "init", "--example", "xyz")
    assert (found.code, "(E-EXAMPLE)" in found.err) == (2, True)
    assert not down.home.exists()
