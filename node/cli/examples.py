"""Lines to copy for every command, shown at the end of its help.

Enters: a command that was loaded. Leaves: the same, its examples written beneath its options. Each
line is one the parser takes; a test reads them all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import click

EXAMPLES: Final[Mapping[str, tuple[str, ...]]] = {
    "up": ("up", "up --peer relay.example:9401", "up --relay --listen 0.0.0.0:9401"),
    "open": ("open --no-browser",),
    "status": ("status", "status --json"),
    "cast": (
        'cast "digital camera" --budget 300EUR --near Berlin --within 15km --by +14d',
        'cast "digital camera" --must "resolution >= 12 MP" --prefer "weight <= 400 g"',
        "cast request.json",
    ),
    "casts": ("casts", "casts --json"),
    "wait": ("wait 'offers>=3' --timeout 60s", "wait 'deal deal-7Q4M-K2XD=agreed'"),
    "offers": (
        "offers cast-7Q4M-K2XD",
        "offers cast-7Q4M-K2XD --explain",
        "offers cast-7Q4M-K2XD --watch",
    ),
    "accept": (
        'accept offer-7Q4M-K2XD --disclose name="Ana" --disclose phone="+49 30 123"',
        "accept offer-7Q4M-K2XD --no-disclose",
    ),
    "deal": (
        "deal",
        "deal deal-7Q4M-K2XD --save camera.agreement",
        "deal deal-7Q4M-K2XD --refuse out_of_stock",
    ),
    "revoke": ("revoke cast-7Q4M-K2XD",),
    "verify": ("verify camera.agreement",),
    "categories": ("categories camera", "categories electronics/cameras/digital-cameras"),
    "doctor": ("doctor", "doctor --scrub"),
    "peers": ("peers", "peers add relay.example:9401"),
    "peers add": ("peers add relay.example:9401",),
    "nearby": ("nearby", "nearby --all", "nearby allow node-7Q4M-K2XD"),
    "nearby allow": ("nearby allow node-7Q4M-K2XD",),
    "nearby refuse": ("nearby refuse node-7Q4M-K2XD",),
    "nearby forget": ("nearby forget node-7Q4M-K2XD",),
    "invite": ("invite --single --for 12h", "invite --qr"),
    "join": ("join 'intentcast://LINK'        # as `intentcast invite` prints it",),
    "people": ("people", "people block KEY        # as the list shows it"),
    "people block": ("people block KEY        # as `intentcast people` lists it",),
    "people unblock": ("people unblock KEY        # as `intentcast people` lists it",),
    "identity show": ("identity show",),
    "identity rotate": ("identity rotate", "identity rotate --yes"),
    "identity this-one": ("identity this-one        # on the copy that goes on",),
    "identity revocation": ("identity revocation end-of-my-shop.cert",),
    "identity revoke": ("identity revoke end-of-my-shop.cert", "identity revoke --reason lost"),
    "vendor status": ("vendor status",),
    "vendor inbox": ("vendor inbox", "deal deal-7Q4M-K2XD --confirm        # answers what waits"),
    "vendor offers": ("vendor offers", "vendor offers --after 50"),
    "vendor catalogue": ("vendor catalogue camera",),
    "token new": ('token new "status board" --scope read --days 30',),
    "token list": ("token list",),
    "token revoke": ("token revoke token-7Q4M-K2XD",),
    "service install": ("service install --start", "service install --print"),
    "service uninstall": ("service uninstall",),
    "service status": ("service status",),
    "outbox": ("outbox", "outbox --json"),
    "completion": ('completion bash        # eval "$(intentcast completion bash)" in ~/.bashrc',),
    "paths": ("paths",),
    "passphrase set": ("passphrase set", "passphrase set --passphrase-file secret.txt"),
    "passphrase change": ("passphrase change",),
    "passphrase remove": ("passphrase remove",),
    "lock": ("lock",),
    "unlock": ("unlock", "unlock --passphrase-file secret.txt"),
    "words": ("words", "words --confirm"),
    "backup": ("backup /media/usb/home.icb", "backup verify /media/usb/home.icb"),
    "restore": ("restore --words --from /media/usb/home.icb",),
    "reopen": ("reopen", "reopen cast-7Q4M-K2XD"),
    "vendor init": (
        'vendor init --name "Corner Shop" --area "Berlin 20km" --currency EUR',
        "vendor init --example camera-corner",
    ),
    "vendor import": ("vendor import feed.xml --dry-run", "vendor import stock.csv --currency EUR"),
    "vendor serve": ("vendor serve --peer relay.example:9401",),
    "testnet up": ('testnet up --relays 3 --headless --until "offers>=10" --timeout 30',),
    "testnet open": ("testnet open", "testnet open --no-browser"),
    "testnet fault": (
        "testnet fault --link 'buyer-1~relay-*' --delay 300ms --loss 5%",
        "testnet fault --heal",
    ),
    "demo": ("demo --keep story",),
}
"""Path of a command -> lines to type, without `intentcast`."""


def illustrated(name: str, command: click.Command) -> click.Command:
    """Write examples beneath the help of a command and of its verbs."""
    lines = EXAMPLES.get(name, ())
    if lines:
        heading = "Example:" if len(lines) == 1 else "Examples:"
        # The mark keeps click from joining the lines.
        command.epilog = "\n".join(["\b", heading, *(f"  intentcast {line}" for line in lines)])
    if isinstance(command, click.Group):
        for verb, child in command.commands.items():
            _ = illustrated(f"{name} {verb}", child)
    return command
