"""A new pool that is several times as slow as the old one, seen within a minute.

Two rules, on the mean of the logarithms of the ratios at three quartiles. It is so much at once that few requests and
little time suffice, but how much two equal pools may differ over a minute cannot be learnt in that minute. So this is
assumed:

- Equal pools do not differ by a factor of GROSS throughout a minute.
- The level of each pool's latency drifts on its own with a standard deviation of 0.5 of the logarithm at most (so the
  difference's variance is at most VARIANCE). Then how much the difference changes from block to block says how long
  its memory is, and that says how much the mean of a minute may be off. More than DEVIATIONS of that, and than LEAST,
  is too much.

Requests in flight count too: a pool that is slow shows it first by requests that have no first token yet. Each is
censored at the time that it has taken so far, and since that depends on when it was sent and not on its latency, the
product-limit estimate of the quartiles holds (Kaplan, Meier 1958, Journal of the American Statistical Association 53).
A quartile beyond all that was seen counts as the longest time in the new pool, and as infinite in the old one.
"""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np

from inferencepool_rollout.traffic.drift import Floats
from inferencepool_rollout.traffic.series import Series

GROSS, GROSS_LATER, LEAST, DEVIATIONS = 5.0, 7.5, 2.5, 2.6
REQUESTS = 20  # to each pool
SECONDS, LATER_SECONDS = 50.0, 75.0
LEAST_SECONDS = 1e-6  # of a latency; tokens that come together have none between them
MARKS = (0.25, 0.5, 0.75)
VARIANCE = 2 * 0.5**2
MOST_BLOCKS, FEWEST_BLOCKS, REQUESTS_OF_BLOCK = 24, 8, 5


class Gross:
    """What the requests of a window, from `began` to `now`, say about a new pool that is several times as slow."""

    def __init__(self, old: Series, new: Series, began: float, now: float) -> None:
        self._old, self._new, self._began, self._seconds = old, new, began, now - began

    def slower(self, ratio: float) -> bool:
        """Whether the new pool is much slower than `ratio` times the old one.

        A window is judged often, so only once it is a minute old both rules hold; later it must be GROSS_LATER times.
        """
        if self._seconds < SECONDS or not self.least_ratio > 0:
            return False
        beyond = math.log(self.least_ratio / ratio)
        if self._seconds >= LATER_SECONDS:
            return beyond >= math.log(GROSS_LATER)
        return beyond >= math.log(GROSS) or beyond >= max(math.log(LEAST), DEVIATIONS * self.spread)

    @cached_property
    def least_ratio(self) -> float:
        """The least ratio of quartiles, new to old, in the geometric mean; NaN for fewer than REQUESTS."""
        quartiles = []
        for series, beyond in ((self._new, None), (self._old, math.inf)):
            ended = np.concatenate([series.latency, series.unsettled])
            if len(ended) + len(series.pending) < REQUESTS:
                return math.nan
            quartiles.append(_quartiles(ended, series.pending, beyond))
        ratios = quartiles[0] / quartiles[1]
        return math.exp(np.log(ratios).mean()) if ratios.all() else 0.0

    @cached_property
    def spread(self) -> float:
        """The standard deviation of the difference of the mean logarithms of two equal pools' latencies in the window.

        The difference is an AR(1) process of variance VARIANCE beside the noise of single requests. Half the mean
        square of its changes from block to block, less the noise, is VARIANCE (1 - correlation of neighbouring blocks).
        """
        old, new = self._old, self._new
        blocks = min(len(old.ended), len(new.ended), MOST_BLOCKS * REQUESTS_OF_BLOCK) // REQUESTS_OF_BLOCK
        if blocks < FEWEST_BLOCKS:
            return math.sqrt(VARIANCE)
        length = max(old.ended[-1], new.ended[-1]) - self._began
        parts = [_blocks(series, self._began, length, blocks) for series in (old, new)]
        both = (parts[0][0] > 0) & (parts[1][0] > 0)
        difference = (parts[1][1] - parts[0][1])[both]
        if len(difference) < FEWEST_BLOCKS:
            return math.sqrt(VARIANCE)
        noise = sum(float((within / counts[both]).mean()) for counts, _, within in parts)
        changes = float((np.diff(difference) ** 2).mean() / 2) - noise
        correlation = float(np.clip(1 - changes / VARIANCE, 0, 1))
        whole = max(len(difference), round(blocks * self._seconds / length))  # blocks, the unsettled seconds included
        lags = np.arange(1, whole)
        shared = 1 + 2 * float(((1 - lags / whole) * correlation**lags).sum())
        return math.sqrt((VARIANCE * shared + noise) / whole)


def _quartiles(ended: Floats, pending: Floats, beyond: float | None) -> Floats:
    """Return the product-limit estimate of MARKS; `beyond` stands for what is longer than all that was seen."""
    times = np.maximum(np.concatenate([ended, pending]), LEAST_SECONDS)
    is_pending = np.arange(len(times)) >= len(ended)
    order = np.lexsort((is_pending, times))
    times, at_risk = times[order], np.arange(len(times), 0, -1)
    surviving = np.cumprod(np.where(is_pending[order], 1.0, 1 - 1 / at_risk))
    longest = times[-1] if beyond is None else beyond
    quartiles: Floats = np.append(times, longest)[np.searchsorted(-surviving, [mark - 1 for mark in MARKS])]
    return quartiles


def _blocks(series: Series, began: float, length: float, blocks: int) -> tuple[Floats, Floats, float]:
    """Requests of each block, the mean logarithm of their latencies, and its variance within blocks."""
    waiting = series.ended - series.latency - began  # by when it began, since slow requests end in another order
    at = np.clip((waiting * (blocks / length)).astype(np.int64), 0, blocks - 1)
    logs = np.log(np.maximum(series.latency, LEAST_SECONDS))
    counts = np.bincount(at, minlength=blocks).astype(np.float64)
    means = np.bincount(at, logs, blocks) / np.maximum(counts, 1)
    within = float(((logs - means[at]) ** 2).sum() / max(np.maximum(counts - 1, 0).sum(), 1))
    return counts, means, within
