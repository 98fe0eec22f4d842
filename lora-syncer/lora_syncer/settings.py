"""The settings in the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


class SettingsError(Exception):
    """A variable that can't be used, with the remedy in one line."""


@dataclass(frozen=True)
class Settings:
    """What a run of the syncer is told.

    DYNAMIC_LORA_ROLLOUT_CONFIG is the configuration file, LORA_SYNCER_MAX_ADAPTERS the model server's
    --max-cpu-loras, LORA_SYNCER_PORT the port of the endpoints, VLLM_API_KEY the key that the model server asks for.
    """

    config: Path
    max_adapters: int | None
    port: int
    api_key: str | None

    @staticmethod
    def of(environment: Mapping[str, str]) -> Settings:
        """Return the settings in an environment; raises SettingsError."""
        max_adapters = _number(environment, "LORA_SYNCER_MAX_ADAPTERS", 1, 2**31)
        port = _number(environment, "LORA_SYNCER_PORT", 0, 65535)
        return Settings(
            Path(environment.get("DYNAMIC_LORA_ROLLOUT_CONFIG") or "/config/configmap.yaml"),
            max_adapters,
            8080 if port is None else port,
            _key(environment, "VLLM_API_KEY"),
        )


def _key(environment: Mapping[str, str], name: str) -> str | None:
    """The key without the line end that a Secret made of a file has; the message never holds the key."""
    key = environment.get(name, "").strip()
    if not (key.isascii() and (key.isprintable() or not key)):
        raise SettingsError(f"{name} has characters that no HTTP header can have; correct the Secret that it is from")
    return key or None


def _number(environment: Mapping[str, str], name: str, least: int, most: int) -> int | None:
    text = environment.get(name, "")
    if not text:
        return None
    if not text.isdecimal() or not least <= int(text) <= most:
        raise SettingsError(f"{name} is {text!r}; give a whole number from {least} to {most}, or leave it out")
    return int(text)
