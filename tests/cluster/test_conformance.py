"""Upstream's conformance scenario of weighted pools, held to an exact rule and to the picks of each EPP.

Scenario: GatewayWeightedAcrossTwoInferencePools of the Gateway API Inference Extension's conformance suite: two pools
of three servers at 70/30, and every request names the servers of both pools as candidates, so that only the picker of
the pool that the gateway chose keeps to that pool. Upstream takes 200 requests within 10 points, by answers alone.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import yaml

from charts import CHARTS, VALUES, render
from inferencepool_lab.cluster.handle import Cluster
from inferencepool_rollout.traffic.attribution import by_pool, gained, picks, pool_pods
from inferencepool_rollout.traffic.load import Plan, send
from inferencepool_rollout.traffic.request import Completion
from inferencepool_rollout.traffic.verdict import judge

ASKED = {"pool-old": 70, "pool-new": 30}
REQUESTS = 2000  # alpha = 0.001, half for answers, half for picks: a true 60/40 is refused with a power above 0.999
FOLLOWED_SECONDS = 2.0
CANDIDATES = "test-epp-endpoint-selection"  # header that the picker's testing filter reads
PLUGINS = """
apiVersion: inference.networking.x-k8s.io/v1alpha1
kind: EndpointPickerConfig
plugins:
  - type: header-based-testing-filter
  - type: queue-scorer
schedulingProfiles:
  - name: default
    plugins:
      - pluginRef: header-based-testing-filter
      - pluginRef: queue-scorer
"""


@dataclass(frozen=True)
class Pools:
    """The namespace of both pools, and the request that names all of their servers as candidates."""

    namespace: str
    request: Completion


@pytest.fixture(scope="module")
def pools(cluster: Cluster) -> Iterator[Pools]:
    namespace = f"conformance-{secrets.token_hex(3)}"
    cluster.kubectl("create", "namespace", namespace)
    try:
        for name in ASKED:
            cluster.helm(
                "install", name, CHARTS / "inferencepool", "--namespace", namespace,
                "--values", VALUES / "pool/kind/simulator.yaml", "--set", "modelServer.replicas=3",
                "--set-json", f"epp.plugins={json.dumps({'preset': 'custom', 'custom': PLUGINS})}",
                "--wait", "--timeout", "3m",
            )  # fmt: skip
        host = f"{namespace}.example.com"
        values = {
            "weights": {"new": ASKED["pool-new"]},
            "parentRefs": [{"name": "inference-gateway", "namespace": "default"}],
            "hostnames": [host],
        }
        route = render("rollout-route", "route", values, namespace=namespace)
        cluster.kubectl("apply", "--server-side", "--filename=-", stdin=yaml.safe_dump_all(route))
        time.sleep(FOLLOWED_SECONDS)
        pods = cluster.kubectl(
            "--namespace", namespace, "get", "pods", "--selector=app.kubernetes.io/component=model-server",
            "--output=jsonpath={.items[*].status.podIP}",
        )  # fmt: skip
        assert len(pods.split()) == 6
        headers = {"Host": host, CANDIDATES: ",".join(pods.split())}
        yield Pools(namespace, Completion("food-review", max_tokens=1, headers=headers))
    finally:
        cluster.kubectl("delete", "namespace", namespace, "--wait=false")


def test_two_pools_share_70_to_30_by_answers_and_by_picks(cluster: Cluster, pools: Pools) -> None:
    core, pods = cluster.client(), pool_pods(cluster.client(), pools.namespace)
    before = {pool: picks(core, pools.namespace, pool) for pool in ASKED}
    answers = send(cluster.gateway_url, pools.request, Plan(count=REQUESTS))
    after = {pool: picks(core, pools.namespace, pool) for pool in ASKED}
    verdict = judge(ASKED, by_pool(answers, pods), gained(before, after), lost=answers.lost)
    assert verdict.findings == ()
