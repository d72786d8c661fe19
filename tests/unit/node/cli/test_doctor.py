"""`doctor` says cause, proof and fix on one screen, with the node up or down."""

from __future__ import annotations

import pytest

from node.api.kinds import ErrorKind
from node.cli import client
from node.cli.failures import AnsweredError
from tests.contract import misfit
from tests.unit.node.api.fake_citizen import FakeCitizen, FakeExaminer
from tests.unit.node.cli.conftest import Shell


@pytest.fixture
def examiner(citizen: FakeCitizen) -> FakeExaminer:
    assert citizen.examiner is not None
    return citizen.examiner


def test_what_is_well_takes_a_line_and_a_shared_reason_one(shell: Shell):
    found = shell.run("doctor")
    assert found.code == 0
    assert found.err == "All is well.\n"
    assert found.out.splitlines() == [
        "✓ peers        ok so (4711 bytes)",
        "- clock, mailboxes not looked at",
        "               intentcast up",
        "✓ port         ok so (4711 bytes)",
    ]


def test_what_is_wrong_takes_cause_proof_and_fix(shell: Shell, examiner: FakeExaminer):
    examiner.states = {"port": "bad", "disk": "warn"}
    found = shell.run("doctor")
    assert found.code == 1
    assert found.out.splitlines() == [
        "✗ port         bad so",
        "               4711 bytes",
        "               intentcast up",
        "! disk         warn so",
        "               4711 bytes",
        "               intentcast up",
    ]
    assert found.err.splitlines()[0] == "✗ 1 of 2 things not working (E-DOCTOR)."


def test_the_count_can_be_followed_line_by_line(shell: Shell, examiner: FakeExaminer):
    examiner.states = {
        "peers": "skipped",
        "clock": "skipped",
        "port": "bad",
        "disk": "ok",
        "keys": "warn",
        "mailboxes": "skipped",
    }
    found = shell.run("doctor")
    told = [line for line in found.out.splitlines() if not line.startswith(" ")]
    assert sum(line[0] in "✓!✗" for line in told) == 3
    assert "- peers, clock, mailboxes not looked at" in told
    assert found.err.splitlines()[0] == (
        "✗ 1 of 3 things not working; 3 more could not be checked (E-DOCTOR)."
    )
    examiner.states["port"] = "ok"
    said = "It works; 1 of 3 things to be looked at; 3 more could not be checked."
    assert said in shell.run("doctor").err


def test_a_warning_alone_is_no_failure(shell: Shell, examiner: FakeExaminer):
    examiner.states = {"disk": "warn"}
    found = shell.run("doctor")
    assert found.code == 0
    assert "1 of 1 thing to be looked at" in found.err


def test_damage_has_an_exit_code_of_its_own(shell: Shell, examiner: FakeExaminer):
    examiner.states = {"database": "bad"}
    examiner.damaged = True
    found = shell.run("doctor", "--json")
    assert found.code == 8
    assert found.document()["checks"][0]["damaged"] is True
    assert "damaged (E-DAMAGED)" in shell.run("doctor").err


def test_scrub_is_asked_for_and_announced(shell: Shell, examiner: FakeExaminer):
    assert "every stored byte" in shell.run("doctor", "--scrub").err
    assert "byte" not in shell.run("doctor").err
    assert examiner.asked == [True, False]


def test_a_home_that_is_not_there(down: Shell):
    found = down.run("doctor")
    assert found.code == 1
    assert "there is no home here yet" in found.out
    assert "intentcast up" in found.out


def test_a_home_that_is_a_file_is_a_cross_of_the_table(down: Shell):
    down.home.write_text("")
    found = down.run("doctor")
    assert found.code == 1
    assert found.out.splitlines() == [
        f"✗ home         the home {down.home} is a file, not a folder",
        "               E-HOME",
        "               Choose another:  --home DIR, or INTENTCAST_HOME",
    ]
    assert "1 of 1 thing not working (E-DOCTOR)" in found.err


def test_with_the_node_down_the_home_is_looked_at(down: Shell):
    down.home.mkdir(mode=0o700)
    # Another port than the one a real node of this machine may hold.
    (down.home / "config.toml").write_text("api_port = 0\n")
    found = down.run("doctor", "--json")
    assert found.code == 0
    document = found.document()
    assert document["up"] is False
    states = {check["name"]: check["state"] for check in document["checks"]}
    assert states["peers"] == states["clock"] == states["mailboxes"] == "skipped"
    assert states["disk"] == states["sqlite"] == states["port"] == "ok"
    assert states["database"] == "skipped"
    assert misfit(document) is None
    assert "Nothing is wrong that can be seen with the node down" in down.run("doctor").err


def test_a_node_that_is_stuck_is_examined_from_outside(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
):
    class Stuck:
        def __init__(self, *, host: str, port: int) -> None:
            pass

        def __call__(self, method, path, headers, body, timeout_s):
            assert (path, timeout_s) == ("/livez", 5.0)
            raise TimeoutError

    monkeypatch.setattr(client, "HttpTransport", Stuck)
    shell.home.chmod(0o700)
    (shell.home / "config.toml").write_text("api_port = 0\n")
    found = shell.run("doctor", "--json")
    document = found.document()
    assert document["up"] is False
    causes = {check["cause"] for check in document["checks"] if check["state"] == "skipped"}
    assert "the node did not answer within 5 s" in causes


def test_a_nodes_own_refusal_stays_a_refusal(shell: Shell, citizen: FakeCitizen):
    citizen.examiner = None
    found = shell.run("doctor")
    assert found.code == 7
    assert "E-NOT-FOUND" in found.err


def test_another_error_of_the_way_is_told(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_args, **_kwargs):
        raise AnsweredError("no", kind=ErrorKind.REFUSED, code="E-TOKEN", fix="x", field="")

    monkeypatch.setattr(client.NodeClient, "get_long", refuse)
    assert shell.run("doctor").code == 5
