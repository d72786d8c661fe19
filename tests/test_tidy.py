"""The style of the house that no linter knows, kept by tests (after TigerBeetle's `tidy.zig`).

Looks at text only: sizes, docstrings, that every module has its tests and is used, that the
documentation hangs together and says what the code says. Imports nothing of the product but the
two modules whose values the reference pages repeat.
"""

from __future__ import annotations

import ast
import os
import re
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

from protocol.errors import Reason, RemoteProtocolError
from scripts import generate_reference

# They read the whole tree, which takes a busy machine a while.
pytestmark = pytest.mark.timeout(120)

ROOT = Path(__file__).resolve().parent.parent
FILE_LINES_MAX = 600
LONG_TABLES = {"protocol/limits.py"}
"""Nothing but constants, a line and its reason each: looked up, not read through."""
FUNCTION_LINES_MAX = 70

TOP_LEVEL = {
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "README.md",
    "SECURITY.md",
    "docs",
    "node",
    "protocol",
    "pyproject.toml",
    "scripts",
    "tests",
}
"""The owner's top level; nothing else lives there but hidden files and what tools leave behind."""

LEFT_BY_TOOLS = {"build", "dist", "htmlcov", "intentcast.egg-info"}

VAGUE_NAMES = {"base", "common", "core", "helper", "helpers", "misc", "util", "utils"}

TESTED_ELSEWHERE = {"protocol.limits": "tests/test_tidy.py"}
"""Module -> the test file that covers it, where a test of its own would only repeat another."""

UNFINISHED = re.compile(r"\b(FIX" r"ME|TO" r"DO|X" r"XX|HA" r"CK)\b")


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def none_of(found: Iterable[str]) -> None:
    """Fail with the whole list, a line each: a shortened one would have to be asked for twice."""
    if names := sorted(found):
        pytest.fail("\n".join(names), pytrace=False)


@cache
def python_files(*folders: str) -> tuple[Path, ...]:
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return tuple(sorted(path for path in found if "__pycache__" not in path.parts))


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), shown(path))


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def product_modules() -> list[Path]:
    """All modules of the product; packages themselves hold a docstring and perhaps names."""
    return [path for path in python_files("protocol", "node") if path.stem != "__init__"]


def all_files() -> tuple[Path, ...]:
    return python_files("protocol", "node", "scripts", "tests")


def test_top_level_holds_nothing_else():
    names = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    assert names - LEFT_BY_TOOLS - {"__pycache__"} <= TOP_LEVEL


def test_files_stay_short():
    sizes = {shown(path): len(path.read_text("utf-8").splitlines()) for path in all_files()}
    long = {name: size for name, size in sizes.items() if size > FILE_LINES_MAX}
    none_of(f"{name}: {size}" for name, size in long.items() if name not in LONG_TABLES)


def test_functions_stay_short():
    long = []
    for path in all_files():
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                size = (node.end_lineno or node.lineno) - node.lineno + 1
                if size > FUNCTION_LINES_MAX:
                    long.append(f"{shown(path)}:{node.lineno} {node.name}: {size}")
    none_of(long)


def test_every_module_says_what_it_is_for():
    silent = [shown(path) for path in all_files() if not ast.get_docstring(tree_of(path))]
    none_of(silent)


def test_no_module_has_a_vague_name():
    none_of(shown(path) for path in product_modules() if path.stem in VAGUE_NAMES)


def test_nothing_is_left_unfinished():
    text_files = [*all_files(), *markdown_pages(), *shell_scripts(), ROOT / "pyproject.toml"]
    marked = [
        f"{shown(path)}:{number}"
        for path in text_files
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if UNFINISHED.search(line)
    ]
    none_of(marked)


def test_every_module_has_its_tests():
    names = {path.relative_to(ROOT / "tests").as_posix() for path in python_files("tests")}
    bare = []
    for path in product_modules():
        if path.stem == "__main__" or module_name(path) in TESTED_ELSEWHERE:
            continue
        inside = path.relative_to(ROOT).parent.as_posix()
        wanted = {f"{kind}/{inside}/test_{path.stem}.py" for kind in ("unit", "integration")}
        if not wanted & names:
            bare.append(shown(path))
    none_of(bare)


def test_exceptions_from_that_rule_still_hold():
    modules = {module_name(path) for path in product_modules()}
    assert set(TESTED_ELSEWHERE) <= modules
    none_of(name for name in TESTED_ELSEWHERE.values() if not (ROOT / name).is_file())


