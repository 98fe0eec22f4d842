"""The probe: requests through the gateway while a step is looked at, told apart by pool."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from inferencepool_rollout import plan as plans
from inferencepool_rollout.drive.observed import Observed, observe
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.kube.live import Live
from inferencepool_rollout.traffic.apart import apart
from inferencepool_rollout.traffic.attribution import picks
from inferencepool_rollout.traffic.load import Load, Plan
from inferencepool_rollout.traffic.request import Completion

LONGEST_SECONDS = 7 * 24 * 3600.0


@dataclass(frozen=True)
class Stream:
    """Requests of one kind: `pool` is where their headers lead them, empty for the weighted rule."""

    request: Completion
    rate: float
    pool: str


def streams(probe: plans.Probe) -> list[Stream]:
    """Return the streams of a probe, which share its rate: one for each model, and for each way that requests take."""
    ways = [("", {}), *([("old", probe.to_old), ("new", probe.to_new)] if probe.to_new else [])]
    kinds = [(model, pool, headers) for model in probe.models for pool, headers in ways]
    return [
        Stream(
            Completion(model, probe.prompt, probe.max_tokens, probe.stream, probe.chat, {**probe.headers, **headers}),
            probe.rate / len(kinds),
            pool,
        )
        for model, pool, headers in kinds
    ]


class Probe:
    """A probe under way."""

    def __init__(self, plan: plans.Plan, live: Live, loads: Sequence[tuple[Stream, Load]]) -> None:
        self._plan, self._live, self._loads = plan, live, loads
        self._taken = [0 for _ in loads]
        self._pods: dict[str, str] = {}
        self._first_picks: dict[str, int | None] = {}
        self.refresh()

    def refresh(self) -> None:
        """Learn the pods of both pools that are there now; those that are gone stay known."""
        sides = {self._plan.old: "old", self._plan.new: "new"}
        pods = self._live.pods(self._plan.old, self._plan.new)
        self._pods |= {pod.name: sides[pod.release] for pod in pods if pod.component == "model-server"}

    def settled(self) -> float:
        """Return the Unix time before which every request has ended; call it before `fresh`."""
        return min(load.settled() for _, load in self._loads)

    def fresh(self) -> Observed:
        """Return what has ended since the last call."""
        parts = []
        for number, (stream, load) in enumerate(self._loads):
            answers = load.answers(self._taken[number])
            self._taken[number] += len(answers)
            parts.append((answers, stream.pool))
        known = {pod for answers, _ in parts for pod in answers.by_pod()}
        if known - {""} - self._pods.keys():
            self.refresh()
        return observe(parts, self._pods, {self._plan.old: "old", self._plan.new: "new"})

    def behind(self) -> str:
        """Say why the probe does not send as the plan says; empty while it does (Load.behind)."""
        return next(filter(None, (load.behind() for _, load in self._loads)), "")

    def picks(self) -> dict[str, int | None]:
        """Return the picks of either pool's EPP since the first call, everybody's requests counted.

        None where its metrics cannot be read, as with metricsAuth, or where it restarted in between.
        """
        now: dict[str, int | None] = {}
        for side, release in (("old", self._plan.old), ("new", self._plan.new)):
            try:
                now[side] = picks(self._live.core, self._live.namespace, release)
            except Failure:
                now[side] = None
        self._first_picks = self._first_picks or now
        gained: dict[str, int | None] = {}
        for side, count in now.items():
            first = self._first_picks.get(side)
            gained[side] = count - first if count is not None and first is not None and count >= first else None
        return gained


@contextmanager
def probing(plan: plans.Plan, live: Live) -> Iterator[Probe]:
    """Send the plan's probe requests while the block runs; leaving it awaits those in flight."""
    kinds = streams(plan.probe)
    with apart([(plan.probe.url, kind.request, _load(plan.probe, kind)) for kind in kinds]) as loads:
        yield Probe(plan, live, list(zip(kinds, loads, strict=True)))


def _load(probe: plans.Probe, stream: Stream) -> Plan:
    return Plan(workers=probe.workers, seconds=LONGEST_SECONDS, rate=stream.rate, timeout=probe.timeout)
