"""The vendor's kit: feeds become a catalogue, rules become prices, a request becomes a quote.

Enters: files a shop already has (product feeds, two TOML files) and verified intentcasts. Leaves:
catalogue rows through `node/storage`, and quote drafts. Knows no socket and signs nothing.
"""
