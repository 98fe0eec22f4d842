"""The rest of a route: matches, canaries, mirrors, filters, limits, namespaces and groups."""

from __future__ import annotations

from typing import Any

import pytest

from kit.charts import Manifest, RenderError, only, render

TESTERS = {"backend": "new", "headers": [{"name": "x-canary", "value": "new"}]}
ALL = {"path": {"type": "PathPrefix", "value": "/"}}


def rules(**values: Any) -> list[Manifest]:
    found: list[Manifest] = only(render("rollout-route", "route", values), "HTTPRoute")["spec"]["rules"]
    return found


def weights(rule: Manifest) -> dict[str, int]:
    return {ref["name"]: ref["weight"] for ref in rule["backendRefs"]}


def test_testers_reach_the_new_pool_at_weight_0() -> None:
    canary, split = rules(canary=[TESTERS])
    assert weights(canary) == {"pool-new": 1}
    assert weights(split) == {"pool-old": 100}
    assert canary["matches"] == [ALL | {"headers": [{"name": "x-canary", "type": "Exact", "value": "new"}]}]
    assert split["matches"] == [ALL]


def test_a_canary_asks_its_header_beside_what_each_rule_asks() -> None:
    header = {"name": "x-tenant", "value": "a"}
    own = [{"name": "a", "matches": [{"headers": [header]}]}, {"name": "b", "models": ["m"]}]
    first, _, second, _ = rules(rules=own, canary=[TESTERS])
    names = [[header["name"] for header in rule["matches"][0]["headers"]] for rule in (first, second)]
    assert names == [["x-tenant", "x-canary"], ["X-Gateway-Model-Name", "x-canary"]]


def test_each_model_is_matched_with_each_match() -> None:
    own = [{"name": "a", "models": ["x", "y"], "matches": [{"path": {"value": "/1"}}, {"path": {"value": "/2"}}]}]
    (rule,) = rules(rules=own)
    assert [(match["path"]["value"], match["headers"][0]["value"]) for match in rule["matches"]] == [
        ("/1", "x"),
        ("/1", "y"),
        ("/2", "x"),
        ("/2", "y"),
    ]


def test_a_mirror_copies_the_split_and_not_the_testers() -> None:
    canary, split = rules(canary=[TESTERS], mirror={"backend": "new", "percent": 5})
    backend = {"group": "inference.networking.k8s.io", "kind": "InferencePool", "name": "pool-new"}
    assert split["filters"] == [
        {"type": "RequestMirror", "requestMirror": {"backendRef": backend, "percent": 5}},
    ]
    assert "filters" not in canary


@pytest.mark.parametrize("user", ["canary", "mirror"])
def test_a_backend_that_is_not_there_is_refused(user: str) -> None:
    values = {"canary": [TESTERS | {"backend": "nwe"}], "mirror": {"backend": "nwe", "percent": 5}}
    with pytest.raises(RenderError, match=f'{user}: no backend is named "nwe"; name one of backends'):
        rules(**{user: values[user]})


def test_a_rules_own_limits_and_headers_stand_in_place_of_the_routes() -> None:
    own = [{"name": "a", "timeouts": {"request": "1s"}, "requestHeaders": {"remove": ["x"]}}, {"name": "b"}]
    a, b = rules(rules=own, timeouts={"request": "1m"}, requestHeaders={"remove": ["y"]})
    assert [rule["timeouts"] for rule in (a, b)] == [{"request": "1s"}, {"request": "1m"}]
    assert [rule["filters"][0]["requestHeaderModifier"]["remove"] for rule in (a, b)] == [["x"], ["y"]]


def test_nothing_is_retried_persisted_or_limited_by_default() -> None:
    assert set(rules()[0]) == {"name", "matches", "backendRefs"}


@pytest.mark.parametrize("filter_value", ["cors", "fault", "filters"])
def test_a_filter_that_could_cost_the_rule_its_endpoint_picker_is_not_offered(filter_value: str) -> None:
    with pytest.raises(RenderError, match=f"additional properties '{filter_value}' not allowed"):
        rules(**{filter_value: {}})


def test_a_grpc_route_is_refused() -> None:
    with pytest.raises(RenderError, match="GRPCRoute takes no InferencePool as backend, HTTPRoute does"):
        rules(kind="GRPCRoute")


def test_rule_names_are_unique_in_the_cluster() -> None:
    names = {
        rule["name"]
        for release in ("a", "b")
        for namespace in ("x", "y")
        for rule in only(
            render("rollout-route", release, {"canary": [TESTERS, TESTERS]}, namespace=namespace), "HTTPRoute"
        )["spec"]["rules"]
    }
    assert len(names) == 2 * 2 * 3


def test_rules_of_the_same_name_are_refused() -> None:
    with pytest.raises(RenderError, match="rules: the names a, a are not unique; .* give each rule its own"):
        rules(rules=[{"name": "a"}, {"name": "a"}])


def test_more_rules_than_a_route_holds_are_refused() -> None:
    with pytest.raises(RenderError, match="make 18 rules, and an HTTPRoute has room for 16"):
        rules(rules=[{"name": f"r{i}"} for i in range(9)], canary=[TESTERS])


def test_a_pool_of_another_namespace_is_granted_to_this_route_alone() -> None:
    backends = [{"name": "old", "pool": "a"}, {"name": "new", "pool": "b", "namespace": "gpu"}]
    values = {"backends": backends, "referenceGrants": {"create": True}}
    grant = only(render("rollout-route", "route", values, namespace="apps"), "ReferenceGrant")
    assert grant["metadata"]["namespace"] == "gpu"
    assert grant["metadata"]["name"] == "apps.route"
    assert grant["spec"] == {
        "from": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "apps"}],
        "to": [{"group": "inference.networking.k8s.io", "kind": "InferencePool", "name": "b"}],
    }


def test_no_grant_is_made_unasked() -> None:
    backends = [{"name": "old", "pool": "a"}, {"name": "new", "pool": "b", "namespace": "gpu"}]
    assert [m["kind"] for m in render("rollout-route", "route", {"backends": backends})] == ["HTTPRoute"]


def test_a_v1alpha2_pool_is_named_by_its_group() -> None:
    group = "inference.networking.x-k8s.io"
    (rule,) = rules(backends=[{"name": "old", "pool": "a", "group": group}, {"name": "new", "pool": "b"}])
    assert rule["backendRefs"][0]["group"] == group


def test_pools_of_one_name_in_both_groups_are_two_pools() -> None:
    old = {"name": "old", "pool": "llm", "group": "inference.networking.x-k8s.io"}
    (rule,) = rules(backends=[old, {"name": "new", "pool": "llm"}], weights={"new": 30})
    assert [(ref["group"], ref["weight"]) for ref in rule["backendRefs"]] == [
        ("inference.networking.x-k8s.io", 70),
        ("inference.networking.k8s.io", 30),
    ]


def test_the_record_holds_the_weights_of_every_backend() -> None:
    route = only(render("rollout-route", "route", {"weights": {"new": 10}}), "HTTPRoute")
    assert route["metadata"]["annotations"]["rollout-route/weights"] == '{"new":10,"old":90}'
