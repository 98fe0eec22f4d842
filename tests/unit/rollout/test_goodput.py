"""The share of requests beyond absolute limits is judged with the errors' alpha and power, also without an old pool."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

from inferencepool_rollout.evidence.decision import Action, State, decide, judge
from inferencepool_rollout.evidence.observed import NOBODY, Observed
from inferencepool_rollout.plan.objectives import Goodput
from inferencepool_rollout.plan.plan import Plan
from kit.plans import altered, plan_of

RUNS, REQUESTS, LOOKS = 200, 3000, (100, 200, 400, 800, 1500, 3000)
GOODPUT = {"ttft": "500ms", "tpot": "50ms", "accept": 0.05, "detect": 0.1, "burst": 1}


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    made = plan_of(tmp_path)
    objectives = altered(made.objectives, latency=(), goodput=Goodput.model_validate(GOODPUT))
    return altered(made, objectives=objectives)


def requests(rng: np.random.Generator, beyond: float, size: int = REQUESTS) -> Observed:
    """Requests that a new pool has all of; a share of them, half by TTFT and half by TPOT, is beyond a limit."""
    ttft, tpot = np.full(size, 0.2), np.full(size, 0.02)
    kind = rng.random(size)
    ttft[kind < beyond / 2] = 0.6
    tpot[(kind >= beyond / 2) & (kind < beyond)] = 0.06
    return Observed(
        started=np.arange(size, dtype=np.float64), ttft=ttft, tpot=tpot, itl=tpot, e2e=ttft,
        good=np.full(size, True),
        pool=np.full(size, "new"), split=np.full(size, True), cause=np.full(size, ""),
    )  # fmt: skip


def outcome(plan: Plan, seen: Observed) -> Action:
    for look in LOOKS:
        action = decide(plan, altered(plan.steps[-1], requests=0), seen.where(np.arange(REQUESTS) < look), 100).action
        if action is not Action.WAIT:
            return action
    return Action.WAIT


def outcomes(plan: Plan, beyond: float) -> list[Action]:
    rng = np.random.default_rng(11)
    return [outcome(plan, requests(rng, beyond)) for _ in range(RUNS)]


def test_a_pool_at_the_edge_is_rolled_back_with_at_most_alpha(plan: Plan) -> None:
    """Alpha of a rollout 5 %, of one of 3 steps 1.67 %; this test fails a right method once in a million seeds."""
    assert binom.sf(outcomes(plan, 0.05).count(Action.ROLL_BACK) - 1, RUNS, plan.alpha / len(plan.steps)) > 1e-6


def test_a_pool_that_must_not_pass_passes_with_at_most_one_less_power(plan: Plan) -> None:
    """Power 90 %; this test fails a method that has just that once in a million seeds."""
    actions = outcomes(plan, 0.1)
    assert binom.sf(actions.count(Action.PROMOTE) - 1, RUNS, plan.miss) > 1e-6
    assert binom.cdf(actions.count(Action.ROLL_BACK), RUNS, plan.power) > 1e-6


def test_a_good_pool_at_100_percent_passes_though_no_old_one_is_left(plan: Plan) -> None:
    assert outcomes(plan, 0.01).count(Action.PROMOTE) > 0.95 * RUNS


def test_a_lost_request_is_beyond_and_one_of_the_old_pool_says_nothing(plan: Plan) -> None:
    seen = requests(np.random.default_rng(1), beyond=0.0, size=4)
    changed = replace(seen, good=np.array([True, False, False, True]), pool=np.array(["new", "new", NOBODY, "old"]))
    slow = replace(changed, ttft=np.array([0.6, np.nan, np.nan, 9.0]))
    assert slow.new_beyond({"ttft": 0.5}).tolist() == [True, True, True]
    assert changed.new_beyond({"ttft": 0.5}).tolist() == [False, True, True]


def test_the_objective_is_named_by_its_limits_and_shows_its_share(plan: Plan) -> None:
    found = {each.name: each for each in judge(plan, requests(np.random.default_rng(2), beyond=0.2))}
    assert found["beyond TTFT 500ms or TPOT 50ms"].state is State.VIOLATED
    assert found["beyond TTFT 500ms or TPOT 50ms"].seen().startswith("2")
    assert found["error rate"].state is State.KEPT
