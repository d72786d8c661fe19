"""What the API can be asked about how the node is, looked at closely.

Enters: requests that passed the guards. Leaves: the examiner's report.
"""

from __future__ import annotations

from typing import Final

import msgspec

from node.api.citizen import Citizen, Document
from node.api.documents.doctor import DoctorDocument
from node.api.operations import Operation, Scope, reads_with
from node.errors import NotFoundError

PATH = "/v1/doctor"


class DoctorQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """GET /v1/doctor."""

    scrub: bool = False
    """Whether every stored byte is looked at, too."""


async def _report(citizen: Citizen, asked: DoctorQuery) -> Document:
    if citizen.examiner is None:
        raise NotFoundError("nothing here can be examined", code="E-NOT-FOUND")
    return await citizen.examiner.report(scrub=asked.scrub)


DOCTOR: Final = Operation(
    name="examine",
    method="GET",
    path=PATH,
    summary="Look the node over: what is wrong, its proof, and what to do.",
    scope=Scope.READ,
    query=DoctorQuery,
    answer=DoctorDocument,
    respond=reads_with(DoctorQuery, _report),
)
