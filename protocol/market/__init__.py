"""The market: what a wish means, what an offer is worth to it, and who may do what when.

Enters: verified objects, the shipped vocabulary and the moment. Leaves: verdicts, ranks, and the
next states of casts, threads and deals. Nothing here speaks to a network or a disk, and nothing a
vendor pays changes an answer.
"""
