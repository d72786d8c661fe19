"""Words compare without case, accents and punctuation; suggestions are steady."""

from __future__ import annotations

import pytest

from protocol.values.spelling import fold, fold_words, folds, nearest


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Farb-Name", "farb name"),
        ("farb_name", "farb name"),
        ("  Größe (cm) ", "grosse cm"),
        ("Caméra", "camera"),
        ("İstanbul", "istanbul"),
        ("", ""),
        ("--", ""),
    ],
)
def test_fold_words(text, words):
    assert fold_words(text) == words


def test_fold_has_no_spaces():
    assert fold("Farb_Name") == fold("farb name") == fold("FarbName") == "farbname"


def test_folds_know_german_letters_written_out():
    assert folds("Größe") == {"grosse", "groesse"}
    assert folds("size") == {"size"}


def test_nearest_is_best_first_and_may_be_empty():
    names = ["travel/van-rental", "travel/car-rental", "food/wine"]
    assert nearest("travel/carrental", names, 2) == ["travel/car-rental", "travel/van-rental"]
    assert nearest("zzz", names, 2) == []
    assert nearest("", names, 2) == []
    assert nearest("☃", ['"', "%"], 2) == []


def test_nearest_does_not_depend_on_the_order_of_candidates():
    assert nearest("abc", ["abb", "abf"], 2) == nearest("abc", ["abf", "abb"], 2) == ["abb", "abf"]


def test_nearest_leaves_out_what_shares_letters_but_not_their_order():
    assert nearest("abcdef", ["fedcba"], 1) == []
