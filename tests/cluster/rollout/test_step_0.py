"""A pool that slows down under load passes a probe of one prompt, and is stopped at step 0 before any user meets it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
import yaml
from jsonschema import Draft202012Validator

from inferencepool_lab.cluster.handle import Cluster
from inferencepool_rollout.exit_codes import ExitCode
from kit.charts import ROOT
from kit.rollout import Rollout
from kit.rollout import rollout as new_rollout

PEAK = 40
GOODPUT = "  goodput: {ttft: 1s, accept: 0.02, detect: 0.3, burst: 1}"
CAPACITY = f"capacity: {{peak: {PEAK}, perReplica: {{old: {PEAK}, new: {PEAK}}}}}"
REPORT_SCHEMA = ROOT / "scripts/inferencepool_rollout/report/report.schema.json"


@pytest.fixture(scope="module")
def rollout(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rollout]:
    folder = tmp_path_factory.mktemp("step-0")
    with new_rollout(cluster, folder, "pool-old", "pool-loaded", rate=3, burn_in=15) as made:
        headers = {
            side: f"{{x-inferencepool: {made.namespace.name}/{pool}}}"
            for side, pool in (("toOld", "pool-old"), ("toNew", "pool-loaded"))
        }
        yield replace(made, probe="".join(f", {side}: {header}" for side, header in headers.items()), more=CAPACITY)


def loaded(rollout: Rollout) -> Rollout:
    """The same with a workload and enough time for eight rates."""
    workload = "{promptTokens: {mean: 200, spread: 0.5, most: 800}, answerTokens: {mean: 20}}"
    return replace(rollout, probe=f"{rollout.probe}, workers: 512, timeout: 20s, workload: {workload}", burn_in=80)


def test_one_prompt_sees_nothing(rollout: Rollout) -> None:
    rollout.to_old("pool-loaded")
    done = rollout.run("run", new="pool-loaded", latency=GOODPUT, steps=(10,))
    assert done.returncode == ExitCode.DONE, done.stdout + done.stderr


def test_the_workload_stops_it_at_step_0_and_nothing_is_moved(rollout: Rollout) -> None:
    rollout.to_old("pool-loaded")
    trying = loaded(rollout)
    done = trying.run("run", new="pool-loaded", latency=GOODPUT, steps=(0, 50))
    assert done.returncode == ExitCode.HELD, done.stdout + done.stderr
    assert "pool-loaded holds" in done.stdout and "needed at 50 % are 20" in done.stdout, done.stdout
    assert rollout.weights() == [0]
    said = trying.run("report", "--json", new="pool-loaded", latency=GOODPUT, steps=(0, 50))
    told = json.loads(said.stdout)
    Draft202012Validator(json.loads(REPORT_SCHEMA.read_text())).validate(told)
    found = told["steps"][0]["capacity"]
    assert 0 < found["perReplica"] < PEAK / 2, found


def test_profile_writes_what_one_replica_holds_into_the_plan(rollout: Rollout) -> None:
    rollout.to_old("pool-loaded")
    trying = loaded(rollout)
    command = trying.command("profile", new="pool-loaded", latency=GOODPUT, steps=(0, 50))
    done = trying.ended([*command, "--longest", "240s"])
    assert done.returncode == ExitCode.DONE, done.stdout + done.stderr
    plan = yaml.safe_load((rollout.folder / "pool-loaded.yaml").read_text())
    assert 0 < plan["capacity"]["perReplica"]["new"] < PEAK / 2
    assert plan["capacity"]["perReplica"]["old"] == PEAK
