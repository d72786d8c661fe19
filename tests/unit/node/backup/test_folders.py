"""Whose folder: ours itself, never a link and never another user's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from node.backup.folders import is_ours


def test_a_folder_of_ours_and_what_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path)
    assert is_ours(tmp_path)
    assert not is_ours(tmp_path / "file")
    assert not is_ours(tmp_path / "link")
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    assert not is_ours(tmp_path)
