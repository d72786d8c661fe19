"""Making the front-end files of others anew, from packages given by path."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from scripts import vendored
from scripts.vendored import MODULES, VendoringError

PACKAGES = sorted({package for package, _ in MODULES.values()})


def tarball(path: Path, files: dict[str, str]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return path


def packages(folder: Path, **changes: str) -> list[Path]:
    """All packages we take, their modules filled with a line each."""
    made = []
    for name in PACKAGES:
        files = {
            source: changes.get(source, f'export const from_="{source}";\n')
            for package, source in MODULES.values()
            if package == name
        }
        facts = {"name": name, "version": "1.2.3", "license": "MIT"}
        files |= {"package.json": json.dumps(facts), "LICENSE": "do as you like\n"}
        made.append(tarball(folder / f"{name.replace('/', '-')}.tgz", files))
    return made


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('import{h as r}from"preact";', 'import{h as r}from"./preact.js";'),
        ("import e from 'htm';", "import e from './htm.js';"),
        ('export{a}from"@preact/signals-core";', 'export{a}from"./signals-core.js";'),
        ('import "preact/hooks";', 'import "./hooks.js";'),
        ("let a=1;\n//# sourceMappingURL=a.mjs.map\n", "let a=1;\n"),
        ("let a=1;", "let a=1;"),
    ],
)
def test_imports_are_made_relative_and_maps_are_cut(before: str, after: str):
    assert vendored.relative_imports(before) == after


def test_an_import_of_something_else_is_refused():
    with pytest.raises(VendoringError, match="lodash"):
        vendored.relative_imports('import _ from"lodash";')


def test_the_same_packages_give_the_same_files(tmp_path: Path):
    paths = packages(tmp_path, **{"dist/signals.mjs": 'import{h}from"preact";\n'})
    first, second = tmp_path / "first", tmp_path / "second"
    second.mkdir()
    (second / "old.js").write_text("of an earlier version")
    for target, given in ((first, paths), (second, paths[::-1])):
        words = [*map(str, given), "--target", str(target)]
        assert vendored.main(words) == 0
    files = {path.name: path.read_bytes() for path in first.iterdir()}
    assert files == {path.name: path.read_bytes() for path in second.iterdir()}
    assert files["signals.js"] == b'import{h}from"./preact.js";\n'
    facts = json.loads(files["manifest.json"])["signals.js"]
    assert facts["sha384"] == vendored.sha384(files["signals.js"])
    assert facts["sha384"] != facts["source_sha384"]
    assert facts["source"] == "dist/signals.mjs"


def test_what_is_missing_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    paths = packages(tmp_path)
    assert vendored.main([str(path) for path in paths[1:]]) == 1
    assert PACKAGES[0] in capsys.readouterr().err
    facts = json.dumps({"name": "htm", "version": "1.2.3", "license": "MIT"})
    bare = tarball(tmp_path / "htm.tgz", {"package.json": facts})
    others = [str(path) for path in paths if path.name != "htm.tgz"]
    assert vendored.main([*others, str(bare)]) == 1
    assert "htm 1.2.3 has no " in capsys.readouterr().err


@pytest.mark.parametrize("raw", [b"", b"no archive"], ids=["empty", "text"])
def test_what_is_no_package_is_refused(tmp_path: Path, raw: bytes):
    path = tmp_path / "some.tgz"
    path.write_bytes(raw)
    with pytest.raises(VendoringError, match="is not a package"):
        vendored.read_package(path)
    with pytest.raises(VendoringError, match="is not a package"):
        vendored.read_package(tarball(path, {"LICENSE": "x"}))
