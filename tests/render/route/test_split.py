"""Percent in, weights out: what `weights` and `backends` become in the HTTPRoute."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.charts import CHARTS, Manifest, RenderError, only, render

A_B_N = [{"name": name, "pool": f"pool-{name}"} for name in ("old", "new", "b")]


def route(values: dict[str, Any] | None = None, **more: Any) -> Manifest:
    return only(render("rollout-route", "route", values, **more), "HTTPRoute")


def shares(manifest: Manifest) -> dict[str, Fraction]:
    """Share of every pool by its name, as the Gateway API defines it: weight over the sum of the weights."""
    refs = manifest["spec"]["rules"][-1]["backendRefs"]
    total = sum(ref["weight"] for ref in refs)
    return {ref["name"]: Fraction(ref["weight"], total) for ref in refs}


def test_the_defaults_are_the_convention_of_the_guide() -> None:
    defaults = yaml.safe_load((CHARTS / "rollout-route/values.yaml").read_text())
    assert route()["spec"] == {
        "hostnames": [],
        "parentRefs": [
            {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "inference-gateway"},
        ],
        "rules": [
            {
                "name": "default.route.all",
                "matches": [{"path": {"type": "PathPrefix", "value": path}} for path in defaults["paths"]],
                "backendRefs": [
                    {
                        "group": "inference.networking.k8s.io",
                        "kind": "InferencePool",
                        "name": "pool-old",
                        "weight": 100,
                        "filters": [
                            {
                                "type": "ResponseHeaderModifier",
                                "responseHeaderModifier": {
                                    "set": [{"name": "x-inference-pool", "value": "default/pool-old"}]
                                },
                            }
                        ],
                    },
                ],
            },
        ],
    }


@pytest.mark.parametrize("helm", ["helm3", "helm4"])
def test_the_everyday_command_moves_ten_percent(helm: str) -> None:
    moved = route(arguments=["--set", "weights.new=10"], helm=helm)
    assert shares(moved) == {"pool-old": Fraction(9, 10), "pool-new": Fraction(1, 10)}


@given(st.integers(0, 100))
@settings(max_examples=30, deadline=None)
def test_two_pools_get_exactly_the_percent_asked(percent: int) -> None:
    asked = {"pool-old": Fraction(100 - percent, 100), "pool-new": Fraction(percent, 100)}
    assert shares(route({"weights": {"new": percent}})) == {k: v for k, v in asked.items() if v}


@given(st.integers(0, 100), st.data())
@settings(max_examples=30, deadline=None)
def test_three_pools_get_exactly_the_percent_asked(new: int, data: st.DataObject) -> None:
    b = data.draw(st.integers(0, 100 - new))
    values = {"backends": A_B_N, "weights": {"new": new, "b": b}, "keepIdleBackend": True}
    asked = {"pool-old": 100 - new - b, "pool-new": new, "pool-b": b}
    assert shares(route(values)) == {name: Fraction(percent, 100) for name, percent in asked.items()}


@pytest.mark.parametrize(("percent", "serving"), [(0, "pool-old"), (100, "pool-new")])
def test_a_backend_without_requests_is_left_out(percent: int, serving: str) -> None:
    assert shares(route({"weights": {"new": percent}})) == {serving: 1}


@pytest.mark.parametrize("percent", [0, 100])
def test_an_idle_backend_is_kept_at_weight_0_when_asked(percent: int) -> None:
    kept = shares(route({"weights": {"new": percent}, "keepIdleBackend": True}))
    assert kept == {"pool-old": 1 - Fraction(percent, 100), "pool-new": Fraction(percent, 100)}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--set", "weights.new=10.5"], "want null or integer"),
        (["--set-string", "weights.new=10"], "want null or integer"),
        (["--set", "weights.new=101"], "got 101, want 100"),
        (["--set", "weights.new=-1"], "got -1, want 0"),
        (["--set", "weights.new=10.5", "--skip-schema-validation"], "not a whole percent from 0 to 100"),
        (["--set", "weights.nwe=10"], "the backends are new, old"),
        (["--set", "weights.old=10"], "takes what the others leave; set their weights instead"),
        (["--set", "backends=null"], "values are missing: backends;"),
        (["--set-json", "backends=[]"], "minItems: got 0, want 1"),
        (["--set", "weights=10"], "want object"),
    ],
)
def test_a_weight_that_is_no_percent_of_a_backend_is_refused(arguments: list[str], sentence: str) -> None:
    with pytest.raises(RenderError, match=sentence):
        route(arguments=arguments)


@given(st.integers(1, 100), st.data())
@settings(max_examples=10, deadline=None)
def test_weights_over_100_are_refused(new: int, data: st.DataObject) -> None:
    b = data.draw(st.integers(101 - new, 100))
    with pytest.raises(RenderError, match=f"weights add up to {new + b}, more than 100: lower them"):
        route({"backends": A_B_N, "weights": {"new": new, "b": b}})


def test_several_rules_share_the_split() -> None:
    rules = [{"name": name, "matches": [{"path": {"value": f"/{name}"}}]} for name in ("chat", "embeddings")]
    rendered = route({"rules": rules, "weights": {"new": 30}})["spec"]["rules"]
    assert [rule["backendRefs"] for rule in rendered] == [rendered[0]["backendRefs"]] * 2
    assert [ref["weight"] for ref in rendered[0]["backendRefs"]] == [70, 30]


def test_no_reference_has_a_port_and_all_have_group_kind_and_weight() -> None:
    for ref in route({"weights": {"new": 30}})["spec"]["rules"][0]["backendRefs"]:
        assert set(ref) == {"group", "kind", "name", "weight", "filters"}


def test_a_service_among_the_pools_is_refused() -> None:
    backends = [{"name": "old", "pool": "vllm", "kind": "Service"}, {"name": "new", "pool": "pool-new"}]
    with pytest.raises(RenderError, match="old is a Service; .* put an InferencePool before those pods"):
        route({"backends": backends})


@pytest.mark.parametrize(
    ("backends", "sentence"),
    [
        ([{"name": "a", "pool": "x"}, {"name": "a", "pool": "y"}], "names a, a are not unique"),
        ([{"name": "a", "pool": "x"}, {"name": "b", "pool": "x"}], "pools default/x, default/x are not unique"),
    ],
)
def test_backends_that_are_the_same_are_refused(backends: list[dict[str, str]], sentence: str) -> None:
    with pytest.raises(RenderError, match=sentence):
        route({"backends": backends})


def test_a_backend_alone_takes_everything() -> None:
    assert shares(route({"backends": [{"name": "only", "pool": "pool-a"}]})) == {"pool-a": 1}