def names_used(path: Path) -> set[str]:
    """Every dotted name a file imports, or spells out as text for a lazy import."""
    used = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            used |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            used |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            used.add(node.value.split(":")[0])
    return used


NOT_USED_YET = {"protocol/network/shards.py": "docs/decisions/0025-relays-carry-everything.md"}
"""Modules the product does not use, and the decision that says why they are there."""


def test_every_module_is_used_by_the_product():
    entry_points = re.findall(r'= "([\w.]+):\w+"', (ROOT / "pyproject.toml").read_text("utf-8"))
    used = set(entry_points)
    for path in python_files("protocol", "node"):
        used |= names_used(path) - {module_name(path)}
    unused = [
        shown(path)
        for path in product_modules()
        if path.stem != "__main__"
        and module_name(path) not in used
        and shown(path) not in NOT_USED_YET
    ]
    none_of(unused)
    none_of(page for page in NOT_USED_YET.values() if not (ROOT / page).exists())


# --- scripts -------------------------------------------------------------------------------------


def shell_scripts() -> list[Path]:
    plain = [path for path in (ROOT / "scripts").iterdir() if path.suffix in ("", ".sh")]
    return [path for path in [*sorted(plain), ROOT / ".ci" / "run"] if path.is_file()]


def test_scripts_can_be_run_and_stop_at_the_first_error():
    for path in shell_scripts():
        if path.suffix == "":
            assert os.access(path, os.X_OK), f"{shown(path)} is not executable"
            head = path.read_text("utf-8").splitlines()
            assert head[0] == "#!/usr/bin/env bash"
            assert head[1].startswith("# "), f"{shown(path)} does not say what it is for"
            assert "set -euo pipefail" in head


def test_lock_files_name_no_index_and_no_path():
    for path in (ROOT / "scripts").glob("requirements*.txt"):
        text = path.read_text("utf-8")
        assert "--hash=sha256:" in text
        assert not re.search(r"://|file:|^-|(^|\s)/", text, re.MULTILINE), shown(path)


def test_lock_files_hold_every_dependency():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    needs = {"requirements": project["dependencies"]}
    needs["requirements-dev"] = needs["requirements"] + project["optional-dependencies"]["dev"]
    for name, wanted in needs.items():
        text = (ROOT / "scripts" / f"{name}.txt").read_text("utf-8")
        locked = set(re.findall(r"^([\w.-]+)==", text, flags=re.MULTILINE))
        none_of(f"{name}: {need}" for need in wanted if re.split(r"[^\w.-]", need)[0] not in locked)


# --- documentation -------------------------------------------------------------------------------


def markdown_pages() -> list[Path]:
    tops = sorted(ROOT.glob("*.md"))
    nested = [
        path
        for folder in ("docs", "tests", "node", "protocol")
        for path in (ROOT / folder).rglob("*.md")
    ]
    return [*tops, *sorted(nested)]


def without_code(page: Path) -> str:
    """A page's text without fenced blocks and inline code, whose `#` and `[` mean other things."""
    text = re.sub(r"^(```|~~~).*?^\1", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "`code`", text)


def links_of(page: Path) -> list[str]:
    """Relative link targets, with their anchors."""
    found = re.findall(r"\]\(([^)\s]+)\)", without_code(page))
    return [link for link in found if not re.match(r"[a-z]+:", link)]


