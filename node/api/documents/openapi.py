"""The document that describes this API, as far as it says what every such document says."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec


class OpenApiDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """OpenAPI 3.1; its own specification says what stands in it."""

    openapi: Annotated[str, msgspec.Meta(pattern=r"\A3\.1\.[0-9]+\Z")]
    """Version of the specification."""
    info: dict[str, Any]
    """Title, version of the program, licence."""
    servers: list[dict[str, Any]]
    """Where it is asked."""
    tags: list[dict[str, Any]]
    """Chapters."""
    paths: dict[str, Any]
    """Path -> method -> operation."""
    components: dict[str, Any]
    """Schemas, and how to show who asks."""
