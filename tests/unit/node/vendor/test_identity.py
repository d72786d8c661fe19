"""Who the shop is: written, read back, and held against the profile's rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.errors import ConfigError
from node.vendor.feeds import FeedOptions
from node.vendor.identity import (
    Area,
    FeedSource,
    Identity,
    identity_text,
    load_identity,
    parse_identity,
    save_identity,
)
from node.vendor.matching import Shop
from node.vendor.prices import ShopHabits
from protocol.errors import LocalProtocolError
from protocol.values.category import CategoryTree
from protocol.values.place import Where
from tests.parties import vendor_bo

CELL = "872696a5affffff"
WHOLE = Identity(
    name='Shop "of" Größe',
    party="agency",
    acts_for="buyer",
    areas=(
        Area(place="Park City, UT", cell=CELL, radius_km=20),
        Area(place="", cell=CELL, radius_km=0),
    ),
    categories=("travel/car-rental", "food"),
    hours="Mo-Fr 09:00-18:00",
    capabilities=("delivers", "speaks German"),
    terms=("SD-BASE",),
    domain="shop.example",
    contact={"email": "desk@shop.example", "street": "1 Example Street"},
    feeds=(
        FeedSource(
            file="feed.csv",
            habits=ShopHabits(
                source="main",
                currency="EUR",
                decimal_comma=True,
                category="food",
                price_unit="KGM",
            ),
            options=FeedOptions(encoding="latin-1", delimiter=";"),
        ),
        FeedSource(file="b.xml", habits=ShopHabits(source="b.xml"), options=FeedOptions()),
    ),
)


@pytest.mark.parametrize("identity", [WHOLE, Identity(name="A")])
def test_what_is_written_is_read_back(tmp_path: Path, tree: CategoryTree, identity: Identity):
    path = tmp_path / "vendor.toml"
    save_identity(path, identity, tree=tree)
    assert load_identity(path, tree=tree) == identity
    assert [p.name for p in tmp_path.iterdir()] == ["vendor.toml"]
    assert identity_text(identity).startswith("# Who this shop is.")


def test_a_profile_says_the_same():
    profile = WHOLE.profile(vendor_bo.reply())
    assert (profile.name, profile.party, profile.acts_for) == (WHOLE.name, "agency", "buyer")
    assert profile.areas[0] == Where(cell=CELL, radius_km=20)
    assert profile.contact is not None
    assert profile.contact.email == "desk@shop.example"
    assert profile.domain == "shop.example"
    assert Identity(name="A").profile(vendor_bo.reply()).contact is None


def test_matching_sees_the_first_area():
    assert WHOLE.shop() == Shop(
        party="agency",
        domain="shop.example",
        cell=CELL,
        radius_km=20,
        categories=("travel/car-rental", "food"),
        terms=("SD-BASE",),
    )
    assert Identity(name="A").shop().cell == ""


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "vendor.toml: name is missing"),
        ('name = "A"\nparty = "bank"', "vendor.toml:2: party is bank"),
        ('name = "A"\nacts_for = "me"', "vendor.toml:2: acts_for"),
        ('name = "A"\ncategories = ["travl"]', "vendor.toml:2: categories 'travl'"),
        ('name = "A"\nterms = ["SD-BAES"]', "vendor.toml:2: terms names SD-BAES"),
        ('name = "A"\nterms = ["QQQQ"]', "vendor.toml:2: terms names QQQQ"),
        ('name = "A"\ndomain = "not a domain"', "vendor.toml:1: name this shop"),
        ('name = "A"\n[[area]]\nplace = "x"', "vendor.toml:2: area.cell is missing"),
        ('name = "A"\n[[area]]\ncell = "zzz"', "vendor.toml:3: area.cell is not usable"),
        (f'name = "A"\n[[area]]\ncell = "{CELL}"\nradius_km = -1', "vendor.toml:4: area.radius_km"),
        ('name = "A"\n[[area]]\ncell = "8b2696a5a0c1fff"', "vendor.toml:3: area.cell"),
        ('name = "A"\n[contact]\nfax = "1"', "vendor.toml:3: contact.fax"),
        ('name = "A"\n[[feed]]\nsource = "x"', "vendor.toml:2: feed.file is missing"),
        ('name = "A"\n[[feed]]\nfile = "x"\ncurrency = "QQQ"', "vendor.toml:4: feed.currency"),
        ('name = "A"\n[[feed]]\nfile = "x"\nprice_unit = "hour"', "vendor.toml:4: feed.price_unit"),
        ('name = "A"\n[[feed]]\nfile = "x"\ncategory = "x"', "vendor.toml:4: feed.category"),
        ('name = "A"\nnam3 = "B"', "vendor.toml:2: nam3 is not a key here"),
    ],
)
def test_mistakes_are_named(tree: CategoryTree, text: str, where: str):
    with pytest.raises(ConfigError) as found:
        parse_identity(text, tree=tree)
    assert found.value.code == "E-VENDOR"
    assert found.value.sentence.startswith(where)
    assert found.value.fix


def test_nothing_is_written_that_could_not_be_read(tmp_path: Path, tree: CategoryTree):
    path = tmp_path / "vendor.toml"
    with pytest.raises(ConfigError):
        save_identity(path, Identity(name="x" * 81), tree=tree)
    with pytest.raises(ConfigError):
        save_identity(path, Identity(name="A\x7f"), tree=tree)
    assert not path.exists()
    with pytest.raises(ConfigError, match="cannot be written"):
        save_identity(tmp_path / "no" / "vendor.toml", Identity(name="A"), tree=tree)


def test_a_profile_that_breaks_a_rule_is_not_made():
    with pytest.raises(LocalProtocolError) as found:
        Identity(name="").profile(vendor_bo.reply())
    assert found.value.code == "E-VENDOR"
