"""The requests of everybody, users and probe alike, as endpoint pickers and model servers count them by pool.

Both pools' pages of metrics are read every EVERY_SECONDS through the API server's proxy, and judged by what was counted
between two readings. So no Prometheus is needed. What is judged:

- Errors: what the picker of the new pool counts as error, by the same sequential test as the probe's (decision.py). The
  errors of one reading are taken for one after the other, as one burst.
- Latency: histograms say between which two edges a latency lies. "Violated" holds with the new pool's latencies at the
  lower edges and the old pool's at the upper ones, "kept" with the edges the other way round; so no verdict comes from
  the width of a bucket. Where one bucket of the old pool is already as wide as `detect`, nothing can be kept, and the
  objective is not judged by histograms.
- Queue: requests waiting at each model server of the new pool, as long as the plan says (prometheus.py does the same).

A counter that runs backwards is of a program that has restarted: it counts from 0 again, and what it had counted since
the reading before is lost. Pods that come later count from their start on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from inferencepool_rollout.evidence.decision import Finding, State, judge_errors, judge_latency
from inferencepool_rollout.evidence.scraped import (
    Buckets,
    Page,
    Within,
    added,
    engine,
    observations,
    quantile,
    read_page,
)
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.kube.client import Client
from inferencepool_rollout.kube.snapshot import Pool
from inferencepool_rollout.plan.objectives import Latency
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.plan.users import USERS, Unit
from inferencepool_rollout.traffic.metric_names import EPP, PATHS, SERVERS
from inferencepool_rollout.traffic.quantiles import Floats
from inferencepool_rollout.traffic.series import Series

EVERY_SECONDS = 5.0
SAMPLED = 300
"""Most latencies of one pool, metric and reading that are judged; more would take time and add little."""
AT_ONCE = 8
MARKS = (0.5, 0.95)


@dataclass(frozen=True)
class Seen:
    """What one pool has counted while a step was observed."""

    requests: int = 0
    errors: int = 0
    waiting: float = 0.0
    """Requests waiting at each model server, at the last reading."""
    latency: Mapping[str, Buckets] = field(default_factory=dict)
    restarts: int = 0
    unread: str = ""
    """Why a page was not read the last time; empty if all were."""

    def marks(self, metric: str) -> list[float]:
        """The quantiles MARKS of a latency (s), NaN without observations."""
        return [quantile(self.latency.get(metric, {}), mark) for mark in MARKS]

    def document(self) -> dict[str, Any]:
        """Return it as the run log and the report have it: a latency as its quantiles MARKS (s)."""
        latency = {metric: self.marks(metric) for metric in self.latency}
        return {**asdict(replace(self, latency={})), "latency": latency}


@dataclass
class _Side:
    """The readings of one pool."""

    pages: dict[str, Page] = field(default_factory=dict)
    seen: Seen = field(default_factory=Seen)
    failures: list[npt.NDArray[np.bool_]] = field(default_factory=list)
    observed: dict[str, list[tuple[Floats, Within]]] = field(default_factory=dict)
    begun: bool = False

    def take(self, pages: Mapping[str, Page], began: float, now: float) -> None:
        """Take a reading of the time from `began` to `now` (Unix)."""
        gained = [
            page.since(self.pages.get(pod, Page())) for pod, page in pages.items() if self.begun or pod in self.pages
        ]
        restarts = sum(page.restarted(self.pages[pod]) for pod, page in pages.items() if pod in self.pages)
        self.pages |= pages
        queues = [page.waiting for page in pages.values() if page.waiting is not None]
        waiting = float(np.mean(queues)) if queues else self.seen.waiting
        if not self.begun:
            self.begun = True
            self.seen = replace(self.seen, waiting=waiting)
            return
        requests, errors = (round(sum(getattr(page, name) for page in gained)) for name in ("requests", "errors"))
        self.failures.append(np.arange(max(requests, errors)) < errors)
        latency = {}
        for metric in {metric for page in gained for metric in page.latency}:
            counted = added(page.latency[metric] for page in gained if metric in page.latency)
            latency[metric] = added([self.seen.latency.get(metric, {}), counted])
            found = observations(counted, SAMPLED)
            ended = began + (now - began) * (np.arange(len(found.low)) + 0.5) / max(len(found.low), 1)
            mixed = np.random.default_rng(len(self.failures)).permutation(len(found.low))
            self.observed.setdefault(metric, []).append((ended, Within(found.low[mixed], found.high[mixed])))
        self.seen = replace(
            self.seen, requests=self.seen.requests + requests, errors=self.seen.errors + errors,
            waiting=waiting, latency={**self.seen.latency, **latency},
            restarts=self.seen.restarts + restarts,
        )  # fmt: skip

    def series(self, metric: str) -> tuple[Floats, Within]:
        """The observations of a latency so far, by the time at which they ended."""
        parts = self.observed.get(metric) or [(np.array([]), Within(np.array([]), np.array([])))]
        ended = np.concatenate([times for times, _ in parts])
        low, high = (np.concatenate([getattr(within, edge) for _, within in parts]) for edge in ("low", "high"))
        return ended, Within(low, high)


class Users:
    """The requests of everybody while one step is observed."""

    def __init__(self, plan: Plan, client: Client) -> None:
        self._plan, self._client = plan, client
        self._sides = {"old": _Side(), "new": _Side()}
        self._read_at = -math.inf
        self._began = math.nan
        self._full_since = math.nan  # since when the new pool's queue is too long
        self._findings: tuple[Finding, ...] = ()

    def findings(self, pools: Mapping[str, Pool | None], now: float) -> tuple[Finding, ...]:
        """Return what is known of each objective at `now` (Unix time), after a reading if one is due.

        `pools` are by name.
        """
        if self._plan.users and now - self._read_at >= EVERY_SECONDS:
            self._read(pools, now)
            self._findings = self._judged(now)
        return self._findings

    def seen(self) -> Mapping[str, Seen]:
        """Return what each pool has counted; empty if the plan asks for no users' requests."""
        return {side: each.seen for side, each in self._sides.items()} if self._plan.users else {}

    def _read(self, pools: Mapping[str, Pool | None], now: float) -> None:
        before, self._read_at = self._read_at, now
        if math.isnan(self._began):
            self._began = now
        for side, name in (("old", self._plan.old), ("new", self._plan.new)):
            pool, this = pools.get(name), self._sides[side]
            pages, unread = read_pool(self._client, pool) if pool else ({}, f"there is no pool {name}")
            this.take(pages, before, now)
            this.seen = replace(this.seen, unread=unread)

    def _judged(self, now: float) -> tuple[Finding, ...]:
        plan, new = self._plan, self._sides["new"]
        failures = np.concatenate([np.array([], np.bool_), *new.failures])
        errors = judge_errors(plan.error_rate, failures, plan.level, plan.miss)
        latencies = [self._latency(each) for each in plan.latency]
        queue = [self._queue(now)] if plan.users and plan.users.queue else []
        return tuple(replace(each, name=f"{USERS}{each.name}") for each in (errors, *latencies, *queue))

    def _latency(self, objective: Latency) -> Finding:
        (old_ended, old), (new_ended, new) = (self._sides[side].series(objective.metric) for side in ("old", "new"))

        def judged(older: Floats, newer: Floats) -> Finding:
            return judge_latency(
                objective, Series(old_ended, older), Series(new_ended, newer), self._plan.level, self._plan.miss,
                began=self._began, earliest=self._plan.decision.earliest,
            )  # fmt: skip

        shown = judged(old.spread(), new.spread())
        for_new, for_old = judged(_top(old), _bottom(new)), judged(_bottom(old), _top(new))
        state = State.OPEN
        if not len(old_ended) or too_coarse(old, objective):
            state = State.UNKNOWN
        if for_new.state is State.VIOLATED:
            state = State.VIOLATED
        elif state is State.OPEN and for_old.state is State.KEPT:
            state = State.KEPT
        return replace(shown, low=for_new.low, high=for_old.high, state=state)

    def _queue(self, now: float) -> Finding:
        assert self._plan.users and self._plan.users.queue
        queue, seen = self._plan.users.queue, self._sides["new"].seen
        waiting = seen.waiting
        if seen.unread:
            state = State.OPEN
        elif waiting <= queue.accept:
            self._full_since, state = math.nan, State.KEPT
        else:
            self._full_since = now if math.isnan(self._full_since) else self._full_since
            state = State.VIOLATED if now - self._full_since >= queue.lasting else State.OPEN
        return Finding("queue", waiting, waiting, waiting, queue.accept, queue.accept, state, Unit.REQUESTS)


