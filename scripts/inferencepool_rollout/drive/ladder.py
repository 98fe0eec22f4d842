"""Requests to the new pool alone, at rising rates, before it has any weight: step 0 of a plan, and `rollout profile`.

They warm the caches and compiled graphs of its servers, and find the rate that one of them holds. A rate is held once
the error rate and the goodput are kept at it. The first rate at which one of them is violated, or that the probe cannot
send, is the last. A low rate may send too few requests to show either; then the next one is tried all the same. Ratios
to the old pool are not judged, since that serves users at another rate.
"""

from __future__ import annotations

import threading
import time
from dataclasses import asdict, dataclass, replace

from inferencepool_rollout.drive.run_log import RunLog
from inferencepool_rollout.evidence.capacity import RUNGS, Capacity, Rung, rates, reason
from inferencepool_rollout.evidence.decision import State, judge_shares
from inferencepool_rollout.evidence.observed import NOBODY, Observed, joined
from inferencepool_rollout.evidence.probe import Probe, Stream, probing, streams
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.kube.client import Client
from inferencepool_rollout.kube.snapshot import read_pools
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.plan.steps import Step
from inferencepool_rollout.progress import say

POLL_SECONDS = 0.5
OF_LADDER = 1000
"""Number of the first rate's workload; those of steps are their percents."""


@dataclass(frozen=True)
class Ladder:
    """The rates that a plan's new pool is tried at."""

    plan: Plan
    client: Client
    log: RunLog
    stopped: threading.Event

    def climb(self, step: Step, peak: float) -> Capacity:
        """Try each rate up to `peak` (requests/s) until one is not held; `step` says how long all of them take.

        Raises Failure if no model server of the new pool is ready, or if it is interrupted.
        """
        name = self.plan.new
        pool = read_pools(self.client, self.plan.route.namespace, [name])[name]
        replicas = len(pool.serving) if pool else 0
        if not replicas:
            raise Failure(f"no model server of {name} is ready, so nothing can be measured")
        rungs: list[Rung] = []
        for number, rate in enumerate(rates(peak)):
            rungs.append(self._rung(step, rate, number))
            self.log.write("rung", percent=0, **asdict(rungs[-1]))
            say(f"{rate:.3g} requests/s to {name}: {rungs[-1].why or 'held'} ({rungs[-1].requests} requests)")
            if rungs[-1].state is State.VIOLATED:
                break
        found = Capacity(name, replicas, rungs)
        self.log.write("capacity", percent=0, capacity=found.document())
        return found

    def _rung(self, step: Step, rate: float, number: int) -> Rung:
        began = time.monotonic()
        everything: Observed | None = None
        state, why = State.OPEN, ""
        with probing(self.plan, self.client, to_new(self.plan, rate, OF_LADDER + number)) as probe:
            while True:
                if self.stopped.wait(POLL_SECONDS):
                    raise Failure("interrupted")
                fair, everything = self._fair(probe, everything)
                findings, took = judge_shares(self.plan, fair, RUNGS), time.monotonic() - began
                if why := reason(findings) or probe.backlog():
                    state = State.VIOLATED
                elif took >= step.burn_in / RUNGS and all(each.state is State.KEPT for each in findings):
                    state = State.KEPT
                elif took > step.longest / RUNGS:
                    why = " and ".join(each.name for each in findings if each.state is State.OPEN)
                    why = f"{why} undecided after {took:.0f} s"
                if why or state is State.KEPT:
                    break
        self.log.answers(probe.fresh())
        return Rung(rate, everything.requests, findings, state, f"at {rate:.3g} requests/s {why}" if why else "")

    def _fair(self, probe: Probe, before: Observed | None) -> tuple[Observed, Observed]:
        """Take what has ended; return the part of all of it that no slow request is missing from, and all of it."""
        settled, fresh = probe.settled(), probe.fresh()
        self.log.answers(fresh)
        everything = joined(before, fresh) if before else fresh
        if elsewhere := set(fresh.pool[fresh.good].tolist()) - {"new", NOBODY}:
            raise Failure(
                f"requests with the headers of probe.toNew were answered by {' and '.join(sorted(elsewhere))}, so the "
                f"load of step 0 would slow down users; correct probe.toNew, or the preview route of {self.plan.new}"
            )
        return everything.where(everything.started < settled), everything


def to_new(plan: Plan, rate: float, number: int) -> list[Stream]:
    """Return the probe's streams to the new pool alone, with `rate` (requests/s) in all."""
    kinds = [stream for stream in streams(plan, number) if stream.pool == "new"]
    factor = rate / sum(stream.rate for stream in kinds)
    return [replace(stream, rate=stream.rate * factor) for stream in kinds]
