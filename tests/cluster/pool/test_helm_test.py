"""`helm test` passes on a good pool and names what is wrong with another; both under the restricted profile."""

from __future__ import annotations

import json

import pytest

from kit.namespace import Namespace, Refused
from kit.pools import install, part

GOOD, DRIFTED = "good", "drifted"


@pytest.fixture(scope="module")
def installed(shared: Namespace) -> Namespace:
    """A pool with all the chart has for production, and one whose adapters nothing keeps loaded."""
    install(shared, GOOD, {"epp.replicas": 2, "networkPolicy.enabled": True})
    install(shared, DRIFTED, {"modelServer.replicas": 1, "lora.mode": "static"})
    return shared


def helm_test(namespace: Namespace, release: str) -> tuple[bool, str]:
    """Whether the release's test passes, and what it prints."""
    try:
        namespace.helm("test", release, "--timeout=120s")
        passed = True
    except Refused:
        passed = False
    return passed, namespace.kubectl("logs", f"{release}-test")


def test_a_good_pool_passes_and_is_told_apart_part_by_part(installed: Namespace) -> None:
    passed, printed = helm_test(installed, GOOD)
    assert passed, printed
    assert "endpoint picker good-epp: 1 of 2 ready (only the leader is)" in printed
    assert printed.count("serves") == 2
    assert printed.count("food-review-1") == 2


def test_a_missing_adapter_is_named_with_the_pod_that_misses_it(installed: Namespace) -> None:
    assert helm_test(installed, DRIFTED)[0]
    (pod,) = (each["metadata"]["name"] for each in installed.pods(part("model-server", DRIFTED)))
    installed.post(pod, 8000, "v1/unload_lora_adapter", {"lora_name": "food-review-1"})
    passed, printed = helm_test(installed, DRIFTED)
    assert not passed
    assert f"FAILED: model server {pod} does not serve food-review-1" in printed


def test_a_pod_that_another_pool_selects_too_is_named(installed: Namespace) -> None:
    own = installed.get(f"inferencepool/{GOOD}")
    other = {**{key: own[key] for key in ("apiVersion", "kind", "spec")}, "metadata": {"name": "thief"}}
    installed.apply(other)
    try:
        passed, printed = helm_test(installed, GOOD)
    finally:
        installed.kubectl("delete", "inferencepool", "thief")
    assert not passed
    assert printed.count("is selected by the InferencePool thief too") == 2


def test_another_picker_leads_when_the_leader_is_evicted(installed: Namespace) -> None:
    """The standby or the leader's replacement: both stand for election once the lease is free."""
    pods = installed.pods(part("epp", GOOD))
    leads = {pod["metadata"]["name"]: pod["status"]["containerStatuses"][0]["ready"] for pod in pods}
    assert sorted(leads.values()) == [False, True]
    leader = max(leads, key=lambda name: leads[name])
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": leader}}
    path = f"/api/v1/namespaces/{installed.name}/pods/{leader}/eviction"
    installed.kubectl("create", "--raw", path, "--filename=-", stdin=json.dumps(eviction))
    installed.kubectl("wait", f"pod/{leader}", "--for=delete", "--timeout=180s")
    installed.kubectl("wait", f"deployment/{GOOD}-epp", "--for=jsonpath={.status.readyReplicas}=1", "--timeout=120s")