def read_pool(client: Client, pool: Pool) -> tuple[dict[str, Page], str]:
    """Read the pages of a pool's pickers and model servers, by pod: those that can be read, and why another cannot."""
    asked = [(pod.name, pool.metrics_port(pod), True) for pod in pool.staying_pickers]
    asked += [(pod.name, port, False) for pod in pool.staying for port in pool.ports]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        read = list(threads.map(lambda each: _page(client, pool.ref.namespace, *each), asked))
    pages = {f"{pod}:{port}" if not picks and len(pool.ports) > 1 else pod: page
             for (pod, port, picks), (page, _) in zip(asked, read, strict=True) if page}  # fmt: skip
    return pages, next((why for _, why in read if why), "")


def _page(client: Client, namespace: str, pod: str, port: int | None, picks: bool) -> tuple[Page | None, str]:
    """A page of a picker, whose errors count, or of a server, whose latencies do; or why there is none."""
    if port is None:
        return None, f"pod {pod} names no port for metrics; name the container's port `metrics`"
    why = ""
    for path in PATHS[:1] if picks else PATHS:
        try:
            text = client.proxy(namespace, pod, port, path).decode(errors="replace")
            if picks:
                return read_page(text, EPP), ""
            name = engine(text, SERVERS)
            page = read_page(text, SERVERS[name])
            return replace(page, requests=0.0, errors=0.0, engine=name, served=page.requests), ""
        except Failure as failure:
            why = why or f"pod {pod}: {failure}"
    return None, why


def too_coarse(old: Within, objective: Latency) -> bool:
    """Whether the old pool's percentile is in a bucket that is as wide as `detect`."""
    if not len(old.low):
        return False
    at = np.argsort(old.high, kind="stable")[int(objective.percentile / 100 * len(old.low))]
    return bool(old.high[at] >= objective.detect * old.low[at])


def _top(within: Within) -> Floats:
    return np.where(np.isfinite(within.high), within.high, within.low * 2)


def _bottom(within: Within) -> Floats:
    smallest = within.high.min(initial=math.inf) / 10 if len(within.high) else 0.0
    bottom: Floats = np.maximum(within.low, smallest)
    return bottom
