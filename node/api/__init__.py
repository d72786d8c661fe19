"""The local API: what programs of this machine's owner may ask a node, over loopback HTTP.

Knows people and a handle. Never: SQL, frames, anything a handle would not say.
"""
