"""Whether a step passes, judged again and again while it runs, on requests that depend on each other.

Each objective has a largest value that is fine (`accept`) and a smallest that must not pass (`detect`):

- Error rate, and the share of requests beyond limits of latency (goodput): Wald's sequential probability ratio test of
  `accept` against `detect` (Wald 1945, Annals of Mathematical Statistics 16) with the thresholds 1/level and 1/miss,
  adapted to bursts (traffic/bursts.py). Against the pool its evidence is divided by the design effect of the bursts
  seen, or by that of bursts of the plan's mean size if it is less: a pool that fails for good is one long burst, and is
  still rolled back. For the pool, bursts are counted.
- Latency: the evidence that the ratio of the percentiles is above `accept` and that it is below `detect`
  (traffic/paired.py). It must outweigh its share of level or miss, and the ratio must be nearer to the bound that it is
  beyond, as in Wald's test: near the other bound nothing is decided. "Kept" must also have been true at CONFIRMED of
  the window. A new pool that is several times as slow throughout is rolled back at once.

The level of one objective at one step is the plan's alpha shared over steps and objectives. A rollout whose pool keeps
every objective is rolled back with probability at most alpha, and a step passes a pool that is as bad as one `detect`
with probability at most 1 - power. Independent requests, with one mean size of bursts, have these by proof for errors;
for latency they are measured, together with what drift, bursts and queues do to them, by `./scripts/bench verdict`
(docs/verdict.md). Where a window holds too little independent evidence the step stays open, and is held in the end.
A step that is begun anew, because the driver was started again, is judged on new requests and spends its share of
alpha again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from inferencepool_rollout.evidence.observed import Observed, Unsettled
from inferencepool_rollout.plan.objectives import ErrorRate, Goodput, Latency
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.plan.steps import Step
from inferencepool_rollout.plan.users import USERS, Unit
from inferencepool_rollout.traffic import bursts
from inferencepool_rollout.traffic.paired import EARLIEST, FEWEST_BEYOND, Paired
from inferencepool_rollout.traffic.sequential import anytime_interval
from inferencepool_rollout.traffic.series import Series

LEVEL_SHARE, MISS_SHARE, EARLY_SHARE = 1 / 2, 1 / 3, 1 / 10
"""Of level and miss, what the evidence of one window may spend, and of miss while it is short (Paired.early)."""
CONFIRMED = 0.75
SEARCHED, BISECTIONS = 64.0, 10  # bounds of a ratio: searched from 1/64 to 64 times the seen one, in halves


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


SOONER = "ruled out by a test that needs fewer requests than the bounds"
FORMATS = {Unit.SHARE: "{:.2%}", Unit.RATIO: "{:.2f}x", Unit.SECONDS: "{:.3g} s", Unit.REQUESTS: "{:.3g}"}


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
        return f"{self.name} {self.state}: {self.seen()}, {self.reason()}"

    @classmethod
    def read(cls, written: Mapping[str, Any]) -> Finding:
        """Return a finding of a run log, which has null for numbers that are not finite."""
        bounds = {"value": math.nan, "low": -math.inf, "high": math.inf}
        known = {key: value for key, value in written.items() if value is not None}
        return cls(**{**bounds, **known, "state": State(written["state"]), "unit": Unit(written["unit"])})

    def reason(self) -> str:
        """Why the state is what it is, where the bounds beside it seem to say something else too.

        The tests decide with fewer requests than bounds need that hold at any moment, so that a kept objective's upper
        bound may be above `detect`, and a violated one's lower bound below `accept`.
        """
        accepted = f"accepted up to {self.text(self.accept)}"
        if self.state is State.VIOLATED and self.low <= self.accept < self.value:
            return f"{accepted}, {SOONER}"
        if self.state is not State.KEPT or self.high <= self.accept or self.detect <= self.accept:
            return accepted
        if self.high <= self.detect:
            return f"shown to be below {self.text(self.detect)}"
        return f"{self.text(self.detect)} is {SOONER}"

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
    unsettled: Unsettled | None = None,
) -> Decision:
    """Decide about a step that has been observed for `elapsed` s.

    `wrong_split` says what is wrong with the split; it holds the step, since no pool is to blame for it. `others` are
    objectives that were judged elsewhere (prometheus.py, users.py). An objective is decided once either the probe's or
    everybody's requests show that it is kept, and neither that it is violated. `observed` is a fair sample: every
    request that was sent before some moment. What was sent later is `unsettled`.
    """
    findings = (*judge(plan, observed, unsettled), *others)
    violated = [finding for finding in findings if finding.state is State.VIOLATED]
    kept = {finding.name for finding in findings if finding.state is State.KEPT}
    undecided = [each.name for each in findings if each.state is State.OPEN and other_witness(each.name) not in kept]
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


def other_witness(name: str) -> str:
    """Return the name of the same objective, judged by the other kind of requests: the probe's or everybody's."""
    return name.removeprefix(USERS) if name.startswith(USERS) else f"{USERS}{name}"


def judge(plan: Plan, observed: Observed, unsettled: Unsettled | None = None) -> tuple[Finding, ...]:
    """Judge every objective of the plan by what was observed."""
    began = float(observed.started.min(initial=unsettled.began() if unsettled else math.inf))
    latencies = (
        judge_latency(
            each, observed.series(each.metric, "old", unsettled), observed.series(each.metric, "new", unsettled),
            plan.level, plan.miss, began=began, earliest=plan.decision.earliest,
            now=unsettled.now if unsettled else -math.inf,
        )
        for each in plan.latency
    )  # fmt: skip
    return (*judge_shares(plan, observed), *latencies)


def judge_shares(plan: Plan, observed: Observed, times: int = 1) -> tuple[Finding, ...]:
    """Judge the error rate and the goodput, which need no old pool; level and miss are shared by so many `times`."""
    shares: list[tuple[ErrorRate | Goodput, npt.NDArray[np.bool_]]] = [(plan.error_rate, observed.new_failures)]
    if plan.goodput:
        shares.append((plan.goodput, observed.new_beyond(plan.goodput.limits)))
    return tuple(judge_errors(each, failed, plan.level / times, plan.miss / times) for each, failed in shares)


def judge_errors(objective: ErrorRate | Goodput, failures: npt.NDArray[np.bool_], level: float, miss: float) -> Finding:
    """Judge a share of the new pool's requests; `failures` says of each, in the order of sending, if it is in it."""
    low, high = objective.accept, objective.detect
    failed, requests = int(np.count_nonzero(failures)), len(failures)
    by_failure, by_success = math.log(high / low), math.log((1 - high) / (1 - low))
    sizes = bursts.cluster_sizes(failures)
    effect = min(bursts.effect(sizes), 2 * objective.burst - 1)
    size = bursts.mean_size(sizes, objective.burst)
    state = State.OPEN
    if (failed * by_failure + (requests - failed) * by_success) / effect >= -math.log(level):
        state = State.VIOLATED
    elif len(sizes) * by_failure + (requests - failed) / size * by_success <= math.log(miss):
        state = State.KEPT
    lowest, highest = anytime_interval(failed, requests, level)
    value = failed / requests if requests else math.nan
    return Finding(objective.name, value, lowest, highest, low, high, state, Unit.SHARE)


