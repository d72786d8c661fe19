"""24 words on paper and back; whatever is wrong with them is named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.errors import KeystoreError
from node.words import check_line, root_from_words, word_meant, words_of

ROOT = bytes(range(32))
WORDS = words_of(ROOT)


def wrong(text: str) -> KeystoreError:
    with pytest.raises(KeystoreError) as refused:
        root_from_words(text)
    assert refused.value.code == "E-WORDS"
    assert refused.value.fix
    return refused.value


@given(st.binary(min_size=32, max_size=32))
def test_words_come_back_as_their_root(root: bytes):
    words = words_of(root)
    assert len(words) == 24
    assert root_from_words(" ".join(words)) == root


@pytest.mark.parametrize(
    "text",
    [
        "  ".join(WORDS).upper() + "\n",
        ", ".join(WORDS),
        "\n".join(f"{number}. {word}" for number, word in enumerate(WORDS, 1)),
        " ".join(f"{number}){word}" for number, word in enumerate(WORDS, 1)),
        " ".join(word[:4] for word in WORDS),
        "\u3000".join(WORDS),
    ],
)
def test_what_can_be_meant_in_one_way_is_understood(text: str):
    assert root_from_words(text) == ROOT


def test_a_sheet_in_columns_is_read_by_its_numbers():
    rows = [
        "  ".join(f"{row + 6 * column + 1} {WORDS[row + 6 * column]}" for column in range(4))
        for row in range(6)
    ]
    assert root_from_words("\n".join(rows)) == ROOT


def test_numbers_that_do_not_name_every_word_change_no_order():
    assert root_from_words("24 " + " ".join(WORDS)) == ROOT


def test_too_few_and_too_many_are_counted():
    assert "23 words were given" in str(wrong(" ".join(WORDS[:-1])))
    error = wrong(" ".join([*WORDS, "abandon"]))
    assert "25 words were given" in str(error)
    assert "stands twice" in error.fix
    assert "1 word was given" in str(wrong("abandon"))
    assert "0 words were given" in str(wrong(" 1 2 3 "))


@pytest.mark.parametrize(
    ("typed", "near"), [("abandom", "abandon"), ("wisper", "whisper"), ("jurney", "journey")]
)
def test_a_misspelt_word_is_named_with_the_nearest(typed: str, near: str):
    error = wrong(" ".join([*WORDS[:4], typed, *WORDS[5:]]))
    assert f"word 5, '{typed}'" in str(error)
    assert near in error.fix


def test_a_word_like_no_other_is_named():
    assert "spelling" in wrong(" ".join([*WORDS[:4], "\u4e2d\u6587", *WORDS[5:]])).fix


def test_swapped_words_fail_their_check():
    swapped = [WORDS[1], WORDS[0], *WORDS[2:]]
    error = wrong(" ".join(swapped))
    assert "check" in str(error)
    assert "swapped" in error.fix
    assert not set(WORDS) & set(str(error).split())


def test_another_word_of_the_list_fails_the_check_nearly_always():
    others = [w for w in ("zoo", "wrap", "zone", "year", "youth", "wolf") if w not in WORDS]
    refused = 0
    for other in others:
        try:
            root_from_words(" ".join([other, *WORDS[1:]]))
        except KeystoreError:
            refused += 1
    assert refused >= len(others) - 1


def test_a_prefix_means_a_word_from_four_letters_on():
    assert word_meant(" ABAN ") == "abandon"
    assert word_meant("act") == "act"
    assert word_meant("aba") is None
    assert word_meant("abanx") is None


@given(st.text(max_size=400))
def test_any_text_gives_a_root_or_a_sentence(text: str):
    try:
        found = root_from_words(text)
    except KeystoreError as error:
        code = error.code
    else:
        code = f"{len(found)} bytes"
    assert code in ("E-WORDS", "32 bytes")


def test_words_are_counted_without_their_numbers():
    words = words_of(bytes(range(32)))
    numbered = [f"{number:>2} {word}" for number, word in enumerate(words, 1)]
    assert check_line(" ".join(numbered[:5]), 0) == 5
    assert check_line(" ".join(words), 0) == 24
    assert check_line(" 7. ", 24) == 0


@pytest.mark.parametrize(
    ("line", "before", "said"),
    [
        (f"{WORDS[4]} mapel", 4, "word 6, 'mapel', is not in the list"),
        ("17 mapel", 4, "word 17, 'mapel', is not in the list"),
        (f"{WORDS[22]} {WORDS[23]} abandon", 22, "1 word stands beyond word 24 on this line"),
        (f"{WORDS[23]} and so on", 23, "3 words stand beyond word 24 on this line"),
    ],
)
def test_a_line_is_checked_by_itself(line: str, before: int, said: str):
    with pytest.raises(KeystoreError) as refused:
        check_line(line, before)
    assert (refused.value.code, refused.value.sentence) == ("E-WORDS", said)
    assert refused.value.fix
