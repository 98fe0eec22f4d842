"""What a run log tells, as the page, the picture and the JSON show it."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from inferencepool_rollout.drive.event_text import text_of
from inferencepool_rollout.drive.run_log import COLUMNS, Event, answers_of
from inferencepool_rollout.evidence.decision import Finding
from inferencepool_rollout.evidence.observed import NOBODY, Observed, joined
from inferencepool_rollout.evidence.trust import SPLIT_ALPHA
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.report.answers import Answers, answers
from inferencepool_rollout.traffic.quantiles import Floats, lower_bound, upper_bound
from inferencepool_rollout.traffic.sequential import anytime_interval

METRICS = ("ttft", "tpot", "itl", "e2e")
POOLS = ("old", "new")
MARKS = (50, 90, 95, 99)
UNJUDGED = "not judged"
NOTHING = answers_of({name: [] for name in COLUMNS})
POINTS = 60
SERVED = ("start", "followed", "rolled back", "end")
"""Events whose percent is what the gateway served, not what was asked for."""
SILENT = ("answers", "looked")
"""Events that are too many for a list of what happened."""


@dataclass(frozen=True)
class Share:
    """The new pool's share of the split's answers until some time (Unix, s), and its interval.

    All intervals of a step hold at once.
    """

    time: float
    share: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Curve:
    """Quantiles of a latency (s): `value` at each `q` (0 to 1), and bounds that hold at any moment (NaN: none yet)."""

    requests: int
    q: Floats
    value: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class Latency:
    """A percentile of a latency in either pool (s), NaN where it is not known."""

    metric: str
    mark: int
    old: float
    new: float

    @property
    def ratio(self) -> float:
        """New to old."""
        return self.new / self.old if self.old > 0 else math.nan


@dataclass(frozen=True)
class Lost:
    """Requests without a good answer, of one pool and one reason; `pool` is empty where no pod is known."""

    pool: str
    reason: str
    requests: int
    first: float
    last: float


@dataclass(frozen=True, eq=False)
class Look:
    """One observation of a step: a driver that was started again observes it anew.

    Times are Unix times in s. `since` is when the gateway followed (NaN: it never did), and the split counts from
    then on; `action` is the verdict, or UNJUDGED where the driver was stopped before it had one.
    """

    percent: int
    began: float
    ended: float
    since: float
    command: str
    action: str
    why: str
    so_far: str
    """Why it was not decided when the log was last written; empty where that was not said."""
    findings: Sequence[Finding]
    evidence: Sequence[tuple[float, Sequence[Finding]]]
    """The findings as they were known at some times, the last of them in the end."""
    picks: Mapping[str, int | None]
    users: Mapping[str, Mapping[str, Any]]
    """Everybody's requests by pool, as users.Seen.document has them; empty where the plan does not ask for them."""
    checks: Sequence[Mapping[str, str]]
    capacity: Mapping[str, Any] | None
    """What step 0 measured, as capacity.Capacity.document has it; None at other steps."""
    seen: Observed

    @cached_property
    def split(self) -> Observed:
        """The requests that took the weighted rule after the gateway followed, and whose pool is known."""
        counted = self.seen.split & (self.seen.pool != NOBODY) & (self.seen.started >= self.since)
        return self.seen.where(counted)

    @cached_property
    def share(self) -> Share:
        """The new pool's share in the end."""
        return _share(self.ended, int(np.count_nonzero(self.split.pool == "new")), self.split.requests)

    def shares(self) -> Iterator[Share]:
        """Yield the new pool's share as it came to be known, at POINTS moments at most."""
        order = np.argsort(self.split.started, kind="stable")
        new = np.cumsum(self.split.pool[order] == "new")
        for count in np.unique(np.linspace(min(5, len(order)), len(order), POINTS).astype(int)):
            if count:
                yield _share(float(self.split.started[order[count - 1]]), int(new[count - 1]), int(count))

    def curve(self, metric: str, pool: str, alpha: float) -> Curve | None:
        """Return the distribution of a pool's latency, None if it is not known."""
        values = np.sort(self.seen.latency(metric, pool))
        if not values.size:
            return None
        tails = np.geomspace(0.99, 1 / max(len(values), 2), POINTS)
        low, high = (
            np.array([bound(values, 1 - tail, alpha / 2) for tail in tails]) for bound in (lower_bound, upper_bound)
        )
        low[~np.isfinite(low)] = high[~np.isfinite(high)] = np.nan
        return Curve(len(values), 1 - tails, np.quantile(values, 1 - tails), low, high)

    @cached_property
    def metrics(self) -> list[str]:
        """The latencies that are known of one pool at least."""
        return [metric for metric in METRICS if any(self.seen.latency(metric, pool).size for pool in POOLS)]

    def latencies(self) -> Iterator[Latency]:
        """Yield the percentiles MARKS of every latency that is known."""
        for metric in self.metrics:
            old, new = (self.seen.latency(metric, pool) for pool in POOLS)
            for mark in MARKS:
                yield Latency(metric, mark, _percentile(old, mark), _percentile(new, mark))

    @cached_property
    def lost(self) -> list[Lost]:
        """What was lost, the most first."""
        return lost(self.seen)


@dataclass(frozen=True)
class Line:
    """Something that happened, for people; `time` is Unix time in s."""

    time: float
    event: str
    text: str


