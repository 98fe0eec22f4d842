"""Each preset of `modelServer.preset` starts its server as that server wants it, and the EPP reads its metrics."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from inferencepool_lab.builds.programs import module_folder
from kit.charts import CHARTS, Manifest, RenderError, only, render
from kit.epp_lines import data_of as epp_data

PRESETS: dict[str, dict[str, Any]] = {
    "vllm": {},
    "sglang": {"modelServer": {"preset": "sglang"}, "lora": {"mode": "none"}},
    "triton-tensorrt-llm": {
        "modelServer": {"preset": "triton-tensorrt-llm"},
        "model": {"tokenizer": "meta-llama/Llama-3.1-8B-Instruct", "source": {"type": "pvc", "claimName": "engines"}},
        "lora": {"mode": "none"},
    },
    "trtllm-serve": {"modelServer": {"preset": "trtllm-serve"}},
    "simulator": {"modelServer": {"preset": "simulator"}},
}
CUSTOM: dict[str, Any] = {
    "modelServer": {
        "preset": "custom",
        "image": {"registry": "example.com", "repository": "server", "tag": "v1"},
        "custom": {"command": ["serve"], "args": ["--port", "8000"], "healthPath": "/up", "metricsPath": "/stats"},
    },
    "lora": {"mode": "none"},
}


def pod(values: dict[str, Any] | None = None, **more: Any) -> Manifest:
    template: Manifest = only(render("inferencepool", "pool-old", values, **more), "Deployment", "pool-old")["spec"][
        "template"
    ]
    return template


def server(values: dict[str, Any] | None = None, **more: Any) -> Manifest:
    container: Manifest = pod(values, **more)["spec"]["containers"][0]
    return container


def epp_config(values: dict[str, Any]) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load(
        only(render("inferencepool", "pool-old", values), "ConfigMap", "pool-old-epp")["data"]["plugins.yaml"]
    )
    return config


def engines_of_the_epp() -> dict[str, dict[str, str]]:
    """The EPP's own engines, as its source lists them: name to field to metric."""
    source = module_folder("inference-extension") / "pkg/epp/framework/plugins/datalayer/extractor/metrics/factories.go"
    listed = source.read_text().split("defaultEngineConfigs = ")[1].split("\n}\n")[0]
    blocks = [
        dict(re.findall(r'(\w+):\s+"([^"]*)"', block))
        for block in re.findall(r"\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}", listed[listed.index("{") + 1 :])
    ]
    return {block["Name"]: block for block in blocks}


def spec(metric: dict[str, Any]) -> str:
    labels = ",".join(f"{k}={v}" for k, v in metric.get("labels", {}).items())
    return f"{metric['name']}{{{labels}}}" if labels else str(metric["name"])


def data_of(preset: str) -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load((CHARTS / f"inferencepool/files/model-servers/{preset}.yaml").read_text())
    return data


@pytest.mark.parametrize("preset", PRESETS)
def test_the_epp_has_an_engine_with_the_metrics_of_the_preset(preset: str) -> None:
    data = data_of(preset)
    engine = engines_of_the_epp()[data["engine"]]
    metrics = data["metrics"]
    assert spec(metrics["queue"]) == engine["QueuedRequestsSpec"]
    assert spec(metrics["running"]) == engine["RunningRequestsSpec"]
    assert spec(metrics["kvCache"]) == engine["KVUsageSpec"]
    assert spec(metrics.get("lora", {"name": ""})) == engine["LoRASpec"]


@pytest.mark.parametrize("preset", PRESETS)
def test_the_pods_tell_the_epp_whose_metrics_they_have(preset: str) -> None:
    labels = pod(PRESETS[preset])["metadata"]["labels"]
    default = "vllm"
    for label in ("inference.networking.k8s.io/engine-type", "llm-d.ai/engine-type"):
        assert labels.get(label, default) == data_of(preset)["engine"]


@pytest.mark.parametrize("preset", PRESETS)
def test_the_server_listens_on_the_port_of_the_pool(preset: str) -> None:
    manifests = render("inferencepool", "pool-old", {**PRESETS[preset], "pool": {"targetPort": 9000}})
    container = only(manifests, "Deployment", "pool-old")["spec"]["template"]["spec"]["containers"][0]
    assert "9000" in container["args"]
    assert container["ports"] == [{"name": "http", "containerPort": 9000}]
    assert only(manifests, "InferencePool")["spec"]["targetPorts"] == [{"number": 9000}]


