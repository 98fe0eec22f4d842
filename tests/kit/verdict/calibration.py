"""How often a judge is wrong, and how soon it is right: pools equal, as bad as `detect`, and ten times as slow."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from inferencepool_rollout.evidence.decision import State, latency_state
from inferencepool_rollout.plan.objectives import Latency
from inferencepool_rollout.traffic.paired import Paired
from inferencepool_rollout.traffic.series import Series
from kit.verdict.judges import Judge, driver
from kit.verdict.traffic import STEP_SECONDS, Draw, Pair, Trace, drifting, seen, steady, traced

LEVEL, MISS = 0.01 / (5 * 4), 0.01  # alpha 1 % over 5 steps of 4 objectives; power 99 %
OBJECTIVES = (("ttft", 95, 1.3, 2.0), ("ttft", 95, 1.1, 1.5), ("e2e", 95, 1.1, 1.5), ("e2e", 50, 1.1, 1.3))
MEMORIES = (10, 60, 300)  # s
SQUEEZES = (0.5, 0.42, 0.38, 0.35)  # of the trace's time: pools that keep up, then bursts that queue
SOON_LOOKS = (20, 40, *range(50, 61, 2))
LATER_LOOKS = (round(x / 20) * 20 for x in np.geomspace(200, STEP_SECONDS, 20))
LOOKS = sorted({*SOON_LOOKS, *range(60, 75, 4), *range(80, 201, 20), *LATER_LOOKS})  # s
SLOW, SOON = 10.0, 60  # times as slow as the old pool; s

Objective = tuple[str, float, float, float]


@dataclass(frozen=True)
class Row:
    """How many of `runs` steps ended how; `seconds` is the median time of a verdict."""

    traffic: str
    pool: str
    objective: str
    runs: int
    violated: int
    kept: int
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
    """Yield a row for each objective and kind of pool."""
    for objective in objectives:
        for kind, factor in (("equal", 1.0), ("as bad as detect", objective[3])):
            yield _row(name, kind, objective, [outcome(judge, pair, objective, factor) for pair in drawn])


def calibrate_driver(name: str, drawn: Sequence[Pair], objectives: Sequence[Objective] = OBJECTIVES) -> Iterator[Row]:
    """Yield the driver's rows, and one for a slow pool by whichever objective sees it.

    A pool as bad as detect is an equal one whose latencies are multiplied, its requests ending when they did. So the
    evidence about it is that about the equal pool at another ratio, and is found once for all objectives.
    """
    cases = [(objective, factor) for objective in objectives for factor in (1.0, objective[3])]
    ends = [_driver_outcomes(pair, cases) for pair in drawn]
    for number, (objective, factor) in enumerate(cases):
        kind = "equal" if factor == 1 else "as bad as detect"
        yield _row(name, kind, objective, [each[number] for each in ends])
    soon = sum(
        any(outcome(driver, pair, objective, SLOW)[0] == "violated" for objective in objectives) for pair in drawn
    )
    yield Row(name, "ten times as slow", "any", len(drawn), soon, 0, SOON)


def _row(name: str, kind: str, objective: Objective, ends: Sequence[tuple[str, float]]) -> Row:
    count = Counter(state for state, _ in ends)
    decided = [seconds for state, seconds in ends if state != "open"] or [STEP_SECONDS]
    seconds = float(np.median(decided))
    return Row(name, kind, name_of(objective), len(ends), count["violated"], count["kept"], seconds)


class _Shared(Paired):
    """Evidence that is found once for each ratio."""

    def __init__(self, old: Series, new: Series, q: float, now: float) -> None:
        super().__init__(old, new, q, 0.0, now=now)
        self._found: dict[float, float] = {}
        self._parts: dict[float, _Shared] = {}

    def evidence(self, ratio: float) -> float:
        if ratio not in self._found:
            self._found[ratio] = super().evidence(ratio)
        return self._found[ratio]

    def until(self, share: float) -> _Shared:
        if share not in self._parts:
            time = share * self.seconds
            self._parts[share] = _Shared(self._old.until(time), self._new.until(time), self._q, time)
        return self._parts[share]


class _Scaled(_Shared):
    """What would be seen if the new pool's latencies were multiplied by a factor."""

    def __init__(self, shared: _Shared, factor: float) -> None:
        self._shared, self._factor = shared, factor

    @property
    def seconds(self) -> float:
        return self._shared.seconds

    @property
    def enough(self) -> bool:
        return self._shared.enough

    @property
    def early(self) -> bool:
        return self._shared.early

    def evidence(self, ratio: float) -> float:
        return self._shared.evidence(ratio / self._factor)

    def grossly(self, ratio: float) -> bool:
        return self._shared.grossly(ratio / self._factor)

    def until(self, share: float) -> _Scaled:
        return _Scaled(self._shared.until(share), self._factor)


def _driver_outcomes(pair: Pair, cases: Sequence[tuple[Objective, float]]) -> list[tuple[str, float]]:
    ends: list[tuple[str, float]] = [("open", STEP_SECONDS)] * len(cases)
    for look in LOOKS:
        windows: dict[tuple[str, float], _Shared] = {}
        for number, (objective, factor) in enumerate(cases):
            if ends[number][0] != "open":
                continue
            metric, percentile, accept, detect = objective
            if (metric, percentile) not in windows:
                windows[metric, percentile] = _Shared(*seen(pair, metric, look), percentile / 100, look)
            judged = Latency(metric="e2e", percentile=percentile, accept=accept, detect=detect)
            state = latency_state(judged, _Scaled(windows[metric, percentile], factor), LEVEL, MISS)
            if state is not State.OPEN:
                ends[number] = str(state), look
    return ends


def outcome(
    judge: Judge, pair: Pair, objective: Objective, factor: float, looks: Sequence[int] = LOOKS
) -> tuple[str, float]:
    """Return how a step ends, and after how many seconds, if the new pool's latencies are multiplied by `factor`."""
    metric, percentile, accept, detect = objective
    scaled = pair[0], pair[1].times(factor)
    for look in looks:
        if factor == SLOW and look > SOON:
            break
        state = judge(*seen(scaled, metric, look), look, accept, detect, percentile, LEVEL, MISS)
        if state != "open":
            return state, look
    return "open", STEP_SECONDS


def as_json(rows: Sequence[Row]) -> list[dict[str, object]]:
    """Return rows for machines."""
    return [asdict(row) for row in rows]
