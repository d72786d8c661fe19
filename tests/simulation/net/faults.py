"""What may befall a network, by name.

Each takes the run and its settings, at the moment the scenario names.
"""

from __future__ import annotations

from collections.abc import Callable

FAULTS: dict[str, Callable[..., None]] = {}
"""By the name a scenario gives."""
