"""Failures in bursts say less than single ones, and are judged as well."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import binom

from inferencepool_rollout.evidence.decision import judge_errors
from inferencepool_rollout.plan.objectives import ErrorRate
from inferencepool_rollout.traffic.bursts import cluster_sizes, effect, mean_size

RUNS, REQUESTS = 40, 12_000
LOOKS = np.unique(np.geomspace(50, REQUESTS, 16).astype(int))
OBJECTIVE = ErrorRate(accept=0.01, detect=0.05)


def failing(rng: np.random.Generator, share: float, burst: float) -> npt.NDArray[np.bool_]:
    """Requests of which `share` fail, in bursts with a geometric size of mean `burst`."""
    several = int(2 * REQUESTS * share / burst) + 50
    good = rng.geometric(share / burst / (1 - share), several)
    bad = rng.geometric(1 / burst, several)
    return np.repeat(np.tile([False, True], several), np.stack([good, bad], 1).ravel())[:REQUESTS]


def ends(share: float, burst: float) -> list[str]:
    rng, states = np.random.default_rng(1), []
    for _ in range(RUNS):
        failures = failing(rng, share, burst)
        found = (str(judge_errors(OBJECTIVE, failures[:look], level=0.0005, miss=0.01).state) for look in LOOKS)
        states.append(next((state for state in found if state != "open"), "open"))
    return states


@pytest.mark.parametrize("burst", [1, 20])
def test_a_pool_at_accept_is_not_rolled_back_and_one_at_detect_does_not_pass(burst: float) -> None:
    """Level 0.05 % and miss 1 %; either assertion fails a right method once in a thousand seeds."""
    assert binom.sf(ends(OBJECTIVE.accept, burst).count("violated") - 1, RUNS, 0.0005) > 1e-3
    assert binom.sf(ends(OBJECTIVE.detect, burst).count("kept") - 1, RUNS, 0.01) > 1e-3


@pytest.mark.parametrize("burst", [1, 20])
def test_good_and_bad_pools_are_told_apart_within_a_step(burst: float) -> None:
    """Good: 0.1 % of requests fail; bad: 20 %."""
    assert ends(0.001, burst).count("kept") > 0.9 * RUNS
    assert ends(0.2, burst).count("violated") > 0.9 * RUNS


def test_failures_close_to_each_other_are_one_cluster() -> None:
    failures = np.zeros(100, np.bool_)
    failures[[10, 11, 13, 50, 98, 99]] = True
    assert cluster_sizes(failures).tolist() == [3, 1, 2]
    assert cluster_sizes(np.zeros(5, np.bool_)).tolist() == []


def test_the_effect_of_single_failures_is_1_and_of_a_cluster_its_size() -> None:
    assert effect(np.array([1, 1, 1])) == 1
    assert effect(np.array([20])) == 20
    assert effect(np.array([], np.int64)) == 1


def test_clusters_are_of_the_expected_size_until_many_are_seen() -> None:
    assert mean_size(np.array([], np.int64), expected=20) == 20
    assert mean_size(np.ones(2000, np.int64), expected=20) == pytest.approx(1, abs=0.1)
    assert mean_size(np.ones(3, np.int64), expected=1) == 1
