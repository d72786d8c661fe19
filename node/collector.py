"""The garbage collector, set for a process that runs for months and makes many objects.

Reference counts free nearly everything here at once; the collector is for the few rings that
tasks and errors make. Left as it comes, it looks through all modules and all casts held every few
seconds, and the loop stands still meanwhile: 60 ms a look were seen. Nothing is measured here.
"""

from __future__ import annotations

import gc
from typing import Final

_THRESHOLDS: Final = (10_000, 10, 20)
"""Python's own are 700, 10 and 10; guess."""


def settle() -> None:
    """Take all there is now as here for good, and look for garbage among newer things less often.

    Called once by a process whose node has started; one that hosts others keeps Python's own way.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
