"""Makes the front-end files of others that we ship: `node/web/static/vendor/`.

Enters: npm packages as `.tgz` files, named by path; nothing is fetched. Leaves: each ES module with
its bare imports made relative and its reference to a source map cut off, each package's licence,
and `manifest.json`, which says of every file where it comes from and what it hashes to. The same
packages give the same bytes on every machine. Never changes a module in any other way.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import sys
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TARGET: Final = Path(__file__).resolve().parent.parent / "node" / "web" / "static" / "vendor"
MANIFEST: Final = "manifest.json"

MODULES: Final = {
    "preact.js": ("preact", "dist/preact.mjs"),
    "hooks.js": ("preact", "hooks/dist/hooks.mjs"),
    "signals.js": ("@preact/signals", "dist/signals.mjs"),
    "signals-core.js": ("@preact/signals-core", "dist/signals-core.mjs"),
    "htm.js": ("htm", "dist/htm.mjs"),
    "htm-preact.js": ("htm", "preact/index.mjs"),
}
"""File here -> its package, and where it stands in it."""
IMPORTS: Final = {
    "preact": "./preact.js",
    "preact/hooks": "./hooks.js",
    "@preact/signals-core": "./signals-core.js",
    "htm": "./htm.js",
}
"""Bare name in a module -> file here."""
_IMPORT = re.compile(r"""(?P<before>\b(?:from|import)\s*)(?P<quote>["'])(?P<name>[^"']+)["']""")
_SOURCE_MAP = re.compile(r"\n?//# sourceMappingURL=\S+\s*\Z")
_PACKAGE_BYTES_MAX: Final = 4 * 1024 * 1024
"""Unpacked file of a package; the largest we take has 12 KB."""


class VendoringError(Exception):
    """A package that cannot be taken; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One npm package, unpacked in memory."""

    name: str
    version: str
    licence: str
    """SPDX."""
    files: Mapping[str, bytes]
    """Path in the package -> bytes."""


def read_package(path: Path) -> Package:
    """Unpack a tarball as `npm pack` writes it.

    Raises:
        VendoringError: it is no such tarball.
    """
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                opened = archive.extractfile(member) if member.isfile() else None
                if opened is not None and member.size <= _PACKAGE_BYTES_MAX:
                    files[member.name.partition("/")[2]] = opened.read()
        facts = json.loads(files["package.json"])
        return Package(
            name=facts["name"], version=facts["version"], licence=facts["license"], files=files
        )
    except (OSError, tarfile.TarError, KeyError, ValueError) as error:
        raise VendoringError(f"{path} is not a package of the npm registry: {error}") from error


def relative_imports(text: str) -> str:
    """Make the bare imports of a module relative, and cut off its source map.

    Raises:
        VendoringError: it imports what is not here.
    """

    def changed(found: re.Match[str]) -> str:
        name = found["name"]
        if name not in IMPORTS:
            raise VendoringError(f"a module imports '{name}', which is not among ours")
        return f"{found['before']}{found['quote']}{IMPORTS[name]}{found['quote']}"

    return _IMPORT.sub(changed, _SOURCE_MAP.sub("\n", text))


def sha384(raw: bytes) -> str:
    """Hash as `integrity` attributes hold it, without the algorithm's name."""
    return base64.b64encode(hashlib.sha384(raw).digest()).decode()


def licence_file(package: str) -> str:
    """Name the file of a package's licence."""
    return f"LICENSE-{package.lstrip('@').replace('/', '-')}.txt"


def vendor(packages: Iterable[Package]) -> dict[str, bytes]:
    """Give every file of the folder, the manifest included.

    Raises:
        VendoringError: a package or a file is missing.
    """
    known = {package.name: package for package in packages}
    if missing := sorted({name for name, _ in MODULES.values()} - set(known)):
        raise VendoringError(f"missing: {', '.join(missing)}")
    made: dict[str, bytes] = {}
    manifest: dict[str, dict[str, str]] = {}

    def add(name: str, package: Package, source: str) -> None:
        if source not in package.files:
            raise VendoringError(f"{package.name} {package.version} has no {source}")
        raw = package.files[source]
        is_module = name.endswith(".js")
        made[name] = relative_imports(raw.decode()).encode() if is_module else raw
        manifest[name] = {
            "package": package.name,
            "version": package.version,
            "licence": package.licence,
            "source": source,
            "source_sha384": sha384(raw),
            "sha384": sha384(made[name]),
        }

    for name, (package, source) in MODULES.items():
        add(name, known[package], source)
    for package in sorted({package for package, _ in MODULES.values()}):
        add(licence_file(package), known[package], "LICENSE")
    made[MANIFEST] = (json.dumps(manifest, indent=2, sort_keys=True) + "\n").encode()
    return made


def write(files: Mapping[str, bytes], target: Path) -> None:
    """Let a folder hold these files and no others."""
    target.mkdir(parents=True, exist_ok=True)
    for path in target.iterdir():
        if path.name not in files:
            path.unlink()
    for name, raw in files.items():
        (target / name).write_bytes(raw)


def main(words: list[str] | None = None) -> int:
    """Take tarballs, write the folder, tell what it holds."""
    parser = argparse.ArgumentParser(prog="scripts/vendor", description=__doc__)
    parser.add_argument("tarballs", nargs="+", type=Path, metavar="TARBALL")
    parser.add_argument("--target", type=Path, default=TARGET, help="folder to write")
    asked = parser.parse_args(words)
    try:
        files = vendor([read_package(path) for path in asked.tarballs])
    except VendoringError as error:
        print(error, file=sys.stderr)
        return 1
    write(files, asked.target)
    for name in sorted(files):
        print(f"{len(files[name]):>7,}  {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
