"""`scripts/rollout` on a real cluster: through all steps without a loss, though killed, and back from a bad pool."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from charts import CHARTS, ROOT, VALUES
from inferencepool_rollout.cluster.kind import Cluster
from inferencepool_rollout.rollout.exit_codes import ExitCode
from inferencepool_rollout.tools import tool

PLAN = """\
route: {{namespace: {namespace}, chart: {chart}}}
pools: {{old: pool-old, new: {new}}}
gateway: {{url: "{url}", headers: {{Host: {host}}}}}
probe: {{models: [food-review], rate: 60}}
steps:
  - {{percent: 10, burnIn: 8s, longest: 60s}}
  - {{percent: 50, burnIn: 8s, longest: 60s}}
  - {{percent: 100, burnIn: 8s, longest: 60s}}
objectives:
  errorRate: {{accept: 0.02, detect: 0.2}}
decision: {{alpha: 0.05, power: 0.9}}
"""
LOGGED = ("run", "promote", "rollback", "report", "finish")
REPORT_SCHEMA = ROOT / "scripts/inferencepool_rollout/rollout/report/report.schema.json"
SECONDS = 150


@dataclass(frozen=True)
class Rollout:
    """A namespace with pool-old, pool-new, pool-bad (a third of whose answers are errors), and a route to the first."""

    cluster: Cluster
    namespace: str
    folder: Path

    @property
    def host(self) -> str:
        return f"{self.namespace}.example.com"

    def command(self, *words: str, new: str = "pool-new") -> list[str]:
        """A command of the driver with the plan that leads to `new`."""
        plan = self.folder / f"{new}.yaml"
        chart, url = CHARTS / "rollout-route", self.cluster.gateway_url
        text = PLAN.format(namespace=self.namespace, chart=chart, new=new, url=url, host=self.host)
        plan.write_text(text)
        log = ("--log", str(self.folder / f"log-{new}")) if words[0] in LOGGED else ()
        return [str(ROOT / "scripts/rollout"), *words, "--file", str(plan), *log]

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "KUBECONFIG": str(self.cluster.kubeconfig), "HELM": str(tool("helm4"))}

    def run(self, *words: str, new: str = "pool-new") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words, new=new), env=self.environment, capture_output=True, text=True, timeout=SECONDS,
            check=False,
        )  # fmt: skip

    def percent(self, pool: str) -> int:
        """The weight of a pool in the live route."""
        said = self.cluster.kubectl("-n", self.namespace, "get", "httproute", "route", "--output=json")
        refs = json.loads(said)["spec"]["rules"][0]["backendRefs"]
        return sum(ref["weight"] for ref in refs if ref["name"] == pool)

    def to_old(self, new: str) -> None:
        """All weight to pool-old, beside the backend `new`, as a release of its own history."""
        self.cluster.helm("uninstall", "route", "--namespace", self.namespace, "--ignore-not-found", "--wait")
        values = self.folder / "route.yaml"
        backends = [{"name": "old", "pool": "pool-old"}, {"name": "new", "pool": new}]
        parents = [{"name": "inference-gateway", "namespace": "default"}]
        values.write_text(yaml.safe_dump({"backends": backends, "parentRefs": parents, "hostnames": [self.host]}))
        chart = CHARTS / "rollout-route"
        self.cluster.helm("install", "route", chart, "--namespace", self.namespace, "--values", values)
        time.sleep(2)


@pytest.fixture(scope="module")
def rollout(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rollout]:
    namespace = f"driver-{secrets.token_hex(4)}"
    cluster.kubectl("create", "namespace", namespace)
    gateway = "preview.parentRefs[0].name=inference-gateway,preview.parentRefs[0].namespace=default"
    failing = ["--failure-injection-rate", "33", "--failure-types", "server_error"]
    bad = ("--set-json", f"modelServer.extraArgs={json.dumps(failing)}")
    for name in ("pool-old", "pool-new", "pool-bad"):
        cluster.helm(
            "install", name, CHARTS / "inferencepool", "--namespace", namespace, "--values", VALUES / "kind/pool.yaml",
            "--set", "modelServer.replicas=1", "--set", gateway, *(bad if name == "pool-bad" else ()), "--wait",
        )  # fmt: skip
    yield Rollout(cluster, namespace, tmp_path_factory.mktemp("driver"))
    cluster.kubectl("delete", "namespace", namespace, "--wait=false")


def test_a_killed_driver_started_again_ends_at_100_without_a_loss(rollout: Rollout) -> None:
    rollout.to_old("pool-new")
    with subprocess.Popen(
        rollout.command("run"), env=rollout.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as first:
        until = time.monotonic() + SECONDS
        while rollout.percent("pool-new") == 0 and time.monotonic() < until:
            time.sleep(0.2)
        second = rollout.run("run")
        assert second.returncode == ExitCode.BUSY, second.stdout + second.stderr
        first.send_signal(signal.SIGKILL)
    stands = rollout.percent("pool-new")
    assert stands in (10, 50)
    time.sleep(12)  # the dead driver's Lease runs out
    assert rollout.percent("pool-new") == stands
    done = rollout.run("run")
    assert done.returncode == ExitCode.DONE, done.stdout + done.stderr
    assert rollout.percent("pool-new") == 100
    verdicts = [line for line in done.stderr.splitlines() if " requests, " in line]
    judged = [percent for percent in (10, 50, 100) if percent >= stands]
    assert len(verdicts) == len(judged), done.stderr
    assert all(line.endswith(" 0 lost") for line in verdicts), done.stderr


def test_the_report_tells_every_step_of_it_and_no_loss(rollout: Rollout) -> None:
    said = rollout.run("report", "--json")
    assert said.returncode == 0, said.stdout + said.stderr
    told = json.loads(said.stdout)
    Draft202012Validator(json.loads(REPORT_SCHEMA.read_text())).validate(told)
    assert (told["outcome"], told["percent"]) == ("done", 100)
    assert [step["percent"] for step in told["steps"] if step["action"] == "promote"][-3:] == [10, 50, 100]
    assert [loss for step in told["steps"] for loss in step["lost"]] == []
    for step in told["steps"][-3:]:
        assert step["split"]["low"] <= step["percent"] / 100 <= step["split"]["high"], step
        assert {each["metric"] for each in step["latency"]} == {"ttft", "tpot", "e2e"}


def test_a_finished_rollout_may_be_finished_and_deletes_the_old_pool_only_when_told(rollout: Rollout) -> None:
    said = rollout.run("finish", "--dry-run")
    assert said.returncode == 0, said.stdout + said.stderr
    assert said.stdout.startswith("helm uninstall pool-old")
    assert "pool-old" in rollout.cluster.helm("list", "--namespace", rollout.namespace, "--short")


def test_a_pool_whose_answers_fail_is_rolled_back_at_the_first_step(rollout: Rollout) -> None:
    rollout.to_old("pool-bad")
    done = rollout.run("run", new="pool-bad")
    assert done.returncode == ExitCode.ROLLED_BACK, done.stdout + done.stderr
    assert rollout.percent("pool-bad") == 0
    assert rollout.percent("pool-old") == 100
