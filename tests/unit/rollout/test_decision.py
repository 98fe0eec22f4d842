"""Peeking costs nothing: false rollbacks stay below alpha, stated regressions are caught with the stated power."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import binom

from inferencepool_rollout.evidence.decision import Action, State, decide, fewest_requests, judge_errors, judge_latency
from inferencepool_rollout.evidence.observed import InFlight, Observed, Unsettled, joined
from inferencepool_rollout.plan.objectives import ErrorRate, Latency
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.traffic.quantiles import log_e_above, lower_bound, upper_bound
from inferencepool_rollout.traffic.series import Series
from kit.plans import altered, plan_of

Draws = Callable[[np.random.Generator, int], npt.NDArray[np.float64]]

RUNS = 60
LOOKS = np.unique(np.geomspace(60, 6000, 16).astype(int))
SHARE = 0.5


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return plan_of(tmp_path)


def exponential(mean: float) -> Draws:
    return lambda rng, size: rng.exponential(mean, size)


def drawn(rng: np.random.Generator, size: int, new: Draws, errors: float, share: float = SHARE) -> Observed:
    """Requests of which `share` go to a new pool with those latencies and errors; the old pool's are exponential."""
    is_new = rng.random(size) < share
    latency = np.where(is_new, new(rng, size), rng.exponential(0.1, size))
    good = ~(is_new & (rng.random(size) < errors))
    return Observed(
        started=np.arange(size, dtype=np.float64),
        ttft=latency,
        tpot=latency,
        itl=latency,
        e2e=latency,
        good=good,
        pool=np.where(is_new, "new", "old"),
        split=np.full(size, True),
        cause=np.where(good, "", "status"),
    )


def outcome(plan: Plan, everything: Observed) -> Action:
    """How a step ends that is judged at each of LOOKS."""
    for look in LOOKS:
        seen = Observed(**{name: getattr(everything, name)[:look] for name in Observed.__dataclass_fields__})
        action = decide(plan, plan.steps[0], seen, elapsed=100).action
        if action is not Action.WAIT:
            return action
    return Action.WAIT


def outcomes(plan: Plan, new: Draws, errors: float, seed: int) -> list[Action]:
    rng = np.random.default_rng(seed)
    return [outcome(plan, drawn(rng, int(LOOKS[-1]), new, errors)) for _ in range(RUNS)]


def test_a_pool_at_the_edge_of_every_objective_is_rolled_back_with_at_most_alpha(plan: Plan) -> None:
    """Alpha of a rollout 5 %, so of one of 3 steps 1.67 %; this test fails a right method once in a million seeds."""
    actions = outcomes(plan, exponential(0.1 * 1.1), errors=0.01, seed=1)
    assert binom.sf(actions.count(Action.ROLL_BACK) - 1, RUNS, plan.alpha / len(plan.steps)) > 1e-6


@pytest.mark.parametrize(
    ("latency", "errors"), [(0.1, 0.05), (0.18, 0.0), (0.18, 0.05)], ids=["errors", "latency", "both"]
)
def test_a_stated_regression_is_rolled_back_with_the_stated_power(plan: Plan, latency: float, errors: float) -> None:
    """Power 90 %; this test fails a method that has just that once in a million seeds."""
    actions = outcomes(plan, exponential(latency), errors, seed=2)
    assert binom.cdf(actions.count(Action.ROLL_BACK), RUNS, plan.power) > 1e-6
    assert binom.sf(actions.count(Action.PROMOTE) - 1, RUNS, plan.miss) > 1e-6


def test_a_pool_like_the_old_one_passes(plan: Plan) -> None:
    actions = outcomes(plan, exponential(0.1), errors=0.0, seed=3)
    assert actions.count(Action.PROMOTE) > 0.9 * RUNS


