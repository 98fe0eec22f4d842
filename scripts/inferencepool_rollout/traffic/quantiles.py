"""Bounds of a quantile that hold however often, and at whatever moment, one looks; no distribution is assumed.

For the true q-quantile Q of independent draws X, P(X <= Q) >= q and P(X < Q) <= q. A value x is refused as too high
for Q once the count of X < x speaks against "at most q", and as too low once the count of X <= x speaks against "at
least q"; what is never refused is a confidence sequence. The evidence is the one-sided mixture martingale

    E = integral over p in (q, 1] of p^k (1-p)^(n-k) dPrior(p) / [q^k (1-q)^(n-k)],    Prior: Beta(1/2, 1/2) on (q, 1],

which for any true share at most q is a supermartingale that starts at 1, so reaches 1/alpha with probability at most
alpha (Ville 1939). Howard, Ramdas 2022 (Bernoulli 28, "Sequential estimation of quantiles with applications to
A/B testing and best-arm identification"); Darling, Robbins 1967 (PNAS 58).
"""

from __future__ import annotations

import functools
import math

import numpy as np
import numpy.typing as npt
from scipy.special import betaincc

Floats = npt.NDArray[np.float64]

_PRIOR = 0.5


def log_e_above(count: int, requests: int, share: float) -> float:
    """Return log E of `count` of `requests` against a true share of at most `share` (0..1, exclusive)."""
    if not (0 <= count <= requests and 0 < share < 1):
        raise ValueError(f"no evidence in {count} of {requests} requests against {share}")
    mixture = _log_beta_above(count + _PRIOR, requests - count + _PRIOR, share) - _log_beta_above(_PRIOR, _PRIOR, share)
    return mixture - count * math.log(share) - (requests - count) * math.log1p(-share)


def upper_bound(values: Floats, q: float, alpha: float) -> float:
    """Return an upper bound of the q-quantile from sorted `values`; infinite while they are too few.

    With probability 1 - alpha it is true at every size of a growing sample.
    """
    below = _least_refused(len(values), q, alpha)
    return float(values[below - 1]) if below else math.inf


def lower_bound(values: Floats, q: float, alpha: float) -> float:
    """Return a lower bound of the q-quantile likewise; minus infinity while `values` are too few."""
    above = _least_refused(len(values), 1 - q, alpha)
    return float(values[len(values) - above]) if above else -math.inf


def _log_beta_above(a: float, b: float, share: float) -> float:
    """Log of the integral of p^(a-1) (1-p)^(b-1) over (share, 1]; minus infinity where it is negligible."""
    tail = float(betaincc(a, b, share))
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b) + math.log(tail) if tail > 0 else -math.inf


@functools.lru_cache(maxsize=4096)
def _least_refused(requests: int, share: float, alpha: float) -> int:
    """The least count of `requests` that speaks against "at most `share`"; 0 if none does."""

    def refuses(count: int) -> bool:
        return log_e_above(count, requests, share) >= -math.log(alpha)

    if not requests or not refuses(requests):
        return 0
    low, high = math.ceil(share * requests), requests  # evidence grows with the count from here on
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if refuses(middle) else (middle + 1, high)
    return high
