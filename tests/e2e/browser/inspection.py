"""What a page may not be made of, whatever texts it shows; and all pages, found by their links.

Enters: a tab whose node holds hostile texts. Leaves: for each page what in it a text of a stranger
could have made: an element, an attribute, an address, a direction that reaches beyond its text.
Pages are found by following links, so that a new one is inspected without being named here.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable
from urllib.parse import urldefrag, urlsplit

from playwright.async_api import APIResponse

from tests.e2e.browser.hostile import shown
from tests.e2e.browser.tab import Tab

PAGES_MAX = 60
"""Pages one crawl opens."""
_SAMPLE_EVERY = re.compile(r"(cast|offer|deal|node|key|agreement|token|session)-[A-Z0-9-]{4,}")

_STRUCTURE = r"""(isFile) => {
  const bad = [];
  const tell = (why, one) => bad.push(`${why}: ${one.outerHTML.slice(0, 160)}`);
  const never = new Set(['animate', 'animatemotion', 'animatetransform', 'applet', 'base', 'embed',
    'foreignobject', 'frame', 'frameset', 'iframe', 'marquee', 'math', 'mglyph', 'object',
    'plaintext', 'portal', 'set', 'style', 'xmp']);
  const addresses = new Set(['action', 'background', 'cite', 'data', 'formaction', 'href', 'ping',
    'poster', 'src', 'srcset', 'xlink:href']);
  for (const one of document.querySelectorAll('*')) {
    const name = one.localName.toLowerCase();
    if (never.has(name) && !(isFile && name === 'style')) tell('element', one);
    if (name === 'script' && !one.src && one.type !== 'application/json') tell('script', one);
    for (const {name: key, value} of one.attributes) {
      const lower = key.toLowerCase();
      if (lower.startsWith('on') || lower === 'srcdoc' || lower === 'style') tell('attribute', one);
      if (lower === 'id' && value === 'hostile') tell('hostile element', one);
      if (lower === 'target') tell('another window', one);
      if (!addresses.has(lower)) continue;
      let address = null;
      try { address = new URL(value, document.baseURI); } catch { tell('address', one); continue; }
      const isImage = address.protocol === 'data:' && name === 'img';
      if (address.origin !== location.origin && !isImage) tell('address', one);
    }
    if (name === 'meta' && one.httpEquiv.toLowerCase() === 'refresh' &&
        /url=\s*['"]?(?!\/[^\/\\])/i.test(one.content)) tell('refresh', one);
  }
  const loose = (one) => getComputedStyle(one).unicodeBidi === 'normal';
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = walker.nextNode(); text; text = walker.nextNode()) {
    if (!/[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]/.test(text.data)) continue;
    let one = text.parentElement;
    while (loose(one) && one.childNodes.length === 1) one = one.parentElement;
    if (one.childNodes.length > 1) tell('loose direction', one);
  }
  return [...new Set(bad)].slice(0, 20);
}"""
_OPEN_ALL = """() => {
  document.querySelectorAll('details').forEach((one) => { one.open = true; });
  document.querySelectorAll('a, button, input, select, summary, [tabindex]').forEach(
    (one) => { one.focus(); one.blur(); });
  document.querySelectorAll('td, th, p, li, h1, h2').forEach((one) =>
    one.dispatchEvent(new PointerEvent('pointerover', {bubbles: true})));
}"""
_TEXT = """() => document.body.textContent + ' ' +
  [...document.querySelectorAll('input, textarea')].map((one) => one.value).join(' ')"""


async def hostile_faults(tab: Tab, *, is_file: bool = False) -> list[str]:
    """List what the page in a tab has that no page may have; all its parts are opened first.

    Dialogs, foreign requests and breaches of policy are the watcher's to see.

    Args:
        tab: shows the page.
        is_file: whether it is one that is kept, with its style in it.
    """
    await tab.page.evaluate(_OPEN_ALL)
    found: list[str] = await tab.page.evaluate(_STRUCTURE, is_file)
    return [f"{tab.page.url}: {each}" for each in found]


async def check_hostile(tab: Tab, path: str) -> None:
    """Open a page that shows hostile texts, and fail with everything they made of it.

    Args:
        tab: logged in, under watch.
        path: of the page.
    """
    await tab.go(path)
    faults = await hostile_faults(tab)
    assert not faults, "\n".join(faults)


async def texts_shown(tab: Tab, texts: Iterable[str]) -> list[str]:
    """List those of some texts that the page in a tab shows, letter by letter.

    What cannot be seen may have been dropped or marked; see `hostile.shown`.
    """
    whole = shown(await tab.page.evaluate(_TEXT))
    return [text for text in texts if len(shown(text)) > 1 and shown(text) in whole]


def kind_of(path: str) -> str:
    """Give a path with its names taken out: pages of one kind differ in them alone."""
    return _SAMPLE_EVERY.sub("*", urlsplit(path).path)


def _is_page(response: APIResponse) -> bool:
    """Tell whether an answer is shown, and not kept as a file."""
    headers = response.headers
    is_kept = headers.get("content-disposition", "").startswith("attachment")
    return "text/html" in headers.get("content-type", "") and not is_kept


async def walk(tab: Tab, start: str = "/", *, each_kind: int = 2) -> AsyncIterator[str]:
    """Open all pages that links lead to from one, so many of each kind; give each one's path.

    Args:
        tab: logged in; it stands on the page whose path was given last.
        start: where to begin.
        each_kind: most pages that differ in a name alone.
    """
    queue, seen, kinds, opened = [start], {start}, dict[str, int](), 0
    while queue and opened < PAGES_MAX:
        path = queue.pop(0)
        if kinds.setdefault(kind_of(path), 0) >= each_kind:
            continue
        response = await tab.page.request.get(f"{tab.address.url}{path}", max_redirects=3)
        if not _is_page(response):
            continue
        kinds[kind_of(path)] += 1
        opened += 1
        await tab.go(path)
        links = await tab.page.eval_on_selector_all(
            "a[href]", "(all) => all.map((one) => one.href)"
        )
        for link in map(str, links):
            whole = urldefrag(link).url
            target = whole.removeprefix(tab.address.url)
            if whole.startswith(f"{tab.address.url}/") and target not in seen:
                seen.add(target)
                queue.append(target)
        yield path


async def crawl(tab: Tab, start: str = "/", *, each_kind: int = 2) -> list[str]:
    """List the paths of all pages that links lead to; see `walk`."""
    return [path async for path in walk(tab, start, each_kind=each_kind)]
