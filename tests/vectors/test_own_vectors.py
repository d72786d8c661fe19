"""Our own vectors: generated again they are the same, and every case has the verdict it states."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from protocol import ids, keys, limits, sealing, signing
from protocol.encoding import decode, encode
from protocol.errors import LocalProtocolError, RemoteProtocolError
from protocol.ids import NodeId
from protocol.market.lineage import follow
from protocol.network.invites import check_invite, read_invite
from protocol.network.order import Order
from protocol.network.ranges import decode_ranges
from protocol.network.reconciliation import answer
from protocol.objects.agreement import read_bundle
from protocol.objects.envelope import (
    check_work,
    open_envelope,
    open_stored,
    read_candidate,
    read_header_of,
)
from scripts import generate_vectors, vector_cases, vector_ranges

FOLDER = Path(__file__).resolve().parent


def load(topic):
    raw = (FOLDER / f"{topic}.json").read_bytes()
    return msgspec.json.decode(raw, type=generate_vectors.VectorFile)


def of_hex(facts, name):
    return bytes.fromhex(facts[name])


def run_canonical(facts):
    raw = of_hex(facts, "raw")
    value = decode(raw, bytes_max=1 << 16)
    assert encode(value) == raw
    return {"value": vector_cases.plain(value)}


def run_derive(facts):
    purpose = keys.Purpose(facts["purpose"])
    context, generation = of_hex(facts, "context"), int(facts["generation"])
    seed = keys.derive(of_hex(facts, "root"), purpose, context, generation)
    return {
        "seed": seed.hex(),
        "ed25519": signing.public_key(seed).hex(),
        "x25519": sealing.box_public_key(seed).hex(),
    }


KEY_OPERATIONS = {
    "derive": run_derive,
    "signing_key": lambda facts: signing.check_key(of_hex(facts, "key")),
    "box_key": lambda facts: sealing.check_box_key(of_hex(facts, "key")),
    "id_text": lambda facts: {"value": ids.from_text(facts["prefix"], facts["text"]).hex()},
}


def run_keys(facts):
    return KEY_OPERATIONS[facts["op"]](facts) or {}


def run_sealing(facts):
    return {"plaintext": sealing.open_sealed(of_hex(facts, "box"), of_hex(facts, "secret")).hex()}


def run_envelope(facts):
    candidate = read_candidate(
        of_hex(facts, "envelope"), peer=None, bytes_max=limits.sealed_bytes_max
    )
    header = read_header_of(candidate, net=facts["net"])
    check_work(candidate, header)
    verified = open_envelope(candidate, net=facts["net"])
    return {
        "id": verified.id.hex(),
        "kind": header.kind.value,
        "key": header.key.hex(),
        "signed": verified.signed.hex(),
        "signature": verified.signature.hex(),
        "target": header.target,
    }


def run_agreement(facts):
    agreement = read_bundle(of_hex(facts, "bundle"))
    return {
        "agreement_id": agreement.id.hex() if agreement.id else None,
        "deal_id": agreement.deal_id.hex(),
        "ids": [part.id.hex() for part in agreement.parts()],
    }


def run_statement(facts):
    raw = of_hex(facts, "envelope")
    candidate = read_candidate(raw, peer=None, bytes_max=limits.public_bytes_max)
    verified = open_envelope(candidate, net=facts["net"])
    new = getattr(verified.body, "new", None)
    return {
        "id": verified.id.hex(),
        "kind": verified.header.kind.value,
        "key": verified.header.key.hex(),
        "new": new.hex() if new else None,
    }


def run_follow(facts):
    raws = [bytes.fromhex(raw) for raw in facts["recorded"]]
    said = [open_stored(raw, net=facts["net"]) for raw in raws]
    found = follow(of_hex(facts, "key"), lambda key: [e for e in said if e.header.key == key])
    return {
        "keys": [key.hex() for key in found.keys],
        "generation": found.generation,
        "standing": found.standing.value,
    }


def run_succession(facts):
    return {"statement": run_statement, "follow": run_follow}[facts["op"]](facts)


def run_invites(facts):
    invite = read_invite(facts["link"])
    own = NodeId(of_hex(facts, "own"))
    check_invite(invite, net=facts["net"], own=own, wall_ms=facts["wall_ms"])
    return {
        "key": invite.key.hex(),
        "sign_key": invite.sign_key.hex(),
        "address": invite.address,
        "until": invite.until,
        "token": invite.token.hex() if invite.token is not None else None,
        "signature": invite.signature.hex(),
    }


def run_ranges(facts):
    raw = of_hex(facts, "ranges")
    found: dict[str, object] = {"read": vector_ranges.plain(decode_ranges(raw))}
    if "held" in facts:
        order = Order()
        for at, name in facts["held"]:
            order.add(at, bytes.fromhex(name))
        said = answer(order, raw, of_hex(facts, "salt")).raw
        found |= {"answer": said.hex(), "said": vector_ranges.plain(decode_ranges(said))}
    return found


RUNNERS = {
    "canonical": run_canonical,
    "keys": run_keys,
    "sealing": run_sealing,
    "envelope": run_envelope,
    "agreement": run_agreement,
    "invites": run_invites,
    "ranges": run_ranges,
    "succession": run_succession,
}
CASES = [(topic, case) for topic in RUNNERS for case in load(topic).cases]
every_topic = pytest.mark.parametrize("topic", RUNNERS)


def test_generated_again_they_are_the_same():
    stale = [
        path.name
        for path, text in generate_vectors.outputs().items()
        if path.read_text("utf-8") != text
    ]
    assert stale == [], "run scripts/generate_vectors.py"


def test_every_topic_is_run():
    assert set(RUNNERS) == set(generate_vectors.TOPICS)


@every_topic
def test_at_least_as_many_are_invalid_as_valid(topic):
    counts = Counter(case.result for case in load(topic).cases)
    assert counts["invalid"] >= counts["valid"] >= 2


@every_topic
def test_files_are_in_order_and_explain_their_flags(topic):
    file = load(topic)
    assert file.topic == topic
    assert [case.id for case in file.cases] == list(range(1, len(file.cases) + 1))
    used = {flag for case in file.cases for flag in case.flags}
    assert used == set(file.notes)
    assert (
        len({case.comment for case in file.cases if case.result == "invalid"})
        > len(file.cases) // 3
    )


@every_topic
def test_each_file_names_its_hash_on_its_page(topic):
    page = (generate_vectors.PAGES / generate_vectors.TOPICS[topic][0]).read_text("utf-8")
    assert f"`tests/vectors/{topic}.json`, SHA-256 `" in page


@pytest.mark.parametrize(("topic", "case"), CASES, ids=[f"{t}-{c.id}" for t, c in CASES])
def test_case(topic, case):
    if case.result == "valid":
        found = RUNNERS[topic](case.input)
        assert {name: found[name] for name in case.intermediate if name in found} == {
            name: value for name, value in case.intermediate.items() if name in found
        }
        assert set(found) & set(case.intermediate) or not case.intermediate
        return
    with pytest.raises((RemoteProtocolError, LocalProtocolError)) as caught:
        RUNNERS[topic](case.input)
    error = caught.value
    stated = error.reason.value if isinstance(error, RemoteProtocolError) else error.code
    assert stated == case.reason


@pytest.mark.parametrize(
    "case", [c for t, c in CASES if t == "sealing" and c.result == "valid"], ids=lambda c: str(c.id)
)
def test_sealing_gives_the_stated_box(case):
    made = case.intermediate
    sealed = sealing.seal(of_hex(made, "plaintext"), of_hex(made, "key"), of_hex(made, "ephemeral"))
    assert sealed.hex() == case.input["box"]


def test_the_schema_is_json():
    assert json.loads((FOLDER / "schema.json").read_text("utf-8"))["$ref"]
