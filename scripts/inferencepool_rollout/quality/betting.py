"""Whether the mean of bounded numbers is above or below a bound, asked after every number.

The evidence against "the mean is at most m" is the wealth of a gambler who bets on larger numbers,

    K_n = average over bets b of prod_i (1 + b (x_i - m)),   0 <= b < 1 / (m - low),

which starts at 1, is never negative, and does not grow on average while each number's mean, given those before it, is
at most m. So the probability that it ever reaches 1/level is at most level (Ville 1939), whatever the numbers'
distribution and however often one asks. Averaging over a grid of bets needs no tuning and adapts to the variance:
Waudby-Smith and Ramdas 2024, "Estimating means of bounded random variables by betting", Journal of the Royal
Statistical Society B 86. For numbers in {-1, 0, 1} and m = 0 it is the sequential form of McNemar's test (1947,
Psychometrika 12): only discordant pairs move it, each as a fair coin would.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from inferencepool_rollout.traffic.quantiles import Floats

BETS = np.geomspace(0.01, 0.99, 25)
"""Bets, as shares of the largest that cannot lose everything."""
BISECTIONS = 30


@dataclass(frozen=True)
class Bounded:
    """Numbers, each from `low` to `high`, in the order in which they were drawn."""

    values: Floats
    low: float
    high: float

    def above(self, mean: float) -> float:
        """Return the largest log evidence so far against "the mean is at most `mean`"; 0 before the first number."""
        if not len(self.values) or mean >= self.high:
            return 0.0
        if mean < self.low:
            return math.inf
        # At the lower end itself no bet can lose; the grid ends where a bet gains as much as it can at the other end.
        bets = BETS / max(mean - self.low, 1e-3 * (self.high - self.low))
        wealth = np.cumsum(np.log1p(np.outer(bets, self.values - mean)), axis=1)
        return max(0.0, float(_average(wealth).max()))

    def below(self, mean: float) -> float:
        """Return the largest log evidence so far against "the mean is at least `mean`"."""
        return Bounded(-self.values, -self.high, -self.low).above(-mean)

    def mean(self) -> float:
        """The numbers' mean, NaN where there are none."""
        return float(self.values.mean()) if len(self.values) else math.nan

    def at_least(self, level: float) -> float:
        """Return a bound that the mean is below with probability `level` at most, at whatever moment one looks."""
        return self._bound(level)

    def at_most(self, level: float) -> float:
        """Return the same bound from above."""
        return -Bounded(-self.values, -self.high, -self.low)._bound(level)

    def _bound(self, level: float) -> float:
        refused, left = self.low, self.high
        if not len(self.values) or self.above(refused) < -math.log(level):
            return self.low
        for _ in range(BISECTIONS):
            middle = (refused + left) / 2
            refused, left = (middle, left) if self.above(middle) >= -math.log(level) else (refused, middle)
        return refused


def fewest(distance: float, reach: float, miss: float) -> int:
    """Return how many numbers of the best kind show that a mean is below a bound.

    `distance` is from the numbers seen to the bound, `reach` from the bound to the end beyond it.
    """
    one = np.arange(1, 100_001)
    bets = BETS / reach
    wealth = _average(np.log1p(bets * distance)[:, None] * one)
    return int(one[np.searchsorted(wealth, -math.log(miss))]) if wealth[-1] >= -math.log(miss) else int(one[-1])


def _average(logs: Floats) -> Floats:
    """Log of the average over the first axis of numbers that are given by their logs."""
    largest = logs.max(axis=0)
    averages: Floats = largest + np.log(np.exp(logs - largest).mean(axis=0))
    return averages
