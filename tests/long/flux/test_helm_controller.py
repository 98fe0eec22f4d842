"""Charts under Flux's helm-controller: values are merged, guards see the cluster, and nothing drifts by itself."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kit.flux import Flux
from kit.wait import wait_until

BY_HAND = [{"op": "replace", "path": "/spec/rules/0/backendRefs/1/weight", "value": 33}]
CORRECTED = {"driftDetection": {"mode": "enabled"}}
POOL = {"modelServer": {"preset": "simulator"}, "lora": {"mode": "none"}}
SCALED = {**POOL, "autoscaling": {"type": "hpa", "maxReplicas": 9}}
"""Values of a pool whose number of servers an autoscaler decides."""

Route = Callable[..., str]
"""Ask Flux for the route's release with so many percent on the new pool; returns why it is not made."""


@pytest.fixture
def name(namespace: Flux) -> Iterator[str]:
    """Name of a release that is gone after the test."""
    made = f"route-{secrets.token_hex(3)}"
    yield made
    namespace.kubectl("delete", "helmrelease", made, "--ignore-not-found")


@pytest.fixture
def route(namespace: Flux, name: str) -> Route:
    def ask(percent: int, **spec: Any) -> str:
        return namespace.release(name, "rollout-route", {"weights": {"new": percent}}, **spec)

    return ask


def split(namespace: Flux, name: str) -> dict[str, int]:
    refs = namespace.get(f"httproute/{name}")["spec"]["rules"][0]["backendRefs"]
    return {ref["name"]: ref["weight"] for ref in refs}


def edit_by_hand(namespace: Flux, name: str) -> None:
    namespace.kubectl("patch", "httproute", name, "--type=json", f"--patch={json.dumps(BY_HAND)}")


def test_the_weight_of_the_values_is_the_weight_of_the_route(namespace: Flux, name: str, route: Route) -> None:
    assert route(0) == ""
    assert split(namespace, name) == {"pool-old": 100}
    assert route(10) == ""
    assert split(namespace, name) == {"pool-old": 90, "pool-new": 10}


def test_values_are_merged_as_flux_merges_them(namespace: Flux, name: str, route: Route) -> None:
    """`valuesFrom` first, the HelmRelease's own values over it."""
    data = {"values.yaml": "hostnames: [llm.example.com]\nweights: {new: 50}\n"}
    namespace.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"{name}-values"}, "data": data})
    route(10, valuesFrom=[{"kind": "ConfigMap", "name": f"{name}-values"}])
    assert split(namespace, name) == {"pool-old": 90, "pool-new": 10}
    assert namespace.get(f"httproute/{name}")["spec"]["hostnames"] == ["llm.example.com"]


def test_the_chart_s_refusal_is_the_release_s_message_and_nothing_moves(
    namespace: Flux, name: str, route: Route
) -> None:
    route(10)
    assert "moves 90 percent points at once" in route(100)
    assert split(namespace, name) == {"pool-old": 90, "pool-new": 10}
    assert route(50) == ""


def test_a_pool_without_a_ready_server_gets_no_weight(namespace: Flux, name: str, route: Route) -> None:
    route(0)
    namespace.set_ready("pool-new-0", ready=False)
    try:
        assert "pool-new has no ready model server" in route(10)
        assert split(namespace, name) == {"pool-old": 100}
    finally:
        namespace.set_ready("pool-new-0", ready=True)
    wait_until(lambda: split(namespace, name) == {"pool-old": 90, "pool-new": 10}, "Flux has tried again", 180)


def test_without_drift_detection_a_hand_edit_is_refused_by_the_next_upgrade(
    namespace: Flux, name: str, route: Route
) -> None:
    route(10)
    edit_by_hand(namespace, name)
    assert "is not what its last revision asked for" in route(20)
    assert split(namespace, name)["pool-new"] == 33


def test_with_drift_detection_flux_takes_a_hand_edit_back(namespace: Flux, name: str, route: Route) -> None:
    route(10, **CORRECTED)
    edit_by_hand(namespace, name)
    wait_until(lambda: split(namespace, name) == {"pool-old": 90, "pool-new": 10}, "Flux has corrected it", 60)
    wait_until(lambda: bool(namespace.drifts(name)), "Flux says so")
    assert route(20, **CORRECTED) == ""


def test_a_route_that_nobody_edits_does_not_drift(namespace: Flux, name: str, route: Route) -> None:
    route(10, **CORRECTED)
    revisions = namespace.revisions(name)
    namespace.look_for_drift()
    assert namespace.drifts(name) == []
    assert namespace.revisions(name) == revisions == 1


@pytest.mark.parametrize("values", [POOL, SCALED], ids=["fixed", "scaled"])
def test_a_pool_that_nobody_edits_does_not_drift(namespace: Flux, name: str, values: dict[str, Any]) -> None:
    assert namespace.release(name, "inferencepool", values, **CORRECTED) == ""
    namespace.look_for_drift()
    assert namespace.drifts(name) == []
    assert namespace.revisions(name) == 1


def test_a_pool_keeps_its_servers_when_scaling_is_switched_on_with_the_docs_ignore_rule(
    namespace: Flux, name: str
) -> None:
    """The manifest then holds the number of that moment, which Flux would put back without the rule."""
    rule = {"paths": ["/spec/replicas"], "target": {"kind": "Deployment"}}
    detection = {"driftDetection": {"mode": "enabled", "ignore": [rule]}}
    namespace.release(name, "inferencepool", {**POOL, "modelServer": {"preset": "simulator", "replicas": 3}})
    namespace.release(name, "inferencepool", SCALED, **detection)
    assert namespace.get(f"deployment/{name}")["spec"]["replicas"] == 3
    namespace.kubectl("scale", f"deployment/{name}", "--replicas=5")
    namespace.look_for_drift()
    assert namespace.drifts(name) == []
    changed = {**SCALED, "objectives": [{"name": "x", "priority": 1}]}
    assert namespace.release(name, "inferencepool", changed, **detection) == ""
    assert namespace.get(f"deployment/{name}")["spec"]["replicas"] == 5


def test_a_release_does_not_take_another_one_s_objects_though_flux_would_let_it(namespace: Flux, name: str) -> None:
    namespace.release(name, "inferencepool", POOL)
    second = f"{name}-epp"
    try:
        told = namespace.release(second, "inferencepool", POOL)
        assert f"Deployment {second} belongs to release {name}" in told
    finally:
        namespace.kubectl("delete", "helmrelease", second)
