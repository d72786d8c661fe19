"""No two texts look like one, and names that nearly do are found."""
# ruff: noqa: RUF001 - letters that look alike are what is tested

from __future__ import annotations

import json
import re
import shutil
import subprocess
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.lettering import MARKS_MAX, is_blank, same_looking, shown, skeleton

SCRIPT = Path(__file__).parents[3] / "node" / "web" / "static" / "shop.js"
CODE = re.compile(r"\[([0-9A-F]{4,6})\]")
AWKWARD = "\u200b\u200c\u200d\u00ad\ufeff\u2060\u202e\u2028\u2029\u3164\u115f\u1160\uffa0\u2800"
AWKWARD += "\u034f\u00a0\u2003\u3000\ufe0f\U000e0041\U000e0100\u0301\u0302\u20dd\x1b\n\t\ud800"
AWKWARD += "[]0B2aA \u06cc\u0628\u0915\u094d日🙂"
texts = st.text() | st.text(st.sampled_from(AWKWARD), max_size=30)


def read_back(text):
    """Undo what was shown."""
    return CODE.sub(lambda found: chr(int(found[1], 16)), text)


@given(texts, st.booleans())
def test_nothing_hides_turns_or_blanks(text, breaks):
    for char in shown(text, breaks=breaks):
        if char in "\u200c\u200d" or (breaks and char in "\n\t"):
            continue
        assert unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
        assert char not in "\u00a0\u2003\u3164\u115f\u1160\uffa0\u2800\u034f\ufe0f"


@given(texts, st.booleans())
def test_what_is_shown_is_read_back_to_one_text_alone(text, breaks):
    assert read_back(shown(text, breaks=breaks)) == text


@given(texts)
def test_marks_do_not_pile_up(text):
    run = MARKS_MAX
    for char in shown(text):
        is_mark = unicodedata.category(char) in {"Mn", "Me"}
        run = run + 1 if is_mark else 0
        assert run <= MARKS_MAX


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Größe 10 €, «naïve» 日本 🙂", None),
        ("Zoë's café & Co. (Łódź) שלום नमस्ते สวัสดี", None),
        ("می\u200cخواهم क्\u200dष", None),
        ("[x] [12] [ABCDEFG] [zzzz]", None),
        ("pay\u200bpal", "pay[200B]pal"),
        ("pay\u200dpal", "pay[200D]pal"),
        ("\u200dق", "[200D]ق"),
        ("a\u00adb\ufeffc\u2060d", "a[00AD]b[FEFF]c[2060]d"),
        ("a\U000e0041", "a[E0041]"),
        ("a\u2028b\u2029c", "a[2028]b[2029]c"),
        ("\u3164\u115f\u1160\uffa0\u2800", "[3164][115F][1160][FFA0][2800]"),
        ("a\u00a0b", "a[00A0]b"),
        ("a[200B]b", "a[005B]200B]b"),
        ("\u0301a", "[0301]a"),
        ("a" + "\u0301" * 5, "a" + "\u0301" * 3 + "[0301][0301]"),
        ("a\nb\t", "a[000A]b[0009]"),
        (7, "7"),
    ],
)
def test_the_rule(text, words):
    assert shown(text) == (text if words is None else words)


def test_breaks_are_kept_where_they_can_be_shown():
    assert shown("a\n\tb\u200b", breaks=True) == "a\n\tb[200B]"
    assert shown("é\n\u0301", breaks=True) == "é\n[0301]"


@pytest.mark.parametrize(
    ("text", "blank"),
    [
        ("", True),
        (" \u3000", True),
        ("\u3164\u2800", True),
        ("\u200b\u00ad\U000e0041", True),
        ("\u0301", True),
        ("a", False),
        ("\u3164.", False),
        ("日", False),
        ("🙂", False),
    ],
)
def test_blank(text, blank):
    assert is_blank(text) is blank


@pytest.mark.parametrize(
    "other",
    [
        "camera corner",
        "CAMERA-CORNER",
        "Саmеrа Соrnеr",
        "ϹΑΜΕRΑ CORΝΕR",
        "Camera\u200b Corner\u3164",
        "Camera  Corner.",
        "Ｃａｍｅｒａ Corner",
        "𝐂𝐚𝐦𝐞𝐫𝐚 𝐂𝐨𝐫𝐧𝐞𝐫",
        "Cámera Cörner",
        "Camera C0rner",
        "Carnera Corner",
    ],
)
def test_names_that_look_alike(other):
    assert skeleton(other) == skeleton("Camera Corner")
    assert same_looking({b"a": "Camera Corner", b"b": other, b"c": "Photo Depot"}) == {b"a", b"b"}


@pytest.mark.parametrize("other", ["Camera Cornr", "Camera Corner 2", "Photo Depot", "日本", ""])
def test_other_names_stay_apart(other):
    assert skeleton(other) != skeleton("Camera Corner")


def test_names_of_signs_alone_are_told_apart():
    assert not same_looking({b"a": "!!!", b"b": "???", b"c": "", b"d": "日", b"e": "本"})
    assert same_looking({b"a": "!!!", b"b": "!!!"}) == {b"a", b"b"}


@given(st.text(max_size=40))
def test_a_skeleton_is_found_for_any_name(name):
    assert same_looking({b"a": name, b"b": name + "\u200b"}) == {b"a", b"b"} or is_blank(name)


@pytest.mark.skipif(shutil.which("node") is None, reason="no JavaScript outside a browser here")
def test_the_page_script_keeps_the_same_rule():
    source = SCRIPT.read_text(encoding="utf-8")
    rule = source[source.index("const MARKS_MAX") : source.index("function address")]
    rows = [chr(code) for code in range(0x3200) if unicodedata.category(chr(code)) != "Cn"]
    cases = [
        "".join(rows),
        AWKWARD.replace("\ud800", ""),
        "a[200B]b",
        "می\u200cخواهم",
        "x\u0301" * 9,
    ]
    cases += [a + b + c for a in AWKWARD[:31:3] for b in AWKWARD[:31:2] for c in "a\u0628\u0301["]
    script = f"{rule}\nconst cases = {json.dumps(cases)};\n"
    script += "console.log(JSON.stringify(cases.map(shown)));"
    run = subprocess.run(["node", "-e", script], capture_output=True, text=True, check=True)
    assert json.loads(run.stdout) == [shown(case, breaks=True) for case in cases]
