"""The composition root: one home, all its rooms put together, started and stopped in order.

Enters: a home and settings. Leaves: a running node until it is told to stop. Nothing is decided
here; what fails on the way up is undone on the way down.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import logging.handlers
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from node.api.server import ApiServer
from node.clock import Clock, SystemClock
from node.config import Settings
from node.entropy import Entropy, SystemEntropy
from node.home import (
    DATABASE_FILE,
    LOCK_FILE,
    LOG_FILE,
    api_token,
    prepare_home,
    remove_address,
    write_address,
)
from node.keystore import Keyring, open_keyring
from node.market.buyer import Buyer
from node.market.clockwork import Clockwork
from node.market.desk import Desk
from node.market.letters import Letters
from node.market.pen import Pen
from node.market.requests import Requests
from node.market.seller import Seller
from node.market.storefront import Storefront
from node.market.withdrawal import Withdrawal
from node.network.connection import Connection
from node.post.letters import Letter, LetterOutcome
from node.post.office import Post
from node.post.retry import Backoff
from node.runtime.handle import Handle, Rooms, Signal
from node.runtime.network import Network
from node.runtime.tasks import Tasks
from node.runtime.upkeep import keep_house
from node.storage.boxes_own import OwnBox
from node.storage.database import Storage
from node.storage.lock import HomeLock
from node.vendor.storekeeper import Storekeeper
from protocol.channel.messages import Message
from protocol.ids import NodeId, to_text
from protocol.objects.envelope import Verified
from protocol.objects.intentcast import Intentcast
from protocol.objects.profile import Profile

if TYPE_CHECKING:
    from node.network.endpoint import Tap

_LOG = logging.getLogger(__name__)
_LOG_BYTES = 2 * 1024 * 1024
_LOG_FILES = 3
_KEY_NOTICE = "Your key is a file in the home folder; whoever can copy it is you."


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """What a node says when it is up."""

    api_url: str
    """Where the local API answers."""
    node: str
    """The node's id, text form."""
    listen: str | None
    """host:port peers may dial."""
    made_identity: bool
    """Whether the key was made just now."""
    vendor: str | None
    """Name of the shop, where the home has one."""
    notices: list[str] = field(default_factory=list)
    """Standing remarks."""


