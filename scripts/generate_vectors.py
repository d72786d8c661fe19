"""Writes `tests/vectors/*.json` from fixed seeds; with `--check` only compares.

Enters: the two parties of the tests and our own pen. Leaves: one file of cases per topic, at least
as many invalid as valid, their schema, and each file's SHA-256 on its page of `docs/protocol`.
A second implementation needs the files and the pages, nothing else. Never edited by hand.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import msgspec

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts import (  # noqa: E402 - the path comes first
    vector_cases,
    vector_invites,
    vector_objects,
    vector_ranges,
    vector_succession,
)

FOLDER = ROOT / "tests" / "vectors"
PAGES = ROOT / "docs" / "protocol"
VERSION = 1

TOPICS: dict[str, tuple[str, Any, dict[str, str]]] = {
    "canonical": ("02-canonical-bytes.md", vector_cases.canonical, vector_cases.CANONICAL_NOTES),
    "keys": ("01-identity.md", vector_cases.keys, vector_cases.KEYS_NOTES),
    "sealing": ("01-identity.md", vector_cases.sealing_cases, vector_cases.SEALING_NOTES),
    "envelope": ("03-envelope.md", vector_objects.envelopes, vector_objects.ENVELOPE_NOTES),
    "agreement": ("15-agreement.md", vector_objects.agreements, vector_objects.AGREEMENT_NOTES),
    "invites": ("09-invites.md", vector_invites.invites, vector_invites.NOTES),
    "ranges": ("07-sync.md", vector_ranges.ranges, vector_ranges.NOTES),
    "succession": ("16-succession.md", vector_succession.succession, vector_succession.NOTES),
}
"""Topic -> its page, the maker of its cases, and what each flag catches."""


class VectorCase(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One case."""

    id: int
    """From 1, in order."""
    comment: str
    """What is special about it."""
    flags: list[str]
    """Keys of `notes`."""
    input: dict[str, Any]
    """What is handed in; bytes in hex."""
    intermediate: dict[str, Any]
    """What comes out on the way, where valid."""
    result: Literal["valid", "invalid"]
    """The verdict."""
    reason: str | None
    """Why, where invalid: a wire reason, or a code `E-...` for what a person typed."""


class VectorFile(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One topic."""

    topic: str
    """The file's name."""
    protocol_version: int
    """Version of the protocol."""
    notes: dict[str, str]
    """Flag -> the mistake its cases catch."""
    cases: list[VectorCase]
    """At least as many invalid as valid."""


def document(topic: str) -> str:
    """Write the file of a topic."""
    _, make, notes = TOPICS[topic]
    cases: Iterable[dict[str, Any]] = make()
    numbered = [VectorCase(id=number, **case) for number, case in enumerate(cases, 1)]
    file = VectorFile(topic=topic, protocol_version=VERSION, notes=notes, cases=numbered)
    return json.dumps(msgspec.to_builtins(file), indent=1) + "\n"


def schema() -> str:
    """Write the JSON schema every file follows."""
    return json.dumps(msgspec.json.schema(VectorFile), indent=1) + "\n"


def page_with_hash(text: str, topic: str, content: str) -> str:
    """Put the hash of a file behind its name on its page."""
    digest = hashlib.sha256(content.encode()).hexdigest()
    name = f"tests/vectors/{topic}.json"
    return re.sub(rf"(`{name}`, SHA-256 `)[0-9a-f]*(`)", rf"\g<1>{digest}\g<2>", text)


def outputs() -> dict[Path, str]:
    """Give every file this script writes, with its text."""
    found: dict[Path, str] = {FOLDER / "schema.json": schema()}
    for topic, (page_name, _, _) in TOPICS.items():
        content = document(topic)
        found[FOLDER / f"{topic}.json"] = content
        page = PAGES / page_name
        found[page] = page_with_hash(found.get(page) or page.read_text("utf-8"), topic, content)
    return found


def main() -> int:
    """Write all files, or tell which are stale."""
    stale = [
        path
        for path, text in outputs().items()
        if not path.is_file() or path.read_text("utf-8") != text
    ]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is stale: run scripts/generate_vectors.py")
        return 1 if stale else 0
    for path, text in outputs().items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
