"""Readers of files and of what the local API is sent: JSON, TOML, feeds, keys, saved agreements."""

from __future__ import annotations

import importlib
import io
import ipaddress
import json
import tempfile
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy

from node.api.bodies import converted
from node.api.guards import check_host, check_origin, check_target, host_name
from node.api.problems import GateError
from node.api.strict_json import read_json
from node.backup.container import Head, read_head, read_stream, write_stream
from node.config import load_settings
from node.data.vocabulary import attribute_vocabulary, category_tree
from node.errors import ConfigError, KeystoreError, RefusedError, StorageError
from node.keyfile import (
    MODERATE,
    NODE_FILE,
    ROOT_FILE,
    SealedRoot,
    passphrase_line,
    read_node,
    read_root,
)
from node.market.drafts import read_request
from node.network.announcement import read_announcement, read_txt, txt_fields
from node.runtime.identity import read_certificate, write_certificate
from node.vendor.identity import load_identity
from node.vendor.rules import load_rules
from node.words import root_from_words, words_of
from protocol.errors import LocalProtocolError, RemoteProtocolError
from protocol.ids import NodeId
from protocol.objects.envelope import open_stored
from tests.fuzz import feed, seeds, wire
from tests.parties import NOW_MS
from tests.property.decoders import Decoder, Form, check_told

LOCAL = (LocalProtocolError,)
ROOT = Path(__file__).resolve().parents[2]
_CASTS = ROOT / "node" / "data" / "examples"
_API = ROOT / "node" / "api"


@cache
def _folder() -> Path:
    memory = Path("/dev/shm")
    name = tempfile.mkdtemp(prefix="readers-", dir=memory if memory.is_dir() else None)
    return Path(name)


def _written(name: str, raw: bytes) -> Path:
    path = _folder() / name
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(raw)
    return path


# --- the local API --------------------------------------------------------------------------------


@cache
def body_types() -> list[Any]:
    """Find every body and query the API takes."""
    found = []
    for path in sorted(_API.glob("*.py")):
        module = importlib.import_module(f"node.api.{path.stem}")
        for name, value in vars(module).items():
            is_here = getattr(value, "__module__", "") == module.__name__
            if is_here and name.endswith(("Body", "Query")) and issubclass(value, msgspec.Struct):
                found.append(value)
    return found


def _bodies(raw: bytes) -> None:
    """Hold one document against every body; none may fail in another way."""
    value = read_json(raw)
    for kind in body_types():
        for strict in (True, False):
            try:
                converted(value, kind, strict=strict)
            except LocalProtocolError as error:
                check_told(error)


_BODIES: list[dict[str, Any]] = [
    {"options": [0, 1], "slot": 2, "disclose": {"name": "Ana"}, "anyway": False},
    {"confirm": False, "reason": "out_of_stock"},
    {"handle": "cast-7Q4M-K2XD"},
    {"address": "192.0.2.7:7440"},
    {"after": 7, "wait": 1.5},
]


def _request(raw: bytes) -> None:
    """Read a cast file as the API does."""
    value = read_json(raw)
    if isinstance(value, dict):
        read_request(value, NOW_MS)


def _headers(text: str) -> None:
    headers = CIMultiDict({"Host": text, "Origin": f"http://{text}", "Sec-Fetch-Site": "none"})
    host_name(text)
    # Not every text a header may hold can be encoded into a whole request.
    request = cast("web.Request", SimpleNamespace(headers=CIMultiDictProxy(headers), method="GET"))
    check_origin(request, check_host(request.headers, ["node.example"]), is_page=False)


# --- files ----------------------------------------------------------------------------------------


def _examples(kind: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted(seeds.EXAMPLES.glob(f"*.{kind}.toml"))]


def _config(raw: bytes) -> Any:
    _written("config.toml", raw)
    return load_settings(_folder(), {}, {})


def _identity(raw: bytes) -> Any:
    return load_identity(_written("vendor.toml", raw), tree=category_tree())


def _rules(raw: bytes) -> Any:
    path = _written("rules.toml", raw)
    return load_rules(path, vocabulary=attribute_vocabulary(), tree=category_tree())


def _root(raw: bytes) -> Any:
    _written(ROOT_FILE, raw)
    return read_root(_folder())


def _node(raw: bytes) -> Any:
    _written(NODE_FILE, raw)
    return read_node(_folder())


_SEALED = SealedRoot(cost=MODERATE, salt=bytes(16), nonce=bytes(24), box=bytes(48)).raw()


def _backups() -> list[bytes]:
    made = []
    for plain in (b"", b"a home" * 40):
        head = Head(
            at=NOW_MS,
            net="test",
            schema=1,
            program="1",
            holds=["database"],
            size=len(plain),
            salt=bytes(16),
            key=bytes(16),
        )
        file = io.BytesIO()
        write_stream(file, head, _BACKUP_KEY, [plain])
        made.append(file.getvalue())
    return made


