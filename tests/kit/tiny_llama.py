"""A Llama of two small layers with random weights, and LoRA adapters for it, in the forms of transformers and peft.

Nothing is downloaded: the files are written as the libraries describe them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

HIDDEN, LAYERS, HEADS, INTERMEDIATE = 64, 2, 2, 128
SPECIAL = ("<s>", "</s>")
VOCABULARY = 256 + len(SPECIAL)
PRINTABLE = range(0x20, 0x7F)
TEMPLATE = "{% for message in messages %}{{ message['content'] }}\n{% endfor %}"
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj")


def write_model(folder: Path, seed: int = 0, template: str = TEMPLATE) -> None:
    """Write a model that vLLM serves, about 0.5 MB, whose tokens are bytes; the same for the same seed.

    Its greedy answers are printable and as long as they may be: no other token's score is ever the highest.
    """
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    _write_json(folder / "config.json", _config())
    _write_json(folder / "generation_config.json", {"bos_token_id": 0, "eos_token_id": 1})
    _write_json(folder / "tokenizer.json", _tokenizer())
    _write_json(folder / "tokenizer_config.json", _tokenizer_config(template))
    shapes = {
        "model.embed_tokens.weight": (VOCABULARY, HIDDEN),
        "lm_head.weight": (VOCABULARY, HIDDEN),
        "model.norm.weight": (HIDDEN,),
    }
    for layer in range(LAYERS):
        at = f"model.layers.{layer}"
        shapes |= {f"{at}.{norm}_layernorm.weight": (HIDDEN,) for norm in ("input", "post_attention")}
        shapes |= {f"{at}.self_attn.{target}.weight": (HIDDEN, HIDDEN) for target in TARGETS}
        shapes |= {f"{at}.mlp.{part}_proj.weight": (INTERMEDIATE, HIDDEN) for part in ("gate", "up")}
        shapes[f"{at}.mlp.down_proj.weight"] = (HIDDEN, INTERMEDIATE)
    weights = {name: _weights(random, *shape) for name, shape in shapes.items()}
    # of two greedy answers one would see nothing if their bytes were no text, which most are not
    weights["lm_head.weight"][[len(SPECIAL) + byte for byte in range(256) if byte not in PRINTABLE]] = 0
    weights["lm_head.weight"][: len(SPECIAL)] = 0
    save_file(weights, folder / "model.safetensors")


def write_adapter(folder: Path, base: str, seed: int, rank: int = 8, *, empty: bool = False) -> None:
    """Write an adapter of `rank` for the model that a server loads from the path or name `base`.

    An `empty` one loads like any other and changes nothing: what it adds is 0.
    """
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "r": rank,
        "lora_alpha": 4 * rank,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": list(TARGETS),
    }
    _write_json(folder / "adapter_config.json", config)
    tensors = {}
    for layer in range(LAYERS):
        for target in TARGETS:
            at = f"base_model.model.model.layers.{layer}.self_attn.{target}"
            tensors[f"{at}.lora_A.weight"] = _weights(random, rank, HIDDEN)
            tensors[f"{at}.lora_B.weight"] = _weights(random, HIDDEN, rank) * np.float32(not empty)
    save_file(tensors, folder / "adapter_model.safetensors")


def _config() -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": HIDDEN,
        "intermediate_size": INTERMEDIATE,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": HEADS,
        "head_dim": HIDDEN // HEADS,
        "vocab_size": VOCABULARY,
        "max_position_embeddings": 512,
        "rms_norm_eps": 1e-5,
        "hidden_act": "silu",
        "tie_word_embeddings": False,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "torch_dtype": "float32",
    }


def _tokenizer() -> dict[str, Any]:
    """Byte-level BPE without merges, so that every byte is a token."""
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    vocabulary = {word: id_ for id_, word in enumerate([*SPECIAL, *_letters_of_bytes()])}
    return {
        "version": "1.0",
        "added_tokens": [{"id": id_, "content": word, **flags} for id_, word in enumerate(SPECIAL)],
        "pre_tokenizer": byte_level,
        "decoder": byte_level,
        "model": {"type": "BPE", "vocab": vocabulary, "merges": []},
    }


def _tokenizer_config(template: str) -> dict[str, Any]:
    bos, eos = SPECIAL
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": bos,
        "eos_token": eos,
        "chat_template": template,
    }


def _letters_of_bytes() -> list[str]:
    """The letter that byte-level BPE writes for each byte: itself if it is printable, else one from U+0100 on."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return [chr(byte if byte in printable else next(others)) for byte in range(256)]


def _weights(random: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    """Ones for a norm, else values that keep the size of what is multiplied with them."""
    if len(shape) == 1:
        return np.ones(shape, np.float32)
    values: NDArray[np.float32] = random.standard_normal(shape, np.float32) / np.float32(shape[1] ** 0.5)
    return values


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value))
