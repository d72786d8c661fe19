"""The roster of terms: what a buyer may proffer and a vendor may answer with, by code.

Enters: a code. Leaves: one line of plain words for it, or that it is unknown. The words are
our own summaries and bind nobody; the agreements themselves are published with the standard.
Source: IEEE 7012-2025 "MyTerms", codes as listed by the W3C Data Privacy Vocabulary 2.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_ONLY_SERVICE = "use my data only to serve me"
_BACK = "and give it back to me in a usable form"

ROSTER: Final[Mapping[str, str]] = MappingProxyType(
    {
        "SD-BASE": f"{_ONLY_SERVICE}.",
        "SD-BASE-DP": f"{_ONLY_SERVICE}, {_BACK}.",
        "SD-BASE-A": f"{_ONLY_SERVICE} and for your own analytics.",
        "SD-BASE-A-DP": f"{_ONLY_SERVICE} and for your own analytics, {_BACK}.",
        "SD-BASE-AT": f"{_ONLY_SERVICE}, for your own analytics and to recognise me again.",
        "SD-BASE-AT-DP": (
            f"{_ONLY_SERVICE}, for your own analytics and to recognise me again, {_BACK}."
        ),
        "SD-BASE-ATP": (
            f"{_ONLY_SERVICE}, for your own analytics, to recognise me again and to profile me."
        ),
        "SD-BASE-ATP-DP": (
            f"{_ONLY_SERVICE}, for your own analytics, to recognise me again and to profile me, "
            f"{_BACK}."
        ),
        "SD-BASE-ATP-S3P": (
            f"{_ONLY_SERVICE}, for your own analytics, to recognise me again and to profile me; "
            "you may pass it on to others without my name."
        ),
        "SD-BASE-ATP-S3P-DP": (
            f"{_ONLY_SERVICE}, for your own analytics, to recognise me again and to profile me; "
            f"you may pass it on to others without my name, {_BACK}."
        ),
        "PDC-INTENT": "use what I say I want only to answer me with offers.",
        "PDC-AI": "I lend my data to train or run a machine's model, for the stated purpose only.",
        "PDC-GOOD": "I lend my data for the public good, for the stated purpose only.",
        "TPR": "we are two persons; keep what I tell you between us.",
        "TPR-IDENTITY-REF": "we are two persons; you may refer to me by name, no more.",
    }
)
"""Code -> what the person says with it, completing "My terms: ..."."""

DEFAULT_TERMS: Final = ("PDC-INTENT", "SD-BASE")
"""What a cast proffers unless its buyer says otherwise, best first."""


def known_terms(code: str) -> bool:
    """Tell whether a code is of the roster this version ships."""
    return code in ROSTER
