"""Folders in which a home is built or laid open: are they ours?

Enters: a path, perhaps in a place where everybody may write. Leaves: yes or no. Never: secrets in a
folder somebody else prepared, or a link followed out of it.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path


def is_ours(folder: Path) -> bool:
    """Tell whether it is a folder itself, not a link to one, and belongs to this process's user."""
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and (os.name == "nt" or found.st_uid == os.geteuid())
