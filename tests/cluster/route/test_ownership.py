"""A route that helm did not make, and the rights that an operator needs."""

from __future__ import annotations

from typing import Any

import pytest

from kit.namespace import Refused
from kit.route import Release

BY_HAND = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "HTTPRoute",
    "metadata": {"name": "route"},
    "spec": {
        "parentRefs": [{"name": "inference-gateway"}],
        "rules": [
            {
                "backendRefs": [
                    {"group": "inference.networking.k8s.io", "kind": "InferencePool", "name": name, "weight": weight}
                    for name, weight in (("pool-old", 90), ("pool-new", 10))
                ]
            }
        ],
    },
}
ADOPT = {"helm3": ("--take-ownership",), "helm4": ("--take-ownership", "--force-conflicts")}


def rule(group: str, resources: list[str], verbs: list[str]) -> dict[str, Any]:
    return {"apiGroups": [group], "resources": resources, "verbs": verbs}


def test_a_route_made_by_hand_is_not_taken_unasked(release: Release) -> None:
    release.namespace.apply(BY_HAND)
    with pytest.raises(Refused, match="invalid ownership metadata"):
        release.install("--set", "weights.new=10")


def test_a_route_made_by_hand_is_taken_over_with_its_weights(release: Release) -> None:
    release.namespace.apply(BY_HAND)
    release.install("--set", "weights.new=10", *ADOPT[release.tool])
    assert release.split() == {"pool-old": 90, "pool-new": 10}
    release.upgrade("--set", "weights.new=20")
    assert release.live()["spec"] == release.rendered()["spec"]


def test_taking_a_route_over_is_no_way_around_the_step(release: Release) -> None:
    release.namespace.apply(BY_HAND)
    with pytest.raises(Refused, match="moves 90 percent points at once"):
        release.install("--set", "weights.new=100", *ADOPT[release.tool])
    with pytest.raises(Refused, match="gives pool-new 10 %"):
        release.install(*ADOPT[release.tool])


def test_the_rights_that_the_readme_names_are_enough(release: Release) -> None:
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "route-operator"},
        "rules": [
            rule("", ["namespaces", "services"], ["get"]),
            rule("", ["pods"], ["list"]),
            rule("inference.networking.k8s.io", ["inferencepools"], ["get"]),
            rule("gateway.networking.k8s.io", ["httproutes"], ["get", "list", "create", "patch", "update", "delete"]),
            rule("", ["secrets"], ["get", "list", "create", "update", "delete", "patch"]),
        ],
    }
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "route-operator"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "route-operator"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "operator"}],
    }
    release.namespace.apply(role, binding)
    operator = ("--kube-as-user=operator",)
    release.install(*operator)
    assert "NOT CHECKED" not in release.upgrade("--set", "weights.new=10", *operator)
    release.rollback(1, *operator)
    assert release.split() == {"pool-old": 100}


def test_a_field_that_the_cluster_would_drop_is_refused(release: Release) -> None:
    crd = release.namespace.kubectl("get", "crd", "httproutes.gateway.networking.k8s.io", "--output=yaml")
    if "channel: experimental" in crd:
        pytest.skip("this cluster's HTTPRoute has the fields of the experimental channel")
    with pytest.raises(Refused, match="retry: the HTTPRoute of this cluster has no such field"):
        release.install("--set", "retry.attempts=1")
