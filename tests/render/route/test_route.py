"""The rest of a route: matches, canaries, mirrors, filters, limits, namespaces and groups."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from inferencepool_rollout.kube.matching import Request, met
from inferencepool_rollout.kube.route import Route
from inferencepool_rollout.traffic.request import POOL_HEADER
from kit.charts import CHARTS, Manifest, RenderError, only, render

TESTERS = {"backend": "new", "headers": [{"name": "x-canary", "value": "new"}]}
V1 = {"path": {"type": "PathPrefix", "value": "/v1"}}
PATHS = yaml.safe_load((Path(__file__).parents[1] / "api-paths.yaml").read_text())


def rules(**values: Any) -> list[Manifest]:
    found: list[Manifest] = only(render("rollout-route", "route", values), "HTTPRoute")["spec"]["rules"]
    return found


def weights(rule: Manifest) -> dict[str, int]:
    return {ref["name"]: ref["weight"] for ref in rule["backendRefs"]}


def test_testers_reach_the_new_pool_at_weight_0() -> None:
    canary, split = rules(canary=[TESTERS], paths=["/v1"])
    assert weights(canary) == {"pool-new": 1}
    assert weights(split) == {"pool-old": 100}
    assert canary["matches"] == [V1 | {"headers": [{"name": "x-canary", "type": "Exact", "value": "new"}]}]
    assert split["matches"] == [V1]


@pytest.mark.parametrize(("kind", "routed"), [("users", True), ("administrative", False)])
def test_the_paths_of_the_inference_api_are_routed_and_no_others(kind: str, routed: bool) -> None:
    route = Route(only(render("rollout-route", "route", {}), "HTTPRoute"))
    answered = [path for path in PATHS[kind] if met(Request("any", path), [route], [("default", "inference-gateway")])]
    assert answered == (PATHS[kind] if routed else [])


def test_all_paths_are_routed_when_asked() -> None:
    assert rules(paths=["/"])[0]["matches"] == [{"path": {"type": "PathPrefix", "value": "/"}}]
    assert rules(rules=[{"name": "a", "matches": [{"path": {"value": "/"}}]}])[0]["matches"] == [
        {"path": {"type": "PathPrefix", "value": "/"}}
    ]


def test_a_match_without_a_path_is_one_for_each_path() -> None:
    own = [{"name": "a", "matches": [{"method": "POST"}, {"path": {"value": "/b"}}]}]
    (rule,) = rules(rules=own, paths=["/x", "/y"])
    assert [(match["path"]["value"], match.get("method")) for match in rule["matches"]] == [
        ("/x", "POST"),
        ("/y", "POST"),
        ("/b", None),
    ]


def mark(ref: Manifest) -> tuple[str, str]:
    """Header and value that a backendRef's one filter sets on answers."""
    (filter_,) = ref["filters"]
    assert filter_["type"] == "ResponseHeaderModifier"
    (header,) = filter_["responseHeaderModifier"]["set"]
    return header["name"], header["value"]


def test_every_answer_is_marked_with_its_pool() -> None:
    backends = [{"name": "old", "pool": "a"}, {"name": "new", "pool": "b", "namespace": "gpu"}]
    canary, split = rules(backends=backends, canary=[TESTERS], weights={"new": 10})
    assert [mark(ref) for ref in split["backendRefs"]] == [(POOL_HEADER, "default/a"), (POOL_HEADER, "gpu/b")]
    assert [mark(ref) for ref in canary["backendRefs"]] == [(POOL_HEADER, "gpu/b")]


def test_an_idle_backend_that_is_kept_is_marked_too() -> None:
    (split,) = rules(keepIdleBackend=True)
    assert [mark(ref)[1] for ref in split["backendRefs"]] == ["default/pool-old", "default/pool-new"]


def test_the_mark_can_have_another_name_or_none() -> None:
    assert mark(rules(poolHeader="x-pool")[0]["backendRefs"][0])[0] == "x-pool"
    assert "filters" not in rules(poolHeader="")[0]["backendRefs"][0]
    with pytest.raises(RenderError, match="poolHeader"):
        rules(poolHeader="not a header")


@pytest.mark.parametrize("change", [{"remove": ["X-Inference-Pool"]}, {"set": [{"name": POOL_HEADER, "value": "x"}]}])
def test_header_changes_leave_the_mark_alone(change: dict[str, Any]) -> None:
    with pytest.raises(RenderError, match="is the poolHeader, which marks answers"):
        rules(responseHeaders=change)


def test_more_matches_than_a_rule_or_a_route_holds_are_refused() -> None:
    models = [f"m{number}" for number in range(5)]
    with pytest.raises(RenderError, match=r"all makes 65 matches, and a rule has room for 64"):
        rules(rules=[{"name": "all", "models": models}], paths=[f"/{number}" for number in range(13)])
    with pytest.raises(RenderError, match=r"make 129 matches, and an HTTPRoute has room for 128"):
        rules(canary=[TESTERS, TESTERS], paths=[f"/{number}" for number in range(43)])


