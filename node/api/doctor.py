"""What the API can be asked about how the node is, looked at closely.

Enters: requests that passed the guards. Leaves: the examiner's report.
"""

from __future__ import annotations

import msgspec
from aiohttp import web

from node.api.bodies import Answer, query
from node.api.citizen import Citizen
from node.errors import NotFoundError

PATH = "/v1/doctor"


class DoctorQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """GET /v1/doctor."""

    scrub: bool = False
    """Whether every stored byte is looked at, too."""


def doctor_routes(citizen: Citizen, answer: Answer) -> list[web.RouteDef]:
    """List the paths.

    Args:
        citizen: the handle.
        answer: makes a response of a document.
    """

    async def report(request: web.Request) -> web.Response:
        asked = query(request, DoctorQuery)
        examiner = citizen.examiner
        if examiner is None:
            raise NotFoundError("nothing here can be examined", code="E-NOT-FOUND")
        return answer(await examiner.report(scrub=asked.scrub))

    return [web.get(PATH, report)]
