"""What is said beneath the fields of a record, for the description of the API.

Enters: a record. Leaves: field -> its words, read from the record's own source: a field is
described once, where it stands. Python keeps docstrings of classes only, so the text is parsed.
"""

from __future__ import annotations

import ast
import inspect
import sys
from functools import cache

import msgspec


def field_words(kind: type[msgspec.Struct]) -> dict[str, str]:
    """Give the words beneath each field, by the name it has in JSON; those without are left out.

    Reads files: not for the loop.
    """
    found: dict[str, str] = {}
    for cls in reversed(kind.__mro__):
        found |= _words_of_module(cls.__module__).get(cls.__qualname__, {})
    fields = {field.name: field.encode_name for field in msgspec.structs.fields(kind)}
    return {fields[name]: words for name, words in found.items() if name in fields}


@cache
def _words_of_module(name: str) -> dict[str, dict[str, str]]:
    """Parse a module; one whose source is not to be had, a built-in one, describes nothing."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[name]))
    except (OSError, TypeError):
        return {}
    return {each.name: _words_of(each) for each in tree.body if isinstance(each, ast.ClassDef)}


def _words_of(record: ast.ClassDef) -> dict[str, str]:
    found = {}
    for field, below in zip(record.body, record.body[1:], strict=False):
        if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
            continue
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            found[field.target.id] = inspect.cleandoc(str(below.value.value))
    return found
