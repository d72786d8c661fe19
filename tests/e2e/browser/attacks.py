"""What a page of somebody else tries against the node behind its visitor's browser, as data.

Enters: nothing. Leaves: attacks, each with the place it is tried from, its script, what the script
may learn, and how the node may answer. `test_attacks.py` runs them in one browser whose owner is
logged in. The script is the body of an async function of `at`: `at.node` is the node's origin,
`at.me` the attacker's, `at.rebound` the node's port under a name of the attacker's.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum

SECRET = "a wish nobody else may read"
"""Title of the owner's request."""


class Place(StrEnum):
    """Where the attacker's page stands."""

    FOREIGN = "another site"
    """http://evil.test"""
    SISTER = "another port of the same address"
    """http://127.0.0.1: the same site to a browser, whose cookies know no ports."""
    COUSIN = "the same machine under another name"
    """http://localhost"""
    OPAQUE = "a sandboxed frame"
    """Its origin is `null`."""
    DATA = "a data: frame"
    """Its origin is `null`, too."""
    REBOUND = "a name pointed at the node"
    """http://rebound.test at the node's own port: the same origin, says the browser."""


@dataclass(frozen=True, kw_only=True)
class Attack:
    """One thing tried."""

    name: str
    place: Place
    script: str
    learns: str = r"refused|opaque|sent|blocked"
    """Pattern of all the script may give back; never more than that it failed."""
    answers: frozenset[int] = frozenset()
    """Every answer of the node to it is one of these; none: the browser asks for nothing."""
    leaves: bool = False
    """Whether the page is of no more use: it goes to the node, or keeps what it was told."""

    @property
    def title(self) -> str:
        return f"{self.name}, from {self.place}"


NO = frozenset({403})
WRONG_NAME = frozenset({421})
IS_LONG = bool(os.environ.get("INTENTCAST_LONG"))
PLACES = tuple(Place) if IS_LONG else (Place.FOREIGN, Place.SISTER, Place.OPAQUE, Place.REBOUND)
"""The two left out differ from another site, and from a sandboxed frame, in words alone."""

_ATTEMPT = """
const attempt = async (what) => {
  try { return await what(); } catch (error) { return `refused ${error.name}`; }
};
const tell = async (answer) =>
  answer.type === 'opaque' ? 'opaque' : answer.ok ? `READ ${await answer.text()}` : 'refused';
const element = (made) => new Promise((done) => {
  made.onload = () => done('LOADED'); made.onerror = () => done('refused');
  setTimeout(() => done('refused silence'), 1500); document.body.append(made);
});
const post = (fields, action, type, target) => {
  const form = document.createElement('form');
  Object.assign(form, {method: 'POST', action, enctype: type || form.enctype});
  if (target) form.target = target;
  for (const [name, value] of Object.entries(fields)) {
    const input = document.createElement('input');
    Object.assign(input, {type: 'hidden', name, value});
    form.append(input);
  }
  document.body.append(form);
  HTMLFormElement.prototype.submit.call(form);
  return 'sent';
};
"""
"""What the scripts are made of."""


def whole_script(attack: Attack) -> str:
    """Give the function the browser evaluates."""
    return f"async (at) => {{ {_ATTEMPT}\n{attack.script} }}"


def _answers(place: Place, otherwise: frozenset[int] = NO) -> frozenset[int]:
    return WRONG_NAME if place is Place.REBOUND else otherwise


def _target(place: Place) -> str:
    return "at.rebound" if place is Place.REBOUND else "at.node"


def _fetches(place: Place) -> list[Attack]:
    """Ask the API, and tell it things, by fetch."""
    node = _target(place)
    tries = {
        "fetch and read": "/v1/casts', {}",
        "fetch with the cookie": "/v1/casts', {credentials: 'include'}",
        "fetch without waiting for leave": "/v1/casts', {mode: 'no-cors', credentials: 'include'}",
        "fetch the page": "/', {mode: 'no-cors', credentials: 'include'}",
        "post what a form could post": (
            "/v1/revoke', {method: 'POST', mode: 'no-cors', credentials: 'include',"
            ' body: \'{"handle": "cast"}\'}'
        ),
        "post as a form": (
            "/logout', {method: 'POST', mode: 'no-cors', credentials: 'include',"
            " body: new URLSearchParams({})}"
        ),
        "post JSON": (
            "/v1/peers', {method: 'POST', credentials: 'include', body: '{}',"
            " headers: {'Content-Type': 'application/json'}}"
        ),
        "guess a token": "/v1/casts', {headers: {Authorization: 'Bearer guess'}}",
    }
    return [
        Attack(
            name=name,
            place=place,
            script=f"return attempt(async () => tell(await fetch({node} + '{rest})));",
            answers=_answers(place),
        )
        for name, rest in tries.items()
    ]


