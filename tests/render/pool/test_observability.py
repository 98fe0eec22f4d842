"""`observability` and `provider`: what watches a rollout names metrics that exist, and knows one pool from another."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from inferencepool_lab.builds.programs import module_folder
from inferencepool_rollout.metrics.exporter import Exporter
from inferencepool_rollout.plan.plan import Plan
from kit.charts import CHARTS, VALUES, Manifest, RenderError, only, render
from kit.epp_lines import LINES, Line
from kit.plans import TEXT
from kit.prometheus_tools import program

ALL = VALUES / "pool/observability.yaml"
EPPS = {"pool-new-epp", "picker"}


def rendered(release: str = "pool-new") -> list[Manifest]:
    return render("inferencepool", release, {"lora": {"mode": "syncer"}}, files=[ALL], namespace="llm")


def dashboard() -> dict[str, Any]:
    (text,) = only(rendered(), "ConfigMap", "pool-new-dashboard")["data"].values()
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def rules() -> list[Manifest]:
    (group,) = only(rendered(), "PrometheusRule")["spec"]["groups"]
    found: list[Manifest] = group["rules"]
    return found


def of_the_epp(line: Line) -> set[str]:
    """Full names of an EPP's metrics, from its source: subsystem and name."""
    source = (module_folder(line.module) / "pkg/epp/metrics/metrics.go").read_text()
    subsystems = dict(re.findall(r'(\w+)\s+= "(inference_\w+)"', source))
    return {f"{subsystems[s]}_{n}" for s, n in re.findall(r'Subsystem:\s+(\w+),\s+Name:\s+"(\w+)"', source)}


# pkg/epp/metrics/llm_d_router_metrics.go of llm-d-router v0.10.0, which is in no package registry.
OF_THE_ROUTER = {
    f"llm_d_epp_{name}"
    for name in (
        "average_kv_cache_utilization",
        "average_queue_size",
        "average_running_requests",
        "ready_endpoints",
        "request_duration_seconds",
        "request_error_total",
        "request_total",
        "scheduler_attempts_total",
    )
}


def of_vllm() -> set[str]:
    """Names of the metrics that the simulator has after vLLM, from its source."""
    module = module_folder("simulator") / "pkg/llm-d-inference-sim/metrics.go"
    return set(re.findall(r'MetricName\s+= "(vllm:\w+)"', module.read_text()))


def of_the_syncer() -> set[str]:
    source = (CHARTS.parent / "lora-syncer/lora_syncer/metrics.py").read_text()
    return set(re.findall(r'"(lora_syncer_\w+)"', source))


def named(expression: str) -> set[str]:
    """Metrics that a PromQL expression names; an alternative of engines is looked up under vllm."""
    engines = re.findall(r'__name__=~"\(vllm\|sglang\):(\w+)\|trtllm_\w+"', expression)
    either = {name for names in re.findall(r'__name__=~"(\w+(?:\|\w+)+)"', expression) for name in names.split("|")}
    outside = re.sub(r"\{[^}]*\}|by \([^)]*\)|\"[^\"]*\"", "", expression)
    plain = re.findall(r"\b(?:inference_|llm_d_epp_|lora_syncer_|rollout_|vllm:|sglang:)\w+", outside)
    return {re.sub(r"_(bucket|count|sum)$", "", name) for name in [*(f"vllm:{e}" for e in engines), *either, *plain]}


def expressions() -> list[str]:
    return [t["expr"] for panel in dashboard()["panels"] for t in panel["targets"]] + [rule["expr"] for rule in rules()]


def of_the_driver() -> set[str]:
    """Names of the series that a driver serves."""
    exporter = Exporter(Plan.model_validate(yaml.safe_load(TEXT)))
    return {
        f"{family.name}_total" if family.type == "counter" else family.name for family in exporter.registry.collect()
    }


