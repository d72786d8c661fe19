"""What facts mean: each cause by its own words, numbers and next step."""

from __future__ import annotations

import pytest

from node.runtime.diagnosis import (
    BoxFact,
    DialFact,
    FilesFact,
    LinkFact,
    PortFact,
    judge_clock,
    judge_files,
    judge_mailboxes,
    judge_peers,
    judge_port,
    silent_notices,
)
from node.runtime.findings import Finding, State
from protocol.network.independence import Dependence

MINUTE_MS = 60_000


def says(finding: Finding, state: State, *words: str) -> None:
    assert finding.state is state, finding
    told = f"{finding.cause} {finding.proof}"
    for word in words:
        assert word in told, told
    assert bool(finding.fix) is (state in {State.WARN, State.BAD})


# --- peers --------------------------------------------------------------------------------------


def dial(code: str, address: str = "192.0.2.1:9401") -> DialFact:
    return DialFact(address=address, tries=3, code=code, sentence=f"said {code}")


def test_linked():
    links = [LinkFact(host="8.8.4.4", outbound=True), LinkFact(host="9.9.9.9", outbound=True)]
    says(judge_peers("main", [], links, 7), State.OK, "2 links, 2 dialled", "7 nodes known")


def test_no_independent_source():
    links = [LinkFact(host=host, outbound=True) for host in ("8.8.4.4", "8.8.8.8")]
    words = {
        Dependence.GROUP: "one address group",
        Dependence.SOURCE: "told",
        Dependence.STRANGERS: "are gone",
    }
    for dependence, word in words.items():
        found = judge_peers("main", [], links, 7, dependence)
        says(found, State.WARN, "no independent source", "8.8.4.4")
        assert word in found.cause
    says(judge_peers("main", [], links, 7), State.OK)


def test_none_configured():
    found = judge_peers("main", [], [], 0)
    says(found, State.BAD, "no peer is configured", "0 nodes known")
    assert "intentcast join" in found.fix
    says(judge_peers("main", [], [], 4), State.BAD, "none of the nodes known")


def test_still_dialling():
    fact = DialFact(address="192.0.2.1:9401", tries=0)
    says(judge_peers("main", [fact], [], 0), State.WARN, "yet", "dialling 1 address on")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("E-PEER-LOST", "no node listens"),
        ("E-PEER-TIMEOUT", "do not answer"),
        ("E-PEER-HANDSHAKE", "another network"),
        ("E-PEER-KEY", "another node answers"),
        ("E-PEER-SELF", "its own"),
        ("E-PEER-REFUSED", "refuse it"),
        ("E-OTHER", "no peer can be linked"),
    ],
)
def test_why_nobody_is_linked(code: str, words: str):
    found = judge_peers("dev", [dial(code)], [], 0)
    says(found, State.BAD, words, f"({code})", "192.0.2.1:9401", "network dev")


def test_the_commonest_reason_leads_and_the_list_is_short():
    dials = [dial("E-PEER-LOST"), *[dial("E-PEER-TIMEOUT")] * 4]
    says(judge_peers("main", dials, [], 0), State.BAD, "do not answer", "2 more")


# --- clock --------------------------------------------------------------------------------------


def test_a_clock_that_agrees():
    says(judge_clock([-300, 40, 1_200]), State.OK, "+0.0 s", "3 peers")


@pytest.mark.parametrize(("sign", "way"), [(1, "behind"), (-1, "ahead of")])
def test_a_clock_that_is_off(sign: int, way: str):
    found = judge_clock([sign * 5 * MINUTE_MS, sign * 5 * MINUTE_MS, 0])
    says(found, State.BAD, f"5 min {way} its peers'", "3 peers")


def test_one_liar_is_no_majority():
    says(judge_clock([0, 100, 900 * MINUTE_MS]), State.OK, "+15 h")


def test_too_few_to_tell():
    says(judge_clock([]), State.SKIPPED, "has 0")
    says(judge_clock([10, 20]), State.SKIPPED, "has 2")
    says(judge_clock([5 * MINUTE_MS]), State.WARN, "too few", "+5 min")
    says(judge_clock([5 * MINUTE_MS, 0]), State.SKIPPED)


