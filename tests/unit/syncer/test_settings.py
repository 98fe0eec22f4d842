"""The settings: variables of the environment, with defaults that fit the chart."""

from __future__ import annotations

from pathlib import Path

import pytest

from lora_syncer.settings import Settings, SettingsError


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {
            "DYNAMIC_LORA_ROLLOUT_CONFIG": "",
            "LORA_SYNCER_MAX_ADAPTERS": "",
            "LORA_SYNCER_PORT": "",
            "VLLM_API_KEY": "",
        },
    ],
)
def test_what_is_unset_or_empty_has_a_default(environment: dict[str, str]) -> None:
    assert Settings.of(environment) == Settings(Path("/config/configmap.yaml"), None, 8080, None)


def test_every_setting_is_read() -> None:
    environment = {
        "DYNAMIC_LORA_ROLLOUT_CONFIG": "/etc/adapters.yaml",
        "LORA_SYNCER_MAX_ADAPTERS": "12",
        "LORA_SYNCER_PORT": "0",
        "VLLM_API_KEY": "secret",
    }
    assert Settings.of(environment) == Settings(Path("/etc/adapters.yaml"), 12, 0, "secret")


def test_a_key_with_the_line_end_of_its_file_is_the_key() -> None:
    assert Settings.of({"VLLM_API_KEY": "secret\n"}).api_key == "secret"


@pytest.mark.parametrize("key", ["two\nlines", "schlüssel"])
def test_a_key_that_no_header_can_have_is_refused_without_being_printed(key: str) -> None:
    with pytest.raises(SettingsError, match="^VLLM_API_KEY has characters that no HTTP header can have") as raised:
        Settings.of({"VLLM_API_KEY": key})
    assert key not in str(raised.value)


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "many", " 2", "99999999999"])
def test_a_number_of_adapters_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(SettingsError, match=f"^LORA_SYNCER_MAX_ADAPTERS is '{value}'; give a whole number from 1 to"):
        Settings.of({"LORA_SYNCER_MAX_ADAPTERS": value})


@pytest.mark.parametrize("value", ["65536", "http"])
def test_a_port_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(SettingsError, match="^LORA_SYNCER_PORT is .*; give a whole number from 0 to 65535"):
        Settings.of({"LORA_SYNCER_PORT": value})
