"""The verdict on latency under dependence, in small; `./scripts/bench verdict` measures the same with 400 steps a row.

Each test fails a method that has exactly the required rate about once in a thousand seeds.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import pytest
from scipy.stats import binom

from inferencepool_rollout.traffic.paired import Paired
from inferencepool_rollout.traffic.series import Series
from kit.verdict.calibration import SLOW, SOON, outcome
from kit.verdict.efficiency import costs
from kit.verdict.judges import driver, fixed_size
from kit.verdict.traffic import STEP_SECONDS, Draw, Pair, drifting, steady

RUNS = 16
LOOKS = (60, 120, 160, 240, 480, STEP_SECONDS)
OBJECTIVE = ("ttft", 95, 1.1, 1.5)
MEDIAN = ("e2e", 50, 1.1, 1.3)


def ends(draw: Draw, factor: float, objective: tuple[str, float, float, float] = OBJECTIVE) -> list[str]:
    rng = np.random.default_rng(1)
    return [outcome(driver, draw(rng, 1.0), objective, factor, LOOKS)[0] for _ in range(RUNS)]


def too_many(count: int, rate: float) -> bool:
    """Whether so many of RUNS would be seen once in a thousand times at this rate."""
    return bool(binom.sf(count - 1, RUNS, rate) < 1e-3)


@pytest.mark.parametrize("objective", [OBJECTIVE, MEDIAN], ids=["p95", "p50"])
def test_independent_requests_are_decided_and_rightly(objective: tuple[str, float, float, float]) -> None:
    """Level 0.05 %, miss 1 %; every step is decided."""
    equal, bad = ends(steady, 1.0, objective), ends(steady, objective[3], objective)
    assert equal.count("kept") == RUNS
    assert not too_many(bad.count("kept"), 0.01)
    assert bad.count("violated") > 0.9 * RUNS


@pytest.mark.parametrize("memory", [60, 300])
@pytest.mark.parametrize("objective", [OBJECTIVE, MEDIAN], ids=["p95", "p50"])
def test_pools_that_drift_apart_are_rather_held_than_judged_wrongly(
    memory: float, objective: tuple[str, float, float, float]
) -> None:
    """At most 1 % (2 % for 300 s) of equal pools rolled back, and 1 % of bad ones passed."""
    draw = drifting(memory, common=False)
    assert not too_many(ends(draw, 1.0, objective).count("violated"), 0.02 if memory > 60 else 0.01)
    assert not too_many(ends(draw, objective[3], objective).count("kept"), 0.01)


def test_a_drift_that_both_pools_share_costs_nothing() -> None:
    """Level 0.05 %, miss 1 %; at least 80 % of steps are decided."""
    draw = drifting(60, common=True)
    assert ends(draw, 1.0).count("kept") > 0.8 * RUNS
    assert not too_many(ends(draw, OBJECTIVE[3]).count("kept"), 0.01)


def test_a_test_for_independent_requests_is_wrong_where_pools_drift() -> None:
    """The simulation can fail: a fixed-size test at every look rolls back many equal pools."""
    rng, draw = np.random.default_rng(1), drifting(300, common=False)
    states = [outcome(fixed_size, draw(rng, 1.0), MEDIAN, 1.0, LOOKS)[0] for _ in range(RUNS)]
    assert too_many(states.count("violated"), 0.05)


@pytest.mark.parametrize("draw", [steady, drifting(60, common=True), drifting(300, common=True)])
def test_a_pool_ten_times_as_slow_is_rolled_back_within_a_minute(draw: Draw) -> None:
    """99 % of steps."""
    rng = np.random.default_rng(2)
    found = [outcome(driver, draw(rng, 1.0), OBJECTIVE, SLOW, (20, 40, SOON)) for _ in range(RUNS)]
    assert not too_many(RUNS - found.count(("violated", SOON)), 0.01)


@pytest.mark.parametrize("pair", [(95, 1.1, 1.5), (50, 1.1, 1.3)])
def test_a_verdict_takes_at_most_three_times_the_requests_of_the_best_fixed_size_test(
    pair: tuple[float, float, float],
) -> None:
    (cost,) = costs(driver, 6, 1, [pair])
    assert max(cost.kept, cost.violated) < 3


def requests(pair: Pair, began: float = 0.0, unit: float = 1.0) -> tuple[Series, Series]:
    old, new = (pool.series("ttft") for pool in pair)
    return Series(old[0] + began, old[1] * unit), Series(new[0] + began, new[1] * unit)


def test_neither_the_unit_of_latency_nor_the_clock_matters() -> None:
    pair = drifting(60, common=False)(np.random.default_rng(3), 1.2)
    plain = Paired(*requests(pair), 0.95, 0.0)
    other = Paired(*requests(pair, began=5e8, unit=1000.0), 0.95, 5e8)
    for ratio in (0.8, 1.0, 1.5):
        assert other.evidence(ratio) == pytest.approx(plain.evidence(ratio), abs=0.02)


def test_evidence_falls_with_the_ratio_and_turns_at_the_seen_one() -> None:
    paired = Paired(*requests(steady(np.random.default_rng(4), 1.3)), 0.95, 0.0)
    values = [paired.evidence(ratio) for ratio in (0.8, 1.0, 1.2, 1.4, 1.6)]
    assert values == sorted(values, reverse=True)
    assert abs(paired.evidence(paired.ratio())) < 0.1


def test_a_judgement_of_24000_requests_takes_less_than_100_ms() -> None:
    rng = np.random.default_rng(5)
    series = [Series(np.sort(rng.uniform(0, 1800, 12_000)), rng.lognormal(size=12_000)) for _ in range(2)]
    times: Sequence[float] = []
    for _ in range(3):
        began = time.process_time()
        paired = Paired(series[0], series[1], 0.95, 0.0)
        assert paired.enough
        paired.evidence(1.1), paired.evidence(1.5)
        times = [*times, time.process_time() - began]
    assert min(times) < 0.1
