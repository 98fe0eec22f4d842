"""The fixed-size test of a split over several pools."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, multinomial

from inferencepool_rollout.traffic.statistics import binomial_p, multinomial_p, shares

SPLITS = st.integers(3, 4).flatmap(
    lambda pools: st.tuples(
        st.lists(st.integers(0, 6), min_size=pools, max_size=pools).filter(any),
        st.lists(st.integers(1, 20), min_size=pools, max_size=pools),
    )
)


def by_enumeration(counts: list[int], weights: list[int]) -> float:
    requests, asked = sum(counts), shares(weights)
    filled = itertools.product(range(requests + 1), repeat=len(counts) - 1)
    outcomes = np.array([[*some, requests - sum(some)] for some in filled if sum(some) <= requests])
    chances = multinomial.pmf(outcomes, requests, asked)
    return float(chances[chances <= multinomial.pmf(counts, requests, asked) * (1 + 1e-9)].sum())


@given(split=SPLITS)
def test_p_is_the_probability_of_all_outcomes_no_likelier(split: tuple[list[int], list[int]]) -> None:
    assert multinomial_p(*split) == pytest.approx(by_enumeration(*split), abs=1e-9)


@given(split=SPLITS, data=st.data())
def test_the_order_of_the_pools_does_not_matter(split: tuple[list[int], list[int]], data: st.DataObject) -> None:
    counts, weights = zip(*data.draw(st.permutations(list(zip(*split, strict=True)))), strict=True)
    assert multinomial_p(counts, weights) == pytest.approx(multinomial_p(*split), abs=1e-9)


@given(old=st.integers(0, 300), new=st.integers(1, 300), weight=st.integers(1, 99))
def test_two_pools_are_a_binomial(old: int, new: int, weight: int) -> None:
    assert multinomial_p([old, new], [weight, 100 - weight]) == binomial_p(old, old + new, weight / 100)


@given(counts=st.lists(st.integers(0, 50), min_size=2, max_size=2).filter(any))
def test_a_pool_that_was_asked_nothing_may_only_get_nothing(counts: list[int]) -> None:
    assert multinomial_p([*counts, 0], [7, 3, 0]) == multinomial_p(counts, [7, 3])
    assert multinomial_p([*counts, 1], [7, 3, 0]) == 0.0


def test_a_right_split_over_three_pools_is_refused_with_alpha_by_simulation() -> None:
    alpha, runs = 0.05, 500
    drawn = np.random.default_rng(2).multinomial(500, [0.6, 0.3, 0.1], size=runs).tolist()
    refused = sum(multinomial_p(counts, [6, 3, 1]) <= alpha for counts in drawn)
    # Neither more than alpha nor much less: each bound fails once in a million seeds.
    assert binom.sf(refused - 1, runs, alpha) > 1e-6
    assert binom.cdf(refused, runs, 0.9 * alpha) > 1e-6


def test_too_many_pools_for_an_exact_test_are_refused() -> None:
    with pytest.raises(ValueError, match="too many"):
        multinomial_p([1000] * 8, [1] * 8)


@pytest.mark.parametrize("counts", [[1, 2], [0, 0, 0], [1, -1, 2]])
def test_counts_that_do_not_fit_are_refused(counts: list[int]) -> None:
    with pytest.raises(ValueError, match="counts"):
        multinomial_p(counts, [1, 1, 1])
