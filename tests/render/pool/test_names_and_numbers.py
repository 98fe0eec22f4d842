"""Names, labels, image references and numbers are ones that the API server takes, whatever a release is called."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from kit.charts import CHARTS, Manifest, RenderError, only, render

LABEL = re.compile(r"^(([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9])?$")
IMAGE = re.compile(r"^[a-z0-9.-]+/[a-z0-9._/-]+:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$")
MILLION = 1_000_000
LARGE: dict[str, Any] = {
    "modelServer": {
        "replicas": MILLION,
        "startupSeconds": MILLION,
        "warmUp": {"enabled": True, "timeoutSeconds": MILLION},
        "readinessProbe": {"periodSeconds": MILLION, "timeoutSeconds": MILLION, "failureThreshold": MILLION},
        "livenessProbe": {"periodSeconds": MILLION, "timeoutSeconds": MILLION, "failureThreshold": MILLION},
        "drain": {
            "preStopSeconds": MILLION,
            "longestGenerationSeconds": MILLION,
            "terminationGracePeriodSeconds": 2 * MILLION,
        },
        "rollingUpdate": {"maxSurge": MILLION, "maxUnavailable": MILLION},
        "podDisruptionBudget": {"maxUnavailable": MILLION},
    },
    "lora": {"maxLoras": MILLION, "maxCpuLoras": MILLION},
    "epp": {"replicas": MILLION, "terminationGracePeriodSeconds": MILLION},
    "provider": "gke",
}
SCALED: dict[str, Any] = {
    "autoscaling": {
        "minReplicas": MILLION,
        "maxReplicas": MILLION,
        "queuedRequests": MILLION,
        "keda": {"pollingInterval": MILLION},
    },
    "observability": {"alerts": {"enabled": True, "firstTokenSeconds": MILLION, "queuedRequests": MILLION}},
}


def texts(node: Any) -> list[str]:
    """Every text and number of an object, keys too."""
    if isinstance(node, dict):
        return [text for key, value in node.items() for text in (str(key), *texts(value))]
    if isinstance(node, list):
        return [text for value in node for text in texts(value)]
    return [str(node)]


def chart_of_version(folder: Path, version: str, app_version: str) -> str:
    shutil.copytree(CHARTS / "inferencepool", folder / "inferencepool")
    file = folder / "inferencepool/Chart.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | {"version": version, "appVersion": app_version}))
    return str(folder / "inferencepool")


@pytest.mark.parametrize("version", ["0.1.0+1d22aa02fbee", "0.1.0-" + "a" * 80, "0.1.0-rc.1+" + "b" * 45 + ".5c"])
def test_any_version_of_the_chart_makes_labels_and_image_tags(version: str, tmp_path: Path) -> None:
    syncer = {"lora": {"mode": "syncer"}}  # its image has the app's version
    manifests = render(chart_of_version(tmp_path, version, "0.1.0+abc"), "pool-new", syncer)
    labels = [value for m in manifests for value in m["metadata"]["labels"].values()]
    assert [value for value in labels if not LABEL.match(value)] == []
    server = only(manifests, "Deployment", "pool-new")["spec"]["template"]["spec"]
    assert [c["image"] for c in [*server["initContainers"], *server["containers"]] if not IMAGE.match(c["image"])] == []


@pytest.mark.parametrize("helm", ["helm3", "helm4"])
def test_whole_numbers_are_printed_as_such(helm: str) -> None:
    for scaler in ("", "hpa", "keda"):
        scaling = {**SCALED["autoscaling"], "type": scaler} if scaler else {}
        server = {**LARGE["modelServer"], "replicas": None if scaler else MILLION}
        values = {**LARGE, **SCALED, "modelServer": server, "autoscaling": scaling}
        written = texts(render("inferencepool", "pool-new", values, arguments=SCRAPED, helm=helm))
        assert [text for text in written if re.search(r"\de\+\d", text)] == []


SCRAPED = [
    "--set=observability.serviceMonitor.enabled=true,observability.podMonitor.enabled=true",
    "--set=observability.podMonitoring.enabled=true",
    "--set=epp.metricsAuth=false",
]


@pytest.mark.parametrize("key", ["modelServer.startupSeconds", "modelServer.replicas", "epp.replicas", "lora.maxLoras"])
def test_a_number_that_is_none_of_kubernetes_is_refused_by_name(key: str, tmp_path: Path) -> None:
    head, _, tail = key.partition(".")
    file = tmp_path / "values.yaml"
    file.write_text(f"{head}: {{{tail}: 1e30}}\n")
    with pytest.raises(RenderError, match=f"{head}[./]{tail}"):
        render("inferencepool", "pool-new", files=[file])


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"epp": {"resources": {"requests": "1"}}}, "epp[./]resources"),
        ({"epp": {"resources": {"limits": {"cpu": "one"}}}}, "epp[./]resources"),
        ({"lora": {"syncer": {"resources": {"request": {"cpu": 1}}}}}, "lora[./]syncer[./]resources"),
        ({"modelServer": {"resources": {"limits": {"memory": "1 Gi"}}}}, "modelServer[./]resources"),
    ],
)
def test_resources_that_are_none_are_refused_by_name(values: Manifest, name: str) -> None:
    with pytest.raises(RenderError, match=name):
        render("inferencepool", "pool-new", values)


@pytest.mark.parametrize("quantity", ["1", ".5", "1.", "100m", "1e3", "5E-1", "2Pi", "16Ei", "+1Gi", 2, 0.5])
def test_every_quantity_of_kubernetes_is_one(quantity: Any) -> None:
    manifests = render("inferencepool", "pool-new", {"epp": {"resources": {"limits": {"example.com/x": quantity}}}})
    epp = only(manifests, "Deployment", "pool-new-epp")["spec"]["template"]["spec"]["containers"][0]
    assert epp["resources"]["limits"]["example.com/x"] == quantity


@pytest.mark.parametrize(
    "values",
    [
        {"global": {"imagePullSecrets": [{"name": "registry.example.com"}]}},
        {"adopt": {"modelServer": {"name": "llama.v1"}}},
        {"adopt": {"epp": {"configMap": "plugins.v1"}}},
        {"adopt": {"adapters": "adapters.v1"}},
        {"adopt": {"rewrite": "names.v1"}},
        {"objectives": [{"name": "batch.night", "priority": -1}]},
        {"modelServer": {"image": {"repository": "my_team/vllm_openai"}}},
        {"modelServer": {"image": {"registry": "[fd00::1]:5000"}}},
        {"lora": {"syncer": {"image": {"digest": "sha512:" + "0" * 128}}}},
        {"modelServer": {"schedulerName": "Bin_Packing"}},
        {"modelServer": {"podAnnotations": {"Example.COM/Note": "x"}}},
        {"epp": {"flags": {"log_dir": "/tmp"}}},
        {"observability": {"podMonitor": {"interval": "1m30s"}}},
    ],
    ids=str,
)
def test_a_name_that_kubernetes_takes_is_taken(values: Manifest) -> None:
    assert render("inferencepool", "pool-new", values)


@pytest.mark.parametrize("tag", [".1", "-x"])
def test_a_tag_that_no_image_has_is_refused(tag: str) -> None:
    with pytest.raises(RenderError, match="tag"):
        render("inferencepool", "pool-new", {"modelServer": {"image": {"tag": tag}}})


def test_an_image_without_registry_and_tag_is_named_without_them() -> None:
    values = {"modelServer": {"preset": "custom", "image": {"repository": "server"}}, "lora": {"mode": "none"}}
    pod = only(render("inferencepool", "pool-new", values), "Deployment", "pool-new")["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == "server"


NUMBERS = {
    "adopt": {"adapters": "123", "rewrite": "456", "modelServer": {"name": "789"}, "epp": {"configFile": "0"}},
    "aliases": [{"model": "1", "targets": [{"model": "2"}]}],
    "objectives": [{"name": "3", "object": "4", "priority": 1}],
    "lora": {"adapters": [{"id": "1e3", "source": "5", "baseModel": "on"}]},
    "model": {"name": "on"},
    "preview": {"parentRefs": [{"name": "6", "namespace": "7"}], "hostnames": ["8"]},
}


def test_names_that_look_like_numbers_stay_texts() -> None:
    manifests = render("inferencepool", "pool-new", NUMBERS, namespace="1234")
    assert {m["metadata"].get("namespace", "1234") for m in manifests} == {"1234"}
    adapters = yaml.safe_load(only(manifests, "ConfigMap", "123")["data"]["configmap.yaml"])["vLLMLoRAConfig"]
    assert (adapters["name"], adapters["defaultBaseModel"]) == ("123", "on")
    assert adapters["ensureExist"]["models"] == [{"id": "1e3", "source": "5", "base-model": "on"}]
    assert "0" in only(manifests, "ConfigMap", "pool-new-epp")["data"]
    assert only(manifests, "HTTPRoute")["spec"]["parentRefs"][0]["name"] == "6"
    names = [m["metadata"]["name"] for m in manifests]
    assert [name for name in names if not isinstance(name, str)] == []


def test_no_two_releases_have_one_name_in_the_cluster() -> None:
    def names(release: str, namespace: str) -> set[str]:
        manifests = render("inferencepool", release, namespace=namespace)
        return {m["metadata"]["name"] for m in manifests if m["kind"].startswith("ClusterRole")}

    assert names("c", "a-b")
    assert not names("c", "a-b") & names("b-c", "a")


GROUPS = {"leaderWorkerSet": {"enabled": True}}


@pytest.mark.parametrize(
    ("length", "replicas", "taken"), [(50, 1, True), (51, 1, False), (53, 1, False), (50, 9, True), (50, 10, False)]
)
def test_groups_have_names_that_fit_the_labels_of_their_pods(length: int, replicas: int, taken: bool) -> None:
    release, values = "a" * length, GROUPS | {"modelServer": {"replicas": replicas}}
    if taken:
        assert only(render("inferencepool", release, values), "LeaderWorkerSet")
    else:
        with pytest.raises(RenderError, match=f"the release's name {release} has {length} characters"):
            render("inferencepool", release, values)


@pytest.mark.parametrize("release", ["1pool", "a.b"])
def test_groups_have_a_name_that_a_service_can_have(release: str) -> None:
    with pytest.raises(RenderError, match=f"its Service can't be named {release}"):
        render("inferencepool", release, GROUPS | {"adopt": {"epp": {"name": "epp"}}})


def test_every_name_of_the_longest_release_is_one() -> None:
    values = {"objectives": [{"name": "a" * 199, "priority": 1}]}
    manifests = render("inferencepool", "a" * 53, values, namespace="n" * 63)
    assert max(len(m["metadata"]["name"]) for m in manifests) == 253
    with pytest.raises(RenderError, match="of objectives makes a name of 254 characters"):
        render("inferencepool", "a" * 53, {"objectives": [{"name": "a" * 200, "priority": 1}]})


@pytest.mark.parametrize("version", ["1.2.99999999999999999999", "01.2.3", "1.2", "v1.2.3"])
def test_a_version_that_cannot_be_compared_is_refused_by_name(version: str) -> None:
    with pytest.raises(RenderError, match="modelServer[./]version"):
        render("inferencepool", "pool-new", {"modelServer": {"version": version}})


@pytest.mark.parametrize("tag", ["v1.2.99999999999999999999", "99999999999999999999.1.0", "v0.32.99999999999999999999"])
@pytest.mark.parametrize("part", ["modelServer", "epp"])
def test_a_tag_with_a_number_that_is_too_long_is_no_fault_of_a_template(part: str, tag: str) -> None:
    try:
        assert render("inferencepool", "pool-new", {part: {"image": {"tag": tag}}})
    except RenderError as refusal:
        assert "execution error at" in str(refusal)  # a sentence of the chart, which `fail` was given
