"""The Job of a rollout: made of the plan as it is, followed from any machine, and ended with the driver's exit code."""

from __future__ import annotations

import base64
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from inferencepool_lab.builds.versions import versions
from inferencepool_rollout.exit_codes import ExitCode
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.in_cluster.bundle import bundle
from inferencepool_rollout.in_cluster.job import Job
from inferencepool_rollout.in_cluster.log_store import LogStore
from inferencepool_rollout.in_cluster.manifests import IMAGE, KEEP_LOG, manifests, name_of
from inferencepool_rollout.kube.apis import JOBS, PODS
from inferencepool_rollout.kube.client import Manifest
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.plan_file import read_plan
from kit.charts import ROOT
from kit.plans import TEXT, plan_of
from unit.rollout.fake_cluster import FakeClient, FakeCluster, spec_of
from unit.rollout.live_routes import route, rule

ROUTE = route(rule({"pool-old": 100}))
PLANS = sorted((ROOT / "values/plans").glob("*.yaml"))
SCALED = [file for file in PLANS if "scaling:" in file.read_text()]
RETRIED = {1, 6, 130, 137, 143}
"""A fault, another driver, an interruption, and pods that were killed."""


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return plan_of(tmp_path)


@pytest.fixture
def cluster(plan: Plan) -> FakeCluster:
    made = FakeCluster(plan)
    made.write(spec_of(plan, 0), "helm")
    return made


def made_of(plan: Plan) -> dict[str, Manifest]:
    files = bundle(plan, "plan.yaml")
    return {each["kind"]: each for each in manifests(plan, ROUTE, files, "plan.yaml", IMAGE, ["--again"])}


def mounted(objects: dict[str, Manifest], folder: Path) -> Path:
    """The folder that the pod sees, written as the kubelet does."""
    (items,) = [
        volume["secret"]["items"]
        for volume in objects["Job"]["spec"]["template"]["spec"]["volumes"]
        if "secret" in volume
    ]
    for item in items:
        file = folder / item["path"]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(base64.b64decode(objects["Secret"]["data"][item["key"]]))
    return folder


def job(plan: Plan, cluster: FakeCluster, said: list[str]) -> Job:
    return Job(plan, FakeClient(cluster), said.append, poll=0.01)


def with_job(cluster: FakeCluster, condition: str = "", exit_code: int = 0) -> None:
    """A Job, ended if there is a condition, and its pod."""
    conditions = [{"type": condition, "status": "True"}] if condition else []
    name = name_of(cluster.plan)
    cluster.objects[JOBS.path("default", name)] = {"metadata": {"name": name}, "status": {"conditions": conditions}}
    ended = {"state": {"terminated": {"exitCode": exit_code}}} if condition else {"state": {"running": {}}}
    cluster.objects[PODS.path("default", f"{name}-x")] = {
        "metadata": {"name": f"{name}-x", "labels": {"job-name": name}, "creationTimestamp": "2026-11-26T14:00:00Z"},
        "status": {"phase": "Running", "containerStatuses": [ended]},
    }


@pytest.mark.parametrize("file", [file for file in PLANS if file not in SCALED], ids=lambda file: file.stem)
def test_the_plan_in_the_pod_is_the_plan(file: Path, tmp_path: Path) -> None:
    plan = read_plan(file)
    inside = read_plan(mounted(made_of(plan), tmp_path) / "plan.yaml")
    outside, read = plan.model_dump(), inside.model_dump()
    for document in (outside, read):
        document["route"].pop("chart")
        (document["quality"] or {}).pop("prompts", None)
        (document["probe"]["workload"] or {}).pop("trace", None)
    assert read == outside


def test_a_plan_that_scales_the_pools_is_refused() -> None:
    assert SCALED
    for file in SCALED:
        with pytest.raises(Failure, match="run this plan without --in-cluster"):
            bundle(read_plan(file), "plan.yaml")


def test_the_chart_in_the_pod_is_the_chart(plan: Plan, tmp_path: Path) -> None:
    folder = mounted(made_of(plan), tmp_path) / "chart"
    original = ROOT / "charts/rollout-route"
    files = {path.relative_to(original): path.read_bytes() for path in original.rglob("*") if path.is_file()}
    assert {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()} == files


def test_the_pod_asks_the_gateway_where_pods_reach_it(tmp_path: Path) -> None:
    url = "url: http://127.0.0.1:8080"
    plan = plan_of(tmp_path, TEXT.replace(url, f"{url}\n  inClusterUrl: http://gateway.default"))
    inside = read_plan(mounted(made_of(plan), tmp_path / "pod") / "plan.yaml")
    assert inside.gateway.url == "http://gateway.default"
    assert plan.gateway.url == "http://127.0.0.1:8080"


def test_secret_headers_of_a_plan_are_in_no_object_but_the_secret(tmp_path: Path) -> None:
    url = "url: http://127.0.0.1:8080"
    plan = plan_of(tmp_path, TEXT.replace(url, f"{url}\n  headers: {{Authorization: Bearer hunter2}}"))
    assert "hunter2" not in yaml.safe_dump([each for kind, each in made_of(plan).items() if kind != "Secret"])


