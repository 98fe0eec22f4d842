"""A changed EPP takes over under load, with a pool that fails closed: every pick is an EPP's."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from cluster.pool.pools import Pools
from inferencepool_rollout.traffic.attribution import picks
from inferencepool_rollout.traffic.load import Plan, background, send
from inferencepool_rollout.traffic.request import Completion
from waiting import wait_until

POOL = "changing"
HOST = "epp-change.test"
FOOD_REVIEW = Completion("food-review", headers={"Host": HOST})
FOLLOWED_SECONDS = 30
VALUES = {"pool.failureMode": "FailClose"}


@pytest.fixture(scope="module")
def served(pools: Pools) -> Iterator[Pools]:
    """A pool behind the shared gateway, under a hostname of its own."""
    pools.install(POOL, VALUES)
    backend = {"group": "inference.networking.k8s.io", "kind": "InferencePool", "name": POOL}
    route = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": POOL},
        "spec": {
            "parentRefs": [{"name": "inference-gateway", "namespace": "default"}],
            "hostnames": [HOST],
            "rules": [{"name": f"{pools.namespace}.{POOL}", "backendRefs": [backend]}],
        },
    }
    pools.apply([route])
    wait_until_served(pools)
    yield pools
    pools.kubectl("delete", "httproute", POOL)


def wait_until_served(pools: Pools) -> None:
    url, plan = pools.cluster.gateway_url, Plan(workers=1, count=1)
    wait_until(lambda: not send(url, FOOD_REVIEW, plan).lost, "the gateway serves the route", FOLLOWED_SECONDS)


def epp_pods(pools: Pools) -> set[str]:
    selector = f"app.kubernetes.io/instance={POOL},app.kubernetes.io/component=epp"
    return set(pools.kubectl("get", "pods", f"--selector={selector}", "--output=name").split())


def change(pools: Pools, values: dict[str, Any]) -> None:
    """Upgrade the release with these values and wait until its old EPP is gone."""
    before = epp_pods(pools)
    pools.install(POOL, {**VALUES, **values})
    pools.kubectl("wait", "--for=delete", *before, "--timeout=60s")


def test_a_changed_plugin_config_starts_a_new_epp_and_loses_no_request(served: Pools) -> None:
    before = epp_pods(served)
    with background(served.cluster.gateway_url, FOOD_REVIEW, Plan(rate=50, seconds=180)) as load:
        time.sleep(1)
        change(served, {"epp.plugins.preset": "lora-affinity"})
        time.sleep(1)
    answers = load.answers()
    assert answers.lost == 0
    assert len(answers) > 200
    assert not before & epp_pods(served)


def test_over_tls_every_request_is_picked(served: Pools) -> None:
    change(served, {"epp.tls": True})
    wait_until_served(served)
    before = picks(served.cluster.core(), served.namespace, POOL)
    answers = send(served.cluster.gateway_url, FOOD_REVIEW, Plan(count=100))
    assert answers.lost == 0
    assert picks(served.cluster.core(), served.namespace, POOL) - before == 100
