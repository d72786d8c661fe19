"""The signed text: twelve fields in canonical bytes, read once into a header and a typed body.

Enters: signed bytes from anywhere. Leaves: a `Text`, whose encoding and header hold and whose body
has its type, or an ObjectError. A text that says nothing but what this version knows, in the form
this version writes, is read at once: decoded by its types, written again and compared. Any other is
read slowly, value by value; what comes out is the same. Never here: a signature.
Source: docs/protocol/02-canonical-bytes.md, docs/protocol/03-envelope.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec

from protocol import limits
from protocol.encoding import decode
from protocol.errors import ObjectError, Reason
from protocol.objects.acceptance import Acceptance
from protocol.objects.event import Event, Moved, OtherEvent, event_shape
from protocol.objects.header import Header, Kind, check_header, read_header
from protocol.objects.intentcast import Intentcast
from protocol.objects.offer import Offer
from protocol.objects.profile import Profile
from protocol.objects.reply import Key32
from protocol.objects.revoke import Revoke
from protocol.objects.succession import Revocation, Rotation

Body: TypeAlias = (
    Intentcast | Offer | Acceptance | Event | OtherEvent | Revoke | Profile | Rotation | Revocation
)
BODY_TYPE: Final[dict[Kind, Any]] = {
    Kind.INTENTCAST: Intentcast,
    Kind.OFFER: Offer,
    Kind.ACCEPTANCE: Acceptance,
    Kind.EVENT: Event,
    Kind.REVOKE: Revoke,
    Kind.PROFILE: Profile,
    Kind.ROTATION: Rotation,
    Kind.REVOCATION: Revocation,
}
"""What a body is read as; an event may be an `OtherEvent` too."""
_Whole = Annotated[int, msgspec.Meta(ge=0, le=2**52)]


class _Fields(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The array that is signed."""

    version: Literal[1]
    net: str
    kind: Kind
    key: Key32
    at: _Whole
    exp: _Whole
    to: Key32 | None
    thread: Key32 | None
    prev: Key32 | None
    by: None
    target: _Whole
    body: msgspec.Raw


# msgspec (seen with 0.22.0) works out a type's fields at its first use, and two threads that do so
# at once crash the process. Bodies are read by the loop and by writers' threads: it is done here,
# once, by whoever imports this module first.
_FIELDS: Final = msgspec.msgpack.Decoder(_Fields)
_BODIES: Final = {kind: msgspec.msgpack.Decoder(shape) for kind, shape in BODY_TYPE.items()}
_OTHER: Final = msgspec.msgpack.Decoder(OtherEvent)
# "sorted" writes the fields of a record in the order of their names, as a map has to be.
_WRITER: Final = msgspec.msgpack.Encoder(order="sorted")


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """A signed text whose encoding and header hold."""

    header: Header
    """The fields around the body."""
    body: Body | None = None
    """The typed body; the rules of its kind are not asked yet. None when it was read slowly."""
    tree: Any = None
    """The untyped body of a text that was read slowly."""


def read_text(signed: bytes, *, net: str) -> Text:
    """Read a signed text.

    Args:
        signed: bytes from anywhere.
        net: the network this node is on.

    Raises:
        ObjectError: any fault of its encoding or header.
    """
    text = _read_at_once(signed, net)
    if text is None:
        header, tree = read_header(decode(signed, bytes_max=limits.sealed_bytes_max), net=net)
        return Text(header=header, tree=tree)
    check_header(text.header)
    return text


def _read_at_once(signed: bytes, net: str) -> Text | None:
    """Read a text in the very form this version writes, or give None.

    The types hold no float, no extension, no map of free keys, and less depth than is allowed. So
    what is written from them is canonical, and bytes equal to it are too; and a byte for each value
    means that there are no more values than bytes.
    """
    if len(signed) > limits.items_max:
        return None
    try:
        fields = _FIELDS.decode(signed)
        body: Body = _BODIES[fields.kind].decode(fields.body)
    except (ValueError, RecursionError):
        return None
    is_ours = fields.net == net and 0 < len(net) <= limits.net_chars_max
    if not is_ours or _WRITER.encode(body) != bytes(fields.body):
        return None
    if _WRITER.encode(fields) != signed:
        return None
    header = Header(
        net=net,
        kind=fields.kind,
        key=fields.key,
        at=fields.at,
        exp=fields.exp,
        to=fields.to,
        thread=fields.thread,
        prev=fields.prev,
        target=fields.target,
    )
    return Text(header=header, body=body)


def body_of(text: Text) -> Body:
    """Give the body of a text, held against every rule of its kind.

    Raises:
        ObjectError: BAD_SHAPE, OUT_OF_RANGE, BAD_WORK or MUST_UNDERSTAND, naming the field.
        SignatureError: BAD_SIGNATURE, the consent in a rotation.
    """
    # A text that was read at once holds no key this version does not know.
    body = text.body if text.body is not None else typed_body(text.header, text.tree)
    check_body(text.header, body)
    return body


def _must_understand(value: Any) -> None:
    stack = [value]
    while stack:
        node = stack.pop()
        if type(node) is dict:
            for key in node:
                if key.startswith("!"):
                    raise ObjectError(Reason.MUST_UNDERSTAND, "unknown", field=key[:40])
            stack.extend(node.values())
        elif type(node) is list:
            stack.extend(node)


def typed_body(header: Header, tree: dict[str, Any]) -> Body:
    """Give an untyped body its type.

    Raises:
        ObjectError: MUST_UNDERSTAND or BAD_SHAPE.
    """
    _must_understand(tree)
    try:
        # Naming bytes as native keeps text from being taken for base64.
        shape = event_shape(tree) if header.kind is Kind.EVENT else BODY_TYPE[header.kind]
        body: Body = msgspec.convert(tree, shape, strict=True, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        raise ObjectError(Reason.BAD_SHAPE, str(error)[:200], field="body") from error
    return body


def check_body(header: Header, body: Body) -> None:
    """Apply the rules of a body's kind.

    Raises:
        ObjectError: BAD_SHAPE, OUT_OF_RANGE or BAD_WORK, naming the field.
        SignatureError: BAD_SIGNATURE, the consent in a rotation.
    """
    rules = _RULES.get(type(body))
    if rules is not None:
        rules(header, body)


def _check_cast(header: Header, body: Intentcast) -> None:
    body.check()
    if (body.supersedes is None) != (header.thread is None):
        raise ObjectError(Reason.BAD_SHAPE, "an amendment names its root", field="thread")
    if not header.at < body.decide_by <= header.exp:
        raise ObjectError(Reason.OUT_OF_RANGE, "between at and exp", field="decide_by")


def _check_offer(header: Header, body: Offer) -> None:
    body.check()
    if header.thread is None or not header.at < body.valid_until <= header.exp:
        raise ObjectError(Reason.OUT_OF_RANGE, "between at and exp", field="valid_until")


def _check_revoke(header: Header, _body: Revoke) -> None:
    if header.target == 0 and header.public:
        raise ObjectError(Reason.BAD_WORK, "a public revoke pays", field="target")


_RULES: Final[dict[type, Callable[[Header, Any], None]]] = {
    Intentcast: _check_cast,
    Offer: _check_offer,
    Acceptance: lambda _header, body: body.check(),
    Profile: lambda _header, body: body.check(),
    Moved: lambda _header, body: body.reply.check(),
    Revoke: _check_revoke,
    Rotation: lambda header, body: body.check(header),
}
"""What is asked of a body once its types are right; by its exact type, since none has heirs."""
