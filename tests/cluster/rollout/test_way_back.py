"""`rollout rollback` on a real cluster: when it exits 0 the old pool has everything, whatever happened before."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from inferencepool_lab.builds.tools import tool
from inferencepool_lab.cluster.handle import Cluster
from inferencepool_rollout.exit_codes import ExitCode
from inferencepool_rollout.traffic.load import Plan, send
from inferencepool_rollout.traffic.request import Completion
from kit.charts import CHARTS
from kit.rollout import Rollout, rollout

HELMS = ("helm3", "helm4")
ASKED = 40
SECONDS = 120


@pytest.fixture(scope="module")
def pools(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rollout]:
    with rollout(cluster, tmp_path_factory.mktemp("way-back"), "pool-old", "pool-new", "pool-bad", rate=40) as made:
        yield made


@pytest.fixture(params=HELMS)
def stage(request: pytest.FixtureRequest, pools: Rollout) -> Rollout:
    """A route at weight 0, worked with by one of the helms."""
    made = replace(pools, namespace=pools.namespace.by(request.param))
    made.to_old("pool-new")
    return made


def patch(stage: Rollout, **rule: object) -> None:
    """Change the one rule of the live route by hand."""
    live = stage.namespace.get("httproute/route")["spec"]["rules"][0]
    body = json.dumps({"spec": {"rules": [{**live, **rule}]}})
    stage.namespace.kubectl("patch", "httproute", "route", "--type=merge", f"--patch={body}")


def weights(old: int, new: int) -> list[dict[str, object]]:
    """backendRefs that split requests between the two pools."""
    group = {"group": "inference.networking.k8s.io", "kind": "InferencePool"}
    return [{**group, "name": f"pool-{side}", "weight": weight} for side, weight in (("old", old), ("new", new))]


def upgrade(stage: Rollout, percent: int) -> None:
    words = ("--reset-then-reuse-values", "--set", f"weights.new={percent}")
    stage.namespace.helm("upgrade", "route", CHARTS / "rollout-route", *words)


def answered_by_others(stage: Rollout) -> int:
    """How many of ASKED requests another pool than the old one answered, or nobody."""
    request = Completion("food-review", headers={"Host": stage.namespace.host})
    answers = send(stage.namespace.cluster.gateway_url, request, Plan(count=ASKED, workers=4))
    return ASKED - sum(count for pod, count in answers.by_pod().items() if pod.startswith("pool-old-"))


def taken_back(stage: Rollout, done: subprocess.CompletedProcess[str], code: int = 0) -> None:
    said = done.stdout + done.stderr
    assert done.returncode == code, said
    assert "Traceback" not in said
    assert (stage.percent("pool-old"), stage.percent("pool-new")) == (100, 0), said
    assert answered_by_others(stage) == 0, said


def test_after_a_hand_edit_at_weight_0(stage: Rollout) -> None:
    patch(stage, backendRefs=weights(50, 50))
    taken_back(stage, stage.run("rollback"))


def test_after_a_helm_that_was_killed_in_the_first_shift(stage: Rollout) -> None:
    command: list[str | Path] = [
        tool(stage.namespace.cluster.helm_tool), "--namespace", stage.namespace.name, "upgrade", "route",
        CHARTS / "rollout-route", "--reset-then-reuse-values", "--set", "weights.new=10",
    ]  # fmt: skip
    with subprocess.Popen(command, env=stage.environment) as helm:
        while stage.percent("pool-new") != 10 and helm.poll() is None:
            time.sleep(0.02)
        helm.kill()
    taken_back(stage, stage.run("rollback"))
    assert json.loads(stage.namespace.helm("history", "route", "--output=json"))[-1]["status"] == "deployed"


def test_in_one_try_whoever_owns_the_fields(stage: Rollout) -> None:
    upgrade(stage, 10)
    patch(stage, backendRefs=weights(88, 12))
    shown = stage.run("status")
    assert "12 %" in shown.stdout, shown.stdout + shown.stderr
    taken_back(stage, stage.run("rollback"))
    upgrade(stage, 10)  # no field is left in conflict
    assert stage.percent("pool-new") == 10


def test_an_emergency_goes_through_after_a_hand_edit_of_a_timeout(stage: Rollout) -> None:
    """The pool fails a third of its requests; the driver takes the weight back in spite of the edit, and says so."""
    stage.to_old("pool-bad")
    with subprocess.Popen(
        stage.command("run", new="pool-bad"), env=stage.environment, stdout=subprocess.PIPE, text=True
    ) as driver:
        stage.moved("pool-bad")
        patch(stage, timeouts={"request": "77s"})
        said, _ = driver.communicate(timeout=SECONDS)
    assert driver.returncode in (ExitCode.ROLLED_BACK, ExitCode.HELD), said
    if driver.returncode == ExitCode.HELD:  # the edit was seen before the errors were enough for a verdict
        assert "somebody else changed the route" in said
        taken_back(stage, stage.run("rollback", new="pool-bad"))
    assert (stage.percent("pool-old"), stage.percent("pool-bad")) == (100, 0)
    told = json.loads(stage.run("report", "--json", new="pool-bad").stdout)
    assert (told["outcome"], told["percent"]) == ("rolled back", 0)


def test_after_the_old_pool_is_deleted_it_is_refused_with_the_way_to_get_it_back(stage: Rollout) -> None:
    upgrade(stage, 50)
    upgrade(stage, 100)
    values = stage.folder / "pool-old.yaml"
    values.write_text(stage.namespace.helm("get", "values", "pool-old", "--output=yaml"))
    stage.namespace.helm("uninstall", "pool-old", "--wait")
    done = stage.run("rollback")
    stage.namespace.helm("install", "pool-old", CHARTS / "inferencepool", "--values", values, "--wait", "--timeout=3m")
    assert done.returncode == ExitCode.REFUSED, done.stdout + done.stderr
    assert "pool-old is gone" in done.stderr
    assert "helm install pool-old" in done.stderr
    assert stage.percent("pool-new") == 100
    taken_back(stage, stage.run("rollback"))


def test_a_running_driver_is_stopped_and_moves_nothing_afterwards(stage: Rollout) -> None:
    with stage.running() as driver:
        stage.moved()
        back = stage.run("rollback")
        driver.wait(SECONDS)
    taken_back(stage, back)
    time.sleep(2)
    assert stage.percent("pool-new") == 0
