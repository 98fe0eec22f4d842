"""The sequential test: reading it after every request costs nothing."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.special import gammaln
from scipy.stats import binom

from inferencepool_rollout.traffic.sequential import anytime_interval, anytime_p, log_e
from inferencepool_rollout.traffic.statistics import binomial_p, shares

COUNTS = st.lists(st.integers(0, 2000), min_size=2, max_size=5)
ALPHA = 0.01
RUNS, REQUESTS = 2000, 2000


def walks(share: float, seed: int) -> npt.NDArray[np.int64]:
    """RUNS x REQUESTS: how many of the first 1, 2, ... requests the new pool got."""
    return np.cumsum(np.random.default_rng(seed).random((RUNS, REQUESTS)) < share, axis=1)


def smallest_p(counts: npt.NDArray[np.int64], asked: float) -> npt.NDArray[np.float64]:
    """The smallest anytime_p of each walk, by a table of all (count, requests)."""
    requests = np.arange(1, REQUESTS + 1)
    table = (
        gammaln(counts + 0.5)
        + gammaln(requests - counts + 0.5)
        - gammaln(requests + 1)
        - 2 * gammaln(0.5)
        - counts * math.log(asked)
        - (requests - counts) * math.log1p(-asked)
    )
    assert math.exp(-max(0.0, table[0, -1])) == pytest.approx(
        anytime_p([int(counts[0, -1]), REQUESTS - int(counts[0, -1])], [asked, 1 - asked]), rel=1e-6
    )
    return np.asarray(np.exp(-np.maximum(0, table.max(axis=1))))


@given(counts=COUNTS, data=st.data())
def test_one_more_request_changes_e_by_nothing_on_average(counts: list[int], data: st.DataObject) -> None:
    """The martingale property, from which Ville's inequality gives alpha at any stopping time."""
    weights = data.draw(st.lists(st.integers(1, 50), min_size=len(counts), max_size=len(counts)))
    now = log_e(counts, weights)
    steps = [[count + (pool == hit) for pool, count in enumerate(counts)] for hit in range(len(counts))]
    growth = sum(s * math.exp(log_e(step, weights) - now) for s, step in zip(shares(weights), steps, strict=True))
    assert growth == pytest.approx(1, rel=1e-6)


@given(pools=st.integers(2, 5))
def test_e_starts_at_1(pools: int) -> None:
    assert log_e([0] * pools, [1] * pools) == 0
    assert anytime_p([0] * pools, [1] * pools) == 1


def test_a_right_split_watched_request_by_request_is_refused_with_at_most_alpha() -> None:
    """Alpha 1 %, by simulation; the fixed-size test watched likewise breaks it, so this can fail."""
    counts = walks(0.1, seed=3)
    refused = int(np.count_nonzero(smallest_p(counts, 0.1) <= ALPHA))
    assert binom.sf(refused - 1, RUNS, ALPHA) > 1e-6  # a true alpha fails this once in a million seeds
    looks = range(99, REQUESTS, 100)
    fixed = sum(any(binomial_p(int(walk[look]), look + 1, 0.1) <= ALPHA for look in looks) for walk in counts[:200])
    assert fixed / 200 > 3 * ALPHA


def test_60_40_watched_as_70_30_is_refused_within_2000_requests() -> None:
    """Power at least 99.9 % at alpha 1 %, by simulation."""
    missed = int(np.count_nonzero(smallest_p(walks(0.4, seed=4), 0.3) > ALPHA))
    assert binom.sf(missed - 1, RUNS, 0.001) > 1e-3


@given(requests=st.integers(0, 3000), asked=st.floats(0.001, 0.999), data=st.data())
def test_the_interval_holds_what_the_test_accepts(requests: int, asked: float, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, requests))
    low, high = anytime_interval(count, requests, ALPHA)
    assume(min(abs(low - asked), abs(high - asked)) > 1e-6)
    assert (low < asked < high) == (anytime_p([count, requests - count], [asked, 1 - asked]) > ALPHA)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 1.0])
def test_all_intervals_of_a_run_hold_the_truth_at_once(share: float) -> None:
    looks = np.unique(np.geomspace(1, REQUESTS, 12).astype(int))
    missed = 0
    for walk in walks(share, seed=5)[:100]:
        intervals = [anytime_interval(int(walk[look - 1]), int(look), ALPHA) for look in looks]
        missed += any(not low <= share <= high for low, high in intervals)
    assert binom.sf(missed - 1, 100, ALPHA) > 1e-6


def test_a_pool_that_was_asked_nothing_may_only_get_nothing() -> None:
    assert anytime_p([50, 0], [1, 0]) == 1.0
    assert anytime_p([50, 1], [1, 0]) == 0.0


def test_counts_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="counts"):
        log_e([1, 2, 3], [1, 1])
    with pytest.raises(ValueError, match="interval"):
        anytime_interval(3, 2, ALPHA)
