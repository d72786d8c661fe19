"""`policy.toml`: every mistake named with file, line, key and what is allowed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from node.errors import ConfigError
from node.policy import NodePolicy, load_policy
from protocol import limits
from protocol.ids import to_text
from protocol.network.policy import Policy

KEY = bytes(range(32))
WHOLE = f"""
[refuse]
categories = ["electronics", "electronics/cameras"]
keys = ["{to_text("key", KEY)}"]
words = ["Casino", "free  money!"]

[storage]
objects = 200_000

[bandwidth]
up_kbit = 1_000
"""


def load(home: Path, text: str) -> NodePolicy:
    (home / "policy.toml").write_text(text)
    return load_policy(home)


def test_without_a_file_everything_is_carried(tmp_path: Path):
    assert load_policy(tmp_path) == NodePolicy()
    assert load(tmp_path, "") == NodePolicy()
    assert NodePolicy().refuse.is_empty
    assert NodePolicy().objects_max == limits.objects_live_max


def test_everything_that_may_be_said(tmp_path: Path):
    assert load(tmp_path, WHOLE) == NodePolicy(
        refuse=Policy(
            categories=frozenset({"electronics", "electronics/cameras"}),
            keys=frozenset({KEY}),
            words=frozenset({"casino", "free money"}),
        ),
        objects_max=200_000,
        up_kbit=1_000,
    )


@pytest.mark.parametrize(
    ("text", "said", "fix"),
    [
        (
            "[refuse]\ncategories = ['electronic']",
            "policy.toml:2: refuse.categories",
            "electronics",
        ),
        (
            "[refuse]\ncategories = ['weapons']",
            "'weapons' is not a category",
            "intentcast categories WORDS",
        ),
        (
            "[refuse]\ncategories = ['zzzzqqqq']",
            "'zzzzqqqq' is not a category",
            "Find its name: intentcast categories WORDS",
        ),
        ("\n[refuse]\nkeys = ['key-1']", "policy.toml:3: refuse.keys holds 'key-1'", "whole keys"),
        ("[refuse]\nwords = ['!']", "policy.toml:2: refuse.words holds '!', no word", "phrases"),
        ("[refuse]\nword = ['x']", "policy.toml:2: refuse.word is not a key here", "words"),
        ("[storage]\nobjects = 5", "policy.toml:2: storage.objects is 5", "from 1000"),
        ("[bandwidth]\nup_kbit = -1", "policy.toml:2: bandwidth.up_kbit is -1", "from 0"),
        ("[refused]", "policy.toml:1: refused is not a key here", "refuse"),
        ("refuse = 1", "policy.toml:1: refuse is not a table", "[refuse]"),
        ("[refuse", "policy.toml: not TOML", "Mend that line"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, text: str, said: str, fix: str):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert caught.value.code == "E-POLICY"
    assert said in caught.value.sentence
    assert fix in caught.value.fix


GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "carrying.md"


@pytest.mark.parametrize(
    "block", re.findall(r"^```toml\n(.*?)^```", GUIDE.read_text("utf-8"), re.M | re.S)
)
def test_what_the_guide_writes_is_read(tmp_path: Path, block: str):
    assert load(tmp_path, block) != NodePolicy()