@pytest.mark.parametrize("preset", PRESETS)
def test_both_probes_ask_where_the_server_tells_its_health(preset: str) -> None:
    container = server(PRESETS[preset])
    paths = {container[f"{probe}Probe"]["httpGet"]["path"] for probe in ("startup", "readiness", "liveness")}
    assert paths == {data_of(preset)["healthPath"]}


def deployment(values: dict[str, Any]) -> Manifest:
    spec: Manifest = only(render("inferencepool", "pool-old", values), "Deployment", "pool-old")["spec"]
    return spec


SLOW = {"provider": "gke", "accelerator": {"preset": "google-tpu-v6e"}, "lora": {"mode": "none"}}


@pytest.mark.parametrize(
    ("values", "seconds"), [({}, 600), (SLOW, 3600), ({**SLOW, "modelServer": {"startupSeconds": 7}}, 7)]
)
def test_a_server_may_take_as_long_to_start_as_its_accelerator_needs(values: dict[str, Any], seconds: int) -> None:
    spec = deployment(values)
    probe = spec["template"]["spec"]["containers"][0]["startupProbe"]
    assert 0 <= probe["failureThreshold"] * probe["periodSeconds"] - seconds < probe["periodSeconds"]
    assert spec["progressDeadlineSeconds"] > seconds


def test_vllm_is_started_with_its_model_as_the_first_argument() -> None:
    container = server()
    assert container["command"] == ["vllm", "serve"]
    assert container["args"][0] == "meta-llama/Llama-3.1-8B-Instruct"


def args_of(**image: Any) -> list[str]:
    args: list[str] = server({"modelServer": image})["args"]
    return args


@pytest.mark.parametrize(("version", "known"), [("0.17.1", False), ("0.18.0", True), ("0.33.0", True)])
def test_a_server_gets_the_arguments_that_its_version_takes(version: str, known: bool) -> None:
    """`./scripts/test servers` holds all of them to the servers' own parsers."""
    assert ("--shutdown-timeout" in args_of(version=version)) == known


@pytest.mark.parametrize("tag", ["v0.17.1", "0.17.1", "v0.17.1-cu130", "0.17.1.1.1.0-neuronx-py313", "v0.17.1rc2"])
def test_the_version_is_what_the_images_tag_begins_with(tag: str) -> None:
    assert args_of(image={"tag": tag}) == args_of(version="0.17.1")


def test_a_version_that_is_given_wins_over_the_tag() -> None:
    assert args_of(image={"tag": "v0.32.0"}, version="0.17.1") == args_of(version="0.17.1")


@pytest.mark.parametrize(
    "image",
    [{"tag": "latest"}, {"tag": "v0.32"}, {"digest": f"sha256:{'0' * 64}"}],
    ids=["latest", "minor", "digest"],
)
def test_an_image_that_does_not_tell_its_version_wants_it_given(image: dict[str, str]) -> None:
    with pytest.raises(RenderError, match=r"does not tell its version of vllm.*set modelServer\.version"):
        args_of(image=image)
    assert args_of(image=image, version="0.32.0") == args_of()


@pytest.mark.parametrize(("preset", "tag"), [("vllm", "v0.10.2"), ("vllm", "v0.34.0"), ("sglang", "v0.4.10")])
def test_a_version_that_the_preset_does_not_support_is_refused_with_those_that_it_does(preset: str, tag: str) -> None:
    values = {"modelServer": {"preset": preset, "image": {"tag": tag}}, "lora": {"mode": "none"}}
    supported = re.escape(data_of(preset)["versions"])
    with pytest.raises(RenderError, match=rf"preset {preset} supports the versions {supported}.*{tag.lstrip('v')}"):
        server(values)


def test_vllm_lets_generations_end_at_sigterm() -> None:
    """Its default is to abort them."""
    args = server({"modelServer": {"drain": {"longestGenerationSeconds": 77}}})["args"]
    assert args[args.index("--shutdown-timeout") + 1] == "77"


def test_downloads_and_compiled_graphs_go_to_the_volume_for_them() -> None:
    container = server()
    folders = {variable["name"]: variable["value"] for variable in container["env"] if variable.get("value")}
    assert folders.items() >= {"HF_HOME": "/data", "VLLM_CACHE_ROOT": "/data/vllm"}.items()
    assert {"name": "data", "mountPath": "/data"} in container["volumeMounts"]


def test_triton_serves_a_folder_with_the_tokenizer_of_a_model() -> None:
    args = server(PRESETS["triton-tensorrt-llm"])["args"]
    assert args[args.index("--tokenizer") + 1] == "meta-llama/Llama-3.1-8B-Instruct"