def _backup(raw: bytes) -> bytes:
    file = io.BytesIO(raw)
    head, prefix = read_head(file)
    return b"".join(read_stream(file, head, prefix, _BACKUP_KEY))


def _certificates() -> list[str]:
    raw = wire.signed(seeds.texts_by_name()["revocation"])
    return [write_certificate(open_stored(raw, net=wire.NET))]


def _certificate(text: str) -> Any:
    return open_stored(read_certificate(text), net=wire.NET)


def _announcements() -> list[bytes]:
    fields = txt_fields(net="test", key=NodeId(bytes(range(32))))
    parts = [f"{name}={value}".encode() for name, value in fields.items()]
    return [b"".join(bytes([len(part)]) + part for part in parts)]


def _announcement(raw: bytes) -> Any:
    near = [ipaddress.IPv4Network("192.168.1.0/24")]
    facts: dict[str, Any] = {"net": "test", "own": NodeId(bytes(32)), "networks": near}
    read_txt(raw)
    return read_announcement(raw, ["192.168.1.7", "8.8.8.8"], 7440, **facts)


_BACKUP_KEY = bytes(range(32))
_CONFIG = b"""net = "test"
listen_port = 7440
peers = ["192.0.2.7:7440"]
log_level = "INFO"
api_port = 0
receipt_jitter_ms = 100
"""

READERS = [
    Decoder(
        name="API: JSON",
        form=Form.JSON,
        good=lambda: [json.dumps(each).encode() for each in _BODIES],
        read=read_json,
        allowed=LOCAL,
    ),
    Decoder(
        name="API: bodies and queries",
        form=Form.JSON,
        good=lambda: [json.dumps(each).encode() for each in _BODIES],
        read=_bodies,
        allowed=LOCAL,
    ),
    Decoder(
        name="API: path",
        form=Form.TEXT,
        good=lambda: ["/v1/status"],
        read=check_target,
        allowed=(GateError,),
    ),
    Decoder(
        name="API: headers",
        form=Form.TEXT,
        good=lambda: ["127.0.0.1:8420", "localhost", "node.example", "[::1]:1"],
        read=_headers,
        allowed=(GateError,),
    ),
    Decoder(
        name="cast file",
        form=Form.JSON,
        good=lambda: [path.read_bytes() for path in sorted(_CASTS.glob("*.json"))],
        read=_request,
        allowed=LOCAL,
    ),
    Decoder(
        name="config.toml",
        form=Form.BYTES,
        good=lambda: [_CONFIG],
        read=_config,
        allowed=(ConfigError,),
    ),
    Decoder(
        name="vendor.toml",
        form=Form.BYTES,
        good=lambda: _examples("vendor"),
        read=_identity,
        allowed=(ConfigError,),
    ),
    Decoder(
        name="rules.toml",
        form=Form.BYTES,
        good=lambda: _examples("rules"),
        read=_rules,
        allowed=(ConfigError,),
    ),
    Decoder(
        name="root.key",
        form=Form.BYTES,
        good=lambda: [b"intentcast root 1\n" + bytes(32), _SEALED],
        read=_root,
        allowed=(KeystoreError,),
    ),
    Decoder(
        name="node.key",
        form=Form.BYTES,
        good=lambda: [b"intentcast node 1\n" + bytes(64)],
        read=_node,
        allowed=(KeystoreError,),
    ),
    Decoder(
        name="24 words",
        form=Form.TEXT,
        good=lambda: [" ".join(words_of(bytes(range(32)))), "1. abandon 2. about"],
        read=root_from_words,
        allowed=(KeystoreError,),
    ),
    Decoder(
        name="passphrase",
        form=Form.BYTES,
        good=lambda: [b"correct horse battery\n", "Straße und Brücke".encode()],
        read=passphrase_line,
        allowed=LOCAL,
    ),
    Decoder(
        name="backup: head",
        form=Form.BYTES,
        good=_backups,
        read=lambda raw: read_head(io.BytesIO(raw)),
        allowed=(LocalProtocolError, StorageError, RefusedError),
    ),
    Decoder(
        name="backup: whole",
        form=Form.BYTES,
        good=_backups,
        read=_backup,
        allowed=(LocalProtocolError, StorageError, RefusedError),
    ),
    Decoder(
        name="certificate of revocation",
        form=Form.TEXT,
        good=_certificates,
        read=_certificate,
        allowed=(LocalProtocolError, RemoteProtocolError),
    ),
    Decoder(
        name="announcement in the local network",
        form=Form.BYTES,
        good=_announcements,
        read=_announcement,
        allowed=(),
    ),
    Decoder(
        name="feed",
        form=Form.BYTES,
        good=seeds.of_feeds,
        read=feed.one_input,
        allowed=(),
    ),
]
