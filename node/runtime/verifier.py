"""A verify process: signatures in, one byte for each out, until its node closes the pipe.

Enters: runs on standard input, each a length and a list of [domain, text, signature, key]. Leaves:
on standard output, for each run its length and a 1 for every signature that holds, else a 0. It
knows no object, no peer and no disk, and ends with the node whatever becomes of that.
Run by `node.runtime.verifiers`, as `python -m node.runtime.verifier`.
"""

from __future__ import annotations

import signal
import sys
from typing import BinaryIO, Final

import msgspec

from protocol.errors import SignatureError
from protocol.signing import Tag, verify

HEAD_BYTES: Final = 4
"""Length of what follows, big-endian."""
_READER: Final = msgspec.msgpack.Decoder(list[tuple[Tag, bytes, bytes, bytes]])


def checked(run: bytes) -> bytes:
    """Check the signatures of one run; gives a byte each."""
    return bytes(_holds(*each) for each in _READER.decode(run))


def _holds(tag: Tag, signed: bytes, signature: bytes, key: bytes) -> bool:
    try:
        verify(tag, signed, signature, key)
    except SignatureError:
        return False
    return True


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer runs until the source ends."""
    while len(head := source.read(HEAD_BYTES)) == HEAD_BYTES:
        answer = checked(source.read(int.from_bytes(head, "big")))
        sink.write(len(answer).to_bytes(HEAD_BYTES, "big") + answer)
        sink.flush()


if __name__ == "__main__":
    # Ctrl-C in a terminal reaches every process of it; this one ends with its node, and not before.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    serve(sys.stdin.buffer, sys.stdout.buffer)