@dataclass(frozen=True, eq=False)
class Report:
    """A rollout.

    `weights` has the new pool's live percent from a time (Unix, s) on, as the gateway served it; `sizes` the replicas
    of the old and the new pool from a time on, where the driver scales them; `pools` says what each pool is, and
    `cluster` and `context` where the rollout ran.
    """

    plan: Plan
    outcome: str
    why: str
    weights: Sequence[tuple[float, float]]
    sizes: Sequence[tuple[float, int, int]]
    cluster: str
    context: str
    pools: Mapping[str, Mapping[str, Any]]
    began: float
    ended: float
    looks: Sequence[Look]
    answers: Sequence[Answers]
    lines: Sequence[Line]

    @cached_property
    def seen(self) -> Observed | None:
        """All requests of the probe."""
        return joined(*(look.seen for look in self.looks)) if self.looks else None

    @property
    def level(self) -> float:
        """Alpha of one objective at one step."""
        return self.plan.level

    def name(self, pool: str) -> str:
        """The name of the old or the new pool."""
        return self.plan.old if pool == "old" else self.plan.new


def report(events: Sequence[Event], texts: bool = False) -> Report:
    """Read the events of one rollout (run_log.read_log), which are by time and begin with a "start".

    `texts` keeps what the log has of prompts and answers.
    """
    weights: list[tuple[float, float]] = []
    end: Event = {}
    for event in events:
        if event["event"] in SERVED and event.get("percent") is not None:
            weights.append((event["time"], event["percent"]))
        if event["event"] == "move":
            end = {}
        if event["event"] == "end" and end.get("outcome") != "rolled back":
            end = event
    last = next((event for event in reversed(events) if "plan" in event), {})
    return Report(
        plan=_plan(last),
        cluster=last.get("cluster", ""),
        context=last.get("context", ""),
        pools=last.get("pools", {}),
        outcome=end.get("outcome", "under way, or its driver was killed"),
        why=end.get("why", ""),
        weights=weights,
        sizes=list(_sizes(events)),
        began=events[0]["time"],
        ended=events[-1]["time"],
        looks=list(_looks(events)),
        answers=list(answers(events, texts)),
        lines=[Line(event["time"], event["event"], text_of(event)) for event in events if event["event"] not in SILENT],
    )


def _sizes(events: Sequence[Event]) -> Iterator[tuple[float, int, int]]:
    """Replicas of both pools, old and new, from each change on; none for a plan that scales nothing."""
    now: dict[str, int] = {}
    old, new = "", ""
    for event in events:
        if "plan" in event and (event["plan"].get("capacity") or {}).get("scaling"):
            old, new = (event["plan"]["pools"][side] for side in POOLS)
            now = {name: int(event["pools"].get(name, {}).get("replicas", 0)) for name in (old, new)}
        elif event["event"] == "scale" and "replicas" in event:
            now[event["pool"]] = event["replicas"]
        else:
            continue
        if now:
            yield event["time"], now[old], now[new]


def _plan(start: Event) -> Plan:
    """The plan that a driver began with; raises Failure for a log of another version of this tool."""
    try:
        return Plan.model_validate_json(json.dumps(start["plan"]))
    except (KeyError, ValueError) as error:
        raise Failure(f"this version cannot read the plan in the run log ({str(error).splitlines()[0]})") from None


def lost(seen: Observed) -> list[Lost]:
    """Count the requests without a good answer by pool and reason, the most first."""
    bad = seen.where(~seen.good)
    kinds = Counter(zip(bad.pool.tolist(), bad.cause.tolist(), strict=True))
    found = []
    for (pool, reason), count in kinds.most_common():
        times = bad.started[(bad.pool == pool) & (bad.cause == reason)]
        found.append(Lost(pool, reason, count, float(times.min()), float(times.max())))
    return found


def _looks(events: Sequence[Event]) -> Iterator[Look]:
    """Cut the events at each "step"; a look ends with its verdict, or with whatever came last."""
    starts = [index for index, event in enumerate(events) if event["event"] == "step"]
    for start, stop in pairwise([*starts, len(events)]):
        mine = list(events[start:stop])
        step, answers = mine[0], [answers_of(event) for event in mine if event["event"] == "answers"]
        of = {event["event"]: event for event in reversed(mine)}
        looked = [event for event in mine if event["event"] == "looked"]
        verdict = of.get("verdict", {})
        known = verdict or (looked[-1] if looked else {})
        last = max(event["time"] for event in mine if event["event"] in ("step", *SILENT))
        moved = of.get("followed", {}).get("time", math.nan) if step["moving"] else step["time"]
        before = next((event for event in reversed(events[:start]) if event["event"] in ("preflight", "step")), step)
        yield Look(
            percent=step["percent"],
            began=step["time"],
            ended=verdict.get("time", last),
            since=moved,
            command=" ".join(of.get("move", {}).get("command", ())) if step["moving"] else "",
            action=verdict.get("action", UNJUDGED),
            why=verdict.get("why", "the driver was stopped before the step was judged"),
            so_far=known.get("why", ""),
            findings=_findings(known),
            evidence=[(event["time"], _findings(event)) for event in (*looked, *([verdict] if verdict else ()))],
            picks=known.get("picks", {}),
            users=known.get("users", {}),
            checks=before.get("checks", ()),
            capacity=of.get("capacity", {}).get("capacity"),
            seen=joined(*answers) if answers else NOTHING,
        )


def _findings(event: Event) -> list[Finding]:
    return [Finding.read(each) for each in event.get("findings", ())]


def _percentile(values: Floats, mark: float) -> float:
    return float(np.percentile(values, mark)) if values.size else math.nan


def _share(time: float, new: int, requests: int) -> Share:
    low, high = anytime_interval(new, requests, SPLIT_ALPHA)
    return Share(time, new / requests if requests else math.nan, low, high)