class Daemon:
    """One node: `start`, then `stop`."""

    def __init__(
        self,
        home: Path,
        settings: Settings,
        *,
        clock: Clock | None = None,
        entropy: Entropy | None = None,
        tap: Tap | None = None,
    ) -> None:
        """Keep what it is made of; tests hand in a clock, an entropy or a frame recorder."""
        self._home = home
        self._settings = settings
        self._clock = clock or SystemClock(settings.clock_offset_ms)
        self._entropy = entropy or SystemEntropy()
        self._tap = tap
        self._stack = contextlib.AsyncExitStack()
        self.handle: Handle
        self.network: Network
        self.desk: Desk
        self.post: Post
        self.buyer: Buyer
        self.seller: Seller

    async def start(self) -> Ready:
        """Bring everything up, in order.

        Raises:
            IntentcastError: whatever a person must mend first (home in use, port taken, ...).
        """
        try:
            return await self._start()
        except BaseException:
            await self._stack.aclose()
            raise

    async def _start(self) -> Ready:
        home = prepare_home(self._home)
        lock = HomeLock.acquire(home / LOCK_FILE)
        self._stack.callback(lock.release)
        keyring, made = open_keyring(home, self._entropy)
        storage = await Storage.open(home / DATABASE_FILE, clock=self._clock)
        self._stack.push_async_callback(storage.close)
        tasks = Tasks()
        self._stack.push_async_callback(tasks.close)
        changed = Signal()
        self._compose(keyring, storage, tasks, changed)
        shop = Storekeeper.of_home(home, storage=storage, clock=self._clock)
        ready = await self._serve(home, shop, changed, made=made)
        self._open_market(shop, tasks)
        return ready

    def _compose(self, keyring: Keyring, storage: Storage, tasks: Tasks, changed: Signal) -> None:
        settings = self._settings
        self.network = Network(
            settings=settings,
            clock=self._clock,
            entropy=self._entropy,
            tasks=tasks,
            storage=storage,
            transport_seed=keyring.transport_seed(),
            record_seed=keyring.record_seed(),
            on_object=self._heard,
            on_message=self._asked,
            on_link_up=self._linked,
            tap=self._tap,
        )
        self.post = Post(
            net=settings.net,
            clock=self._clock,
            entropy=self._entropy,
            tasks=tasks,
            storage=storage,
            network=self.network,
            keyring=keyring,
            serve=settings.mailbox,
            own_only=not settings.mailbox and settings.listen_port is not None,
            receipt_jitter_ms=settings.receipt_jitter_ms,
            on_letter=self._letter_came,
            backoff=Backoff(base_ms=settings.retry_base_ms, cap_ms=settings.retry_max_ms),
        )
        self.desk = Desk(
            pen=Pen(net=settings.net, keyring=keyring, clock=self._clock),
            keyring=keyring,
            clock=self._clock,
            entropy=self._entropy,
            storage=storage,
            network=self.network,
            post=self.post,
            tasks=tasks,
            changed=changed.ring,
        )
        self.requests = Requests(self.desk)
        self.buyer = Buyer(self.desk)
        self.seller = Seller(self.desk)
        self._letters = Letters(self.desk, self.buyer, self.seller)
        self._clockwork = Clockwork(self.desk, self.requests, self.buyer, self.seller)

    async def _serve(self, home: Path, shop: Storekeeper, changed: Signal, *, made: bool) -> Ready:
        settings = self._settings
        await self.network.start()
        self._stack.push_async_callback(self.network.stop)
        await self.post.start()
        self._stack.push_async_callback(self.post.stop)
        notices = [_KEY_NOTICE]
        rooms = Rooms(
            desk=self.desk,
            requests=self.requests,
            buyer=self.buyer,
            seller=self.seller,
            withdrawal=Withdrawal(self.desk, self._clockwork),
            network=self.network,
            shop=shop,
        )
        self.handle = Handle(
            rooms,
            settings=settings,
            home=home,
            pid=os.getpid(),
            signal=changed,
            notices=notices,
        )
        api = ApiServer(self.handle, settings, api_token(home, self._entropy))
        port = await api.start()
        self._stack.push_async_callback(api.stop)
        host = f"[{settings.api_host}]" if ":" in settings.api_host else settings.api_host
        url = f"http://{host}:{port}"
        write_address(home, url, os.getpid())
        self._stack.callback(remove_address, home)
        listening = self.network.port is not None
        return Ready(
            api_url=url,
            node=to_text("node", self.network.node_id),
            listen=f"{settings.listen_host}:{self.network.port}" if listening else None,
            made_identity=made,
            vendor=shop.name,
            notices=notices,
        )

    def _open_market(self, shop: Storekeeper, tasks: Tasks) -> None:
        self._background = [
            tasks.spawn(self._clockwork.run(), "clockwork"),
            tasks.spawn(keep_house(self.desk.storage, self._clock), "upkeep"),
        ]
        described = shop.describe()
        if described is not None:
            self._background.append(tasks.spawn(self._open_shop(shop, described), "shop opens"))

    async def _open_shop(self, shop: Storekeeper, described: Profile) -> None:
        front = Storefront(self.desk, dialled=self.network.port is not None)
        shop.attach(self.seller)
        shop.remember(await self.seller.promised())
        self.seller.open(shop, await front.publish(described))
        for cast in await self.network.live_casts():
            self.seller.hear(cast)

    def _heard(self, verified: Verified[Any]) -> None:
        """Hand a newly stored public object to the rooms that care."""
        if isinstance(verified.body, Intentcast):
            self.seller.hear(verified)
        elif isinstance(verified.body, Profile):
            self.post.reread()

    def _asked(self, link: Connection, message: Message) -> None:
        self.post.handle_message(link, message)

    def _linked(self, node_id: NodeId) -> None:
        self.post.link_up(node_id)

    async def _letter_came(self, box: OwnBox, letter: Letter) -> LetterOutcome:
        return await self._letters.on_letter(box, letter)

    async def stop(self) -> None:
        """Take everything down in reverse order."""
        await self._stack.aclose()

    async def kill(self) -> None:
        """Be gone for all peers at once, without a goodbye; then give files and ports back."""
        await self.network.cut()
        await self.stop()


def log_to_file(home: Path, settings: Settings) -> None:
    """Keep a bounded log in the home; nothing of keys or letters is ever logged."""
    handler = logging.handlers.RotatingFileHandler(
        home / LOG_FILE, maxBytes=_LOG_BYTES, backupCount=_LOG_FILES, encoding="utf-8"
    )
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    root = logging.getLogger()
    root.setLevel(settings.log_level)
    root.addHandler(handler)


async def run_daemon(home: Path, settings: Settings, *, on_ready: Callable[[Ready], None]) -> None:
    """Run a node until SIGINT, SIGTERM or cancellation.

    Raises:
        IntentcastError: when it cannot come up.
    """
    log_to_file(prepare_home(home), settings)
    daemon = Daemon(home, settings)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stopped.set)
    on_ready(await daemon.start())
    try:
        await stopped.wait()
    finally:
        await daemon.stop()
