"""Exact tests of a split after a fixed number of requests: binomial, multinomial, power and sample size.

A split is asked as weights (ratios, as in an HTTPRoute's backendRefs) and every request is an independent draw.
Where a pool is asked everything or nothing there is no chance left: one request on the wrong side is p = 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import gammaln
from scipy.stats import binom, binomtest, norm

Floats = npt.NDArray[np.float64]

_REQUESTS = 2**17  # end of the search for a sample size
_CELLS = 2_000_000  # largest table that the multinomial test goes through
_NEGLIGIBLE = 1e-12  # probability that it may leave out, and then adds to p
_TIE = 1e-9  # outcomes whose log-probabilities differ by less count as equally likely


def shares(weights: Sequence[float]) -> Floats:
    """Return weights as shares of 1; raises ValueError unless all are >= 0 and one is positive."""
    parts = np.asarray(weights, np.float64)
    if parts.ndim != 1 or not np.all(np.isfinite(parts)) or np.any(parts < 0) or not parts.sum() > 0:
        raise ValueError(f"weights must be numbers >= 0 with one above 0, got {list(weights)}")
    fractions: Floats = parts / parts.sum()
    return fractions


def binomial_p(count: int, requests: int, asked: float) -> float:
    """Return the exact two-sided p-value of `count` of `requests` where the share `asked` (0..1) was due.

    Twice the smaller tail, at most 1: the test whose acceptance is `asked` lying in clopper_pearson's interval.
    """
    _check(count, requests, asked)
    below, above = binom.cdf(count, requests, asked), binom.sf(count - 1, requests, asked)
    return float(min(1.0, 2 * min(below, above)))


def clopper_pearson(count: int, requests: int, alpha: float) -> tuple[float, float]:
    """Return the exact 1 - alpha confidence interval of a share (Clopper & Pearson 1934, Biometrika 26)."""
    _check(count, requests, alpha)
    found = binomtest(count, requests).proportion_ci(confidence_level=1 - alpha, method="exact")
    return float(found.low), float(found.high)


def power(asked: float, detect: float, alpha: float, requests: int) -> float:
    """Return the exact probability that the binomial test at level alpha refuses `asked` when `detect` is true."""
    _check(0, requests, asked)
    _check(0, requests, detect)
    return float(_power(asked, detect, alpha, np.array([requests]))[0])


def sample_size(asked: float, detect: float, alpha: float, power: float) -> int:
    """Return the fewest requests from which on the binomial test at level alpha has at least `power`.

    Exact power is a saw-tooth in the number of requests; the answer is where it stays above, not where it first
    gets there. Raises ValueError beyond some 65,000, if `asked` equals `detect`, or if a number is no probability.
    """
    if not (0 <= asked <= 1 and 0 <= detect <= 1 and 0 < alpha < 1 and 0 < power < 1) or asked == detect:
        raise ValueError(f"no sample size for asked={asked}, detect={detect}, alpha={alpha}, power={power}")
    deviations = norm.isf(alpha / 2) * _deviation(asked) + norm.isf(1 - power) * _deviation(detect)
    end = 64 + 2 * round((deviations / (asked - detect)) ** 2)  # twice the normal approximation, to begin with
    while end <= _REQUESTS:
        reached = _power(asked, detect, alpha, np.arange(1, end + 1)) >= power
        missed = np.flatnonzero(~reached)
        last = int(missed[-1]) + 1 if missed.size else 0
        if 2 * last <= end:  # beyond twice the last miss the saw's teeth are far too small to miss again
            return last + 1
        end *= 2
    raise ValueError(f"telling {detect} from {asked} takes more than {_REQUESTS // 2:,} requests")


def detectable(asked: float, requests: int, alpha: float, power: float) -> tuple[float, float]:
    """Return (low, high): the binomial test at level alpha refuses true shares outside with at least `power`.

    On a side where no share is refused so surely, the end of the scale (0 or 1) stands.
    """
    _check(0, requests, asked)

    def missing(detect: float) -> float:
        return power - float(_power(asked, detect, alpha, np.array([requests]))[0])

    low = float(brentq(missing, 0.0, asked)) if asked > 0 and missing(0.0) < 0 else 0.0
    high = float(brentq(missing, asked, 1.0)) if asked < 1 and missing(1.0) < 0 else 1.0
    return low, high


def _deviation(share: float) -> float:
    """Standard deviation of one request."""
    return math.sqrt(share * (1 - share))


def _power(asked: float, detect: float, alpha: float, requests: npt.NDArray[Any]) -> Floats:
    """Power for each number of requests: the probability under `detect` of the two tails refused under `asked`."""
    # Refused are count < low (P(X <= count) <= alpha/2) and count > high (P(X >= count) <= alpha/2).
    low = binom.ppf(alpha / 2, requests, asked)
    low = np.where(binom.cdf(low, requests, asked) <= alpha / 2, low + 1, low)
    high = binom.isf(alpha / 2, requests, asked)
    return np.asarray(binom.cdf(low - 1, requests, detect) + binom.sf(high, requests, detect), np.float64)


def multinomial_p(counts: Sequence[int], weights: Sequence[float]) -> float:
    """Return the exact p-value of `counts` requests a pool where `weights` were asked, in the same order.

    The probability of all outcomes that are no likelier than the one seen, without simulation: every way of filling
    all but two pools is gone through (leaving out outcomes of 1e-12 in all, which p then contains), and in the last
    two the unlikely outcomes are the two tails of a binomial. With two pools it is binomial_p. Raises ValueError
    where that would take too long: beyond four pools at some thousand requests.
    """
    asked = shares(weights)
    seen = np.asarray(counts, np.int64)
    if seen.shape != asked.shape or np.any(seen < 0) or not seen.sum() > 0:
        raise ValueError(f"{len(asked)} weights need as many counts >= 0 with one above 0, got {list(counts)}")
    if np.any(seen[asked == 0] > 0):
        return 0.0
    seen, asked = seen[asked > 0], asked[asked > 0]
    if len(asked) == 1:
        return 1.0
    requests = int(seen.sum())
    if len(asked) == 2:
        return binomial_p(int(seen[0]), requests, float(asked[0]))
    return min(1.0, _multinomial_tail(seen, asked) + _NEGLIGIBLE)


def _multinomial_tail(seen: npt.NDArray[np.int64], asked: Floats) -> float:
    """Probability of the outcomes no likelier than `seen`, three pools or more, all asked shares positive."""
    order = np.argsort(asked)  # the two largest pools last: fewest ways of filling the others
    seen, asked = seen[order], asked[order]
    requests = int(seen.sum())
    head = asked[:-2]
    left_out = _NEGLIGIBLE / 2 / len(head)
    ranges = [
        np.arange(binom.ppf(left_out, requests, share), binom.isf(left_out, requests, share) + 1) for share in head
    ]
    if math.prod(len(each) for each in ranges) > _CELLS:
        raise ValueError(f"{len(asked)} pools and {requests} requests are too many for an exact test")
    filled = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, len(head))
    rest = requests - filled.sum(axis=1)
    filled, rest = filled[rest >= 0], rest[rest >= 0]

    limit = float(_log_pmf(seen[np.newaxis], asked)[0])
    # log P(filled, j, rest - j) = base + log of a binomial's pmf at j
    last_two = float(asked[-2:].sum())
    conditional = float(asked[-2] / last_two)
    base = _log_pmf(np.column_stack([filled, rest]), np.append(head, last_two))
    low, high = _unlikely_tails(limit + _TIE - base, rest, conditional)
    tails = binom.cdf(low, rest, conditional) + binom.sf(high - 1, rest, conditional)
    return float(np.sum(np.exp(base) * np.where(low >= high - 1, 1.0, tails)))


def _log_pmf(outcomes: npt.NDArray[Any], asked: Floats) -> Floats:
    """Log-probability of each row of `outcomes` (counts a pool)."""
    logs: Floats = gammaln(outcomes.sum(axis=1) + 1) - gammaln(outcomes + 1).sum(axis=1) + outcomes @ np.log(asked)
    return logs


def _unlikely_tails(room: Floats, requests: Floats, share: float) -> tuple[Floats, Floats]:
    """Return (low, high): counts j <= low and j >= high are those with log binomial pmf(j) <= room.

    Vectorised bisection on either side of the mode, where the pmf is monotone.
    """
    mode = np.floor((requests + 1) * share).clip(0, requests)

    def fits(j: Floats) -> npt.NDArray[np.bool_]:
        inside = (j >= 0) & (j <= requests)
        return ~inside | (binom.logpmf(j.clip(0, requests), requests, share) <= room)

    ends = []
    for outside, step in ((np.full_like(mode, -1.0), -1.0), (requests + 1, 1.0)):
        good, bad = outside, np.where(fits(mode), mode - step, mode)
        while np.any(np.abs(good - bad) > 1):
            middle = np.floor((good + bad) / 2)
            moved = fits(middle)
            good, bad = np.where(moved, middle, good), np.where(moved, bad, middle)
        ends.append(good)
    return ends[0], ends[1]


def _check(count: int, requests: int, share: float) -> None:
    if not (0 <= count <= requests and requests > 0 and 0 <= share <= 1):
        raise ValueError(f"no {count} of {requests} requests at {share}: need 0 <= count <= requests, 0 <= share <= 1")
