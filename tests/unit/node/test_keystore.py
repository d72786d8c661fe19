"""One root, kept in one private file; everything else follows from it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from mnemonic import Mnemonic

from node.entropy import SeededEntropy
from node.errors import KeystoreError
from node.keystore import Keyring, open_keyring, root_from_words

ROOT = bytes(range(32))
DRAWN = SeededEntropy("keys", net="test")


def test_the_first_run_makes_a_root_and_the_second_finds_it(tmp_path: Path):
    first, made = open_keyring(tmp_path, DRAWN)
    again, made_again = open_keyring(tmp_path, DRAWN)
    assert (made, made_again) == (True, False)
    assert first.sign_seed(b"x") == again.sign_seed(b"x")
    file = tmp_path / "root.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_a_draft_left_by_a_crash_is_written_over(tmp_path: Path):
    (tmp_path / "root.new").write_bytes(b"half")
    _, made = open_keyring(tmp_path, DRAWN)
    assert made
    assert list(tmp_path.iterdir()) == [tmp_path / "root.key"]


@pytest.mark.parametrize(
    "content", [b"", b"intentcast root 1\n", b"intentcast root 1\n" + ROOT + b"x", ROOT * 2]
)
def test_a_damaged_file_is_named_and_kept(tmp_path: Path, content: bytes):
    file = tmp_path / "root.key"
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(KeystoreError) as refused:
        open_keyring(tmp_path, DRAWN)
    assert refused.value.code == "E-KEYS-DAMAGED"
    assert file.read_bytes() == content


def test_a_file_others_can_read_is_refused_with_the_command(tmp_path: Path):
    open_keyring(tmp_path, DRAWN)
    file = tmp_path / "root.key"
    file.chmod(0o640)
    with pytest.raises(KeystoreError) as refused:
        open_keyring(tmp_path, DRAWN)
    assert refused.value.code == "E-KEYS-OPEN"
    assert refused.value.fix == f"chmod 600 {file}"


def test_seeds_differ_by_purpose_and_by_context():
    keyring = Keyring(ROOT)
    seeds = [
        seed(ctx)
        for seed in (
            keyring.sign_seed,
            keyring.box_seed,
            keyring.reader_seed,
            keyring.review_seed,
        )
        for ctx in (b"profile", b"another")
    ]
    seeds += [keyring.transport_seed(), keyring.record_seed()]
    assert len(set(seeds)) == len(seeds)
    assert all(len(seed) == 32 for seed in seeds)
    assert ROOT not in seeds


def test_a_keyring_does_not_show_its_root():
    keyring = Keyring(ROOT)
    assert repr(keyring) == "Keyring(...)"
    assert ROOT.hex() not in repr(vars(keyring).keys())


def test_words_restore_the_root():
    words = Keyring(ROOT).words()
    assert len(words) == 24
    assert root_from_words("  ".join(words).upper() + "\n") == ROOT


def wrong(words: list[str]) -> KeystoreError:
    with pytest.raises(KeystoreError) as refused:
        root_from_words(" ".join(words))
    assert refused.value.code == "E-WORDS"
    assert refused.value.fix
    return refused.value


def test_words_that_are_wrong_are_told_apart():
    words = Keyring(ROOT).words()
    assert "23 words" in str(wrong(words[:-1]))
    misspelt = wrong([*words[:4], "abandom", *words[5:]])
    assert "word 5, 'abandom'" in str(misspelt)
    assert "abandon" in misspelt.fix
    assert "spelling" in wrong([*words[:4], "qqq", *words[5:]]).fix
    swapped = [words[1], words[0], *words[2:]]
    assert not Mnemonic("english").check(" ".join(swapped))
    assert "checksum" in str(wrong(swapped))


def test_a_half_written_key_is_never_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(_descriptor: int, _data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space"):
            open_keyring(tmp_path, DRAWN)
    assert not (tmp_path / "root.key").exists()
    assert open_keyring(tmp_path, DRAWN)[1]
