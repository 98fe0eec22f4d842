"""What a model server's arguments say of its model."""

from __future__ import annotations

import pytest

from inferencepool_rollout.kube.model_server import model, revision
from kit.charts import only, render

LLAMA = "meta-llama/Llama-3.1-8B-Instruct"


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["vllm", "serve", LLAMA, "--served-model-name", "food"], f"food of {LLAMA}"),
        (["vllm", "serve", LLAMA, f"--served-model-name={LLAMA}"], LLAMA),
        (["vllm", "serve", "--model", LLAMA], LLAMA),
        (["python3", "-m", "vllm.entrypoints.openai.api_server", f"--model={LLAMA}"], LLAMA),
        (["--model-path", "/models/llama", "--served-model-name", "food"], "food of /models/llama"),
        (["serve"], ""),
        (["--model"], ""),
        ([], ""),
    ],
)
def test_a_model_is_what_the_arguments_name(words: list[str], name: str) -> None:
    assert model({"containers": [{"command": words[:1], "args": words[1:]}]}) == name


@pytest.mark.parametrize("flag", [["--revision", "0e9e39f"], ["--revision=0e9e39f"]])
def test_a_revision_is_what_its_flag_is_given(flag: list[str]) -> None:
    assert revision({"containers": [{"args": ["serve", LLAMA, *flag]}]}) == "0e9e39f"


def test_a_pod_without_containers_says_nothing() -> None:
    assert (model({}), revision({"containers": []})) == ("", "")


@pytest.mark.parametrize("preset", ["vllm", "sglang", "simulator"])
def test_the_charts_presets_say_their_model(preset: str) -> None:
    lora = {"mode": "none", "adapters": []}
    values = {"modelServer": {"preset": preset}, "lora": lora, "aliases": [], "model": {"name": LLAMA}}
    pod = only(render("inferencepool", "pool", values), "Deployment", "pool")["spec"]["template"]["spec"]
    assert model(pod) == LLAMA
