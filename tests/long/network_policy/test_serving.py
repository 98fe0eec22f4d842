"""Behind its policies a pool serves, syncs and changes as it does without them."""

from __future__ import annotations

import json
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from inferencepool_rollout.traffic.attribution import by_pool, gained, picks, pool_pods
from inferencepool_rollout.traffic.load import Plan, background, send
from inferencepool_rollout.traffic.verdict import judge
from kit.pools import change
from kit.two_pools import FAULTED, OTHER, TwoPools
from kit.wait import KUBELET_SECONDS, wait_until

# With a share of 20 % in place of 10 % the split would be refused with a power of 0.98; alpha is judge's 0.001.
REQUESTS = 400
WEIGHTS = {FAULTED: 10, OTHER: 90}


def test_a_split_of_90_to_10_holds_and_loses_nothing(pools: TwoPools) -> None:
    pools.split(WEIGHTS[FAULTED])
    pools.follow(WEIGHTS[FAULTED])
    api = pools.namespace.cluster.client()
    before = {pool: picks(api, pools.namespace.name, pool) for pool in WEIGHTS}
    answers = send(pools.gateway_url, pools.request(), Plan(count=REQUESTS))
    picked = gained(before, {pool: picks(api, pools.namespace.name, pool) for pool in WEIGHTS})
    answered = by_pool(answers, pool_pods(api, pools.namespace.name))
    verdict = judge(WEIGHTS, answered, picked, lost=answers.lost, causes=answers.causes())
    assert verdict.passed, verdict.findings


def test_each_epp_scrapes_its_model_servers(pools: TwoPools) -> None:
    """It knows of running requests from their metrics alone."""
    pools.split(50)

    def seen() -> bool:
        return all(
            gauge(pools, pool, "ready_pods") == 2 and gauge(pools, pool, "average_running_requests") > 0
            for pool in (FAULTED, OTHER)
        )

    with background(pools.gateway_url, pools.request(stream=True), Plan(workers=16, seconds=300)):
        wait_until(seen, "the EPPs tell of running requests")


def gauge(pools: TwoPools, pool: str, name: str) -> float:
    """A gauge that the pool's EPP exports of it."""
    (pod,) = pools.pods("epp", pool)
    page = pools.namespace.page(pod, 9090, "metrics")
    samples = (sample for family in text_string_to_metric_families(page) for sample in family.samples)
    return next(sample.value for sample in samples if sample.name == f"inference_pool_{name}")


@pytest.mark.parametrize("pool", [FAULTED, OTHER])
def test_helm_test_passes(pools: TwoPools, pool: str) -> None:
    pools.namespace.helm("test", pool, "--timeout=120s")
    printed = pools.namespace.kubectl("logs", f"{pool}-test")
    assert printed.count("food-review-1") == 2
    assert "all well" in printed


def test_the_syncer_loads_an_adapter_that_is_added(pools: TwoPools) -> None:
    adapters = [{"id": name, "source": f"org/{name}"} for name in ("food-review-1", "travel")]
    change(pools.namespace, FAULTED, {"lora.adapters": adapters})

    def served() -> bool:
        pages = [pools.namespace.page(pod, 8000, "v1/models") for pod in pools.pods("model-server")]
        return all("travel" in {model["id"] for model in json.loads(page)["data"]} for page in pages)

    wait_until(served, "all servers serve the adapter", KUBELET_SECONDS)


CHANGES = {
    "plugins": {"epp.plugins.preset": "lora-affinity"},
    "servers": {"modelServer.podAnnotations.changed": "yes"},
}


@pytest.mark.parametrize("part", CHANGES)
def test_an_upgrade_under_load_loses_nothing(pools: TwoPools, part: str) -> None:
    component = {"plugins": "epp", "servers": "model-server"}[part]
    before = pools.pods(component)
    pools.split(50)
    with background(pools.gateway_url, pools.request(), Plan(rate=50, seconds=300)) as load:
        time.sleep(1)
        change(pools.namespace, FAULTED, CHANGES[part])
        pools.namespace.kubectl("wait", "--for=delete", *(f"pod/{name}" for name in before), "--timeout=120s")
        time.sleep(1)
    answers = load.answers()
    assert answers.lost == 0, answers.causes()
    assert not set(before) & set(pools.pods(component))
