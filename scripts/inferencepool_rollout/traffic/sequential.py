"""Tests of a split that stay exact however often, and at whatever moment, one looks.

For counts x of n requests and asked shares p, the mixture of likelihood ratios over a Dirichlet(1/2, ..., 1/2) prior,

    E(p) = [B(1/2 + x) / B(1/2)] / prod_i p_i^x_i        (B: the multivariate beta function),

is a martingale with mean 1 while p is true. So (Ville 1939) the chance that it ever reaches 1/alpha is at most
alpha: 1/E is a p-value at any stopping time, and the p with E(p) < 1/alpha are a confidence sequence. Robbins 1970
(Annals of Mathematical Statistics 41); Howard, Ramdas, McAuliffe, Sekhon 2021 (Annals of Statistics 49); for
multinomial counts Lindon, Malek 2022 (NeurIPS 35).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.optimize import brentq
from scipy.special import gammaln, xlogy

from inferencepool_rollout.traffic.statistics import shares

_PRIOR = 0.5


def log_e(counts: Sequence[int], weights: Sequence[float]) -> float:
    """Return log E of `counts` requests a pool against the asked `weights`, in the same order.

    Infinite once a pool that was asked nothing got a request. Raises ValueError if the two do not fit together.
    """
    asked, seen = shares(weights), np.asarray(counts, np.float64)
    if seen.shape != asked.shape or np.any(seen < 0):
        raise ValueError(f"{len(asked)} weights need as many counts >= 0, got {list(counts)}")
    prior = np.full(len(asked), _PRIOR)
    return float(_log_beta(prior + seen) - _log_beta(prior) - xlogy(seen, asked).sum())


def anytime_p(counts: Sequence[int], weights: Sequence[float]) -> float:
    """Return a p-value that holds at any stopping time; 0 once a pool that was asked nothing got a request."""
    return math.exp(-max(0.0, log_e(counts, weights)))


def anytime_interval(count: int, requests: int, alpha: float) -> tuple[float, float]:
    """Return one interval of a 1 - alpha confidence sequence for a share: all of them hold at once."""
    if not (0 <= count <= requests and 0 < alpha < 1):
        raise ValueError(f"no interval for {count} of {requests} requests at alpha={alpha}")
    counts = (count, requests - count)

    def excess(share: float) -> float:
        return min(log_e(counts, (share, 1 - share)), 1e300) + math.log(alpha)

    best = count / requests if requests else 0.5
    low = 0.0 if excess(0.0) < 0 else float(brentq(excess, 0.0, best))
    high = 1.0 if excess(1.0) < 0 else float(brentq(excess, best, 1.0))
    return low, high


def _log_beta(parameters: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    """Log of the multivariate beta function."""
    return float(gammaln(parameters).sum() - gammaln(parameters.sum()))
