"""`helm test` passes on a good pool and names what is wrong with another; both under the restricted profile."""

from __future__ import annotations

import json

import pytest

from cluster.pool.pools import Pools
from inferencepool_rollout.failure import Failure

GOOD, DRIFTED = "good", "drifted"


@pytest.fixture(scope="module")
def installed(pools: Pools) -> Pools:
    """A pool with all the chart has for production, and one whose adapters nothing keeps loaded."""
    pools.install(GOOD, {"epp.replicas": 2, "networkPolicy.enabled": True})
    pools.install(DRIFTED, {"modelServer.replicas": 1, "lora.mode": "static"})
    return pools


def helm_test(pools: Pools, release: str) -> tuple[bool, str]:
    """Whether the release's test passes, and what it prints."""
    try:
        pools.helm("test", release, "--timeout=120s")
        passed = True
    except Failure:
        passed = False
    return passed, pools.kubectl("logs", f"{release}-test")


def test_a_good_pool_passes_and_is_told_apart_part_by_part(installed: Pools) -> None:
    passed, printed = helm_test(installed, GOOD)
    assert passed, printed
    assert "endpoint picker good-epp: 1 of 2 ready (only the leader is)" in printed
    assert printed.count("serves") == 2
    assert printed.count("food-review-1") == 2


def test_a_missing_adapter_is_named_with_the_pod_that_misses_it(installed: Pools) -> None:
    assert helm_test(installed, DRIFTED)[0]
    selector = f"app.kubernetes.io/instance={DRIFTED},app.kubernetes.io/component=model-server"
    pod = installed.kubectl("get", "pods", f"--selector={selector}", "--output=jsonpath={.items[0].metadata.name}")
    path = f"/api/v1/namespaces/{installed.namespace}/pods/{pod}:8000/proxy/v1/unload_lora_adapter"
    installed.kubectl("create", "--raw", path, "--filename=-", stdin=json.dumps({"lora_name": "food-review-1"}))
    passed, printed = helm_test(installed, DRIFTED)
    assert not passed
    assert f"FAILED: model server {pod} does not serve food-review-1" in printed


def test_a_pod_that_another_pool_selects_too_is_named(installed: Pools) -> None:
    own = json.loads(installed.kubectl("get", "inferencepool", GOOD, "--output=json"))
    other = {**{key: own[key] for key in ("apiVersion", "kind", "spec")}, "metadata": {"name": "thief"}}
    installed.kubectl("apply", "--filename=-", stdin=json.dumps(other))
    try:
        passed, printed = helm_test(installed, GOOD)
    finally:
        installed.kubectl("delete", "inferencepool", "thief")
    assert not passed
    assert printed.count("is selected by the InferencePool thief too") == 2


def test_another_picker_leads_when_the_leader_is_evicted(installed: Pools) -> None:
    """The standby or the leader's replacement: both stand for election once the lease is free."""
    selector = f"app.kubernetes.io/instance={GOOD},app.kubernetes.io/component=epp"
    pods = json.loads(installed.kubectl("get", "pods", f"--selector={selector}", "--output=json"))["items"]
    leads = {pod["metadata"]["name"]: pod["status"]["containerStatuses"][0]["ready"] for pod in pods}
    assert sorted(leads.values()) == [False, True]
    leader = max(leads, key=lambda name: leads[name])
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": leader}}
    path = f"/api/v1/namespaces/{installed.namespace}/pods/{leader}/eviction"
    installed.kubectl("create", "--raw", path, "--filename=-", stdin=json.dumps(eviction))
    installed.kubectl("wait", f"pod/{leader}", "--for=delete", "--timeout=180s")
    installed.kubectl("wait", f"deployment/{GOOD}-epp", "--for=jsonpath={.status.readyReplicas}=1", "--timeout=120s")
