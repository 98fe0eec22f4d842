"""A rollout that is judged by users' own requests, which the pools' pods count; the probe sends one in ten seconds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from jsonschema import Draft202012Validator

from inferencepool_lab.cluster.handle import Cluster
from inferencepool_rollout.exit_codes import ExitCode
from inferencepool_rollout.traffic.load import Plan, background
from inferencepool_rollout.traffic.request import Completion
from kit.charts import ROOT
from kit.rollout import LATENCY, Rollout
from kit.rollout import rollout as new_rollout

RATE = 40
REPORT_SCHEMA = ROOT / "scripts/inferencepool_rollout/report/report.schema.json"


@pytest.fixture(scope="module")
def rollout(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rollout]:
    with new_rollout(cluster, tmp_path_factory.mktemp("users"), "pool-old", "pool-slow", rate=0.1) as made:
        yield replace(made, more="users: {}", burn_in=20)


def test_a_pool_with_injected_latency_is_rolled_back_by_users_requests_alone(rollout: Rollout) -> None:
    rollout.to_old("pool-slow")
    request = Completion("food-review", stream=True, headers={"Host": rollout.namespace.host})
    with background(rollout.namespace.cluster.gateway_url, request, Plan(workers=200, seconds=600, rate=RATE)) as users:
        done = rollout.run("run", new="pool-slow", latency=LATENCY, steps=(20, 50, 100))
    assert done.returncode == ExitCode.ROLLED_BACK, done.stdout + done.stderr
    assert "users' TTFT p50 new/old violated" in " ".join(done.stdout.split())
    assert rollout.weights() == [0, 20, 0]
    assert users.answers().lost == 0, "users lose nothing by it"


def test_the_report_shows_what_was_counted_of_users(rollout: Rollout) -> None:
    said = rollout.run("report", "--json", new="pool-slow", latency=LATENCY, steps=(20, 50, 100))
    told = json.loads(said.stdout)
    Draft202012Validator(json.loads(REPORT_SCHEMA.read_text())).validate(told)
    (step,) = told["steps"]
    users = step["users"]
    assert step["requests"] < 30, "the probe's"
    assert users["old"]["requests"] > users["new"]["requests"] > 30
    assert users["old"]["latency"]["ttft"][0] < 0.5 < 2 < users["new"]["latency"]["ttft"][0]
