"""A rollout by a Job goes on through evictions and kills, waits for a gate and a person, and is seen from elsewhere."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from inferencepool_lab.builds.versions import versions
from inferencepool_lab.cluster.handle import Cluster
from inferencepool_lab.gateways.gateway import chosen
from inferencepool_lab.images import pull
from inferencepool_rollout.exit_codes import ExitCode
from inferencepool_rollout.hooks.cloud_event import KEY
from inferencepool_rollout.notify.services import URLS
from kit import receiver as kit
from kit.charts import Manifest
from kit.namespace import RESTRICTED
from kit.receiver import Post
from kit.rollout import Rollout, rollout
from kit.wait import wait_until

IMAGE = "rollout"
MINUTES = 300.0
RECEIVER = """
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
gates = 0
class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        global gates
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        print(json.dumps([self.path, dict(self.headers), body]) + "\\n", end="", flush=True)  # whole lines
        gates += self.path == "/gate"
        self.send_response(503 if self.path == "/gate" and gates == 1 else 200)
        self.end_headers()
    def log_message(self, *_):
        pass
ThreadingHTTPServer(("", 8080), Handler).serve_forever()
"""
HOOKS = """
hooks:
  gate: {url: "http://receiver:8080/gate", wait: 2m}
  event: {url: "http://receiver:8080/event"}
"""
RESTRICTIVE = {
    "allowPrivilegeEscalation": False, "runAsNonRoot": True, "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}  # fmt: skip


@dataclass(frozen=True)
class Machine:
    """A machine of somebody who has the plan: its own home, and no run log."""

    pools: Rollout
    plan: Path
    home: Path

    def run(self, *words: str, seconds: float = MINUTES) -> subprocess.CompletedProcess[str]:
        command = self.pools.command(*words)
        environment = {**self.pools.environment, "XDG_STATE_HOME": str(self.home)}
        words_of_plan = [*command[: command.index("--file")], "--file", str(self.plan)]
        return subprocess.run(
            words_of_plan, env=environment, capture_output=True, text=True, timeout=seconds, check=False
        )


@pytest.fixture(scope="module")
def pools(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rollout]:
    pull.ensure(cluster.docker, [IMAGE])
    cluster.load(IMAGE)
    with rollout(cluster, tmp_path_factory.mktemp("job"), "pool-old", "pool-new", "pool-bad", rate=30) as made:
        receiver(made)
        labels = [f"{key}={value}" for key, value in RESTRICTED.items()]
        cluster.kubectl("label", "namespace", made.namespace.name, *labels)
        yield made


def receiver(pools: Rollout) -> None:
    """A pod that writes down what is posted to it, and whose gate says yes the second time."""
    container = {
        "name": "receiver", "image": versions().images[IMAGE].name, "command": ["python3", "-c", RECEIVER],
        "securityContext": RESTRICTIVE,
    }  # fmt: skip
    metadata = {"name": "receiver", "labels": {"app": "receiver"}}
    service = {"selector": {"app": "receiver"}, "ports": [{"port": 8080}]}
    secret = {KEY: kit.KEY, URLS: "json://receiver:8080/notify"}
    pools.namespace.apply(
        {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}},
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": service},
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "rollout-route-env"}, "stringData": secret},
    )
    pools.namespace.kubectl("wait", "pod/receiver", "--for=condition=Ready", "--timeout=120s")


def posts(pools: Rollout) -> list[Post]:
    lines = map(json.loads, pools.namespace.kubectl("logs", "receiver").splitlines())
    return [Post(path, headers, body.encode()) for path, headers, body in lines]


def machine(pools: Rollout, new: str = "pool-new", *, more: str = "", approve: bool = False) -> Machine:
    """A machine with a plan that leads to `new`, whose gateway is the one that pods reach."""
    pools.command("plan", new=new)
    document = yaml.safe_load((pools.folder / f"{new}.yaml").read_text())
    proxy = chosen().proxy
    document["gateway"]["inClusterUrl"] = f"http://{proxy.name}.{proxy.namespace}"
    document["steps"][1]["approve"] = approve
    home = pools.folder / f"home-{secrets.token_hex(3)}"
    home.mkdir()
    (home / "plan.yaml").write_text(yaml.safe_dump({**document, **(yaml.safe_load(more) or {} if more else {})}))
    return Machine(pools, home / "plan.yaml", home)


def driver_pods(pools: Rollout) -> list[Manifest]:
    return pools.namespace.pods("job-name=rollout-route", ending=True)


def running_pod(pools: Rollout) -> str:
    """The name of the driver's pod that runs, awaited."""
    found: list[str] = []

    def runs() -> bool:
        found[:] = [
            pod["metadata"]["name"]
            for pod in driver_pods(pools)
            if pod["status"].get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]
        ]
        return bool(found)

    wait_until(runs, "a driver's pod runs", MINUTES)
    return found[-1]


