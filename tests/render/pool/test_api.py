"""The versions of the Inference Extension's API, and what each makes of aliases and objectives."""

from __future__ import annotations

import re
from typing import Any

import pytest

from kit.charts import Manifest, RenderError, notes, only, render

POOL = "inference.networking.k8s.io/v1/InferencePool"
OBJECTIVE = "inference.networking.x-k8s.io/v1alpha2/InferenceObjective"
REWRITE = "inference.networking.x-k8s.io/v1alpha2/InferenceModelRewrite"
OLD_POOL = "inference.networking.x-k8s.io/v1alpha2/InferencePool"
ROUTER = "llm-d.ai/v1alpha2/InferenceObjective"
ALIAS = {"model": "food-review", "targets": [{"model": "a", "weight": 1_000_000}, {"model": "b", "weight": 1}]}


def rendered(*served: str, **values: Any) -> list[Manifest]:
    arguments = [f"--api-versions={version}" for version in served]
    return render("inferencepool", "pool-new", values, arguments=arguments)


def pool_version(*served: str, **values: Any) -> str:
    version: str = only(rendered(*served, objectives=[], **values), "InferencePool")["apiVersion"]
    return version


@pytest.mark.parametrize(
    ("served", "version"),
    [
        ((), "inference.networking.k8s.io/v1"),
        ((POOL, OBJECTIVE, REWRITE), "inference.networking.k8s.io/v1"),
        ((POOL, OLD_POOL, OBJECTIVE), "inference.networking.k8s.io/v1"),
        ((POOL, ROUTER), "inference.networking.k8s.io/v1"),
        ((OLD_POOL,), "inference.networking.x-k8s.io/v1alpha2"),
    ],
)
def test_the_pool_is_of_the_api_that_the_cluster_serves(served: tuple[str, ...], version: str) -> None:
    assert pool_version(*served) == version


def test_a_chosen_version_stands_whatever_the_cluster_serves() -> None:
    assert pool_version(POOL, OBJECTIVE, api={"version": "x-k8s"}) == "inference.networking.x-k8s.io/v1alpha2"


@pytest.mark.parametrize(
    ("served", "version"),
    [
        ((POOL, OBJECTIVE), "inference.networking.x-k8s.io/v1alpha2"),
        ((POOL, ROUTER), "llm-d.ai/v1alpha2"),
        ((POOL, OBJECTIVE, ROUTER), "inference.networking.x-k8s.io/v1alpha2"),
    ],
)
def test_objectives_are_of_the_api_that_the_cluster_serves(served: tuple[str, ...], version: str) -> None:
    objectives = [{"name": "batch", "priority": -2147483648}]
    objective = only(rendered(*served, objectives=objectives), "InferenceObjective")
    assert objective["apiVersion"] == version
    assert objective["spec"]["priority"] == -2147483648


def test_the_routers_epp_gets_the_group_that_it_prefers_wherever_it_is_served() -> None:
    """Where both groups are, it ignores the older one."""
    objectives = [{"name": "batch", "priority": 1}]
    both = rendered(POOL, OBJECTIVE, ROUTER, objectives=objectives, epp={"family": "router"})
    older = rendered(POOL, OBJECTIVE, objectives=objectives, epp={"family": "router"})
    assert only(both, "InferenceObjective")["apiVersion"] == "llm-d.ai/v1alpha2"
    assert only(older, "InferenceObjective")["apiVersion"] == "inference.networking.x-k8s.io/v1alpha2"


@pytest.mark.parametrize(
    ("chosen", "version"), [("v1", "inference.networking.x-k8s.io/v1alpha2"), ("router", "llm-d.ai/v1alpha2")]
)
def test_aliases_are_the_rules_of_one_rewrite(chosen: str, version: str) -> None:
    base = {"model": "Any/Name:1", "targets": [{"model": "c"}]}
    rewrite = only(rendered(api={"version": chosen}, aliases=[ALIAS, base]), "InferenceModelRewrite")
    assert rewrite["apiVersion"] == version
    assert rewrite["spec"]["poolRef"] == {
        "group": "inference.networking.k8s.io",
        "kind": "InferencePool",
        "name": "pool-new",
    }
    rules = rewrite["spec"]["rules"]
    assert [rule["matches"][0]["model"]["value"] for rule in rules] == ["food-review", "Any/Name:1"]
    assert rules[0]["targets"] == [
        {"modelRewrite": "a", "weight": 1_000_000},
        {"modelRewrite": "b", "weight": 1},
    ]


@pytest.mark.parametrize(("version", "tag"), [("v1", "main"), ("v1", "v1.3.1"), ("router", "v0.10.0")])
def test_an_epp_that_reads_rewrites_gets_them(version: str, tag: str) -> None:
    values = {"api": {"version": version}, "epp": {"image": {"tag": tag}}, "aliases": [ALIAS]}
    assert only(rendered(**values), "InferenceModelRewrite")


