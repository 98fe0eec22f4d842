"""A pool that is several times as slow is seen within a minute, by its requests in flight too, and equal pools are not.

Each statistical test fails a method that has exactly the required rate about once in a thousand seeds.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from inferencepool_rollout.traffic.gross import MOST_BLOCKS, Gross
from inferencepool_rollout.traffic.series import Series
from kit.verdict.traffic import Draw, Pair, Pool, Random, drifting, seen, steady

RUNS = 200
SOON_LOOKS, LOOKS = range(50, 61, 2), range(50, 80, 2)


def slow_answers(rng: Random, slower: float) -> Pair:
    """Independent requests whose answers take 6 s and have their first token after 2 s."""
    pair = steady(rng, slower)
    return Pool(pair[0].started, pair[0].ttft * 10, pair[0].e2e * 30), Pool(
        pair[1].started, pair[1].ttft * 10, pair[1].e2e * 30
    )


def found(draw: Draw, slower: float, looks: range, *, pending: bool = True, metric: str = "ttft", seed: int = 1) -> int:
    """How many of RUNS steps are rolled back at one of these moments; without `pending` on settled requests alone."""
    rng, count = np.random.default_rng(seed), 0
    for _ in range(RUNS):
        pair = draw(rng, slower)
        for look in looks:
            old, new = seen(pair, metric, look)
            if not pending:
                old, new = Series(old.ended, old.latency), Series(new.ended, new.latency)
            if Gross(old, new, 0.0, look).slower(1.1):
                count += 1
                break
    return count


def too_many(count: int, rate: float) -> bool:
    return bool(binom.sf(count - 1, RUNS, rate) < 1e-3)


@pytest.mark.parametrize("metric", ["ttft", "e2e"])
def test_a_pool_ten_times_as_slow_whose_answers_take_longer_than_a_minute_is_seen_by_what_is_in_flight(
    metric: str,
) -> None:
    """99 % within 60 s. Most of its answers end after the minute, so settled requests alone show nothing."""
    assert found(slow_answers, 10.0, SOON_LOOKS, pending=False, metric=metric) == 0
    assert not too_many(RUNS - found(slow_answers, 10.0, SOON_LOOKS, metric=metric), 0.01)


@pytest.mark.parametrize("draw", [steady, slow_answers, drifting(60, common=True)])
def test_equal_pools_are_not_told_apart_by_what_is_in_flight(draw: Draw) -> None:
    """At most 1 of 400."""
    assert not too_many(found(draw, 1.0, LOOKS), 1 / 400)


def test_in_own_drift_of_10_s_a_pool_ten_times_as_slow_is_seen_within_60_s() -> None:
    """99 % of steps."""
    assert not too_many(RUNS - found(drifting(10, common=False), 10.0, SOON_LOOKS), 0.01)


@pytest.mark.parametrize(("memory", "rate"), [(10, 0.01), (60, 0.01), (300, 0.02)])
def test_equal_pools_that_drift_on_their_own_are_not_told_apart(memory: float, rate: float) -> None:
    assert not too_many(found(drifting(memory, common=False), 1.0, LOOKS), rate)


def test_the_same_rule_without_a_memory_breaks_that() -> None:
    """The simulation can fail: a factor of 2.5 alone rolls back many equal pools that drift."""
    rng, wrong = np.random.default_rng(1), 0
    for _ in range(RUNS):
        old, new = seen(drifting(300, common=False)(rng, 1.0), "ttft", 60)
        wrong += bool(np.median(new.latency) > 2.5 * 1.1 * np.median(old.latency))
    assert too_many(wrong, 0.02)


def test_a_drift_with_a_longer_memory_spreads_further() -> None:
    rng = np.random.default_rng(3)
    spreads = [
        Gross(*seen(drifting(memory, common=False)(rng, 1.0), "ttft", 60), 0.0, 60.0).spread for memory in (3, 30, 300)
    ]
    assert spreads == sorted(spreads)


def test_an_old_pool_that_does_not_answer_any_more_is_no_evidence_against_the_new_one() -> None:
    at = np.arange(60.0)
    fast, slow = np.full(60, 0.2), np.full(60, 5.0)
    assert Gross(Series(at, fast), Series(at, slow), 0.0, 60.0).slower(1.1)
    assert not Gross(Series(at, fast, pending=at + 1), Series(at, slow), 0.0, 60.0).slower(1.1)


def test_too_few_requests_for_a_memory_count_as_the_longest() -> None:
    at = np.linspace(1, 60, MOST_BLOCKS)
    few = Series(at, np.full(MOST_BLOCKS, 0.2))
    assert Gross(few, few, 0.0, 60.0).spread == pytest.approx(0.5**0.5)


def test_tokens_that_come_together_are_no_fault() -> None:
    at = np.linspace(1, 60, 200)
    nothing, some = Series(at, np.zeros(200)), Series(at, np.full(200, 0.01))
    assert not Gross(nothing, nothing, 0.0, 60.0).slower(1.1)
    assert not Gross(some, nothing, 0.0, 60.0).slower(1.1)
