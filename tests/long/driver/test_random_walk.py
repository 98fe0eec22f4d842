"""A random walk through what people and faults do to a rollout, by both helms, with the way back tried in between.

After every `rollout rollback` that exits 0 the live route gives everything to the old pool, and only the old pool
answers; any other exit says why in one line. STEPS steps, half of them by each helm; WALK_SEED repeats a walk.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest

from inferencepool_lab.builds.tools import tool
from inferencepool_lab.cluster.handle import Cluster
from inferencepool_rollout.traffic.load import Plan, send
from inferencepool_rollout.traffic.request import Completion
from kit.charts import CHARTS
from kit.namespace import Refused
from kit.rollout import Rollout, rollout

STEPS = 200
SEED = int(os.environ.get("WALK_SEED", "20261126"))
HELMS = ("helm3", "helm4")
ROUTE = CHARTS / "rollout-route"
ASKED = 20


@dataclass
class Walk:
    """A walk under way: what was done, in words, and how the ways back ended."""

    stage: Rollout
    rng: random.Random
    done: list[str] = field(default_factory=list)
    ends: Counter[int] = field(default_factory=Counter)

    def step(self) -> None:
        """Do one thing at random."""
        things: list[tuple[float, Callable[[], str]]] = [
            (3, self.upgrade), (2, self.edit_weights), (1, self.edit_a_timeout), (2, self.kill_helm),
            (1, self.roll_the_release_back), (1, self.new_pool_goes), (1, self.new_pool_comes), (4, self.roll_back),
        ]  # fmt: skip
        thing = self.rng.choices([do for _, do in things], [weight for weight, _ in things])[0]
        self.done.append(thing())

    def upgrade(self) -> str:
        """What `helm upgrade` does, refused or not."""
        percent = self.rng.choice([0, 10, 50, 100])
        try:
            self.stage.namespace.helm("upgrade", "route", ROUTE, *self._moved(percent))
        except Refused as refused:
            return f"upgrade to {percent} refused: {str(refused).splitlines()[0][:80]}"
        return f"upgrade to {percent}"

    def edit_weights(self) -> str:
        """What `kubectl patch` does to the weights."""
        new = self.rng.randint(0, 100)
        group = {"group": "inference.networking.k8s.io", "kind": "InferencePool"}
        refs = [{**group, "name": f"pool-{side}", "weight": w} for side, w in (("old", 100 - new), ("new", new))]
        self._patch({"backendRefs": refs})
        return f"patch to {new}"

    def edit_a_timeout(self) -> str:
        """What `kubectl patch` does to another field."""
        self._patch({"timeouts": {"request": f"{self.rng.randint(60, 600)}s"}})
        return "patch of a timeout"

    def kill_helm(self) -> str:
        """A helm that is killed after a time at random."""
        percent, after = self.rng.choice([10, 50]), self.rng.uniform(0.2, 2.5)
        command = [str(tool(self.stage.namespace.cluster.helm_tool)), "--namespace", self.stage.namespace.name]
        with subprocess.Popen(
            [*command, "upgrade", "route", str(ROUTE), *self._moved(percent)], env=self.stage.environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ) as helm:  # fmt: skip
            time.sleep(after)
            helm.kill()
        return f"helm killed after {after:.1f} s of an upgrade to {percent}"

    def roll_the_release_back(self) -> str:
        """What `helm rollback` does, to whatever revision."""
        numbers = [
            row["revision"] for row in json.loads(self.stage.namespace.helm("history", "route", "--output=json"))
        ]
        number = self.rng.choice(numbers)
        try:
            self.stage.namespace.helm("rollback", "route", str(number))
        except Refused as refused:
            return f"helm rollback to {number} refused: {str(refused).splitlines()[0][:80]}"
        return f"helm rollback to {number}"

    def new_pool_goes(self) -> str:
        """The new pool loses its model servers."""
        self.stage.namespace.kubectl("scale", "deployment/pool-new", "--replicas=0")
        return "pool-new scaled to 0"

    def new_pool_comes(self) -> str:
        """The new pool gets its model server back; nobody waits for it."""
        self.stage.namespace.kubectl("scale", "deployment/pool-new", "--replicas=1")
        return "pool-new scaled to 1"

    def roll_back(self) -> str:
        """The way back, and what holds after it."""
        ended = self.stage.run("rollback")
        said = f"{ended.stdout}{ended.stderr}"
        self.ends[ended.returncode] += 1
        assert "Traceback" not in said, self.story(said)
        if ended.returncode:
            assert "error: " in ended.stderr, self.story(said)
        else:
            assert (self.stage.percent("pool-old"), self.stage.percent("pool-new")) == (100, 0), self.story(said)
            request = Completion("food-review", headers={"Host": self.stage.namespace.host})
            answers = send(self.stage.namespace.cluster.gateway_url, request, Plan(count=ASKED, workers=2))
            others = [pod for pod in answers.by_pod() if not pod.startswith("pool-old-")]
            assert (others, answers.lost) == ([], 0), self.story(said)
        return f"rollout rollback: {ended.returncode}"

    def story(self, said: str) -> str:
        """What was done so far, for the message of a failure."""
        return "\n".join([*self.done, said])

    def _moved(self, percent: int) -> list[str]:
        return ["--reset-then-reuse-values", "--set", f"weights.new={percent}"]

    def _patch(self, changed: dict[str, object]) -> None:
        live = self.stage.namespace.get("httproute/route")["spec"]["rules"][0]
        body = json.dumps({"spec": {"rules": [{**live, **changed}]}})
        self.stage.namespace.kubectl("patch", "httproute", "route", "--type=merge", f"--patch={body}")


@pytest.fixture(scope="module")
def pools(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rollout]:
    with rollout(cluster, tmp_path_factory.mktemp("walk"), "pool-old", "pool-new", rate=20) as made:
        yield made


@pytest.mark.parametrize("helm", HELMS)
def test_a_way_back_that_says_it_is_done_is_done(pools: Rollout, helm: str) -> None:
    stage = replace(pools, namespace=pools.namespace.by(helm))
    stage.to_old("pool-new")
    walk = Walk(stage, random.Random(f"{SEED} {helm}"))
    for _ in range(STEPS // len(HELMS)):
        walk.step()
    walk.roll_back()
    print(f"seed {SEED}, {helm}: {len(walk.done)} steps, exit codes of the ways back: {dict(walk.ends)}")
    assert walk.ends[0] > 0, walk.story("no way back ended with 0")
