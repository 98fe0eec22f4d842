"""How often a judge is wrong, and how soon it is right: pools equal, as bad as `detect`, and ten times as slow."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from benchmarks.verdict.judges import Judge
from benchmarks.verdict.traffic import STEP_SECONDS, Draw, Pair, Pool, Trace, drifting, steady, traced

LEVEL, MISS = 0.01 / (5 * 4), 0.01  # alpha 1 % over 5 steps of 4 objectives; power 99 %
OBJECTIVES = (("ttft", 95, 1.3, 2.0), ("ttft", 95, 1.1, 1.5), ("e2e", 95, 1.1, 1.5), ("e2e", 50, 1.1, 1.3))
MEMORIES = (10, 60, 300)  # s
SQUEEZES = (0.5, 0.42, 0.38, 0.35)  # of the trace's time: pools that keep up, then bursts that queue
LOOKS = sorted({*range(20, 201, 20), *(round(x / 20) * 20 for x in np.geomspace(200, STEP_SECONDS, 20))})  # s
SLOW, SOON = 10.0, 60  # times as slow as the old pool; s

Objective = tuple[str, float, float, float]


@dataclass(frozen=True)
class Row:
    """How many of `runs` steps ended how, for one traffic, kind of new pool and objective.

    `soon` counts those that were violated within SOON s; `seconds` is the median time of a verdict.
    """

    traffic: str
    pool: str
    objective: str
    runs: int
    violated: int
    kept: int
    soon: int
    seconds: float


def traffics(trace: Trace | None) -> Mapping[str, Draw]:
    """Return every traffic by its name; those of a trace only where there is one."""
    named: dict[str, Draw] = {"independent requests": steady}
    for memory in MEMORIES:
        named[f"own drift, {memory} s"] = drifting(memory, common=False)
    for memory in MEMORIES:
        named[f"shared drift, {memory} s"] = drifting(memory, common=True)
    for squeeze in SQUEEZES if trace else ():
        assert trace
        named[f"trace x{1 / squeeze:.1f}"] = traced(trace, squeeze)
    return named


def name_of(objective: Objective) -> str:
    """Return an objective as text."""
    metric, percentile, accept, detect = objective
    return f"{metric.upper()} p{percentile:g} {accept:g}/{detect:g}"


def pairs(draw: Draw, name: str, seed: int, runs: int) -> list[Pair]:
    """Draw equal pools, the same ones for the same name and seed."""
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    return [draw(rng, 1.0) for _ in range(runs)]


def calibrate(
    judge: Judge, name: str, drawn: Sequence[Pair], objectives: Sequence[Objective] = OBJECTIVES
) -> Iterator[Row]:
    """Yield a row for each objective and kind of pool, and one for a slow pool by whichever objective sees it."""
    found = np.zeros(len(drawn), np.bool_)
    for objective in objectives:
        for kind, factor in (("equal", 1.0), ("as bad as detect", objective[3]), ("ten times as slow", SLOW)):
            ends = [outcome(judge, pair, objective, factor) for pair in drawn]
            count = Counter(state for state, _ in ends)
            soon = np.array([state == "violated" and seconds <= SOON for state, seconds in ends])
            decided = [seconds for state, seconds in ends if state != "open"] or [STEP_SECONDS]
            if factor == SLOW:
                found |= soon
                continue
            yield Row(
                name, kind, name_of(objective), len(drawn), count["violated"], count["kept"], int(soon.sum()),
                float(np.median(decided)),
            )  # fmt: skip
    yield Row(name, "ten times as slow", "any", len(drawn), int(found.sum()), 0, int(found.sum()), SOON)


def outcome(
    judge: Judge, pair: Pair, objective: Objective, factor: float, looks: Sequence[int] = LOOKS
) -> tuple[str, float]:
    """Return how a step ends, and after how many seconds, if the new pool's latencies are multiplied by `factor`."""
    metric, percentile, accept, detect = objective
    old, new = _series(pair[0], metric), _series(pair[1].times(factor), metric)
    for look in looks:
        if factor == SLOW and look > SOON:
            break
        seen = [(at[: (n := int(np.searchsorted(at, look)))], latency[:n]) for at, latency in (old, new)]
        state = judge(seen[0], seen[1], accept, detect, percentile, LEVEL, MISS)
        if state != "open":
            return state, look
    return "open", STEP_SECONDS


def _series(pool: Pool, metric: str) -> tuple[np.ndarray, np.ndarray]:
    return pool.series(metric)


def as_json(rows: Sequence[Row]) -> list[dict[str, object]]:
    """Return rows for machines."""
    return [asdict(row) for row in rows]
