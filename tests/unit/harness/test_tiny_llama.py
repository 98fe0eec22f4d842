"""The model and the adapters that the tests of real vLLM make: files as transformers and peft have them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors import safe_open

from kit import tiny_llama


def shapes(path: Path) -> dict[str, list[int]]:
    """The tensors of a safetensors file and their shapes; the library refuses bytes that belong to no tensor."""
    with safe_open(path, "numpy") as file:
        return {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118  no mapping


@pytest.fixture
def model(tmp_path: Path) -> Path:
    tiny_llama.write_model(tmp_path / "model")
    return tmp_path / "model"


def test_the_embedding_has_a_row_for_every_token_and_every_byte_is_one(model: Path) -> None:
    vocabulary = json.loads((model / "tokenizer.json").read_text())["model"]["vocab"]
    assert sorted(vocabulary.values()) == list(range(258))
    assert shapes(model / "model.safetensors")["model.embed_tokens.weight"][0] == 258


def test_the_same_seed_makes_the_same_model_and_another_one_another(model: Path, tmp_path: Path) -> None:
    for seed in (0, 1):
        tiny_llama.write_model(tmp_path / f"seed-{seed}", seed)
    weights = [
        (folder / "model.safetensors").read_bytes() for folder in (model, tmp_path / "seed-0", tmp_path / "seed-1")
    ]
    assert weights[0] == weights[1]
    assert weights[0] != weights[2]


def test_an_adapter_fits_the_weights_that_it_changes(model: Path, tmp_path: Path) -> None:
    tiny_llama.write_adapter(tmp_path / "adapter", "/models/base", seed=1, rank=4)
    config = json.loads((tmp_path / "adapter/adapter_config.json").read_text())
    assert (config["base_model_name_or_path"], config["r"]) == ("/models/base", 4)
    base = shapes(model / "model.safetensors")
    factors = shapes(tmp_path / "adapter/adapter_model.safetensors")
    changed = {name.removeprefix("base_model.model.").rsplit(".lora_", 1)[0] for name in factors}
    for name in changed:
        rows, columns = base[f"{name}.weight"]
        assert factors[f"base_model.model.{name}.lora_A.weight"] == [4, columns]
        assert factors[f"base_model.model.{name}.lora_B.weight"] == [rows, 4]
    assert len(factors) == 2 * len(changed)
