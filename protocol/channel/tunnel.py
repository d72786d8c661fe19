"""Messages of the tunnel: a peer carries sealed frames between this node and a third one.

Enters: nothing. Leaves: message types; `messages` reads and writes them. What travels inside is a
channel of its own, with its own handshake, between the two ends.
Source: docs/protocol/17-tunnel.md.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from protocol import limits
from protocol.channel.fields import Fields, Key, RequestId, TunnelId
from protocol.errors import Reason


class TunnelOpen(Fields, frozen=True, kw_only=True, tag=64):
    """Asks a peer to carry frames to a third node, which it finds by its own book."""

    request: RequestId = 0
    """Chosen by the asker."""
    tunnel: TunnelId
    """Names the tunnel on this link; chosen by the asker, unused on it."""
    key: Key
    """Transport key of the far end; never an address, so that nobody can be made to dial."""


class TunnelOpened(Fields, frozen=True, kw_only=True, tag=65):
    """The far end is connected."""

    request: RequestId = 0
    """The question's number."""


class TunnelData(Fields, frozen=True, kw_only=True, tag=66):
    """A piece of what travels through a tunnel, either way."""

    tunnel: TunnelId
    """Which."""
    data: Annotated[bytes, Meta(min_length=1, max_length=limits.tunnel_piece_bytes_max)]
    """Bytes of the inner channel."""
    is_last: bool = True
    """Whether a whole inner frame ends here."""


class TunnelEnd(Fields, frozen=True, kw_only=True, tag=67):
    """A tunnel is over, for whichever end it is said."""

    tunnel: TunnelId
    """Which."""
    reason: Reason
    """Why."""
