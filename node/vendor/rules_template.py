"""The rules file `vendor init` writes: every key, what it does, and what it is when left out.

Leaves: text. It parses as it stands, and every key that is commented out parses when its mark is
taken away: a test does both.
"""

from __future__ import annotations

from typing import Final

_TEMPLATE: Final = """\
# Rules of this shop. Saved changes count from the next request on; a mistake keeps the rules that
# were in force and is told by `intentcast vendor status`. Every key has its range in
# docs/reference/vendor-rules.md. A line that begins with # is not in force.

# The one currency of all quotes. Articles priced in another one are not offered.
currency = "@CURRENCY@"

[quote]
# How long a quote holds: 10min to 60d.
validity = "48h"
# true: this node confirms an acceptance by itself. false: you do, within confirm_within.
firm = true
confirm_within = "15min"
# Quote even when no article meets every must? The answer says so, and the buyer sees it.
quote_unmet = false
# Quote when the feed does not say whether a must is met? The answer is then "unknown".
quote_unknown = true
# When the total is over a budget the buyer made public: quote or skip.
over_budget = "quote"
# More requests than this stay unanswered.
quotes_per_hour_max = 600
# Hold quoted articles while the quote is valid?
stock_hold = false
# exact: the very thing offered comes. similar: something like it may.
substitute = "exact"
# warranty_months = 24
# note = "Free parking at the shop."

[rent]
# nights: the 20th to the 25th is five. days: it is six.
count = "nights"
# days_min = 1
# days_max = 60
# lead_days = 0

[price]
# No quote ever goes under this share of the list price, nor under the feed's floor column.
floor_percent = 80
# Deposit per piece, where the feed has none; due at once and outside the total.
# deposit = "100 @CURRENCY@"

# --- what lowers a price -------------------------------------------------------------------------
# Each discount is taken off the articles' price; several add up, down to the floor.
# [[discount]]
# name = "A week or more"
# percent = 10
# over_days = 7
# over_qty = 0
# category = "travel/car-rental"

# The best of a buyer's programmes counts. percent, or price (of one unit), or waives (fees).
# [[membership]]
# programme = "Avis Wizard"
# percent = 12
# tier = "Gold"
# waives = ["Airport transfer"]

# --- what changes or adds to it ------------------------------------------------------------------
# By the first day of a rental, or the day of the quote. Added to the price, so -20 lowers it.
# [[season]]
# name = "Christmas"
# start = "12-20"
# end = "01-06"
# percent = 25

# per: once, each (piece), day or each-day. optional: the buyer may add it.
# [[fee]]
# name = "Child seat"
# amount = "8 @CURRENCY@"
# per = "each-day"
# optional = true

# When included, prices hold it already and no line is added. Due on item, fee and delivery lines.
# [[tax]]
# name = "Sales tax"
# percent = 7.75
# included = false
# on = ["item", "fee", "delivery"]

[fulfil]
# pickup, delivery, onsite or remote. For pickup the buyer's own radius decides.
mode = "@MODE@"
# Where the shop stands and how far it goes, when that is not the first area of vendor.toml.
# cell = "872696a5affffff"
# radius_km = 20

# Delivery beside another mode, or its price. Without price the feed's shipping column counts.
# [delivery]
# radius_km = 50
# price = "9.90 @CURRENCY@"
# free_over = "200 @CURRENCY@"

[pay]
# Up to eight, and when: before, at or after.
methods = ["card"]
when = "@WHEN@"
# link = "https://pay.example/"

# What leaving costs, up to so many hours before the first day.
# [[cancel]]
# hours_before = 48
# fee = "0 @CURRENCY@"

[terms]
# Buyer's terms accepted (IEEE 7012 codes); left out, those of vendor.toml. The buyer's first wins.
# accept = ["PDC-INTENT", "SD-BASE"]
# Named when none of the buyer's is accepted.
# alternative = "SD-BASE-A"
# true: stay silent when no terms are agreed and none can be named.
needed = false

# True of every article here; a column of the feed wins. Any attribute of the vocabulary.
[facts]
# insurance-required = false
# return-days = "30 days"
"""


def rules_template(currency: str, *, mode: str = "pickup", when: str = "at") -> str:
    """Give the text of a new rules file.

    Args:
        currency: ISO 4217 code.
        mode: pickup, delivery, onsite or remote.
        when: before, at or after.
    """
    return _TEMPLATE.replace("@CURRENCY@", currency).replace("@MODE@", mode).replace("@WHEN@", when)
