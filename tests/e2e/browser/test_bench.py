"""The bench itself: that every kind of thing that must not happen is seen, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.browser.site import Sheet
from tests.e2e.browser.town import address_of, offers_of, rental_cast
from tests.e2e.browser.watcher import Kind, Watcher, origin_of

POLICY = {"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'"}
GOOD = (
    '<!doctype html><html lang="en"><head><title>Good</title>'
    '<meta name="viewport" content="width=device-width"></head>'
    "<body><main><h1>Good</h1><p>Nothing wrong here.</p></main></body></html>"
)


def page(script: str = "", body: str = "") -> dict[str, Sheet]:
    """A page with a script of its own beside it."""
    text = f'<!doctype html><title>t</title>{body}<script src="/app.js"></script>'
    return {"/": Sheet(text, POLICY), "/app.js": Sheet(script, kind="text/javascript")}


async def test_a_good_page_is_no_reason_to_complain(open_tab, site, watcher: Watcher):
    home = await site(**{"/": Sheet(GOOD, POLICY)})
    tab = await open_tab(home.url())
    await tab.go("/")
    assert await tab.axe() == []
    assert await tab.too_wide() == []
    assert "Nothing wrong" in await tab.seen_text()
    assert watcher.sights == []


BAD = {
    "alert": (Kind.DIALOG, page("alert('x')")),
    "confirm": (Kind.DIALOG, page("confirm('x')")),
    "exception": (Kind.SCRIPT, page("throw new Error('x')")),
    "rejection": (Kind.SCRIPT, page("Promise.reject(new Error('x'))")),
    "console": (Kind.CONSOLE, page("console.error('x')")),
    "inline script": (Kind.POLICY, page(body="<script>window.x = 1</script>")),
    "inline handler": (Kind.POLICY, page(body="<p onclick='x()'>x</p>")),
    "inline style": (Kind.POLICY, page(body="<p style='color:red'>x</p>")),
    "eval": (Kind.POLICY, page("try { eval('1') } catch {}")),
    "image": (Kind.POLICY, page(body="<img src='http://evil.test/x.png'>")),
    "own frame": (Kind.POLICY, page(body="<iframe src='/other'></iframe>")),
}


@pytest.mark.parametrize("name", sorted(BAD))
async def test_what_must_not_happen_is_seen(name: str, open_tab, site, watcher: Watcher):
    kind, sheets = BAD[name]
    home = await site(**sheets)
    tab = await open_tab(home.url())
    await tab.go("/")
    await watcher.settle(tab.context)
    assert watcher.of(kind), watcher.sights
    assert any(fault.startswith(kind.value) for fault in watcher.faults())
    watcher.retire()


@pytest.mark.parametrize(
    "script",
    [
        "fetch('http://evil.test/x').catch(() => 0)",
        "new Image().src = 'http://127.0.0.1:9/x'",
        "new WebSocket('ws://127.0.0.1:9/x')",
        "navigator.sendBeacon('http://localhost:9/x', '1')",
        "location = 'http://evil.test:9/x'",
        "open('http://evil.test:9/x')",
    ],
)
async def test_a_request_to_somebody_else_is_seen(script: str, open_tab, site, watcher: Watcher):
    home = await site(
        **{"/": Sheet(GOOD + '<script src="/app.js"></script>'), "/app.js": Sheet(script)}
    )
    home.sheets["/app.js"] = Sheet(script, kind="text/javascript")
    tab = await open_tab(home.url())
    async with tab.context.expect_event("request", lambda one: origin_of(one.url) != home.url()):
        await tab.go("/")
    for _ in range(20):
        if watcher.of(Kind.FOREIGN):
            break
        await tab.page.wait_for_timeout(50)
    assert watcher.of(Kind.FOREIGN), watcher.sights
    watcher.retire()


async def test_a_failure_of_the_server_is_seen(open_tab, site, watcher: Watcher):
    sheets = page("fetch('/broken')") | {"/broken": Sheet("x", status=500)}
    sheets["/"] = Sheet(GOOD + '<script src="/app.js"></script>')
    home = await site(**sheets)
    tab = await open_tab(home.url())
    watcher.expects(Kind.CONSOLE, "500")
    async with tab.page.expect_event("console"):
        await tab.go("/")
    assert watcher.of(Kind.FAILURE)
    assert all(fault.startswith("server failure") for fault in watcher.faults())
    watcher.retire()


async def test_what_was_expected_must_come(watcher: Watcher):
    watcher.expects(Kind.CONSOLE, "404")
    assert watcher.faults() == ["expected and not seen: console error: 404"]
    watcher.note(Kind.CONSOLE, "Failed: 404")
    assert watcher.faults() == []
    watcher.tolerates(Kind.POLICY, "img-src")
    assert watcher.faults() == []
    watcher.note(Kind.CONSOLE, "Failed: 403")
    with pytest.raises(AssertionError, match="403"):
        watcher.check()


async def test_without_script_a_breach_is_seen_too(open_tab, site, watcher: Watcher):
    home = await site(**page(body="<img src='http://evil.test/x.png'>"))
    tab = await open_tab(home.url(), script=False)
    await tab.go("/")
    assert watcher.of(Kind.POLICY), watcher.sights
    assert await tab.axe()
    watcher.retire()


async def test_a_page_is_held_against_the_rules_of_accessibility(open_tab, site):
    home = await site(**{"/": Sheet("<html><body><img src='/a.png'><input></body></html>")})
    home.sheets["/a.png"] = Sheet("", kind="image/png")
    tab = await open_tab(home.url())
    await tab.go("/")
    found = "\n".join(await tab.axe())
    for rule in ("image-alt", "label", "html-has-lang", "document-title"):
        assert rule in found
    with pytest.raises(AssertionError, match="image-alt"):
        await tab.check_axe()


async def test_what_sticks_out_on_a_phone_is_named(open_tab, site):
    text = "<!doctype html><meta name=viewport content='width=device-width'>"
    text += f"<p class='long'>{'x' * 200}</p>"
    home = await site(**{"/": Sheet(text)})
    tab = await open_tab(home.url())
    await tab.phone()
    await tab.go("/")
    assert await tab.too_wide() == [f"p.long {'x' * 30}"]


async def test_pictures_are_taken_in_both_themes(open_tab, site, shots: Path):
    css = "body{background:white}@media(prefers-color-scheme:dark){body{background:black}}"
    home = await site(
        **{
            "/": Sheet(f"{GOOD}<link rel=stylesheet href=/a.css>"),
            "/a.css": Sheet(css, kind="text/css"),
        }
    )
    tab = await open_tab(home.url())
    await tab.go("/")
    light, dark = await tab.shots("bench-good")
    assert (light.parent, light.name, dark.name) == (
        shots,
        "bench-good-light.png",
        "bench-good-dark.png",
    )
    assert light.read_bytes() != dark.read_bytes()


async def test_the_town_answers_a_request(town):
    house = await town.move_in("buyer_ana")
    handle = await rental_cast(house)
    found = await offers_of(house, handle)
    assert len({offer["vendor"]["name"] for offer in found}) == 3
    status, document = await address_of(house).ask("GET", f"/v1/casts/{handle}/offers")
    assert status == 200
    assert len(document["offers"]) >= 3
