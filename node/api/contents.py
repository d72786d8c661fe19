"""Everything the API can be asked, in the order it is described.

Leaves: all operations; the server makes its routes of them.
"""

from __future__ import annotations

from typing import Final

from node.api.access import ACCESS
from node.api.casts import CASTS
from node.api.custody import CUSTODY
from node.api.deals import DEALS
from node.api.description import with_description
from node.api.doctor import DOCTOR
from node.api.holds import HOLDS
from node.api.household import HOUSEHOLD
from node.api.metrics import METRICS
from node.api.neighbours import NEIGHBOURS
from node.api.operations import Operation
from node.api.people import PEOPLE
from node.api.recovery import RECOVERY
from node.api.shop import SHOP
from node.api.stream import STREAM
from node.api.survey import SURVEY
from node.api.vocabulary import VOCABULARY

OPERATIONS: Final[tuple[Operation, ...]] = with_description(
    (
        *HOUSEHOLD,
        *STREAM,
        *SURVEY,
        METRICS,
        *CASTS,
        *HOLDS,
        *DEALS,
        *VOCABULARY,
        *SHOP,
        *NEIGHBOURS,
        *PEOPLE,
        *CUSTODY,
        *RECOVERY,
        DOCTOR,
        *ACCESS,
    )
)
