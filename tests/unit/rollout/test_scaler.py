"""A rollout that is killed at any scaling goes on, and both pools carry their shares within the limits all the time."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inferencepool_rollout.drive.lease import Lease
from inferencepool_rollout.drive.run_log import RunLog
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.kube.apis import PODS
from inferencepool_rollout.plan.capacity import Capacity
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.plan.steps import Step
from inferencepool_rollout.scaling.releases import Releases
from inferencepool_rollout.scaling.scaler import Scaler
from kit.plans import altered, plan_of
from unit.rollout.fake_cluster import FakeClient, FakeCluster

PERCENTS = (33, 66, 100)
LONG_AGO = "2026-11-25T02:29:15Z"


class Killed(Exception):
    """The driver was killed."""


@dataclass
class FakeReleases:
    """Releases whose scaling makes pods that are ready at once, and checks what runs after each."""

    cluster: FakeCluster
    percent: int = 0
    dies_at: set[int] = field(default_factory=set)
    done: list[tuple[str, int]] = field(default_factory=list)
    limits: Any = None
    helm: Any = field(
        default_factory=lambda: SimpleNamespace(history=lambda release: [SimpleNamespace(updated=LONG_AGO)])
    )

    def command(self, pool: str, replicas: int) -> list[str]:
        return ["helm", "upgrade", pool, f"modelServer.replicas={replicas}"]

    def scale(self, pool: str, replicas: int) -> None:
        resize(self.cluster, pool, replicas)
        self.done.append((pool, replicas))
        self.check()
        if len(self.done) in self.dies_at:
            raise Killed

    def put_back(self, pool: str) -> list[str]:
        return []

    def longest_generation(self, pool: str) -> float:
        return 0.0

    def check(self) -> None:
        """Both pools carry their shares, and no more runs than may."""
        old, new = (size(self.cluster, pool) for pool in ("pool-old", "pool-new"))
        assert old >= self.limits.need_old(self.percent)
        assert new >= self.limits.need_new(self.percent)
        assert self.limits.used(old, new) <= self.limits.most


def size(cluster: FakeCluster, pool: str) -> int:
    """How many model servers a pool has."""
    return sum(path.startswith(PODS.path("default", f"{pool}-server-")) for path in cluster.objects)


def resize(cluster: FakeCluster, pool: str, replicas: int, ready: bool = True) -> None:
    """Give a pool so many model servers."""
    for path in [path for path in cluster.objects if path.startswith(PODS.path("default", f"{pool}-server-"))]:
        del cluster.objects[path]
    status: dict[str, Any] = {"conditions": [{"type": "Ready", "status": str(ready)}]}
    if not ready:
        why = {
            "type": "PodScheduled",
            "status": "False",
            "message": "0/1 nodes are available: 1 Insufficient nvidia.com/gpu.",
        }
        status["conditions"].append(why)
    for number in range(replicas):
        name = f"{pool}-server-{number}"
        metadata = {"name": name, "labels": {"pool": pool}}
        cluster.objects[PODS.path("default", name)] = {"metadata": metadata, "status": status}


@contextmanager
def stage(ready: str = "1s") -> Iterator[tuple[FakeReleases, Scaler]]:
    """An old pool of three replicas, a new one of none, and a scaler within four accelerators."""
    with tempfile.TemporaryDirectory() as folder:
        yield _stage(Path(folder), ready)


def _stage(folder: Path, ready: str) -> tuple[FakeReleases, Scaler]:
    scaling = {"surge": {"accelerators": 1}, "chart": "oci://charts/inferencepool", "ready": ready}
    capacity = {"peak": 28.0, "perReplica": {"old": 10.0, "new": 10.0}, "scaling": scaling}
    steps = tuple(Step.model_validate({"percent": percent, "burnIn": "1s"}) for percent in PERCENTS)
    plan: Plan = altered(plan_of(folder), steps=steps, capacity=Capacity.model_validate(capacity), max_step=100)
    cluster = FakeCluster(plan)
    for pool, replicas in (("pool-old", 3), ("pool-new", 0)):
        cluster.pool(pool)
        del cluster.objects[PODS.path("default", f"{pool}-1")]
        resize(cluster, pool, replicas)
    releases = FakeReleases(cluster)
    lease = cast(Lease, SimpleNamespace(require=lambda: None))
    scaler = Scaler.of(
        plan, FakeClient(cluster), cast(Releases, releases), lease, RunLog(folder / "log"), threading.Event()
    )
    releases.limits = scaler.limits
    return releases, scaler


@settings(deadline=None, max_examples=60)
@given(st.sets(st.integers(1, 7)))
def test_killed_anywhere_it_goes_on_and_never_lacks_capacity(kills: set[int]) -> None:
    with stage() as (releases, scaler):
        releases.dies_at = kills
        served = 0
        while served < 100:
            percent = next(each for each in PERCENTS if each > served)
            try:
                scaler.prepare(percent, served)
            except Killed:
                continue
            served = releases.percent = percent
            releases.check()
        for _ in range(4):
            try:
                scaler.settle()
                break
            except Killed:
                continue
        assert [size(releases.cluster, pool) for pool in ("pool-old", "pool-new")] == [0, 3]


@settings(deadline=None, max_examples=20)
@given(st.sampled_from(PERCENTS))
def test_the_way_back_from_any_step_never_lacks_capacity(reached: int) -> None:
    with stage() as (releases, scaler):
        served = 0
        for percent in (each for each in PERCENTS if each <= reached):
            scaler.prepare(percent, served)
            served = releases.percent = percent
        if reached == 100:
            scaler.settle()
        for percent in scaler.back_steps(served):
            scaler.make_room_to_go_back(percent, served)
            served = releases.percent = percent
            releases.check()
        scaler.restore()
        assert size(releases.cluster, "pool-old") == 3


def test_an_old_pool_that_still_has_everything_goes_back_at_once() -> None:
    with stage() as (_, scaler):
        scaler.prepare(33, 0)
        assert scaler.back_steps(33) == [0]


def test_a_replica_that_never_gets_ready_is_a_failure_with_the_schedulers_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with stage() as (releases, scaler):
        monkeypatch.setattr(
            releases, "scale", lambda pool, replicas: resize(releases.cluster, pool, replicas, ready=False)
        )
        with pytest.raises(
            Failure, match=r"0 of 1 model servers of pool-new are ready.*Insufficient nvidia\.com/gpu.*after 1 s"
        ):
            scaler.prepare(33, 0)


def test_an_old_pool_that_somebody_scaled_down_is_a_failure_with_the_command() -> None:
    with stage() as (releases, scaler):
        resize(releases.cluster, "pool-old", 1)
        with pytest.raises(Failure, match=r"pool-old has 1 replicas, and 3 are needed.*modelServer\.replicas=3"):
            scaler.prepare(33, 0)


def test_nothing_is_scaled_down_while_a_pool_does_not_carry_its_share() -> None:
    """As after the loss of a node: the old pool would be asked for more than is left of it."""
    with stage() as (releases, scaler):
        scaler.prepare(33, 0)
        releases.percent = 33
        resize(releases.cluster, "pool-new", 1, ready=False)
        with pytest.raises(Failure, match="0 of 1 model servers of pool-new are ready"):
            scaler.prepare(66, 33)
        assert size(releases.cluster, "pool-old") == 3
