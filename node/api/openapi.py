"""The description of this API: OpenAPI 3.1, made of the operations and their records.

Enters: operations. Leaves: one document, the same for the same operations. Nothing is described
here by hand that a route or a record says already; what a status means is, since only a person
can say it.
Source: OpenAPI Specification 3.1.1; its schemas are JSON Schema 2020-12.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from node.api.documents.problem import Problem
from node.api.field_words import field_words
from node.api.guards import FORM
from node.api.kinds import ErrorKind
from node.api.operations import Operation, Scope
from node.api.problems import STATUS
from node.config import Settings
from node.version import VERSION

Tree: TypeAlias = dict[str, Any]
PROBLEM_JSON: Final = "application/problem+json"
_REF: Final = "#/components/schemas/{name}"
_KEY_HEADER: Final = "Idempotency-Key"

_MEANING: Final = {
    400: "Not a request this API understands: `E-REQUEST`, `E-JSON`.",
    401: "The token is missing or wrong: `E-TOKEN`.",
    403: "A page of another site asks, or the token may not do this.",
    404: "Nothing here goes by that name.",
    408: "It did not happen in time.",
    409: "A rule says no; the code tells which.",
    413: "The body is too large.",
    415: "The body is of another type, or compressed: `E-MEDIA`.",
    421: "This API does not answer to that name: `E-HOST`.",
    422: "A member or parameter is unknown, not understood or out of range; `field` names it.",
    423: "The keys are locked, or the passphrase is not theirs.",
    424: "Somebody else's node could not be reached.",
    426: "This path speaks WebSocket.",
    429: "Too many wrong codes came; `Retry-After` says when to try again.",
    500: "A bug: `E-INTERNAL`; the node's log has the line the sentence names.",
    503: "This machine could not do it: disk, file or port.",
    507: "The disk is full: `E-DISK-FULL`.",
}
_ANY: Final = (400, 403, 421, 422, 500, 503)
"""What every request may meet: at the gate, by an unknown parameter, or by a failing machine."""
_WITH_TOKEN: Final = 401
_WITH_BODY: Final = (408, 413, 415, 507)

CHAPTERS: Final = {
    "node": "How the node is, its links, letters and news.",
    "casts": "Own requests and the offers for them.",
    "deals": "Accepted offers, and the agreements they become.",
    "vendor": "What this home sells.",
    "nearby": "Nodes and shops near and known, and invites.",
    "keys": "Keys, passphrase, backups.",
    "access": "Who may ask: tokens and browser sessions.",
    "identity": "The shop's key, and what follows a restore.",
}
"""Tag -> what it is about."""
_CHAPTER_OF: Final = {
    "offers": "casts",
    "revoke": "casts",
    "invites": "nearby",
    "join": "nearby",
    "backups": "keys",
    "holds": "casts",
    "tokens": "access",
    "login": "access",
    "logout": "access",
    "reopen": "identity",
    "people": "nearby",
    "categories": "casts",
    "category": "casts",
    "verify": "deals",
}
"""First segment of a path -> its chapter; else the segment's own, else the node's."""


def describe(operations: Sequence[Operation]) -> Tree:
    """Describe the whole API; reads the records' sources, so not for the loop."""
    parts = _Parts(operations)
    paths: dict[str, Tree] = {}
    for each in operations:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each, parts)
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "intentcast, local API",
            "version": VERSION,
            "summary": "What a program of the node's owner may ask of it.",
            "description": (
                "Served on loopback only. Times are ISO 8601 in UTC. A handle is a full id or the"
                " beginning of one. Texts of strangers are text: show them, never interpret them."
            ),
            "license": {"name": "Apache License 2.0", "identifier": "Apache-2.0"},
        },
        "servers": _servers(),
        "tags": [{"name": name, "description": words} for name, words in CHAPTERS.items()],
        "paths": paths,
        "components": {
            "schemas": parts.schemas(),
            "responses": _refusals(),
            "securitySchemes": _security_schemes(),
        },
    }


