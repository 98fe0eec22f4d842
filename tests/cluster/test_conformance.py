"""Upstream's conformance scenario of weighted pools, held to an exact rule and to the picks of each EPP.

Scenario: GatewayWeightedAcrossTwoInferencePools of the Gateway API Inference Extension's conformance suite: two pools
of three servers at 70/30, and every request names the servers of both pools as candidates, so that only the picker of
the pool that the gateway chose keeps to that pool. Upstream takes 200 requests within 10 points, by answers alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from inferencepool_lab.cluster.handle import Cluster
from inferencepool_rollout.traffic.attribution import by_pool, gained, picks, pool_pods
from inferencepool_rollout.traffic.load import Plan, send
from inferencepool_rollout.traffic.request import Completion
from inferencepool_rollout.traffic.verdict import judge
from kit.charts import render
from kit.namespace import Namespace, new_namespace
from kit.pools import PARENTS, part, start, wait_until_ready
from kit.wait import FOLLOWED_SECONDS

ASKED = {"pool-old": 70, "pool-new": 30}
REQUESTS = 2000  # alpha = 0.001, half for answers, half for picks: a true 60/40 is refused with a power above 0.999
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


@pytest.fixture(scope="module")
def pools(cluster: Cluster) -> Iterator[Namespace]:
    """The namespace of both pools and the route."""
    values = {"modelServer.replicas": 3, "epp.plugins": {"preset": "custom", "custom": PLUGINS}}
    with new_namespace(cluster, "conformance") as namespace:
        for name in ASKED:
            start(namespace, name, values)
        for name in ASKED:
            wait_until_ready(namespace, name)
        route = {"weights": {"new": ASKED["pool-new"]}, "parentRefs": PARENTS, "hostnames": [namespace.host]}
        namespace.apply(*render("rollout-route", "route", route, namespace=namespace.name), server_side=True)
        time.sleep(FOLLOWED_SECONDS)
        yield namespace


@pytest.fixture(scope="module")
def completion(pools: Namespace) -> Completion:
    """The request that names the servers of both pools as candidates."""
    addresses = [pod["status"]["podIP"] for pod in pools.pods(part("model-server"))]
    assert len(addresses) == 6
    return Completion("food-review", max_tokens=1, headers={"Host": pools.host, CANDIDATES: ",".join(addresses)})


def test_two_pools_share_70_to_30_by_answers_and_by_picks(pools: Namespace, completion: Completion) -> None:
    core, pods = pools.cluster.client(), pool_pods(pools.cluster.client(), pools.name)
    before = {pool: picks(core, pools.name, pool) for pool in ASKED}
    answers = send(pools.cluster.gateway_url, completion, Plan(count=REQUESTS))
    after = {pool: picks(core, pools.name, pool) for pool in ASKED}
    verdict = judge(ASKED, by_pool(answers, pods), gained(before, after), lost=answers.lost)
    assert verdict.findings == ()
