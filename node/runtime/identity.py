"""The shop's identity, as its owner sees it: its key, its generations, its end.

Enters: yes to a rotation, certificates as text. Leaves: documents. A certificate is text that fits
a sheet of paper: a head, the network, the key, and the signed bytes in base64. Nothing is decided
here that `node/market/succession` decides.
"""

from __future__ import annotations

import base64
import binascii
import re
import textwrap
from typing import Any, Final

from node.errors import RefusedError
from node.market.copies import Copies
from node.market.desk import Desk
from node.market.succession import Succession
from node.runtime import views
from protocol import limits
from protocol.errors import LocalProtocolError
from protocol.ids import to_text
from protocol.objects.envelope import Verified
from protocol.objects.succession import Revocation

HEAD: Final = "intentcast revocation 1"
_COLUMNS: Final = 64
_LINES_MAX: Final = 400
_REASON: Final = re.compile(r"[a-z][a-z_]{0,39}")
Document = dict[str, Any]


def write_certificate(verified: Verified[Revocation]) -> str:
    """Write a certificate as text."""
    head = [HEAD, f"net: {verified.header.net}", f"key: {to_text('key', verified.header.key)}"]
    signed = base64.b64encode(verified.raw).decode()
    return "\n".join([*head, *textwrap.wrap(signed, _COLUMNS), ""])


def read_certificate(text: str) -> bytes:
    """Read the signed bytes of a certificate; spaces and line ends do not matter.

    Raises:
        LocalProtocolError: E-CERTIFICATE.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    body = "".join("".join(line.split()) for line in lines if ":" not in line and line != HEAD)
    is_one = bool(lines) and lines[0] == HEAD and len(lines) <= _LINES_MAX
    try:
        raw = base64.b64decode(body, validate=True) if is_one else b""
    except (binascii.Error, ValueError):
        raw = b""
    if not 0 < len(raw) <= limits.public_bytes_max:
        raise LocalProtocolError(
            "this is no certificate of revocation",
            code="E-CERTIFICATE",
            fix="Give the file that was written by: intentcast identity revocation FILE",
        )
    return raw


class Identity:
    """One per node."""

    def __init__(self, desk: Desk, succession: Succession, copies: Copies) -> None:
        """Keep the rooms."""
        self._desk = desk
        self._succession = succession
        self._copies = copies

    async def document(self) -> Document:
        """Tell which keys this home's vendor identity had, and where others follow them to."""
        self._desk.keyring.check()
        line = await self._succession.own_lineage()
        own, seen = self._copies.own, self._copies.seen
        contexts = self._succession.contexts()
        return {
            "schema": "intentcast.identity/1",
            "key": to_text("key", self._desk.pen.profile_key()),
            "generation": self._succession.generation,
            "standing": line.standing.value,
            "followed": to_text("key", line.key),
            "keys": [to_text("key", key) for key, _ in contexts],
            "copy": {
                "instance": own.instance.hex(),
                "since": views.iso(own.since_ms),
                "standing": self._copies.word.value,
                "met": views.iso(seen.sign.at) if seen else None,
                "met_kind": seen.kind if seen else None,
            },
        }

    async def rotate(self, generation: int) -> Document:
        """Go on under the key after this generation.

        Raises:
            RefusedError: E-GENERATION, another one is the newest: it was rotated already.
        """
        self._desk.keyring.check()
        newest = self._succession.generation
        if generation != newest:
            raise RefusedError(
                f"the newest generation is {newest}, not {generation}",
                code="E-GENERATION",
                fix="Look at it first:  intentcast identity show",
            )
        await self._succession.rotate()
        return await self.document()

    async def certificate(self, reason: str) -> Document:
        """Make the certificate that ends the newest key; nothing is published."""
        self._desk.keyring.check()
        verified = await self._succession.certificate(_reason(reason))
        return {
            "schema": "intentcast.revocation/1",
            "key": to_text("key", verified.header.key),
            "until": views.iso(verified.header.exp),
            "certificate": write_certificate(verified),
        }

    async def revoke(self, certificate: str | None, reason: str) -> Document:
        """Publish the end of a key: of the certificate's, or of our newest."""
        self._desk.keyring.check()
        if certificate is None:
            chosen = _reason(reason)
            # A key ends once: asked again, the same statement goes out again.
            ended = await self._succession.ending()
            verified = ended or await self._succession.certificate(chosen)
        else:
            verified = self._succession.read_certificate(read_certificate(certificate))
        is_ours = await self._succession.revoke(verified)
        return {
            "schema": "intentcast.revoked/1",
            "key": to_text("key", verified.header.key),
            "ours": is_ours,
        }


def _reason(text: str) -> str:
    if not _REASON.fullmatch(text):
        raise LocalProtocolError(
            f"'{text[:40]}' is not a reason",
            code="E-REASON",
            fix="Use one word of small letters, such as: lost, stolen, retired",
            field="reason",
        )
    return text
