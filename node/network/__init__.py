"""Sockets of one citizen: links to peers over WebSockets, encrypted end to end.

Enters: addresses to dial, a port to listen on, messages to send. Leaves: messages from peers whose
keys are proved. Never here: what an offer is worth, whom to trust, anything written to disk.
"""
