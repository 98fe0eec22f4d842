"""Judges of latency: the driver's, and what else rollouts are judged by.

A judge is called again and again while a step runs, with what has ended so far, and answers "kept", "violated" or
"open". Its two series are what the probe has seen by `now`, in seconds since the step began.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.special import ndtri

from inferencepool_rollout.evidence.decision import latency_state
from inferencepool_rollout.plan.objectives import Latency
from inferencepool_rollout.traffic.paired import Paired
from inferencepool_rollout.traffic.series import Series
from kit.verdict.servers import Floats

Judge = Callable[[Series, Series, float, float, float, float, float, float], str]
"""(old, new, now, accept, detect, percentile, level, miss) -> "kept", "violated" or "open"."""

CHECK_SECONDS = 60.0  # how often Argo Rollouts and Flagger check in their own examples, and over which window
ARGO_FAILURES, FLAGGER_FAILURES = 4, 5  # checks that fail before the rollback: failureLimit 3; threshold 5
FLAGGER_CHECKS, ARGO_CHECKS = 10, 10  # checks after which the step is over


def driver(
    old: Series, new: Series, now: float, accept: float, detect: float, percentile: float, level: float, miss: float
) -> str:
    """Judge as the driver does."""
    objective = Latency(metric="e2e", percentile=percentile, accept=accept, detect=detect)
    return str(latency_state(objective, Paired(old, new, percentile / 100, 0.0, now=now), level, miss))


def fixed_size(
    old: Series, new: Series, now: float, accept: float, detect: float, percentile: float, level: float, miss: float
) -> str:
    """Judge by an ordinary test of two shares, as if each look were the only one and requests were independent."""
    q = percentile / 100
    if min(len(old.latency), len(new.latency)) * min(q, 1 - q) < 5:
        return "open"
    if _share_test(old.latency, new.latency, accept, q) > -ndtri(level):
        return "violated"
    return "kept" if _share_test(old.latency, new.latency, detect, q) < ndtri(miss) else "open"


def _share_test(old: Floats, new: Floats, ratio: float, q: float) -> float:
    common = np.quantile(np.concatenate([old, new / ratio]), q)
    above_old, above_new = np.mean(old > common), np.mean(new / ratio > common)
    share = (above_old + above_new) / 2
    noise = math.sqrt(max(share * (1 - share), 1e-12) * (1 / len(old) + 1 / len(new)))
    return float((above_new - above_old) / noise)


def argo(
    old: Series, new: Series, now: float, accept: float, detect: float, percentile: float, level: float, miss: float
) -> str:
    """Judge by a threshold as an AnalysisTemplate of Argo Rollouts: new/old at most accept, each minute."""
    return _threshold(old, new, accept, percentile, ARGO_FAILURES, ARGO_CHECKS)


def flagger(
    old: Series, new: Series, now: float, accept: float, detect: float, percentile: float, level: float, miss: float
) -> str:
    """Judge by a threshold as in a Canary of Flagger: thresholdRange.max accept each minute."""
    return _threshold(old, new, accept, percentile, FLAGGER_FAILURES, FLAGGER_CHECKS)


def _threshold(old: Series, new: Series, accept: float, percentile: float, failures: int, checks: int) -> str:
    done = int(min(old.ended[-1], new.ended[-1]) // CHECK_SECONDS) if len(old.ended) and len(new.ended) else 0
    failed = 0
    for check in range(min(done, checks)):
        values = [_minute(series, check, percentile) for series in (old, new)]
        failed += bool(values[1] > accept * values[0])
        if failed >= failures:
            return "violated"
    return "kept" if done >= checks else "open"


def _minute(series: Series, number: int, percentile: float) -> float:
    begin, end = np.searchsorted(series.ended, (number * CHECK_SECONDS, (number + 1) * CHECK_SECONDS))
    return float(np.percentile(series.latency[begin:end], percentile)) if end > begin else 0.0


JUDGES: dict[str, Judge] = {
    "the driver": driver,
    "a fixed-size test at every look": fixed_size,
    "Argo Rollouts' threshold": argo,
    "Flagger's threshold": flagger,
}
