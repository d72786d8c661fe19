"""The day it is, for tests that take turns: some run today, others tomorrow.

`INTENTCAST_DAY` takes its place, so that a red run can be repeated another day. `scripts/test` says
which day it is; the first process of a run sets it for the others, or they would differ at
midnight.
"""

from __future__ import annotations

import os
import time
from typing import Final

_NAME: Final = "INTENTCAST_DAY"

DAY: Final = int(os.environ.setdefault(_NAME, str(int(time.time() // 86_400))))
"""Days since 1970."""
