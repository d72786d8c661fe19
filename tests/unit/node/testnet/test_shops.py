"""Example shops in homes of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from node.data.vocabulary import category_tree
from node.errors import ConfigError
from node.testnet.shops import STREET, furnish, stock, trades_of
from node.vendor.identity import load_identity
from node.vendor.showcase import shop_names
from protocol.errors import LocalProtocolError


def test_the_street_has_every_shop_and_trades_alternate():
    assert set(STREET) <= set(shop_names())
    assert trades_of(STREET[0]) != trades_of(STREET[1])


def test_a_home_gets_the_files_of_its_shop(tmp_path: Path):
    furnish(tmp_path, "alpine-wheels")
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"vendor.toml", "rules.toml", "alpine-wheels.feed.csv"}


def test_a_second_copy_is_told_apart_by_its_name(tmp_path: Path):
    first, second = tmp_path / "1", tmp_path / "2"
    for number, home in ((1, first), (2, second)):
        home.mkdir()
        furnish(home, "camera-corner", number)
    one, two = (
        load_identity(home / "vendor.toml", tree=category_tree()) for home in (first, second)
    )
    assert two.name == f"{one.name} 2"
    assert two.feeds == one.feeds


def test_an_unknown_shop_and_a_home_that_is_none_are_refused(tmp_path: Path):
    with pytest.raises(LocalProtocolError) as unknown:
        furnish(tmp_path, "nobody")
    assert unknown.value.code == "E-EXAMPLE"
    with pytest.raises(ConfigError) as missing:
        furnish(tmp_path / "not" / "there", "alpine-wheels")
    assert missing.value.code == "E-HOME"


class Importer:
    """Takes feeds and counts them."""

    def __init__(self) -> None:
        self.taken: list[tuple[Path, dict[str, Any]]] = []

    async def vendor_import(self, data: Path, options: dict[str, Any]) -> dict[str, Any]:
        self.taken.append((data, options))
        return {"offered": 3}


async def test_every_feed_is_imported_with_what_the_shop_says_of_it(tmp_path: Path):
    furnish(tmp_path, "pine-motors")
    importer = Importer()
    assert await stock(tmp_path, importer) == 3  # type: ignore[arg-type]
    [(path, options)] = importer.taken
    assert path == tmp_path / "pine-motors.feed.csv"
    assert options["decimal_comma"] is True
    assert options["currency"] == "USD"
    assert options["category"] == "travel/car-rental"
