"""Bugs somebody might write one day, each planted by one replacement in a copy of the tree.

A plant names the tests that must notice it. They are ordinary tests of the product, written for its
behaviour and not for the plant; a plant that none of them catches says that they are too weak.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Bug:
    """One planted bug."""

    name: str
    file: str
    old: str
    """Stands exactly once in the file."""
    new: str
    tests: tuple[str, ...]
    """Paths given to pytest."""


OBJECTS = ("tests/unit/protocol/objects", "tests/vectors/test_own_vectors.py")
GOSSIP = ("tests/unit/protocol/network", "tests/property/test_gossip_machine.py")
POST = ("tests/unit/protocol/post", "tests/unit/node/post")
MARKET = ("tests/unit/node/market",)
DEAL = ("tests/unit/protocol/market", "tests/property/test_deal_machine.py")
DAMAGE = tuple(
    f"tests/unit/node/storage/test_{room}.py"
    for room in ("examination", "page_sums", "scrub", "mending", "salvage")
)
STORAGE = ("tests/unit/node/storage", "tests/property/test_storage.py")

BUGS: tuple[Bug, ...] = (
    Bug(
        name="skip the signature of an object",
        file="protocol/objects/envelope.py",
        old="        signing.verify(*signature_of(candidate, net=net))",
        new="        pass",
        tests=OBJECTS,
    ),
    Bug(
        name="no recipient in the signed bytes",
        file="protocol/objects/header.py",
        old="            self.to,\n            self.thread,",
        new="            None,\n            self.thread,",
        tests=("tests/unit/protocol/objects/test_header.py",),
    ),
    Bug(
        name="no domain in the signed bytes",
        file="protocol/signing.py",
        old='return b"intentcast/1/" + self.value.encode() + b"\\0"',
        new='return b""',
        tests=("tests/unit/protocol/test_signing.py", "tests/vectors/test_own_vectors.py"),
    ),
    Bug(
        name="take any spelling of the same value",
        file="protocol/encoding.py",
        old="        if _is_in_model(value) and _WRITER.encode(value) == raw:",
        new="        if _is_in_model(value):",
        tests=("tests/unit/protocol/test_encoding.py", "tests/vectors/test_own_vectors.py"),
    ),
    Bug(
        name="forget to ask for the work of a public object",
        file="protocol/objects/envelope.py",
        old=(
            "    if candidate.pow is None or"
            " work.bits_of(candidate.id, candidate.pow) < header.target:"
        ),
        new="    if candidate.pow is None:",
        tests=OBJECTS,
    ),
    Bug(
        name="take expired objects",
        file="protocol/objects/envelope.py",
        old="    if header.exp <= wall_ms:",
        new="    if header.exp <= 0:",
        tests=(*OBJECTS, *GOSSIP),
    ),
    Bug(
        name="remember before verify",
        file="protocol/network/intake.py",
        old="        is_taken = carried.queue.put(candidate, peer, by_stem=by_stem)\n",
        new=(
            "        is_taken = carried.queue.put(candidate, peer, by_stem=by_stem)\n"
            "        carried.declined.add(prefix)\n"
        ),
        tests=GOSSIP,
    ),
    Bug(
        name="condemn an id for a forged copy",
        file="protocol/network/admission.py",
        old="    {Reason.EXPIRED, Reason.NOT_YET, Reason.BAD_WORK, Reason.OVER_BUDGET}",
        new="    {Reason.EXPIRED, Reason.NOT_YET, Reason.OVER_BUDGET}",
        tests=GOSSIP,
    ),
    Bug(
        name="take a second signature over a text that is held",
        file="protocol/network/live.py",
        old="        if prefix in self._entries or entry.text in self._texts:",
        new="        if prefix in self._entries:",
        tests=(*GOSSIP, "tests/integration/test_gossip.py"),
    ),
    Bug(
        name="no cap on the letters of a box",
        file="protocol/post/mailbox.py",
        old=(
            "        return self.letters < limits.box_letters_max"
            " and self.size + size <= limits.box_bytes_max"
        ),
        new="        return self.size + size >= 0",
        tests=POST,
    ),
    Bug(
        name="no cap on what one depositor leaves",
        file="protocol/post/mailbox.py",
        old="    if state.by_depositor >= limits.depositor_letters_max:",
        new="    if state.by_depositor >= 1 << 30:",
        tests=POST,
    ),
    Bug(
        name="let anybody drop the letters of a box",
        file="protocol/post/mailbox.py",
        old="    if not proven:",
        new="    if proven is None:",
        tests=POST,
    ),
    Bug(
        name="a proof of reading that holds on every channel",
        file="protocol/post/mailbox.py",
        old=(
            "        return encode([self.net, self.mailbox, self.reader, self.handshake_hash,"
            " self.challenge])"
        ),
        new="        return encode([self.net, self.mailbox, self.reader, self.challenge])",
        tests=(*POST, "tests/integration/test_post.py"),
    ),
    Bug(
        name="take a receipt of anybody's",
        file="protocol/post/receipt.py",
        old="    signing.verify(signing.Tag.RECEIPT, signed, signature, signer)\n",
        new="",
        tests=POST,
    ),
    Bug(
        name="take a receipt for another letter",
        file="protocol/post/receipt.py",
        old="    if receipt.envelope_id != envelope_id or receipt.letter_hash != letter:",
        new="    if receipt.net == '':",
        tests=POST,
    ),
    Bug(
        name="void while the acceptance still binds",
        file="protocol/market/deal.py",
        old="        if now.wall_ms <= bound_until or not (is_read or is_lost):",
        new="        if read is None and not is_lost:",
        tests=DEAL,
    ),
    Bug(
        name="honour a confirmation after the void",
        file="protocol/market/deal.py",
        old="""    if deal.state in FAILED:
        # A confirmation""",
        new="""    if deal.state is _S.CANCELLED:
        # A confirmation""",
        tests=DEAL,
    ),
    Bug(
        name="confirm an acceptance that has lapsed",
        file="protocol/market/deal.py",
        old="    if deal.state is _S.OFFERED and now.wall_ms > deal.confirm_by:",
        new="    if deal.state is _S.OFFERED and now.wall_ms < 0:",
        tests=DEAL,
    ),
    Bug(
        name="tell before the commit",
        file="node/storage/writer.py",
        old='            self._guard.begins()\n            conn.execute("COMMIT")',
        new="            self._guard.begins()",
        tests=STORAGE,
    ),
    Bug(
        name="commit without waiting for the disk",
        file="node/storage/connection.py",
        old='    "PRAGMA synchronous = FULL",',
        new='    "PRAGMA synchronous = NORMAL",',
        tests=STORAGE,
    ),
    Bug(
        name="serve bytes whose hash differs",
        file="node/storage/objects.py",
        old='    return bool(checksum(row["id"], row["raw"]) == row["checksum"])',
        new="    return True",
        tests=STORAGE,
    ),
    Bug(
        name="look over a page that is not what was written",
        file="node/storage/examination.py",
        old="            damaged.append(each)\n    return Compared(",
        new="            pass\n    return Compared(",
        tests=DAMAGE,
    ),
    Bug(
        name="believe a sum that does not prove itself",
        file="node/storage/examination.py",
        old="        if not sum_holds(each, known):",
        new="        if not known:",
        tests=DAMAGE,
    ),
    Bug(
        name="let a whole copy of a letter go with a rotten one",
        file="node/storage/mending.py",
        old="        if not letter_holds(row):\n            conn.execute(",
        new="        if row:\n            conn.execute(",
        tests=DAMAGE,
    ),
    Bug(
        name="number on far beyond what is kept after a salvage",
        file="node/storage/salvage.py",
        old='VALUES (?, ?)", (table, number))',
        new='VALUES (?, ?)", (table, number + 1_000_000))',
        tests=DAMAGE,
    ),
    Bug(
        name="let own objects expire",
        file="node/storage/objects.py",
        old="          WHERE own = 0 AND pinned = 0 AND exp <= ?1 AND",
        new="          WHERE exp <= ?1 AND",
        tests=STORAGE,
    ),
    Bug(
        name="start two nodes on one home",
        file="node/storage/lock.py",
        old="            _try_lock(fd)\n        except OSError as error:",
        new="            pass\n        except OSError as error:",
        tests=STORAGE,
    ),
    Bug(
        name="do a thing twice for one idempotency key",
        file="node/runtime/handle.py",
        old="        if isinstance(recalled, idempotency.Replay):",
        new="        if isinstance(recalled, str):",
        tests=("tests/unit/node/runtime", "tests/unit/node/api"),
    ),
    Bug(
        name="let whoever answers be the node that was dialled",
        file="node/network/handshake.py",
        old="        if self._expected not in {None, peer_id}:",
        new="        if self._expected == b'':",
        tests=("tests/integration/node/network",),
    ),
    Bug(
        name="open the local API without its token",
        file="node/api/gate.py",
        old="    check_scope(visitor, entrance.scope)",
        new="    if visitor is not None:\n        check_scope(visitor, entrance.scope)",
        tests=("tests/unit/node/api",),
    ),
    Bug(
        name="take a letter whose parent is missing",
        file="node/market/letters.py",
        old="    return dropped.dropped_of(conn, ctx, verified.header.key, parent) is None",
        new="    return False",
        tests=MARKET,
    ),
    Bug(
        name="take a letter written to somebody else",
        file="node/market/letters.py",
        old="        if header.to != self._desk.pen.key(ctx) or header.thread is None:",
        new="        if header.thread is None:",
        tests=MARKET,
    ),
    Bug(
        name="disclose with the acceptance",
        file="node/market/buyer.py",
        old="            at=now,\n        )\n        row = DealRow(",
        new="            at=now,\n            opened=opened,\n        )\n        row = DealRow(",
        tests=(*MARKET, "tests/integration/test_privacy.py"),
    ),
    Bug(
        name="stop at the mailbox's word instead of the recipient's receipt",
        file="node/post/sender.py",
        old=(
            "                await self._note_put(row, mailbox)\n"
            "            case Refused(reason=Reason.QUOTA):"
        ),
        new=(
            "                await self._end_acked(row, progress)\n"
            "            case Refused(reason=Reason.QUOTA):"
        ),
        tests=POST,
    ),
    Bug(
        name="leave a silent link its push place",
        file="protocol/network/choice.py",
        old="limits.lag_silent_ms if lag_ms is None else",
        new="0 if lag_ms is None else",
        tests=("tests/unit/protocol/network/test_choice.py",),
    ),
    Bug(
        name="end any link for who is back",
        file="protocol/network/links.py",
        old="if self._links[peer].place == place), None)",
        new="if self._links[peer].place >= 0), None)",
        tests=("tests/unit/protocol/network/test_links_broken.py",),
    ),
    Bug(
        name="let every link name what is new",
        file="protocol/network/choice.py",
        old="named[limits.ids_links :], Flow.QUIET",
        new="named[limits.ids_links :], Flow.IDS",
        tests=("tests/unit/protocol/network/test_choice.py",),
    ),
    Bug(
        name="forget what a broken promise cost",
        file="protocol/network/choice.py",
        old="        supply.penalty_at_ms = mono_ms\n        self._is_stale = True",
        new="        supply.penalty_ms = 0\n        self._is_stale = True",
        tests=("tests/unit/protocol/network/test_choice.py",),
    ),
    Bug(
        name="push to everybody who asks",
        file="protocol/network/slots.py",
        old="and self._pushing >= self.count",
        new="and False",
        tests=("tests/unit/protocol/network/test_slots.py",),
    ),
    Bug(
        name="wait for a late peer whoever else has it",
        file="protocol/network/wanted.py",
        old="if len(want.suppliers) > 1:",
        new="if False:",
        tests=("tests/unit/protocol/network/test_wanted.py",),
    ),
    Bug(
        name="take any number of new objects from one link",
        file="protocol/network/budgets.py",
        old="if self._is_open or link is None or self._take_news(link, mono_ms):",
        new="if True:",
        tests=("tests/unit/protocol/network/test_budgets.py",),
    ),
    Bug(
        name="make room for whoever has as many links",
        file="protocol/network/room.py",
        old="if link.told >= told + limits.room_margin",
        new="if link.told >= told",
        tests=("tests/unit/protocol/network/test_room.py",),
    ),
    Bug(
        name="spread one address group over all tried buckets",
        file="protocol/network/buckets.py",
        old='self._number(b"which", key) % limits.buckets_per_group_max',
        new='self._number(b"which", key) % limits.buckets_tried',
        tests=("tests/unit/protocol/network/test_siege.py",),
    ),
    Bug(
        name="never publish what a stem swallowed",
        file="protocol/network/stem.py",
        old="wait_ms = self._chance.exponential(self.embargo_ms(is_own=edge is None))",
        new="wait_ms = 10**9",
        tests=("tests/unit/protocol/network/test_stem.py",),
    ),
    Bug(
        name="compare without end",
        file="protocol/network/comparison.py",
        old="talk.session.rounds < limits.ranges_rounds_max",
        new="True",
        tests=("tests/unit/protocol/network/test_comparison.py",),
    ),
    Bug(
        name="keep links of which none serves",
        file="protocol/network/service.py",
        old="        if mono_ms - max(waits) >= limits.unserved_ms:",
        new="        return 0\n        if False:",
        tests=("tests/unit/protocol/network/test_service.py",),
    ),
)
