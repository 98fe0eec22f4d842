"""Requests that a verdict takes, beside the test that knows the distribution and the number of requests.

For independent lognormal latencies the fixed-size test of two percentiles takes, in each pool,

    n = 2 (z_level + z_miss)^2 q (1 - q) / phi(z_q)^2 * (sigma / log(detect / accept))^2

requests to tell `accept` from `detect` with those errors (asymptotic normality of sample quantiles).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri
from scipy.stats import norm

from inferencepool_rollout.traffic.series import Series
from kit.verdict.calibration import LEVEL, MISS
from kit.verdict.judges import Judge
from kit.verdict.traffic import PROBE_RATE, STEADY_SPREAD

PAIRS = ((95, 1.3, 2.0), (95, 1.1, 1.5), (95, 1.05, 1.2), (50, 1.1, 1.3), (50, 1.05, 1.15))
LONGEST = 8.0  # times the fixed-size test's requests
STEP = 0.05  # of the fixed-size test's requests, between two looks


@dataclass(frozen=True)
class Cost:
    """Mean requests to each pool of a verdict, as multiples of the fixed-size test's `fixed`, and wrong verdicts."""

    objective: str
    fixed: float
    kept: float
    violated: float
    wrong: int
    undecided: int
    runs: int


def fixed_size(percentile: float, accept: float, detect: float, level: float = LEVEL, miss: float = MISS) -> float:
    """Return the requests in each pool that the fixed-size test takes."""
    q = percentile / 100
    errors = float(ndtri(1 - level) + ndtri(1 - miss))
    spread = STEADY_SPREAD / math.log(detect / accept)
    return 2 * errors**2 * q * (1 - q) / float(norm.pdf(ndtri(q))) ** 2 * spread**2


def costs(judge: Judge, runs: int, seed: int, tries: Sequence[tuple[float, float, float]] = PAIRS) -> Iterator[Cost]:
    """Yield the cost of each pair; the new pool is exactly at accept (to be kept), then at detect (to be violated)."""
    for percentile, accept, detect in tries:
        fixed = fixed_size(percentile, accept, detect)
        rng, spent, wrong, undecided = np.random.default_rng([seed, int(percentile)]), [], 0, 0
        for ratio, right in ((accept, "kept"), (detect, "violated")):
            ends = [_end(judge, rng, fixed, ratio, percentile, accept, detect) for _ in range(runs)]
            spent.append(float(np.mean([requests for _, requests in ends])) / fixed)
            undecided += sum(state == "open" for state, _ in ends)
            wrong += sum(state not in (right, "open") for state, _ in ends)
        yield Cost(f"p{percentile} {accept:g}/{detect:g}", fixed, spent[0], spent[1], wrong, undecided, runs)


def _end(
    judge: Judge, rng: np.random.Generator, fixed: float, ratio: float, percentile: float, accept: float, detect: float
) -> tuple[str, float]:
    most = int(LONGEST * fixed)
    at = [np.sort(rng.uniform(0, most / PROBE_RATE, most)) for _ in range(2)]
    latency = [rng.lognormal(math.log(0.2 * factor), STEADY_SPREAD, most) for factor in (1.0, ratio)]
    for requests in np.arange(STEP, LONGEST, STEP) * fixed:
        now = float(requests) / PROBE_RATE
        old, new = (Series(*each).until(now) for each in zip(at, latency, strict=True))
        state = judge(old, new, now, accept, detect, percentile, LEVEL, MISS)
        if state != "open":
            return state, float(requests)
    return "open", LONGEST * fixed
