"""Two simulated pools that serve the same traffic, as the probe of one step sees them.

Lognormal latencies around a level that is steady or drifts, or servers with continuous batching (servers.py) that queue
under the arrivals of a real trace. A trace is a CSV file with the columns TIMESTAMP (ISO 8601), ContextTokens and
GeneratedTokens, a row for each request, as in the Azure LLM inference traces (Patel et al. 2024, "Splitwise").
"""

from __future__ import annotations

import csv
import datetime
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

from inferencepool_rollout.traffic.series import Series
from kit.verdict.servers import Floats, Integers, batching_server

STEP_SECONDS, PROBE_RATE = 1800, 6.7  # of a step, and requests/s to each pool
REQUESTS = int(STEP_SECONDS * PROBE_RATE)
STEADY_SPREAD, DRIFT_SPREAD, DRIFT_SIGMA = 0.6, 0.3, 0.5  # standard deviations of the latency's logarithm
SERVERS = 2  # of a pool
PROBE_PROMPT, PROBE_ANSWER = 20, 64  # tokens

Trace = tuple[Floats, Integers, Integers]  # arrivals (s), prompt and answer lengths (tokens)
Random = np.random.Generator


@dataclass(frozen=True)
class Pool:
    """One pool's probe requests: when each started (s since the step began), its TTFT and its whole latency (s)."""

    started: Floats
    ttft: Floats
    e2e: Floats

    def series(self, metric: str) -> tuple[Floats, Floats]:
        """Return when requests ended, in order, and their latencies of `metric`, "ttft" or "e2e"."""
        ended = self.started + self.e2e
        order = np.argsort(ended, kind="stable")
        latency: Floats = getattr(self, metric)[order]
        return ended[order], latency

    def oldest_in_flight(self, now: float) -> float:
        """Return when the oldest request was sent that is in flight at `now`, infinite without any."""
        in_flight = (self.started <= now) & (self.started + self.e2e > now)
        return float(self.started[in_flight].min(initial=math.inf))

    def seen(self, metric: str, now: float, settled: float) -> Series:
        """Return what the probe has seen at `now`, if every request before `settled` has ended."""
        ended, latency = self.started + self.e2e, self.ttft if metric == "ttft" else self.e2e
        done, fair = ended <= now, self.started < settled
        order = np.argsort(ended[done & fair], kind="stable")
        in_flight = (self.started < now) & ~done
        return Series(
            ended[done & fair][order],
            latency[done & fair][order],
            latency[done & ~fair],
            np.minimum(latency, now - self.started)[in_flight],
        )

    def times(self, factor: float) -> Pool:
        """Return the same requests with every latency, and so every percentile, multiplied by `factor`."""
        return Pool(self.started, self.ttft * factor, self.e2e * factor)


Pair = tuple[Pool, Pool]


def seen(pair: Pair, metric: str, now: float) -> tuple[Series, Series]:
    """Return what the probe has seen of both pools at `now` (s since the step began)."""
    settled = min(pool.oldest_in_flight(now) for pool in pair)
    old, new = (pool.seen(metric, now, settled) for pool in pair)
    return old, new


Draw = Callable[[Random, float], Pair]  # (random numbers, how much slower the new pool's servers are) -> old, new


def steady(rng: Random, slower: float) -> Pair:
    """Independent draws."""
    return _lognormal(rng, None, 1.0), _lognormal(rng, None, slower)


def drifting(memory: float, common: bool) -> Draw:
    """Return pools whose level drifts with `memory` (s): each on its own, or both together."""

    def draw(rng: Random, slower: float) -> Pair:
        old = ar1(rng, memory)
        new = old if common else ar1(rng, memory)
        return _lognormal(rng, old, 1.0), _lognormal(rng, new, slower)

    return draw


def traced(trace: Trace, squeeze: float) -> Draw:
    """Return pools that share the users of a random stretch of a trace, its time multiplied by `squeeze`."""

    def draw(rng: Random, slower: float) -> Pair:
        when, prompts, answers = trace
        begin = rng.uniform(0, max(1e-9, when[-1] - STEP_SECONDS / squeeze))
        inside = (when >= begin) & (when < begin + STEP_SECONDS / squeeze)
        at, to_new = (when[inside] - begin) * squeeze, rng.random(int(inside.sum())) < 0.5
        old, new = ((at[side], prompts[inside][side], answers[inside][side]) for side in (~to_new, to_new))
        return _serving(rng, old, 1.0), _serving(rng, new, slower)

    return draw


def ar1(rng: Random, memory: float) -> Floats:
    """Return a stationary AR(1) process of unit variance, one value a second of the step."""
    phi = math.exp(-1 / memory)
    shocks = rng.normal(0, math.sqrt(1 - phi**2), STEP_SECONDS)
    shocks[0] = rng.normal()
    values: Floats = lfilter([1.0], [1.0, -phi], shocks)
    return values


def read_trace(path: Path) -> Trace:
    """Read a trace; raises OSError, KeyError or ValueError where `path` is none."""
    with path.open() as lines:
        rows = list(csv.DictReader(lines))
    when = np.array([datetime.datetime.fromisoformat(row["TIMESTAMP"][:26]).timestamp() for row in rows])
    prompts = np.array([int(row["ContextTokens"]) for row in rows])
    answers = np.maximum(1, np.array([int(row["GeneratedTokens"]) for row in rows]))
    return when - when[0], prompts, answers


def _lognormal(rng: Random, level: Floats | None, slower: float) -> Pool:
    started = np.sort(rng.uniform(0, STEP_SECONDS, REQUESTS))
    logs = rng.normal(0, STEADY_SPREAD if level is None else DRIFT_SPREAD, REQUESTS)
    if level is not None:
        logs += DRIFT_SIGMA * np.interp(started, np.arange(STEP_SECONDS), level)
    latency = slower * 0.2 * np.exp(logs)
    return Pool(started, latency, latency)


def _serving(rng: Random, users: Trace, slower: float) -> Pool:
    """The probe's view of a pool that serves `users` and the probe."""
    probes = np.sort(rng.uniform(0, STEP_SECONDS, REQUESTS))
    columns = zip(users, (probes, np.full(REQUESTS, PROBE_PROMPT), np.full(REQUESTS, PROBE_ANSWER)), strict=True)
    at, prompts, answers = (np.concatenate(column) for column in columns)
    order = np.argsort(at, kind="stable")
    at, prompts, answers = at[order], prompts[order], answers[order]
    mine: npt.NDArray[np.bool_] = order >= len(users[0])
    ttft, e2e, where = np.zeros(len(at)), np.zeros(len(at)), rng.integers(0, SERVERS, len(at))
    for server in range(SERVERS):
        here = where == server
        ttft[here], e2e[here] = batching_server(at[here], prompts[here], answers[here], slower)
    return Pool(at[mine], ttft[mine], e2e[mine])
