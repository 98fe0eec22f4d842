"""Scaling both pools as the weight moves: nothing is scaled down that is needed, and nothing up beyond what may run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from inferencepool_rollout.drive.lease import Lease
from inferencepool_rollout.drive.run_log import RunLog
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.kube.client import Client
from inferencepool_rollout.kube.snapshot import Pod, Pool, read_pools
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.progress import say
from inferencepool_rollout.scaling.releases import Releases
from inferencepool_rollout.scaling.schedule import Limits, Stage, end, of_plan

POLL_SECONDS = 1.0


@dataclass(frozen=True)
class Scaler:
    """Gives both pools of a plan with `capacity.scaling` their replicas.

    Where a scaling stands is read from the cluster, so that every method can be called again after a kill.
    """

    plan: Plan
    client: Client
    releases: Releases
    lease: Lease
    log: RunLog
    stopped: threading.Event
    limits: Limits
    stages: Sequence[Stage]
    longest: float
    """Time (s) within which added replicas have to be ready."""

    @classmethod
    def of(
        cls, plan: Plan, client: Client, releases: Releases, lease: Lease, log: RunLog, stopped: threading.Event
    ) -> Scaler:
        """Return the scaler of a plan that has a capacity with `scaling`."""
        assert plan.capacity and plan.capacity.scaling
        limits, stages = of_plan(plan)
        return cls(plan, client, releases, lease, log, stopped, limits, stages, plan.capacity.scaling.ready)

    def prepare(self, percent: int, served: float) -> None:
        """Bring both pools to what they have at `percent`, while the new pool serves `served` percent.

        Raises Failure with the reason if that does not succeed: a pool that somebody else scaled, or replicas that do
        not get ready.
        """
        stage = next(each for each in self.stages if each.percent == percent)
        least = max(self.limits.need_old(served), self.limits.keep_old)
        have = len(self._pool(self.plan.old).staying)
        if have < min(least, stage.old):
            raise Failure(
                f"{self.plan.old} has {have} replicas, and {least} are needed while it serves {100 - served:g} %; "
                f"somebody scaled it: {' '.join(self.releases.command(self.plan.old, stage.old))}"
            )
        if have > stage.old:
            self._await(lambda: self._lacking(served))
            self._rest(self.plan.old)
            self._scale(self.plan.old, stage.old)
        self._grow(self.plan.new, stage.new)

    def settle(self) -> None:
        """Bring both pools to what they have once the last step is passed, and put the new one's autoscaler back."""
        last = end(self.limits, self.stages[-1])
        if len(self._pool(self.plan.old).staying) > last.old:
            self._await(lambda: self._lacking(last.percent))
            self._rest(self.plan.old)
            self._scale(self.plan.old, last.old)
        self._grow(self.plan.new, last.new)
        if command := self.releases.put_back(self.plan.new):
            self.log.write("scale", pool=self.plan.new, command=command)

    def make_room_to_go_back(self, percent: float, served: float) -> None:
        """Give the old pool what it needs at `percent`, below the `served` that the new pool serves now."""
        need_new, need_old = self.limits.need_new(served), self.limits.need_old(percent)
        if len(self._pool(self.plan.new).staying) > need_new:
            self._scale(self.plan.new, need_new)
        self._grow(self.plan.old, need_old)

    def restore(self) -> None:
        """Give the old pool its full size again, after it has everything, and the new one what is left."""
        room = (self.limits.most - self.limits.used(self.limits.old_full, 0)) // self.limits.new_unit
        if len(self._pool(self.plan.new).staying) > room:
            self._rest(self.plan.new)
            self._scale(self.plan.new, room)
        self._grow(self.plan.old, self.limits.old_full)
        if command := self.releases.put_back(self.plan.old):
            self.log.write("scale", pool=self.plan.old, command=command)

    def serving(self, name: str) -> Sequence[Pod]:
        """Return the model servers of a pool that serve."""
        return self._pool(name).serving

    def back_steps(self, served: float) -> list[int]:
        """Return the percents that a way back from `served` goes through, the last of them 0.

        One is enough where the old pool has the replicas for everything.
        """
        if len(self.serving(self.plan.old)) >= self.limits.need_old(0):
            return [0]
        return [*(stage.percent for stage in reversed(self.stages) if stage.percent < served), 0]

    def start_seconds(self) -> float:
        """Return how long the slowest model server of either pool took from its creation until it was ready; 0 if
        none is ready."""
        pools = [self._pool(name) for name in (self.plan.old, self.plan.new)]
        return max((pod.started_in for pool in pools for pod in pool.serving), default=0.0)

    def _grow(self, name: str, replicas: int) -> None:
        """Scale a pool up to `replicas`, once what they need is free, and wait until all of them are ready."""
        if len(self._pool(name).staying) < replicas:
            self._await(lambda: self._over(name, replicas))
            self._scale(name, replicas)
        self._await(lambda: self._unready(name, replicas))

    def _scale(self, name: str, replicas: int) -> None:
        self.lease.require()
        command = self.releases.command(name, replicas)
        self.log.write("scale", pool=name, replicas=replicas, command=command)
        say(" ".join(command))
        self.releases.scale(name, replicas)
        self._await(lambda: self._unscaled(name, replicas))

    def _over(self, name: str, replicas: int) -> str:
        """What still runs that a larger pool has no room beside; empty if there is room."""
        running = {each: len(self._pool(each).servers) for each in (self.plan.old, self.plan.new)}
        running[name] = replicas
        used = self.limits.used(running[self.plan.old], running[self.plan.new])
        if used <= self.limits.most:
            return ""
        return f"{replicas} replicas of {name} have no room yet: {used} of {self.limits.most} would run"

    def _unscaled(self, name: str, replicas: int) -> str:
        have = len(self._pool(name).staying)
        return "" if have == replicas else f"{name} has {have} replicas and is to have {replicas}"

    def _unready(self, name: str, replicas: int) -> str:
        """Why a pool does not serve with so many replicas yet, with the scheduler's reason."""
        pool = self._pool(name)
        if len(pool.serving) >= replicas and (pool.can_serve or not replicas):
            return ""
        why = next((f": {pod.unscheduled}" for pod in pool.staying if pod.unscheduled), "")
        return f"{len(pool.serving)} of {replicas} model servers of {name} are ready{why}"

    def _lacking(self, served: float) -> str:
        """What does not serve that carries the present shares; empty if both pools carry theirs."""
        needs = {self.plan.old: self.limits.need_old(served), self.plan.new: self.limits.need_new(served)}
        return next((why for name, need in needs.items() if (why := self._unready(name, need))), "")

    def _rest(self, name: str) -> None:
        """Wait until the longest response that began before the last move of weight has ended."""
        moved = datetime.fromisoformat(self.releases.helm.history(self.plan.route.release)[-1].updated).timestamp()
        until = moved + self.releases.longest_generation(name)
        self._await(lambda: f"responses of {name} may last {until - now:.0f} s" if (now := time.time()) < until else "")

    def _await(self, missing: Callable[[], str]) -> None:
        """Wait until nothing is missing; say what is, each time it changes. Raises Failure after `longest`."""
        until, said = time.monotonic() + self.longest, ""
        while reason := missing():
            if reason.split(":")[0] != said:
                said = reason.split(":")[0]
                say(f"waiting: {reason}")
            if self.stopped.is_set():
                raise Failure("interrupted")
            if time.monotonic() > until:
                raise Failure(f"{reason}, after {self.longest:.0f} s")
            self.stopped.wait(POLL_SECONDS)

    def _pool(self, name: str) -> Pool:
        pool = read_pools(self.client, self.plan.route.namespace, [name])[name]
        if pool is None:
            raise Failure(f"there is no InferencePool {self.plan.route.namespace}/{name}; install its release first")
        return pool