def test_an_alias_that_dies_with_the_epp_is_told() -> None:
    adapters = [{"id": name, "source": "/adapters/a"} for name in ("a", "own-name")]
    aliases = [{"model": name, "targets": [{"model": "a"}]} for name in ("food-review", "own-name")]
    values = {"aliases": aliases, "lora": {"adapters": adapters}}
    assert "requests for food-review fail with 404" in notes("inferencepool", "pool-new", values)
    for told in ({**values, "aliases": aliases[1:]}, {**values, "pool": {"failureMode": "FailClose"}}):
        assert "404" not in notes("inferencepool", "pool-new", told)


def test_in_x_k8s_each_alias_is_an_inference_model() -> None:
    aliases = [ALIAS | {"criticality": "Critical"}, {"model": "Any/Name:1", "targets": [{"model": "c"}]}]
    manifests = rendered(api={"version": "x-k8s"}, aliases=aliases)
    first, second = (m for m in manifests if m["kind"] == "InferenceModel")
    assert first["metadata"]["name"] == "pool-new-food-review"
    assert first["spec"] == {
        "modelName": "food-review",
        "criticality": "Critical",
        "poolRef": {"group": "inference.networking.x-k8s.io", "kind": "InferencePool", "name": "pool-new"},
        "targetModels": [{"name": "a", "weight": 1_000_000}, {"name": "b", "weight": 1}],
    }
    assert second["spec"]["targetModels"] == [{"name": "c"}]


def test_aliases_whose_names_look_alike_are_different_inference_models() -> None:
    aliases = [{"model": name, "targets": [{"model": "c"}]} for name in ("Any/Name:1", "any/name:1", "any-name-1", "/")]
    models = [m for m in rendered(api={"version": "x-k8s"}, aliases=aliases) if m["kind"] == "InferenceModel"]
    names = {m["metadata"]["name"] for m in models}
    assert len(names) == 4
    assert all(re.fullmatch(r"pool-new-[a-z0-9]([-a-z0-9]*[a-z0-9])?", name) for name in names)


@pytest.mark.parametrize(
    ("served", "values", "said"),
    [
        ((POOL, OBJECTIVE), {"aliases": [ALIAS]}, "aliases need the InferenceModelRewrite .* Inference Extension 1.3"),
        (
            (),
            {"aliases": [ALIAS], "epp": {"image": {"tag": "v1.2.1"}}},
            "aliases are given, but epp.image.tag is v1.2.1 and the EPP rewrites them from 1.3.1 on",
        ),
        (
            (),
            {"objectives": [{"name": "a", "priority": 1}], "epp": {"image": {"tag": "v1.3.0"}}},
            "objectives are given, but epp.image.tag is v1.3.0 and this EPP ignores them",
        ),
        ((), {"aliases": [ALIAS, ALIAS]}, "the alias food-review is named twice in aliases"),
        ((), {"aliases": [ALIAS | {"criticality": "Critical"}]}, "only api.version=x-k8s has; .* set objectives"),
        ((), {"aliases": [{"model": "x", "targets": [{"model": "a"}, {"model": "b"}]}]}, "give each one a weight"),
        (
            (),
            {"api": {"version": "x-k8s"}, "objectives": [{"name": "a", "priority": 1}]},
            "api.version is x-k8s, which has no InferenceObjective; give the aliases a criticality",
        ),
        ((), {"objectives": [{"name": "a", "priority": 1}] * 2}, "the objective a is named twice in objectives"),
        (
            (),
            {"api": {"version": "v1"}, "epp": {"family": "0.5"}},
            "epp.family is 0.5, which reads the API version x-k8s, but api.version is v1",
        ),
        (
            (POOL, OBJECTIVE, ROUTER),
            {"api": {"version": "v1"}, "epp": {"family": "router"}},
            "this cluster serves llm-d.ai/v1alpha2/InferenceObjective, and the router then ignores",
        ),
    ],
)
def test_what_an_api_does_not_have_is_refused(served: tuple[str, ...], values: dict[str, Any], said: str) -> None:
    with pytest.raises(RenderError, match=said):
        rendered(*served, **values)


@pytest.mark.parametrize("name", ["a..b", "a.-b", "a-.b"])
def test_a_name_that_no_object_can_have_is_refused(name: str) -> None:
    with pytest.raises(RenderError, match="/objectives/0/object"):
        render("inferencepool", "pool-new", {"objectives": [{"name": "food-review", "object": name}]})
    with pytest.raises(RenderError, match="/parentRefs/0/name"):
        render("rollout-route", "route", {"parentRefs": [{"name": name}]})
