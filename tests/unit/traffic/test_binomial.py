"""The fixed-size test of a share: its promises hold exactly, for every size."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from inferencepool_rollout.traffic.statistics import binomial_p, clopper_pearson, detectable, power, sample_size, shares

REQUESTS = st.integers(1, 120)
SHARE = st.floats(0.01, 0.99)
ALPHA = st.floats(1e-4, 0.2)


@given(requests=REQUESTS, asked=SHARE, alpha=ALPHA)
def test_a_right_split_is_refused_with_at_most_alpha(requests: int, asked: float, alpha: float) -> None:
    counts = np.arange(requests + 1)
    refused = [binomial_p(count, requests, asked) <= alpha for count in counts.tolist()]
    assert binom.pmf(counts, requests, asked)[refused].sum() <= alpha * (1 + 1e-9)


@given(requests=REQUESTS, asked=SHARE, detect=SHARE, alpha=ALPHA)
def test_power_is_the_probability_of_a_refusal(requests: int, asked: float, detect: float, alpha: float) -> None:
    counts = np.arange(requests + 1)
    refused = [binomial_p(count, requests, asked) <= alpha for count in counts.tolist()]
    expected = binom.pmf(counts, requests, detect)[refused].sum()
    assert power(asked, detect, alpha, requests) == pytest.approx(expected, abs=1e-9)


@given(requests=REQUESTS, asked=SHARE, alpha=ALPHA, data=st.data())
def test_the_interval_holds_what_the_test_accepts(
    requests: int, asked: float, alpha: float, data: st.DataObject
) -> None:
    count = data.draw(st.integers(0, requests))
    low, high = clopper_pearson(count, requests, alpha)
    assume(min(abs(low - asked), abs(high - asked)) > 1e-9)
    assert (low < asked < high) == (binomial_p(count, requests, asked) > alpha)


@given(requests=REQUESTS, alpha=ALPHA, data=st.data())
def test_the_interval_agrees_with_scipy_s(requests: int, alpha: float, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, requests))
    theirs = binomtest(count, requests).proportion_ci(1 - alpha, method="exact")
    assert clopper_pearson(count, requests, alpha) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@given(requests=REQUESTS, asked=SHARE, data=st.data())
def test_either_side_may_be_counted(requests: int, asked: float, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, requests))
    assert binomial_p(count, requests, asked) == pytest.approx(binomial_p(requests - count, requests, 1 - asked))


@given(requests=REQUESTS, data=st.data())
def test_at_0_and_1_one_request_on_the_wrong_side_is_p_0(requests: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, requests))
    assert binomial_p(count, requests, 0.0) == (1.0 if count == 0 else 0.0)
    assert binomial_p(count, requests, 1.0) == (1.0 if count == requests else 0.0)


@pytest.mark.parametrize("asked", [0.1, 0.5, 0.99])
@pytest.mark.parametrize("detect", [0.0, 0.3, 0.7, 1.0])
def test_the_sample_size_is_the_fewest_requests_from_which_on_the_power_is_reached(asked: float, detect: float) -> None:
    size = sample_size(asked, detect, alpha=0.01, power=0.9)
    assert size == 1 or power(asked, detect, 0.01, size - 1) < 0.9
    assert all(power(asked, detect, 0.01, requests) >= 0.9 for requests in range(size, 3 * size + 20))


def test_12_percent_is_told_from_10_with_99_percent() -> None:
    size = sample_size(asked=0.10, detect=0.12, alpha=0.01, power=0.99)
    # The textbook's normal approximation, which the exact size has to be near.
    normal = ((2.5758 * math.sqrt(0.1 * 0.9) + 2.3263 * math.sqrt(0.12 * 0.88)) / 0.02) ** 2
    assert size == pytest.approx(normal, rel=0.03)
    drawn = np.random.default_rng(1).binomial(size, 0.12, size=4000).tolist()
    refused = sum(binomial_p(count, size, 0.10) <= 0.01 for count in drawn)
    assert binom.cdf(refused, 4000, 0.99) > 1e-6  # a true power of 0.99 fails this once in a million seeds


@given(requests=st.integers(50, 3000), asked=st.floats(0, 1), alpha=ALPHA)
def test_shares_beyond_the_detectable_are_refused_with_the_power(requests: int, asked: float, alpha: float) -> None:
    low, high = detectable(asked, requests, alpha, 0.99)
    assert low <= asked <= high
    outside = [share for share in np.linspace(0, 1, 21).tolist() if not low <= share <= high]
    assert all(power(asked, share, alpha, requests) >= 0.99 for share in outside)
    assert all(power(asked, end, alpha, requests) <= 0.99 + 1e-9 for end in (low, high) if 0 < end < 1)


def test_one_stray_request_in_a_hundred_is_found_at_weight_0() -> None:
    assert sample_size(asked=0.0, detect=0.01, alpha=0.001, power=0.99) == math.ceil(math.log(0.01) / math.log(0.99))


@pytest.mark.parametrize(
    "numbers", [(0.1, 0.1, 0.01, 0.9), (1.1, 0.1, 0.01, 0.9), (0.1, 0.2, 0.0, 0.9), (0.1, 0.2, 0.01, 1.0)]
)
def test_a_sample_size_for_nothing_is_refused(numbers: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match="no sample size"):
        sample_size(*numbers)


def test_a_sample_size_beyond_reason_is_refused() -> None:
    with pytest.raises(ValueError, match="more than"):
        sample_size(0.1, 0.1001, 0.01, 0.9)


@pytest.mark.parametrize("weights", [(), (0, 0), (-1, 2), (float("nan"), 1), (float("inf"), 1)])
def test_weights_that_are_none_are_refused(weights: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="weights"):
        shares(weights)


@pytest.mark.parametrize(("count", "requests", "asked"), [(2, 1, 0.5), (-1, 1, 0.5), (0, 0, 0.5), (0, 1, 1.5)])
def test_counts_that_are_none_are_refused(count: int, requests: int, asked: float) -> None:
    with pytest.raises(ValueError, match="requests"):
        binomial_p(count, requests, asked)