def test_every_expression_asks_for_metrics_that_exist() -> None:
    known = OF_THE_ROUTER.union(of_vllm(), of_the_syncer(), of_the_driver(), *map(of_the_epp, LINES))
    assert [e for e in expressions() if not named(e) or named(e) - known] == []


@pytest.mark.parametrize("line", LINES, ids=str)
def test_the_alerts_ask_for_series_of_their_own_epp(line: Line) -> None:
    """Else they would never fire, or for ever."""
    sets = [f"--set={key}={value}" for key, value in line.values.items()]
    token = {"serviceMonitor": {"tokenSecret": {"name": "reader", "key": "token"}}}  # epp.metricsAuth of older ones
    values = {"epp": {"metricsAuth": True}, "observability": token}
    manifests = render("inferencepool", "pool-new", values, files=[ALL], arguments=sets)
    (group,) = only(manifests, "PrometheusRule")["spec"]["groups"]
    asked = {name for rule in group["rules"] for name in named(rule["expr"]) if name.startswith("inference_")}
    assert asked
    assert asked - of_the_epp(line) == set()


def test_the_routers_alerts_ask_for_its_own_series() -> None:
    """From 0.11 on it has no other."""
    manifests = render("inferencepool", "pool-new", {"epp": {"family": "router"}}, files=[ALL])
    (group,) = only(manifests, "PrometheusRule")["spec"]["groups"]
    asked = {name for rule in group["rules"] for name in named(rule["expr"]) if not name.startswith(("vllm", "lora"))}
    assert asked
    assert asked - OF_THE_ROUTER == set()


