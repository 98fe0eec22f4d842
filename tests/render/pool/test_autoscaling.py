"""`autoscaling` scales by the metrics of the server that runs, and nothing else decides how many pods there are."""

from __future__ import annotations

import re
from typing import Any

import pytest

from kit.charts import Manifest, RenderError, only, render

HPA = {"autoscaling": {"type": "hpa"}}
KEDA = {"autoscaling": {"type": "keda"}, "observability": {"podMonitor": {"enabled": True}}}
SGLANG = {"modelServer": {"preset": "sglang"}, "lora": {"mode": "none"}}
TRITON = {
    "modelServer": {"preset": "triton-tensorrt-llm"},
    "model": {"tokenizer": "gpt2", "source": {"type": "pvc", "claimName": "engines"}},
    "lora": {"mode": "none"},
}


def hpa(values: dict[str, Any]) -> Manifest:
    spec: Manifest = only(render("inferencepool", "pool-old", HPA | values), "HorizontalPodAutoscaler")["spec"]
    return spec


def scaled_object(values: dict[str, Any]) -> Manifest:
    spec: Manifest = only(render("inferencepool", "pool-old", KEDA | values, namespace="llm"), "ScaledObject")["spec"]
    return spec


@pytest.mark.parametrize("values", [HPA, KEDA])
def test_an_upgrade_leaves_the_number_of_pods_to_the_autoscaler(values: dict[str, Any]) -> None:
    assert "replicas" not in only(render("inferencepool", "pool-old", values), "Deployment", "pool-old")["spec"]


def test_without_autoscaling_replicas_decides() -> None:
    def replicas(values: dict[str, Any]) -> int:
        number: int = only(render("inferencepool", "pool-old", values), "Deployment", "pool-old")["spec"]["replicas"]
        return number

    assert [replicas({"modelServer": {"replicas": n}}) for n in (None, 0, 3)] == [1, 0, 3]


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ({}, ["vllm_num_requests_waiting", "vllm_kv_cache_usage_perc"]),
        (SGLANG, ["sglang_num_queue_reqs", "sglang_token_usage"]),
        (
            {"provider": "gke", "observability": {"podMonitoring": {"enabled": True}}},
            [
                "prometheus.googleapis.com|vllm:num_requests_waiting|gauge",
                "prometheus.googleapis.com|vllm:kv_cache_usage_perc|gauge",
            ],
        ),
    ],
)
def test_the_hpa_asks_for_the_metrics_as_the_adapter_names_them(values: dict[str, Any], names: list[str]) -> None:
    assert [metric["pods"]["metric"]["name"] for metric in hpa(values)["metrics"]] == names


def test_the_hpa_tells_metrics_of_one_name_apart_by_their_labels() -> None:
    queue = hpa(TRITON)["metrics"][0]["pods"]["metric"]
    assert queue == {"name": "nv_trt_llm_request_metrics", "selector": {"matchLabels": {"request_type": "waiting"}}}


def test_percent_become_the_fraction_that_servers_show() -> None:
    values = {"autoscaling": {"type": "hpa", "kvCachePercent": 75, "queuedRequests": 0}}
    (metric,) = hpa(values)["metrics"]
    assert metric["pods"]["target"] == {"type": "AverageValue", "averageValue": "750m"}


def test_keda_asks_prometheus_for_this_pool_alone() -> None:
    queue, cache = scaled_object({})["triggers"]
    assert queue["metadata"]["query"] == 'sum(vllm:num_requests_waiting{inferencepool="pool-old",namespace="llm"})'
    assert (queue["metricType"], queue["metadata"]["threshold"]) == ("AverageValue", "5")
    assert cache["metadata"]["query"] == '100 * avg(vllm:kv_cache_usage_perc{inferencepool="pool-old",namespace="llm"})'
    assert (cache["metricType"], cache["metadata"]["threshold"]) == ("Value", "80")


def test_keda_asks_for_metrics_with_their_labels() -> None:
    query = scaled_object(TRITON)["triggers"][0]["metadata"]["query"]
    assert query == 'sum(nv_trt_llm_request_metrics{inferencepool="pool-old",namespace="llm",request_type="waiting"})'


@pytest.mark.parametrize("values", [HPA, KEDA])
def test_a_leader_worker_set_is_scaled_by_groups(values: dict[str, Any]) -> None:
    kind = "HorizontalPodAutoscaler" if values is HPA else "ScaledObject"
    manifests = render("inferencepool", "pool-old", values | {"leaderWorkerSet": {"enabled": True}})
    target = only(manifests, kind)["spec"]["scaleTargetRef"]
    assert target == {"apiVersion": "leaderworkerset.x-k8s.io/v1", "kind": "LeaderWorkerSet", "name": "pool-old"}
    assert "replicas" not in only(manifests, "LeaderWorkerSet")["spec"]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (
            {"autoscaling": {"type": "hpa"}, "modelServer": {"replicas": 2}},
            "modelServer.replicas is 2, but autoscaling.type is hpa",
        ),
        (
            {"autoscaling": {"type": "keda", "minReplicas": 5}},
            "autoscaling.minReplicas (5) is more than autoscaling.maxReplicas (4)",
        ),
        ({"autoscaling": {"type": "hpa", "queuedRequests": 0, "kvCachePercent": 0}}, "nothing says when to scale"),
        (
            {
                "autoscaling": {"type": "hpa", "kvCachePercent": 0},
                "modelServer": {"preset": "custom", "image": {"repository": "x"}},
            },
            "autoscaling.queuedRequests needs the metric queue, which modelServer.preset custom does not name",
        ),
    ],
)
def test_two_masters_and_nothing_to_go_by_are_refused(values: dict[str, Any], told: str) -> None:
    with pytest.raises(RenderError, match=re.escape(told)):
        render("inferencepool", "pool-old", values)
