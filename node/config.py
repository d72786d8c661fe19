"""Settings of one node: defaults, then `config.toml` in the home, then `INTENTCAST_*`, then flags.

Leaves: a frozen `Settings`. Every key has a range; an unknown key is refused with the nearest one.
"""

from __future__ import annotations

import difflib
import os
import re
import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from node.address_text import Fault, fault_of_peer, fault_of_told
from node.errors import ConfigError
from protocol import limits

DEFAULT_API_PORT = 8420
_PORT_MAX = 65_535
_MS_DAY = 86_400_000
CONFIG_FILE = "config.toml"
VERIFY_PROCESSES_MAX = 2
"""Processes that check signatures: more would wait for the loop that feeds them; guess."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the operator chose."""

    net: str = "main"
    """Network id; nodes of different networks do not talk."""
    listen_host: str = "127.0.0.1"
    """Address peers may dial."""
    listen_port: int | None = None
    """Port peers may dial; None makes a leaf that only dials; 0 takes a free one."""
    advertise: list[str] = field(default_factory=list)
    """host:port others should dial, when it differs from where we listen."""
    peers: list[str] = field(default_factory=list)
    """host:port or key@host:port to stay connected to."""
    lan: str = "off"
    """Multicast DNS in local networks: `off`, `look` for nodes, or `on`, be seen by them too."""
    lan_interfaces: list[str] = field(default_factory=list)
    """Network adapters to use for it; all in private networks when empty."""
    join: str = ""
    """An invite to follow at the start."""
    mailbox: bool = False
    """Hold letters for others."""
    bootstrap: bool = False
    """Offer to be somebody's first peer."""
    api_host: str = "127.0.0.1"
    """Address of the local API; loopback only."""
    api_port: int = DEFAULT_API_PORT
    """Port of the local API; 0 takes a free one."""
    api_names: list[str] = field(default_factory=list)
    """Names besides loopback's that the local API answers to."""
    open_browser: bool = True
    """Open the page in a browser at the first start, where somebody sits at a screen."""
    push_links: int = 0
    """Links that push whole objects to this node, fewer save bytes and cost time; 0 the usual."""
    uplink_kbit: int = 0
    """What this node may send, kbit/s, for the number of peers it pushes to; 0 where unknown."""
    verify_processes: int = 0
    """Processes that check signatures beside the node; 0 checks them in it."""
    receipt_jitter_ms: int = 5_000
    """Longest random wait before a receipt leaves."""
    retry_base_ms: int = 2_000
    """First retry of a letter."""
    retry_max_ms: int = 15 * 60_000
    """Longest wait between two tries of a letter."""
    mailbox_lost_ms: int = limits.mailbox_lost_ms
    """How long a mailbox of ours may fail before another takes its place."""
    clock_offset_ms: int = 0
    """Shift of the wall clock; refused on net=main."""
    auto_lock_minutes: int = 0
    """Minutes without a command that signs after which the keys lock by themselves; 0 never."""
    backups_kept: int = 7
    """Daily backups kept in the home; 0 makes none."""
    private: str = "normal"
    """How hard it is to tell who asked: `off`, `normal`, or `careful`, which is slower."""
    dial_through: str = ""
    """host:port of an HTTP proxy that every dial to a peer goes through; empty dials directly."""
    log_level: str = "WARNING"
    """DEBUG, INFO, WARNING or ERROR."""
    interest: str = "auto"
    """Which requests a node that only dials asks for: `auto`, `narrow` or `all`."""
    limits: str = "usual"
    """`usual`, or `open`: set no link a budget, for measurements."""

    def notices(self) -> list[str]:
        """Say what anybody who looks at the node should know of these choices."""
        found = []
        if self.limits == "open":
            words = "Limits are open, as for a measurement: any peer may bring as much as it likes"
            found.append(words)
        if self.advertise and self.listen_port is None:
            found.append(
                "An address is advertised, but this node does not listen, so nobody is told of it. "
                "Start it so:  intentcast up --listen HOST:PORT"
            )
        return found


_RANGES: dict[str, tuple[int, int]] = {
    "listen_port": (0, _PORT_MAX),
    "api_port": (0, _PORT_MAX),
    "push_links": (0, 8),
    "uplink_kbit": (0, 100_000_000),
    "verify_processes": (0, VERIFY_PROCESSES_MAX),
    "receipt_jitter_ms": (0, 60_000),
    "retry_base_ms": (10, 60_000),
    "retry_max_ms": (100, _MS_DAY),
    "auto_lock_minutes": (0, 7 * 24 * 60),
    "backups_kept": (0, 30),
    "mailbox_lost_ms": (100, 7 * _MS_DAY),
    "clock_offset_ms": (-1000 * _MS_DAY, 1000 * _MS_DAY),
}
_NET_SHAPE = re.compile(r"^[a-z0-9][a-z0-9-]{0,31}$")
_LISTS_MAX = 64
_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}
_CHOICES = {
    "lan": ("off", "look", "on"),
    "private": ("off", "normal", "careful"),
    "interest": ("auto", "narrow", "all"),
    "limits": ("usual", "open"),
    "log_level": ("DEBUG", "INFO", "WARNING", "ERROR"),
}


_ADDRESSES: dict[str, tuple[Callable[[str], Fault | None], str]] = {
    "advertise": (fault_of_told, "an address"),
    "peers": (fault_of_peer, "a peer"),
}
_FLAGS = "command line"
_OPTIONS = {"peers": "--peer", "advertise": "--advertise"}
"""Settings whose option is named in what is said of them."""


