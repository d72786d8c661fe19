"""Policing: the operator's policy, told to the network machines, and again when it changes.

Enters: the home, once; the word to look again (SIGHUP). Leaves: commands for the network, a finding
for `doctor`. A file that cannot be understood changes nothing: the policy that holds goes on.
Never touched: this node's own objects, and what its deals need.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from node.clock import Clock
from node.config import Settings
from node.errors import ConfigError
from node.numerals import plural
from node.policy import POLICY_FILE, NodePolicy, load_policy
from node.runtime.findings import Finding, State, failed, ok
from node.runtime.tasks import Tasks
from node.storage import objects
from node.storage.database import Storage
from protocol import limits
from protocol.errors import RemoteProtocolError
from protocol.ids import ObjectId
from protocol.network.policy import Policy, Rule
from protocol.objects.envelope import open_stored

if TYPE_CHECKING:
    from node.runtime.network import Network

_LOG = logging.getLogger(__name__)
_TOGETHER: Final = 256
"""Bodies read between two turns of the loop."""
_WORDS: Final = {
    Rule.CATEGORY: "by category",
    Rule.KEY: "by key",
    Rule.WORD: "by word",
}


class Policing:
    """The policy of one node."""

    def __init__(
        self, home: Path, *, net: str, storage: Storage, clock: Clock, tasks: Tasks
    ) -> None:
        """Read the policy.

        Raises:
            ConfigError: E-POLICY.
        """
        self._home = home
        self._net = net
        self._storage = storage
        self._clock = clock
        self._tasks = tasks
        self._error: ConfigError | None = None
        self.policy: NodePolicy = load_policy(home)

    def applied(self, settings: Settings) -> Settings:
        """Give the settings with the cap of the policy."""
        return replace(settings, uplink_kbit=self.policy.up_kbit or settings.uplink_kbit)

    def begin(self, network: Network) -> None:
        """Have the network carry by it; to be called before the network starts."""
        self._network = network
        network.carry(self.policy)
        if self.policy.refuse.words:
            _ = self._tasks.spawn(self._sift(self.policy.refuse), "sifts what is carried")

    def reload(self) -> None:
        """Look at the file again; one with a mistake leaves everything as it was."""
        try:
            self.policy = load_policy(self._home)
        except ConfigError as error:
            self._error = error
            _LOG.error("the policy stays as it was: %s", error)
            return
        self._error = None
        self.begin(self._network)

    async def _sift(self, policy: Policy) -> None:
        """Let go of what is held and holds a refused word: bodies lie on disk."""
        wall_ms = self._clock.now().wall_ms
        index = await self._storage.read(partial(objects.load_live_index, now_ms=wall_ms))
        ids = [entry.id for entry in index if not entry.is_kept]
        for start in range(0, len(ids), _TOGETHER):
            part = ids[start : start + _TOGETHER]
            raws = await self._storage.read(partial(objects.load_raws, ids=part), one_moment=False)
            refused: list[ObjectId] = []
            for number, (object_id, raw) in enumerate(raws.items()):
                if number % limits.verify_batch_max == 0:
                    await asyncio.sleep(0)
                if _holds(raw, self._net, policy.refuses_words):
                    refused.append(ObjectId(object_id))
            if refused:
                self._network.let_go(refused)

    def finding(self) -> Finding:
        """Tell `doctor` what is refused."""
        if self._error is not None:
            return failed("policy", self._error)
        if self.policy == NodePolicy():
            return ok("policy", "everything is carried")
        refused = self._network.refused()
        counts = [f"{refused[rule]:,} {words}" for rule, words in _WORDS.items() if refused[rule]]
        total = sum(refused[rule] for rule in _WORDS)
        policy = self.policy.refuse
        rules = [
            plural(len(policy.categories), "category", "categories"),
            plural(len(policy.keys), "key"),
            plural(len(policy.words), "word"),
        ]
        proof = f"{POLICY_FILE} names {', '.join(rules)}"
        if self.policy.objects_max < limits.objects_live_max:
            proof += f"; at most {self.policy.objects_max:,} objects of others"
        if not total:
            return ok("policy", "nothing was refused since the start", proof)
        return Finding(
            name="policy",
            state=State.OK,
            cause=f"{plural(total, 'object')} refused since the start: {', '.join(counts)}",
            proof=proof,
        )


def _holds(raw: bytes, net: str, test: Callable[[object], bool]) -> bool:
    try:
        return test(open_stored(raw, net=net).body)
    except RemoteProtocolError:
        # Kept for another network, or damaged: it is carried by nobody.
        return False


def check_file(home: Path) -> Finding:
    """Tell `doctor` whether a home's policy is understood, while its node is down."""
    try:
        policy = load_policy(home)
    except ConfigError as error:
        return failed("policy", error)
    if policy == NodePolicy():
        return ok("policy", "everything is carried")
    return ok("policy", f"{POLICY_FILE} is understood")