def _servers() -> list[Tree]:
    port = {"default": str(Settings().api_port), "description": "`api.json` in the home names it."}
    return [
        {"url": "/", "description": "The node this was asked of."},
        {
            "url": "http://127.0.0.1:{port}",
            "description": "The node of this machine.",
            "variables": {"port": port},
        },
    ]


def _security_schemes() -> Tree:
    return {
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "The text of `api.token` in the node's home.",
        },
        "cookie": {
            "type": "apiKey",
            "in": "cookie",
            "name": f"intentcast_{Settings().api_port}",
            "description": "Of a browser that followed a login link. The number is the API's port.",
        },
    }


def chapter_of(path: str) -> str:
    """Give the tag of a path."""
    segment = path.removeprefix("/v1").split("/")[1]
    chapter = _CHAPTER_OF.get(segment, segment)
    return chapter if chapter in CHAPTERS else "node"


# --- one operation -------------------------------------------------------------------------------


def _operation(each: Operation, parts: _Parts) -> Tree:
    found: Tree = {
        "operationId": each.name,
        "tags": [chapter_of(each.path)],
        "summary": each.summary,
        "description": _scope_words(each.scope),
        "security": _security(each.scope),
    }
    if each.scope is not None:
        found["x-scope"] = each.scope.value
    if parameters := _parameters(each, parts):
        found["parameters"] = parameters
    if each.body is not None:
        schema = {"schema": parts.schema(each.body)}
        content = {each.body_media: schema} | ({FORM: schema} if each.takes_forms else {})
        found["requestBody"] = {"required": True, "content": content}
    found["responses"] = _answers(each, parts)
    return found


def _scope_words(scope: Scope | None) -> str:
    if scope is None:
        return "Needs no token."
    also = "" if scope is Scope.ADMIN else " or `admin`"
    return f"Needs a token with the scope `{scope.value}`{also}."


def _security(scope: Scope | None) -> list[Tree]:
    return [] if scope is None else [{"bearer": [scope.value]}, {"cookie": [scope.value]}]


def _parameters(each: Operation, parts: _Parts) -> list[Tree]:
    found: list[Tree] = []
    if "{handle}" in each.path:
        found.append(
            {
                "name": "handle",
                "in": "path",
                "required": True,
                "description": "A full id, or the beginning of one.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 120},
            }
        )
    found += parts.query(each.query)
    if each.is_once:
        found.append(
            {
                "name": _KEY_HEADER,
                "in": "header",
                "required": False,
                "description": "Repeated within seven days, the first answer is given again.",
                "schema": {"type": "string", "pattern": "^[!-~]{1,128}$"},
            }
        )
    return found


def _answers(each: Operation, parts: _Parts) -> Tree:
    if each.answer_media is None:
        good: Tree = {"101": {"description": "Goes on in another protocol."}}
    else:
        schema = {} if each.answer is None else {"schema": parts.schema(each.answer)}
        words = "The answer." if each.method == "GET" else "Done."
        answer = {"description": words, "content": {each.answer_media: schema}}
        good = {str(status): answer for status in each.answer_statuses}
    if each.takes_forms:
        good["303"] = _GO_ON
    return good | {
        str(status): _refusal(each, status, good.get(str(status)))
        for status in sorted(statuses_of(each))
    }


_GO_ON: Final = {
    "description": "Done, and asked by a form: go on there.",
    "headers": {"Location": {"schema": {"type": "string"}, "description": "Of this server."}},
}
_HTML: Final = "text/html"


def _refusal(each: Operation, status: int, good: Tree | None) -> Tree:
    """Refer to the one answer of a status; but a document or a page may stand in its place."""
    if good is None and not each.takes_forms:
        return {"$ref": f"#/components/responses/refused-{status}"}
    content = {PROBLEM_JSON: _PROBLEM} | (good["content"] if good else {})
    content |= {_HTML: {}} if each.takes_forms else {}
    return {"description": _MEANING[status], "content": content}