def test_a_custom_server_is_started_as_told() -> None:
    container = server(CUSTOM)
    assert (container["image"], container["command"]) == ("example.com/server:v1", ["serve"])
    assert container["args"] == ["--port", "8000"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/up"


def test_the_epp_scrapes_a_custom_server_where_its_metrics_are() -> None:
    epp = only(render("inferencepool", "pool-old", CUSTOM), "Deployment", "pool-old-epp")
    assert "--model-server-metrics-path=/stats" in epp["spec"]["template"]["spec"]["containers"][0]["args"]


def router_config(values: dict[str, Any]) -> dict[str, Any]:
    """The configuration of the router's EPP, which has no flag for the path."""
    return epp_config({**values, "epp": {"family": "router"}})


def test_the_epp_scrapes_trtllm_serve_where_its_metrics_are() -> None:
    epp = only(render("inferencepool", "pool-old", PRESETS["trtllm-serve"]), "Deployment", "pool-old-epp")
    args = epp["spec"]["template"]["spec"]["containers"][0]["args"]
    assert "--model-server-metrics-path=/prometheus/metrics" in args
    source = {"type": "metrics-data-source", "parameters": {"path": "/prometheus/metrics"}}
    assert router_config(PRESETS["trtllm-serve"])["plugins"][-1] == source
    assert router_config(CUSTOM)["plugins"][-1]["parameters"] == {"path": "/stats"}
    assert "metrics-data-source" not in str(router_config({}))


def test_trtllm_serve_has_its_metrics_switched_on_and_gets_its_arguments_as_they_are(tmp_path: Path) -> None:
    container = server(PRESETS["trtllm-serve"])
    arguments = [*container["args"], "--log_level", "it's $HOME"]
    script = container["command"][2].replace("exec trtllm-serve", "exec printf '%s\\n'")
    words = [*container["command"][:2], script.replace("/tmp", str(tmp_path)), container["command"][3], *arguments]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["serve", *arguments]
    file = tmp_path / Path(arguments[arguments.index("--extra_llm_api_options") + 1]).name
    assert yaml.safe_load(file.read_text()) == {"return_perf_metrics": True, "enable_iter_perf_stats": True}


def with_custom(**custom: Any) -> dict[str, Any]:
    ours = CUSTOM["modelServer"]
    return {**CUSTOM, "modelServer": {**ours, "custom": {**ours["custom"], **custom}}}


def test_the_epp_is_told_the_metrics_of_an_engine_of_ones_own() -> None:
    values = with_custom(engine="", metrics={"queue": {"name": "q", "labels": {"a": "b"}}, "kvCache": {"name": "kv"}})
    extractor = epp_config(values)["plugins"][-1]
    assert extractor == {
        "type": "core-metrics-extractor",
        "parameters": {"engineConfigs": [{"name": "custom", "queuedRequestsSpec": "q{a=b}", "kvUsageSpec": "kv"}]},
    }
    assert pod(values)["metadata"]["labels"]["inference.networking.k8s.io/engine-type"] == "custom"


def epp_flags(values: dict[str, Any], tag: str) -> dict[str, str]:
    """The flags of the EPP of that tag that name metrics."""
    manifests = render("inferencepool", "pool-old", {**values, "epp": {"image": {"tag": tag}}})
    arguments = only(manifests, "Deployment", "pool-old-epp")["spec"]["template"]["spec"]["containers"][0]["args"]
    flags = dict(argument.removeprefix("--").split("=", 1) for argument in arguments)
    return {flag: value for flag, value in flags.items() if flag.endswith("-metric")}


@pytest.mark.parametrize("preset", PRESETS)
def test_an_epp_that_knows_no_engine_is_told_the_metrics_by_flags(preset: str) -> None:
    metrics = data_of(preset)["metrics"]
    told = {
        "total-queued-requests-metric": spec(metrics["queue"]),
        "kv-cache-usage-percentage-metric": spec(metrics["kvCache"]),
        "lora-info-metric": spec(metrics["lora"]) if "lora" in metrics else "",
    }
    for tag in ("v1.0.0", "v1.2.1"):
        assert epp_flags(PRESETS[preset], tag) == told
    assert epp_flags(PRESETS[preset], "v1.3.0") == told | {"total-running-requests-metric": spec(metrics["running"])}


def test_an_epp_that_knows_engines_gets_no_such_flag() -> None:
    """1.4 and later refuse them."""
    assert epp_flags({}, "v1.4.0") == epp_flags({}, "v1.5.0") == {}


def test_the_engines_that_the_newest_epp_knows_are_those_of_its_source() -> None:
    assert set(epp_data("1.x")["metrics"][-1]["engines"]) == engines_of_the_epp().keys()


def test_the_metrics_of_an_engine_of_ones_own_are_flags_of_an_older_epp_and_no_plugin() -> None:
    values = with_custom(engine="", metrics={"queue": {"name": "q", "labels": {"a": "b"}}, "kvCache": {"name": "kv"}})
    flags = epp_flags(values, "v1.2.1")
    assert flags["total-queued-requests-metric"] == "q{a=b}"
    assert flags["kv-cache-usage-percentage-metric"] == "kv"
    assert epp_config({**values, "epp": {"image": {"tag": "v1.2.1"}}}) == epp_config({})


def test_a_known_engine_leaves_the_config_of_the_epp_as_it_is() -> None:
    assert epp_config(with_custom(engine="sglang")) == epp_config({})


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (
            {"modelServer": {"preset": "sglang"}, "lora": {"mode": "syncer"}},
            "lora.mode is syncer, but modelServer.preset sglang supports static, none; set one of these",
        ),
        (
            {**PRESETS["sglang"], "epp": {"image": {"tag": "v1.4.0"}}},
            "epp.image.tag is v1.4.0, which reads the metrics of vllm alone, but the engine of the model server is",
        ),
        ({"modelServer": {"preset": "custom"}}, "modelServer.image.repository is empty"),
        ({"modelServer": {"custom": {"command": ["serve"]}}}, "modelServer.preset is vllm and it would be ignored"),
        (with_custom(engine=""), "modelServer.custom.engine is empty"),
        ({"modelServer": {"preset": "triton-tensorrt-llm"}, "lora": {"mode": "none"}}, "model.source.type is hub"),
        (
            {
                "modelServer": {"preset": "triton-tensorrt-llm"},
                "model": {"name": "ensemble", "source": {"type": "pvc", "claimName": "engines"}},
                "lora": {"mode": "none"},
            },
            "model.name (ensemble) is no name of a tokenizer; set model.tokenizer",
        ),
        ({"model": {"tokenizer": "gpt2"}}, "modelServer.preset vllm takes the tokenizer of the model"),
        (
            {"modelServer": {"preset": "simulator", "warmUp": {"enabled": True}}},
            "the image of modelServer.preset simulator has no HTTP client for the warm-up request",
        ),
    ],
)
def test_what_a_preset_cannot_do_is_refused(values: dict[str, Any], told: str) -> None:
    with pytest.raises(RenderError, match=re.escape(told)):
        render("inferencepool", "pool-old", values)


