"""What a step's probe requests showed so far, by pool."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from inferencepool_rollout.traffic.answers import Answers
from inferencepool_rollout.traffic.load import Pending
from inferencepool_rollout.traffic.quantiles import Floats
from inferencepool_rollout.traffic.series import Series

NOBODY = ""
NOBODY_AND_LED_TO_OLD = "nobody, led to old"
CONTRADICTED = "contradicted"


@dataclass(frozen=True, eq=False)
class Observed:
    """Probe requests, one entry each in every column, in no order.

    `pool` says who answered: "old"; "new"; the name of another pool, or of a pod that is neither's; NOBODY where the
    answer names none, or NOBODY_AND_LED_TO_OLD if its headers asked for the old pool; CONTRADICTED where the route's
    mark and the pod belong to different pools, which counts for neither.
    `split` is true for requests that took the weighted rule, false for those that were led to a pool by their headers.
    """

    started: Floats
    ttft: Floats
    tpot: Floats
    itl: Floats
    e2e: Floats
    good: npt.NDArray[np.bool_]
    pool: npt.NDArray[np.str_]
    split: npt.NDArray[np.bool_]
    cause: npt.NDArray[np.str_]

    @property
    def requests(self) -> int:
        """All of them."""
        return len(self.started)

    @property
    def lost(self) -> int:
        """Requests without a good answer."""
        return int(np.count_nonzero(~self.good))

    @cached_property
    def new_failed(self) -> int:
        """Failures of the new pool, those that name nobody included.

        A request that fails before a model server answers, as with a picker that is gone, names no pod. It counts
        against the new pool, since the old one is what served well until now; but not if its headers asked for the
        old pool, which the new one cannot have failed.
        """
        return int(np.count_nonzero(~self.good & ((self.pool == "new") | (self.pool == NOBODY))))

    @cached_property
    def new_requests(self) -> int:
        """Requests that the new pool is judged by: its good answers and new_failed."""
        return int(np.count_nonzero(self.good & (self.pool == "new"))) + self.new_failed

    @cached_property
    def new_failures(self) -> npt.NDArray[np.bool_]:
        """Whether each of new_requests failed, in the order in which they were sent."""
        return self.new_beyond({})

    def new_beyond(self, limits: Mapping[str, float]) -> npt.NDArray[np.bool_]:
        """Whether each of new_requests failed or took longer than a limit (s, by latency), in the order of sending."""
        judged = (self.pool == "new") | (~self.good & (self.pool == NOBODY))
        bad = ~self.good
        for metric, limit in limits.items():
            bad = bad | (getattr(self, metric) > limit)
        beyond: npt.NDArray[np.bool_] = bad[judged][np.argsort(self.started[judged], kind="stable")]
        return beyond

    @cached_property
    def contradictions(self) -> int:
        """Answers that the route sent to one pool and a pod of the other one gave, as with istio#61594."""
        return int(np.count_nonzero(self.pool == CONTRADICTED))

    @cached_property
    def unattributed(self) -> int:
        """Good answers that name neither pool nor pod; no verdict counts them."""
        nobody = (self.pool == NOBODY) | (self.pool == NOBODY_AND_LED_TO_OLD)
        return int(np.count_nonzero(self.good & nobody))

    @property
    def unattributed_share(self) -> float:
        """Share of them among the good answers; 0 without any."""
        return self.unattributed / max(self.requests - self.lost, 1)

    def latency(self, metric: str, pool: str) -> Floats:
        """Return the latencies (s) of a pool's good answers; `metric` is ttft, tpot, itl or e2e."""
        values: Floats = getattr(self, metric)
        kept = self.good & (self.pool == pool) & ~np.isnan(values)
        latencies: Floats = values[kept]
        return latencies

    def series(self, metric: str, pool: str, unsettled: Unsettled | None = None) -> Series:
        """Return the same latencies in the order in which the requests ended (Unix time), and what is unsettled."""
        values: Floats = getattr(self, metric)
        kept = self.good & (self.pool == pool) & ~np.isnan(values)
        ended = (self.started + self.e2e)[kept]
        order = np.argsort(ended, kind="stable")
        if unsettled is None:
            return Series(ended[order], values[kept][order])
        return Series(
            ended[order], values[kept][order], unsettled.ended.latency(metric, pool),
            unsettled.in_flight.least(metric, pool),
        )  # fmt: skip

    def answered(self) -> dict[str, int]:
        """Count the answers of the split by who gave them, good or not; those that name nobody are left out."""
        named = self.split & ~np.isin(self.pool, (NOBODY, CONTRADICTED))
        pools, counts = np.unique(self.pool[named], return_counts=True)
        return dict(zip(pools.tolist(), counts.tolist(), strict=True))

    def since(self, unix_time: float) -> Observed:
        """Return only the requests that were sent at or after `unix_time` (s)."""
        return self.where(self.started >= unix_time)

    def where(self, kept: npt.NDArray[np.bool_]) -> Observed:
        """Return only the requests of the rows that are true in `kept`."""
        return Observed(**{name: getattr(self, name)[kept] for name in self.__dataclass_fields__})


