"""The probe: requests through the gateway while a step is observed, told apart by pool."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from inferencepool_rollout.evidence.observed import InFlight, Observed, joined, observe, observe_in_flight
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.kube.client import ASKED_SECONDS, ApiFault, Client
from inferencepool_rollout.kube.snapshot import Pool, read_pools
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.traffic import load
from inferencepool_rollout.traffic.apart import apart
from inferencepool_rollout.traffic.attribution import picks_of
from inferencepool_rollout.traffic.load import Load
from inferencepool_rollout.traffic.request import Completion
from inferencepool_rollout.workload.requests import Workload
from inferencepool_rollout.workload.trace import read_trace

LONGEST_SECONDS = 7 * 24 * 3600.0
POOLS_SECONDS = 5.0
"""How often the pools' pods and picks are read."""


@dataclass(frozen=True)
class Stream:
    """Requests of one kind: `pool` is where their headers lead them, empty for the weighted rule."""

    request: Completion
    rate: float
    pool: str
    workload: Workload | None = None

    @property
    def name(self) -> str:
        """The stream in words."""
        return f"{self.request.model}{f', to the {self.pool} pool' if self.pool else ''}"


def streams(plan: Plan, number: int = 0) -> list[Stream]:
    """Return the streams of a probe, which share its rate: one for each model, and for each way that requests take.

    `number` tells apart the workloads of one plan, so that a step does not find in caches what an earlier one sent.
    """
    probe = plan.probe
    ways = [("", {}), *([("old", probe.to_old), ("new", probe.to_new)] if probe.to_new else [])]
    mix = probe.workload.mix if probe.workload else {}
    weights = {model: mix.get(model, 1.0) for model in probe.models}
    each = probe.rate / (len(ways) * sum(weights.values()))
    return [
        Stream(completion(plan, model, dict(headers)), weight * each, pool, workload(plan, number))
        for model, weight in weights.items()
        if weight
        for pool, headers in ways
    ]


def workload(plan: Plan, number: int) -> Workload | None:
    """Return the plan's workload, None where it has one prompt; raises Failure if its trace is gone."""
    spec = plan.probe.workload
    return Workload(spec, read_trace(Path(spec.trace)) if spec.trace else None, number) if spec else None


def completion(plan: Plan, model: str, headers: dict[str, str]) -> Completion:
    """Return the probe's request for a model, with further headers."""
    probe = plan.probe
    return Completion(
        model=model,
        prompt=probe.prompt,
        max_tokens=probe.max_tokens,
        stream=probe.stream,
        chat=probe.chat,
        headers={**plan.gateway.headers, **headers},
        usage=probe.usage,
    )


def marks(plan: Plan) -> dict[str, str]:
    """Return the side, old or new, of each mark that the route sets on answers: the pool's namespace and name."""
    namespace = plan.route.namespace
    return {f"{namespace}/{name}": side for side, name in (("old", plan.old), ("new", plan.new))}


def pods_by_side(plan: Plan, pools: Mapping[str, Pool | None]) -> dict[str, str]:
    """Return the side, old or new, of each model server's pod in the plan's pools."""
    sides = {plan.old: "old", plan.new: "new"}
    return {pod.name: side for name, side in sides.items() if (pool := pools.get(name)) for pod in pool.servers}


@dataclass
class Picks:
    """The picks of either pool's EPP since the first reading, everybody's requests counted; None where not known."""

    counts: dict[str, int | None] = field(default_factory=dict)
    why_unknown: dict[str, str] = field(default_factory=dict)