def test_the_warm_up_gate_asks_for_a_token_before_the_pod_is_ready() -> None:
    probe = server({"modelServer": {"warmUp": {"enabled": True, "timeoutSeconds": 30}, "startupSeconds": 900}})[
        "startupProbe"
    ]
    program = (CHARTS / "inferencepool/files/warm-up.py").read_text()
    assert probe["exec"]["command"] == ["python3", "-c", program, "8000", "meta-llama/Llama-3.1-8B-Instruct", "30"]
    assert (probe["timeoutSeconds"], probe["failureThreshold"] * probe["periodSeconds"]) == (35, 900)


COMMIT = "0e9e39f249a16976918f6564b8830bc894c89659"


@pytest.mark.parametrize("preset", ["vllm", "sglang"])
def test_a_pinned_revision_reaches_the_server_and_silences_the_note(preset: str) -> None:
    arguments = server({"modelServer": {"preset": preset}, "model": {"revision": COMMIT}})["args"]
    assert arguments[arguments.index("--revision") + 1] == COMMIT
    assert "--revision" not in server({"modelServer": {"preset": preset}})["args"]


def test_a_custom_server_names_the_revision_in_its_own_arguments() -> None:
    custom = {**CUSTOM["modelServer"]["custom"], "args": ["--pin={revision}"]}
    values = {**CUSTOM, "modelServer": {**CUSTOM["modelServer"], "custom": custom}, "model": {"revision": COMMIT}}
    assert f"--pin={COMMIT}" in server(values)["args"]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"modelServer": {"preset": "simulator"}}, "modelServer.preset simulator has no argument for it"),
        (CUSTOM, "modelServer.preset custom has no argument for it; leave it empty, or name {revision}"),
        ({"model": {"source": {"type": "pvc", "claimName": "models"}}}, "model.source.type is pvc"),
    ],
)
def test_a_revision_that_would_be_ignored_is_refused(values: dict[str, Any], told: str) -> None:
    model = {**values.get("model", {}), "revision": COMMIT}
    with pytest.raises(RenderError, match=re.escape(told)):
        render("inferencepool", "pool-old", {**values, "model": model})
