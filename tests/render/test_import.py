"""`rollout import` on the guide's own objects and on upstream's chart: what the values render is what was there."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from inferencepool_lab.builds.programs import module_folder
from inferencepool_lab.builds.tools import tool
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.importer.commands import commands
from inferencepool_rollout.importer.difference import Change, change
from inferencepool_rollout.importer.objects import Objects
from inferencepool_rollout.importer.plan import DryRun, Release
from inferencepool_rollout.importer.pod_template import without_defaults
from inferencepool_rollout.importer.pool_values import pool_values
from inferencepool_rollout.importer.route_values import parent_refs, route_values
from inferencepool_rollout.importer.run import releases
from inferencepool_rollout.importer.stack import find
from inferencepool_rollout.importer.yaml_text import as_yaml
from inferencepool_rollout.process import run
from kit.charts import ROOT, Manifest, only, render
from kit.upstream_chart import upstream

GOLDEN = ROOT / "tests/golden/seed"
NEW, OLD_API = "vllm-llama3-8b-instruct-new", "inference.networking.x-k8s.io"
PARENTS = [{"name": "inference-gateway"}]


def documents(path: Path) -> list[Manifest]:
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def guide() -> list[Manifest]:
    """The guide's new pool, in the group that takes the body of its InferencePool."""
    found = documents(GOLDEN / "new-pool.yaml")
    only(found, "InferencePool")["apiVersion"] = f"{OLD_API}/v1alpha2"
    return found


def of_upstream(folder: Path) -> list[Manifest]:
    """Upstream's chart of the EPP, before upstream's own example of model servers."""
    release = "vllm-qwen3-32b"
    settings = ["--set", f"inferencePool.modelServers.matchLabels.app={release}"]
    text = run([tool("helm4"), "template", release, *upstream(folder), *settings])
    server = module_folder("inference-extension") / "config/manifests/vllm/sim-deployment.yaml"
    return [m for m in [*yaml.safe_load_all(text), *documents(server)] if m]


def adopted(live: list[Manifest], name: str, group: str) -> dict[tuple[str, str], Change]:
    """What the imported values change of those live objects that they render, by kind and name, defaults apart."""
    values = pool_values(find(Objects(live), "default", name, group), PARENTS)
    rendered = render("inferencepool", name, yaml.safe_load(as_yaml(values)))
    found = {(m["kind"], m["metadata"]["name"]): m for m in live}
    both = [m for m in rendered if (m["kind"], m["metadata"]["name"]) in found]
    laid = [(found[m["kind"], m["metadata"]["name"]], m) for m in both]
    return {
        (m["kind"], m["metadata"]["name"]): change(*map(without_defaults, (before, over(before, m))))
        for before, m in laid
    }


def over(live: Any, rendered: Any) -> Any:
    """A rendered object laid over the live one: what it does not say stays, as when it is applied."""
    if not (isinstance(live, dict) and isinstance(rendered, dict)):
        return rendered
    return {**live, **{key: over(live.get(key), value) for key, value in rendered.items()}}


def test_the_guides_pool_is_adopted_without_a_restart() -> None:
    found = adopted(guide(), NEW, OLD_API)
    assert [field for each in found.values() for field in each.restarts] == []
    assert set(found) == {
        ("InferenceModel", "food-review-new"),
        ("Deployment", NEW),
        ("Deployment", "vllm-llama3-8b-instruct-epp-new"),
        ("ConfigMap", "vllm-llama3-8b-instruct-adapters-new"),
        ("ConfigMap", "plugins-config"),
        ("InferencePool", NEW),
        ("Service", "vllm-llama3-8b-instruct-epp-new"),
    }


def test_all_that_changes_of_the_guides_objects_is_what_the_api_server_fills_in_and_how_they_are_updated() -> None:
    found = adopted(guide(), NEW, OLD_API)
    texts = {("ConfigMap", "vllm-llama3-8b-instruct-adapters-new"), ("ConfigMap", "plugins-config")}
    fields = {path for key, each in found.items() if key not in texts for path, _, _ in each.fields}
    assert fields == {
        "spec.poolRef.group", "spec.poolRef.kind",
        "spec.extensionRef.group", "spec.extensionRef.kind", "spec.extensionRef.portNumber",
        "spec.extensionRef.failureMode",
        "spec.progressDeadlineSeconds",
        "spec.strategy.type", "spec.strategy.rollingUpdate.maxSurge", "spec.strategy.rollingUpdate.maxUnavailable",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("flags", "tls"),
    [
        ([], True),
        (["--secure-serving"], True),
        (["--secure-serving=true"], True),
        (["--secure-serving=false"], False),
        (["-secureServing=False"], False),
        (["--secureServing", "0"], False),
    ],
)
def test_an_epp_goes_on_speaking_tls_or_not(flags: list[str], tls: bool) -> None:
    live = guide()
    container = only(live, "Deployment", "vllm-llama3-8b-instruct-epp-new")["spec"]["template"]["spec"]["containers"][0]
    container["args"] = [word for word in container["args"] if "ecure" not in word] + flags
    assert pool_values(find(Objects(live), "default", NEW, OLD_API), PARENTS)["epp"]["tls"] is tls