def anchors_of(page: Path) -> set[str]:
    """Anchors as code hosts make them: lower case, punctuation gone, spaces to dashes."""
    text = re.sub(r"^(```|~~~).*?^\1", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ +(.+?)\s*$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_has_one_title():
    counts = {
        shown(page): len(re.findall(r"^# ", without_code(page), flags=re.MULTILINE))
        for page in markdown_pages()
    }
    none_of(f"{name}: {count} titles" for name, count in counts.items() if count != 1)


def test_relative_links_lead_somewhere():
    broken = []
    for page in markdown_pages():
        for link in links_of(page):
            name, _, anchor = link.partition("#")
            target = (page.parent / name).resolve() if name else page
            is_missing = not target.exists()
            if is_missing or (
                anchor and target.suffix == ".md" and anchor not in anchors_of(target)
            ):
                broken.append(f"{shown(page)}: {link}")
    none_of(broken)


def test_every_page_is_reachable_from_the_index():
    index = ROOT / "docs" / "index.md"
    seen = {index}
    queue = [index]
    while queue:
        page = queue.pop()
        for link in links_of(page):
            target = (page.parent / link.partition("#")[0]).resolve()
            if target.suffix == ".md" and target.is_file() and target not in seen:
                seen.add(target)
                queue.append(target)
    fragments = set((ROOT / "docs" / "changes").glob("*.md"))
    pages = set((ROOT / "docs").rglob("*.md")) - fragments
    none_of(shown(page) for page in pages - seen)


def sections_named() -> Iterator[tuple[Path, str, str]]:
    """Give (file, page, section) of each page of `docs` that code names; section "" for none."""
    named = re.compile(r'\b(docs/[\w/-]+\.md)\b((?:(?:,| and)\s+"[^"\n]+")*)')
    for path in python_files("protocol", "node", "tests", "scripts"):
        for page, sections in named.findall(path.read_text("utf-8")):
            for section in re.findall(r'"([^"]+)"', sections) or [""]:
                yield path, page, section


def test_pages_that_code_names_hold_the_sections_it_names():
    missing, seen = [], 0
    for path, name, section in sections_named():
        page = ROOT / name
        text = page.read_text("utf-8") if page.is_file() else ""
        headings = re.findall(r"^#+ +(.+?)\s*$", text, flags=re.MULTILINE)
        seen += bool(section)
        if not text or (section and section not in headings):
            missing.append(f'{shown(path)}: {name}, "{section}"')
    none_of(missing)
    assert seen > 50


def floors_of(package: str) -> list[set[str]]:
    """List the floors of a package, high to low, as import-linter keeps them."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    [layers] = [
        each["layers"] for each in settings["contracts"] if each.get("containers") == [package]
    ]
    return [set(re.findall(r"\w+", layer)) for layer in layers]


@pytest.mark.parametrize("package", ["protocol", "node"])
def test_architecture_page_has_the_floors_that_are_kept(package: str):
    page = (ROOT / "docs" / "internals" / "architecture.md").read_text("utf-8")
    section = page.split(f"\n## {package}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (\d+) \| (.+?) \|", section, flags=re.MULTILINE)
    assert [set(re.findall(r"`(\w+)`", rooms)) for _, rooms in rows] == floors_of(package)
    assert [int(number) for number, _ in rows] == list(range(len(rows), 0, -1))


def test_readme_says_it_in_its_first_line():
    assert "no central broker" in (ROOT / "README.md").read_text("utf-8").splitlines()[0]


def test_limits_page_is_as_the_code():
    source = generate_reference.SOURCE.read_text("utf-8")
    assert generate_reference.PAGE.read_text("utf-8") == generate_reference.page(source)


def reasons_described() -> dict[str, str]:
    """Reason -> fault points, as the reference page's table rows have them."""
    text = (ROOT / "docs" / "reference" / "reasons.md").read_text("utf-8")
    return dict(re.findall(r"^\| `(\w+)` \| (\d+) \| \S.* \|$", text, flags=re.MULTILINE))


@pytest.mark.parametrize("reason", list(Reason), ids=lambda reason: reason.value)
def test_reason_is_described_with_its_fault_points(reason: Reason):
    assert reasons_described()[reason.value] == str(int(RemoteProtocolError(reason).severity))


def test_no_reason_is_described_that_is_not_there():
    assert set(reasons_described()) == {reason.value for reason in Reason}


def test_error_codes_and_the_reference_name_each_other():
    shape = r"\bE-[A-Z0-9]+(?:-[A-Z0-9]+)*"
    told = {
        code
        for path in (ROOT / "docs" / "reference").glob("*.md")
        for code in re.findall(shape, path.read_text("utf-8"))
    }
    used = {
        code
        for path in python_files("protocol", "node")
        for code in re.findall(f'"({shape})"', path.read_text("utf-8"))
    }
    none_of(used ^ told)


def test_no_error_code_is_put_together():
    """Whoever looks for a code that was shown finds it, and so does the test above."""
    none_of(
        str(path)
        for path in python_files("protocol", "node")
        if re.search(r"""f["']E-[A-Z0-9-]*\{""", path.read_text("utf-8"))
    )


def test_decisions_are_numbered_without_gaps():
    names = sorted(path.name for path in (ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))


@pytest.mark.parametrize("kind", ["feature", "fix", "protocol", "security", "docs"])
def test_change_kinds_are_explained(kind: str):
    text = (ROOT / "docs" / "changes" / "README.md").read_text("utf-8")
    assert f"`{kind}`" in text


def test_change_fragments_have_a_known_kind():
    for path in (ROOT / "docs" / "changes").iterdir():
        if path.name != "README.md":
            assert re.fullmatch(r"[\w+-]+\.(feature|fix|protocol|security|docs)\.md", path.name)
