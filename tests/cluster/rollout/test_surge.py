"""Three replicas are replaced within four accelerators: both pools are scaled as the weight moves, nothing is lost."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from inferencepool_lab.cluster.handle import Cluster
from inferencepool_rollout.exit_codes import ExitCode
from inferencepool_rollout.traffic.load import Plan, background
from inferencepool_rollout.traffic.request import Completion
from kit import pools
from kit.charts import CHARTS, ROOT
from kit.namespace import new_namespace
from kit.rollout import PATIENT, WIDE, Rollout
from kit.wait import wait_until

GPU = "nvidia.com/gpu"
NODE_GPUS, SIZE, NEEDED = 4, 3, 3
START_SECONDS = 10
SECONDS = 400
STEPS = (33, 66, 100)


@dataclass(frozen=True)
class Stage(Rollout):
    """A rollout whose plan scales both pools; `ready` is its time for added replicas."""

    ready: str = "3m"

    def plan(self) -> Path:
        """Write the plan, and return its file."""
        scaling = {"surge": {"accelerators": 1}, "chart": str(CHARTS / "inferencepool"), "ready": self.ready}
        plan = {
            "route": {"namespace": self.namespace.name, "chart": str(CHARTS / "rollout-route")},
            "pools": {"old": "pool-old", "new": "pool-new"},
            "gateway": {"url": self.namespace.cluster.gateway_url, "headers": {"Host": self.namespace.host}},
            "probe": {"models": ["food-review"], "rate": 20},
            "steps": [{"percent": percent, "burnIn": "5s", "longest": "60s"} for percent in STEPS],
            "objectives": {"errorRate": {"accept": 0.02, "detect": 0.2, "burst": 1}},
            "decision": {"alpha": 0.05, "power": 0.9},
            "capacity": {"peak": 28, "perReplica": {"old": 10, "new": 10}, "scaling": scaling},
        }  # fmt: skip
        file = self.folder / "plan.yaml"
        file.write_text(yaml.safe_dump(plan))
        return file

    def words(self, *words: str) -> list[str]:
        """A command of the driver."""
        log = ("--log", str(self.folder / "log")) if words[0] != "status" else ()
        return [str(ROOT / "scripts/rollout"), *words, "--file", str(self.plan()), *log]

    def driven(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the driver to its end."""
        return subprocess.run(
            self.words(*words), env=self.environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )

    def sizes(self) -> tuple[int, int]:
        """Replicas that the old and the new pool ask for."""
        old, new = (self.namespace.get(f"deployment/{pool}")["spec"]["replicas"] for pool in ("pool-old", "pool-new"))
        return old, new

    def serving(self) -> int:
        """Model servers of both pools that are ready and stay."""
        pods = self.namespace.pods(pools.part("model-server"))
        return sum(
            any(each["type"] == "Ready" and each["status"] == "True" for each in pod["status"].get("conditions", []))
            for pod in pods
        )

    @contextmanager
    def never_fewer_serve(self) -> Iterator[None]:
        """While the block runs NEEDED model servers serve at every look, and no request is lost."""
        ended, fewest = threading.Event(), [NODE_GPUS]

        def watch() -> None:
            while not ended.wait(1):
                fewest[0] = min(fewest[0], self.serving())

        watcher = threading.Thread(target=watch)
        request = Completion("food-review", max_tokens=4, headers={"Host": self.namespace.host})
        with background(self.namespace.cluster.gateway_url, request, Plan(rate=10, seconds=SECONDS)) as load:
            watcher.start()
            try:
                yield
            finally:
                ended.set()
                watcher.join()
        assert load.answers().lost == 0, load.answers().causes()
        assert fewest[0] >= NEEDED

    def gpus(self, count: int) -> None:
        """Let the node have so many accelerators."""
        set_gpus(self.namespace.cluster, count)


def set_gpus(cluster: Cluster, count: int | None) -> None:
    """Write accelerators into the status of the cluster's node; None removes them."""
    status = {"capacity": {GPU: count and str(count)}, "allocatable": {GPU: count and str(count)}}
    patch = json.dumps({"status": status})
    node = f"{cluster.name}-control-plane"
    cluster.kubectl("patch", "node", node, "--subresource=status", "--type=merge", f"--patch={patch}")