# --- port ---------------------------------------------------------------------------------------


def test_a_leaf_needs_no_port():
    says(judge_port(PortFact(listen=None, advertised={})), State.OK, "only dials")


def test_reached():
    fact = PortFact(listen="0.0.0.0:9401", advertised={"198.51.100.7:9401": ""})
    says(judge_port(fact), State.OK, "198.51.100.7:9401")


def test_listens_in_secret():
    fact = PortFact(listen="0.0.0.0:9401", advertised={})
    found = judge_port(fact)
    says(found, State.WARN, "tells nobody", "0.0.0.0:9401")
    assert "--advertise" in found.fix


def test_bound_but_not_reached():
    unreached = {"198.51.100.7:9401": "no answer from 198.51.100.7:9401"}
    fact = PortFact(listen="0.0.0.0:9401", advertised=unreached)
    says(judge_port(fact), State.BAD, "not reachable from itself", "no answer")
    half = PortFact(listen="0.0.0.0:9401", advertised=unreached | {"127.0.0.1:9401": ""})
    says(judge_port(half), State.WARN, "not reachable from itself")


# --- mailboxes ----------------------------------------------------------------------------------


def box(read: dict[str, int | None], *failing: str) -> BoxFact:
    return BoxFact(name="a request's box", read_ms=read, failing=frozenset(failing))


def test_no_box():
    says(judge_mailboxes([]), State.OK, "no box is open")


def test_a_careful_node_without_a_carrier():
    says(judge_mailboxes([], lacks_way=True), State.WARN, "three that this node dialled")
    found = judge_mailboxes([box({"m1": 10}, "m1")], lacks_way=True)
    says(found, State.BAD, 'too few relays for private = "careful"')
    assert "peers add" in found.fix
    says(judge_mailboxes([box({"m1": 10})], lacks_way=True), State.OK, "every box is read")


def test_a_node_that_listens_in_silence():
    assert silent_notices(listens=False, addresses=[], is_announced=False) == []
    assert silent_notices(listens=True, addresses=["a:1"], is_announced=False) == []
    assert silent_notices(listens=True, addresses=[], is_announced=True) == []
    (notice,) = silent_notices(listens=True, addresses=[], is_announced=False)
    assert "tells nobody where" in notice


def test_all_read():
    says(judge_mailboxes([box({"m1": 10, "m2": None})]), State.OK, "1 box at 2 mailboxes")


def test_one_of_several_fails():
    found = judge_mailboxes([box({"m1": 10, "m2": 3 * MINUTE_MS}, "m2")])
    says(found, State.WARN, "1 of 2 mailboxes does not answer", "m2: last read 3 min ago")
    found = judge_mailboxes([box({"m1": 10, "m2": None, "m3": None}, "m2", "m3")])
    says(found, State.WARN, "2 of 3 mailboxes do not answer")


def test_a_box_cut_off():
    boxes = [box({"m1": 10, "m2": None}, "m2"), box({"m2": None}, "m2")]
    says(judge_mailboxes(boxes), State.BAD, "1 box answers", "m2: not read since")


# --- descriptors --------------------------------------------------------------------------------


def files(**changes: object) -> FilesFact:
    facts: dict[str, object] = {
        "limit": 1_024,
        "in_use": 40,
        "guests": 3,
        "guests_max": 144,
        "refused": 0,
        "is_short": False,
        "shortages": 0,
    }
    return FilesFact(**(facts | changes))  # type: ignore[arg-type]


def test_enough_descriptors():
    says(judge_files(files()), State.OK, "40 in use of 1024")
    says(judge_files(files(limit=None, in_use=None)), State.OK, "? in use of no limit")


@pytest.mark.parametrize(
    ("changes", "state", "words"),
    [
        ({"is_short": True, "shortages": 1}, State.BAD, "ran out: new connections wait"),
        ({"in_use": 900}, State.WARN, "few descriptors"),
        ({"shortages": 2}, State.WARN, "ran out earlier"),
        ({"refused": 5}, State.WARN, "turned away"),
    ],
)
def test_too_few_descriptors(changes: dict[str, object], state: State, words: str):
    found = judge_files(files(**changes))
    says(found, state, words)
    assert "ulimit -n" in found.fix
