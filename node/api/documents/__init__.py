"""The documents of the API, in and out: one record per `schema` tag, each member with its unit.

They are the contract: the handle answers with plain values, tests hold every one of them against
its record here, and the description of the API is made of them.
"""
