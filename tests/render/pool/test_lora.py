"""How adapters come into the model server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kit.charts import Manifest, RenderError, only, render

ADAPTER = {"id": "food-review-1", "source": "Kawon/llama3.1-food-finetune_v14_r8"}
CLAIM = {"persistentVolumeClaim": {"claimName": "adapters"}}


def pod(preset: str, **lora: Any) -> dict[str, Any]:
    manifests = render("inferencepool", "pool-new", {"modelServer": {"preset": preset}, "lora": lora})
    found: dict[str, Any] = only(manifests, "Deployment", "pool-new")["spec"]["template"]["spec"]
    return found


def server(preset: str, **lora: Any) -> Manifest:
    found: Manifest = pod(preset, **lora)["containers"][0]
    return found


def environment(preset: str, **lora: Any) -> dict[str, str]:
    return {variable["name"]: variable.get("value", "") for variable in server(preset, **lora)["env"] or []}


@pytest.mark.parametrize("preset", ["vllm", "simulator"])
def test_static_adapters_are_arguments(preset: str) -> None:
    args = server(preset, mode="static", adapters=[ADAPTER])["args"]
    module = json.loads(args[args.index("--lora-modules") + 1])
    assert module == {
        "name": "food-review-1",
        "path": "Kawon/llama3.1-food-finetune_v14_r8",
        "base_model_name": "meta-llama/Llama-3.1-8B-Instruct",
    }


@pytest.mark.parametrize("preset", ["vllm", "simulator", "sglang"])
def test_a_server_without_adapters_has_no_room_for_them(preset: str) -> None:
    assert not {"--enable-lora", "--max-loras"} & set(server(preset)["args"])
    assert "initContainers" not in pod(preset)


def test_adapters_that_are_named_come_by_the_syncer_where_the_server_knows_it() -> None:
    assert [c["name"] for c in pod("vllm", adapters=[ADAPTER])["initContainers"]] == ["lora-syncer"]
    assert "--enable-lora" in server("vllm", adapters=[ADAPTER])["args"]


def sglang(aliases: list[dict[str, Any]] | None = None, **more: Any) -> list[Manifest]:
    values = {
        "modelServer": {"preset": "sglang", **more.pop("modelServer", {})},
        "lora": {"adapters": [ADAPTER]},
        "pool": {"failureMode": "FailClose"},
        "aliases": aliases or [],
    }
    return render("inferencepool", "pool-new", {**values, **more})


def test_sglang_loads_its_adapters_when_it_starts() -> None:
    args = only(sglang(), "Deployment", "pool-new")["spec"]["template"]["spec"]["containers"][0]["args"]
    adapter = json.loads(args[args.index("--lora-paths") + 1])
    assert adapter == {"lora_name": ADAPTER["id"], "lora_path": ADAPTER["source"]}
    assert "--enable-lora" in args


NAME = "meta-llama/Llama-3.1-8B-Instruct:food-review-1"


@pytest.mark.parametrize(
    ("aliases", "rewritten"),
    [
        ([], {"food-review-1": NAME}),
        (
            [{"model": "food-review", "targets": [{"model": "food-review-1"}]}],
            {"food-review": NAME, "food-review-1": NAME},
        ),
        ([{"model": "food-review-1", "targets": [{"model": "food-review-1"}]}], {"food-review-1": NAME}),
        (
            [{"model": "llama", "targets": [{"model": "meta-llama/Llama-3.1-8B-Instruct"}]}],
            {"llama": "meta-llama/Llama-3.1-8B-Instruct", "food-review-1": NAME},
        ),
    ],
)
def test_requests_reach_an_adapter_of_sglang_by_its_base_models_name(
    aliases: list[dict[str, Any]], rewritten: dict[str, str]
) -> None:
    """By the adapter's name alone the base model would answer."""
    rules = only(sglang(aliases), "InferenceModelRewrite")["spec"]["rules"]
    found = {rule["matches"][0]["model"]["value"]: rule["targets"][0]["modelRewrite"] for rule in rules}
    assert found == rewritten