def test_the_secret_of_an_api_key_is_imported_and_feeds_the_test() -> None:
    live = guide()
    reference = {"name": "server-key", "key": "token"}
    server = only(live, "Deployment", NEW)["spec"]["template"]["spec"]["containers"][0]
    server.setdefault("env", []).append({"name": "VLLM_API_KEY", "valueFrom": {"secretKeyRef": reference}})
    values = pool_values(find(Objects(live), "default", NEW, OLD_API), PARENTS)
    assert values["modelServer"]["apiKey"] == {"secretName": "server-key", "key": "token"}
    test = only(render("inferencepool", NEW, values), "Pod")["spec"]["containers"][0]
    assert {"name": "VLLM_API_KEY", "valueFrom": {"secretKeyRef": reference}} in test["env"]


def test_the_syncer_and_the_epp_read_the_same_configuration_as_before() -> None:
    live = guide()
    values = pool_values(find(Objects(live), "default", NEW, OLD_API), PARENTS)
    rendered = render("inferencepool", NEW, values)
    for name, key in (
        ("vllm-llama3-8b-instruct-adapters-new", "configmap.yaml"),
        ("plugins-config", "default-plugins.yaml"),
    ):
        before, after = (only(each, "ConfigMap", name)["data"][key] for each in (live, rendered))
        assert yaml.safe_load(before) == yaml.safe_load(after)


def test_upstreams_pool_is_adopted_without_a_restart(tmp_path: Path) -> None:
    name = "vllm-qwen3-32b"
    found = adopted(of_upstream(tmp_path), name, "inference.networking.k8s.io")
    assert [field for each in found.values() for field in each.restarts] == []
    assert set(found) >= {
        ("Deployment", name),
        ("Deployment", f"{name}-epp"),
        ("Service", f"{name}-epp"),
        ("ConfigMap", f"{name}-epp"),
        ("InferencePool", name),
        ("ServiceAccount", f"{name}-epp"),
    }
    assert [each.fields for key, each in found.items() if key[0] in ("Service", "ServiceAccount")] == [(), ()]


@pytest.mark.parametrize("golden", ["route-split", "route-finished"])
def test_the_guides_route_is_rendered_as_it_stands(golden: str) -> None:
    live = documents(GOLDEN / f"{golden}.yaml")[0]
    route = only(render("rollout-route", "llm-route", route_values(live)), "HTTPRoute")
    assert route["spec"]["parentRefs"] == live["spec"]["parentRefs"]
    rule = route["spec"]["rules"][0]
    assert {key: rule[key] for key in ("matches", "backendRefs")} == live["spec"]["rules"][0]


def test_a_configuration_that_another_pool_reads_too_stays_by_itself() -> None:
    live = guide()
    other = copy.deepcopy(only(live, "Deployment", "vllm-llama3-8b-instruct-epp-new"))
    other["metadata"]["name"] = "another-epp"
    other["spec"]["template"]["metadata"]["labels"] = {"app": "another-epp"}
    stack = find(Objects([*live, other]), "default", NEW, OLD_API)
    assert any("plugins-config: another-epp" in unmanaged for unmanaged in stack.unmanaged)
    rendered = render("inferencepool", NEW, pool_values(stack, PARENTS))
    assert "plugins-config" not in [m["metadata"]["name"] for m in rendered]


def test_what_these_charts_have_made_or_adopted_is_left_alone() -> None:
    live = [*guide(), documents(GOLDEN / "route-finished.yaml")[0]]
    route = live[-1]
    route["spec"]["rules"][0]["backendRefs"][0]["group"] = OLD_API
    named = [release.name for release in releases(Objects(live), route, "default", Path("charts"))]
    assert named == [NEW, "llm-route"]
    only(live, "Deployment", NEW)["metadata"]["labels"] = {"helm.sh/chart": "inferencepool-0.1.0"}
    route["metadata"]["labels"] = {"helm.sh/chart": "rollout-route-0.1.0"}
    assert list(releases(Objects(live), route, "default", Path("charts"))) == []


def test_what_a_release_had_and_the_chart_has_not_is_marked_to_be_kept_before_the_upgrade() -> None:
    policy = {
        "apiVersion": "networking.gke.io/v1",
        "kind": "HealthCheckPolicy",
        "metadata": {"name": "a", "namespace": "b"},
    }
    release = Release("a", "b", Path("charts/inferencepool"), "pool-a.yaml", {})
    keep, upgrade = commands(DryRun(release, [], [], to_keep=[policy]), Path("imported"), is_helm_3=False, context="")
    assert keep.endswith("--namespace b healthcheckpolicy.networking.gke.io/a helm.sh/resource-policy=keep")
    assert upgrade.startswith("helm upgrade --install a charts/inferencepool -f imported/pool-a.yaml")


def test_a_changed_pod_template_is_a_restart_and_says_the_field() -> None:
    live = only(guide(), "Deployment", NEW)
    after = copy.deepcopy(live)
    after["spec"]["template"]["spec"]["containers"][0]["image"] = "vllm/vllm-openai:v0.32.0"
    assert change(live, after).restarts == ["spec.template.spec.containers.[vllm].image"]


