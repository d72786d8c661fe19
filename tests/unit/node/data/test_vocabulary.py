"""The shipped vocabulary loads from the installation, once."""

from __future__ import annotations

from node.data.vocabulary import attribute_vocabulary, category_tree


def test_both_files_are_found_and_fit_together():
    tree, vocabulary = category_tree(), attribute_vocabulary()
    assert tree.contains("travel/car-rental")
    assert vocabulary.find_key("travel/car-rental", "winter tires") == "winter-tyres"
    assert all(tree.contains(path) for path in vocabulary.categories() if path)


def test_they_are_read_once():
    assert category_tree() is category_tree()
    assert attribute_vocabulary() is attribute_vocabulary()