def test_requests_reach_an_adapter_of_sglang_by_an_inference_model_too() -> None:
    (model,) = [m["spec"] for m in sglang(api={"version": "x-k8s"}) if m["kind"] == "InferenceModel"]
    assert (model["modelName"], model["targetModels"]) == ("food-review-1", [{"name": NAME}])


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            {"pool": {}},
            "pool.failureMode is FailOpen, by which requests pass without it; set pool.failureMode=FailClose",
        ),
        ({"modelServer": {"image": {"tag": "v0.5.3"}}}, "preset sglang serves adapters in the versions >=0.5.4"),
        ({"epp": {"image": {"tag": "v1.2.1"}}}, "the EPP rewrites them from 1.3.1 on"),
    ],
)
def test_an_adapter_of_sglang_that_the_base_model_would_answer_for_is_refused(more: dict[str, Any], said: str) -> None:
    with pytest.raises(RenderError, match=said):
        sglang(**more)


@pytest.mark.parametrize("mode", ["static", "resolver", "none"])
def test_only_the_syncer_has_a_sidecar_and_a_config(mode: str) -> None:
    volume = CLAIM if mode == "resolver" else {}
    manifests = render("inferencepool", "pool-new", {"lora": {"mode": mode, "volume": volume}})
    assert "initContainers" not in only(manifests, "Deployment", "pool-new")["spec"]["template"]["spec"]
    assert "pool-new-adapters" not in [m["metadata"]["name"] for m in manifests]


def test_the_resolver_is_vllms_own_plugin() -> None:
    assert (
        environment("vllm", mode="resolver", volume=CLAIM).items()
        >= {
            "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "true",
            "VLLM_LORA_RESOLVER_CACHE_DIR": "/adapters",
        }.items()
    )


def test_only_modes_that_load_at_run_time_allow_it() -> None:
    allowing = [
        mode
        for mode in ("syncer", "static", "none")
        if "VLLM_ALLOW_RUNTIME_LORA_UPDATING" in environment("vllm", mode=mode)
    ]
    assert allowing == ["syncer"]


def test_the_adapters_volume_is_the_one_that_is_given() -> None:
    volumes = pod("vllm", mode="resolver", volume=CLAIM)["volumes"]
    assert {"name": "adapters", **CLAIM} in volumes


@pytest.mark.parametrize(
    ("lora", "said"),
    [
        (
            {"adapters": [ADAPTER, ADAPTER | {"id": "food-review-2"}], "maxCpuLoras": 1, "maxLoras": 1},
            "lora.adapters are 2, but lora.maxCpuLoras is 1 .*; set lora.maxCpuLoras=2",
        ),
        ({"maxLoras": 3, "maxCpuLoras": 2}, "lora.maxLoras is 3, but lora.maxCpuLoras is 2 .* raise the latter"),
    ],
)
def test_more_adapters_than_a_server_keeps_are_refused(lora: dict[str, Any], said: str) -> None:
    with pytest.raises(RenderError, match=said):
        pod("vllm", **lora)


@pytest.mark.parametrize(
    ("preset", "lora", "said"),
    [
        ("simulator", {"mode": "resolver", "volume": CLAIM}, "preset simulator supports syncer, static, none"),
        ("vllm", {"mode": "resolver"}, "lora.volume is empty and no adapter would be found"),
        ("vllm", {"mode": "resolver", "volume": CLAIM, "adapters": [ADAPTER]}, "empty lora.adapters"),
        ("vllm", {"mode": "static", "absent": [{"id": "x"}]}, "only the syncer unloads"),
    ],
)
def test_what_a_mode_can_not_do_is_refused(preset: str, lora: dict[str, Any], said: str) -> None:
    with pytest.raises(RenderError, match=said):
        pod(preset, **lora)
