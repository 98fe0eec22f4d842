"""One release of the pool's chart in a namespace of its own: everything of it runs, and it goes without a trace."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
import yaml
from pytest_helm_charts.clusters import Cluster as KubeCluster
from pytest_helm_charts.k8s.deployment import wait_for_deployments_to_run

from inferencepool_lab.cluster.handle import Cluster
from inferencepool_rollout.traffic.attribution import pool_pods
from inferencepool_rollout.traffic.load import Plan, send
from inferencepool_rollout.traffic.request import Completion
from kit.namespace import Namespace, new_namespace
from kit.pools import PREVIEW, TESTERS, start

RELEASE = "pool-new"
READY_SECONDS = 120


@pytest.fixture(scope="module")
def installed(cluster: Cluster) -> Iterator[Namespace]:
    """The namespace of a release with the values for kind."""
    with new_namespace(cluster, "pool") as namespace:
        start(namespace, RELEASE, PREVIEW)
        yield namespace


def test_model_servers_and_epp_run(kube_cluster: KubeCluster, installed: Namespace) -> None:
    names = [RELEASE, f"{RELEASE}-epp"]
    running = wait_for_deployments_to_run(kube_cluster.kube_client, names, installed.name, READY_SECONDS)
    assert [deployment.name for deployment in running] == names


def test_every_pod_of_the_pool_serves_its_adapters(installed: Namespace) -> None:
    installed.rolled_out(RELEASE, seconds=READY_SECONDS)
    pods = list(pool_pods(installed.cluster.client(), installed.name))
    assert len(pods) == 2
    for pod in pods:
        models = json.loads(installed.page(pod, 8000, "v1/models"))["data"]
        assert "food-review-1" in [model["id"] for model in models]


def test_testers_reach_the_pool_through_the_gateway_before_it_has_weight(installed: Namespace) -> None:
    """And so the gateway has judged it."""
    tester = Completion("food-review", headers={TESTERS: f"{installed.name}/{RELEASE}"})
    time.sleep(2)  # the gateway hears of a ready pod up to a second after the API server
    answers = send(installed.cluster.gateway_url, tester, Plan(count=20))
    assert answers.lost == 0
    assert set(answers.by_pod()) <= set(pool_pods(installed.cluster.client(), installed.name))
    pool = installed.get(f"inferencepool/{RELEASE}")
    conditions = {c["type"]: c["status"] for parent in pool["status"]["parents"] for c in parent["conditions"]}
    assert conditions == {"Accepted": "True", "ResolvedRefs": "True"}


def test_the_live_objects_are_the_rendered_ones(installed: Namespace) -> None:
    """Server-side apply of the manifest that helm keeps changes nothing."""
    manifest = installed.helm("get", "manifest", RELEASE)
    changes = installed.kubectl("diff", "--server-side", "--force-conflicts", "--filename=-", stdin=manifest)
    assert changes == ""
    assert len(list(yaml.safe_load_all(manifest))) > 5


def test_an_uninstalled_release_leaves_nothing(installed: Namespace) -> None:
    installed.helm("uninstall", RELEASE, "--wait")
    kinds = "deployments,services,configmaps,serviceaccounts,roles,rolebindings,inferencepools,inferenceobjectives"
    label = f"app.kubernetes.io/instance={RELEASE}"
    left = installed.kubectl("get", f"{kinds},inferencemodelrewrites", "--selector", label, "--output=name")
    assert left == ""
