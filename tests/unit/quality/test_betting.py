"""The test of a bounded mean keeps its error probabilities, however often it is asked and whatever the numbers are."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from inferencepool_rollout.quality.betting import Bounded, fewest
from inferencepool_rollout.traffic.quantiles import Floats

RUNS, NUMBERS = 10_000, 200
LEVEL, MISS = 0.01, 0.05
WRONG = 1e-6  # that a right test fails here: each count is held to a binomial's quantile at 1 - WRONG

Draw = Callable[[np.random.Generator], Floats]


def pairs(worse: float, better: float) -> Draw:
    """Numbers of -1, 0 and 1: `worse` and `better` are the shares of discordant pairs."""
    chances = [better, 1 - worse - better, worse]
    return lambda generator: generator.choice([-1.0, 0.0, 1.0], size=NUMBERS, p=chances)


def sticky(generator: np.random.Generator) -> Floats:
    """Prompts of one kind stand together and differ together; each kind differs as often one way as the other."""
    return np.repeat(generator.choice([-1.0, 0.0, 1.0], size=NUMBERS // 10, p=[0.1, 0.8, 0.1]), 10)


def crossings(draw: Draw, crossed: Callable[[Bounded], bool], runs: int = RUNS) -> int:
    """Count the runs in which the evidence crosses its threshold at any moment."""
    generator = np.random.default_rng(20261126)
    return sum(crossed(Bounded(draw(generator), -1, 1)) for _ in range(runs))


@pytest.mark.parametrize(
    ("draw", "mean"),
    [
        pytest.param(pairs(0.01, 0.01), 0.0, id="equal pools, rare differences"),
        pytest.param(pairs(0.25, 0.25), 0.0, id="equal pools that differ by batching in half of the prompts"),
        pytest.param(pairs(0.05, 0.03), 0.02, id="a drop as large as is accepted"),
        pytest.param(lambda generator: generator.uniform(-1, 1, NUMBERS), 0.0, id="a judge's scores"),
    ],
)
def test_a_pool_that_keeps_the_bound_is_refused_with_probability_level_at_most(draw: Draw, mean: float) -> None:
    wrong = crossings(draw, lambda seen: seen.above(mean) >= -math.log(LEVEL))
    assert wrong <= binom.isf(WRONG, RUNS, LEVEL)


@pytest.mark.parametrize(
    ("draw", "mean"),
    [
        pytest.param(pairs(0.1, 0.0), 0.1, id="every difference is for the worse"),
        pytest.param(pairs(0.35, 0.25), 0.1, id="differences both ways"),
    ],
)
def test_a_pool_as_bad_as_detect_passes_with_probability_miss_at_most(draw: Draw, mean: float) -> None:
    wrong = crossings(draw, lambda seen: seen.below(mean) >= -math.log(MISS))
    assert wrong <= binom.isf(WRONG, RUNS, MISS)


@pytest.mark.parametrize(("accept", "detect"), [(0.02, 0.1), (0.05, 0.2)])
def test_200_prompts_pass_an_equal_pool_and_refuse_one_twice_as_bad_as_detect(accept: float, detect: float) -> None:
    runs = 500
    kept = crossings(pairs(0.005, 0.005), lambda seen: seen.below(detect) >= -math.log(MISS), runs)
    refused = crossings(pairs(2 * detect, 0.01), lambda seen: seen.above(accept) >= -math.log(LEVEL), runs)
    assert kept >= binom.ppf(WRONG, runs, 0.95)
    assert refused >= binom.ppf(WRONG, runs, 0.95)


def test_the_simulation_finds_a_test_that_looks_again_and_again_with_a_fixed_bound() -> None:
    def naive(seen: Bounded) -> bool:
        counts = np.arange(1, NUMBERS + 1)
        with np.errstate(invalid="ignore", divide="ignore"):
            z = np.cumsum(seen.values) / np.sqrt(np.cumsum(seen.values**2))
        return bool((z[counts >= 10] > 2.326).any())

    assert crossings(pairs(0.25, 0.25), naive, 1000) > binom.isf(WRONG, 1000, LEVEL)


def test_prompts_that_differ_in_groups_are_fewer_than_they_seem() -> None:
    # The limit that docs/how-to/quality.md states: such prompts break the promise.
    wrong = crossings(sticky, lambda seen: seen.above(0) >= -math.log(LEVEL), 1000)
    assert wrong > binom.isf(WRONG, 1000, LEVEL)


@given(st.lists(st.sampled_from([-1.0, 0.0, 0.5, 1.0]), max_size=60), st.floats(1e-4, 0.2))
def test_the_interval_holds_the_mean_and_agrees_with_the_evidence(values: list[float], level: float) -> None:
    seen = Bounded(np.array(values), -1, 1)
    low, high = seen.at_least(level), seen.at_most(level)
    assert -1 <= low <= high <= 1
    if values:
        assert low <= seen.mean() + 1e-6
        assert high >= seen.mean() - 1e-6
    if low > -1:
        assert seen.above(low - 1e-6) >= -math.log(level)


@pytest.mark.parametrize("detect", [0.02, 0.05, 0.1, 0.3])
def test_fewest_is_the_count_of_perfect_answers_that_just_shows_it(detect: float) -> None:
    count = fewest(detect, 1 - detect, MISS)
    assert Bounded(np.zeros(count), -1, 1).below(detect) >= -math.log(MISS)
    assert Bounded(np.zeros(count - 1), -1, 1).below(detect) < -math.log(MISS)
