"""The door."""

from __future__ import annotations

import pytest

from node.web.pages.entrance import next_path
from tests.unit.node.web.conftest import Browser, text_of


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        ("/deals", "/deals"),
        ("/casts/x?show=differences", "/casts/x?show=differences"),
        ("//evil.test", "/"),
        ("/\\evil.test", "/"),
        ("https://evil.test", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\nb", "/"),
        ("", "/"),
        ("/" + "x" * 600, "/" + "x" * 600),
        # Cut off, it would lead somewhere else.
        ("/" + "x" * 1_024, "/"),
        ("/casts/é", "/"),
    ],
)
def test_only_paths_of_this_site(asked: str, path: str):
    assert next_path(asked) == path


async def test_the_door_is_open_to_all_and_says_how_to_come_in(browser: Browser):
    page = await browser.asker.ask("GET", "/login?next=//evil.test", token=None)
    text = text_of(page)
    assert page.status == 200
    assert "intentcast open" in text
    assert 'name="next" value="/"' in text
    assert 'autocomplete="one-time-code"' in text
