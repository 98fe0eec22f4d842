"""What a rollout is to do: route, pools, steps, objectives. plan_file.py reads it, plan.schema.json documents it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar


@dataclass(frozen=True)
class Route:
    """The release of charts/rollout-route: `chart` is its folder or reference, `backend` the new pool's name in it."""

    release: str
    namespace: str
    chart: str
    backend: str


@dataclass(frozen=True)
class Probe:
    """The requests that the rollout is judged by; `rate` is in requests/s, `timeout` in s."""

    url: str
    models: tuple[str, ...]
    rate: float
    prompt: str
    max_tokens: int
    stream: bool
    chat: bool
    workers: int
    timeout: float
    headers: Mapping[str, str] = field(default_factory=dict)
    to_old: Mapping[str, str] = field(default_factory=dict)
    """Headers that lead a request to the old pool whatever the weights; empty where there is no such way."""
    to_new: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """A weight of the new pool, and how long it is looked at: `burn_in` to `longest` s, at least `requests`."""

    percent: int
    burn_in: float
    requests: int
    longest: float


@dataclass(frozen=True)
class ErrorRate:
    """Share of the new pool's requests without a good answer."""

    accept: float
    detect: float
    name: ClassVar[str] = "error rate"


@dataclass(frozen=True)
class Latency:
    """A percentile of the new pool's latency, as ratio to the old pool's; `metric` is ttft, tpot or e2e."""

    metric: str
    percentile: float
    accept: float
    detect: float

    @property
    def name(self) -> str:
        """How reports call it."""
        return f"{self.metric.upper()} p{self.percentile:g} new/old"


class Unit(StrEnum):
    """What the values of an objective are."""

    SHARE = "share"  # of all requests, 0 to 1
    RATIO = "ratio"  # of the new pool's to the old one's
    SECONDS = "seconds"


@dataclass(frozen=True)
class Query:
    """What Prometheus is asked for: a value that is fine up to `accept`, and must not be above it for `lasting` s."""

    name: str
    query: str
    unit: Unit
    accept: float
    lasting: float


@dataclass(frozen=True)
class Prometheus:
    """Where Prometheus answers, and the objectives that it is asked about."""

    url: str
    queries: tuple[Query, ...]
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Capacity:
    """Requests/s: the route's `peak`, and what one replica of either pool serves."""

    peak: float
    old: float
    new: float


@dataclass(frozen=True)
class Plan:
    """A rollout: of `old` by `new`, judged with `alpha` and `power`; `soak` (s) is the time at 100 % before the end."""

    route: Route
    old: str
    new: str
    probe: Probe
    steps: tuple[Step, ...]
    error_rate: ErrorRate
    latency: tuple[Latency, ...]
    alpha: float
    power: float
    capacity: Capacity | None
    max_step: int
    soak: float
    prometheus: Prometheus | None = None

    @property
    def level(self) -> float:
        """Alpha of one objective at one step: the plan's, shared evenly (Bonferroni)."""
        return level_of(self.alpha, len(self.steps), len(self.latency))

    @property
    def miss(self) -> float:
        """Probability that one objective passes a pool that is as bad as its `detect`."""
        return 1 - self.power


def level_of(alpha: float, steps: int, latencies: int) -> float:
    """Return the alpha of one objective at one step, of which each step has the error rate and the latencies."""
    return alpha / (steps * (1 + latencies))
