"""What a node tells of itself, with plain values, for the faces' tests alone."""

from __future__ import annotations

from typing import Any

from node.api.documents.survey import InfoLimits
from node.api.metrics import METERED
from node.meters import Counts, Spread
from protocol.ids import to_text


class FakeSurvey:
    """Counts two open casts; `states` is how its checks stand."""

    def __init__(self) -> None:
        self.states = {"database": True, "network": True, "running": True}

    async def checks(self) -> dict[str, bool]:
        return self.states

    async def census(self) -> dict[str, Counts | Spread]:
        found: dict[str, Counts | Spread] = {
            each.name: Spread((1.0,)) if each.kind == "histogram" else {} for each in METERED
        }
        return found | {"casts": {("open",): 2}}

    def info(self) -> dict[str, Any]:
        return {
            "schema": "intentcast.info/1",
            "name": None,
            "software": "intentcast",
            "version": "0.1.0",
            "node": to_text("node", bytes(32)),
            "net": "test",
            "roles": ["relay"],
            "protocol": {"channel": [1], "objects": [1]},
            "limits": dict.fromkeys(InfoLimits.__struct_fields__, 8_192),
            "shop": None,
        }
