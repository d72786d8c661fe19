"""Where names lead: asked once for each dial, and judged before anything is sent there.

A stranger's record may name any host, and a name may lead anywhere: into this machine, into the
network around it. Enters: the name of a host. Leaves: at most one IPv4 and one IPv6 address, both
in the open Internet; the dial goes to these and asks no second time. Never here: a name of the
owner's own choice, which may lead where it likes; an answer that is remembered.
Source: docs/protocol/06-gossip.md, "Node records".
"""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor

from aiohttp.abc import AbstractResolver, ResolveResult

from protocol.network.addresses import is_public


class PublicResolver(AbstractResolver):
    """Gives what lies in the open Internet, and refuses the rest."""

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        """Ask nothing yet.

        Args:
            threads: where the machine's own resolver waits; nobody else's work stands behind a
                name whose answer does not come.
        """
        self._threads = threads

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Ask where a name leads.

        Raises:
            OSError: nowhere, or to no public place.
        """
        loop = asyncio.get_running_loop()
        try:
            asking = loop.run_in_executor(
                self._threads, lambda: socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
            )
        except RuntimeError as error:
            raise OSError("this node is stopping") from error
        answers = await asking
        # One of each family: a name with a hundred addresses is no reason to dial a hundred.
        found: dict[int, ResolveResult] = {}
        for its_family, _, proto, _, place in answers:
            if is_public(f"[{place[0]}]:{port}"):
                found.setdefault(
                    its_family,
                    ResolveResult(
                        hostname=host,
                        host=str(place[0]),
                        port=port,
                        family=its_family,
                        proto=proto,
                        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
                    ),
                )
        if not found:
            raise OSError(f"{host} leads to no public address")
        return list(found.values())

    async def close(self) -> None:
        """Hold nothing: the threads are the dialler's."""
