"""The category tree answers, searches and suggests; the shipped file is sound."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from protocol.errors import LocalProtocolError, ObjectError, Reason
from protocol.ids import blake2b_256
from protocol.values.category import CategoryTree, check_category_shape

SHIPPED = Path(__file__).resolve().parents[4] / "protocol" / "data" / "categories.json"


@pytest.fixture(scope="module")
def tree() -> CategoryTree:
    return CategoryTree.from_json(SHIPPED.read_bytes())


def test_the_shipped_tree_is_wide_and_well_formed(tree):
    assert len(tree) >= 240
    assert len(tree.paths()) == len(tree)
    for path in tree.paths():
        check_category_shape(path)
        assert tree.label(path).strip()


def test_the_shipped_tree_has_what_the_guides_name(tree):
    for path in (
        "travel/car-rental",
        "electronics/cameras/digital-cameras",
        "home/kitchen/espresso-machines",
        "services/plumbing",
        "services/repair/phone-repair",
    ):
        assert tree.contains(path)


def test_no_label_stands_twice_under_one_parent(tree):
    for parent in ("", *tree.paths()):
        labels = [tree.label(child) for child in tree.children(parent)]
        assert len(labels) == len(set(labels))


def test_no_synonym_is_listed_twice_in_one_category():
    for node in json.loads(SHIPPED.read_text("utf-8"))["nodes"]:
        assert len(node["synonyms"]) == len(set(node["synonyms"])), node["path"]


def test_version_is_the_hash_of_the_bytes(tree):
    raw = SHIPPED.read_bytes()
    assert tree.version == blake2b_256(raw).hex()
    assert CategoryTree.from_json(raw.decode()).version == tree.version


@pytest.mark.parametrize(
    ("words", "path"),
    [
        ("4WD SUV rental", "travel/car-rental"),
        ("rental cars", "travel/car-rental"),
        ("Mietwagen", "travel/car-rental"),
        ("digital cameras", "electronics/cameras/digital-cameras"),
        ("digital camera 12 megapixels", "electronics/cameras/digital-cameras"),
        ("espresso machine", "home/kitchen/espresso-machines"),
        ("PLUMBER", "services/plumbing"),
        ("machine à café", "home/kitchen/espresso-machines"),
        ("batteries", "electronics/power"),
        ("laptop repair", "services/repair/computer-repair"),
    ],
)
def test_search_finds_what_people_call_it(tree, words, path):
    assert path in [match.path for match in tree.search(words, 2)]


def test_search_is_ranked_and_bounded(tree):
    matches = tree.search("rental")
    assert 1 < len(matches) <= 10
    assert [m.score for m in matches] == sorted((m.score for m in matches), reverse=True)
    assert all(1 <= match.score <= 100 for match in matches)
    assert tree.search("rental", 1)[0].label


def test_search_of_the_beginning_of_a_word(tree):
    assert "electronics/computers/laptops" in [match.path for match in tree.search("lapt")]
    assert tree.search("xy") == []


@pytest.mark.parametrize("words", ["", "  ", "☃☃☃", "qqqqq"])
def test_search_of_nothing_finds_nothing(tree, words):
    assert tree.search(words) == []


def test_children_and_prefixes(tree):
    assert "travel" in tree.children("")
    assert "travel/car-rental" in tree.children("travel")
    assert tree.children("travel/car-rental") == []
    assert tree.is_under("travel/car-rental", "travel")
    assert tree.is_under("travel", "travel")
    assert tree.is_under("travel", "")
    assert not tree.is_under("travel-goods", "travel")
    assert not tree.is_under("travel", "travel/car-rental")


@pytest.mark.parametrize("path", ["travel/carrental", "cars/rental", "nonsense-without-match"])
def test_an_unknown_category_is_refused_with_suggestions(tree, path):
    with pytest.raises(LocalProtocolError) as caught:
        tree.label(path)
    assert caught.value.code == "E-CATEGORY"
    assert caught.value.fix
    with pytest.raises(LocalProtocolError):
        tree.children(path)


def test_suggestions(tree):
    assert tree.suggest("travel/carrental")[0] == "travel/car-rental"
    assert "travel/car-rental" in tree.suggest("car-rental")
    assert "services/plumbing" in tree.suggest("services/plumber")
    assert tree.suggest("qqqqq") == []
    with pytest.raises(LocalProtocolError) as caught:
        tree.check("qqqqq")
    assert caught.value.fix == "Search the list of categories"


@pytest.mark.parametrize(
    "path", ["a", "a/b/c/d", "0", "a-b/c-1", "x" * 40, "/".join(["x" * 40] * 4)]
)
def test_shapes_that_pass(path):
    check_category_shape(path)


@pytest.mark.parametrize(
    "path",
    ["", "/", "a/", "/a", "a//b", "a/b/c/d/e", "A", "ä", "a b", "a\n", "x" * 41, "a" * 10_000],
)
def test_shapes_that_do_not(path):
    with pytest.raises(ObjectError) as caught:
        check_category_shape(path)
    assert caught.value.reason is Reason.BAD_SHAPE


@pytest.mark.parametrize(
    "data",
    [
        "",
        "[]",
        "{}",
        b"\xff",
        '{"nodes": [{"path": "a"}]}',
        '{"nodes": [{"path": "a", "label": "A", "colour": 1}]}',
        '{"nodes": [{"path": "A", "label": "A"}]}',
        '{"nodes": [{"path": "a/b", "label": "B"}]}',
        '{"nodes": [{"path": "a", "label": "A"}, {"path": "a", "label": "A"}]}',
    ],
)
def test_a_damaged_file_is_refused(data):
    with pytest.raises(LocalProtocolError) as caught:
        CategoryTree.from_json(data)
    assert caught.value.code == "E-VOCABULARY"
