"""One root, kept in one private file; everything else follows from it, and nothing while locked."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

import pytest

from node.entropy import SeededEntropy
from node.errors import KeystoreError
from node.keyfile import Cost, NodeSeeds, Passphrase, read_node, read_root, write_root
from node.keystore import (
    PROFILE_CONTEXT,
    Keyring,
    change_passphrase,
    confirm_words,
    generation_of,
    is_profile,
    is_sealed,
    open_keyring,
    open_root,
    profile_context,
    words_confirmed,
)
from node.words import root_from_words
from protocol.keys import Purpose, derive

ROOT = bytes(range(32))
CHEAP = Cost(passes=1, memory_kib=8 * 1024)
ONE, TWO = Passphrase("the first passphrase"), Passphrase("the second passphrase")


@pytest.fixture
def drawn() -> SeededEntropy:
    return SeededEntropy("keys", net="test")


def test_the_first_run_makes_keys_and_the_second_finds_them(tmp_path: Path, drawn):
    first, made = open_keyring(tmp_path, drawn)
    again, made_again = open_keyring(tmp_path, drawn)
    assert (made, made_again) == (True, False)
    assert first.sign_seed(b"x") == again.sign_seed(b"x")
    assert first.transport_seed() == again.transport_seed()
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert files == {"root.key": 0o600, "node.key": 0o600}


def test_drafts_left_by_a_crash_go(tmp_path: Path, drawn):
    (tmp_path / "root.new").write_bytes(b"half")
    _, made = open_keyring(tmp_path, drawn)
    assert made
    assert {path.name for path in tmp_path.iterdir()} == {"root.key", "node.key"}


def test_two_homes_of_one_root_are_two_nodes(tmp_path: Path, drawn):
    found = []
    for name in ("a", "b"):
        home = tmp_path / name
        home.mkdir()
        keyring, _ = open_keyring(home, drawn)
        found.append(keyring)
    (tmp_path / "b" / "root.key").write_bytes((tmp_path / "a" / "root.key").read_bytes())
    copy, _ = open_keyring(tmp_path / "b", drawn)
    assert copy.sign_seed(b"x") == found[0].sign_seed(b"x")
    assert copy.transport_seed() == found[1].transport_seed() != found[0].transport_seed()


def test_a_home_of_an_earlier_program_stays_the_node_it_was(tmp_path: Path, drawn):
    write_root(tmp_path, ROOT)
    keyring, made = open_keyring(tmp_path, drawn)
    assert not made
    assert keyring.transport_seed() == NodeSeeds.derived(ROOT).transport
    assert read_node(tmp_path) == NodeSeeds.derived(ROOT)


def test_a_crash_between_the_two_files_leaves_no_derived_node(tmp_path: Path, drawn, monkeypatch):
    def full(_home: Path, _root: bytes) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("node.keystore.write_root", full)
        with pytest.raises(OSError, match="No space"):
            open_keyring(tmp_path, drawn)
    kept = read_node(tmp_path)
    keyring, made = open_keyring(tmp_path, drawn)
    assert made
    assert kept is not None
    assert keyring.transport_seed() == kept.transport
    assert (
        keyring.transport_seed()
        != NodeSeeds.derived(root_from_words(" ".join(keyring.words()))).transport
    )


def test_a_sealed_home_opens_locked_or_with_its_passphrase(tmp_path: Path, drawn):
    keyring, made = open_keyring(tmp_path, drawn, passphrase=ONE, cost=CHEAP)
    assert (made, keyring.is_locked) == (True, False)
    assert is_sealed(tmp_path)
    locked, _ = open_keyring(tmp_path, drawn)
    assert locked.is_locked
    assert locked.transport_seed() == keyring.transport_seed()
    unlocked, _ = open_keyring(tmp_path, drawn, passphrase=ONE)
    assert unlocked.sign_seed(b"x") == keyring.sign_seed(b"x")
    with pytest.raises(KeystoreError) as refused:
        open_keyring(tmp_path, drawn, passphrase=TWO)
    assert refused.value.code == "E-PASSPHRASE-WRONG"


def test_a_sealed_home_without_its_node_key_becomes_a_new_node(tmp_path: Path, drawn):
    keyring, _ = open_keyring(tmp_path, drawn, passphrase=ONE, cost=CHEAP)
    (tmp_path / "node.key").unlink()
    again, _ = open_keyring(tmp_path, drawn, passphrase=ONE)
    assert again.transport_seed() != keyring.transport_seed()


def test_a_locked_keyring_refuses_every_seed_of_the_root_and_none_of_the_node():
    keyring = Keyring(None, NodeSeeds.derived(ROOT))
    asks = [
        lambda: keyring.sign_seed(b"x"),
        lambda: keyring.box_seed(b"x"),
        lambda: keyring.reader_seed(b"x"),
        lambda: keyring.review_seed(b"x"),
        lambda: keyring.backup_seed(b"x"),
        keyring.backup_name,
        keyring.words,
        keyring.check,
    ]
    for ask in asks:
        with pytest.raises(KeystoreError) as refused:
            ask()
        assert (refused.value.code, "intentcast unlock" in refused.value.fix) == (
            "E-KEYS-LOCKED",
            True,
        )
    assert len({keyring.transport_seed(), keyring.record_seed()}) == 2
    assert keyring.uses == 0


async def test_whoever_waits_for_the_keys_goes_on_when_they_are_back():
    keyring = Keyring(ROOT)
    await keyring.until_unlocked()
    seed = keyring.sign_seed(b"x")
    keyring.lock()
    assert keyring.is_locked
    waiting = asyncio.create_task(keyring.until_unlocked())
    await asyncio.sleep(0)
    assert not waiting.done()
    keyring.unlock(ROOT)
    await waiting
    keyring.check()
    assert (keyring.sign_seed(b"x"), keyring.uses) == (seed, 1)


def test_what_is_no_root_is_refused():
    with pytest.raises(ValueError, match="32"):
        Keyring(ROOT).unlock(b"short")
    with pytest.raises(ValueError, match="own keys"):
        Keyring(None)


def test_seeds_differ_by_purpose_and_by_context():
    keyring = Keyring(ROOT)
    seeds = [
        seed(ctx)
        for seed in (
            keyring.sign_seed,
            keyring.box_seed,
            keyring.reader_seed,
            keyring.review_seed,
            keyring.backup_seed,
        )
        for ctx in (b"profile", b"another")
    ]
    seeds += [keyring.transport_seed(), keyring.record_seed()]
    assert len(set(seeds)) == len(seeds)
    assert all(len(seed) == 32 for seed in seeds)
    assert ROOT not in seeds
    assert keyring.backup_name() not in b"".join(seeds)


def test_a_keyring_does_not_show_its_root():
    keyring = Keyring(ROOT)
    assert repr(keyring) == "Keyring(...)"
    assert ROOT.hex() not in repr(vars(keyring).keys())


def test_words_restore_the_root():
    assert root_from_words(" ".join(Keyring(ROOT).words())) == ROOT


# --- passphrases ---------------------------------------------------------------------------------


def changed(home: Path, old: Passphrase | None, new: Passphrase | None, drawn) -> bytes:
    return change_passphrase(home, old, new, drawn, cost=CHEAP)


def test_a_passphrase_is_set_changed_and_removed(tmp_path: Path, drawn):
    write_root(tmp_path, ROOT)
    assert not is_sealed(tmp_path)
    assert changed(tmp_path, None, ONE, drawn) == ROOT
    assert is_sealed(tmp_path)
    assert changed(tmp_path, ONE, TWO, drawn) == ROOT
    assert open_root(tmp_path, TWO).sign_seed(b"x") == Keyring(ROOT).sign_seed(b"x")
    with pytest.raises(KeystoreError):
        open_root(tmp_path, ONE)
    assert changed(tmp_path, TWO, None, drawn) == ROOT
    assert read_root(tmp_path) == ROOT


@pytest.mark.parametrize(
    ("sealed", "old", "code"),
    [
        (True, None, "E-PASSPHRASE-STATE"),
        (True, TWO, "E-PASSPHRASE-WRONG"),
        (False, ONE, "E-PASSPHRASE-STATE"),
    ],
)
def test_a_change_that_may_not_be(tmp_path: Path, drawn, sealed: bool, old, code: str):
    write_root(tmp_path, ROOT)
    if sealed:
        changed(tmp_path, None, ONE, drawn)
    before = (tmp_path / "root.key").read_bytes()
    with pytest.raises(KeystoreError) as refused:
        changed(tmp_path, old, TWO, drawn)
    assert refused.value.code == code
    assert (tmp_path / "root.key").read_bytes() == before


def test_there_is_no_passphrase_to_remove(tmp_path: Path, drawn):
    write_root(tmp_path, ROOT)
    with pytest.raises(KeystoreError) as refused:
        changed(tmp_path, ONE, None, drawn)
    assert "none to remove" in refused.value.sentence
    assert "set" not in refused.value.fix


def test_a_disk_that_cannot_take_it_leaves_the_old_key(tmp_path: Path, drawn, monkeypatch):
    def full(_descriptor: int, _data: bytes) -> int:
        raise OSError(28, "No space left on device")

    write_root(tmp_path, ROOT)
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(KeystoreError) as refused:
            changed(tmp_path, None, ONE, drawn)
    assert (refused.value.code, "No space" in str(refused.value)) == ("E-KEYS", True)
    assert read_root(tmp_path) == ROOT


def test_a_home_without_keys_says_how_to_make_them(tmp_path: Path, drawn):
    for ask in (
        lambda: changed(tmp_path, None, ONE, drawn),
        lambda: open_root(tmp_path, None),
        lambda: is_sealed(tmp_path),
    ):
        with pytest.raises(KeystoreError) as refused:
            ask()
        assert (refused.value.code, "restore" in refused.value.fix) == ("E-KEYS-NONE", True)


def test_a_sealed_root_without_a_passphrase_is_locked(tmp_path: Path, drawn):
    open_keyring(tmp_path, drawn, passphrase=ONE, cost=CHEAP)
    with pytest.raises(KeystoreError) as refused:
        open_root(tmp_path, None)
    assert refused.value.code == "E-KEYS-LOCKED"


def test_that_the_words_are_on_paper_is_remembered(tmp_path: Path):
    assert not words_confirmed(tmp_path)
    confirm_words(tmp_path)
    assert words_confirmed(tmp_path)
    assert (tmp_path / "words.confirmed").read_bytes() == b""


def test_generations_of_the_shop_have_keys_and_boxes_of_their_own():
    ring = Keyring(ROOT)
    contexts = [profile_context(number) for number in range(3)]
    assert contexts == [PROFILE_CONTEXT, b"profile#1", b"profile#2"]
    assert [generation_of(ctx) for ctx in contexts] == [0, 1, 2]
    assert all(is_profile(ctx) for ctx in contexts)
    assert ring.sign_seed(contexts[2]) == derive(ROOT, Purpose.SIGN, PROFILE_CONTEXT, 2)
    seeds = {
        seed(ctx) for seed in (ring.sign_seed, ring.box_seed, ring.reader_seed) for ctx in contexts
    }
    assert len(seeds) == 9


@pytest.mark.parametrize(
    "ctx", [bytes(16), b"profile#12345678", b"profile#", b"profile#x", b"profile#-1", b"other"]
)
def test_a_requests_nonce_is_never_a_generation(ctx: bytes):
    assert generation_of(ctx) == 0
    assert not is_profile(ctx)
    assert Keyring(ROOT).sign_seed(ctx) == derive(ROOT, Purpose.SIGN, ctx)


@pytest.mark.parametrize("number", [-1, 2**20 + 1])
def test_there_are_only_so_many_generations(number: int):
    with pytest.raises(ValueError, match="no such generation"):
        profile_context(number)


@pytest.mark.parametrize("trace", ["api.token", "words.confirmed"])
def test_a_lost_root_is_not_replaced_by_a_new_identity(
    tmp_path: Path, drawn: SeededEntropy, trace: str
):
    open_keyring(tmp_path, drawn)
    (tmp_path / "root.key").unlink()
    (tmp_path / trace).write_bytes(b"")
    with pytest.raises(KeystoreError) as refused:
        open_keyring(tmp_path, drawn)
    assert refused.value.code == "E-KEYS-NONE"
    assert "24 words" in refused.value.fix
    assert not (tmp_path / "root.key").exists()


def test_a_lost_root_of_a_database_in_use_is_not_replaced_either(
    tmp_path: Path, drawn: SeededEntropy
):
    asked: list[str] = []

    def lived_in() -> bool:
        asked.append("now")
        return True

    with pytest.raises(KeystoreError) as refused:
        open_keyring(tmp_path, drawn, is_lived_in=lived_in)
    assert refused.value.code == "E-KEYS-NONE"
    assert not list(tmp_path.iterdir())
    write_root(tmp_path, ROOT)
    assert open_keyring(tmp_path, drawn, is_lived_in=lived_in)[0].words()
    assert asked == ["now"], "a home with a root is not asked"


def test_a_first_run_that_died_half_way_goes_on_after_an_import(
    tmp_path: Path, drawn: SeededEntropy
):
    open_keyring(tmp_path, drawn)
    node = (tmp_path / "node.key").read_bytes()
    (tmp_path / "root.key").unlink()
    # A feed was imported before: there is a database, and nobody's yet.
    _, made = open_keyring(tmp_path, drawn, is_lived_in=lambda: False)
    assert made
    assert (tmp_path / "node.key").read_bytes() == node


def test_a_running_node_takes_back_its_own_root_only():
    keyring = Keyring(ROOT)
    keyring.lock()
    with pytest.raises(KeystoreError) as refused:
        keyring.unlock(bytes(32))
    assert (refused.value.code, keyring.is_locked) == ("E-KEYS-OTHER", True)
    keyring.unlock(ROOT)
    assert not keyring.is_locked
    started_locked = Keyring(None, NodeSeeds.derived(ROOT))
    started_locked.unlock(ROOT)
    started_locked.lock()
    with pytest.raises(KeystoreError):
        started_locked.unlock(bytes(32))
