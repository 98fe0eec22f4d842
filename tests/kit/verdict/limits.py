"""What no judge can exceed, computed: the best test where the dependence is known, and the best use of a percentile.

A judge at a limit, within the noise of its runs, has nothing left to gain. A requirement beyond it is unattainable.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from kit.verdict.calibration import LOOKS, MISS, OBJECTIVES, SLOW, Objective, name_of
from kit.verdict.servers import Floats
from kit.verdict.traffic import DRIFT_SIGMA, DRIFT_SPREAD, PROBE_RATE, Pair, seen

POWER = 0.99
FALSE = {10: 0.01, 60: 0.01, 300: 0.02}
"""Of each memory of own drift (s), the share of equal pools that may be rolled back."""
EARLIEST_LOOK = 100  # s


@functools.cache
def separation(memory: float, seconds: float) -> float:
    """Return how many standard deviations a pool SLOW times as slow is from an equal one, after `seconds`.

    Both pools' mean logarithms of each second differ by log(SLOW), beside an AR(1) process of known variance and memory
    and the noise of the requests. So both hypotheses are normal with one covariance, and the best test (Neyman, Pearson
    1933) is that of the generalised mean.
    """
    times = np.arange(seconds)
    drift = 2 * DRIFT_SIGMA**2 * np.exp(-np.abs(np.subtract.outer(times, times)) / memory)
    noise = 2 * DRIFT_SPREAD**2 / PROBE_RATE * np.eye(len(times))
    ones = np.ones(len(times))
    return math.log(SLOW) * math.sqrt(ones @ np.linalg.solve(drift + noise, ones))


@dataclass(frozen=True)
class Soon:
    """Own drift: the largest power within a minute, and the seconds that POWER takes at least."""

    memory: int
    false: float
    power: float
    seconds: int


def soon(seconds: int) -> Iterator[Soon]:
    """Yield the limit of each memory of own drift for a pool SLOW times as slow, after `seconds`."""
    for memory, false in FALSE.items():
        needed = float(ndtri(1 - false) + ndtri(POWER))
        enough = next(each for each in range(10, 3600, 10) if separation(memory, each) >= needed)
        yield Soon(memory, false, float(ndtr(separation(memory, seconds) - ndtri(1 - false))), enough)


@dataclass(frozen=True)
class Kept:
    """Equal pools that a test of the percentile's ratio alone keeps at most, and the moment (s) at which it does."""

    traffic: str
    objective: str
    share: float
    seconds: int


def kept(name: str, drawn: Sequence[Pair], objectives: Sequence[Objective] = OBJECTIVES) -> Iterator[Kept]:
    """Yield how many equal pools the best such test keeps while it passes MISS of the pools as bad as `detect`.

    It knows the distribution of the ratio in this very traffic at every moment, which no judge does, and is asked once,
    at the moment that suits it best. A pool is as likely the faster as the slower one, so each pair counts both ways.
    """
    for objective in objectives:
        metric, percentile, _, detect = objective
        best = Kept(name, name_of(objective), -1.0, 0)
        for look in (each for each in LOOKS if each >= EARLIEST_LOOK):
            logs = _log_ratios(drawn, metric, percentile, look)
            limit = np.quantile(logs, MISS) + math.log(detect)
            share = float(np.mean(logs < limit))
            best = max(best, Kept(name, name_of(objective), share, look), key=lambda each: each.share)
        yield best


def _log_ratios(drawn: Sequence[Pair], metric: str, percentile: float, look: float) -> Floats:
    ends = [seen(pair, metric, look) for pair in drawn]
    logs = np.array(
        [
            math.log(np.percentile(new.latency, percentile) / np.percentile(old.latency, percentile))
            for old, new in ends
            if len(old.latency) and len(new.latency)
        ]
    )
    return np.concatenate([logs, -logs])