@pytest.mark.parametrize(
    ("request_", "backend", "right"),
    [("10m", "9m59s", True), ("1h", "60m", True), ("0s", "5m", True), ("1m", "61s", False), ("1s", "1s1ms", False)],
)
def test_one_try_is_not_longer_than_the_whole_exchange(request_: str, backend: str, right: bool) -> None:
    timeouts = {"request": request_, "backendRequest": backend}
    if right:
        assert rules(timeouts=timeouts)[0]["timeouts"] == timeouts
    else:
        with pytest.raises(RenderError, match=rf"backendRequest \({backend}\) is longer than request \({request_}\)"):
            rules(timeouts=timeouts)


@pytest.mark.parametrize("name", ["X-Canary", "x-canary"])
def test_a_canary_header_that_a_match_has_already_is_refused(name: str) -> None:
    own = [{"name": "a", "matches": [{"headers": [{"name": name, "value": "1"}]}]}]
    with pytest.raises(RenderError, match=r"matches the header x-canary twice \(names are compared without case\)"):
        rules(rules=own, canary=[TESTERS])


@pytest.mark.parametrize("path", ["v1", "/v1//models", "/v1#models", "/v1/../x", "/v1%2Fmodels", "/v 1"])
def test_a_path_that_the_api_server_refuses_is_refused(path: str) -> None:
    with pytest.raises(RenderError, match="is no path of a URL"):
        rules(rules=[{"name": "a", "matches": [{"path": {"value": path}}]}])


def test_names_that_look_like_numbers_stay_strings() -> None:
    backends = [{"name": "old", "pool": "1"}, {"name": "new", "pool": "2", "namespace": "1234"}]
    values = {"backends": backends, "referenceGrants": {"create": True}}
    for manifest in render("rollout-route", "1", values, namespace="2"):
        metadata = manifest["metadata"]
        assert [type(metadata[key]) for key in ("name", "namespace")] == [str, str]
        assert {type(text) for text in (*metadata["labels"].values(), *metadata.get("annotations", {}).values())} == {
            str
        }


@pytest.mark.parametrize("version", ["0.2.0+1d22aa02fbee", f"0.2.0+{'a' * 60}"])
def test_a_chart_version_with_build_metadata_makes_a_valid_label(version: str, tmp_path: Path) -> None:
    chart = tmp_path / "rollout-route"
    shutil.copytree(CHARTS / "rollout-route", chart)
    text = (chart / "Chart.yaml").read_text()
    (chart / "Chart.yaml").write_text(re.sub(r"(?m)^version: .*", f"version: {version}", text))
    label = only(render(str(chart), "route", {}), "HTTPRoute")["metadata"]["labels"]["helm.sh/chart"]
    assert re.fullmatch(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", label)
    assert label.startswith("rollout-route-0.2.0_")


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


NAMED = [{"name": "x", "value": "1"}]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (
            {"rules": [{"name": "a", "matches": [{"queryParams": NAMED * 2}]}]},
            "a match of a, in its queryParams, names x twice",
        ),
        ({"requestHeaders": {"set": NAMED * 2}}, "requestHeaders.set of rule all names x twice"),
        ({"responseHeaders": {"add": NAMED * 2}}, "responseHeaders.add of rule all names x twice"),
        ({"requestHeaders": {"remove": ["x", "x"]}}, "requestHeaders[./]remove"),
        ({"parentRefs": [{"name": "g"}] * 2}, "parentRefs names the Gateway g twice alike"),
        ({"parentRefs": [{"name": "g"}, {"name": "g", "sectionName": "a"}]}, "the Gateway g several times, and once"),
        ({"labels": {"a b": "x"}}, "/labels.*additional properties 'a b'"),
        ({"labels": {"a": "x y"}}, "labels[./]a"),
        ({"labels": {"a": "x" * 64}}, "labels[./]a"),
        ({"annotations": {"a b": "x"}}, "/annotations.*additional properties 'a b'"),
    ],
)
def test_what_the_api_server_would_refuse_late_is_refused_by_name(values: dict[str, Any], told: str) -> None:
    with pytest.raises(RenderError, match=told):
        render("rollout-route", "route", values)


def test_listeners_of_one_gateway_and_gateways_of_one_name_stand_side_by_side() -> None:
    refs = [{"name": "g", "sectionName": "a"}, {"name": "g", "sectionName": "b"}, {"name": "g", "namespace": "other"}]
    assert len(only(render("rollout-route", "route", {"parentRefs": refs}), "HTTPRoute")["spec"]["parentRefs"]) == 3
