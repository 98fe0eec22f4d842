"""Whether a step passes, judged again and again while it runs: sequential tests that stay valid under peeking.

Each objective has a largest value that is fine (`accept`) and a smallest that must not pass (`detect`), and two
nonnegative supermartingales against either, so that by Ville's inequality (1939) peeking costs nothing:

- Error rate: Wald's sequential probability ratio test of `accept` against `detect` (Wald 1945, Annals of Mathematical
  Statistics 16), with the thresholds 1/level and 1/miss, which are exact bounds where Wald's own are approximate.
- Latency: a confidence sequence of the percentile in each pool (traffic/quantiles.py); violated once the new pool's
  lower bound is above `accept` times the old one's upper bound, kept once its upper bound is below `detect` times the
  old one's lower bound. No distribution is assumed, only that requests are independent draws.

The level of one objective at one step is the plan's alpha shared over steps and objectives. So a rollout whose pool
keeps every objective is rolled back with probability at most alpha, and a step passes a pool that is as bad as one
`detect` with probability at most 1 - power; with enough requests it is rolled back instead. A step that is begun
anew, because the driver was started again, is judged on new requests and spends its share of alpha again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from inferencepool_rollout.evidence.observed import Observed
from inferencepool_rollout.plan import ErrorRate, Latency, Plan, Step, Unit
from inferencepool_rollout.traffic.quantiles import Floats, lower_bound, upper_bound
from inferencepool_rollout.traffic.sequential import anytime_interval


class State(StrEnum):
    """What is known of an objective."""

    OPEN = "open"
    KEPT = "kept"
    VIOLATED = "violated"
    UNKNOWN = "not judged"  # there is nothing to compare with, as at 100 % without requests to the old pool


class Action(StrEnum):
    """What to do with a step."""

    WAIT = "wait"
    PROMOTE = "promote"
    HOLD = "hold"
    ROLL_BACK = "roll back"


FORMATS = {Unit.SHARE: "{:.2%}", Unit.RATIO: "{:.2f}x", Unit.SECONDS: "{:.3g} s"}


@dataclass(frozen=True)
class Finding:
    """What is known of one objective: the seen value and its bounds (NaN and infinite while nothing is known)."""

    name: str
    value: float
    low: float
    high: float
    accept: float
    detect: float
    state: State
    unit: Unit = Unit.RATIO

    def __str__(self) -> str:
        return f"{self.name} {self.state}: {self.seen()}, accepted up to {self.text(self.accept)}"

    def seen(self) -> str:
        """The seen value and its bounds, for people."""
        if math.isnan(self.value):
            return "nothing seen"
        bounds = "" if self.low == self.value == self.high else f" ({self.text(self.low)} to {self.text(self.high)})"
        return f"{self.text(self.value)}{bounds}"

    def text(self, value: float) -> str:
        """A value of this objective, for people."""
        if math.isinf(value):
            return "?"
        return FORMATS[self.unit].format(value)


@dataclass(frozen=True)
class Decision:
    """What to do and why."""

    action: Action
    why: str
    findings: tuple[Finding, ...]


def decide(
    plan: Plan,
    step: Step,
    observed: Observed,
    elapsed: float,
    wrong_split: str = "",
    others: Sequence[Finding] = (),
) -> Decision:
    """Decide about a step that has been looked at for `elapsed` s.

    `wrong_split` says what is wrong with the split; it holds the step, since no pool is to blame for it. `others` are
    objectives that were judged elsewhere (prometheus.py).
    """
    findings = (*judge(plan, observed), *others)
    violated = [finding for finding in findings if finding.state is State.VIOLATED]
    undecided = [finding.name for finding in findings if finding.state is State.OPEN]
    if violated:
        return Decision(Action.ROLL_BACK, "; ".join(map(str, violated)), findings)
    if wrong_split:
        return Decision(Action.HOLD, wrong_split, findings)
    if elapsed >= step.burn_in and observed.requests >= step.requests and not undecided:
        return Decision(Action.PROMOTE, f"every objective is kept after {observed.requests} requests", findings)
    if elapsed >= step.longest:
        missing = f"{' and '.join(undecided)} undecided" if undecided else f"{observed.requests} requests only"
        why = f"{missing} after {elapsed:.0f} s; send more requests (probe.rate) or look longer (longest)"
        return Decision(Action.HOLD, why, findings)
    return Decision(Action.WAIT, "", findings)


def judge(plan: Plan, observed: Observed) -> tuple[Finding, ...]:
    """Judge every objective of the plan by what was observed."""
    latencies = (
        judge_latency(
            each, observed.latency(each.metric, "old"), observed.latency(each.metric, "new"), plan.level, plan.miss
        )
        for each in plan.latency
    )
    errors = judge_errors(plan.error_rate, observed.new_failed, observed.new_requests, plan.level, plan.miss)
    return (errors, *latencies)


def judge_errors(objective: ErrorRate, failed: int, requests: int, level: float, miss: float) -> Finding:
    """Judge the new pool's error rate after `failed` of `requests`."""
    low, high = objective.accept, objective.detect
    log_ratio = failed * math.log(high / low) + (requests - failed) * math.log((1 - high) / (1 - low))
    state = State.OPEN
    if log_ratio >= -math.log(level):
        state = State.VIOLATED
    elif log_ratio <= math.log(miss):
        state = State.KEPT
    lowest, highest = anytime_interval(failed, requests, level)
    value = failed / requests if requests else math.nan
    return Finding(objective.name, value, lowest, highest, low, high, state, Unit.SHARE)


def judge_latency(objective: Latency, old: Floats, new: Floats, level: float, miss: float) -> Finding:
    """Judge a percentile from the latencies of either pool (s, in any order)."""
    q = objective.percentile / 100
    old, new = np.sort(old), np.sort(new)
    low = _ratio(lower_bound(new, q, level / 2), upper_bound(old, q, level / 2), unknown=0.0)
    high = _ratio(upper_bound(new, q, miss / 2), lower_bound(old, q, miss / 2), unknown=math.inf)
    state = State.OPEN
    if not len(old):
        state = State.UNKNOWN
    elif low > objective.accept:
        state = State.VIOLATED
    elif high < objective.detect:
        state = State.KEPT
    value = float(np.quantile(new, q) / np.quantile(old, q)) if len(old) and len(new) else math.nan
    return Finding(objective.name, value, low, high, objective.accept, objective.detect, state)


def fewest_requests(plan: Plan) -> int:
    """Requests to the new pool without which no step can pass: all good, and as fast as can be."""
    errors = plan.error_rate
    fewest = math.ceil(math.log(plan.miss) / math.log((1 - errors.detect) / (1 - errors.accept)))
    size = 1
    for each in plan.latency:
        while math.isinf(upper_bound(np.zeros(size), each.percentile / 100, plan.miss / 2)):
            size += max(1, size // 50)
    return max(fewest, size)


def _ratio(above: float, below: float, unknown: float) -> float:
    return above / below if below > 0 and math.isfinite(above) and math.isfinite(below) else unknown
