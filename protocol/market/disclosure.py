"""Disclosure: what a buyer promises to tell by name and hash, and tells only after a confirmation.

Enters: names, values and fresh salts on the buyer's side; `opened` values from a letter on the
vendor's. Leaves: commitments to sign, or the values, each held against its commitment. A value
never stands in signed text, so keeping an agreement does not mean keeping a person's address.
Source: docs/protocol/13-deal.md, "Disclosure".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from protocol.encoding import encode
from protocol.errors import LocalProtocolError, ObjectError, Reason
from protocol.ids import blake2b_256
from protocol.objects.acceptance import CommittedField

SALT_BYTES: Final = 16
"""Fresh for every value, so that a short value cannot be found by trying."""
VALUE_CHARS_MAX: Final = 400
"""Characters of one disclosed value."""
_PAIR = 2


def commitment(cast_id: bytes, name: str, salt: bytes, value: Any) -> bytes:
    """Give BLAKE2b-256(canonical [cast id, name, salt, value]), 32 bytes.

    Args:
        cast_id: the cast the accepted offer names, 32 bytes; ties the hash to one deal.
        name: the field's name.
        salt: 16 fresh random bytes.
        value: any plain value; a text in an acceptance.

    Raises:
        LocalProtocolError: E-DISCLOSE when the salt has another length.
    """
    if len(salt) != SALT_BYTES:
        raise LocalProtocolError(f"a salt has {SALT_BYTES} bytes", code="E-DISCLOSE")
    return blake2b_256(encode([cast_id, name, salt, value]))


def commit_fields(
    cast_id: bytes, values: Mapping[str, str], salts: Mapping[str, bytes]
) -> list[CommittedField]:
    """Write the fields of an acceptance, in order of their names.

    Args:
        cast_id: as in `commitment`.
        values: name -> what the buyer will tell, 1..400 characters.
        salts: name -> 16 fresh random bytes each, never used twice.

    Raises:
        LocalProtocolError: E-DISCLOSE naming the field that is empty or too long.
    """
    for name, value in values.items():
        if not 0 < len(value) <= VALUE_CHARS_MAX:
            raise LocalProtocolError(
                f"'{name}' must have 1 to {VALUE_CHARS_MAX} characters",
                code="E-DISCLOSE",
                fix="Shorten it, or leave it out",
                field=name,
            )
    return [
        CommittedField(name=name, hash=commitment(cast_id, name, salts[name], values[name]))
        for name in sorted(values)
    ]


def open_fields(values: Mapping[str, str], salts: Mapping[str, bytes]) -> dict[str, list[Any]]:
    """Write the `opened` map that travels in the letter of `agreed`, outside the signed text."""
    return {name: [salts[name], values[name]] for name in sorted(values)}


def check_opened(fields: Sequence[CommittedField], opened: Any, cast_id: bytes) -> dict[str, str]:
    """Hold what a letter opened against what was committed: all of it, and nothing else.

    Args:
        fields: of the acceptance.
        opened: the letter's second part as decoded: a map name -> [salt, value], or None.
        cast_id: the cast the accepted offer names.

    Returns:
        Name -> value.

    Raises:
        ObjectError: BAD_SHAPE when it is no such map; MISMATCH when a field is missing, was never
            committed, or differs from its commitment. `field` names it.
    """
    tree = {} if opened is None else opened
    if type(tree) is not dict:
        raise ObjectError(Reason.BAD_SHAPE, "a map", field="opened")
    committed = {field.name: field.hash for field in fields}
    extra = sorted(map(str, set(tree) - set(committed)))
    if extra:
        raise ObjectError(Reason.MISMATCH, "was never committed", field=f"opened.{extra[0][:40]}")
    return {name: _opened(name, tree.get(name), cast_id, committed[name]) for name in committed}


def _opened(name: str, pair: Any, cast_id: bytes, committed: bytes) -> str:
    where = f"opened.{name}"
    if pair is None:
        raise ObjectError(Reason.MISMATCH, "is not opened", field=where)
    if not isinstance(pair, list | tuple) or len(pair) != _PAIR:
        raise ObjectError(Reason.BAD_SHAPE, "a salt and a value", field=where)
    salt, value = pair
    if type(salt) is not bytes or len(salt) != SALT_BYTES or type(value) is not str:
        raise ObjectError(Reason.BAD_SHAPE, "16 bytes and a text", field=where)
    if len(value) > VALUE_CHARS_MAX:
        raise ObjectError(Reason.OUT_OF_RANGE, "too long", field=where)
    if commitment(cast_id, name, salt, value) != committed:
        raise ObjectError(Reason.MISMATCH, "differs from its commitment", field=where)
    return value
