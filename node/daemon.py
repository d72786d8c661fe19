"""The composition root: one home, all its rooms put together, started and stopped in order.

Enters: a home and settings. Leaves: a running node until it is told to stop. Nothing is decided
here; what fails on the way up is undone on the way down.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from node import collector, descriptors
from node.api.server import ApiServer
from node.clock import Clock, SystemClock
from node.config import Settings
from node.crashpoint import crashpoint
from node.entropy import Entropy, SystemEntropy
from node.errors import KeystoreError, RefusedError
from node.home import (
    DATABASE_FILE,
    LOCK_FILE,
    LOG_FILE,
    api_token,
    prepare_home,
    remove_address,
    remove_login,
    write_address,
)
from node.keyfile import Passphrase
from node.keystore import Keyring, is_profile, open_keyring
from node.logs import log_to_file
from node.market.arrival import Arrival
from node.market.buyer import Buyer
from node.market.clockwork import Clockwork
from node.market.desk import Desk
from node.market.letters import Letters
from node.market.mender import Mender
from node.market.pen import Pen
from node.market.relocation import Relocation
from node.market.requests import Requests
from node.market.seller import Seller
from node.market.storefront import Storefront
from node.market.withdrawal import Withdrawal
from node.meters import Meters
from node.network.connection import Connection
from node.notify import Notifier
from node.post.letters import Letter, LetterOutcome
from node.post.office import Post
from node.post.retry import Backoff
from node.runtime.access import Access
from node.runtime.chronicle import Signal
from node.runtime.custody import Custody
from node.runtime.examiner import Examiner
from node.runtime.handle import Handle, Rooms
from node.runtime.holds import Holds
from node.runtime.identity import Identity
from node.runtime.narrowing import Narrowing
from node.runtime.neighbours import Neighbours, Surroundings
from node.runtime.network import Network
from node.runtime.policing import Policing
from node.runtime.recovery import Recovery
from node.runtime.salesroom import Salesroom
from node.runtime.survey import Surroundings as Surveyed
from node.runtime.survey import Survey
from node.runtime.tasks import Tasks
from node.runtime.upkeep import keep_house
from node.runtime.visitors import Login
from node.storage import origin
from node.storage.boxes_own import OwnBox
from node.storage.database import Storage
from node.storage.examination import is_lived_in
from node.storage.lock import HomeLock
from node.timekeeper import Timekeeper
from node.vendor.storekeeper import Storekeeper
from node.web.site import Site
from protocol.channel.messages import Join, Message
from protocol.ids import NodeId, to_text
from protocol.objects.envelope import Verified
from protocol.objects.intentcast import Intentcast
from protocol.objects.profile import Profile

if TYPE_CHECKING:
    from node.network.endpoint import Tap

_LOG = logging.getLogger(__name__)
_CLOCK_LOOK_S = 5.0
"""How often a shop that cannot open by a clock that is off looks at it again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """What a node says when it is up."""

    api_url: str
    """Where the local API answers."""
    node: str
    """The node's id, text form."""
    net: str
    """The network it is of."""
    listen: str | None
    """host:port peers may dial."""
    dialled_at: list[str] = field(default_factory=list)
    """host:port others are told to dial, best first."""
    made_identity: bool
    """Whether the key was made just now."""
    vendor: str | None
    """Name of the shop, where the home has one."""
    kept_peers: int = 0
    """How many nodes it was told to stay linked to."""
    known_peers: int = 0
    """How many relays it knows from before and dials of itself."""
    notices: list[str] = field(default_factory=list)
    """Standing remarks."""
    begin_login: Callable[[], Login] = field(repr=False)
    """Makes a way in for one browser."""


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
        passphrase: Passphrase | None = None,
    ) -> None:
        """Keep what it is made of; tests hand in a clock, an entropy or a frame recorder.

        A passphrase unlocks a sealed root at the start; without it the node starts locked.
        """
        self._home = home
        self._settings = settings
        self._clock = clock or SystemClock(settings.clock_offset_ms)
        self._entropy = entropy or SystemEntropy()
        self._tap = tap
        self._passphrase = passphrase
        self._stack = contextlib.AsyncExitStack()
        self._meters = Meters()
        self._surveyed: Survey | None = None
        self._renew_shop: Callable[[], Coroutine[Any, Any, None]] | None = None
        self.handle: Handle
        self.access: Access
        self.custody: Custody
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
        crashpoint("start.after_lock")
        # With a passphrase this takes half a second of a processor.
        passphrase, self._passphrase = self._passphrase, None
        keyring, made = await asyncio.to_thread(
            open_keyring,
            home,
            self._entropy,
            passphrase=passphrase,
            is_lived_in=partial(is_lived_in, home / DATABASE_FILE),
        )
        storage = await Storage.open(home / DATABASE_FILE, clock=self._clock)
        self._stack.push_async_callback(storage.close)
        await storage.write(lambda conn: origin.settle_net(conn, self._settings.net))
        crashpoint("start.after_storage")
        tasks = Tasks()
        self._stack.push_async_callback(tasks.close)
        changed = Signal()
        self._compose(keyring, storage, tasks, changed)
        shop = Storekeeper.of_home(home, storage=storage, clock=self._clock)
        ready = await self._serve(home, shop, changed, made=made)
        self._open_market(shop, tasks)
        return ready

    def _compose(self, keyring: Keyring, storage: Storage, tasks: Tasks, changed: Signal) -> None:
        self.policing = Policing(
            self._home, net=self._settings.net, storage=storage, clock=self._clock, tasks=tasks
        )
        settings = self.policing.applied(self._settings)
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
            meters=self._meters,
        )
        self.policing.begin(self.network)
        timekeeper = Timekeeper(self._clock, self.network.clock_median_ms)
        self.neighbours = self._meet(keyring, storage, tasks, changed)
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
            linked=self.network.linked,
            lost_ms=settings.mailbox_lost_ms,
            clock_holds=lambda: timekeeper.holds,
            on_gap=self._woken,
            approach=self.network.detours.approach,
        )
        self._arrival = Arrival(self.post, self._clock)
        self.desk = Desk(
            pen=Pen(net=settings.net, keyring=keyring, clock=self._clock, timekeeper=timekeeper),
            keyring=keyring,
            clock=self._clock,
            entropy=self._entropy,
            storage=storage,
            network=self.network,
            post=self.post,
            tasks=tasks,
            changed=changed.ring,
            arrived=self._arrival.over,
        )
        self.requests = Requests(self.desk)
        self.buyer = Buyer(self.desk)
        self.seller = Seller(self.desk)
        self._relocation = Relocation(self.desk, self.requests, lost_ms=settings.mailbox_lost_ms)
        self._clockwork = Clockwork(
            self.desk, self.requests, self.buyer, self.seller, self._relocation
        )
        self.recovery = Recovery(
            self.desk,
            live_casts=self.network.live_casts,
            move_cast=self._clockwork.move_cast,
            on_open=self._reopened,
            on_rotated=self._rotated,
        )
        self.mender = Mender(self.desk, self.recovery.recall)
        self._letters = self._make_letters()

    def _is_spared(self, node_id: NodeId) -> bool:
        """Tell whether a peer's link is never ended to make room for another."""
        link = self.network.link_to(node_id)
        channels = [link, *self.network.detours.guests_of(link)] if link else []
        return any(map(self.post.is_reader, channels)) or self.neighbours.is_guest(node_id)

    def _make_letters(self) -> Letters:
        return Letters(
            self.desk,
            self.buyer,
            self.seller,
            copies=self.recovery.copies,
            recall=self.recovery.recall,
            meters=self._meters,
        )

    def _meet(
        self, keyring: Keyring, storage: Storage, tasks: Tasks, changed: Signal
    ) -> Neighbours:
        around = Surroundings(
            settings=self._settings,
            network=self.network,
            storage=storage,
            clock=self._clock,
            entropy=self._entropy,
            tasks=tasks,
            record_seed=keyring.record_seed(),
        )
        return Neighbours(around, changed=changed.ring)

    async def _serve(self, home: Path, shop: Storekeeper, changed: Signal, *, made: bool) -> Ready:
        settings = self._settings
        await self.recovery.begin()
        await self._narrow(shop)
        await self.network.start()
        self._stack.push_async_callback(self.network.stop)
        crashpoint("start.after_network")
        name = to_text("node", self.network.node_id)
        await self.desk.storage.write(lambda conn: origin.sign(conn, name))
        await self.post.start()
        self._stack.push_async_callback(self.post.stop)
        crashpoint("start.after_post")
        await self.neighbours.start()
        self._stack.push_async_callback(self.neighbours.stop)
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
            notices=settings.notices(),
        )
        self.handle.custody = self.custody = Custody(
            home=home,
            keyring=self.desk.keyring,
            storage=self.desk.storage,
            settings=settings,
            clock=self._clock,
            entropy=self._entropy,
            on_change=self._keys_changed,
        )
        self.handle.neighbours = self.neighbours
        self.handle.salesroom = Salesroom(self.desk, self.seller, shop)
        self.handle.recovery = self.recovery
        self.handle.identity = Identity(self.desk, self.recovery.succession, self.recovery.copies)
        self.handle.examiner = Examiner(
            home=home,
            settings=settings,
            clock=self._clock,
            storage=self.desk.storage,
            network=self.network,
            post=self.post,
            keyring=self.desk.keyring,
            standing=self.neighbours.standing,
            policing=self.policing,
        )
        self._survey(shop)
        await self.custody.look()
        url = await self._open_door(home, changed)
        return self._ready(url, shop, made=made)

    def _ready(self, url: str, shop: Storekeeper, *, made: bool) -> Ready:
        settings, listening = self._settings, self.network.port is not None
        return Ready(
            api_url=url,
            node=to_text("node", self.network.node_id),
            net=settings.net,
            listen=f"{settings.listen_host}:{self.network.port}" if listening else None,
            made_identity=made,
            vendor=shop.name,
            kept_peers=len(settings.peers) + len(self.neighbours.standing()),
            known_peers=self.network.known_count(),
            dialled_at=self.network.own_addresses(),
            notices=[
                *settings.notices(),
                *self.custody.notices(),
                *self.recovery.greeting(),
                *self.handle.silent_notices(),
            ],
            begin_login=self.access.begin_login,
        )

    async def _narrow(self, shop: Storekeeper) -> None:
        """Settle what is asked of relays before the first of them hears of this node."""
        self._narrowing = Narrowing(
            self.network,
            settings=self._settings,
            storage=self.desk.storage,
            clock=self._clock,
            reach=shop.reach,
        )
        await self._narrowing.look()

    async def _open_door(self, home: Path, changed: Signal) -> str:
        """Let programs and people in; give the API's address."""
        settings = self._settings
        self.handle.access = self.access = Access(
            owner_token=api_token(home, self._entropy),
            storage=self.desk.storage,
            clock=self._clock,
            entropy=self._entropy,
            tasks=self.desk.tasks,
            changed=changed.ring,
        )
        self.handle.holds = Holds(self.desk.tasks, self._entropy, self.access.is_welcome)
        await self.access.load()
        site = Site(self.handle, self._entropy, self._clock)
        api = ApiServer(self.handle, settings, self.access, faces=[site])
        port = await api.start()
        self._stack.push_async_callback(api.stop)
        host = f"[{settings.api_host}]" if ":" in settings.api_host else settings.api_host
        url = f"http://{host}:{port}"
        write_address(home, url, os.getpid())
        crashpoint("start.after_address")
        self._stack.callback(remove_address, home)
        self._stack.callback(remove_login, home)
        return url

    def _survey(self, shop: Storekeeper) -> None:
        around = Surveyed(
            settings=self._settings,
            clock=self._clock,
            storage=self.desk.storage,
            network=self.network,
            post=self.post,
            keyring=self.desk.keyring,
            tasks=self.desk.tasks,
            meters=self._meters,
            shop=shop.describe,
        )
        self.handle.survey = self._surveyed = Survey(around)

    def _open_market(self, shop: Storekeeper, tasks: Tasks) -> None:
        self.network.spare(self._is_spared)
        self._background = [
            tasks.spawn(self._clockwork.run(), "clockwork"),
            tasks.spawn(
                keep_house(
                    self.desk.storage,
                    self._clock,
                    clock_holds=lambda: self.desk.pen.timekeeper.holds,
                ),
                "upkeep",
            ),
            tasks.spawn(self.custody.run(), "custody"),
            tasks.spawn(self.recovery.run(), "recovery"),
            tasks.spawn(self.mender.run(), "mender"),
            tasks.spawn(self._narrowing.run(), "narrowing"),
        ]
        described = shop.describe()
        if described is not None:
            self._background.append(tasks.spawn(self._open_shop(shop, described), "shop opens"))

    async def _open_shop(self, shop: Storekeeper, described: Profile) -> None:
        front = Storefront(self.desk, dialled=self.network.port is not None)
        shop.attach(self.seller)
        shop.remember(await self.seller.promised())

        async def renew() -> None:
            self.seller.open(shop, await self._published(front, described))

        await self.desk.keyring.until_unlocked()
        await self.desk.arrived()
        await renew()
        self._renew_shop = renew
        self._relocation.on_profile_moved(renew)
        await self._hear_again()

    async def _published(self, front: Storefront, described: Profile) -> Verified[Profile]:
        while True:
            await self.desk.keyring.until_unlocked()
            with contextlib.suppress(KeystoreError):
                # Locked in the middle of it: begun again after the next unlock.
                return await self._dated(front, described)

    async def _dated(self, front: Storefront, described: Profile) -> Verified[Profile]:
        """Publish as soon as the clock may date it."""
        while True:
            try:
                return await front.publish(described)
            except RefusedError as error:
                _LOG.error("the shop cannot open yet: %s", error)
                await asyncio.sleep(_CLOCK_LOOK_S)

    async def _hear_again(self) -> None:
        """Let the shop hear every request that is out; those it answered it leaves alone."""
        self.seller.has_missed = False
        for cast in await self.network.live_casts():
            self.seller.hear(cast)

    def _keys_changed(self) -> None:
        """Wake whoever waited for the keys, and whoever watches."""
        self.desk.changed()
        if self.desk.keyring.is_locked:
            return
        self._arrival.begin()
        self.post.unlocked()
        if self.seller.has_missed:
            _ = self.desk.tasks.spawn(self._hear_again(), "shop hears again")

    def _reopened(self, ctx: bytes) -> None:
        """A restored shop promises again: it hears what it left unanswered."""
        if is_profile(ctx):
            _ = self.desk.tasks.spawn(self._hear_again(), "shop hears again")

    def _rotated(self) -> None:
        """The shop has another key: it shows itself under that one."""
        if self._renew_shop is not None:
            _ = self.desk.tasks.spawn(self._renew_shop(), "shop under its next key")

    def _heard(self, verified: Verified[Any]) -> None:
        """Hand a newly stored public object to the rooms that care."""
        self.recovery.hear(verified)
        if isinstance(verified.body, Intentcast):
            self.seller.hear(verified)
        elif isinstance(verified.body, Profile):
            self.post.reread()

    def _asked(self, link: Connection, message: Message) -> None:
        if isinstance(message, Join):
            self.neighbours.handle_join(link, message)
        else:
            self.post.handle_message(link, message)

    def _woken(self) -> None:
        """The machine slept, or its clock was set: links are made anew, and boxes read first."""
        self._arrival.begin()
        self.network.renew()

    def _linked(self, node_id: NodeId) -> None:
        self.post.link_up(node_id)
        if len(self.network.linked()) <= 1:
            self.post.online()

    async def _letter_came(self, box: OwnBox, letter: Letter) -> LetterOutcome:
        return await self._letters.on_letter(box, letter)

    def look_again(self) -> None:
        """Read the operator's policy anew."""
        if hasattr(self, "policing"):
            self.policing.reload()

    async def stop(self) -> None:
        """Take everything down in reverse order."""
        crashpoint("stop.begun")
        if self._surveyed is not None:
            self._surveyed.is_stopping = True
        await self._stack.aclose()

    async def kill(self) -> None:
        """Be gone for all peers at once, without a goodbye; then give files and ports back."""
        await self.network.cut()
        await self.stop()


