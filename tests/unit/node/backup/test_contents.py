"""What goes into a backup and how it comes out: by name, by size, by hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from node.backup.contents import (
    FILES_MAX,
    Entry,
    Manifest,
    gather,
    is_taken,
    kind_of,
    list_files,
    pack,
    unpack,
)
from node.errors import RefusedError, StorageError
from protocol.encoding import encode


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    folder = tmp_path / "packed"
    folder.mkdir()
    (folder / "node.db").write_bytes(bytes(range(256)) * 3_000)
    (folder / "config.toml").write_text('net = "test"\n')
    (folder / "feed.csv").write_bytes(b"")
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def blocks_of(raw: bytes, size: int = 1_000) -> Iterator[bytes]:
    return iter([raw[start : start + size] for start in range(0, len(raw), size)])


def raw_of(folder: Path) -> bytes:
    size, pieces = pack(folder, list_files(folder))
    raw = b"".join(pieces)
    assert len(raw) == size
    return raw


def refused(raw: bytes, out: Path) -> str:
    with pytest.raises(StorageError) as caught:
        unpack(blocks_of(raw), out)
    return caught.value.code


@pytest.mark.parametrize("size", [1, 7, 65_536, 10_000_000])
def test_a_folder_comes_out_as_it_went_in(packed: Path, out: Path, size: int):
    raw = raw_of(packed) if size > 1 else raw_of(packed)[:]
    manifest = unpack(blocks_of(raw, max(size, 500)), out)
    assert [entry.name for entry in manifest.files] == ["config.toml", "feed.csv", "node.db"]
    for path in packed.iterdir():
        assert (out / path.name).read_bytes() == path.read_bytes()
        assert (out / path.name).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("node.db", True),
        ("config.toml", True),
        ("Angebot \u00fcber Gr\u00f6\u00dfen.CSV", True),
        ("root.key", False),
        ("node.key", False),
        ("api.token", False),
        ("api.json", False),
        ("node.lock", False),
        ("node.log", False),
        ("words.confirmed", False),
        ("node.db-wal", False),
        ("..", False),
        ("../x.toml", False),
        ("a\\b.toml", False),
        (".hidden.toml", False),
        ("bell\x07.csv", False),
        ("x" * 200 + ".csv", False),
    ],
)
def test_what_belongs_in_a_backup(name: str, taken: bool):
    assert is_taken(name) is taken


def test_kinds():
    names = ("node.db", "config.toml", "rules.toml")
    assert [kind_of(name) for name in names] == ["database", "settings", "shop"]


def test_gathering_leaves_out_keys_folders_and_the_live_database(tmp_path: Path, out: Path):
    home = tmp_path / "home"
    home.mkdir()
    for name in ("node.db", "config.toml", "vendor.toml", "root.key", "api.token", "readme"):
        (home / name).write_text(name)
    (home / "folder.toml").mkdir()
    gather(home, out)
    assert sorted(path.name for path in out.iterdir()) == ["config.toml", "vendor.toml"]


def test_too_many_files_are_refused_not_left_out(tmp_path: Path, out: Path):
    home = tmp_path / "home"
    home.mkdir()
    for number in range(FILES_MAX):
        (home / f"feed-{number}.csv").write_bytes(b"")
    with pytest.raises(RefusedError) as caught:
        gather(home, out)
    assert caught.value.code == "E-BACKUP-CONTENT"


def planted(entries: list[Entry], body: bytes) -> bytes:
    raw = encode(msgspec.to_builtins(Manifest(files=entries), builtin_types=(bytes,)))
    return len(raw).to_bytes(4, "big") + raw + body


def entry(name: str, body: bytes) -> Entry:
    return Entry(name=name, size=len(body), hash=hashlib.blake2b(body, digest_size=32).digest())


DATABASE = entry("node.db", b"rows")


@pytest.mark.parametrize("name", ["../evil.toml", "root.key", "api.token", "/etc/x.toml"])
def test_a_name_that_leads_elsewhere_is_refused(out: Path, name: str):
    raw = planted([DATABASE, entry(name, b"x")], b"rowsx")
    assert refused(raw, out) == "E-BACKUP-DAMAGED"
    assert list(out.iterdir()) == []


def test_lists_that_do_not_fit_what_follows(out: Path, tmp_path: Path):
    other = entry("config.toml", b"x")
    cases = {
        "no database": planted([other], b"x"),
        "twice": planted([DATABASE, DATABASE], b"rowsrows"),
        "too short": planted([DATABASE], b"row"),
        "too long": planted([DATABASE], b"rows and more"),
        "a wrong hash": planted([DATABASE], b"ROWS"),
        "no list": (4).to_bytes(4, "big") + b"\xc1\xc1\xc1\xc1",
        "a list of all memory": (1 << 31).to_bytes(4, "big"),
        "nothing": b"",
    }
    for number, (name, raw) in enumerate(cases.items()):
        place = tmp_path / str(number)
        place.mkdir()
        assert refused(raw, place) == "E-BACKUP-DAMAGED", name


def test_a_list_too_long_is_never_written(packed: Path):
    names = [f"{number:03}-{'x' * 110}.csv" for number in range(FILES_MAX)]
    manifest = Manifest(files=[entry(name * 9, b"") for name in names])
    with pytest.raises(ValueError, match="too long"):
        pack(packed, manifest)


def test_as_many_files_as_may_be_with_the_longest_names(tmp_path: Path, out: Path):
    home, work = tmp_path / "home", tmp_path / "work"
    for folder in (home, work):
        folder.mkdir()
    (work / "node.db").write_bytes(b"")
    rest = "\u0436" * 113
    for number in range(FILES_MAX - 1):
        (home / f"{number:03}{rest}.csv").write_bytes(b"")
    gather(home, work)
    manifest = list_files(work)
    size, pieces = pack(work, manifest)
    plain = b"".join(pieces)
    assert len(plain) == size
    assert unpack(iter([plain]), out) == manifest