def test_files_that_no_secret_takes_are_refused_with_the_way_out(tmp_path: Path) -> None:
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text('{"prompt": "' + "x" * 1000 + '"}\n' * 1)
    plan = plan_of(tmp_path)
    quality = {"prompts": str(prompts)}
    prompts.write_bytes(b"x" * 800_000)
    large = Plan.model_validate({**yaml.safe_load(TEXT), "quality": quality})
    assert large.old == plan.old
    with pytest.raises(Failure, match="the largest is prompts.jsonl: use a chart by oci://"):
        bundle(large, "plan.yaml")


def test_a_pod_that_is_gone_is_followed_by_another_and_an_ended_rollout_by_none(plan: Plan) -> None:
    spec = made_of(plan)["Job"]["spec"]
    final, disrupted = spec["podFailurePolicy"]["rules"]
    codes = set(final["onExitCodes"]["values"])
    assert codes == {code.value for code in ExitCode} - {ExitCode.DONE} - RETRIED
    assert final["onExitCodes"]["containerName"] == spec["template"]["spec"]["containers"][0]["name"]
    assert (disrupted["action"], disrupted["onPodConditions"][0]["type"]) == ("Ignore", "DisruptionTarget")
    assert spec["template"]["spec"]["restartPolicy"] == "Never"


def test_its_image_is_the_one_that_is_built_of_this_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert versions().images["rollout"].name == IMAGE
    assert IMAGE.endswith(f":{project['version']}")


def packages(lock: Path) -> dict[str, str]:
    """The packages of a lock file with their versions."""
    return dict(re.findall(r"^([a-z0-9._-]+)==([^ ;]+)", lock.read_text(), re.MULTILINE))


def test_its_image_has_every_package_of_the_tool_as_it_is_tested() -> None:
    inside = packages(ROOT / "scripts/builds/images/rollout/requirements.lock")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {canonicalize_name(Requirement(each).name) for each in project["dependencies"]} <= inside.keys()
    assert inside.items() <= packages(ROOT / "requirements.lock").items()


def test_it_keeps_its_log_in_the_cluster_and_reads_secrets_from_one_secret(plan: Plan) -> None:
    (container,) = made_of(plan)["Job"]["spec"]["template"]["spec"]["containers"]
    assert {"name": KEEP_LOG, "value": "1"} in container["env"]
    assert container["envFrom"] == [{"secretRef": {"name": "rollout-route-env", "optional": True}}]
    assert container["args"][-1] == "--again"


@pytest.mark.parametrize(
    ("condition", "exit_code", "code"), [("Complete", 0, 0), ("Failed", 4, 4), ("Failed", 3, 3), ("Failed", 137, 137)]
)
def test_following_ends_with_the_drivers_exit_code(
    plan: Plan, cluster: FakeCluster, condition: str, exit_code: int, code: int
) -> None:
    with_job(cluster, condition, exit_code)
    assert job(plan, cluster, []).follow() == code


def test_following_shows_the_pod_and_what_the_kept_log_says(plan: Plan, cluster: FakeCluster) -> None:
    store = LogStore(plan, FakeClient(cluster), flush=3600)
    for event in (
        {"time": 1.0, "event": "start", "percent": 0, "by": "uid 65532@rollout-route-x pid 1"},
        {"time": 2.0, "event": "followed", "percent": 10, "seconds": 1.0},
    ):
        store(event)
    store.close()
    with_job(cluster, "Complete")
    said: list[str] = []
    job(plan, cluster, said).follow()
    text = "\n".join(said)
    assert "pod rollout-route-x exited with 0" in text
    assert "the gateway follows at 10 %" in text


def test_following_outlives_an_api_server_that_is_away(plan: Plan, cluster: FakeCluster) -> None:
    with_job(cluster, "Complete")
    cluster.away = 5
    said: list[str] = []
    assert job(plan, cluster, said).follow() == ExitCode.DONE
    assert [line for line in said if "the rollout goes on meanwhile" in line]


def test_a_pod_that_cannot_start_is_shown_with_its_reason(plan: Plan, cluster: FakeCluster) -> None:
    with_job(cluster, "Failed", 1)
    pod: Any = cluster.objects[PODS.path("default", "rollout-route-x")]
    pod["status"]["containerStatuses"] = [{"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such"}}}]
    said: list[str] = []
    assert job(plan, cluster, said).follow() == ExitCode.FAILED
    assert said[0] == "pod rollout-route-x: ImagePullBackOff no such"


def test_a_second_job_is_refused_while_one_is_at_work(plan: Plan, cluster: FakeCluster) -> None:
    with_job(cluster)
    with pytest.raises(Failure, match="is at work already") as refusal:
        job(plan, cluster, []).start("plan.yaml", IMAGE, [])
    assert refusal.value.code == ExitCode.BUSY


def test_without_a_job_there_is_nothing_to_follow(plan: Plan, cluster: FakeCluster) -> None:
    with pytest.raises(Failure, match="start it with `rollout run --in-cluster`"):
        job(plan, cluster, []).follow()
