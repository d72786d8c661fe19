"""Requests that must not pass the door of the API, each with how it is refused.

`{port}` and `{cookie}` stand for the asked server's own port, and for the cookie of a browser that
is logged in there.
"""

from __future__ import annotations

from dataclasses import dataclass

OWNER = "the-text-of-the-token-file-of-this-home"
OWN = "Sec-Fetch-Site: same-origin"
FORM = "Content-Type: application/x-www-form-urlencoded"
JSON = "Content-Type: application/json"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One request, and how it is refused."""

    line: str
    status: int
    code: str
    headers: tuple[str, ...] = ()
    token: str = ""
    cookie: str = ""
    body: bytes = b""
    host: str = "127.0.0.1:{port}"


PREVIEW = "POST /v1/casts/preview"
STATUS = "GET /v1/status"
SOCKET = "GET /v1/events/socket"
UPGRADE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
REFUSED = {
    # Names that lead here without being ours: DNS rebinding.
    "rebinding": Case(line=STATUS, host="evil.example", token="owner", status=421, code="E-HOST"),
    "rebinding with the right port": Case(
        line=STATUS, host="evil.example:{port}", cookie="{cookie}", status=421, code="E-HOST"
    ),
    "rebinding by a name that begins like ours": Case(
        line=STATUS, host="127.0.0.1.evil.example", token="owner", status=421, code="E-HOST"
    ),
    "rebinding by a name that ends like ours": Case(
        line=STATUS, host="evil-localhost", token="owner", status=421, code="E-HOST"
    ),
    "rebinding by a name below an allowed one": Case(
        line=STATUS, host="a.box.local", token="owner", status=421, code="E-HOST"
    ),
    "an address of the local network": Case(
        line=STATUS, host="192.168.1.5:{port}", token="owner", status=421, code="E-HOST"
    ),
    "every address": Case(
        line=STATUS,
        host="0.0.0.0",  # noqa: S104 - a name in a header
        token="owner",
        status=421,
        code="E-HOST",
    ),
    "rebinding of what needs no token": Case(
        line="GET /livez", host="evil.example", status=421, code="E-HOST"
    ),
    "rebinding of the login": Case(
        line="POST /login",
        headers=(JSON,),
        host="evil.example",
        body=b'{"code": "ACDEFGHJ"}',
        status=421,
        code="E-HOST",
    ),
    "rebinding of a page": Case(line="GET /", host="evil.example", status=421, code="E-HOST"),
    "another server in the line": Case(
        line="GET http://evil.example/v1/status", token="owner", status=400, code="E-REQUEST"
    ),
    # What other sites send through the owner's browser.
    "another site reads": Case(
        line=STATUS,
        headers=("Origin: https://evil.example", "Sec-Fetch-Site: cross-site"),
        cookie="{cookie}",
        status=403,
        code="E-ORIGIN",
    ),
    "another site posts": Case(
        line=PREVIEW,
        headers=("Origin: https://evil.example", JSON),
        cookie="{cookie}",
        body=b"{}",
        status=403,
        code="E-ORIGIN",
    ),
    "a sandboxed frame posts": Case(
        line=PREVIEW,
        headers=("Origin: null", JSON),
        cookie="{cookie}",
        body=b"{}",
        status=403,
        code="E-ORIGIN",
    ),
    "no origin, said to be our page": Case(
        line=PREVIEW,
        headers=("Origin: null", OWN, JSON),
        cookie="{cookie}",
        body=b"{}",
        status=403,
        code="E-ORIGIN",
    ),
    "no origin with a token": Case(
        line=STATUS, headers=("Origin: null",), token="owner", status=403, code="E-ORIGIN"
    ),
    "another port of this machine": Case(
        line=PREVIEW,
        headers=("Origin: http://127.0.0.1:3000", "Sec-Fetch-Site: same-site", JSON),
        cookie="{cookie}",
        body=b"{}",
        status=403,
        code="E-ORIGIN",
    ),
    "the same port under another of our names": Case(
        line=PREVIEW,
        headers=("Origin: http://localhost:{port}", JSON),
        cookie="{cookie}",
        body=b"{}",
        status=403,
        code="E-ORIGIN",
    ),
    "our origin by https": Case(
        line=PREVIEW,
        headers=("Origin: https://127.0.0.1:{port}", JSON),
        cookie="{cookie}",
        body=b"{}",
        status=403,
        code="E-ORIGIN",
    ),
    "a form of another site": Case(
        line="POST /peers",
        headers=("Origin: https://evil.example", "Sec-Fetch-Site: cross-site", FORM),
        cookie="{cookie}",
        body=b"address=evil.example:1",
        status=403,
        code="E-ORIGIN",
    ),
    "a form of a browser that says nothing": Case(
        line="POST /peers",
        headers=(FORM,),
        cookie="{cookie}",
        body=b"address=evil.example:1",
        status=403,
        code="E-ORIGIN",
    ),
    "a cookie that changes something from nowhere": Case(
        line=PREVIEW,
        headers=(JSON,),
        cookie="{cookie}",
        body=b"{}",
        status=403,
        code="E-ORIGIN",
    ),
    "a page in a frame": Case(
        line="GET /",
        headers=(
            "Sec-Fetch-Site: cross-site",
            "Sec-Fetch-Mode: navigate",
            "Sec-Fetch-Dest: iframe",
        ),
        cookie="{cookie}",
        status=403,
        code="E-ORIGIN",
    ),
    "a style sheet of ours on another site": Case(
        line="GET /static/app.css",
        headers=(
            "Sec-Fetch-Site: cross-site",
            "Sec-Fetch-Mode: no-cors",
            "Sec-Fetch-Dest: style",
        ),
        status=403,
        code="E-ORIGIN",
    ),
    "a link of another site into the API": Case(
        line=STATUS,
        headers=(
            "Sec-Fetch-Site: cross-site",
            "Sec-Fetch-Mode: navigate",
            "Sec-Fetch-Dest: document",
        ),
        cookie="{cookie}",
        status=403,
        code="E-ORIGIN",
    ),
    "a socket opened by another site": Case(
        line=SOCKET,
        headers=(*UPGRADE, "Origin: https://evil.example"),
        cookie="{cookie}",
        status=403,
        code="E-ORIGIN",
    ),
    "a socket opened by another port": Case(
        line=SOCKET,
        headers=(*UPGRADE, "Origin: http://127.0.0.1:3000"),
        cookie="{cookie}",
        status=403,
        code="E-ORIGIN",
    ),
    "a socket opened from nowhere": Case(
        line=SOCKET, headers=UPGRADE, cookie="{cookie}", status=403, code="E-ORIGIN"
    ),
    "a socket opened from a sandbox": Case(
        line=SOCKET,
        headers=(*UPGRADE, "Origin: null"),
        cookie="{cookie}",
        status=403,
        code="E-ORIGIN",
    ),
    "a socket under a foreign name": Case(
        line=SOCKET,
        headers=(*UPGRADE, "Origin: http://evil.example"),
        host="evil.example",
        cookie="{cookie}",
        status=421,
        code="E-HOST",
    ),
    "a socket of nobody": Case(
        line=SOCKET,
        headers=(*UPGRADE, "Origin: http://127.0.0.1:{port}"),
        status=401,
        code="E-TOKEN",
    ),
    "a question before a cross-site post": Case(
        line="OPTIONS /v1/casts",
        headers=("Origin: https://evil.example", "Access-Control-Request-Method: POST"),
        status=403,
        code="E-ORIGIN",
    ),
    "another site logs in": Case(
        line="POST /login",
        headers=(FORM, "Origin: https://evil.example", "Sec-Fetch-Site: cross-site"),
        body=b"code=ACDEFGHJ",
        status=403,
        code="E-ORIGIN",
    ),
    "another site logs out": Case(
        line="POST /logout",
        headers=(FORM, "Sec-Fetch-Site: cross-site"),
        cookie="{cookie}",
        body=b"a=b",
        status=403,
        code="E-ORIGIN",
    ),
    # Who nobody knows.
    "nobody": Case(line=STATUS, status=401, code="E-TOKEN"),
    "nobody where there is nothing": Case(line="GET /v1/nothing", status=401, code="E-TOKEN"),
    "a guess": Case(line=STATUS, token="guess", status=401, code="E-TOKEN"),
    "most of the token": Case(line=STATUS, token=OWNER[:-1], status=401, code="E-TOKEN"),
    "a token in the query": Case(line=f"GET /v1/status?token={OWNER}", status=401, code="E-TOKEN"),
    "a token as a cookie": Case(
        line=STATUS, cookie=f"intentcast_{{port}}={OWNER}", status=401, code="E-TOKEN"
    ),
    "another scheme": Case(
        line=STATUS, headers=("Authorization: Basic b3duZXI6eA==",), status=401, code="E-TOKEN"
    ),
    "a scheme alone": Case(
        line=STATUS, headers=("Authorization: Bearer",), status=401, code="E-TOKEN"
    ),
    "the cookie of another port": Case(
        line=STATUS, cookie="intentcast_1=abc", status=401, code="E-TOKEN"
    ),
    "a planted session": Case(
        line=STATUS, cookie="intentcast_{port}=chosen-by-another", status=401, code="E-TOKEN"
    ),
    "a wrong token beside a good cookie": Case(
        line=STATUS, token="guess", cookie="{cookie}", headers=(OWN,), status=401, code="E-TOKEN"
    ),
    "another scheme beside a good cookie": Case(
        line=STATUS,
        headers=("Authorization: Digest x", OWN),
        cookie="{cookie}",
        status=401,
        code="E-TOKEN",
    ),
    # What stands twice is two different requests to two readers.
    "two tokens": Case(
        line=STATUS,
        token="owner",
        headers=("Authorization: Bearer guess",),
        status=400,
        code="E-REQUEST",
    ),
    "two origins": Case(
        line=STATUS,
        token="owner",
        headers=("Origin: http://127.0.0.1:{port}", "Origin: https://evil.example"),
        status=400,
        code="E-REQUEST",
    ),
    # What a browser can send without asking, and programs do not.
    "a form for the API": Case(
        line=PREVIEW,
        headers=(FORM, OWN),
        cookie="{cookie}",
        body=b"a=b",
        status=415,
        code="E-MEDIA",
    ),
    "text for the API": Case(
        line=PREVIEW,
        headers=("Content-Type: text/plain", OWN),
        cookie="{cookie}",
        body=b"{}",
        status=415,
        code="E-MEDIA",
    ),
    # Ways on that lead elsewhere, and out of the header they stand in.
    "on to another site": Case(
        line="POST /login",
        headers=(JSON, OWN),
        body=b'{"code": "ACDEFGHJ", "next": "//evil.example"}',
        status=422,
        code="E-FIELD",
    ),
    "on to another site by a backslash": Case(
        line="POST /login",
        headers=(JSON, OWN),
        body=b'{"code": "ACDEFGHJ", "next": "/\\\\evil.example"}',
        status=422,
        code="E-FIELD",
    ),
    "on to a script": Case(
        line="POST /login",
        headers=(JSON, OWN),
        body=b'{"code": "ACDEFGHJ", "next": "javascript:alert(1)"}',
        status=422,
        code="E-FIELD",
    ),
    "on into the next header": Case(
        line="POST /login",
        headers=(JSON, OWN),
        body=b'{"code": "ACDEFGHJ", "next": "/\\r\\nSet-Cookie: a=b"}',
        status=422,
        code="E-FIELD",
    ),
    "a code in the query": Case(
        line="POST /login?code=ACDEFGHJ",
        headers=(JSON, OWN),
        body=b"{}",
        status=422,
        code="E-FIELD",
    ),
    "a code that is none": Case(
        line="POST /login",
        headers=(JSON, OWN),
        body=b'{"code": "ACDEFGHJ"}',
        status=401,
        code="E-LOGIN",
    ),
    "a code as a question": Case(line="GET /login/ACDEFGHJ", status=401, code="E-TOKEN"),
}