async def run_daemon(
    home: Path,
    settings: Settings,
    *,
    on_ready: Callable[[Ready], None],
    passphrase: Passphrase | None = None,
) -> None:
    """Run a node until SIGINT, SIGTERM or cancellation.

    Raises:
        IntentcastError: when it cannot come up.
    """
    log_to_file(prepare_home(home) / LOG_FILE, settings.log_level)
    descriptors.lift()
    daemon = Daemon(home, settings, passphrase=passphrase)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stopped.set)
    with contextlib.suppress(NotImplementedError):
        loop.add_signal_handler(signal.SIGHUP, daemon.look_again)
    manager = Notifier.of_environment(os.environ)
    on_ready(await daemon.start())
    collector.settle()
    manager.tell("READY=1")
    if manager.watchdog_s is not None:
        _ = daemon.desk.tasks.spawn(_bark(daemon, manager, manager.watchdog_s / 2), "watchdog")
    try:
        await stopped.wait()
    finally:
        manager.tell("STOPPING=1")
        await daemon.stop()


async def _bark(daemon: Daemon, manager: Notifier, pause_s: float) -> None:
    """Say that the node lives, for as long as its loop turns and its writer writes.

    A writer that has stopped begins to write again only in another process: silence brings that.
    """
    while daemon.desk.storage.is_written:
        manager.tell("WATCHDOG=1")
        await asyncio.sleep(pause_s)
    _LOG.critical("the service manager is told no more: the database is not written")