def _forms(place: Place) -> list[Attack]:
    """Send the browser to the node with a form; nobody is asked for leave."""
    node = _target(place)
    tries = {
        "form to the API": ("{a: 1}", "/v1/casts", "'application/x-www-form-urlencoded'"),
        "form that looks like JSON": (
            '{\'{"handle":"x","y":"\': \'"}\'}',
            "/v1/revoke",
            "'text/plain'",
        ),
        "form that logs out": ("{}", "/logout", "''"),
        "form that sends a request": ("{title: 'x'}", "/ask/send", "''"),
        "form that logs in": ("{code: 'AAAA-AAAA'}", "/login", "''"),
        "form with a file's shape": ("{a: 1}", "/v1/vendor/import", "'multipart/form-data'"),
    }
    return [
        Attack(
            name=name,
            place=place,
            script=f"return post({fields}, {node} + '{path}', {kind});",
            answers=_answers(place),
            leaves=True,
        )
        for name, (fields, path, kind) in tries.items()
    ]


def _sockets(place: Place) -> list[Attack]:
    """Listen to what happens, past the rule of one origin."""
    node = _target(place)
    hijack = """return new Promise((done) => {
      const socket = new WebSocket(%s.replace('http', 'ws') + '/v1/events/socket'%s);
      socket.onopen = () => { socket.send('{"after":0}'); };
      socket.onmessage = (event) => done('READ ' + event.data);
      socket.onerror = () => done('refused');
    });"""
    return [
        Attack(name="WebSocket", place=place, script=hijack % (node, ""), answers=_answers(place)),
        Attack(
            name="WebSocket with a protocol of its own",
            place=place,
            script=hijack % (node, ", ['bearer.guess']"),
            answers=_answers(place),
        ),
        Attack(
            name="stream of events",
            place=place,
            script=f"""return new Promise((done) => {{
              const stream = new EventSource({node} + '/v1/events/stream?after=0',
                {{withCredentials: true}});
              stream.onmessage = (event) => done('READ ' + event.data);
              stream.onopen = () => done('READ open');
              stream.onerror = () => {{ stream.close(); done('refused'); }};
            }});""",
            answers=_answers(place),
        ),
    ]


def _inclusions(place: Place) -> list[Attack]:
    """Take the node's answers into a page of one's own."""
    node = _target(place)
    elements = {
        "script": f"Object.assign(document.createElement('script'), {{src: {node} + '/v1/casts'}})",
        "module": f"Object.assign(document.createElement('script'),"
        f" {{type: 'module', src: {node} + '/v1/status'}})",
        "image": f"Object.assign(new Image(), {{src: {node} + '/v1/status'}})",
        "style sheet": f"Object.assign(document.createElement('link'),"
        f" {{rel: 'stylesheet', href: {node} + '/v1/status'}})",
        "video": f"Object.assign(document.createElement('video'), {{src: {node} + '/v1/status'}})",
        "object": f"Object.assign(document.createElement('object'), {{data: {node} + '/'}})",
        "embedding": f"Object.assign(document.createElement('embed'), {{src: {node} + '/'}})",
    }
    return [
        Attack(
            name=f"included as {name}",
            place=place,
            script=f"return element({made});",
            # An object without content counts as loaded in some versions; what it holds is asked
            # for separately, below.
            learns="refused|LOADED" if name in {"object", "embedding"} else "refused",
            answers=_answers(place),
        )
        for name, made in elements.items()
    ]


_FRAME = """
  const frame = document.createElement('iframe');
  %s
  frame.src = at.node + '%s';
  const loaded = new Promise((done) => {
    frame.onload = () => done(); setTimeout(done, 1500);
  });
  document.body.append(frame);
  await loaded;
  try { return 'READ ' + frame.contentDocument.body.innerText; } catch { return 'blocked'; }
"""


def _frames() -> list[Attack]:
    """Lay the node's pages under a page of one's own, for the owner to click at."""
    plain = "", "/"
    boxed = "frame.sandbox = 'allow-scripts allow-forms allow-same-origin';", "/"
    found = []
    for place in (Place.FOREIGN, Place.SISTER):
        for name, (setting, path) in {
            "framed": plain,
            "framed in a sandbox": boxed,
            "login framed": ("", "/login"),
            "answer of the API framed": ("", "/v1/casts"),
        }.items():
            found.append(
                Attack(
                    name=name,
                    place=place,
                    script=_FRAME % (setting, path),
                    learns="blocked|READ $",
                    answers=NO,
                )
            )
    return found


