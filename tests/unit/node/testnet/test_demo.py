"""The story's checks: each thing that did not happen ends it. The whole is played in tests/e2e."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from node.testnet import demo
from node.testnet.demo import AGREEMENT_FILE, Story
from node.testnet.plan import make_plan
from node.testnet.proof import Proof, StoryError
from tests.parties import make_agreement
from tests.unit.node.testnet.stories import forcing, line, offer

PLAN = make_plan(net="demo", seed=None, relays=5, buyers=1, vendors=1, shops=["alpine-wheels"])


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return Story(PLAN, tmp_path, processes=False, as_json=False)


FINE = [offer(1), offer(2), forcing(3)]


@pytest.mark.parametrize(
    ("offers", "said"),
    [
        (FINE[:2], "only 2 vendors"),
        ([*FINE[:2], offer(3, lines=[])], "not itemised"),
        ([*FINE[:2], offer(3, lines=[line("car", 1)])], "do not add up"),
        ([*FINE[:2], offer(4)], "not ranked"),
    ],
)
def test_offers_that_are_not_as_promised_end_it(
    story: Story, offers: list[dict[str, Any]], said: str
):
    story._check_offers(FINE)
    with pytest.raises(StoryError, match=said):
        story._check_offers(offers)


async def test_the_best_good_offer_is_chosen_and_the_failing_one_shown(
    story: Story, capsys: pytest.CaptureFixture[str]
):
    found = [offer(1, over_budget=True), offer(2), forcing(3)]
    assert (await story._choose(found))["id"] == "offer-2"
    assert "vendor_3 fails a must" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("offers", "said"),
    [
        ([offer(1), offer(2)], "no vendor was seen to fail"),
        ([forcing(1), forcing(2)], "no offer meets every must"),
    ],
)
async def test_without_a_failing_or_a_good_offer_there_is_no_story(
    story: Story, offers: list[dict[str, Any]], said: str
):
    with pytest.raises(StoryError, match=said):
        await story._choose(offers)


def told(story: Story, raw: bytes, **changes: Any) -> None:
    """Let the story have told what the file of an agreement says."""
    proof = Proof.of(make_agreement())
    story._found |= {
        "agreement": {"id": proof.agreement, "deal": proof.deal} | changes,
        "cast": {"id": proof.cast},
        "accepted": {"total": proof.total},
    }
    (story._folder / AGREEMENT_FILE).write_bytes(raw)


def test_the_file_alone_is_verified(story: Story, capsys: pytest.CaptureFixture[str]):
    told(story, make_agreement().bundle())
    story.verify()
    assert capsys.readouterr().out.splitlines()[-1].strip() == "verified"
    assert story._found["verified"] is True


def test_one_changed_byte_ends_it(story: Story):
    raw = bytearray(make_agreement().bundle())
    raw[len(raw) // 2] ^= 1
    told(story, bytes(raw))
    with pytest.raises(StoryError, match="does not verify"):
        story.verify()


def test_another_agreement_than_the_one_told_ends_it(story: Story):
    told(story, make_agreement().bundle(), id="agreement-other")
    with pytest.raises(StoryError, match="another agreement"):
        story.verify()


def test_ctrl_c_is_passed_on_after_the_folder_is_gone(monkeypatch: pytest.MonkeyPatch):
    folders: list[Path] = []

    def interrupted(main: Any) -> bool:
        main.close()
        return False

    def plan_of(plan: Any, folder: Path, **rest: Any) -> Story:
        folders.append(folder)
        return Story(plan, folder, **rest)

    monkeypatch.setattr(demo, "run_to_end", interrupted)
    monkeypatch.setattr(demo, "Story", plan_of)
    with pytest.raises(KeyboardInterrupt):
        demo.run(processes=False, keep=None, as_json=False)
    assert not folders[0].exists()


async def test_a_story_that_hangs_is_broken_off(story: Story, monkeypatch: pytest.MonkeyPatch):
    async def hang() -> None:
        raise TimeoutError

    monkeypatch.setattr(story, "_live", hang)
    with pytest.raises(StoryError, match="not over after"):
        await story.play()


@pytest.mark.parametrize(
    ("kept", "said"), [(False, "intentcast demo --keep story"), (True, "intentcast verify ")]
)
def test_the_end_names_the_next_step(
    story: Story, capsys: pytest.CaptureFixture[str], *, kept: bool, said: str
):
    story._begin("verify", "It is read back.")
    story.close(kept=kept)
    assert said in capsys.readouterr().out.splitlines()[-1]
