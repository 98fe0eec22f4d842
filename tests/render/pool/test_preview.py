"""The route by which testers reach a pool that has no weight yet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from inferencepool_rollout.kube.matching import Request, met
from inferencepool_rollout.kube.route import Route
from inferencepool_rollout.traffic.request import POOL_HEADER
from kit.charts import CHARTS, Manifest, only, render

PATHS = yaml.safe_load((Path(__file__).parents[1] / "api-paths.yaml").read_text())
MARKED = {"type": "ResponseHeaderModifier", "responseHeaderModifier": {"set": [{"name": POOL_HEADER, "value": "ns/p"}]}}


def preview(**values: Any) -> Manifest:
    return only(render("inferencepool", "p", {"preview": values}, namespace="ns"), "HTTPRoute", "p-preview")


def test_the_preview_is_written_with_all_that_the_api_server_would_add() -> None:
    assert preview(paths=["/v1/completions"])["spec"] == {
        "parentRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "inference-gateway"}],
        "rules": [
            {
                "name": "ns.p.preview",
                "matches": [
                    {
                        "path": {"type": "PathPrefix", "value": "/v1/completions"},
                        "headers": [{"name": "x-inferencepool", "type": "Exact", "value": "ns/p"}],
                    }
                ],
                "backendRefs": [
                    {
                        "group": "inference.networking.k8s.io",
                        "kind": "InferencePool",
                        "name": "p",
                        "weight": 1,
                        "filters": [MARKED],
                    }
                ],
            }
        ],
    }


def test_the_answers_mark_can_be_switched_off() -> None:
    assert "filters" not in preview(poolHeader="")["spec"]["rules"][0]["backendRefs"][0]


@pytest.mark.parametrize(("kind", "routed"), [("users", True), ("administrative", False)])
def test_the_paths_of_the_inference_api_are_previewed_and_no_others(kind: str, routed: bool) -> None:
    route, tester = Route(preview()), {"x-inferencepool": "ns/p"}
    gateways = [("ns", "inference-gateway")]
    answered = [path for path in PATHS[kind] if met(Request("any", path, headers=tester), [route], gateways)]
    assert answered == (PATHS[kind] if routed else [])


def test_both_charts_route_the_same_paths() -> None:
    pool, route = (
        yaml.safe_load((CHARTS / name / "values.yaml").read_text()) for name in ("inferencepool", "rollout-route")
    )
    assert pool["preview"]["paths"] == route["paths"]
    assert pool["preview"]["poolHeader"] == route["poolHeader"]


def test_a_namespace_that_looks_like_a_number_stays_a_name() -> None:
    route = only(render("inferencepool", "p", {}, namespace="2"), "HTTPRoute")
    assert route["metadata"]["namespace"] == "2"
    assert route["spec"]["rules"][0]["name"] == "2.p.preview"
