"""Restoring: a whole home or the place as it was, the same identity, another node."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from node.backup import restore
from node.backup.restore import Order, Restored, check_empty, restore_home
from node.entropy import SystemEntropy
from node.errors import RefusedError
from node.keyfile import Cost, Passphrase, SealedRoot, read_node, read_root, seal_root, sync_folder
from node.keystore import open_keyring, words_confirmed
from node.storage import restorations
from node.storage.database import Storage
from node.storage.lock import HomeLock
from node.words import root_from_words
from protocol.errors import IntentcastError
from tests.parties import NOW_MS
from tests.unit.node.backup.conftest import NET, Home


@pytest.fixture
def root(home: Home) -> bytes:
    return root_from_words(" ".join(home.keyring.words()))


async def restored(home: Home, order: Order) -> Restored:
    return await restore_home(order, clock=home.clock, entropy=SystemEntropy())


async def code_of(home: Home, order: Order) -> str:
    before = await asyncio.to_thread(lambda: sorted(order.home.parent.rglob("*")))
    with pytest.raises(IntentcastError) as refused:
        await restored(home, order)
    assert refused.value.fix
    assert await asyncio.to_thread(lambda: sorted(order.home.parent.rglob("*"))) == before
    return refused.value.code


def names(path: Path) -> set[str]:
    return {each.name for each in path.iterdir()}


async def test_words_alone_make_the_identity_anew(home: Home, root: bytes, tmp_path: Path):
    place = tmp_path / "deep" / "new"
    found = await restored(home, Order(home=place, root=root, net="fair"))
    assert (found.head, found.net, found.inventory.deals) == (None, "fair", 0)
    assert (place / "config.toml").read_text() == 'net = "fair"\n'
    assert {"root.key", "node.key", "node.db"} <= names(place)
    assert not {"node.lock", ".restoring"} & names(place)
    keyring, made = open_keyring(place, SystemEntropy())
    assert not made
    assert keyring.sign_seed(b"x") == home.keyring.sign_seed(b"x")
    assert keyring.transport_seed() != home.keyring.transport_seed()
    assert words_confirmed(place)
    assert names(tmp_path / "deep") == {"new"}
    storage = await Storage.open(place / "node.db", clock=home.clock)
    newest = await storage.read(restorations.load_newest)
    await storage.close()
    assert newest == restorations.Restoration(how="words", backup_ms=None, restored_ms=NOW_MS)


async def test_words_and_a_backup_make_everything_anew(
    home: Home, file: Path, root: bytes, tmp_path: Path
):
    place = tmp_path / "new"
    found = await restored(home, Order(home=place, root=root, file=file))
    assert found.head is not None
    assert found.net == NET
    assert (place / "config.toml").read_text() == 'net = "test"\n# config.toml\n'
    assert (place / "vendor.toml").read_text() == "# vendor.toml\n"
    assert not names(place) & {"api.token", "notes.md", "backups"}
    assert read_node(place) is not None
    assert (place / "node.key").read_bytes() != (home.path / "node.key").read_bytes()
    storage = await Storage.open(place / "node.db", clock=home.clock)
    newest = await storage.read(restorations.load_newest)
    await storage.close()
    assert newest is not None
    assert (newest.how, newest.backup_ms) == ("backup", NOW_MS)


async def test_settings_that_name_a_network_stay_as_they_are(
    home: Home, root: bytes, tmp_path: Path
):
    (home.path / "config.toml").write_text('net = "test"\nmailbox = true\n')
    await home.backup(tmp_path / "two.icb")
    order = Order(home=tmp_path / "new", root=root, file=tmp_path / "two.icb", net="test")
    assert (await restored(home, order)).net == "test"
    assert (tmp_path / "new" / "config.toml").read_text() == 'net = "test"\nmailbox = true\n'


async def test_settings_that_are_no_toml_are_kept_and_seen_to(
    home: Home, root: bytes, tmp_path: Path
):
    (home.path / "config.toml").write_text("= nonsense\n")
    await home.backup(tmp_path / "two.icb")
    order = Order(home=tmp_path / "new", root=root, file=tmp_path / "two.icb")
    await restored(home, order)
    assert "nonsense" in (tmp_path / "new" / "config.toml").read_text()


async def test_the_main_network_needs_no_setting(home: Home, root: bytes, tmp_path: Path):
    found = await restored(home, Order(home=tmp_path / "new", root=root))
    assert found.net == "main"
    assert not (tmp_path / "new" / "config.toml").exists()


async def test_a_root_may_be_sealed_from_the_start(home: Home, root: bytes, tmp_path: Path):
    passphrase = Passphrase("a passphrase for later")
    sealed = seal_root(root, passphrase, SystemEntropy(), Cost(passes=1, memory_kib=8_192))
    await restored(home, Order(home=tmp_path / "new", root=root, sealed=sealed))
    kept = read_root(tmp_path / "new")
    assert isinstance(kept, SealedRoot)
    assert kept.open(passphrase) == root


async def test_an_empty_folder_and_a_forgotten_lock_are_no_home(
    home: Home, root: bytes, tmp_path: Path
):
    for name, files in (("empty", []), ("locked", ["node.lock"])):
        place = tmp_path / name
        place.mkdir()
        for each in files:
            (place / each).write_text("")
        await restored(home, Order(home=place, root=root))
        assert "node.lock" not in names(place)
        assert "root.key" in names(place)


async def test_a_home_that_is_not_empty_is_left_alone(home: Home, root: bytes, tmp_path: Path):
    assert await code_of(home, Order(home=home.path, root=root)) == "E-HOME-NOT-EMPTY"
    place = tmp_path / "used"
    place.mkdir()
    for name, said in (
        ("a", "not empty: a is there"),
        ("b", "not empty: a, b are there"),
        ("c", "not empty: a, b, c are there"),
        ("d", "not empty: a, b, c and 1 more are there"),
    ):
        (place / name).write_text("")
        with pytest.raises(RefusedError, match=said):
            check_empty(place)
    (tmp_path / "file").write_text("x")
    assert await code_of(home, Order(home=tmp_path / "file", root=root)) == "E-HOME"


async def test_a_place_somebody_starts_in_is_left_alone(home: Home, root: bytes, tmp_path: Path):
    place = tmp_path / "new"
    place.mkdir()
    lock = HomeLock.acquire(place / "node.lock")
    assert await code_of(home, Order(home=place, root=root)) == "E-HOME-IN-USE"
    lock.release()
    build = tmp_path / ".new.restoring"
    build.mkdir()
    other = HomeLock.acquire(build / "node.lock")
    with pytest.raises(IntentcastError) as refused:
        await restored(home, Order(home=place, root=root))
    assert refused.value.code == "E-HOME-IN-USE"
    other.release()


async def test_what_a_crash_left_beside_goes(home: Home, root: bytes, tmp_path: Path):
    build = tmp_path / ".new.restoring"
    (build / "folder").mkdir(parents=True)
    (build / "root.key").write_text("of a dead process")
    await restored(home, Order(home=tmp_path / "new", root=root))
    assert not build.exists()
    assert read_root(tmp_path / "new") == root


async def test_backups_that_are_of_no_use_leave_nothing(
    home: Home, file: Path, root: bytes, tmp_path: Path
):
    place = tmp_path / "new"
    assert await code_of(home, Order(home=place, root=bytes(32), file=file)) == "E-BACKUP-KEY"
    order = Order(home=place, root=root, file=file, net="other")
    assert await code_of(home, order) == "E-BACKUP-NET"
    assert await code_of(home, Order(home=place, root=root, file=tmp_path / "none")) == "E-FILE"
    raw = await asyncio.to_thread(file.read_bytes)
    await asyncio.to_thread(file.write_bytes, raw[:-5])
    assert await code_of(home, Order(home=place, root=root, file=file)) == "E-BACKUP-CUT"


async def test_a_disk_that_cannot_take_it(
    home: Home, root: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(restore, "write_root", full)
    assert await code_of(home, Order(home=tmp_path / "new", root=root)) == "E-RESTORE"


def test_an_order_does_not_show_its_root(tmp_path: Path):
    root = bytes(range(32))
    assert repr(root) not in repr(Order(home=tmp_path, root=root))


async def test_a_link_keeps_leading_to_its_home(home: Home, root: bytes, tmp_path: Path):
    (tmp_path / "disk").mkdir()
    for target in ("disk/empty", "disk/not-there"):
        link = tmp_path / target.replace("/", "-")
        link.symlink_to(tmp_path / target)
        (tmp_path / "disk" / "empty").mkdir(exist_ok=True)
        await restored(home, Order(home=link, root=root))
        assert link.is_symlink()
        assert read_root(tmp_path / target) == root
    assert names(tmp_path / "disk") == {"empty", "not-there"}


async def test_a_link_put_where_the_home_is_built_is_not_followed(
    home: Home, root: bytes, tmp_path: Path
):
    treasure = tmp_path / "treasure"
    treasure.mkdir()
    (treasure / "letters").write_text("irreplaceable")
    (tmp_path / ".new.restoring").symlink_to(treasure)
    assert await code_of(home, Order(home=tmp_path / "new", root=root)) == "E-RESTORE"
    assert names(treasure) == {"letters"}


async def test_a_folder_of_somebody_else_takes_no_secret(
    home: Home, root: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(restore, "is_ours", lambda folder: folder.name != "theirs")
    (tmp_path / "theirs").mkdir()
    assert await code_of(home, Order(home=tmp_path / "theirs", root=root)) == "E-RESTORE"


async def test_a_folder_left_open_to_others_is_closed(home: Home, root: bytes, tmp_path: Path):
    (tmp_path / ".new.restoring").mkdir(mode=0o777)
    (tmp_path / ".new.restoring").chmod(0o777)
    await restored(home, Order(home=tmp_path / "new", root=root))
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


async def test_settings_that_are_no_text_do_not_stop_it(home: Home, root: bytes, tmp_path: Path):
    (home.path / "config.toml").write_bytes(b"# caf\xe9\r\n")
    await home.backup(tmp_path / "two.icb")
    await restored(home, Order(home=tmp_path / "new", root=root, file=tmp_path / "two.icb"))
    found = (tmp_path / "new" / "config.toml").read_bytes()
    assert found == b'net = "test"\n# caf\xe9\r\n'


async def test_cancelled_at_its_last_step_it_leaves_a_whole_home(
    home: Home, root: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    begun, go = threading.Event(), threading.Event()
    plain = sync_folder

    def slow(folder: Path) -> None:
        begun.set()
        assert go.wait(10)
        plain(folder)

    monkeypatch.setattr(restore, "sync_folder", slow)
    caller = asyncio.create_task(restored(home, Order(home=tmp_path / "new", root=root)))
    await asyncio.to_thread(begun.wait, 10)
    caller.cancel()
    for _ in range(20):
        await asyncio.sleep(0)
    assert not caller.done()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert {"root.key", "node.key", "node.db"} <= names(tmp_path / "new")
    assert not (tmp_path / ".new.restoring").exists()