@pytest.fixture(scope="module")
def made(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    set_gpus(cluster, NODE_GPUS)
    with new_namespace(cluster, "scaling") as namespace:
        for pool, replicas in (("pool-old", SIZE), ("pool-new", 0)):
            values = {
                **PATIENT, **pools.PREVIEW, "preview.hostnames": [namespace.host],
                "modelServer.replicas": replicas, "modelServer.resources": {"limits": {GPU: 1}},
                "modelServer.extraArgs": ["--startup-duration", f"{START_SECONDS}s"],
            }  # fmt: skip
            pools.start(namespace, pool, values)
        namespace.rolled_out("pool-old", "pool-old-epp", "pool-new-epp", seconds=300)
        yield Stage(namespace, tmp_path_factory.mktemp("scaling"))
    set_gpus(cluster, None)


@pytest.fixture
def stage(made: Stage) -> Stage:
    """The old pool with its full size and everything, the new one without a replica."""
    for pool, replicas in (("pool-new", 0), ("pool-old", SIZE)):
        if made.namespace.get(f"deployment/{pool}")["spec"]["replicas"] != replicas:
            words = ("--reset-then-reuse-values", f"--set=modelServer.replicas={replicas}", "--force-conflicts")
            made.namespace.helm("upgrade", pool, pools.CHART, *words)
    made.namespace.rolled_out("pool-old")
    made.to_old("pool-new")
    wait_until(
        lambda: len(made.namespace.pods(pools.part("model-server"), ending=True)) == SIZE, "the new pool is gone"
    )
    return made


def test_three_replicas_are_replaced_within_four_accelerators_and_back(stage: Stage) -> None:
    with stage.never_fewer_serve():
        done = stage.driven("run")
        assert done.returncode == ExitCode.DONE, done.stdout + done.stderr
        assert stage.sizes() == (0, SIZE)
        assert stage.percent("pool-new") == 100
        back = stage.driven("rollback")
    assert back.returncode == ExitCode.DONE, back.stdout + back.stderr
    assert "going back by 66 %, 33 %, 0 %" in back.stderr
    assert stage.percent("pool-old") == 100
    assert stage.sizes() == (SIZE, NODE_GPUS - SIZE)


def test_a_driver_that_is_killed_while_it_scales_goes_on(stage: Stage) -> None:
    with stage.never_fewer_serve():
        with subprocess.Popen(stage.words("run"), env={**stage.environment, **WIDE}) as driver:
            wait_until(lambda: stage.sizes()[1] == 1, "the new pool is scaled up")
            driver.kill()
        stage.lease_ended()
        done = stage.driven("run")
    assert done.returncode == ExitCode.DONE, done.stdout + done.stderr
    assert stage.sizes() == (0, SIZE)


def test_an_accelerator_that_never_comes_holds_with_the_schedulers_reason(stage: Stage) -> None:
    stage.gpus(SIZE)
    try:
        short = Stage(stage.namespace, stage.folder, ready="20s")
        done = short.driven("run")
    finally:
        stage.gpus(NODE_GPUS)
    assert done.returncode == ExitCode.HELD, done.stdout + done.stderr
    assert f"Insufficient {GPU}" in done.stdout
    assert stage.percent("pool-old") == 100
    assert stage.sizes()[0] == SIZE


def test_an_old_pool_that_somebody_scaled_down_holds(stage: Stage) -> None:
    stage.namespace.kubectl("scale", "deployment/pool-old", "--replicas=1")
    wait_until(lambda: stage.serving() == 1, "the old pool is smaller")
    done = stage.driven("run")
    assert done.returncode == ExitCode.HELD, done.stdout + done.stderr
    assert "pool-old has 1 replicas, and 3 are needed" in done.stdout
    (command,) = (line for line in done.stdout.splitlines() if "helm upgrade pool-old" in line)
    advised = command[command.index("helm upgrade pool-old") :].split()
    stage.namespace.helm(*advised[1:])
    wait_until(lambda: stage.sizes() == (SIZE, 0), "the advised command has scaled it up")


def test_a_chart_of_another_version_is_refused_before_it_restarts_pods(stage: Stage, tmp_path: Path) -> None:
    other = tmp_path / "inferencepool"
    subprocess.run(["cp", "-r", str(CHARTS / "inferencepool"), str(other)], check=True)
    chart = yaml.safe_load((other / "Chart.yaml").read_text())
    (other / "Chart.yaml").write_text(yaml.safe_dump({**chart, "version": "99.0.0"}))
    plan = stage.plan()
    plan.write_text(plan.read_text().replace(str(CHARTS / "inferencepool"), str(other)))
    command = [str(ROOT / "scripts/rollout"), "run", "--file", str(plan), "--log", str(stage.folder / "log")]
    done = subprocess.run(command, env=stage.environment, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == ExitCode.HELD, done.stdout + done.stderr
    assert "would change more than its replicas" in done.stdout
    assert stage.sizes() == (SIZE, 0)
