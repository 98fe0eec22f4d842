"""One release of the pool's chart in a namespace of its own: everything of it runs, and it goes without a trace."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator

import pytest
import yaml
from pytest_helm_charts.clusters import Cluster as KubeCluster
from pytest_helm_charts.k8s.deployment import wait_for_deployments_to_run

from charts import CHARTS, VALUES
from inferencepool_lab.cluster.handle import Cluster
from inferencepool_rollout.traffic.attribution import pool_pods
from inferencepool_rollout.traffic.load import Plan, send
from inferencepool_rollout.traffic.request import Completion

RELEASE = "pool-new"
READY_SECONDS = 120


@pytest.fixture(scope="module")
def installed(cluster: Cluster) -> Iterator[str]:
    """The namespace of a release with the values of the demo."""
    namespace = f"pool-{secrets.token_hex(4)}"
    cluster.helm(
        "install", RELEASE, CHARTS / "inferencepool", "--namespace", namespace, "--create-namespace",
        "--values", VALUES / "pool/kind/simulator.yaml",
        "--set", "preview.parentRefs[0].name=inference-gateway,preview.parentRefs[0].namespace=default",
    )  # fmt: skip
    yield namespace
    cluster.kubectl("delete", "namespace", namespace, "--wait=false")


def test_model_servers_and_epp_run(kube_cluster: KubeCluster, installed: str) -> None:
    names = [RELEASE, f"{RELEASE}-epp"]
    running = wait_for_deployments_to_run(kube_cluster.kube_client, names, installed, READY_SECONDS)
    assert [deployment.name for deployment in running] == names


def test_every_pod_of_the_pool_serves_its_adapters(cluster: Cluster, installed: str) -> None:
    cluster.kubectl("-n", installed, "rollout", "status", f"deployment/{RELEASE}", f"--timeout={READY_SECONDS}s")
    pods = list(pool_pods(cluster.client(), installed))
    assert len(pods) == 2
    for pod in pods:
        path = f"/api/v1/namespaces/{installed}/pods/{pod}:8000/proxy/v1/models"
        models = json.loads(cluster.kubectl("get", "--raw", path))["data"]
        assert "food-review-1" in [model["id"] for model in models]


def test_testers_reach_the_pool_through_the_gateway_before_it_has_weight(cluster: Cluster, installed: str) -> None:
    """And so the gateway has judged it."""
    tester = Completion("food-review", headers={"x-inferencepool": f"{installed}/{RELEASE}"})
    time.sleep(2)  # the gateway hears of a ready pod up to a second after the API server
    answers = send(cluster.gateway_url, tester, Plan(count=20))
    assert answers.lost == 0
    assert set(answers.by_pod()) <= set(pool_pods(cluster.client(), installed))
    pool = json.loads(cluster.kubectl("-n", installed, "get", "inferencepool", RELEASE, "--output=json"))
    conditions = {c["type"]: c["status"] for parent in pool["status"]["parents"] for c in parent["conditions"]}
    assert conditions == {"Accepted": "True", "ResolvedRefs": "True"}


def test_the_live_objects_are_the_rendered_ones(cluster: Cluster, installed: str) -> None:
    """Server-side apply of the manifest that helm keeps changes nothing."""
    manifest = cluster.helm("get", "manifest", RELEASE, "--namespace", installed)
    said = cluster.kubectl(
        "-n", installed, "diff", "--server-side", "--force-conflicts", "--filename=-", stdin=manifest
    )
    assert said == ""
    assert len(list(yaml.safe_load_all(manifest))) > 5


def test_an_uninstalled_release_leaves_nothing(cluster: Cluster, installed: str) -> None:
    cluster.helm("uninstall", RELEASE, "--namespace", installed, "--wait")
    kinds = "deployments,services,configmaps,serviceaccounts,roles,rolebindings,inferencepools,inferenceobjectives"
    label = f"app.kubernetes.io/instance={RELEASE}"
    left = cluster.kubectl(
        "-n", installed, "get", f"{kinds},inferencemodelrewrites", "--selector", label, "--output=name"
    )
    assert left == ""
