"""One encrypted connection: the Noise handshake, frames, and the messages inside them.

Enters: bytes from a socket, keys and randomness handed in. Leaves: bytes for a socket, message
values. Nothing here opens a socket, waits, or knows what a message is worth.
"""