@dataclass(frozen=True, eq=False)
class InFlight:
    """Requests in flight, one entry each: their least latencies (s; NaN where not known), and who will answer.

    Who does not show yet counts as "old": it makes the old pool look slower, so it is no evidence against the new one.
    """

    ttft: Floats
    e2e: Floats
    pool: npt.NDArray[np.str_]

    def least(self, metric: str, pool: str) -> Floats:
        """Return the least latencies of a pool's requests; none where no request tells one."""
        if metric not in ("ttft", "e2e"):
            return np.array([])
        values: Floats = getattr(self, metric)
        known: Floats = values[(self.pool == pool) & ~np.isnan(values)]
        return known


@dataclass(frozen=True, eq=False)
class Unsettled:
    """What was sent since the oldest request in flight: requests that ended, and those in flight, at `now` (Unix)."""

    ended: Observed
    in_flight: InFlight
    now: float

    def began(self) -> float:
        """When the first of them was sent (Unix time)."""
        in_flight = self.now - self.in_flight.e2e
        return float(min(self.ended.started.min(initial=math.inf), in_flight.min(initial=math.inf)))


def joined(*parts: Observed) -> Observed:
    """Return the requests of all parts (one at least)."""
    return Observed(**{n: np.concatenate([getattr(part, n) for part in parts]) for n in Observed.__dataclass_fields__})


def observe(parts: Sequence[tuple[Answers, str]], pods: Mapping[str, str], pools: Mapping[str, str]) -> Observed:
    """Join loads: each with its answers, and the pool that its headers ask for ("" for none: it is split).

    `pods`: pod name -> "old" or "new"; `pools`: the same by the mark that the route sets on answers
    (x-inference-pool), the pool's namespace and name. The mark shows who answered, else the pod; never the headers that
    were sent.
    """
    return joined(*(_load(answers, led, pods, pools) for answers, led in parts))


def observe_in_flight(
    parts: Sequence[tuple[Sequence[Pending], str]], pods: Mapping[str, str], pools: Mapping[str, str]
) -> InFlight:
    """Join the requests in flight of loads, each with the pool that has given all its answers ("" for several)."""
    rows = [(each, _pool(pools.get(each.pool, each.pool), pods.get(each.pod, ""), each.pod) or always or "old")
            for pending, always in parts for each in pending]  # fmt: skip
    return InFlight(
        ttft=np.array([each.ttft for each, _ in rows], np.float64),
        e2e=np.array([each.e2e for each, _ in rows], np.float64),
        pool=np.array([who for _, who in rows], np.str_),
    )


def _load(answers: Answers, led: str, pods: Mapping[str, str], pools: Mapping[str, str]) -> Observed:
    nobody = NOBODY_AND_LED_TO_OLD if led == "old" else NOBODY
    named = zip(answers.pool.tolist(), answers.pod.tolist(), strict=True)
    return Observed(
        started=answers.started,
        ttft=answers.ttft,
        tpot=answers.tpot,
        itl=answers.itl,
        e2e=answers.latency,
        good=answers.good,
        pool=np.array([_pool(pools.get(mark, mark), pods.get(pod, ""), pod) or nobody for mark, pod in named], np.str_),
        split=np.full(len(answers), not led),
        cause=answers.reason,
    )


def _pool(marked: str, by_pod: str, pod: str) -> str:
    if marked and by_pod and marked != by_pod:
        return CONTRADICTED
    return marked or by_pod or pod