class Probe:
    """A probe under way."""

    def __init__(self, plan: Plan, client: Client, loads: Sequence[tuple[Stream, Load]]) -> None:
        self._plan, self._client, self._loads = plan, client.with_patience(0, ASKED_SECONDS), loads
        self._taken = [0 for _ in loads]
        self._answered: list[set[str]] = [set() for _ in loads]
        self._pods: dict[str, str] = {}
        self._pools: dict[str, Pool | None] = {}
        self._first: dict[str, int] = {}
        self._read_at = 0.0
        self.picks = Picks()
        self.refresh()

    def refresh(self) -> None:
        """Read the pods and picks of both pools; pods that are gone stay known, and so do counts of a cluster that is
        away."""
        self._read_at = time.monotonic()
        try:
            self._pools = read_pools(self._client, self._plan.route.namespace, (self._plan.old, self._plan.new))
        except ApiFault as fault:
            self.picks.why_unknown = dict.fromkeys(("old", "new"), str(fault))
            return
        self._pods |= pods_by_side(self._plan, self._pools)
        for side, name in (("old", self._plan.old), ("new", self._plan.new)):
            self.picks.counts[side], self.picks.why_unknown[side] = self._gained(side, self._pools.get(name))

    @property
    def pools(self) -> Mapping[str, Pool | None]:
        """The pools with their pods, as they were read last, by name."""
        return self._pools

    def settled(self) -> float:
        """Return the Unix time before which every request has ended; call it before `fresh`."""
        return min(each.settled() for _, each in self._loads)

    def in_flight(self) -> InFlight:
        """Return the requests in flight; called before `fresh`, none is missing from both.

        Before an answer's head comes, only the earlier answers of its load show who gives it: if all came from the pool
        that the headers ask for, so does this one.
        """
        parts = []
        for (stream, each), answered in zip(self._loads, self._answered, strict=True):
            parts.append((each.pending(), stream.pool if answered == {stream.pool} else ""))
        return observe_in_flight(parts, self._pods, marks(self._plan))

    def fresh(self) -> Observed:
        """Return what has ended since the last call."""
        parts = []
        for number, (stream, each) in enumerate(self._loads):
            answers = each.answers(self._taken[number])
            self._taken[number] += len(answers)
            parts.append((answers, stream.pool))
        known = {pod for answers, _ in parts for pod in answers.by_pod()}
        if known - {""} - self._pods.keys() or time.monotonic() - self._read_at > POOLS_SECONDS:
            self.refresh()
        observed = [observe([part], self._pods, marks(self._plan)) for part in parts]
        for seen, answered in zip(observed, self._answered, strict=True):
            answered.update(seen.pool[seen.good].tolist())
        return joined(*observed)

    def behind(self) -> str:
        """Say why the probe does not send as the plan says; empty while it does.

        A probe that sends late (Load.late) matters only where latency is judged.
        """
        judged = self._plan.latency or self._plan.goodput
        late = [each.late() for _, each in self._loads] if judged else []
        return self.backlog() or next(filter(None, late), "")

    def backlog(self) -> str:
        """Say that requests are due that no worker is free for; empty while there are none."""
        return next(filter(None, (each.behind() for _, each in self._loads)), "")

    def _gained(self, side: str, pool: Pool | None) -> tuple[int | None, str]:
        """The picks of a pool's EPP since the first reading, or why they are not known."""
        if pool is None:
            return None, "there is no such pool"
        try:
            count = picks_of(self._client, pool)
        except Failure as failure:
            return None, str(failure)
        first = self._first.setdefault(side, count)
        if count < first:
            return None, "its endpoint picker restarted and lost its count"
        return count - first, ""


@contextmanager
def probing(plan: Plan, client: Client, kinds: Sequence[Stream]) -> Iterator[Probe]:
    """Send the probe's requests of these kinds while the block runs; leaving it awaits those in flight."""
    with apart([(plan.gateway.url, kind.request, _load(plan, kind)) for kind in kinds]) as loads:
        yield Probe(plan, client, list(zip(kinds, loads, strict=True)))


def _load(plan: Plan, stream: Stream) -> load.Plan:
    probe = plan.probe
    return load.Plan(
        workers=probe.workers, seconds=LONGEST_SECONDS, rate=stream.rate, timeout=probe.timeout, varied=stream.workload
    )
