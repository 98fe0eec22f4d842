"""A page of metrics, and what happened between two readings of the same pod's."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from inferencepool_rollout.failure import Failure
from inferencepool_rollout.traffic.metric_names import Names
from inferencepool_rollout.traffic.quantiles import Floats

Buckets = Mapping[float, float]
"""Observations at or below each upper edge (s), as Prometheus counts them."""


@dataclass(frozen=True)
class Page:
    """What a pod has counted since it started, over all labels."""

    requests: float = 0.0
    errors: float = 0.0
    waiting: float | None = None
    """Requests in the queue of a model server; None for a picker's page."""
    latency: Mapping[str, Buckets] = field(default_factory=dict)
    """Histograms that the page has, by latency. Some servers have none before their first request."""
    engine: str = ""
    """Whose page it is (metric_names.SERVERS); empty for a picker's."""
    served: float = 0.0
    """Requests that a model server has ended."""

    def restarted(self, before: Page) -> bool:
        """Whether a counter has less than before, so that the program began anew."""
        pairs = [(self.requests, before.requests), (self.errors, before.errors)]
        pairs += [(_count(self.latency.get(name, {})), _count(old)) for name, old in before.latency.items()]
        return any(now < then for now, then in pairs)

    def since(self, before: Page) -> Page:
        """Return what was counted since an earlier reading; all of it if the program has begun anew."""
        if self.restarted(before):
            return self
        return Page(
            self.requests - before.requests,
            self.errors - before.errors,
            self.waiting,
            {name: _less(now, before.latency.get(name, {})) for name, now in self.latency.items()},
        )


@dataclass(frozen=True, eq=False)
class Within:
    """Observations, one entry each: the edges (s) of the bucket that each is in; `high` is infinite for the last."""

    low: Floats
    high: Floats

    def spread(self) -> Floats:
        """Return a value for each: spread evenly within its bucket, at the lower edge where that has no upper one."""
        values = np.where(np.isfinite(self.high), self.high, self.low)
        for edge in np.unique(self.high[np.isfinite(self.high)]):
            here = self.high == edge
            low = self.low[here][0]
            values[here] = low + (edge - low) * (np.arange(here.sum()) + 0.5) / here.sum()
        return values


def read_page(text: str, names: Names) -> Page:
    """Read a page of the Prometheus text format; raises Failure if it is no page, or another program's."""
    samples = _samples(text, names)
    if not names.recognised.intersection(samples):
        wanted = ", ".join(sorted(names.recognised))
        raise Failure(f"its metrics have none of {wanted}")
    waiting = [each for each in _first(samples, names.waiting) if names.labels.items() <= each.labels.items()]
    return Page(
        requests=_sum(_first(samples, names.requests)),
        errors=_sum(_first(samples, names.errors)),
        waiting=_sum(waiting) if names.waiting else None,
        latency={
            metric: found
            for metric, known in names.latency.items()
            if (found := _buckets(_first(samples, [f"{name}_bucket" for name in known]), names.unit))
        },
    )


def engine(text: str, known: Mapping[str, Names]) -> str:
    """Return whose page it is; raises Failure if nobody's that is known."""
    for name, names in known.items():
        if names.recognised.intersection(_samples(text, names)):
            return name
    raise Failure(f"its metrics belong to no known model server; known are {', '.join(known)}")


def observations(buckets: Buckets, most: int) -> Within:
    """Return the observations of a histogram, at most `most` of them, taken evenly from the lowest to the highest."""
    edges = sorted(buckets)
    counts = np.diff([0.0, *(buckets[edge] for edge in edges)]).clip(0).round().astype(int)
    total = int(counts.sum())
    kept = np.arange(total) if total <= most else ((np.arange(most) + 0.5) * total / most).astype(int)
    at = np.searchsorted(np.cumsum(counts), kept, "right")
    lows = np.array([0.0, *edges[:-1]]) if edges else np.array([])
    return Within(lows[at] if total else np.array([]), np.array(edges)[at] if total else np.array([]))


def quantile(buckets: Buckets, q: float) -> float:
    """Return a quantile as Prometheus's histogram_quantile does, NaN without observations."""
    seen = observations(buckets, 10_000)
    return float(np.quantile(seen.spread(), q)) if len(seen.low) else math.nan


def added(parts: Iterable[Buckets]) -> Buckets:
    """Return the sum of histograms; edges that one lacks are taken from its next lower one."""
    listed = list(parts)
    edges = sorted({edge for part in listed for edge in part})
    return {edge: sum(_at(part, edge) for part in listed) for edge in edges}


def _samples(text: str, names: Names) -> Mapping[str, list[Sample]]:
    """The samples of a page that matter, by name; other lines are left out first, since parsing takes its time."""
    latency = [name for known in names.latency.values() for name in known]
    wanted = (*names.requests, *names.errors, *names.waiting, *names.always, *latency)
    kept = [line for line in text.splitlines() if line.startswith(wanted)]
    found = defaultdict(list)
    try:
        for family in text_string_to_metric_families("\n".join([*kept, ""])):
            for sample in family.samples:
                found[sample.name].append(sample)
    except (ValueError, IndexError, KeyError) as error:
        raise Failure(f"its metrics cannot be read ({error})") from None
    return found


def _first(samples: Mapping[str, list[Sample]], names: Sequence[str]) -> list[Sample]:
    return next((samples[name] for name in names if name in samples), [])


def _sum(samples: Sequence[Sample]) -> float:
    return sum(sample.value for sample in samples)


def _buckets(samples: Sequence[Sample], unit: float) -> Buckets:
    found: dict[float, float] = defaultdict(float)
    for sample in samples:
        found[float(sample.labels["le"]) * unit] += sample.value
    return found


def _less(now: Buckets, before: Buckets) -> Buckets:
    return {edge: count - before.get(edge, 0.0) for edge, count in now.items()}


def _count(buckets: Buckets) -> float:
    return buckets.get(math.inf, 0.0)


def _at(buckets: Buckets, edge: float) -> float:
    below = [each for each in buckets if each <= edge]
    return buckets[max(below)] if below else 0.0