def kept(at: Machine) -> list[dict[str, Any]]:
    """The lines of the report, made on a machine that has no run log of its own."""
    done = at.run("report", "--json", seconds=60)
    if done.returncode:
        return []
    lines: list[dict[str, Any]] = json.loads(done.stdout)["events"]
    return lines


def evict(pools: Rollout, pod: str) -> None:
    name = pools.namespace.name
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": name}}
    raw = f"--raw=/api/v1/namespaces/{name}/pods/{pod}/eviction"
    pools.namespace.kubectl("create", raw, "--filename=-", stdin=json.dumps(eviction))


def test_a_job_goes_on_through_an_eviction_and_a_kill_with_a_gate_and_an_approval(pools: Rollout) -> None:
    pools.to_old("pool-new")
    at = machine(pools, more=HOOKS, approve=True)
    elsewhere = Machine(pools, at.plan, pools.folder)
    started = at.run("run", "--in-cluster", "--detach")
    assert started.returncode == ExitCode.DONE, started.stdout + started.stderr

    pools.moved()
    first = running_pod(pools)
    evict(pools, first)
    wait_until(lambda: running_pod(pools) != first, "another pod goes on", MINUTES)
    second = running_pod(pools)
    wait_until(lambda: any(line["event"] == "waiting" for line in kept(at)), "it waits for an approval", MINUTES, 3)
    assert pools.percent("pool-new") == 10
    pools.namespace.kubectl("delete", "pod", second, "--force", "--grace-period=0")
    wait_until(lambda: running_pod(pools) != second, "a third pod goes on", MINUTES)

    approved = elsewhere.run("promote")
    assert approved.returncode == ExitCode.DONE, approved.stdout + approved.stderr
    assert "50 % is approved by" in approved.stdout
    followed = elsewhere.run("run", "--in-cluster", "--follow")
    assert followed.returncode == ExitCode.DONE, followed.stdout + followed.stderr
    assert pools.percent("pool-new") == 100
    assert pools.weights() == [0, 10, 50, 100]

    told = [(post.path, post.verified()) for post in posts(pools) if post.path != "/notify"]
    gates = [event["data"]["percent"] for path, event in told if path == "/gate"]
    assert gates[:2] == [10, 10], "the first answer was no, and it was asked again"
    assert set(gates) == {10, 50, 100}
    events = [event["data"]["event"] for path, event in told if path == "/event"]
    assert {"start", "followed", "waiting", "approved", "verdict", "end"} <= set(events)
    assert events.count("start") == 3, "three pods"
    notes = [json.loads(post.body) for post in posts(pools) if post.path == "/notify"]
    assert any("pool-new gets 50 % of the requests" in note["message"] for note in notes)
    assert all(
        "rollout rollback -f plan.yaml" in note["message"] for note in notes if "pool-new gets" in note["message"]
    )

    of_route = json.loads(pools.namespace.kubectl("get", "events", "--output=json"))["items"]
    reasons = {each["reason"] for each in of_route if each["involvedObject"]["kind"] == "HTTPRoute"}
    assert {"Followed", "Approved", "Done"} <= reasons
    report = json.loads(at.run("report", "--json").stdout)
    assert report["outcome"] == "done"


def test_a_pool_that_fails_is_rolled_back_by_the_job_which_then_ends(pools: Rollout) -> None:
    pools.to_old("pool-bad")
    at = machine(pools, "pool-bad")
    done = at.run("run", "--in-cluster")
    assert done.returncode == ExitCode.ROLLED_BACK, done.stdout + done.stderr
    assert pools.percent("pool-bad") == 0
    assert len(driver_pods(pools)) == 1
    assert "error rate violated" in done.stdout
    assert [each.name for each in at.home.iterdir()] == ["plan.yaml"], "the log is in the cluster alone"


def test_a_hold_from_elsewhere_ends_the_job_and_resume_goes_on(pools: Rollout) -> None:
    pools.to_old("pool-new")
    at = machine(pools)
    assert at.run("run", "--in-cluster", "--detach").returncode == ExitCode.DONE
    pools.moved()
    assert at.run("hold").returncode == ExitCode.DONE
    held = at.run("run", "--in-cluster", "--follow")
    assert held.returncode == ExitCode.HELD, held.stdout + held.stderr
    refused = at.run("run", "--in-cluster")
    assert refused.returncode == ExitCode.HELD
    resumed = at.run("run", "--in-cluster", "--resume")
    assert resumed.returncode == ExitCode.DONE, resumed.stdout + resumed.stderr
    assert pools.percent("pool-new") == 100


def test_a_rollback_by_hand_ends_the_job(pools: Rollout) -> None:
    pools.to_old("pool-new")
    at = machine(pools, approve=True)
    assert at.run("run", "--in-cluster", "--detach").returncode == ExitCode.DONE
    pools.moved()
    back = at.run("rollback")
    assert back.returncode == ExitCode.DONE, back.stdout + back.stderr
    assert at.run("run", "--in-cluster", "--follow").returncode == ExitCode.HELD
    assert pools.percent("pool-new") == 0