_PROBLEM: Final = {"schema": {"$ref": _REF.format(name=Problem.__name__)}}


def _refusals() -> Tree:
    return {
        f"refused-{status}": {"description": words, "content": {PROBLEM_JSON: _PROBLEM}}
        for status, words in _MEANING.items()
    }


def statuses_of(each: Operation) -> set[int]:
    """List the statuses an operation may be refused with."""
    found = {*_ANY, *each.also, *(STATUS[kind] for kind in each.refusals)}
    if each.scope is not None:
        found.add(_WITH_TOKEN)
    if each.body is not None:
        found.update(_WITH_BODY)
    if "{handle}" in each.path:
        found.add(STATUS[ErrorKind.NOT_FOUND])
    if each.is_once:
        # The key was used for another request.
        found.add(STATUS[ErrorKind.REFUSED])
    return found


# --- what they are made of -----------------------------------------------------------------------


class _Parts:
    """The records of all operations as schemas."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        kinds = [Problem, *(kind for each in operations for kind in records(each))]
        self._kinds = [*dict.fromkeys(kinds)]
        schemas, self._components = msgspec.json.schema_components(self._kinds, ref_template=_REF)
        self._schemas = dict(zip(self._kinds, schemas, strict=True))
        for cls in structs(self._kinds):
            _add_words(self._components[cls.__name__], field_words(cls))

    def schemas(self) -> Tree:
        """Give every named schema, by name."""
        return {name: _readable(self._components[name]) for name in sorted(self._components)}

    def schema(self, kind: Any) -> Tree:
        """Give the schema of what is sent or answered; bytes have none but their type."""
        return _BYTES if kind is bytes else _readable(self._schemas[kind])

    def query(self, kind: type) -> list[Tree]:
        """Give the parameters a record of a query stands for."""
        words = field_words(kind)
        _, components = msgspec.json.schema_components([kind], ref_template=_REF)
        tree = components[kind.__name__]
        return [
            {
                "name": name,
                "in": "query",
                "required": name in tree["required"],
                "description": words[name],
                "schema": _readable(value),
            }
            for name, value in tree["properties"].items()
        ]


_BYTES: Final[Tree] = {"type": "string", "contentMediaType": "application/octet-stream"}


def records(each: Operation) -> Iterator[Any]:
    """Give the records of what is sent and answered; bytes have none."""
    for kind in (each.body, each.answer):
        if kind is not None and kind is not bytes:
            yield kind


def structs(kinds: Sequence[Any]) -> set[type[msgspec.Struct]]:
    """List every record that stands in others, and those themselves."""
    found: set[type[msgspec.Struct]] = set()
    waiting: list[Any] = [*msgspec.inspect.multi_type_info(kinds)]
    while waiting:
        match waiting.pop():
            case msgspec.inspect.StructType(cls=cls, fields=fields):
                if cls not in found:
                    found.add(cls)
                    waiting += [field.type for field in fields]
            case msgspec.inspect.UnionType(types=types):
                waiting += types
            case msgspec.inspect.ListType(item_type=item):
                waiting.append(item)
            case msgspec.inspect.DictType(key_type=key, value_type=value):
                waiting += [key, value]
            case _:
                pass
    return found


def _add_words(component: Tree, words: dict[str, str]) -> None:
    for name, schema in component["properties"].items():
        if name in words:
            schema["description"] = words[name]


_PYTHON_ENDS: Final = re.compile(r"\\[AZ]")


def _readable(tree: Any) -> Any:
    """Write patterns as JSON Schema reads them: Python's own marks of both ends are none there."""
    if isinstance(tree, dict):
        return {
            name: _pattern(value)
            if name == "pattern" and isinstance(value, str)
            else _readable(value)
            for name, value in tree.items()
        }
    return [_readable(each) for each in tree] if isinstance(tree, list) else tree


def _pattern(text: str) -> str:
    return _PYTHON_ENDS.sub(lambda found: {"A": "^", "Z": "$"}[found[0][1]], text)
