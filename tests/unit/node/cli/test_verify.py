"""`verify` needs nothing but the file; whatever is wrong in it is named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocol.encoding import decode, encode
from tests.parties import buyer_ana, make_agreement, make_cast
from tests.unit.node.cli.conftest import Shell

AGREEMENT = make_agreement()
RAW = AGREEMENT.bundle()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.agreement"
    path.write_bytes(RAW)
    return path


def test_verified(down: Shell, file: Path):
    found = down.run("verify", str(file))
    assert found.code == 0
    lines = found.out.splitlines()
    assert lines[0] == "verified"
    assert any(line.startswith("Total ") for line in lines)
    assert sum(line.startswith("  signed") for line in lines) == 1
    document = down.run("verify", str(file), "--json").document()
    assert document["schema"] == "intentcast.verification/1"
    assert document["verdict"] == "verified"
    assert document["agreement_id"].startswith("agreement-")
    assert [one["object"] for one in document["signed"]] == [
        *("cast", "profile", "offer", "acceptance", "confirmed", "agreed")
    ]
    assert document["vendor"]["name"] == AGREEMENT.profile.body.name
    assert document["lines"]


def test_only_chosen_options_are_told(down: Shell, tmp_path: Path):
    chosen = make_agreement(options=make_agreement().offer.body.option_indexes()[:1])
    (tmp_path / "b").write_bytes(chosen.bundle())
    lines = down.run("verify", "b", "--json").document()["lines"]
    assert len(lines) == len(chosen.acceptance.body.lines)


def test_without_agreed_it_is_unacknowledged(down: Shell, tmp_path: Path):
    (tmp_path / "b").write_bytes(replace(AGREEMENT, agreed=None).bundle())
    found = down.run("verify", "b")
    assert found.code == 5
    assert found.out.splitlines()[0] == "unacknowledged"
    assert "none: not acknowledged" in found.out
    assert "(E-UNACKNOWLEDGED)" in found.err
    assert down.run("verify", "b", "--json").document()["agreement_id"] is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(RAW) - 1), st.integers(1, 255))
def test_any_changed_byte_is_named(down: Shell, place: int, flip: int):
    changed = bytearray(RAW)
    changed[place] ^= flip
    path = down.home.parent / "changed"
    path.write_bytes(bytes(changed))
    found = down.run("verify", str(path))
    assert found.code == 5
    names = ("bundle", "cast", "profile", "offer", "acceptance", "confirmed", "agreed")
    [sentence] = [line for line in found.err.splitlines() if line.startswith("✗")]
    is_other = place == 0 and changed[0] >> 4 != 9
    assert ("is not an agreement file" in sentence) is is_other
    assert is_other or any(f"does not hold: {name}" in sentence for name in names)
    assert "(E-AGREEMENT)" in sentence


@pytest.mark.parametrize(
    "raw", [b"", b"# A page\n", b"<!doctype html><p>nothing carried", b"%PDF-1.7\n\xe2\xe3\xcf\xd3"]
)
def test_what_was_never_an_agreement_is_called_so(down: Shell, tmp_path: Path, raw: bytes):
    (tmp_path / "x.md").write_bytes(raw)
    found = down.run("verify", "x.md")
    assert found.code == 5
    assert "✗ x.md is not an agreement file (E-AGREEMENT)." in found.err
    assert "--save FILE" in found.err
    assert down.run("verify", "x.md", "--json").document()["verdict"] == "invalid"


@pytest.mark.parametrize("cut", [0, 1, 2, 100, len(RAW) - 1])
def test_a_cut_file(down: Shell, tmp_path: Path, cut: int):
    (tmp_path / "b").write_bytes(RAW[:cut])
    found = down.run("verify", "b", "--json")
    assert found.code == 5
    assert found.document()["verdict"] == "invalid"
    assert found.document()["fails"]


def test_a_part_of_another_deal(down: Shell, tmp_path: Path):
    pairs = decode(RAW, bytes_max=1 << 20)
    other = make_cast(title="another request")
    pairs[0] = [other.signed, other.signature]
    (tmp_path / "b").write_bytes(encode(pairs))
    document = down.run("verify", "b", "--json").document()
    assert document["fails"].startswith("offer")
    assert buyer_ana.name == "buyer_ana"


@pytest.mark.parametrize(
    ("name", "code", "exit_code"),
    [
        ("none", "E-FILE", 7),
        (".", "E-FILE", 7),
        ("large", "E-AGREEMENT", 5),
        ("empty", "E-AGREEMENT", 5),
    ],
)
def test_what_is_no_agreement(down: Shell, tmp_path: Path, name: str, code: str, exit_code: int):
    with (tmp_path / "large").open("wb") as file:
        file.truncate(10 << 20)
    (tmp_path / "empty").touch()
    found = down.run("verify", name)
    assert (found.code, f"({code})" in found.err) == (exit_code, True)
