"""A close look: four states, and the reason of each."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from node.api.documents.doctor import DoctorDocument
from tests.unit.node.api.fake_citizen import FakeExaminer


async def test_a_check_has_one_of_four_states():
    found: dict[str, Any] = await FakeExaminer().report(scrub=False)
    assert len(msgspec.convert(found, DoctorDocument).checks) == 4
    found["checks"][0]["state"] = "fine"
    with pytest.raises(msgspec.ValidationError, match="fine"):
        msgspec.convert(found, DoctorDocument)