def test_every_expression_of_the_dashboard_is_promql(tmp_path: Path) -> None:
    asked = [t["expr"].replace("$__rate_interval", "5m") for panel in dashboard()["panels"] for t in panel["targets"]]
    recorded = [{"record": f"asked:{place}", "expr": expression} for place, expression in enumerate(asked)]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": recorded}]}))
    words = [program("promtool"), "check", "rules", str(tmp_path / "rules.yaml")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert f"{len(asked)} rules found" in done.stdout, done.stderr


def test_every_expression_asks_for_one_namespace_and_pool() -> None:
    own = re.compile(r'namespace="(llm|\$namespace)",inferencepool(="pool-new"|="\$pool"|=~"\$pool")')
    selectors = [selector for e in expressions() for selector in re.findall(r"(\w*)\{([^}]*)\}", e)]
    of_pools = [selector for name, selector in selectors if not name.startswith("rollout_")]
    assert [selector for selector in of_pools if not own.search(selector)] == []
    of_rollouts = [selector for name, selector in selectors if name.startswith("rollout_")]
    assert of_rollouts
    assert [selector for selector in of_rollouts if not selector.startswith('namespace="$namespace"')] == []


@pytest.mark.parametrize("kind", ["PodMonitor", "ServiceMonitor"])
def test_scraped_series_say_which_pool_they_are_of(kind: str) -> None:
    spec = only(rendered(), kind)["spec"]
    for endpoint in spec.get("podMetricsEndpoints", []) + spec.get("endpoints", []):
        assert endpoint["relabelings"] == [{"targetLabel": "inferencepool", "replacement": "pool-new"}]


def test_the_pod_monitor_scrapes_the_ports_that_pods_have() -> None:
    pod = only(rendered(), "Deployment", "pool-new")["spec"]["template"]["spec"]
    ports = {port["name"] for c in pod["containers"] + pod["initContainers"] for port in c.get("ports", [])}
    assert {e["port"] for e in only(rendered(), "PodMonitor")["spec"]["podMetricsEndpoints"]} == ports


def adopting() -> list[Manifest]:
    """A release over pods that others made: with their own labels, and ports without a name."""

    def part(name: str, port: int) -> dict[str, Any]:
        containers = [{"name": name, "image": f"example.com/{name}:v1", "ports": [{"containerPort": port}]}]
        template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": containers}}
        return {"name": name, "selector": {"app": name}, "template": template}

    epp = {**part("picker", 9090), "servicePorts": [{"name": "grpc", "port": 9002}]}
    values = {"adopt": {"modelServer": part("vllm", 8000), "epp": epp}}
    return render("inferencepool", "pool-new", values, files=[ALL], namespace="llm")


def test_the_pod_monitor_scrapes_an_adopted_pod_by_its_ports_number() -> None:
    spec = only(adopting(), "PodMonitor")["spec"]
    assert spec["selector"] == {"matchLabels": {"app": "vllm"}}
    assert spec["podMetricsEndpoints"][0].items() >= {"portNumber": 8000, "path": "/metrics"}.items()


@pytest.mark.parametrize("manifests", [rendered, adopting])
def test_the_service_monitor_scrapes_the_pods_behind_the_service_of_the_epp(
    manifests: Callable[[], list[Manifest]],
) -> None:
    deployment = next(m for m in manifests() if m["kind"] == "Deployment" and m["metadata"]["name"] in EPPS)
    service = only(manifests(), "Service", deployment["metadata"]["name"])
    spec = only(manifests(), "ServiceMonitor")["spec"]
    ports = deployment["spec"]["template"]["spec"]["containers"][0]["ports"]
    assert spec["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert spec["endpoints"][0]["targetPort"] in {port["containerPort"] for port in ports}


def test_an_epp_that_wants_a_token_is_not_scraped_without_one() -> None:
    monitor: dict[str, Any] = {"enabled": True}
    values = {"observability": {"serviceMonitor": monitor}, "epp": {"metricsAuth": True}}
    with pytest.raises(RenderError, match=r"observability\.serviceMonitor\.tokenSecret is empty"):
        render("inferencepool", "pool-new", values)
    monitor["tokenSecret"] = {"name": "reader", "key": "token"}
    (endpoint,) = only(render("inferencepool", "pool-new", values), "ServiceMonitor")["spec"]["endpoints"]
    assert endpoint["authorization"] == {"credentials": {"name": "reader", "key": "token"}}


def test_the_dashboard_repeats_each_panel_for_each_pool_side_by_side() -> None:
    overall, *others = dashboard()["panels"]
    assert "repeat" not in overall
    panels = [panel for panel in others if not panel["title"].startswith("Rollout: ")]
    assert {(p["repeat"], p["repeatDirection"], p["maxPerRow"]) for p in panels} == {("pool", "h", 2)}


@pytest.mark.parametrize("words", ["Requests", "first token", "output token", "waiting", "KV cache", "Errors", "Picks"])
def test_the_dashboard_shows_what_tells_a_good_rollout_from_a_bad_one(words: str) -> None:
    shown = [p["title"] + "".join(t["legendFormat"] for t in p["targets"]) for p in dashboard()["panels"]]
    assert any(words in text for text in shown)


def test_dashboards_of_two_pools_can_stand_in_one_grafana() -> None:
    maps = [only(rendered(release), "ConfigMap", f"{release}-dashboard") for release in ("pool-old", "pool-new")]
    uids = [json.loads(text)["uid"] for m in maps for text in m["data"].values()]
    assert len(set(uids)) == 2
    assert all(len(uid) <= 40 for uid in uids)


def test_every_alert_says_how_to_take_the_requests_back() -> None:
    assert all("helm rollback" in rule["annotations"]["description"] for rule in rules())
    assert {rule["labels"]["inferencepool"] for rule in rules()} == {"pool-new"}


def test_limits_of_the_alerts_are_those_of_the_values() -> None:
    alerts = {"enabled": True, "errorPercent": 2.5, "firstTokenSeconds": 7}
    manifests = render("inferencepool", "pool-new", {"observability": {"alerts": alerts, "scrapedElsewhere": True}})
    found = {rule["alert"]: rule["expr"] for rule in only(manifests, "PrometheusRule")["spec"]["groups"][0]["rules"]}
    assert found["PoolErrors"].endswith("> 2.5")
    assert found["PoolFirstTokenIsLate"].endswith("> 7")


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"observability": {"alerts": {"enabled": True}}}, "observability.podMonitor.enabled is false"),
        (
            {"observability": {"alerts": {"enabled": True}, "podMonitor": {"enabled": True}}},
            "observability.serviceMonitor.enabled is false",
        ),
        (
            {"provider": "gke", "autoscaling": {"type": "hpa"}},
            "observability.podMonitoring.enabled is false, so that G",
        ),
        ({"autoscaling": {"type": "keda"}}, "observability.podMonitor.enabled is false, so that KEDA would find"),
    ],
)
def test_alerts_and_scalers_without_a_source_are_refused(values: dict[str, Any], told: str) -> None:
    with pytest.raises(RenderError, match=told):
        render("inferencepool", "pool-new", values)
    observability = {**values.get("observability", {}), "scrapedElsewhere": True}
    assert render("inferencepool", "pool-new", {**values, "observability": observability})