def _windows() -> list[Attack]:
    """Hold on to a window in which the node's page stands."""
    script = """
      const other = open(at.node + '/', 'w', '%s');
      await new Promise((done) => setTimeout(done, 700));
      if (!other) return 'blocked';
      let seen = other.closed ? 'blocked' : 'open';
      try { seen = 'READ ' + other.document.body.innerText; } catch { seen = 'blocked'; }
      try { other.frames[0] && (seen = 'READ frames'); } catch { /* not ours to see */ }
      try { other.postMessage({kind: 'accept'}, '*'); } catch { /* gone */ }
      return seen;"""
    return [
        Attack(
            name=name,
            place=place,
            script=script % features,
            # From the sister it opens, with the owner's own news, in a window nobody holds.
            answers=frozenset({101, 200, 303}),
        )
        for place in (Place.FOREIGN, Place.SISTER)
        for name, features in (("window and its opener", ""), ("small window", "width=90"))
    ]


_OTHERS = (
    *(
        Attack(
            name="beacon",
            place=place,
            script="return navigator.sendBeacon(at.node + '/v1/keys/lock', '{}') ? 'sent' : 'x';",
            answers=NO,
        )
        for place in (Place.FOREIGN, Place.SISTER)
    ),
    Attack(
        name="method that forms do not have",
        place=Place.FOREIGN,
        script="return attempt(async () => tell(await fetch(at.node + '/v1/casts',"
        " {method: 'DELETE', credentials: 'include'})));",
        answers=NO,
    ),
    Attack(
        name="request of the old kind",
        place=Place.FOREIGN,
        script="""return new Promise((done) => {
          const ask = new XMLHttpRequest();
          ask.open('GET', at.node + '/v1/casts'); ask.withCredentials = true;
          ask.onload = () => done('READ ' + ask.responseText);
          ask.onerror = () => done('refused'); ask.send();
        });""",
        answers=NO,
    ),
    Attack(
        name="form handed on by a redirect that keeps it",
        place=Place.FOREIGN,
        script="return post({}, at.me + '/on?to=' + encodeURIComponent(at.node + '/logout'));",
        answers=NO,
        leaves=True,
    ),
    Attack(
        name="image handed on by a redirect",
        place=Place.FOREIGN,
        script="return element(Object.assign(new Image(), {src: at.me + '/on?to='"
        " + encodeURIComponent(at.node + '/v1/casts')}));",
        answers=NO,
    ),
    Attack(
        name="form that says not where it comes from",
        place=Place.SISTER,
        script="document.head.insertAdjacentHTML('beforeend',"
        " '<meta name=referrer content=no-referrer>');"
        "return post({}, at.node + '/logout');",
        answers=NO,
        leaves=True,
    ),
    Attack(
        name="form in a frame nobody sees",
        place=Place.FOREIGN,
        script="document.body.insertAdjacentHTML('beforeend', '<iframe name=f></iframe>');"
        "post({}, at.node + '/logout', '', 'f');"
        "await new Promise((done) => setTimeout(done, 500)); return 'sent';",
        answers=NO,
    ),
    Attack(
        name="link that would log out",
        place=Place.FOREIGN,
        script="location = at.node + '/logout'; return 'sent';",
        answers=frozenset({403, 405}),
        leaves=True,
    ),
    Attack(
        name="page that sends itself on",
        place=Place.FOREIGN,
        script="document.head.insertAdjacentHTML('beforeend', '<meta http-equiv=refresh'"
        " + ' content=\"0;url=' + at.node + '/v1/casts\">'); return 'sent';",
        answers=NO,
        leaves=True,
    ),
    Attack(
        name="worker that takes a script",
        place=Place.FOREIGN,
        script="""const text = `try {
            importScripts('${at.node}/v1/casts'); postMessage('READ');
          } catch (error) { postMessage('refused'); }`;
          return new Promise((done) => {
            new Worker(URL.createObjectURL(new Blob([text]))).onmessage = (e) => done(e.data);
          });""",
        answers=NO,
    ),
    Attack(
        name="import of a module",
        place=Place.FOREIGN,
        script="return attempt(async () => `READ ${await import(at.node + '/v1/status')}`);",
        answers=NO,
    ),
    Attack(
        name="guard of the node's pages",
        place=Place.FOREIGN,
        script="return attempt(async () => 'READ ' + await navigator.serviceWorker.register("
        "at.node + '/static/x/live.js'));",
    ),
    Attack(
        name="guard of the node's pages, under a name pointed at it",
        place=Place.REBOUND,
        script="return attempt(async () => 'READ ' + await navigator.serviceWorker.register("
        "'/static/x/live.js'));",
    ),
    Attack(
        name="look into the cache",
        place=Place.SISTER,
        script="return attempt(async () => tell(await fetch(at.node + '/v1/casts',"
        " {mode: 'no-cors', cache: 'force-cache', credentials: 'include'})));",
        answers=NO,
    ),
    Attack(
        name="measure what was loaded",
        place=Place.FOREIGN,
        script="""await attempt(() => fetch(at.node + '/', {mode: 'no-cors'}));
          const seen = performance.getEntriesByType('resource')
            .filter((one) => one.name.startsWith(at.node))
            .some((one) => one.transferSize || one.responseStart || one.encodedBodySize);
          return seen ? 'READ sizes' : 'blocked';""",
        answers=NO,
    ),
    Attack(
        name="style sheet that takes another",
        place=Place.FOREIGN,
        script="const sheet = document.createElement('style');"
        "sheet.textContent = `@import '${at.node}/v1/status'`; document.head.append(sheet);"
        "await new Promise((done) => setTimeout(done, 300)); return 'sent';",
        answers=NO,
    ),
    Attack(
        name="page asked for in advance",
        place=Place.FOREIGN,
        script="document.head.insertAdjacentHTML('beforeend',"
        " `<link rel=preload as=fetch crossorigin=use-credentials href=${at.node}/v1/casts>`);"
        "await new Promise((done) => setTimeout(done, 300)); return 'sent';",
        answers=NO,
        # What was asked for in advance answers the next attack that asks the same, unasked.
        leaves=True,
    ),
    Attack(
        name="all addresses of this machine",
        place=Place.FOREIGN,
        script="const port = new URL(at.node).port; return attempt(async () =>"
        " tell(await fetch(`http://0.0.0.0:${port}/v1/casts`, {mode: 'no-cors'})));",
        answers=WRONG_NAME,
    ),
    Attack(
        name="name with a dot behind",
        place=Place.REBOUND,
        script="return attempt(async () => tell(await fetch("
        "at.rebound.replace('.test', '.test.') + '/v1/casts', {mode: 'no-cors'})));",
        answers=WRONG_NAME,
    ),
    Attack(
        name="name that begins like this machine's",
        place=Place.FOREIGN,
        script="const port = new URL(at.node).port; return attempt(async () =>"
        " tell(await fetch(`http://127.0.0.1.rebound.test:${port}/v1/casts`,"
        " {mode: 'no-cors'})));",
        answers=WRONG_NAME,
    ),
    Attack(
        name="name that ends like this machine's",
        place=Place.FOREIGN,
        script="const port = new URL(at.node).port; return attempt(async () =>"
        " tell(await fetch(`http://evil.localhost:${port}/v1/casts`, {mode: 'no-cors'})));",
        answers=WRONG_NAME,
    ),
    Attack(
        name="sign of life under a name pointed at the node",
        place=Place.REBOUND,
        script="return attempt(async () => tell(await fetch('/livez')));",
        answers=WRONG_NAME,
    ),
    Attack(
        name="figures under a name pointed at the node",
        place=Place.REBOUND,
        script="return attempt(async () => tell(await fetch('/metrics')));",
        answers=WRONG_NAME,
    ),
    Attack(
        name="a page of the node under a name pointed at it",
        place=Place.REBOUND,
        script="location = '/login'; return 'sent';",
        answers=WRONG_NAME,
        leaves=True,
    ),
    Attack(
        name="cookies of the node",
        place=Place.SISTER,
        script="return document.cookie.includes('intentcast') ? 'READ cookie' : 'blocked';",
    ),
)
"""Ways beside the usual ones."""


