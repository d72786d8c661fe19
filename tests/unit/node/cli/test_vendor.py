"""`vendor`: a shop is made, filled, opened and looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.cli import vendor as module
from tests.unit.node.api.fake_citizen import FakeCitizen, full
from tests.unit.node.cli.conftest import Shell

FEED = "id,title,price,google_product_category\n1,Tent,20.00 EUR,Sporting Goods\n"


@pytest.fixture
def shop(shell: Shell) -> Shell:
    assert shell.run("vendor", "init", "--name", "Shop One").code == 0
    return shell


def test_init(down: Shell):
    argv = ["--name", "Shop One", "--area", "Berlin, DE 20km", "--category", "electronics/cameras"]
    found = down.run("vendor", "init", *argv, "--currency", "usd", "--email", "a@b.example")
    assert found.code == 0
    assert found.out.splitlines() == [
        str(down.home / "vendor.toml"),
        str(down.home / "rules.toml"),
    ]
    assert "✓ Shop One is set up." in found.err
    assert 'name = "Shop One"' in (down.home / "vendor.toml").read_text()
    assert 'currency = "USD"' in (down.home / "rules.toml").read_text()
    again = down.run("vendor", "init", *argv, "-y", "--json").document()
    assert again["schema"] == "intentcast.shop/1"


def test_import_through_the_node(shop: Shell, citizen: FakeCitizen, tmp_path: Path):
    (tmp_path / "feed.csv").write_text(FEED)
    found = shop.run("vendor", "import", "feed.csv", "--currency", "EUR", "--report", "bad.csv")
    assert found.code == 0
    assert found.out.startswith("feed.csv   CSV (comma, UTF-8), 3 rows\n")
    assert "added 2" in found.out
    assert 'line 3  price  "19,99"  E-FEED-PRICE' in found.err
    assert "Columns not used: colour2" in found.err
    assert "✓ 2 on offer, 1 refused." in found.err
    [(_, data, options)] = citizen.calls
    assert data == FEED.encode()
    assert (options["source"], options["currency"]) == ("feed.csv", "EUR")
    assert "E-FEED-PRICE" in (tmp_path / "bad.csv").read_text()


def test_a_dry_run_changes_nothing(shop: Shell, citizen: FakeCitizen, tmp_path: Path):
    (tmp_path / "feed.csv").write_text(FEED)
    found = shop.run("vendor", "import", "feed.csv", "--dry-run")
    assert "A dry run: nothing was changed." in found.err
    assert citizen.calls[0][2]["dry_run"] is True
    assert shop.run("vendor", "import", "feed.csv", "--json").document()["rows"] == 3


def test_nothing_could_be_used(shop: Shell, citizen, tmp_path: Path, monkeypatch):
    known = citizen.vendor_import

    async def none(data, options):
        return await known(data, options) | {"offered": 0, "added": 0, "refused": 3}

    monkeypatch.setattr(citizen, "vendor_import", none)
    (tmp_path / "feed.csv").write_text(FEED)
    assert shop.run("vendor", "import", "feed.csv").code == 5

    async def all_refused(data, options):
        return await known(data, options) | {"rows": 3, "added": 0, "refused": 3}

    monkeypatch.setattr(citizen, "vendor_import", all_refused)
    found = shop.run("vendor", "import", "feed.csv")
    assert (found.code, "2 on offer from before" in found.err, "✓" in found.err) == (5, True, False)


def test_an_import_says_how_to_keep_its_options(shop: Shell, tmp_path: Path):
    (tmp_path / "feed.csv").write_text(FEED)
    assert "vendor.toml" not in shop.run("vendor", "import", "feed.csv").err
    said = ("--currency", "EUR", "--decimal-comma", "--delimiter", ";", "--dry-run")
    assert "[[feed]]" not in shop.run("vendor", "import", "feed.csv", *said).err
    err = shop.run("vendor", "import", "feed.csv", *said[:-1]).err
    lines = [line.strip() for line in err[err.index("[[feed]]") :].splitlines()]
    assert lines == [
        "[[feed]]",
        f'file = "{tmp_path / "feed.csv"}"',
        'source = "feed.csv"',
        'currency = "EUR"',
        "decimal_comma = true",
        'delimiter = ";"',
    ]
    # What it printed is what the next import reads.
    with (shop.home / "vendor.toml").open("a") as file:
        file.write("\n" + "\n".join(lines) + "\n")
    assert shop.run("vendor", "import").code == 0
    assert "[[feed]]" not in shop.run("vendor", "import", "feed.csv", *said[:-1]).err


def test_serve_is_up_with_a_check(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    started = []

    def start_node(_, flags):
        started.append(flags)
        return 0

    monkeypatch.setattr(module, "start_node", start_node)
    refused = shell.run("vendor", "serve")
    assert (refused.code, "(E-NO-SHOP)" in refused.err, started) == (5, True, [])
    shell.run("vendor", "init", "--name", "x")
    assert shell.run("vendor", "serve", "--net", "t").code == 0
    assert started[0]["net"] == "t"


def test_status(shell: Shell, citizen: FakeCitizen, monkeypatch: pytest.MonkeyPatch):
    out = shell.run("vendor", "status").out
    assert "Shop      Shop One" in out
    assert "no_match" in out
    assert "Offline" not in shell.run("vendor", "status").err
    assert shell.run("vendor", "status", "--json").document()["schema"] == "intentcast.vendor/1"
    known = citizen.vendor_status

    async def broken():
        return await known() | {"rules_problem": "line 3", "skipped": [], "locked": True}

    monkeypatch.setattr(citizen, "vendor_status", broken)
    assert "the last good ones are used: line 3" in shell.run("vendor", "status").out
    assert "intentcast unlock" in shell.run("vendor", "status").err


def test_status_says_a_reason_once(
    shell: Shell, citizen: FakeCitizen, monkeypatch: pytest.MonkeyPatch
):
    known = citizen.vendor_status
    far = [{"cast": full("cast", n), "reason": "place", "words": "too far"} for n in range(7)]
    one = {"cast": full("cast", 9), "reason": "dates", "words": "too short"}
    odd = [one | {"words": f"no {n}"} for n in range(25)]

    async def busy():
        return await known() | {"skipped": [one, *far, *odd]}

    monkeypatch.setattr(citizen, "vendor_status", busy)
    found = shell.run("vendor", "status")
    [row] = [line for line in found.out.splitlines() if "too far" in line]
    assert row.split()[:2] == ["7", "place"]
    [row] = [line for line in found.out.splitlines() if "too short" in line]
    assert row.split()[-1].startswith("cast-")
    assert "... and 7 more" in found.err


def test_status_of_a_shop_nobody_is_linked_to(
    shell: Shell, citizen: FakeCitizen, monkeypatch: pytest.MonkeyPatch
):
    async def peers():
        return {
            "schema": "intentcast.peers/1",
            "peers": [],
            "unlinked": [],
            "known": 0,
            "dependent_on": None,
        }

    monkeypatch.setattr(citizen, "peers", peers)
    assert "Offline: no peers" in shell.run("vendor", "status").err


def test_catalogue(shell: Shell, citizen: FakeCitizen):
    shop = citizen.salesroom
    assert shop is not None
    shop.next = 50
    found = shell.run("vendor", "catalogue", "espresso", "machine", "--after", "7")
    assert shop.calls == [("catalogue", "espresso machine", 7)]
    assert "249.00 EUR a unit" in found.out
    assert "the feed counts no piece" in found.out
    assert "--after 50" in found.err
    shop.articles, shop.next = [], None
    assert "There is nothing." in shell.run("vendor", "catalogue").err


def test_offers(shell: Shell, citizen: FakeCitizen):
    found = shell.run("vendor", "offers")
    assert [line.split()[0] for line in found.out.splitlines()] == [
        "offer",
        "offer-AAA1-BBBB",
        "offer-CCC3",
    ]
    assert "agreed" in found.out


def test_inbox(shell: Shell, citizen: FakeCitizen):
    found = shell.run("vendor", "inbox")
    assert "deal-WAIT-ING1" in found.out
    assert "--confirm" in found.err
    assert "skipped, no_article" in found.out
    assert "offered, offer-AAA1-BBBB" in found.out
    assert citizen.salesroom is not None
    citizen.salesroom.waiting, citizen.salesroom.requests = [], []
    assert "no request has come" in shell.run("vendor", "inbox").err


@pytest.mark.parametrize("columns", [80, 60])
@pytest.mark.parametrize(
    ("verb", "whole"),
    [
        ("inbox", ("deal-WAIT-ING1", "cast-7Q4M-K2XD", "offered, offer-AAA1-BBBB")),
        ("offers", ("offer-AAA1-BBBB", "249.00 EUR", "deal-1")),
        ("catalogue", ("E-1", "249.00 EUR")),
    ],
)
def test_what_may_be_copied_is_whole_on_a_narrow_terminal(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, columns: int, verb: str, whole: tuple[str, ...]
):
    monkeypatch.setenv("COLUMNS", str(columns))
    out = shell.run("vendor", verb, tty=True).out
    assert all(text in out for text in whole)
    assert all(len(line) <= columns for line in out.splitlines())
