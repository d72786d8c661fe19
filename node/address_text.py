"""Addresses of nodes as people write them: what is wrong with one, and how to write it right.

Enters: a text of settings, of an option or of a command. Leaves: nothing where a node can be
dialled there, else one cause and the next step. Never here: names being looked up, dialling.
"""

from __future__ import annotations

import ipaddress
import re
from contextlib import suppress
from typing import Final, NamedTuple

from protocol.errors import LocalProtocolError
from protocol.ids import from_text

SCHEME: Final = "intentcast://"
"""Stands before an address as `up` prints it."""
_NODE_PREFIX: Final = "node"
_CHARS_MAX: Final = 260
_PORT_MAX: Final = 65_535
_SHOWN: Final = 80
_OTHER_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]{0,20})://(.*)", re.IGNORECASE | re.DOTALL)
_LABEL: Final = r"[A-Za-z0-9_-]{1,63}"
_NAME: Final = re.compile(rf"(?!-){_LABEL}(\.{_LABEL})*\.?")
_PORT: Final = re.compile(r"[1-9][0-9]{0,4}")
_NUMBER: Final = re.compile(r"(0x[0-9a-f]*|[0-9]+)", re.IGNORECASE)
_EXAMPLE: Final = "Write host:port, for instance 192.0.2.7:7440 or [2001:db8::7]:7440"
_PEER_EXAMPLE: Final = (
    "Write host:port, for instance 192.0.2.7:7440, or the whole intentcast://KEY@host:port "
    "that `up` prints"
)

_Ip = ipaddress.IPv4Address | ipaddress.IPv6Address


class Fault(NamedTuple):
    """What is wrong with an address."""

    cause: str
    """One, in words that follow a colon."""
    fix: str
    """The next step."""


def bare(text: str) -> str:
    """Take the address as `up` prints it, or bare."""
    return text.strip().removeprefix(SCHEME).rstrip("/")


def fault_of_peer(text: str) -> Fault | None:
    """Find what is wrong with a peer: `host:port` or `key@host:port`, also as `up` prints it."""
    key, at, address = bare(text).rpartition("@")
    if at:
        try:
            from_text(_NODE_PREFIX, key)
        except LocalProtocolError as error:
            return Fault(error.sentence, "Write the node's whole key, then @host:port")
        address = address.strip()
    fault = fault_of(address)
    if fault is None or fault.fix != _EXAMPLE:
        return fault
    if "?" in text:
        return Fault(fault.cause, "The link of an invite is followed by:  intentcast join LINK")
    return Fault(fault.cause, _PEER_EXAMPLE)


def fault_of_told(text: str) -> Fault | None:
    """Find what is wrong with an address others are told; they take plain names alone."""
    host = text.strip().rpartition(":")[0]
    if fault := fault_of(text):
        return fault
    if text != text.strip():
        return Fault("a space stands beside it", f"Write {text.strip()[:_SHOWN]}")
    if not host.startswith("[") and ("_" in host or host.endswith(".")):
        return Fault("others take no name with _ or a dot at its end", _EXAMPLE)
    return None


def fault_of(text: str) -> Fault | None:
    """Find what is wrong with `host:port`, an IPv6 host in square brackets; None when it is one."""
    text = text.strip()
    if not text:
        return Fault("it is empty", _EXAMPLE)
    if len(text) > _CHARS_MAX:
        return Fault(f"it is longer than {_CHARS_MAX} characters", _EXAMPLE)
    if found := _OTHER_SCHEME.fullmatch(text):
        scheme, rest = found.groups()
        fix = f"Leave {scheme}:// away: {rest[:_SHOWN].rstrip('/')}"
        return Fault(f"'{scheme}://' does not belong to it", fix)
    return _fault_of_port(text) or _fault_of_host(text.rpartition(":")[0])


def _fault_of_port(text: str) -> Fault | None:
    host, colon, port = text.rpartition(":")
    if not text.startswith("[") and ":" in host:
        return _unbracketed(text)
    if not colon or text.endswith("]"):
        return Fault(
            "the port is missing", f"Write {text[:_SHOWN]}:PORT, for instance {text[:_SHOWN]}:9401"
        )
    if not port:
        return Fault("the port is missing", f"Write {text[:_SHOWN]}9401 or the node's own port")
    if not (_PORT.fullmatch(port) and int(port) <= _PORT_MAX):
        return Fault(f"a port is 1 to {_PORT_MAX}", _EXAMPLE)
    return None


def _unbracketed(text: str) -> Fault:
    """Say that colons inside an address need brackets."""
    host, _, port = text.rpartition(":")
    cause = "an IPv6 address stands in square brackets"
    if port.isascii() and port.isdigit() and _ip_of(host) is not None:
        return Fault(cause, f"Write [{host}]:{port}")
    if _ip_of(text) is not None:
        return Fault(cause, f"Write [{text}]:9401, with the node's own port")
    return Fault("it has more than one colon", _EXAMPLE)


def _fault_of_host(host: str) -> Fault | None:
    if not host:
        return Fault("the host is missing", _EXAMPLE)
    if host.startswith("[") or host.endswith("]"):
        return _fault_of_bracketed(host)
    if is_number(host):
        ip = _ip_of(host)
        if ip is None:
            cause = f"'{host[:_SHOWN]}' is no IPv4 address"
            return Fault(cause, "Write four numbers from 0 to 255, for instance 192.0.2.7:7440")
        return _fault_of_ip(ip)
    if not _NAME.fullmatch(host):
        return Fault(f"'{host[:_SHOWN]}' is neither a name nor an address", _EXAMPLE)
    return None


def _fault_of_bracketed(host: str) -> Fault | None:
    ip = _ip_of(host[1:-1]) if host.startswith("[") and host.endswith("]") else None
    if not isinstance(ip, ipaddress.IPv6Address) or ip.scope_id is not None:
        return Fault("what stands in [] is no IPv6 address", "Write, for instance, [::1]:9401")
    return _fault_of_ip(ip)


def is_number(host: str) -> bool:
    """Tell whether a machine's resolver would take a host for a number, as 127.1 or 0x7f000001."""
    return _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]) is not None


def _ip_of(host: str) -> _Ip | None:
    with suppress(ValueError):
        return ipaddress.ip_address(host)
    return None


def _fault_of_ip(ip: _Ip) -> Fault | None:
    if ip.is_unspecified:
        return Fault(
            f"nobody can dial {ip}, which means every address of a machine",
            "Write the address others reach it at, for instance relay.example.org:9401",
        )
    if ip.is_multicast or ip == ipaddress.IPv4Address("255.255.255.255"):
        fix = "Write the address of one node, for instance 192.0.2.7:7440"
        return Fault(f"{ip} is the address of many, not of one node", fix)
    return None
