"""Key files: whole or not there, private, and never able to ask for more than a machine has."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from pathlib import Path

import pytest

from node.entropy import SeededEntropy, SystemEntropy
from node.errors import KeystoreError
from node.keyfile import (
    MODERATE,
    Cost,
    NodeSeeds,
    Passphrase,
    SealedRoot,
    forget_drafts,
    given_passphrase,
    passphrase_line,
    read_node,
    read_passphrase_file,
    read_root,
    seal_root,
    sync_folder,
    write_node,
    write_root,
)
from protocol.errors import LocalProtocolError
from protocol.keys import Purpose, derive

ROOT = bytes(range(32))
CHEAP = Cost(passes=1, memory_kib=8 * 1024)
WORDS = "correct horse battery"
DRAWN = SeededEntropy("keyfile", net="test")


@pytest.fixture(scope="module")
def sealed() -> SealedRoot:
    return seal_root(ROOT, Passphrase(WORDS), DRAWN, CHEAP)


def private(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    path.chmod(0o600)


# --- passphrases ---------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "1234567", "x" * 1_001, "line\nanother", "tab\tis one too"])
def test_what_is_no_passphrase(text: str):
    with pytest.raises(LocalProtocolError) as refused:
        Passphrase(text)
    assert refused.value.code == "E-PASSPHRASE"
    assert not text or text not in str(refused.value)


@pytest.mark.parametrize("text", ["", "wrong", "x" * 1_001, "line\nanother"])
def test_what_can_be_no_passphrase_is_a_wrong_one_where_it_is_to_open(tmp_path: Path, text: str):
    with pytest.raises(KeystoreError) as refused:
        given_passphrase(text)
    assert refused.value.code == "E-PASSPHRASE-WRONG"
    assert "24 words" in refused.value.fix
    assert refused.value.__cause__ is None
    file = tmp_path / "phrase"
    file.write_text("short\n")
    with pytest.raises(KeystoreError):
        read_passphrase_file(file, given_passphrase)


def test_one_look_is_one_passphrase():
    composed, decomposed = Passphrase("caf\u00e9 au lait"), Passphrase("cafe\u0301 au lait")
    assert composed.reveal() == decomposed.reveal()


def test_a_passphrase_shows_itself_to_nobody():
    found = Passphrase(WORDS)
    assert WORDS not in f"{found!r} {found}"
    assert not hasattr(found, "__dict__")


def test_a_passphrase_file_gives_its_first_line(tmp_path: Path):
    file = tmp_path / "phrase"
    file.write_bytes(b"\xef\xbb\xbf" + WORDS.encode() + b"\r\nanything else\n")
    assert read_passphrase_file(file).reveal() == WORDS.encode()
    assert passphrase_line(WORDS.encode()).reveal() == WORDS.encode()


def test_a_passphrase_file_that_cannot_be_used(tmp_path: Path):
    with pytest.raises(LocalProtocolError) as missing:
        read_passphrase_file(tmp_path / "none")
    assert missing.value.code == "E-FILE"
    with pytest.raises(LocalProtocolError) as binary:
        passphrase_line(b"\xff\xfe secret bytes")
    assert binary.value.code == "E-PASSPHRASE"
    assert binary.value.__cause__ is None


# --- sealed roots --------------------------------------------------------------------------------


def test_a_sealed_root_opens_with_its_passphrase_alone(tmp_path: Path, sealed: SealedRoot):
    write_root(tmp_path, sealed)
    found = read_root(tmp_path)
    assert isinstance(found, SealedRoot)
    assert found == sealed
    assert found.open(Passphrase(WORDS)) == ROOT
    with pytest.raises(KeystoreError) as refused:
        found.open(Passphrase("correct horse batterie"))
    assert refused.value.code == "E-PASSPHRASE-WRONG"


def test_nothing_of_the_root_stands_in_the_file(tmp_path: Path, sealed: SealedRoot):
    write_root(tmp_path, sealed)
    raw = (tmp_path / "root.key").read_bytes()
    assert not any(ROOT[start : start + 6] in raw for start in range(27))
    assert stat.S_IMODE((tmp_path / "root.key").stat().st_mode) == 0o600


def test_two_seals_of_one_root_share_nothing(sealed: SealedRoot):
    other = seal_root(ROOT, Passphrase(WORDS), SystemEntropy(), CHEAP)
    assert (other.salt, other.nonce, other.box) != (sealed.salt, sealed.nonce, sealed.box)


def test_the_default_cost_is_libsodiums_moderate():
    assert (MODERATE.passes, MODERATE.memory_kib) == (3, 262_144)
    assert MODERATE.bearable


def test_every_byte_of_a_sealed_file_counts(tmp_path: Path, sealed: SealedRoot):
    raw = sealed.raw()
    for place in range(len(raw)):
        altered = bytearray(raw)
        altered[place] ^= 1
        private(tmp_path / "root.key", bytes(altered))
        with pytest.raises(KeystoreError) as refused:
            read_root(tmp_path)
        assert refused.value.code in ("E-KEYS-DAMAGED", "E-KEYS-NEWER")


def test_the_header_is_authenticated_with_the_root(sealed: SealedRoot):
    dearer = SealedRoot(
        cost=Cost(passes=2, memory_kib=CHEAP.memory_kib),
        salt=sealed.salt,
        nonce=sealed.nonce,
        box=sealed.box,
    )
    with pytest.raises(KeystoreError) as refused:
        dearer.open(Passphrase(WORDS))
    assert refused.value.code == "E-PASSPHRASE-WRONG"


@pytest.mark.parametrize(
    ("passes", "memory_kib"), [(0, 8_192), (17, 8_192), (1, 8_191), (3, 100 * 1024 * 1024)]
)
def test_a_planted_file_cannot_ask_for_everything(
    tmp_path: Path, sealed: SealedRoot, passes: int, memory_kib: int
):
    cost = Cost(passes=passes, memory_kib=memory_kib)
    planted = SealedRoot(cost=cost, salt=sealed.salt, nonce=sealed.nonce, box=sealed.box)
    private(tmp_path / "root.key", planted.raw())
    with pytest.raises(KeystoreError) as refused:
        read_root(tmp_path)
    assert refused.value.code == "E-KEYS-DAMAGED"


def test_too_little_memory_is_said(sealed: SealedRoot, monkeypatch: pytest.MonkeyPatch):
    def none_left(*_args, **_kwargs):
        raise MemoryError

    monkeypatch.setattr("node.keyfile.argon2id.kdf", none_left)
    with pytest.raises(KeystoreError) as refused:
        sealed.open(Passphrase(WORDS))
    assert (refused.value.code, "8 MiB" in str(refused.value)) == ("E-KEYS-MEMORY", True)


# --- files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content", [b"", b"intentcast root 1\n", b"intentcast root 1\n" + ROOT + b"x", ROOT * 2]
)
def test_a_damaged_file_is_named_and_kept(tmp_path: Path, content: bytes):
    private(tmp_path / "root.key", content)
    with pytest.raises(KeystoreError) as refused:
        read_root(tmp_path)
    assert refused.value.code == "E-KEYS-DAMAGED"
    assert (tmp_path / "root.key").read_bytes() == content


def test_a_file_of_a_newer_program_is_told_from_damage(tmp_path: Path):
    private(tmp_path / "root.key", b"intentcast root 3\nwhatever")
    with pytest.raises(KeystoreError) as refused:
        read_root(tmp_path)
    assert refused.value.code == "E-KEYS-NEWER"


def test_a_file_that_cannot_be_read_at_all(tmp_path: Path):
    (tmp_path / "root.key").mkdir(mode=0o700)
    with pytest.raises(KeystoreError) as refused:
        read_root(tmp_path)
    assert refused.value.code == "E-KEYS"


@pytest.mark.parametrize(("name", "read"), [("root.key", read_root), ("node.key", read_node)])
def test_files_others_can_read_are_refused_with_the_command(tmp_path: Path, name: str, read):
    write_root(tmp_path, ROOT)
    write_node(tmp_path, NodeSeeds.drawn(DRAWN))
    (tmp_path / name).chmod(0o640)
    with pytest.raises(KeystoreError) as refused:
        read(tmp_path)
    assert (refused.value.code, refused.value.fix) == (
        "E-KEYS-OPEN",
        f"chmod 600 {tmp_path / name}",
    )


def test_node_seeds_come_back(tmp_path: Path):
    assert read_node(tmp_path) is None
    seeds = NodeSeeds.drawn(DRAWN)
    write_node(tmp_path, seeds)
    assert read_node(tmp_path) == seeds
    assert seeds.transport != seeds.record
    assert seeds.transport.hex() not in repr(seeds)


def test_derived_node_seeds_are_those_of_earlier_programs():
    seeds = NodeSeeds.derived(ROOT)
    assert seeds.transport == derive(ROOT, Purpose.TRANSPORT, b"node")
    assert seeds.record == derive(ROOT, Purpose.TRANSPORT, b"record")


def test_damaged_node_seeds_say_what_removing_them_means(tmp_path: Path):
    private(tmp_path / "node.key", b"intentcast node 1\nshort")
    with pytest.raises(KeystoreError) as refused:
        read_node(tmp_path)
    assert refused.value.code == "E-KEYS-DAMAGED"
    assert "new id" in refused.value.fix


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(_descriptor: int, _data: bytes) -> int:
        raise OSError(28, "No space left on device")

    write_root(tmp_path, ROOT)
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space"):
            write_root(tmp_path, ROOT[::-1])
    assert read_root(tmp_path) == ROOT
    (tmp_path / "node.new").write_bytes(b"half")
    forget_drafts(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["root.key"]


def test_the_check_covers_header_and_box(sealed: SealedRoot):
    raw = sealed.raw()
    assert raw[-16:] == hashlib.blake2b(raw[:-16], digest_size=16).digest()


def test_a_write_that_fails_leaves_no_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def broken(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="Input/output"):
        write_root(tmp_path, ROOT)
    assert list(tmp_path.iterdir()) == []


def test_a_file_taken_by_the_system_in_parts_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    plain = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: plain(descriptor, data[:7]))
    write_root(tmp_path, ROOT)
    assert read_root(tmp_path) == ROOT


def test_a_link_is_followed_and_never_taken_for_nothing(tmp_path: Path):
    home, stick = tmp_path / "home", tmp_path / "stick"
    for folder in (home, stick):
        folder.mkdir()
    (home / "root.key").symlink_to(stick / "mine.key")
    with pytest.raises(KeystoreError) as refused:
        read_root(home)
    assert refused.value.code == "E-KEYS"
    assert "not there" in refused.value.sentence
    write_root(stick, ROOT)
    (stick / "root.key").rename(stick / "mine.key")
    assert read_root(home) == ROOT
    write_root(home, ROOT[::-1])
    assert (home / "root.key").is_symlink()
    assert (stick / "mine.key").read_bytes().endswith(ROOT[::-1])


def test_what_is_no_file_is_not_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "root.key", 0o600)
    with pytest.raises(KeystoreError) as refused:
        read_root(tmp_path)
    assert refused.value.code == "E-KEYS"


@pytest.mark.parametrize(("number", "is_told"), [(22, False), (95, False), (5, True)])
def test_a_folder_that_knows_no_sync_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, is_told: bool
):
    def refuse(_descriptor: int) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="no") if is_told else contextlib.nullcontext():
        sync_folder(tmp_path)


def test_what_follows_the_line_of_a_passphrase_may_be_anything(tmp_path: Path):
    file = tmp_path / "phrase"
    # An odd number of bytes, so that the most that is read ends in half a character.
    file.write_bytes(b"the first line\n" + "\u00e4".encode() * 4_000)
    assert read_passphrase_file(file).reveal() == b"the first line"
