"""The live page in a real browser: what it shows of a rollout under way, and acting by keyboard alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from inferencepool_rollout.drive.run_log import read_log
from inferencepool_rollout.plan.plan import Plan
from kit.browser import Shown, opened
from kit.live_page import STATUS, TOKEN, Rollout, served
from kit.plans import plan_of
from kit.run_logs import Recorded

Scheme = Literal["light", "dark"]
SLOW = 40_000
"""For how long (ms) a busy machine may take to draw a step."""
SIZES: list[tuple[int, Scheme]] = [(390, "dark"), (1280, "light"), (1600, "dark")]


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return plan_of(tmp_path_factory.mktemp("plan"))


@pytest.fixture
def rollout(plan: Plan, tmp_path: Path) -> Rollout:
    """One step that passed, and the next one under observation."""
    recorded = Recorded(plan, tmp_path / "log")
    recorded.step(plan.steps[0], seconds=10)
    recorded.step(plan.steps[1], seconds=10, judged=False)
    percent = plan.steps[1].percent
    return Rollout(read_log(tmp_path / "log"), {**STATUS, "percent": float(percent), "nextPercent": 100})


@contextmanager
def page(
    rollout: Rollout, folder: Path, *, width: int = 1280, scheme: Scheme = "light", token: str = TOKEN
) -> Iterator[tuple[Page, Shown]]:
    """The page once it shows the rollout; the plan of its commands is not there."""
    with (
        served(rollout, folder / "plan.yaml") as url,
        opened(f"{url}#token={token}" if token else url, width, scheme) as (tab, shown),
    ):
        expect(tab.locator("#headline")).to_contain_text("is observed since", timeout=SLOW)
        yield tab, shown


@pytest.mark.parametrize(("width", "scheme"), SIZES)
def test_it_fits_is_accessible_and_asks_nobody_else(
    rollout: Rollout, tmp_path: Path, width: int, scheme: Scheme
) -> None:
    with page(rollout, tmp_path, width=width, scheme=scheme) as (tab, shown):
        assert tab.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        found = Axe().run(tab, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]})
        assert found.violations_count == 0, found.generate_report()
        own = tab.url.split("/")[2]
        assert {url.split("/")[2] for url in shown.requests if not url.startswith("data:")} == {own}
        assert shown.complaints == []


def test_the_step_under_observation_stands_before_those_that_ended(rollout: Rollout, tmp_path: Path) -> None:
    with page(rollout, tmp_path) as (tab, _):
        assert [each.get_attribute("id") for each in tab.locator("section.step").all()] == ["step2", "step1"]
        expect(tab.locator("#step2 .badge").first).to_have_text("observed")
        assert tab.locator("#step2 figure[data-chart=ttft] svg").bounding_box()


def test_the_token_leaves_the_address(rollout: Rollout, tmp_path: Path) -> None:
    with page(rollout, tmp_path) as (tab, _):
        assert TOKEN not in tab.url
        tab.reload()
        expect(tab.get_by_role("button", name="Roll back")).to_be_enabled()


def test_without_the_token_no_button_works(rollout: Rollout, tmp_path: Path) -> None:
    with page(rollout, tmp_path, token="") as (tab, _):
        for name in ("Hold", "Promote", "Roll back"):
            expect(tab.get_by_role("button", name=name)).to_be_disabled()
        expect(tab.locator("#readonly")).to_be_visible()


def test_a_new_event_is_shown_without_a_reload_and_what_is_unfolded_stays_so(
    plan: Plan, rollout: Rollout, tmp_path: Path
) -> None:
    with page(rollout, tmp_path) as (tab, _):
        unfolded = tab.locator("#step2 details").first
        unfolded.locator("summary").click()
        assert unfolded.get_attribute("open") is not None
        begun = rollout.events[-1]
        told = {"event": "waiting", "time": begun["time"] + 1, "why": "an approval of 100 % is waited for"}
        rollout.events = [*rollout.events, told]
        expect(tab.locator("#events")).to_contain_text("an approval of 100 % is waited for", timeout=SLOW)
        rollout.status = {**(rollout.status or {}), "hold": "lunch"}
        expect(tab.locator("#headline")).to_have_text("On hold: lunch")
        assert tab.locator("#step2 details").first.get_attribute("open") is not None


def test_a_cluster_that_does_not_answer_is_said_and_takes_the_buttons(rollout: Rollout, tmp_path: Path) -> None:
    with page(rollout, tmp_path) as (tab, _):
        rollout.status = None
        expect(tab.locator("#headline")).to_have_text("The cluster does not answer: connection refused")
        expect(tab.get_by_role("button", name="Promote")).to_be_disabled()
        expect(tab.locator("#events")).to_be_visible()


def test_a_page_without_a_server_says_how_old_it_is(rollout: Rollout, tmp_path: Path) -> None:
    with served(rollout, tmp_path / "plan.yaml") as url:
        opening = opened(f"{url}#token={TOKEN}", 1280, "light")
        tab, _ = opening.__enter__()
        expect(tab.locator("#link")).to_contain_text("as of")
    try:
        expect(tab.locator("#link")).to_contain_text("not connected; as of")
        expect(tab.get_by_role("button", name="Hold")).to_be_disabled()
    finally:
        opening.__exit__(None, None, None)


def test_by_keyboard_alone_one_asks_confirms_and_sees_what_came_of_it(rollout: Rollout, tmp_path: Path) -> None:
    with page(rollout, tmp_path) as (tab, _):
        tab.keyboard.press("Tab")
        expect(tab.get_by_role("button", name="Hold")).to_be_focused()
        for _ in range(2):
            tab.keyboard.press("Tab")
        roll_back = tab.get_by_role("button", name="Roll back").first
        expect(roll_back).to_be_focused()
        tab.keyboard.press("Enter")
        expect(tab.get_by_role("dialog")).to_contain_text("The old pool gets all requests again.")
        tab.keyboard.press("Escape")
        expect(tab.get_by_role("dialog")).to_be_hidden()
        expect(roll_back).to_be_focused()
        expect(tab.locator("#answer")).to_be_empty()
        tab.keyboard.press("Enter")
        expect(tab.get_by_role("button", name="Cancel")).to_be_focused()
        tab.keyboard.press("Tab")
        tab.keyboard.press("Enter")
        expect(tab.locator("#answer")).to_have_text("rollout rollback has begun")
        expect(tab.locator("#done")).to_contain_text("rollout rollback", timeout=SLOW)
        expect(tab.locator("#part-now")).to_contain_text("plan.yaml", timeout=SLOW)


def test_the_question_names_the_weight_that_is_sent_with_the_answer(rollout: Rollout, tmp_path: Path) -> None:
    """Between the question and the answer the driver may have moved: then nothing is done."""
    with page(rollout, tmp_path) as (tab, _):
        asked = (rollout.status or {})["percent"]
        tab.get_by_role("button", name="Roll back").first.click()
        expect(tab.get_by_role("dialog")).to_contain_text(f"Take the {asked:g} % back?")
        rollout.status = {**(rollout.status or {}), "percent": 75.0}
        expect(tab).to_have_title("Rollout: 75 %")
        tab.locator("#yes").click()
        expect(tab.locator("#answer")).to_have_text(f"the new pool has 75 % now, not {asked:g} %; look again")


def test_markup_in_what_a_server_said_stays_text(rollout: Rollout, tmp_path: Path) -> None:
    attack = "<img src=x onerror=document.title='owned'>"
    events = [*rollout.events, {"event": "waiting", "time": rollout.events[-1]["time"], "why": attack}]
    with page(replace(rollout, events=json.loads(json.dumps(events))), tmp_path) as (tab, _):
        expect(tab.locator("#events")).to_contain_text(attack)
        assert tab.locator("#events img").count() == 0
