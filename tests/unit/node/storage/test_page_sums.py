"""The file of sums: whole or not believed, ahead of the pages, private."""

from __future__ import annotations

import errno
import io
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from node.storage import page_sums
from node.storage.page_sums import (
    HEAD_BYTES,
    NO_SUM,
    SUM_BYTES,
    Mark,
    PageSums,
    never_written,
    page_sum,
    sum_holds,
    sums_path,
)

MARK = Mark(origin=b"o" * 16, page_bytes=4_096, pages=3)
SUMS = b"".join(page_sum(n, bytes([n]) * 4_096) for n in (1, 2, 3))


def made(path: Path) -> PageSums:
    return PageSums.make(path, MARK, SUMS)


def test_what_was_made_is_loaded(path: Path):
    made(path).close()
    found = PageSums.load(path)
    assert found is not None
    assert found.mark == MARK
    assert found.sums() == SUMS
    found.close()
    found.close()
    assert sums_path(path).stat().st_mode & 0o777 == 0o600
    assert sorted(each.name for each in path.parent.iterdir()) == ["home.db-sums"]


def test_there_may_be_none(path: Path):
    assert PageSums.load(path) is None


def test_a_note_changes_the_head_alone(path: Path):
    sums = made(path)
    told = replace(MARK, salts=b"s" * 8, told=7, covered=3, last_page=2, last_sum=b"l" * 16)
    sums.note(told)
    sums.close()
    found = PageSums.load(path)
    assert found is not None
    assert found.mark == told
    assert found.sums() == SUMS
    found.close()


def test_sums_are_synced_before_the_head_that_counts_on_them(path: Path, monkeypatch):
    sums = made(path)
    seen: list[bytes] = []

    def fsync(_descriptor: int) -> None:
        seen.append(sums_path(path).read_bytes())

    monkeypatch.setattr(os, "fsync", fsync)
    grown = replace(MARK, pages=5, covered=9)
    sums.put({5: b"5" * 16, 2: b"2" * 16}, grown)
    sums.close()
    first, second = seen
    assert first[HEAD_BYTES + SUM_BYTES : HEAD_BYTES + 2 * SUM_BYTES] == b"2" * 16
    assert first[:HEAD_BYTES] == MARK.written()
    assert second[:HEAD_BYTES] == grown.written()
    found = PageSums.load(path)
    assert found is not None
    assert found.sums() == SUMS[:16] + b"2" * 16 + SUMS[32:48] + never_written(4) + b"5" * 16
    found.close()


@pytest.mark.parametrize("at", [0, 8, 24, 50, 67, 83])
def test_a_head_that_is_not_whole_is_not_believed(path: Path, at: int):
    made(path).close()
    file = sums_path(path)
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.write_bytes(content)
    assert PageSums.load(path) is None
    file.write_bytes(content[:100])
    assert PageSums.load(path) is None


def test_every_bit_of_a_sum_counts():
    for known in (page_sum(7, b"x" * 512), never_written(7)):
        assert sum_holds(7, known)
        assert not sum_holds(8, known)
        for bit in range(SUM_BYTES * 8):
            other = (int.from_bytes(known, "big") ^ 1 << bit).to_bytes(SUM_BYTES, "big")
            assert not sum_holds(7, other)
    assert not any(sum_holds(number, NO_SUM) for number in range(1, 10_000))


def test_a_part_of_the_sums_can_be_read_and_what_is_missing_is_no_sum(path: Path):
    sums = made(path)
    assert sums.sums(2, 3) == SUMS[16:]
    os.truncate(sums_path(path), HEAD_BYTES + 20)
    assert sums.sums() == SUMS[:20] + bytes(28)
    assert sums.sums(3, 3) == NO_SUM
    sums.spoil()
    sums.close()
    assert sums_path(path).stat().st_size == 0
    assert PageSums.load(path) is None


class Disk(io.BytesIO):
    """A file on a disk that fails, or takes little at once."""

    def __init__(self, code: int = 0):
        super().__init__()
        self.code = code
        self.taken = b""

    def read(self, _count: int | None = None) -> bytes:
        raise OSError(self.code, os.strerror(self.code))

    def write(self, data: Any) -> int:
        self.taken += bytes(data[:100])
        return len(data[:100])


def test_sums_the_disk_does_not_give_are_none():
    assert PageSums(Disk(errno.EIO), MARK).sums() == bytes(48)
    with pytest.raises(PermissionError):
        PageSums(Disk(errno.EACCES), MARK).sums()


def test_a_disk_that_takes_little_at_once_gets_all_of_it():
    disk = Disk()
    PageSums(disk, MARK).note(MARK)
    assert disk.taken == MARK.written()


def test_another_form_is_not_believed(path: Path, monkeypatch):
    monkeypatch.setattr(page_sums, "_MAGIC", b"icsums99")
    made(path).close()
    monkeypatch.undo()
    assert PageSums.load(path) is None


def test_pages_that_changed_places_have_other_sums():
    assert page_sum(1, b"x" * 512) != page_sum(2, b"x" * 512)


def test_folders_that_cannot_be_synced_are_left_alone(monkeypatch, tmp_path: Path):
    monkeypatch.setattr(os, "name", "nt")
    page_sums.sync_folder(tmp_path / "nowhere")