def test_google_scrapes_the_servers_where_their_metrics_are() -> None:
    values = {"modelServer": {"preset": "trtllm-serve"}, "observability": {"podMonitoring": {"enabled": True}}}
    manifests = render("inferencepool", "pool-new", values)
    monitoring = only(manifests, "PodMonitoring")["spec"]
    pod = only(manifests, "Deployment", "pool-new")["spec"]["template"]["metadata"]["labels"]
    assert monitoring["selector"]["matchLabels"].items() <= pod.items()
    (endpoint,) = monitoring["endpoints"]
    assert (endpoint["port"], endpoint["path"]) == (8000, "/prometheus/metrics")
    assert endpoint["metricRelabeling"] == [{"targetLabel": "inferencepool", "replacement": "pool-new"}]


def test_keda_takes_missing_series_for_an_error_and_no_zero() -> None:
    manifests = render("inferencepool", "pool-new", files=[VALUES / "pool/autoscaling/keda.yaml"])
    triggers = only(manifests, "ScaledObject")["spec"]["triggers"]
    assert {trigger["metadata"]["ignoreNullValues"] for trigger in triggers} == {"false"}


def test_nothing_watches_unless_it_is_asked_to() -> None:
    kinds = {m["kind"] for m in render("inferencepool", "pool-new")}
    assert not kinds & {"PodMonitor", "ServiceMonitor", "PrometheusRule", "HealthCheckPolicy", "GCPBackendPolicy"}


def test_the_gateway_of_gke_checks_where_the_server_tells_its_health() -> None:
    values = {
        "provider": "gke",
        "pool": {"targetPort": 9000, "timeoutSeconds": 300},
        "modelServer": {"drain": {"longestGenerationSeconds": 42}},
    }
    manifests = render("inferencepool", "pool-new", values)
    check = only(manifests, "HealthCheckPolicy")["spec"]["default"]["config"]["httpHealthCheck"]
    assert check == {"requestPath": "/health", "port": 9000}
    policy = only(manifests, "GCPBackendPolicy")["spec"]
    assert policy["default"]["timeoutSec"] == 300
    assert policy["default"]["connectionDraining"]["drainingTimeoutSec"] == 42


@pytest.mark.parametrize(
    ("version", "group"), [("v1", "inference.networking.k8s.io"), ("x-k8s", "inference.networking.x-k8s.io")]
)
def test_the_policies_of_gke_are_attached_to_the_pool_of_the_api_version(version: str, group: str) -> None:
    manifests = render("inferencepool", "pool-new", {"provider": "gke", "api": {"version": version}})
    for kind in ("HealthCheckPolicy", "GCPBackendPolicy"):
        reference = only(manifests, kind)["spec"]["targetRef"]
        assert reference == {"group": group, "kind": "InferencePool", "name": "pool-new"}
