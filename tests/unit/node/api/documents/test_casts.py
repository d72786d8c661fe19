"""What of a request is public, what is local, and how a draft differs from a sent one."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from node.api.documents.casts import CastDocument, PreviewDocument, RevokeDocument
from tests.unit.node.api.fake_citizen import CAST, PUBLIC, full


def test_a_draft_has_no_id_yet():
    draft = CAST | {"id": None, "handle": None, "form": None, "state": "draft", "decide_by": None}
    document = {"schema": "intentcast.cast/1", "cast": draft}
    assert msgspec.convert(document, CastDocument).cast.id is None


def test_key_and_way_back_are_not_in_a_preview():
    document: dict[str, Any] = {"schema": "intentcast.preview/1", "public": PUBLIC, "sees": []}
    assert msgspec.convert(document, PreviewDocument).public.max_offers == 64
    with pytest.raises(msgspec.ValidationError, match="nonce"):
        msgspec.convert(document | {"public": CAST["public"]}, PreviewDocument)


def test_nothing_private_can_stand_in_the_public_text():
    leaking = CAST | {"public": CAST["public"] | {"disclose": {"name": "Ana"}}}
    with pytest.raises(msgspec.ValidationError, match="disclose"):
        msgspec.convert({"schema": "intentcast.cast/1", "cast": leaking}, CastDocument)


@pytest.mark.parametrize("name", [full("cast"), full("offer"), "00" * 16])
def test_what_is_taken_back_goes_by_one_of_three_names(name: str):
    document = {"schema": "intentcast.revoke/1", "id": name, "kind": "cast", "state": "revoked"}
    assert msgspec.convert(document, RevokeDocument).id == name
