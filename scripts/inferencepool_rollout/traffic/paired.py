"""The ratio of a percentile of two pools that serve the same traffic at the same time, from dependent requests.

For a ratio r, the new pool's latencies are divided by r, and c is the percentile of both pools together. If the pools'
percentiles differ by r, both have the same share below c; the difference of the shares' normal quantiles says how far
they do not, on the scale of a normal distribution (so no density of latencies is estimated, which fails where a
distribution has two humps, as TTFT under bursts has). Its variance has three parts:

- of independent requests, q (1 - q) / phi(z_q)^2 a request (Bahadur 1966, Annals of Mathematical Statistics 37);
- of drift (drift.py), which is weighed first by normal scores of all requests in their own pool (van der Waerden), then
  by those above the percentile: both as differences between the pools, block by block;
- of few clusters: where the requests around the percentile come from K bursts, each burst's height counts once, so the
  difference has Student's distribution with K - 1 degrees of freedom and is 1/(1 - 1/K) as uncertain (its leverage).

What is assumed: pools that are equal are so in every stretch of traffic, up to a drift whose memory is at most
LONGEST_MEMORY. A window that is too short shows no drift though there is one, so nothing is said before `earliest` s,
and before three times that where the pools are seen to drift apart on their own.
"""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
from scipy.special import ndtr, ndtri, stdtr

from inferencepool_rollout.traffic import drift
from inferencepool_rollout.traffic.drift import BLOCKS, VARIANCES, Floats
from inferencepool_rollout.traffic.gross import Gross
from inferencepool_rollout.traffic.series import Series

EARLIEST = 100.0  # s
SETTLED = 3  # times `earliest`
SEEN_DRIFT = 0.1  # probability of a drift from which on it counts as seen
FEWEST_BEYOND = 5  # requests of either pool beyond the percentile
NEVER = 1e-300


