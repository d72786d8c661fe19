"""The limits page: units as the names tell them, headings and meanings as the source has them."""

from __future__ import annotations

import pytest

from scripts.generate_reference import page, spoken

SOURCE = '''"""Bounds."""

from typing import Final

# --- frames (network 1) ---------------
frame_bytes_max: Final = 64 * 1024
"""One frame,
with its tag."""
# --- time ---------------
wait_ms_max: Final = 90_000
'''


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("frame_bytes_max", 64 * 1024, "64 KiB"),
        ("pow_bytes", 8, "8 B"),
        ("queue_bytes_max", 4 * 1024 * 1024, "4 MiB"),
        ("odd_bytes_max", 1025, "1,025 B"),
        ("peer_stall_ms", 20_000, "20 s"),
        ("odd_ms", 1_500, "1,500 ms"),
        ("cast_ttl_ms_max", 60 * 86_400_000, "60 d"),
        ("put_bits_min", 8, "8 bits"),
        ("items_max", 4_096, "4,096"),
        ("schemes", ("a", "b"), "`a`, `b`"),
        ("kinds", frozenset({"b", "a"}), "`a`, `b`"),
        ("flag", True, "`True`"),
        ("name", "main", "`main`"),
    ],
)
def test_a_value_is_written_with_the_unit_of_its_name(name: str, value: object, text: str):
    assert spoken(name, value) == text


def test_page_has_a_table_for_each_heading_in_order():
    text = page(SOURCE)
    assert text.index("## Frames\n") < text.index("| `frame_bytes_max` | 64 KiB |")
    assert text.index("| `frame_bytes_max`") < text.index("## Time\n")
    assert "| One frame, with its tag. |" in text
    assert "| `wait_ms_max` | 90,000 ms |" not in text
    assert "| `wait_ms_max` | 90 s |  |" in text