def default_home(environ: Mapping[str, str]) -> Path:
    """Choose the home: INTENTCAST_HOME, else the platform's data folder.

    Raises:
        ConfigError: E-HOME when neither a home nor a user folder is known.
    """
    if chosen := environ.get("INTENTCAST_HOME"):
        return Path(chosen).expanduser()
    if data := environ.get("XDG_DATA_HOME"):
        return Path(data) / "intentcast"
    if not environ.get("HOME"):
        raise ConfigError(
            "no home folder is known", code="E-HOME", fix="Set INTENTCAST_HOME to a folder"
        )
    base = Path(environ["HOME"])
    if sys.platform == "darwin":
        return base / "Library" / "Application Support" / "intentcast"
    return base / ".local" / "share" / "intentcast"


def _bad(where: str, key: str, sentence: str, fix: str) -> ConfigError:
    option = _OPTIONS.get(key) if where == _FLAGS else None
    place = option or f"{where}: {key}"
    return ConfigError(f"{place} {sentence}", code="E-CONFIG", fix=fix, field=key)


def _from_text(key: str, text: str, where: str) -> Any:
    if key in ("advertise", "api_names", "lan_interfaces", "peers"):
        return [part.strip() for part in text.split(",") if part.strip()]
    if isinstance(getattr(Settings(), key), bool):
        if text.lower() not in _TRUE | _FALSE:
            raise _bad(where, key, f"is '{text[:40]}'", "Use true or false")
        return text.lower() in _TRUE
    if key in _RANGES:
        if not re.fullmatch(r"-?[0-9]{1,18}", text):
            raise _bad(where, key, f"is '{text[:40]}', not a whole number", "Use digits only")
        return int(text)
    return text


def _check_list(key: str, value: Any, where: str) -> None:
    fits = isinstance(value, list) and len(value) <= _LISTS_MAX
    if not fits or not all(isinstance(part, str) for part in value):
        raise _bad(where, key, "is not a list of texts", f'Write {key} = ["host:port"]')


def _check_addresses(key: str, parts: list[str], where: str) -> None:
    """Require that each can be dialled, and that a node's record has room for what it tells."""
    if key == "advertise" and len(parts) > limits.addresses_per_node_max:
        most = limits.addresses_per_node_max
        raise _bad(where, key, f"has {len(parts)} addresses", f"Name at most {most}")
    find, noun = _ADDRESSES[key]
    for index, part in enumerate(parts):
        if fault := find(part):
            name = key if where == _FLAGS else f"{key}[{index}]"
            raise _bad(where, name, f"'{part[:80]}' is not {noun}: {fault.cause}", fault.fix)


def _check_number(key: str, value: Any, where: str) -> None:
    low, high = _RANGES[key]
    optional = key == "listen_port" and value is None
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not optional and not (whole and low <= value <= high):
        raise _bad(where, key, f"is {value!r:.40}", f"Choose a number from {low} to {high}")


def _check_value(key: str, value: Any, where: str) -> None:
    default = getattr(Settings(), key)
    if isinstance(default, list):
        _check_list(key, value, where)
        if key in _ADDRESSES:
            _check_addresses(key, value, where)
    elif key in _RANGES:
        _check_number(key, value, where)
    elif isinstance(default, bool):
        if not isinstance(value, bool):
            raise _bad(where, key, f"is {value!r:.40}", "Use true or false")
    elif not isinstance(value, str) or len(value) > limits.public_bytes_max:
        raise _bad(where, key, "is not a text", 'Put it in "quotes"')


def _check_whole(settings: Settings, where: str) -> None:
    if not _NET_SHAPE.match(settings.net):
        raise _bad(where, "net", f"is '{settings.net[:40]}'", "Use 1-32 of a-z, 0-9 and -")
    if settings.api_host not in ("127.0.0.1", "::1", "localhost"):
        raise _bad(where, "api_host", "is not loopback", "Use 127.0.0.1; reach it by ssh -L")
    if settings.clock_offset_ms and settings.net == "main":
        raise _bad(where, "clock_offset_ms", "is refused on net=main", "Use another net")
    for key, choices in _CHOICES.items():
        value = getattr(settings, key)
        if value not in choices:
            raise _bad(where, key, f"is '{value[:20]}'", "Use " + ", ".join(choices))


def _known(key: str, where: str) -> None:
    names = [f.name for f in fields(Settings)]
    if key not in names:
        near = difflib.get_close_matches(key, names, 1)
        hint = f"Did you mean {near[0]}?" if near else "Known: " + ", ".join(names)
        raise _bad(where, key[:60], "is not a setting", hint)


def _file_values(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        # The parser follows every bracket inwards: thousands of them are no settings.
        raise ConfigError(
            f"{path.name} is not TOML: {error}", code="E-CONFIG", fix="Mend that line"
        ) from error
    except OSError as error:
        raise ConfigError(
            f"{path.name} cannot be read: {error.strerror}", code="E-CONFIG", fix="Check its rights"
        ) from error


def _environment_values(environ: Mapping[str, str]) -> dict[str, Any]:
    found = {}
    for item in fields(Settings):
        name = "INTENTCAST_" + item.name.upper()
        if name in environ:
            found[item.name] = _from_text(item.name, environ[name], name)
    return found


def load_settings(
    home: Path, flags: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None
) -> Settings:
    """Read all four sources, later ones winning.

    Raises:
        ConfigError: E-CONFIG, naming source, key and allowed range.
    """
    settings = Settings()
    sources = (
        (CONFIG_FILE, _file_values(home / CONFIG_FILE)),
        ("environment", _environment_values(os.environ if environ is None else environ)),
        (_FLAGS, {k: v for k, v in (flags or {}).items() if v is not None}),
    )
    for where, values in sources:
        for key, value in values.items():
            _known(key, where)
            _check_value(key, value, where)
        settings = replace(settings, **values)
        _check_whole(settings, where)
    return settings
