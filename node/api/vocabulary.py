"""What the API can be asked that needs no network: names of things, and whether a file holds.

Enters: requests that passed the guards. Leaves: documents, the same the command line gives.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from typing import Annotated, Final

import msgspec

from node.api.bodies import typed
from node.api.citizen import Citizen, Document
from node.api.documents.verification import VerificationDocument
from node.api.documents.vocabulary import CategoriesDocument, CategoryDocument
from node.api.kinds import ErrorKind
from node.api.operations import Operation, Scope, acts, reads_with
from node.data.answers import categories_document, category_document
from node.errors import RefusedError
from node.runtime.verification import verification
from protocol.errors import LocalProtocolError, RemoteProtocolError
from protocol.objects.agreement import read_bundle

_BASE64_MAX: Final = 250_000
"""What a body has room for; a larger agreement, which no shop here writes, is for the command."""


class WordsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """GET /v1/categories."""

    words: Annotated[str, msgspec.Meta(max_length=120)] = ""
    """What is looked for; empty lists the top."""


class CategoryQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """GET /v1/category."""

    path: Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
    """As a request names it."""


class VerifyBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """POST /v1/verify."""

    agreement: Annotated[str, msgspec.Meta(min_length=4, max_length=_BASE64_MAX)]
    """Bytes of an agreement's file, in base64."""


async def _categories(_citizen: Citizen, asked: WordsQuery) -> Document:
    return await asyncio.to_thread(categories_document, asked.words.strip())


async def _category(_citizen: Citizen, asked: CategoryQuery) -> Document:
    return await asyncio.to_thread(category_document, asked.path)


async def _verify(_citizen: Citizen, body: VerifyBody) -> Document:
    return await asyncio.to_thread(_checked, body.agreement)


def _checked(text: str) -> Document:
    """Check an agreement.

    Raises:
        LocalProtocolError: E-FIELD, it is no base64.
        RefusedError: E-AGREEMENT, with the object and the field that fail.
    """
    try:
        raw = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise LocalProtocolError(
            "agreement is not base64",
            code="E-FIELD",
            fix="Send the bytes of the file in base64",
            field="agreement",
        ) from error
    try:
        return verification(read_bundle(raw))
    except RemoteProtocolError as error:
        where = error.field or "bundle"
        raise RefusedError(
            f"the agreement does not hold: {where}: {error.sentence.removeprefix(f'{where}: ')}",
            code="E-AGREEMENT",
            fix="Do not rely on it; ask the other side for its copy and compare",
            field=where,
        ) from error


VOCABULARY: Final = (
    Operation(
        name="find_categories",
        method="GET",
        path="/v1/categories",
        summary="Find categories by words, or list the top.",
        scope=Scope.READ,
        query=WordsQuery,
        answer=CategoriesDocument,
        respond=reads_with(WordsQuery, _categories),
    ),
    Operation(
        name="get_category",
        method="GET",
        path="/v1/category",
        summary="Tell what is below a category, and which attributes its things have.",
        scope=Scope.READ,
        query=CategoryQuery,
        answer=CategoryDocument,
        refusals=(ErrorKind.NOT_FOUND,),
        respond=reads_with(CategoryQuery, _category),
    ),
    Operation(
        name="verify_agreement",
        method="POST",
        path="/v1/verify",
        summary="Check an agreement's file: both signatures, every reference, every byte.",
        scope=Scope.READ,
        body=VerifyBody,
        answer=VerificationDocument,
        refusals=(ErrorKind.REFUSED,),
        respond=acts(typed(VerifyBody), _verify),
    ),
)