class Paired:
    """What two pools' requests say about the ratio of their q-quantiles (0 < q < 1), new to old."""

    def __init__(
        self,
        old: Series,
        new: Series,
        q: float,
        began: float,
        earliest: float = EARLIEST,
        now: float = -math.inf,
    ) -> None:
        """Compare requests of a window that began at `began`; `now` is the time for which they are pending."""
        self._old, self._new, self._q, self._began, self._earliest = old, new, q, began, earliest
        self._now = now
        self._order_old, self._order_new = np.argsort(old.latency), np.argsort(new.latency)
        self._sorted_old, self._sorted_new = old.latency[self._order_old], new.latency[self._order_new]

    @property
    def seconds(self) -> float:
        """Length of the window so far."""
        last = [float(series.ended[-1]) for series in (self._old, self._new) if len(series.ended)]
        return max(last, default=self._began) - self._began

    @property
    def enough(self) -> bool:
        """Whether both pools have requests beyond the percentile, in a window that can show its memory."""
        fewest = min(len(self._sorted_old), len(self._sorted_new)) * min(self._q, 1 - self._q)
        if fewest < FEWEST_BEYOND or self.seconds < self._earliest:
            return False
        return not self.early or self._posterior[0] < SEEN_DRIFT

    @property
    def early(self) -> bool:
        """Whether the window is too short to show a drift that lasts."""
        return self.seconds < SETTLED * self._earliest

    def until(self, share: float) -> Paired:
        """Return the first `share` of the window."""
        time = self._began + share * self.seconds
        return Paired(self._old.until(time), self._new.until(time), self._q, self._began, self._earliest)

    def ratio(self) -> float:
        """Return the ratio of the percentiles seen; without a fair sample Gross.least_ratio."""
        if not (len(self._sorted_old) and len(self._sorted_new)):
            return self._gross.least_ratio
        return float(np.quantile(self._sorted_new, self._q) / np.quantile(self._sorted_old, self._q))

    def evidence(self, ratio: float) -> float:
        """Return the evidence that the true ratio is above `ratio` (positive) or below it, a standard normal value."""
        weights, spread, clusters = self._spread
        common = self._common(ratio)
        below_old = (np.searchsorted(self._sorted_old, common, "right") + 0.5) / (len(self._sorted_old) + 1)
        below_new = (np.searchsorted(self._sorted_new, common * ratio, "right") + 0.5) / (len(self._sorted_new) + 1)
        apart = float(ndtri(below_old) - ndtri(below_new))
        values = abs(apart) / spread
        tails = ndtr(-values) if clusters >= BLOCKS else stdtr(max(clusters - 1, 0.3), -values)
        return math.copysign(-float(ndtri(max(float((weights * tails).sum()), NEVER))), apart)

    def grossly(self, ratio: float) -> bool:
        """Whether the new pool is so much slower than `ratio` times the old one that a minute shows it (gross.py)."""
        return self._gross.slower(ratio)

    @cached_property
    def _gross(self) -> Gross:
        return Gross(self._old, self._new, self._began, max(self._now, self._began + self.seconds))

    @cached_property
    def _posterior(self) -> tuple[float, Floats]:
        """The probability of a drift, and of each variance and memory at the percentile before any request is seen."""
        scores = self._difference(self._scores[0], self._scores[1])
        weights, _ = drift.weigh(drift.prior(self.seconds), scores * math.sqrt(self._pairs), self._pairs * VARIANCES)
        return float(1 - weights[0].sum()), drift.elsewhere().T @ weights

    @cached_property
    def _spread(self) -> tuple[Floats, Floats, float]:
        """The weight of each variance and memory, the difference's standard deviation under each, and the clusters."""
        q = self._q
        density = math.exp(-(float(ndtri(q)) ** 2) / 2) / math.sqrt(2 * math.pi)
        noise = q * (1 - q) / density**2
        above_old = (self._old.latency > self._sorted_old[int(q * len(self._sorted_old))]).astype(np.float64)
        above_new = (self._new.latency > self._sorted_new[int(q * len(self._sorted_new))]).astype(np.float64)
        blocks = self._difference(above_old - above_old.mean(), above_new - above_new.mean())
        variances = self._pairs * VARIANCES / noise
        weights, excess = drift.weigh(
            self._posterior[1], blocks * math.sqrt(self._pairs / (q * (1 - q))), variances, least_noise=1.0
        )
        clusters = self._clusters()
        leverage = 1.0 if clusters >= BLOCKS else clusters / max(clusters - 1, 1e-9)
        spread = excess * noise / (self._pairs * BLOCKS) * (1 + np.outer(variances, drift.spectrum().sums) / BLOCKS)
        return weights, np.sqrt(spread * leverage), clusters

    def _clusters(self) -> float:
        """How many clusters the requests around the percentile come from."""
        half = min(self._q, 1 - self._q) / 2
        low, high = (float(ndtri(self._q + side)) for side in (-half, half))
        old, new = ((scores > low) & (scores < high) for scores in self._scores)
        count = np.bincount(self._blocks[0], old, BLOCKS) + np.bincount(self._blocks[1], new, BLOCKS)
        return drift.clusters(count.astype(np.float64))

    @cached_property
    def _pairs(self) -> float:
        """Pairs of requests in a block: half the harmonic mean of the pools' numbers."""
        return 1 / (1 / len(self._sorted_old) + 1 / len(self._sorted_new)) / BLOCKS

    @cached_property
    def _blocks(self) -> tuple[drift.Integers, drift.Integers]:
        length = self.seconds * (1 + 1e-9)
        old, new = (drift.block_of(series.ended - self._began, length) for series in (self._old, self._new))
        return old, new

    @cached_property
    def _scores(self) -> tuple[Floats, Floats]:
        """The normal score of each request's rank in its own pool."""
        return _normal_scores(self._order_old), _normal_scores(self._order_new)

    def _difference(self, old: Floats, new: Floats) -> Floats:
        """The difference in each block of what requests add to their pools' means, times BLOCKS."""
        sums = [
            np.bincount(at, values, BLOCKS) / len(values) for at, values in zip(self._blocks, (old, new), strict=True)
        ]
        difference: Floats = (sums[1] - sums[0]) * BLOCKS
        return difference

    def _common(self, ratio: float) -> float:
        """The q-quantile of both pools together, each with weight one half, the new one's latencies over `ratio`."""
        old, new, q = self._sorted_old, self._sorted_new, self._q
        ends = old[int(q * len(old))], new[int(q * len(new))] / ratio
        low, high = min(ends) * (1 - 1e-9), max(ends) * (1 + 1e-9)
        for _ in range(20):
            middle = (low + high) / 2
            below = np.searchsorted(old, middle, "right") / len(old)
            below += np.searchsorted(new, middle * ratio, "right") / len(new)
            low, high = (middle, high) if below < 2 * q else (low, middle)
        return float(high)


def _normal_scores(order: drift.Integers) -> Floats:
    scores = np.empty(len(order))
    scores[order] = ndtri((np.arange(len(order)) + 0.5) / len(order))
    return scores