def attacks() -> list[Attack]:
    """Give them all; no two have the same title."""
    found: list[Attack] = []
    for place in PLACES:
        found += _fetches(place) + _sockets(place) + _forms(place)
        if place is not Place.OPAQUE and place is not Place.DATA:
            found += _inclusions(place)
    return [*found, *_frames(), *_windows(), *_OTHERS]


# --- what a link may hold -------------------------------------------------------------------------

LINKS = (
    "/<script>alert(1)</script>",
    "/casts/<img src=x onerror=alert(1)>",
    "/casts/cast-AAAA-AAAA?show=<script>alert(1)</script>",
    "/deals/%3Cscript%3Ealert(1)%3C%2Fscript%3E",
    "/ask?title=%22%3E%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E",
    "/?w_price=%22%20autofocus%20onfocus%3Dalert(1)%20x%3D%22",
    "/#<img src=x onerror=alert(1)>",
    "/?next=javascript:alert(1)",
    "/login?next=%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
    "/login#<img src=x onerror=alert(1)>",
    "/login#javascript:alert(1)",
    "/holds/{{7*7}}",
    "/static/../api.token",
    "/static/x/..%2f..%2f..%2fapi.token",
    "/%00",
    "/" + "a" * 4000,
)
"""Paths of the node that somebody else wrote and its owner follows."""

WAYS_ON = (
    "//evil.test/",
    "https://evil.test/",
    "/\\evil.test/",
    "/\t/evil.test/",
    "/%09/evil.test/",
    "javascript:alert(1)",
    "\\\\evil.test",
    "/..//evil.test/",
    "http:evil.test",
    "/\r\nLocation: http://evil.test/",
)
"""Values of `next`: where a login would lead on to."""
