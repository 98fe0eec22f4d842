"""What a step's probe requests showed so far, by pool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from inferencepool_rollout.traffic.answers import Answers
from inferencepool_rollout.traffic.quantiles import Floats

NOBODY = ""


@dataclass(frozen=True, eq=False)
class Observed:
    """Probe requests, one entry each in every column, in no order.

    `pool` is "old", "new", the name of a stray pod, or "" where the answer tells nobody. `split` is true for requests
    that took the weighted rule, false for those that were led to a pool by their headers.
    """

    started: Floats
    ttft: Floats
    tpot: Floats
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
        against the new pool, since the old one is what served well until now.
        """
        return int(np.count_nonzero(~self.good & ((self.pool == "new") | (self.pool == NOBODY))))

    @cached_property
    def new_requests(self) -> int:
        """Requests that the new pool is judged by: its good answers and new_failed."""
        return int(np.count_nonzero(self.good & (self.pool == "new"))) + self.new_failed

    def latency(self, metric: str, pool: str) -> Floats:
        """Return the latencies (s) of a pool's good answers; `metric` is ttft, tpot or e2e."""
        values: Floats = getattr(self, metric)
        kept = self.good & (self.pool == pool) & ~np.isnan(values)
        latencies: Floats = values[kept]
        return latencies

    def answered(self) -> dict[str, int]:
        """Count the answers of the split by who gave them, good or not; those that name nobody are left out."""
        pools, counts = np.unique(self.pool[self.split & (self.pool != NOBODY)], return_counts=True)
        return dict(zip(pools.tolist(), counts.tolist(), strict=True))

    def since(self, unix_time: float) -> Observed:
        """Return only the requests that were sent at or after `unix_time` (s)."""
        return self.where(self.started >= unix_time)

    def where(self, kept: npt.NDArray[np.bool_]) -> Observed:
        """Return only the requests of the rows that are true in `kept`."""
        return Observed(**{name: getattr(self, name)[kept] for name in self.__dataclass_fields__})


def joined(*parts: Observed) -> Observed:
    """Return the requests of all parts (one at least)."""
    return Observed(**{n: np.concatenate([getattr(part, n) for part in parts]) for n in Observed.__dataclass_fields__})


def observe(parts: Sequence[tuple[Answers, str, bool]], pods: Mapping[str, str]) -> Observed:
    """Join loads: each with its answers, the pool that its headers lead to ("" for none), and whether it is split.

    `pods`: pod name -> "old" or "new".
    """
    return joined(*(_load(answers, pool, split, pods) for answers, pool, split in parts))


def _load(answers: Answers, pool: str, split: bool, pods: Mapping[str, str]) -> Observed:
    with np.errstate(divide="ignore", invalid="ignore"):
        tpot = np.where(answers.chunks > 1, (answers.latency - answers.ttft) / (answers.chunks - 1), np.nan)
    return Observed(
        started=answers.started,
        ttft=answers.ttft,
        tpot=tpot,
        e2e=answers.latency,
        good=answers.good,
        pool=np.array([pool or pods.get(pod, pod) for pod in answers.pod.tolist()], np.str_),
        split=np.full(len(answers), split),
        cause=answers.reason,
    )