def test_a_fixed_size_comparison_looked_at_likewise_breaks_alpha(plan: Plan) -> None:
    """The simulation can fail: an ordinary test of the medians at every look rolls back far too often."""
    rng, wrong = np.random.default_rng(4), 0
    for _ in range(2 * RUNS):
        everything = drawn(rng, int(LOOKS[-1]), exponential(0.1), errors=0.0)
        old, new = everything.latency("ttft", "old"), everything.latency("ttft", "new")
        median = math.log(2) * 0.1
        halves = [(int((new[:look] > median).sum()), look) for look in LOOKS // 3 if look <= min(len(old), len(new))]
        wrong += any(binom.sf(count - 1, look, 0.5) < plan.alpha / 3 for count, look in halves)
    assert binom.sf(wrong - 1, 2 * RUNS, plan.alpha / 3) < 1e-6


def test_one_more_request_changes_the_evidence_by_nothing_on_average_at_the_edge() -> None:
    """The martingale property at the edge of "at most", from which Ville's inequality gives alpha at any look."""
    for count, requests, share in [(0, 0, 0.5), (3, 10, 0.2), (90, 100, 0.95), (1, 500, 0.01)]:
        now = log_e_above(count, requests, share)
        hit, miss = log_e_above(count + 1, requests + 1, share), log_e_above(count, requests + 1, share)
        assert share * math.exp(hit - now) + (1 - share) * math.exp(miss - now) == pytest.approx(1, rel=1e-9)


@pytest.mark.parametrize("q", [0.1, 0.5, 0.95])
def test_the_bounds_of_a_quantile_hold_at_every_look_at_once(q: float) -> None:
    """Level 1 % each side, latencies in steps of 10 ms so that ties are met."""
    rng, missed_low, missed_high = np.random.default_rng(5), 0, 0
    truth = math.ceil(-math.log(1 - q) * 0.1 * 100) / 100
    for _ in range(RUNS):
        values = np.ceil(rng.exponential(0.1, 3000) * 100) / 100
        looks = [np.sort(values[:look]) for look in (20, 50, 100, 200, 500, 1000, 3000)]
        missed_low += any(lower_bound(look, q, 0.01) > truth for look in looks)
        missed_high += any(upper_bound(look, q, 0.01) < truth for look in looks)
    assert binom.sf(max(missed_low, missed_high) - 1, RUNS, 0.01) > 1e-6


def test_the_bounds_of_a_quantile_close_in_on_it() -> None:
    values = np.sort(np.random.default_rng(6).exponential(1.0, 50_000))
    assert math.log(2) * 0.95 < lower_bound(values, 0.5, 0.01) < upper_bound(values, 0.5, 0.01) < math.log(2) * 1.05


def test_too_few_requests_bound_nothing() -> None:
    few = np.array([1.0, 2.0])
    assert (lower_bound(few, 0.5, 0.01), upper_bound(few, 0.5, 0.01)) == (-math.inf, math.inf)
    assert (lower_bound(few[:0], 0.5, 0.01), upper_bound(few[:0], 0.5, 0.01)) == (-math.inf, math.inf)


def failures(*counts: int) -> npt.NDArray[np.bool_]:
    """Good and failed requests in turn, beginning with good ones."""
    return np.repeat(np.arange(len(counts)) % 2 == 1, counts)


def test_a_single_failure_of_few_requests_decides_nothing() -> None:
    independent = ErrorRate(accept=0.01, detect=0.05, burst=1)
    assert judge_errors(independent, failures(2, 1), level=0.01, miss=0.05).state is State.OPEN
    assert judge_errors(independent, failures(0, 20), level=0.01, miss=0.05).state is State.VIOLATED
    assert judge_errors(independent, failures(500), level=0.01, miss=0.05).state is State.KEPT


def test_a_single_burst_decides_nothing_and_a_pool_that_fails_for_good_is_rolled_back() -> None:
    objective = ErrorRate(accept=0.01, detect=0.05)
    assert judge_errors(objective, failures(100, 20, 100), level=0.001, miss=0.01).state is State.OPEN
    assert judge_errors(objective, failures(100, 200), level=0.001, miss=0.01).state is State.VIOLATED


def test_few_requests_without_a_failure_do_not_pass_where_failures_come_in_bursts() -> None:
    """At 5 % in bursts of 20, 500 requests are without one in 29 % of steps; at most 1 % may pass."""
    objective = ErrorRate(accept=0.01, detect=0.05)
    assert judge_errors(objective, failures(500), level=0.001, miss=0.01).state is State.OPEN
    assert judge_errors(objective, failures(2500), level=0.001, miss=0.01).state is State.KEPT


def test_without_the_old_pool_a_ratio_is_not_judged() -> None:
    nothing, slow = Series(np.array([]), np.array([])), Series(np.arange(500.0), np.full(500, 9.0))
    objective = Latency(metric="ttft", percentile=50, accept=1.1, detect=2)
    assert judge_latency(objective, nothing, slow, level=0.01, miss=0.05, began=0).state is State.UNKNOWN


def test_failures_that_name_no_pod_count_against_the_new_pool(plan: Plan) -> None:
    seen = drawn(np.random.default_rng(7), 400, exponential(0.1), errors=0.5)
    anonymous = replace(seen, pool=np.where(seen.good, seen.pool, ""))
    assert decide(plan, plan.steps[0], anonymous, elapsed=1).action is Action.ROLL_BACK
    assert anonymous.new_failed == seen.new_failed


def test_failures_of_the_old_pool_do_not_count_against_the_new_one(plan: Plan) -> None:
    seen = drawn(np.random.default_rng(8), 2000, exponential(0.1), errors=0.0)
    failing = replace(seen, good=seen.pool == "new")
    assert decide(plan, plan.steps[0], failing, elapsed=1).action is Action.WAIT
    assert failing.new_failed == 0


def test_a_step_waits_for_its_burn_in_and_its_requests(plan: Plan) -> None:
    seen = drawn(np.random.default_rng(9), 8000, exponential(0.1), errors=0.0)
    step = plan.steps[0]
    assert decide(plan, step, seen, step.burn_in - 1).action is Action.WAIT
    assert decide(plan, step, seen, step.burn_in).action is Action.PROMOTE
    assert decide(plan, altered(step, requests=9000), seen, step.burn_in).action is Action.WAIT


def test_an_undecided_step_is_held_in_the_end(plan: Plan) -> None:
    seen = drawn(np.random.default_rng(10), 20, exponential(0.1), errors=0.0)
    assert decide(plan, plan.steps[0], seen, plan.steps[0].longest).action is Action.HOLD


def test_a_wrong_split_holds_and_a_violation_still_rolls_back(plan: Plan) -> None:
    seen = drawn(np.random.default_rng(11), 8000, exponential(0.1), errors=0.0)
    assert decide(plan, plan.steps[0], seen, 1, "wrong split").action is Action.HOLD
    bad = drawn(np.random.default_rng(11), 8000, exponential(0.1), errors=0.5)
    assert decide(plan, plan.steps[0], bad, 1, "wrong split").action is Action.ROLL_BACK


def test_fewer_requests_than_the_fewest_never_pass(plan: Plan) -> None:
    fewest = fewest_requests(plan)
    rng = np.random.default_rng(12)
    for size, passes in ((fewest - 1, False), (fewest, True)):
        failures = np.zeros(size, np.bool_)
        assert (judge_errors(plan.error_rate, failures, plan.level, plan.miss).state is State.KEPT) == passes
    fast = joined(
        drawn(rng, fewest - 1, lambda _, count: np.full(count, 1e-6), errors=0.0, share=1.0),
        drawn(rng, 5000, exponential(1.0), errors=0.0, share=0.0),
    )
    assert decide(plan, plan.steps[0], fast, 100).action is Action.WAIT


def test_a_pool_that_has_not_answered_for_a_minute_is_rolled_back_by_its_requests_in_flight(plan: Plan) -> None:
    """The old pool's answers that are sent after the oldest of them are no fair sample, but they are evidence."""
    fast = drawn(np.random.default_rng(9), 600, exponential(0.1), errors=0.0, share=0.0)
    fast = Observed(**{**vars(fast), "started": fast.started / 10})
    ages = np.linspace(0.1, 60, 600)
    hanging = Unsettled(fast, InFlight(ages, ages, np.full(600, "new")), now=60.0)
    nothing = fast.where(fast.started < 0)
    decision = decide(plan, plan.steps[0], nothing, elapsed=60, unsettled=hanging)
    assert decision.action is Action.ROLL_BACK
    assert "TTFT" in decision.why
    assert "nothing seen" not in decision.why
    split_evenly = Unsettled(fast, InFlight(ages, ages, np.full(600, "old")), now=60.0)
    assert decide(plan, plan.steps[0], nothing, elapsed=60, unsettled=split_evenly).action is Action.WAIT


@pytest.mark.parametrize(("failures", "state"), [([], State.KEPT), ([0, 20, 40, 60], State.VIOLATED)])
def test_a_verdict_beside_bounds_that_seem_to_contradict_it_says_why(failures: list[int], state: State) -> None:
    failed = np.zeros(70, bool)
    failed[failures] = True
    found = judge_errors(ErrorRate(accept=0.01, detect=0.05, burst=1), failed, 0.05, 0.1)
    assert found.state is state
    assert found.low <= found.accept < found.detect < found.high
    assert "ruled out by a test that needs fewer requests than the bounds" in found.reason()


def test_a_verdict_that_its_bounds_show_needs_no_reason() -> None:
    objective = ErrorRate(accept=0.01, detect=0.05, burst=1)
    assert judge_errors(objective, np.zeros(2000, bool), 0.05, 0.1).reason() == "accepted up to 1.00%"
    assert judge_errors(objective, np.zeros(300, bool), 0.05, 0.1).reason() == "shown to be below 5.00%"
    assert judge_errors(objective, np.ones(50, bool), 0.05, 0.1).reason() == "accepted up to 1.00%"
