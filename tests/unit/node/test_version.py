"""The version is one that package tools understand."""

from __future__ import annotations

import re

from node.version import VERSION


def test_it_is_three_numbers():
    assert re.fullmatch(r"\d+\.\d+\.\d+", VERSION)