def scaled(live: list[Manifest]) -> None:
    target = {"kind": "Deployment", "name": NEW}
    live.append({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "a"},
                 "spec": {"scaleTargetRef": target}})  # fmt: skip


def two_servers(live: list[Manifest]) -> None:
    other = copy.deepcopy(only(live, "Deployment", NEW))
    other["metadata"]["name"] = "another"
    live.append(other)


def no_picker(live: list[Manifest]) -> None:
    live.remove(only(live, "Service"))


def several_ports(live: list[Manifest]) -> None:
    only(live, "InferencePool")["spec"]["targetPorts"] = [{"number": 8000}, {"number": 8001}]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (scaled, f"scales Deployment {NEW}"),
        (two_servers, f"its pods are of {NEW}, another"),
        (no_picker, "there is no such Service"),
        (several_ports, "has 2 ports"),
    ],
)
def test_a_pool_that_the_chart_can_not_make_is_refused_by_name(spoil: Any, said: str) -> None:
    live = guide()
    spoil(live)
    with pytest.raises(Failure, match=said):
        pool_values(find(Objects(live), "default", NEW, OLD_API), PARENTS)


def thirds(rule: Manifest) -> None:
    rule["backendRefs"][0]["weight"], rule["backendRefs"][1]["weight"] = 2, 1


def a_service(rule: Manifest) -> None:
    rule["backendRefs"][0]["kind"] = "Service"


def rewritten(rule: Manifest) -> None:
    rule["filters"] = [{"type": "URLRewrite", "urlRewrite": {"hostname": "a"}}]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [(thirds, "are not whole percents"), (a_service, "leads to Service"), (rewritten, "has a filter URLRewrite")],
)
def test_a_route_that_the_chart_can_not_make_is_refused_by_name(spoil: Any, said: str) -> None:
    live = documents(GOLDEN / "route-split.yaml")[0]
    spoil(live["spec"]["rules"][0])
    with pytest.raises(Failure, match=said):
        route_values(live)


def mark(rule: Manifest, value: str) -> None:
    """Let each backendRef set a header to a value, by default to its pool."""
    for ref in rule["backendRefs"]:
        change = {"set": [{"name": "x-pool", "value": value or f"default/{ref['name']}"}]}
        ref["filters"] = [{"type": "ResponseHeaderModifier", "responseHeaderModifier": change}]


def test_a_route_that_marks_answers_with_their_pool_goes_on_marking_them() -> None:
    live = documents(GOLDEN / "route-split.yaml")[0]
    mark(live["spec"]["rules"][0], "")
    assert route_values(live)["poolHeader"] == "x-pool"
    route = only(render("rollout-route", "llm-route", route_values(live)), "HTTPRoute")
    assert route["spec"]["rules"][0]["backendRefs"] == live["spec"]["rules"][0]["backendRefs"]


def test_filters_of_a_backend_that_the_chart_can_not_make_are_refused() -> None:
    live = documents(GOLDEN / "route-split.yaml")[0]
    mark(live["spec"]["rules"][0], "something else")
    with pytest.raises(Failure, match="has filters in its backendRefs"):
        route_values(live)


def test_a_route_keeps_what_its_rules_add() -> None:
    live = documents(GOLDEN / "route-split.yaml")[0]
    header = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "a", "value": "b"}]}}
    live["spec"]["hostnames"] = ["llm.example.com"]
    live["spec"]["rules"][0] |= {"filters": [header], "timeouts": {"request": "300s"}}
    spec = only(render("rollout-route", "llm-route", route_values(live)), "HTTPRoute")["spec"]
    assert spec["hostnames"] == ["llm.example.com"]
    assert (spec["rules"][0]["filters"], spec["rules"][0]["timeouts"]) == ([header], {"request": "300s"})
    assert parent_refs(live) == PARENTS


ODD = [
    "123", "1e3", "1e+06", "12e03", "-.5", "1.", "0.", "+1", "0x1F", "0o7", "07", "0b1", "1_000", "1:30", "190:20:30",
    "inf", ".inf", ".NaN", "2026-01-01", "true", "on", "off", "yes", "no", "NO", "y", "n", "Y", "N", "null", "~", "=",
    "<<", "-", "#a",
]  # fmt: skip
"""Names that look like something else to one parser of YAML or to another."""


def test_helm_reads_every_text_that_the_import_writes_as_a_text(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    adapters = [{"id": text, "source": f"/adapters/{text}"} for text in ODD]
    file.write_text(
        as_yaml({"modelServer": {"preset": "simulator"}, "lora": {"maxCpuLoras": len(ODD), "adapters": adapters}})
    )
    config = only(render("inferencepool", "pool", files=[file]), "ConfigMap", "pool-adapters")["data"]
    ((_, text),) = config.items()
    models = yaml.safe_load(text)["vLLMLoRAConfig"]["ensureExist"]["models"]
    assert [model["id"] for model in models] == ODD
