"""A rollout between pools of real vLLM: the split holds, and a pool without its adapter gets no weight."""

from __future__ import annotations

import subprocess
from pathlib import Path

import yaml

from inferencepool_rollout.exit_codes import ExitCode
from inferencepool_rollout.traffic.attribution import gained, picks, served
from inferencepool_rollout.traffic.load import Plan, send
from inferencepool_rollout.traffic.verdict import judge
from kit.charts import CHARTS, ROOT
from kit.rollout import WIDE
from kit.route import Release
from kit.wait import wait_until
from long.vllm.servers import ADAPTER, START_SECONDS, Servers

# With a share of 20 % in place of 10 % the split would be refused with a power of 0.98; alpha is judge's 0.001.
REQUESTS = 400
WEIGHTS = {"pool-old": 90, "pool-new": 10}


def test_a_split_of_90_to_10_holds_by_answers_and_by_picks(servers: Servers) -> None:
    servers.served_route(WEIGHTS["pool-new"])
    api = servers.namespace.cluster.client()
    before = [{pool: count(api, servers.namespace.name, pool) for pool in WEIGHTS} for count in (served, picks)]
    answers = send(servers.namespace.cluster.gateway_url, servers.request(), Plan(workers=4, count=REQUESTS))
    after = [{pool: count(api, servers.namespace.name, pool) for pool in WEIGHTS} for count in (served, picks)]
    answered, picked = (gained(first, last) for first, last in zip(before, after, strict=True))
    assert sum(answered.values()) == REQUESTS - answers.lost
    verdict = judge(WEIGHTS, answered, picked, lost=answers.lost, causes=answers.causes())
    assert verdict.passed, verdict.findings


def test_preflight_refuses_a_pool_whose_adapter_is_missing_and_moves_no_weight(
    servers: Servers, tmp_path: Path
) -> None:
    tried = "the syncer of pool-missing has tried"
    wait_until(lambda: servers.failed_loads("pool-missing") > 0, tried, START_SECONDS)
    servers.namespace.helm("uninstall", "route", "--ignore-not-found", "--wait")
    servers.route("pool-missing", 0)
    plan = {
        "route": {"namespace": servers.namespace.name, "chart": str(CHARTS / "rollout-route")},
        "pools": {"old": "pool-old", "new": "pool-missing"},
        "gateway": {"url": servers.namespace.cluster.gateway_url, "headers": {"Host": servers.namespace.host}},
        "probe": {"models": ["food-review"], "rate": 2},
        "steps": [{"percent": percent, "burnIn": "1s", "longest": "60s"} for percent in (50, 100)],
        "objectives": {"errorRate": {"accept": 0.02, "detect": 0.2, "burst": 1}},
        "decision": {"alpha": 0.05, "power": 0.9},
    }
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan))
    done = subprocess.run(
        [ROOT / "scripts/rollout", "run", "--file", tmp_path / "plan.yaml", "--log", tmp_path / "log"],
        env={**servers.namespace.environment, **WIDE},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == ExitCode.REFUSED, said
    assert f"{ADAPTER} in pool-old only" in said
    weights = Release(servers.namespace).split()
    assert weights.get("pool-missing", 0) == 0
    assert weights["pool-old"] > 0
