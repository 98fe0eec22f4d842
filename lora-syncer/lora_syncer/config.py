"""The configuration: the ConfigMap of upstream's rollout guide, checked as a whole before any of it counts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fastjsonschema
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

_SCHEMA = Path(__file__).with_name("config.schema.json")
_validate: Callable[[Any], Any] = fastjsonschema.compile(json.loads(_SCHEMA.read_text()))


class ConfigError(Exception):
    """A configuration that is not taken, with the reason in one line."""


@dataclass(frozen=True)
class Adapter:
    """A LoRA adapter: the name that requests use, where its weights are, and the model it was trained for."""

    id: str
    source: str
    base_model: str | None = None


@dataclass(frozen=True)
class Config:
    """What the model server at host:port must and must not serve."""

    host: str
    port: int
    ensure_exist: tuple[Adapter, ...] = ()
    ensure_not_exist: frozenset[str] = frozenset()


def parse(text: str, max_adapters: int | None = None) -> Config:
    """Return the configuration in a YAML text; `max_adapters` is the most that the model server can keep.

    Raises ConfigError when the text is no YAML, breaks the schema or contradicts itself.
    """
    root = _checked(text)["vLLMLoRAConfig"]
    default = root.get("defaultBaseModel")
    config = Config(
        root["host"],
        int(root["port"]),
        tuple(
            Adapter(item["id"], item["source"], item.get("base-model", default))
            for item in root.get("ensureExist", {"models": []})["models"]
        ),
        frozenset(item["id"] for item in root.get("ensureNotExist", {"models": []})["models"]),
    )
    _refuse_contradictions(config, max_adapters)
    return config


def _checked(text: str) -> Any:
    try:
        return _validate(YAML(typ="safe", pure=True).load(text))
    except fastjsonschema.JsonSchemaValueException as error:
        raise ConfigError(error.message.removeprefix("data.")) from error
    except (YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"is no YAML: {' '.join(str(error).split())}") from error


def _refuse_contradictions(config: Config, max_adapters: int | None) -> None:
    counts = Counter(adapter.id for adapter in config.ensure_exist)
    for id_, count in counts.items():
        if id_ in config.ensure_not_exist:
            raise ConfigError(f"{id_} is in ensureExist and in ensureNotExist; leave it in one of them")
        if count > 1:
            raise ConfigError(f"{id_} is in ensureExist {count} times; leave it in once")
    if max_adapters is not None and len(counts) > max_adapters:
        raise ConfigError(
            f"ensureExist has {len(counts)} adapters, the model server keeps {max_adapters}; "
            "name fewer, or raise --max-cpu-loras and LORA_SYNCER_MAX_ADAPTERS with it"
        )