def judge_latency(
    objective: Latency,
    old: Series,
    new: Series,
    level: float,
    miss: float,
    *,
    began: float,
    earliest: float = EARLIEST,
    now: float = -math.inf,
) -> Finding:
    """Judge a percentile from the requests of either pool in a window that began at `began` (on the series' clock).

    `earliest`: the plan's decision.earliest (s); `now`: the time for which requests are pending.
    """
    paired = Paired(old, new, objective.percentile / 100, began, earliest, now)
    low, high = _bounds(paired, level, miss)
    state = latency_state(objective, paired, level, miss)
    if not len(old.ended) and not len(old.unsettled):
        state = State.UNKNOWN
    return Finding(objective.name, paired.ratio(), low, high, objective.accept, objective.detect, state)


def latency_state(objective: Latency, paired: Paired, level: float, miss: float) -> State:
    """Return what a window shows of a percentile."""
    if paired.grossly(objective.accept):
        return State.VIOLATED
    if not paired.enough:
        return State.OPEN
    above, below = paired.evidence(objective.accept), -paired.evidence(objective.detect)
    if above >= _needed(level * LEVEL_SHARE) and above >= abs(below):
        return State.VIOLATED
    if below < abs(above) or not _passes(objective, paired, miss):
        return State.OPEN
    return State.KEPT if _passes(objective, paired.until(CONFIRMED), miss) else State.OPEN


def _passes(objective: Latency, paired: Paired, miss: float) -> bool:
    """Whether a window shows a ratio below `detect`."""
    return paired.enough and -paired.evidence(objective.detect) >= _needed_below(paired, miss)


def fewest_requests(plan: Plan) -> int:
    """Requests to the new pool without which no step can pass: all good, and as fast as can be."""
    fewest = max(
        each.burst * math.log(plan.miss) / math.log((1 - each.detect) / (1 - each.accept))
        for each in (plan.error_rate, plan.goodput)
        if each
    )
    beyond = [FEWEST_BEYOND / min(each.percentile, 100 - each.percentile) * 100 for each in plan.latency]
    return math.ceil(max(fewest, *beyond) if beyond else fewest)


def _needed(probability: float) -> float:
    """The evidence that equal pools have with this probability."""
    return -float(ndtri(probability))


def _needed_below(paired: Paired, miss: float) -> float:
    return _needed(miss * (EARLY_SHARE if paired.early else MISS_SHARE))


def _bounds(paired: Paired, level: float, miss: float) -> tuple[float, float]:
    """The least ratio that the evidence does not refuse as too low, and the largest that it does not as too high."""
    seen = paired.ratio()
    if not paired.enough or not seen > 0:
        return 0.0, math.inf
    low, high = ([seen / SEARCHED, seen], [seen, seen * SEARCHED])
    for _ in range(BISECTIONS):
        middle = math.sqrt(low[0] * low[1])
        low[paired.evidence(middle) < _needed(level * LEVEL_SHARE)] = middle
        middle = math.sqrt(high[0] * high[1])
        high[-paired.evidence(middle) >= _needed_below(paired, miss)] = middle
    unknown = low[0] <= seen / SEARCHED, high[1] >= seen * SEARCHED
    return 0.0 if unknown[0] else low[0], math.inf if unknown[1] else high[1]
