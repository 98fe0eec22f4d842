"""Weight goes only to pools with a ready model server, and never to two pools with the same model servers."""

from __future__ import annotations

import pytest

from kit.namespace import Refused
from kit.route import Release, server

NEW_IS_10 = ("--set", "weights.new=10")


def test_a_pool_without_a_ready_model_server_gets_no_weight(release: Release) -> None:
    release.install()
    release.set_ready("pool-new-0", False)
    with pytest.raises(Refused) as refused:
        release.upgrade(*NEW_IS_10)
    assert "pool-new has no ready model server (not Ready: pool-new-0)" in str(refused.value)
    assert "wait pods --selector app=pool-new --for=condition=Ready" in str(refused.value)
    assert release.split() == {"pool-old": 100}
    release.set_ready("pool-new-0", True)
    release.upgrade(*NEW_IS_10)
    assert release.split() == {"pool-old": 90, "pool-new": 10}


def test_one_value_gives_weight_to_a_pool_that_is_not_ready(release: Release) -> None:
    release.install()
    release.namespace.kubectl("delete", "pod", "pool-new-0", "--grace-period=0", "--force")
    with pytest.raises(Refused, match=r"has no ready model server \(it has no pod\)"):
        release.upgrade(*NEW_IS_10)
    assert "guards.readiness is false" in release.upgrade(*NEW_IS_10, "--set", "guards.readiness=false")
    assert release.split() == {"pool-old": 90, "pool-new": 10}


def test_weight_leaves_a_pool_whose_servers_are_gone(release: Release) -> None:
    release.install("--set", "weights.new=50")
    release.set_ready("pool-new-0", False)
    release.upgrade("--set", "weights.new=0")
    assert release.split() == {"pool-old": 100}


def test_testers_may_reach_a_pool_that_is_not_ready(release: Release) -> None:
    release.set_ready("pool-new-0", False)
    release.install("--set-json", 'canary=[{"backend": "new", "headers": [{"name": "x-tester", "value": "1"}]}]')


@pytest.mark.parametrize("labels", [{"app": "pool-old"}, {"app": "pool-old", "tier": "fast"}])
def test_pools_of_which_one_selects_all_pods_of_the_other_share_no_weight(
    release: Release, labels: dict[str, str]
) -> None:
    release.namespace.kubectl("delete", "inferencepool", "pool-new")
    release.install()
    release.add_pool("pool-new", labels=labels)
    with pytest.raises(Refused, match=r"pool-new and \S+/pool-old select the same model servers"):
        release.upgrade(*NEW_IS_10)
    assert release.split() == {"pool-old": 100}


def test_pools_that_share_one_pod_share_no_weight(release: Release) -> None:
    release.namespace.kubectl("delete", "inferencepool", "pool-new")
    release.install()
    release.add_pool("pool-new", labels={"tier": "fast"})
    release.namespace.apply(server("both-0", {"app": "pool-old", "tier": "fast"}))
    with pytest.raises(Refused, match=r"select the same model servers \(pod both-0\)"):
        release.upgrade(*NEW_IS_10)
    release.upgrade(*NEW_IS_10, "--set", "guards.pools=false")
    assert release.split() == {"pool-old": 90, "pool-new": 10}


def test_equal_selectors_are_refused_before_there_is_any_pod(release: Release) -> None:
    release.namespace.kubectl("delete", "inferencepool,pod", "--all", "--grace-period=0", "--force")
    release.add_pool("pool-old")
    release.add_pool("pool-new", labels={"app": "pool-old"})
    release.namespace.kubectl("delete", "pod", "--all", "--grace-period=0", "--force")
    with pytest.raises(Refused, match=r"by app=pool-old and app=pool-old"):
        release.install("--set", "weights.new=10,guards.readiness=false")


def test_all_weight_may_leave_pools_that_share_pods_at_once_by_a_rollback(release: Release) -> None:
    release.install()
    release.upgrade("--set", "weights.new=50")
    release.namespace.kubectl(
        "patch", "inferencepool", "pool-new", "--type=merge",
        '--patch={"spec": {"selector": {"matchLabels": {"app": "pool-old"}}}}',
    )  # fmt: skip
    release.rollback(1)
    assert release.split() == {"pool-old": 100}


def test_without_the_right_to_list_pods_helm_names_it_and_one_value_does_without(release: Release) -> None:
    rules = [
        ("", ["namespaces", "services"], ["get"]),
        ("inference.networking.k8s.io", ["inferencepools"], ["get"]),
        ("gateway.networking.k8s.io", ["httproutes"], ["get", "create", "patch", "update"]),
        ("", ["secrets"], ["get", "list", "create", "update", "delete", "patch"]),
    ]
    common = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": "no-pods"}}
    named = [dict(zip(("apiGroups", "resources", "verbs"), ([g], r, v), strict=True)) for g, r, v in rules]
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "no-pods"}
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "operator"}
    binding = {**common, "kind": "RoleBinding", "roleRef": role, "subjects": [subject]}
    release.namespace.apply({**common, "kind": "Role", "rules": named}, binding)
    with pytest.raises(Refused, match=r'pods is forbidden: User "operator" cannot list resource "pods"'):
        release.install("--kube-as-user=operator")
    release.install("--kube-as-user=operator", "--set", "guards.readiness=false")
