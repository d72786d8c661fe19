"""The currencies of ISO 4217 that are legal tender today, with their minor-unit exponent.

Enters: nothing. Leaves: two read-only tables. Funds codes, precious metals and test codes are not
in it: nobody can hand them over for goods. A currency that is withdrawn leaves the table in a new
release; objects already signed keep their integers, which never change meaning.
Source: ISO 4217 list one as amended through 2026 (ZWG for ZWL 2024, XCG for ANG 2025, BGN out
2026).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_TWO_DIGITS = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD "
    "CAD CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP "
    "GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD "
    "LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB "
    "PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC "
    "SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG"
)
_NO_DIGITS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_THREE_DIGITS = "BHD IQD JOD KWD LYD OMR TND"

MINOR_DIGITS: Final[Mapping[str, int]] = MappingProxyType(
    {
        **dict.fromkeys(_TWO_DIGITS.split(), 2),
        **dict.fromkeys(_NO_DIGITS.split(), 0),
        **dict.fromkeys(_THREE_DIGITS.split(), 3),
    }
)
"""ISO 4217 code -> number of decimal digits of one unit (USD 2, JPY 0, KWD 3)."""

SYMBOLS: Final[Mapping[str, str]] = MappingProxyType(
    {"€": "EUR", "₹": "INR", "₪": "ILS", "₫": "VND", "₺": "TRY", "₴": "UAH", "₦": "NGN", "₽": "RUB"}
)
"""Signs that stand for exactly one currency. Dollar, pound, yen and krone signs do not."""

SHARED_SYMBOLS: Final[Mapping[str, str]] = MappingProxyType(
    {"$": "USD, CAD or AUD", "£": "GBP or EGP", "¥": "JPY or CNY", "kr": "SEK, NOK or DKK"}
)
"""Signs of several currencies, with the codes to offer when one of them is typed."""
